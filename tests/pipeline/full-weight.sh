#!/bin/sh
# full-weight.sh: the iteration over full weights (jacobi with with_pretrain_matrix) on the tiny case: what each step
# solves, where it ends, and that nothing is lost when it is killed. (For sweep see tests/pipeline/baselines.sh.)
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../iterations.sh"
tiny

jacobi() { folder=$1; shift; run "$folder" merge METHOD=jacobi WITH_PRETRAIN_MATRIX=1 "$@"; } # jacobi WORK SETTINGS…
# compare WORK WORK MAX: both W contain W0. A relative difference of W is also one of W - W0, which is as large as W0
# here.
compare() { "$HELP/compare-deltas" --model "$M" --a "$1/model/model.safetensors" --b "$2/model/model.safetensors" \
	--max "$3"; }
sites() { sed -n 's/^sites := //p' "$1/plan.mk"; }

must run "$T/sweep" merge WITH_PRETRAIN_MATRIX=1
full_iteration
check "a model and no adapter" test -e "$T/full/model/config.json" -a ! -e "$T/full/adapter"
check "and it says why" grep -q 'no adapter, because' "$T/full.out"
must iterate "$T/full" 30
check "a second make does nothing" lacks ' peak$|^iteration' "$T/must.out"
check "and make plan says so" sh -c 'grep -Eq "^to do +nothing"' <<-END
	$(run "$T/full" plan METHOD=jacobi WITH_PRETRAIN_MATRIX=1 FEATURES=tokens CONVERGENCE_THRESHOLD=1e-5 \
		MAX_ITER=30 2>&1)
END
check "nothing is damaged or stale" run "$T/full" verify

# What each iteration solves: the fit, against a direct evaluation from its rows; the result of MATS, against its
# formula. The file holds float32: 3e-8 was measured.
direct() { # direct WORK SITE ITERATION OPTIONS…
	in=$1 site=$2 k=$3
	shift 3
	"$HELP/compare-full-weight" --model "$M" --loras "$L" --work "$in" --site "$site" --tasks "$TASKS" \
		--iteration "$k" --max 1e-6 "$@"
}
# Mats WORK SITE ITERATION HISTORY.
mats() { "$HELP/compare-mats" --work "$1" --site "$2" --iteration "$3" --history "$4" --max 1e-6; }
for k in 1 2 4; do
	for site in $(sites "$T/full")
		do check "iteration $k fits $site as a direct evaluation does" direct "$T/full" "$site" $k \
		--alpha-1 8e-5 --alpha-2 8e-5; done
done
for k in 3 4 6; do check "iteration $k accelerates as the formula says" mats "$T/full" dec01-self $k 3; done
check "the comparison can tell: another history" sh -c '! "$@"' - "$HELP/compare-mats" --work "$T/full" \
	--site dec01-self --iteration 6 --history 1 --max 1e-3

# With CAMR, and with DCS, whose weights grow steeper from the first iteration (dcs_sigma / 2) to the second.
must iterate "$T/both" 3 USE_CAMR=1 CAMR_ALPHA=1e-2 CAMR_BETA=1e-3 USE_DCS=1 DCS_SIGMA=3 ALPHA_1=1e-2
for site in $(sites "$T/both"); do
	check "CAMR and DCS, iteration 1, $site" direct "$T/both" "$site" 1 --alpha-1 1e-2 --camr-alpha 1e-2 \
		--camr-beta 1e-3 --kappa 1.5
	check "CAMR and DCS, iteration 3, $site" direct "$T/both" "$site" 3 --alpha-1 1e-2 --camr-alpha 1e-2 \
		--camr-beta 1e-3 --kappa 3
done
check "the comparison can tell: another CAMR" sh -c '! "$@"' - "$HELP/compare-full-weight" --model "$M" --loras "$L" \
	--work "$T/both" --site enc01-self \
	--tasks "$TASKS" --iteration 3 --alpha-1 1e-2 --camr-alpha 9e-3 --camr-beta 1e-3 --kappa 3 --max 1e-5

# The ends of the iteration, and its settings.
must iterate "$T/one" 1
must run "$T/regmean" merge METHOD=regmean WITH_PRETRAIN_MATRIX=1
check "the first iteration is regmean" cmp "$T/one/model/model.safetensors" "$T/regmean/model/model.safetensors"
must iterate "$T/two" 2
check "max_iter ends it" diff -r "$T/two/solution" "$T/two/iter02/solution"
must iterate "$T/two" 30
check "more iterations go on from those that are there" cmp "$T/full/model/model.safetensors" \
	"$T/two/model/model.safetensors"
