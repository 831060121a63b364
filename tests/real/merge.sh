#!/bin/sh
# Merges of SmolLM2-135M-Instruct against reference solutions, which have float32 rows, float64 Grams and solves, and
# run each sequence alone. Both sides' rows are float32, and a solve magnifies their rounding by up to 1 + 1/alpha_2.
# 1e-3 is the product's own bound.
. "$(dirname "$0")/../lib.sh"
. tests/real/smollm2.sh

reference() { "$HELP/compare-factors" --adapter "$1/adapter" --reference "$G/$2.safetensors" --left "$G/B.safetensors" \
	--max 1e-3; }
# most WORK MIB: the largest process of the run stayed under this. log.tsv's peaks are those that the run prints, in
# MB of 10⁶ bytes.
most() {
	awk -v limit="$1" '/^Max memory usage:/ { seen = 1; if ($4 * 1e6 > limit * 1048576) bad = $0 } END {
		if (bad) print bad; exit bad != "" || !seen }' \
		"$T/real.err"
}

for method in sweep regmean; do
	must real "$T/$method" merge METHOD=$method
	check "$method: every module's change within 1e-3 of the reference" reference "$T/$method" $method
	check "$method: no process needs more than 256 MiB" most 256
done
must real "$T/again" -j2 merge METHOD=sweep INNER_NUM=2 OUTER_NUM=30
check 'sweep with -j2 and smaller batches: the same bytes' cmp "$T/sweep/adapter/adapter_model.safetensors" \
	"$T/again/adapter/adapter_model.safetensors"
for task in emoint tec; do
	must real "$T/one-$task" merge METHOD=sweep TASK_TARGETS=$task
	check "$task alone: it gives itself back to 1e-5" \
		"$HELP/compare-factors" --adapter "$T/one-$task/adapter" --reference "$L/$task" --max 1e-5
done
finish
