#!/bin/sh
# How often extract-acts reads a weight in one merge, where all linears are targeted: counted by a preloaded library. A
# side never reads a weight twice where the state is also kept at the feed-forward; by default it reads o twice.
. "$(dirname "$0")/../lib.sh"
case $BUILD in
*san*)
	skip 'weights are read once' 'a sanitizer must be loaded first'
	finish
	;;
esac
must "$BUILD/bench/make-large" -q --d-model 64 --d-ff 96 --heads 4 --kv-heads 2 --d-kv 16 --layers 3 --vocab 200 \
	--rows 24 --tokens 12 --rank 2 --tasks a,b -o "$T/model"
M=$T/model/model L=$T/model/loras D=$T/model/data KEEP=
SMALL='SAMPLES_NUM=12 INNER_NUM=3 TASK_TARGETS=a,b MANUAL_CEOF=1 IF_BALANCE=0 ANSWERS=given'
# merges SETTINGS…: $T/times gets a line for each linear: side, offset in the file, how often it was read. The least
# linear has 4096 bytes; headers lie at the start, an embedding's row has 128 bytes.
merges() {
	rm -rf "$T/work" "$T/reads"
	# shellcheck disable=SC2086
	must env COUNT_READS="$T/reads" LD_PRELOAD="$PWD/$HELP/count-reads.so" make --no-print-directory \
		BUILD="$BUILD" MODEL="$M" LORAS="$L" DATA="$D" WORK="$T/work" $SMALL merge "$@"
	awk '$1 == "extract-acts" && $3 > 8 && $4 >= 4096 { n[$2 " " $3]++ }
		END { for (k in n) print k, n[k] }' "$T/reads" >"$T/times"
}
often() { awk -v side="$1" -v times="$2" '$1 == side && $3 == times' "$T/times" | wc -l; } # SIDE TIMES: linears
merges USE_GRADIENT_CHECKPOINTING=0
for side in own merged; do # 7 linears of 3 layers; no row follows the last one
	check "$side side: 20 weights, each once" [ "$(often $side 1) $(wc -l <"$T/times")" = '20 40' ]
done
cp "$T/work/adapter/adapter_model.safetensors" "$T/once"
merges
for side in own merged; do
	check "$side side, states only between blocks: 18 weights once, o of 2 layers twice" \
		[ "$(often $side 1) $(often $side 2)" = '18 2' ]
done
check '… and the same adapter' cmp "$T/once" "$T/work/adapter/adapter_model.safetensors"
finish
