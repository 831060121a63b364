#!/bin/sh
# Merges of decoder-only models by every method, against float64 (tests/golden/merges): adapters with different
# linears, ranks and scales, and rows that bring their token ids.
. "$(dirname "$0")/../lib.sh"
cat >"$T/tiny.yaml" <<'END'
seed: 1

Tiny:
  task_targets: [all, few, late, mlp]
  samples_num: 6
  inner_num: 3
  outer_num: 2
  max_length: 24
  max_new_tokens: 6
  answers: given
  alpha_1: 0.00008
  alpha_2: 0.00008
END
# use MODEL [FOLDER]: the golden model of that name, or a copy of it.
use() { NAME=$1 M=${2:-tests/golden/families/$1} L=tests/golden/merges/$1/loras D=tests/golden/merges/$1/data; }
merge() { # WORK SETTINGS…
	work=$1
	shift
	make --no-print-directory BUILD="$BUILD" merge TASK_TYPE=Tiny CONFIG="$T/tiny.yaml" MODEL="$M" LORAS="$L" \
		DATA="$D" WORK="$work" "$@"
}
# near NAME WORK REFERENCE MAX
near() { check "$1" "$HELP/compare-factors" --adapter "$2/adapter" --reference "$3" --max "$4"; }
asked() { "$BUILD/plan-pipeline" -q --tools "$BUILD" --task-type Tiny --config "$T/tiny.yaml" --model "$M" \
	--loras "$L" --data "$D" --work "$OUT/w" "$@"; }
same_adapter() { check "$1" cmp "$2/adapter/adapter_model.safetensors" "$3/adapter/adapter_model.safetensors"; }

for model in llama qwen2 gemma2 phi3; do
	use $model
	for method in sweep regmean; do
		must merge "$T/$model-$method" METHOD=$method
		near "$model, $method: float64's" "$T/$model-$method" "tests/golden/merges/$model/$method.safetensors" \
			1e-5
	done
	must merge "$T/$model-jacobi" METHOD=jacobi MAX_ITER=2 CONVERGENCE_THRESHOLD=0
	near "$model, jacobi: float64's" "$T/$model-jacobi" "tests/golden/merges/$model/jacobi.safetensors" 1e-5
	check "$model: PEFT's task type" grep \
		-q '"task_type": "CAUSAL_LM"' "$T/$model-sweep/adapter/adapter_config.json"
done

# ---- The same bytes however it is done
use llama
must merge "$T/two" -j2 METHOD=sweep INNER_NUM=1 OUTER_NUM=6
same_adapter '-j2 and batches of one: the same bytes' "$T/llama-sweep" "$T/two"
must merge "$T/every" METHOD=sweep USE_GRADIENT_CHECKPOINTING=0
same_adapter 'a state at every site: the same bytes' "$T/llama-sweep" "$T/every"
# A snapshot of the hub's cache: links to files elsewhere.
mkdir -p "$T/cache/blobs" "$T/cache/snapshots/1"
for file in config.json model.safetensors; do
	cp "$M/$file" "$T/cache/blobs/blob-$file"
	ln -s "../../blobs/blob-$file" "$T/cache/snapshots/1/$file"
done
use llama "$T/cache/snapshots/1"
must merge "$T/links" METHOD=sweep
same_adapter 'a snapshot of links: the same bytes' "$T/llama-sweep" "$T/links"
use llama

# ---- Answers that each task's own model generates
must merge "$T/generated" METHOD=sweep ANSWERS=generated
check 'generated: every task has its tokens' test "$(ls "$T/generated/tokens" | grep -c h5)" = 4
must merge "$T/narrow" -j2 METHOD=sweep ANSWERS=generated MAX_MEMORY=64M
same_adapter 'generated, in little memory: the same bytes' "$T/generated" "$T/narrow"

# ---- A single adapter comes back
for task in all few late; do # of mlp the scale differs from module to module, which compare-factors does not read
	must merge "$T/one-$task" METHOD=sweep TASK_TARGETS=$task
	near "$task alone: itself" "$T/one-$task" "$L/$task" 1e-5
done

