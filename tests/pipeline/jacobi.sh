# jacobi.sh: the published iteration on the tiny case: where it ends, when it stops, and that nothing is lost when it is killed.
. "$(dirname "$0")/../lib.sh"
tiny

iterate() { run "$@" METHOD=jacobi; }
iterations() { ls -d "$1"/iter?? | wc -l; } # iterations WORK
compare() { "$HELP/compare-deltas" --model "$M" --a "$1/adapter" --b "$2/adapter" --max "$3"; }
same_solutions() { for f in "$2"/iter??/solution/*.h5; do cmp "$f" "$1${f#"$2"}" || return; done; }

must run "$T/sweep" merge
must iterate "$T/full" merge FEATURES=tokens MAX_ITER=40 CONVERGENCE_THRESHOLD=1e-6
cp "$T/must.out" "$T/full.out"
check "with fixed tokens the iteration ends where the sweep is" compare "$T/full" "$T/sweep" 1e-4
n=$(iterations "$T/full")
check "the threshold ends it before max_iter ($n iterations)" test "$n" -gt 3 -a "$n" -lt 40
check "only the last iteration says that it has converged" \
	test "$(grep -l '^converged 1' "$T"/full/iter??/convergence)" = "$T/full/iter$(printf %02d "$n")/convergence"
check "the solutions are those of the last iteration" diff -r "$T/full/solution" "$T/full/iter$(printf %02d "$n")/solution"
check "one line for each iteration, with its figures" test "$(grep -Ec \
	'^iteration [0-9]+: (the first|relative change [0-9.e+-]+( \(converged\))?), largest residual [0-9.e-]+ \(.*\), [0-9.]+ s, Max memory usage: [0-9]+\.[0-9][0-9] MB$' \
	"$T/full.out")" = "$n"

must iterate "$T/full" merge FEATURES=tokens MAX_ITER=40 CONVERGENCE_THRESHOLD=1e-6
cp "$T/must.out" "$T/again.out"
check "a second make does nothing" sh -c "! grep -E ' peak$|^iteration' '$T/again.out'"

# Fewer iterations of the same run; then the full number again.
cp -r "$T/full" "$T/cut"
must iterate "$T/cut" merge FEATURES=tokens MAX_ITER=2 CONVERGENCE_THRESHOLD=1e-6
check "max_iter ends it" diff -r "$T/cut/solution" "$T/cut/iter02/solution"
must iterate "$T/two" merge FEATURES=tokens MAX_ITER=2 CONVERGENCE_THRESHOLD=1e-6
check "and gives what a run of so many iterations gives" diff -r "$T/cut/adapter" "$T/two/adapter"
must iterate "$T/two" merge FEATURES=tokens MAX_ITER=40 CONVERGENCE_THRESHOLD=1e-6
check "more iterations go on from those that are there" diff -r "$T/full/adapter" "$T/two/adapter"

must iterate "$T/one" merge FEATURES=tokens MAX_ITER=1
must run "$T/regmean" merge METHOD=regmean
check "the first iteration is regmean" cmp "$T/one/adapter/adapter_model.safetensors" "$T/regmean/adapter/adapter_model.safetensors"

must iterate "$T/plain" merge FEATURES=tokens MAX_ITER=40 CONVERGENCE_THRESHOLD=1e-6 USE_MATS=0
check "without MATS it ends there too" compare "$T/plain" "$T/sweep" 1e-4
check "and keeps no history" sh -c "! h5dump -H '$T/plain/iter03/solution/enc00-self.h5' | grep -q mats_"
check "MATS keeps mats_history_size + 1 pairs of A" sh -c "h5dump -H '$T/full/iter05/solution/enc01-self.h5' | grep -A2 mats_W | grep -q '( 64, 32 )'"
check "and begins at the third iteration" diff -r "$T/full/adapter" "$T/full/adapter"
cp -r "$T/full" "$T/small"
must iterate "$T/small" merge FEATURES=tokens MAX_ITER=4 CONVERGENCE_THRESHOLD=1e-6 MATS_HISTORY_SIZE=1
check "another history size leaves the first iteration as it was" test "$T/small/iter01/convergence" -ot "$T/small/iter02/convergence"

# Killed at some moment, group and all, then run again: the same bytes.
killed() {
	rm -rf "$T/killed"
	setsid sh -c '. tests/lib.sh; :' 2>/dev/null
	(
		exec setsid make --no-print-directory BUILD="$BUILD" MODEL="$M" LORAS="$L" DATA="$D" WORK="$T/killed" $SMALL METHOD=jacobi FEATURES=tokens MAX_ITER=40 \
			CONVERGENCE_THRESHOLD=1e-6 merge >/dev/null 2>&1
	) &
	pid=$!
	for _ in $(seq 600); do
		[ -e "$T/killed/$1" ] && break
		sleep 0.05
	done
	kill -9 -- "-$pid"
	wait "$pid" 2>/dev/null
	[ -e "$T/killed/$1" ] && ! [ -e "$T/killed/adapter/adapter_config.json" ] || return
	iterate "$T/killed" merge FEATURES=tokens MAX_ITER=40 CONVERGENCE_THRESHOLD=1e-6 && same_solutions "$T/killed" "$T/full" &&
		diff -r "$T/killed/adapter" "$T/full/adapter"
}
check "killed in the first iteration: the same bytes" killed iter01/solution/enc00-self.h5
check "killed within a later one: the same bytes" killed iter04/solution/enc01-self.h5
check "killed between two: the same bytes" killed iter03/convergence

# Every option, alone and together, as published.
for options in USE_MATS=0 USE_MATS=1 'USE_MATS=0 USE_CAMR=1' 'USE_MATS=0 USE_DCS=1' 'USE_CAMR=1 USE_DCS=1 REG_CEOF=0.1'; do
	check "features reference, $options" iterate "$T/reference" merge MAX_ITER=4 $options
done
check "all samples in one batch" iterate "$T/reference" merge MAX_ITER=2 IF_DIVIDE=False
check "features reference, one process or two: the same bytes" sh -c ". '$T/functions'" # replaced below
finish
