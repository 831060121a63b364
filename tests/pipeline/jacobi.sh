# jacobi.sh: the published iteration on the tiny case: where it ends, when it stops, and that nothing is lost when it
# is killed.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../iterations.sh"
tiny

jacobi() { folder=$1; shift; run "$folder" merge METHOD=jacobi "$@"; } # jacobi WORK SETTINGS…
compare() { "$HELP/compare-deltas" --model "$M" --a "$1/adapter" --b "$2/adapter" --max "$3"; }

must run "$T/sweep" merge
full_iteration
must iterate "$T/full" 30
check "a second make does nothing" lacks ' peak$|^iteration' "$T/must.out"
plan() { run "$T/full" plan METHOD=jacobi FEATURES=tokens CONVERGENCE_THRESHOLD=1e-5 MAX_ITER="$1" 2>&1 |
	grep -Eq "^to do +($2)"; }
check "and make plan says so" plan 30 '0|nothing'
check "nothing is damaged or stale" run "$T/full" verify METHOD=jacobi FEATURES=tokens CONVERGENCE_THRESHOLD=1e-5 \
	MAX_ITER=30

# Fewer iterations of the same run; then the full number again.
must iterate "$T/two" 2
check "max_iter ends it" diff -r "$T/two/solution" "$T/two/iter02/solution"
must iterate "$T/two" 30
check "more iterations go on from those that are there" diff -r "$T/full/adapter" "$T/two/adapter"
must iterate "$T/two" 2
check "fewer give the earlier one's solutions again" diff -r "$T/two/solution" "$T/two/iter02/solution"
must jacobi "$T/two" FEATURES=tokens MAX_ITER=30 CONVERGENCE_THRESHOLD=0.05
check "a larger threshold ends it earlier" awk \
	-v n="$n" '$1 == "iteration" { k = $2 } $1 == "converged" { c = $2 } END { exit !(k < n && c == 1) }' \
	"$T/two/convergence"
ended=iter$(printf %02d "$(sed -n 's/^iteration //p' "$T/two/convergence")")
check "with the solutions of that iteration" diff -r "$T/two/solution" "$T/two/$ended/solution"

must iterate "$T/one" 1
must run "$T/regmean" merge METHOD=regmean
check "the first iteration is regmean" cmp "$T/one/adapter/adapter_model.safetensors" \
	"$T/regmean/adapter/adapter_model.safetensors"

# MATS.
must iterate "$T/plain" 30 USE_MATS=0
check "without MATS it ends there too (here: $(number "$T/plain") iterations)" compare "$T/plain" "$T/sweep" 1e-4
check "and keeps no history" sh -c "! h5dump -H '$T/plain/iter03/solution/enc01-self.h5' | grep mats_"
check "MATS keeps mats_history_size + 1 pairs of A (16 x 32)" sh -c \
	"h5dump -H '$T/full/iter05/solution/enc01-self.h5' | grep -A2 mats_W | grep '( 64, 32 )'"
must iterate "$T/two" 2 USE_MATS=0
must iterate "$T/three" 2 USE_MATS=1
check "the second iteration is not accelerated" cmp "$T/two/adapter/adapter_model.safetensors" \
	"$T/three/adapter/adapter_model.safetensors"
must iterate "$T/two" 3 USE_MATS=0
must iterate "$T/three" 3 USE_MATS=1
check "the third is" sh \
	-c "! cmp -s '$T/two/adapter/adapter_model.safetensors' '$T/three/adapter/adapter_model.safetensors'"
must iterate "$T/three" 3 MATS_HISTORY_SIZE=1
check "another history size leaves the first iteration alone" lacks 'iteration 1:' "$T/must.out"
check "and does the others again" grep -q 'iteration 2:' "$T/must.out"

# Killed at some moment, with its whole group, then run again: the same bytes.
killed() {
	rm -rf "$T/killed"
	(exec setsid make --no-print-directory BUILD="$BUILD" MODEL="$M" LORAS="$L" DATA="$D" WORK="$T/killed" $SMALL \
		METHOD=jacobi FEATURES=tokens \
		MAX_ITER=30 CONVERGENCE_THRESHOLD=1e-5 merge >/dev/null 2>&1) &
	pid=$!
	await "$(patience 120)" test -e "$T/killed/$1"
	kill -9 "-$pid"
	wait "$pid" 2>/dev/null
	[ -e "$T/killed/$1" ] && ! [ -e "$T/killed/adapter/adapter_config.json" ] || return
	iterate "$T/killed" 30 && same_solutions "$T/killed" "$T/full" && diff -r "$T/killed/adapter" "$T/full/adapter"
}
check "killed in the middle of an iteration: the same bytes" killed iter04/solution/enc01-self.h5
check "killed between two: the same bytes" killed iter03/convergence

# Every option, as published.
for options in 'USE_CAMR=1' 'USE_DCS=1' 'USE_MATS=0 USE_CAMR=1 USE_DCS=1 REG_CEOF=0.1'; do
	check "features reference, $options" jacobi "$T/reference" MAX_ITER=3 $options
done
must jacobi "$T/a" MAX_ITER=3
must jacobi "$T/b" MAX_ITER=3 -j2
check "features reference: the same bytes by two processes" same_solutions "$T/a" "$T/b"
check "an iteration's merged model makes its own decoder tokens" test -e "$T/a/iter02/tokens/tec.h5"
check "all samples in one batch (if_divide 0)" jacobi "$T/b" MAX_ITER=2 IF_DIVIDE=0

must run "$T/regmean" merge METHOD=regmean USE_MATS=1
check "MATS in one pass: a line says that it does nothing" grep -q 'use_mats has no effect in method regmean' \
	"$T/must.out"
finish