# ---- Weights of tasks: one to forget, one below 1, one above
must merge "$T/signed" METHOD=sweep MANUAL_CEOF=1,-0.5,0.25,2
near 'a task to forget: float64, which fits its opposite' "$T/signed" tests/golden/merges/llama/signed.safetensors 1e-5
must merge "$T/half-weight" METHOD=sweep TASK_TARGETS=all MANUAL_CEOF=0.5
near 'one task alone with weight 0.5: itself' "$T/half-weight" "$L/all" 1e-5
must merge "$T/minus" METHOD=regmean TASK_TARGETS=all MANUAL_CEOF=-0.5
must merge "$T/plus" METHOD=regmean TASK_TARGETS=all
opposite() { # the two adapters' A, byte by byte, but for the sign: DELTA + DELTA = 0
	for site in layer00-self layer01-down; do
		for side in plus minus; do
			h5dump -y -w 0 -m %.6g "$T/$side/solution/$site.h5" |
				awk '/DATASET "A"/ { a = 1 } /DATASET "B"/ { a = 0 } a' |
				tr -d ' ' | tr , '\n' | grep -E '^-?[0-9.e-]+$' >"$T/$side.A"
		done
		paste "$T/plus.A" "$T/minus.A" | awk '{ bad += $1 != -$2 } END { exit bad || NR < 20 }' || return 1
	done
}
check 'one task alone to forget, with regmean: its opposite' opposite
refuses 'a task to forget, and full weights' 2 "manual_ceof is -1 for task 'few', and with_pretrain_matrix fits whole" \
	asked --set 'MANUAL_CEOF=1,-1,1,1 WITH_PRETRAIN_MATRIX=1'

# ---- The other methods and options
for method in average task-arithmetic ties dare; do
	must merge "$T/$method" METHOD=$method SCALE=0.5
	check "$method: an adapter of all 14 modules" test \
		"$(grep -ao '[a-z0-9_.]*lora_A' "$T/$method/adapter/adapter_model.safetensors" | sort -u | wc -l)" = 14
done
must merge "$T/searched" METHOD=task-arithmetic
check 'task-arithmetic without a scale: one is searched' grep -q '"scale": 0.1' "$T/searched/scale.json"
must merge "$T/half" METHOD=sweep USE_FP16=1
near 'use_fp16: near float64' "$T/half" tests/golden/merges/llama/sweep.safetensors 5e-2
must merge "$T/options" METHOD=jacobi MAX_ITER=3 USE_MATS=1 USE_CAMR=1 USE_DCS=1
must merge "$T/full" METHOD=sweep WITH_PRETRAIN_MATRIX=1 SAVE=1
check 'with_pretrain_matrix: a full model' test -s "$T/full/model/model.safetensors"

# ---- A smaller rank
config() { cat "$T/$1/adapter/adapter_config.json"; }
must merge "$T/cut" METHOD=sweep MERGE_RANK=4
config cut >"$T/config"
check 'merge_rank: the adapter has it' grep -q '"r": 4,' "$T/config"
check 'and every module of it' grep -q '"rank_pattern": {}' "$T/config"
h5dump -y -a '/modules/model.layers.0.self_attn.q_proj/truncation_error' "$T/cut/solution/layer00-self.h5" >"$T/error"
check 'its error is in the solution' grep -Eq '0\.[0-9]*[1-9]' "$T/error"
refuses 'a rank over what there is' 1 "merge_rank: the config says 99, but the adapters' ranks together are at most " \
	asked --set MERGE_RANK=99
most=$(sed 's/.* at most \([0-9]*\):.*/\1/' "$T/stderr")
must merge "$T/whole" METHOD=regmean MERGE_RANK="$most"
near 'all ranks: nothing is lost' "$T/whole" tests/golden/merges/llama/regmean.safetensors 1e-5
# As few ranks as keep a share, in every module: ranks and errors as float64 has them (tests/oracle/cut.py).
must merge "$T/share" METHOD=regmean MERGE_RANK=auto:0.9
share=tests/golden/merges/llama/share.tsv
figure() { h5dump -y -m %.9g -a "/modules/$2/$3" "$T/$1.h5" | sed -n 's/^ *\([0-9][0-9.e-]*\)$/\1/p'; }
while read -r site module rank error; do
	cp "$T/share/solution/$site.h5" "$T/site.h5"
	echo "$(figure site "$module" R) $rank $(figure site "$module" truncation_error) $error"
