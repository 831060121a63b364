#!/bin/sh
# make plan of models that no test could hold: files with the right sizes and no data. It names memory, disk and time,
# in seconds.
. "$(dirname "$0")/../lib.sh"
L="$BUILD/bench/make-large"
truncate -s 1G "$T/hole"
if [ "$(du -m "$T/hole" | cut -f1)" -gt 1 ]; then
	skip 'plans of large models' 'this file system has no sparse files'
	finish
fi
# planned MODEL SETTINGS…: the plan of $T/MODEL is in $T/plan; its processor seconds in $took.
planned() {
	model=$1
	shift
	took=$( ("$BUILD/plan-pipeline" --tools "$BUILD" --show --jobs 2 --model "$T/$model/model" \
		--loras "$T/$model/loras" --data "$T/$model/data" --work "$T/none" \
		--set "IF_BALANCE=0 MAX_LENGTH=200 $*" >"$T/plan" 2>&1; times) |
		awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, x, "m"); n += 60 * x[1] + x[2] } print n }')
}
figure() { # PATTERN before it: the MB of the plan
	sed -n "s/.*$1 *\([0-9]*\) MB.*/\1/p" "$T/plan" | head -n 1
}
between() { # NAME, FIGURE, LEAST, MOST
	check "$1: $2 MB" test "$2" -ge "$3" -a "$2" -le "$4"
}
# large MODEL SIZES…: the model's folder; what every plan says.
large() {
	model=$1
	shift
	must "$L" -q --sparse -o "$T/$model" "$@"
	check "$model takes no disk" test "$(du -sm "$T/$model" | cut -f1)" -lt 20
	"$BUILD/plan-pipeline" -q --show --tools "$BUILD" --model data/demo/model --loras data/demo/loras \
		--data data/demo/data --work "$T/none" >"$T/once" 2>&1 # the machine's rates are known now
}
quick() { check "$model: planned in $took s of processor time" awk -v t="$took" 'BEGIN { exit !(t > 0 && t < 5) }'; }
timed() { check "$model: a time" grep -Eq '^time    about [0-9]+:[0-9]+ (min|h) for the merge' "$T/plan"; }

# A block of t5-3b has 96 million elements in the decoder; of t5-11b 470 million, which are read as they are multiplied.
# A Gram of 16384 takes 2.1 GB, and is made in blocks of rows.
large t5-3b --family t5 --d-model 1024 --d-ff 16384 --heads 32 --d-kv 128 --layers 24 --vocab 32128 --rank 8 \
	--targets q,k,v,o,wi_0,wi_1,wo
planned t5-3b
quick
timed
between 't5-3b, decoder' "$(sed -n 's/^memory .* and \([0-9]*\) MB .*/\1/p' "$T/plan")" 400 800
large flan-t5-xl --family t5 --d-model 2048 --d-ff 5120 --heads 32 --d-kv 64 --layers 24 --vocab 32128 --rank 8 \
	--targets q,v
planned flan-t5-xl USE_FP16=1
quick
timed
between 'flan-t5-xl, compute-grams' "$(figure compute-grams)" 80 160
between 'flan-t5-xl, disk' "$(figure 'disk    at most')" 1000 4000
large t5-11b --family t5 --d-model 1024 --d-ff 65536 --heads 128 --d-kv 128 --layers 24 --vocab 32128 --rank 8 \
	--targets q,k,v,o,wi_0,wi_1,wo
planned t5-11b
quick
timed
between 't5-11b, decoder' "$(sed -n 's/^memory .* and \([0-9]*\) MB .*/\1/p' "$T/plan")" 500 1024
between 't5-11b, compute-grams' "$(figure compute-grams)" 1000 2000

large llama-8b # the tool's own sizes
planned llama-8b USE_FP16=1 ANSWERS=given
quick
timed
between 'llama-8b, disk with float16 rows' "$(figure 'disk    at most')" 5000 60000
for stage in extract-acts compute-grams solve-layer eval-emotion; do
	between "llama-8b, $stage: within 1 GB" "$(figure $stage)" 100 1024
done
check 'llama-8b: 128 sites' grep -q ' 128 sites$' "$T/plan"
fp16=$(figure 'disk    at most')
planned llama-8b ANSWERS=given
check 'llama-8b: float32 rows take more' test "$(figure 'disk    at most')" -gt "$fp16"
planned llama-8b USE_FP16=1 ANSWERS=given MAX_DISK=4G
check 'llama-8b, MAX_DISK=4G: still what it would take' test "$(figure 'disk    at most')" = "$fp16"
check '… and that this is too much' grep -q \
	'this is over MAX_DISK, 4096 MB: raise MAX_DISK, leave out -j ([0-9]* MB), a smaller' "$T/plan"
finish