must iterate "$T/two" 30 MATS_HISTORY_SIZE=1
check "another history size leaves the first iteration alone" lacks 'iteration 1:' "$T/must.out"
check "and does the others again" grep -q 'iteration 2:' "$T/must.out"
check "which then look back on one difference" mats "$T/two" dec01-self 4 1
must iterate "$T/plain" 30 USE_MATS=0
check "without MATS it ends there too (here: $(number "$T/plain") iterations)" compare "$T/plain" "$T/sweep" 1e-4
check "and keeps no history" sh -c "! h5dump -H '$T/plain/iter03/solution/enc01-self.h5' | grep mats_"

# Killed at some moment, with its whole group, then run again: the same bytes.
killed() {
	rm -rf "$T/killed"
	(exec setsid make --no-print-directory BUILD="$BUILD" MODEL="$M" LORAS="$L" DATA="$D" WORK="$T/killed" $SMALL \
		METHOD=jacobi WITH_PRETRAIN_MATRIX=1 \
		FEATURES=tokens MAX_ITER=30 CONVERGENCE_THRESHOLD=1e-5 merge >/dev/null 2>&1) &
	pid=$!
	await "$(patience 120)" test -e "$T/killed/$1"
	kill -9 "-$pid"
	wait "$pid" 2>/dev/null
	[ -e "$T/killed/$1" ] && ! [ -e "$T/killed/model/config.json" ] || return
	iterate "$T/killed" 30 KEEP_ACTS= -j2 && same_solutions "$T/killed" "$T/full" &&
		diff -r "$T/killed/model" "$T/full/model"
}
check "killed in the middle of an iteration, then by two processes: the same bytes" killed iter04/solution/enc01-self.h5
check "whose used files were released" test -z "$(find "$T"/killed/iter??/grams -name '*.h5' -size +64c)"
check "killed between two: the same bytes" killed iter03/convergence

# Features as published, where the merged model makes its own tokens.
must jacobi "$T/a" MAX_ITER=4 USE_CAMR=1 USE_DCS=1 SAVE=1
check "save has nothing to add, and a line says so" grep -q 'save has no effect with with_pretrain_matrix' "$T/must.out"
must jacobi "$T/b" MAX_ITER=4 USE_CAMR=1 USE_DCS=1 -j2
check "features reference: the same bytes by two processes" same_solutions "$T/a" "$T/b"
check "an iteration's merged model makes its own decoder tokens" test -e "$T/a/iter02/tokens/tec.h5"
for site in encoder-output dec01-self; do
	check "features reference, MATS with CAMR and DCS: $site" mats "$T/a" $site 4 3
done
check "it is evaluated" run "$T/b" eval METHOD=jacobi WITH_PRETRAIN_MATRIX=1 MAX_ITER=4 USE_CAMR=1 USE_DCS=1

# Memory: no process holds more than the plan says.
planned() { run "$T/a" plan METHOD=jacobi WITH_PRETRAIN_MATRIX=1 MAX_ITER=4 2>&1 |
	sed -n 's/.*solve-full-weight \([0-9]*\) MB: the planned peak.*/\1/p' | head -n 1; }
check "solve-full-weight keeps to its plan" awk -F'\t' -v most="$(planned)" \
	'$1 == "solve-full-weight" && $5 > most { bad = 1 } END { exit bad || !most }' "$T/a/log.tsv"
must run "$T/a" plan METHOD=jacobi WITH_PRETRAIN_MATRIX=1 MAX_ITER=4
check "the plan says what disk the iterations take" grep -q 'MB of whole weights for each iteration' "$T/must.out"
solve_full_weight() {
	"$BUILD/solve-full-weight" --model "$M" --site encoder-output --tasks "$TASKS" --adapter "$L/{task}" \
		--grams "$T/full/iter04/grams/{task}/encoder-output.h5" -o "$OUT/x.h5" "$@"
}
past() {
	site=solution/encoder-output.h5
	echo "$T/full/iter03/$site,$T/full/iter02/$site${1:+,$T/full/iter01/$site}"
}
refuses 'too few earlier solutions' 2 'names 2 files: iteration 4 needs 3' solve_full_weight --method jacobi \
	--iteration 4 --use-mats 1 --previous "$(past)"
refuses 'those of another iteration' 1 "iteration" solve_full_weight --method jacobi --iteration 5 --use-mats 1 \
	--mats-history-size 2 --previous "$(past 1)"
refuses 'an iteration without method jacobi' 2 'iteration is of method jacobi' solve_full_weight --method sweep \
	--iteration 1
refuses 'less memory than it takes' 1 'at least [0-9]+ MB are needed for site encoder-output' solve_full_weight \
	--method jacobi --max-memory 1M --iteration 4 --use-mats 1 --previous "$(past 1)"
finish