done <$share >"$T/shares"
check 'auto: every rank is the least' awk '$1 != $2 { exit 1 }' "$T/shares"
check 'auto: every error is known to 1e-6' awk '{ d = $3 - $4; bad += d * d > 1e-12 } END { exit bad || NR != 14 }' \
	"$T/shares"
check 'auto: the ranks differ' test "$(cut -f3 $share | sort -u | wc -l)" -gt 2
config share | tr -d ' ,"' >"$T/config"
r=$(sed -n 's/^r://p' "$T/config")
awk -v r="$r" '$3 != r { print $2 ":" $3 }' $share | sort >"$T/expected"
for pattern in rank_pattern alpha_pattern; do
	sed -n "/^$pattern:/,/}/s/^\(model.*:[0-9]*\)$/\1/p" "$T/config" | sort | diff "$T/expected" - >"$T/diff"
	check "auto: the adapter's $pattern" test ! -s "$T/diff" -a -s "$T/expected"
done
check 'auto: alpha is the rank' grep -q "^lora_alpha:$r$" "$T/config"
check 'auto: the card says so' grep -q "Its rank is $r in most modules, and [0-9]* to [0-9]* in all" \
	"$T/share/adapter/README.md"
must merge "$T/nearly" METHOD=sweep MERGE_RANK=auto:0.9999999999
near 'auto: nearly all is kept' "$T/nearly" tests/golden/merges/llama/sweep.safetensors 1e-4
for method in average task-arithmetic ties dare; do
	must merge "$T/$method-share" METHOD=$method SCALE=0.5 MERGE_RANK=auto:0.5
	check "auto, $method: it is cut, and said" grep -Eq \
		'rank [0-9]+( to [0-9]+)?, worst (truncation )?error 0\.[0-9]' "$T/$method-share/log.tsv"
done
refuses 'a share that is none' 2 "merge_rank: expected an integer from 0 to 65536, or auto:SHARE,.* found 'auto:1.5'" \
	asked --set MERGE_RANK=auto:1.5
must merge "$T/cut-jacobi" METHOD=jacobi MAX_ITER=3 USE_MATS=1 CONVERGENCE_THRESHOLD=0 MERGE_RANK=4
check 'jacobi: MATS goes on from the solution before the cut' test \
	"$(h5dump -n 1 "$T/cut-jacobi/iter03/solution/layer00-self.h5" | grep -c uncut_A)" = 3

# ---- What is refused, naming the reason
refuses 'features: reference' 1 \
	"features: reference is of T5's encoder and decoder, and '.*llama' holds a model without an encoder" \
	asked --set 'ANSWERS=generated FEATURES=reference'
# with KEY JSON PATTERN: the adapter `few` with another value of a key
with() {
	copy "$L" loras
	awk -v key="\"$1\":" \
		-v value="$2" \
		'$1 == key { print " " key " " value ","; skip = !/,$/; next } !skip { print } /^ [\]}]/ { skip = 0 }' \
		"$L/few/adapter_config.json" >"$COPY/few/adapter_config.json"
	(L=$COPY; refuses "$1 $2" 1 "$3" asked)
}
with target_modules '["q_proj", "lm_head"]' "targets the embedding 'lm_head', which cannot be merged"
with target_modules '["q_proj", "embed_tokens"]' "targets the embedding 'model.embed_tokens', which cannot be merged"
with target_modules '["query"]' \
	'names no linear of the base model '\
'\(q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj of its blocks\)'
with target_modules '["q_proj"]' "v_proj.lora_A.weight' is taken by no module"
(use phi3; with target_modules null 'target_modules is absent, and PEFT has no default for this kind of model')
with use_dora true "use_dora"
with lora_bias true "lora_bias"
with modules_to_save '["lm_head"]' "modules_to_save"
with trainable_token_indices '[1]' "trainable_token_indices"
with target_parameters '["x"]' "target_parameters"
copy "$M" more
sed 's/"num_hidden_layers": 2/"num_hidden_layers": 1/' "$M/config.json" >"$COPY/config.json"
(M=$COPY
	refuses 'a layer more than config.json counts' 1 \
	"is of a block that config.json does not count: num_hidden_layers is 1" asked)
finish
