#!/bin/sh
# The keys drift and correct: sweeps of a small T5 and of a small Llama against float64 (tests/golden/drift), and what
# becomes of corrected linears in the adapter, in the saved model and in the next steps.
. "$(dirname "$0")/../lib.sh"
tiny
for t in emoint emotion-cause tec isear; do echo '[4, 0, 7, 2, 8, 5, 11, 1, 9]' >"$D/$t/samples.json"; done
SMALL='INNER_NUM=3' KEEP=
llama() { # WORK SETTINGS…
	work=$1
	shift
	make --no-print-directory BUILD="$BUILD" TASK_TYPE=SMALL CONFIG=tests/golden/merges/config.yaml \
		MODEL=tests/golden/families/llama LORAS=tests/golden/merges/llama/loras \
		DATA=tests/golden/merges/llama/data WORK="$work" TASK_TARGETS=few,late "$@"
}
# Rows are float32. The cut makes their rounding largest where a singular value is near the next one.
near() { check "$1: float64's, to 1e-3" "$HELP/compare-factors" --adapter "$2/adapter" \
	--reference "tests/golden/drift/$3.safetensors" --max 1e-3; }
attribute() { # WORK SITE MODULE NAME: of a solution
	h5dump -y -a "/modules/$3/$4" "$1/solution/$2.h5" | sed -n '/DATA {/{n;s/^ *//p}'
}
config() { tr -d '\n' <"$1/adapter/adapter_config.json" | tr -s ' '; }
LINEARS=o,wo,k LLAMA=o_proj,down_proj,k_proj
set_correct='CORRECT_RANK=3' set_drift='DRIFT=1 CORRECT_RIDGE=1e-3 MERGE_RANK=5'

# ---- Solutions
# shellcheck disable=SC2086
must run "$T/correct" merge CORRECT=$LINEARS $set_correct
near 't5, correct' "$T/correct" t5-correct
# shellcheck disable=SC2086
must run "$T/drift" -j2 merge CORRECT=$LINEARS $set_drift SAVE=1
near 't5, drift and correct, cut' "$T/drift" t5-drift
# shellcheck disable=SC2086
must llama "$T/llama-correct" merge CORRECT=$LLAMA $set_correct
near 'llama, correct' "$T/llama-correct" llama-correct
# shellcheck disable=SC2086
must llama "$T/llama-drift" merge CORRECT=$LLAMA $set_drift
near 'llama, drift and correct, cut' "$T/llama-drift" llama-drift
# The input of a site depends on earlier sites only, so the iteration must end where the sweep is.
# shellcheck disable=SC2086
must llama "$T/jacobi" merge CORRECT=$LLAMA $set_drift METHOD=jacobi MAX_ITER=9 CONVERGENCE_THRESHOLD=1e-9
near 'jacobi ends where the sweep is' "$T/jacobi" llama-drift
check '… and notices it' grep -q '^converged 1' "$T/jacobi/convergence"

# ---- Ranks, and what PEFT reads
config "$T/correct" >"$T/config"
check 'correct: the adapter targets the corrected linears' grep -q '"target_modules": \[ "k", "q", "v", "o", "wo" \]' \
	"$T/config"
check 'correct_rank: of the corrected linears only' grep -q \
	'"r": 3, .*"encoder.block.1.layer.0.SelfAttention.q": 16' "$T/config"
config "$T/drift" >"$T/config"
check 'merge_rank: of all linears' grep -q '"r": 5, .*"rank_pattern": {}' "$T/config"
must run "$T/as-others" merge CORRECT=o
check 'neither: the rank of the others' grep -q '"rank_pattern": {}' "$T/as-others/adapter/adapter_config.json"

# ---- What the files say
O=encoder.block.1.layer.0.SelfAttention.o
figure() { attribute "$T/drift" enc01-out $O "$1" | awk '{ print; exit !($1 + 0 > 0 && $1 + 0 < 1) }'; }
for name in truncation_error relative_residual; do check "a corrected linear has its $name" figure $name; done
residuals() {
	h5dump -y -d "/modules/$O/task_residual" "$T/drift/solution/enc01-out.h5" | grep -c '0\.[0-9]*,.*0\.[0-9]'
}
check '… and what each task lost' [ "$(residuals)" -ge 1 ]
# Before the first solution nothing has drifted.
must run "$T/first" merge CORRECT=k
check 'nothing drifts before the first solution: no residual' [ "$(attribute "$T/first" enc00-self \
	encoder.block.0.layer.0.SelfAttention.k relative_residual)" = 0 ]

# ---- The saved model has the changes of the corrected linears too: it is as sure of the answers as the adapter
loss() { sed -n 's/.*"loss": \([0-9.]*\).*/\1/p' "$1" | cut -c 1-6; }
evaluate() { # NAME OPTIONS…
	name=$1
	shift
	must "$BUILD/eval-emotion" --test "$D/tec/test.json" --task tec --predictions "$T/$name.jsonl" \
		-o "$T/$name.json" "$@"
}
evaluate adapter --model "$M" --adapter "$T/drift/adapter"
evaluate model --model "$T/drift/model"
evaluate base --model "$M"
check 'save: the full model answers as the adapter does' [ "$(loss "$T/adapter.json")" = "$(loss "$T/model.json")" ]
check '… and not as the base' [ "$(loss "$T/base.json")" != "$(loss "$T/model.json")" ]

# ---- With other options
must run "$T/options" -j2 merge CORRECT=o,wi_0 DRIFT=1 USE_DCS=1 USE_CAMR=1 REG_CEOF=0.2 USE_FP16=1
must run "$T/reference" merge CORRECT=o,wo METHOD=sweep FEATURES=reference
must run "$T/mats" merge CORRECT=o METHOD=jacobi MAX_ITER=4 CONVERGENCE_THRESHOLD=0
check 'jacobi: the targeted linears keep their pairs of MATS' test "$(attribute "$T/mats" enc01-self \
	encoder.block.1.layer.0.SelfAttention.q pairs)" = 3
must run "$T/none" merge CORRECT= DRIFT=0
must run "$T/plain" merge
same 'drift: False and no linear: the same bytes' "$T/none" "$T/plain"

# ---- What is refused
refused() { # NAME STATUS PATTERN SETTINGS
	(set=$4; refuses "$1" "$2" "$3" plan_pipeline -q)
}
refused 'a linear that the model lacks' 1 \
	"correct: the model has no linear 'o_proj': it has q, k, v, o, wi_0, wi_1, wo\$" CORRECT=o,o_proj
refused 'a linear that the adapters target everywhere' 1 "correct: the adapters target every 'q' already" CORRECT=q
refused 'a rank over the width' 1 'correct_rank: the config says 33, but the narrowest corrected linear has width 32' \
	'CORRECT=o CORRECT_RANK=33'
refused 'a linear twice' 2 "correct: 'o' is there twice" CORRECT=o,o
W=$T/plain PAIR=emoint,tec
for option in '--drift 1' '--correct o'; do
	# shellcheck disable=SC2086
	refuses "solve-layer, regmean: $option" 2 'is of sweep and jacobi: without a merged side there is no drift' \
		solve_layer --method regmean $option
done
finish
