#!/bin/sh
# The real case (EMOTION_DIR): its float64 solutions, and the memory of the merge.
. "$(dirname "$0")/../lib.sh"
emotion 'sweep and regmean against the float64 solutions' || finish
SMALL= KEEP=
for method in sweep regmean; do
	must run "$T/$method" -j2 merge METHOD=$method
	# Rows are float32 (6e-8 each), sums over them float64. What remains is the rows' error, after the solve.
	check "$method: every module within 1e-4 of the float64 solution" "$HELP/compare-deltas" --model "$M" \
		--a "$T/$method/adapter" \
		--b "$EMOTION_DIR/golden/$method.safetensors" --max 1e-4
	# 12 million parameters are 48 MB. A process holds one block of them (2 MB), one batch and its libraries.
	check "$method: the largest process is below 64 MB" awk \
		-F'\t' '$5 > most { most = $5 } END { print most " MB"; exit !(NR && most < 64) }' "$T/$method/log.tsv"
done
finish
