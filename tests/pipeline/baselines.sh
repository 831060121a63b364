#!/bin/sh
# baselines.sh: merging from the weights alone, the full model folder, the fit of full weights, and the table of all
# methods, on the tiny case.
. "$(dirname "$0")/../lib.sh"
tiny
compare_to() { "$HELP/compare-deltas" --model "$M" --a "$1" --b "$2" --max "$3"; }

# Sums and means: task arithmetic with scale 1/4 is the average of four.
must run "$T/average" -j2 merge METHOD=average
must run "$T/quarter" -j2 merge METHOD=task-arithmetic SCALE=0.25
check 'task-arithmetic at 1/N is the average' compare_to "$T/quarter/adapter" "$T/average/adapter" 1e-6

# With everything kept and nothing cut, dare equals task arithmetic.
must run "$T/all" -j2 merge METHOD=dare SCALE=0.25 DENSITY=1
check 'dare at density 1 is task-arithmetic' compare_to "$T/all/adapter" "$T/quarter/adapter" 1e-5
must run "$T/dare1" -j1 merge METHOD=dare SCALE=1
must run "$T/dare4" -j4 merge METHOD=dare SCALE=1
same 'dare: equal bytes for -j1 and -j4' "$T/dare1" "$T/dare4"
must run "$T/dare4" merge METHOD=dare SCALE=1 SEED=7
check 'dare: another seed, another merge' sh \
	-c '! cmp "$1/adapter/adapter_model.safetensors" "$2/adapter/adapter_model.safetensors"' - "$T/dare1" "$T/dare4"
must run "$T/ties" merge METHOD=ties SCALE=1 MERGE_RANK=2
check 'ties: the cut and its error are said' grep -Eq 'rank 2, worst truncation error 0\.[0-9]+ ' "$T/ties/log.tsv"

# The scale: found once, and again only when something changed.
must run "$T/search" -j2 merge METHOD=task-arithmetic
check 'the scale that did best on the calibration rows is used' sh -c \
	'grep -q "scale $(sed -n "s/^ \"scale\": \([0-9.]*\),/\1/p" "$1/scale.json" | sed "s/\.0$//")," "$2"' \
		- "$T/search" "$T/search/log.tsv"
must run "$T/search" -j2 merge METHOD=task-arithmetic V=1
check 'a second make does nothing' lacks ' peak$' "$T/must.out"

# The full model gives the same predictions as base and adapter.
must run "$T/average" merge METHOD=average SAVE=1
for with in "--model $T/average/model" "--model $M --adapter $T/average/adapter"; do
	# shellcheck disable=SC2086
	must "$BUILD/eval-emotion" $with --task tec --test "$D/tec/test.json" -o "$T/eval.json" \
		--predictions "$T/predictions.$(echo "$with" | wc -w)"
done
check 'the full model predicts as base and adapter do' sh \
	-c 'cut -d, -f1-5 "$1" >"$1.a"; cut -d, -f1-5 "$2" | cmp - "$1.a"' - "$T/predictions.2" "$T/predictions.4"

# The full weight: a single task comes back; and it is never taken for an adapter.
must run "$T/whole" -j2 merge eval METHOD=sweep WITH_PRETRAIN_MATRIX=1
check 'with_pretrain_matrix gives a model and no adapter' test -e "$T/whole/model/config.json" -a ! \
	-e "$T/whole/adapter"
check 'and says why' grep -q 'no adapter, because' "$T/must.out"
check 'it is evaluated' test -s "$T/whole/eval.tsv"
must run "$T/whole" -j2 merge METHOD=sweep WITH_PRETRAIN_MATRIX=1 V=1
check 'a second make does nothing' lacks ' peak$' "$T/must.out"
# With DCS, against a direct evaluation from the same rows. (In a single pass κ is dcs_sigma / 2.) Measured 1e-7,
# from the Grams' float32 sums.
must run "$T/dcs" -j2 merge WITH_PRETRAIN_MATRIX=1 USE_DCS=1 DCS_SIGMA=3 ALPHA_1=1e-2 ALPHA_2=1e-2
direct() { "$HELP/compare-full-weight" --model "$M" --loras "$L" --work "$T/dcs" --site "$1" --tasks "$TASKS" \
	--alpha-1 1e-2 --alpha-2 1e-2 --kappa "$2" --max "$3"; }
for site in $(sed -n 's/^sites := //p' "$T/dcs/plan.mk")
	do check "the whole weight with DCS, $site" direct "$site" 1.5 1e-6; done
check 'the comparison can tell: another kappa' sh -c '! "$@"' - "$HELP/compare-full-weight" --model "$M" --loras "$L" \
	--work "$T/dcs" --site enc01-self --tasks "$TASKS" \
	--alpha-1 1e-2 --alpha-2 1e-2 --kappa 1.4 --max 1e-3
# And with CAMR's ridge.
must run "$T/camr" -j2 merge WITH_PRETRAIN_MATRIX=1 USE_CAMR=1 CAMR_ALPHA=1e-2 CAMR_BETA=1e-3
for site in enc01-self encoder-output dec01-cross; do
	check "the whole weight with CAMR, $site" "$HELP/compare-full-weight" --model "$M" --loras "$L" \
		--work "$T/camr" --site $site --tasks "$TASKS" --alpha-1 8e-5 \
		--camr-alpha 1e-2 --camr-beta 1e-3 --max 1e-6
done

# The table: a line for each model, the reference evaluated once.
must run "$T/table" -j2 compare METHODS=average,ties,regmean SCALE=0.5
check 'a line for every model' test "$(cut -f1 "$T/table/compare.tsv" | tr '\n' ' ')" = \
	'model base individual average ties regmean '
check 'three pairs, each task and all' test "$(wc -l <"$T/table/compare-pairs.tsv")" = 16
check 'only the fit has solves' awk -F'\t' 'NR > 3 && ($1 == "regmean") != ($NF > 0) { exit 1 }' "$T/table/compare.tsv"
check 'it is printed' grep -q '^| regmean |' "$T/must.out"
check 'base and adapters are evaluated once, not once for each method' test \
	"$(cat "$T"/table/*/log.tsv | grep -c '^eval-emotion')" = 20
must run "$T/table" -j2 compare METHODS=average,ties,regmean SCALE=0.5 V=1
grep -v '^write-report: ' "$T/must.out" >"$T/done"
check 'a second make does nothing but print' lacks ' peak$' "$T/done"
finish
