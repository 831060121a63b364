#!/bin/sh
# The published code's own results after one iteration and after three (EMOTION_DIR/golden/published-*: float32 on a
# CPU, MATS on, merged weights W0+ΔW). The remaining difference is their float32 solves; ours are float64.
. "$(dirname "$0")/../lib.sh"
emotion 'the published iteration against its own results' || finish
SMALL=
for n in 1 3; do
	must run "$T/w" -j2 merge METHOD=jacobi MAX_ITER=$n
	check "iteration $n: every module's weight within 1e-3" "$HELP/compare-deltas" --model "$M" --a "$T/w/adapter" \
		--b "$EMOTION_DIR/golden/published-mats-$n.safetensors" --weights --max 1e-3
done
finish
