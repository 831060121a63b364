#!/bin/sh
# tuning.sh: each step of the guide to memory, disk and time in pipeline/README.md does what the guide says, to the
# result and to the files. (For memory see tests/pipeline/memory.sh, for mats_history_size jacobi.sh and
# full-weight.sh.)
. "$(dirname "$0")/../lib.sh"
tiny --rows 200
SMALL= KEEP=
size() { du -sb "$1" | cut -f1; } # size FOLDER, bytes
# even FILE N: of every N consecutive samples, all have equally many decoder inputs.
even() { h5dump -y -w 0 -d length "$1" | tr -cs '0-9 \n' ' ' | awk -v n="$2" 'NF > 20 { for (i = 1; i <= NF;
	i++) if ($i != $(i - (i - 1) % n)) exit 1; found = NF } END { exit found != 60 }'; }
# released WORK: number of used files that have only their names left; whole WORK: number of files that still hold
# data.
released() { find "$1/own" "$1/merged" "$1/grams" -name '*.h5' -size -64c | wc -l; }
whole() { find "$1/own" "$1/merged" "$1/grams" -name '*.h5' -size +63c | wc -l; }
same_adapter() { diff -r -x README.md "$T/base/adapter" "$1/adapter"; } # (the card lists all settings)
other_adapter() { ! cmp -s "$T/base/adapter/adapter_model.safetensors" "$1/adapter/adapter_model.safetensors"; }

must run "$T/base" -j2 merge SAMPLES_NUM=60 INNER_NUM=3 OUTER_NUM=20
for batches in '6 10' '2 30' '1 60'; do
	set -- $batches
	must run "$T/batches" -j2 merge SAMPLES_NUM=60 INNER_NUM="$1" OUTER_NUM="$2"
	check "inner_num $1, outer_num $2: the same adapter" same_adapter "$T/batches"
	must run "$T/published" -j2 merge METHOD=jacobi MAX_ITER=2 SAMPLES_NUM=60 INNER_NUM="$1" OUTER_NUM="$2"
	for side in tokens iter02/tokens
		do check "… as published: so many samples a batch in $side, padded to its longest" even \
		"$T/published/$side/isear.h5" "$1"; done
	rm -rf "$T/batches" "$T/published"
done
refuses 'a product that is not samples_num' 2 'inner_num x outer_num must be samples_num' "$BUILD/plan-pipeline" \
	--tools "$BUILD" --model "$M" --loras "$L" \
	--data "$D" --work "$OUT" --set 'SAMPLES_NUM=60 INNER_NUM=6 OUTER_NUM=20'

# With all files kept, what they take can be compared.
must run "$T/kept" -j2 merge SEQUENTIAL_LAYER_PROCESSING=0
check 'sequential_layer_processing off: the same adapter' same_adapter "$T/kept"
check '… and all files are kept' test "$(released "$T/kept")" = 0
check '… on: they are released' test "$(whole "$T/base")" = 0 -a "$(released "$T/base")" = "$(whole "$T/kept")"
for n in 40 30; do
	must run "$T/fewer" -j2 merge SEQUENTIAL_LAYER_PROCESSING=0 SAMPLES_NUM=$n INNER_NUM=2 OUTER_NUM=$((n / 2))
	check "samples_num $n: so many rows of train.json" sh -c 'h5dump -d row -H "$1" | grep -q "( $2 ) / ( $2 )"' \
		- "$T/fewer/samples/tec.h5" $n
	check "… less disk" sh -c '[ "$1" -lt "$2" ]' - "$(size "$T/fewer/own")" "$(size "$T/kept/own")"
	check "… another adapter" other_adapter "$T/fewer"
	rm -rf "$T/fewer"
done

must run "$T/states" -j2 merge SEQUENTIAL_LAYER_PROCESSING=0 USE_GRADIENT_CHECKPOINTING=0
check 'use_gradient_checkpointing off: the same adapter' same_adapter "$T/states"
check '… and a state at a site inside a block' sh -c 'h5dump -H "$1" | grep -q "\"state\""' \
	- "$T/states/own/tec/dec01-cross.h5"
check '… on: none there' sh -c '! h5dump -H "$1" | grep -q "\"state\""' - "$T/kept/own/tec/dec01-cross.h5"
check '… off takes more disk' sh -c '[ "$1" -gt "$2" ]' - "$(size "$T/states/own")" "$(size "$T/kept/own")"

must run "$T/halves" -j2 merge SEQUENTIAL_LAYER_PROCESSING=0 USE_FP16=1
check 'use_fp16: float16 rows' sh -c 'h5dump -H -d rows "$1" | grep -Eq "16-bit|F16"' \
	- "$T/halves/own/tec/enc01-self.h5"
check '… and float32 without' sh -c 'h5dump -H -d rows "$1" | grep -q "F32LE"' - "$T/kept/own/tec/enc01-self.h5"
check '… less disk' sh -c '[ "$1" -lt "$2" ]' - "$(size "$T/halves/own")" "$(size "$T/kept/own")"
# Rows have 11 bits and, where the CPU multiplies bfloat16, products have 8. A solve multiplies errors by its
# condition. A ridge this large keeps the condition under 1 + 1/alpha_2 = 11.
for fp16 in 0 1; do must run "$T/close$fp16" -j2 merge USE_FP16=$fp16 ALPHA_1=0.1 ALPHA_2=0.1; done
# 11 · 2⁻⁸; measured 3e-3.
check '… an adapter that is close' \
	"$HELP/compare-deltas" --model "$M" --a "$T/close1/adapter" --b "$T/close0/adapter" \
	--max 0.04
check '… but not the same' other_adapter "$T/halves"

# The plan prints the settings in force, and the memory and disk that they need.
for set in INNER_NUM=6\ OUTER_NUM=10 USE_FP16=1 USE_GRADIENT_CHECKPOINTING=0 SEQUENTIAL_LAYER_PROCESSING=0 \
	METHOD=jacobi\ MATS_HISTORY_SIZE=1; do
	# shellcheck disable=SC2086
	must run "$T/plan" plan $set
	key=$(echo "${set##* }" | cut -d= -f1 | tr 'A-Z' 'a-z')
	check "make plan $set: the option in force, memory and disk" awk -v key="$key" -v value="${set##*=}" \
		'$1 == key ":" || $1 == key { said = $2 == value ||
			$2 == (value == "1" ? "True" : value == "0" ? "False" : value) } /^memory / { m = 1 }
			/^disk / { d = 1 } END { exit !(said && m && d) }' "$T/must.out"
done
finish
