#!/bin/sh
# What a process holds of the device's memory is, within 1 %, what `make plan BACKEND=cuda` says. The CPU test double
# counts it. The model has flan-t5-large's geometry with 2 + 2 blocks and a small vocabulary; four tasks, texts of
# max_length tokens.
. "$(dirname "$0")/../lib.sh"
export XDG_RUNTIME_DIR="$T" CUDAEMU_LOG="$T/counted"
must "$BUILD/bench/make-model" -q --encoder 2 --decoder 2 --vocab 4096 --spiece data/demo/model/spiece.model \
	-o "$T/large"
M=$T/large/model L=$T/large/loras D=$T/large/data SMALL='SAMPLES_NUM=6 INNER_NUM=6 OUTER_NUM=1 IF_BALANCE=0'
words=$(for i in $(seq 40); do printf 'the rain came down on my old house '; done)
for task in emoint emotion-cause tec isear; do
	mkdir -p "$D/$task"
	(printf '['; for i in $(seq 40)
		do printf '%s{"instruction": "%s %s", "output": "joy"}' "${comma-}" "$i" "$words"; comma=,; done
		printf ']') >"$D/$task/train.json"
done

must run "$T/work" plan CUDA=double BACKEND=cuda
sed -n 's/^device //p' "$T/must.out" >"$T/planned"
sed 's/^/# planned:/' "$T/planned"
must run "$T/work" merge CUDA=double BACKEND=cuda
# planned TOOL N: the tool's N-th figure, in MB; counted TOOL: the most bytes of any of its processes.
planned() { grep -o "$1 [0-9]* MB[^,]*" "$T/planned" | grep -o '[0-9]* MB' | sed -n "${2}s/ MB//p"; }
counted() { awk -F'\t' -v tool="$1" '$1 == tool && $2 > most { most = $2 } END { print most + 0 }' "$CUDAEMU_LOG"; }
# as_planned NAME TOOL N
as_planned() {
	p=$(planned "$2" "$3") c=$(counted "$2")
	echo "# $1: planned $p MB, counted $c bytes"
	check "$1: what is counted is what was planned" awk -v p="$p" \
		-v c="$c" 'BEGIN { exit !(p > 1 && c <= p * 1048576 && c >= 0.99 * (p - 1) * 1048576) }'
}
as_planned 'extract-acts in the decoder, which takes the most' extract-acts 2
as_planned compute-grams compute-grams 1
as_planned solve-layer solve-layer 1
check 'no process takes 2 GB' test "$(awk -F'\t' '$2 > most { most = $2 } END { print most }' "$CUDAEMU_LOG")" \
	-lt 2147483648
# Only of the encoder: a process of the merged side that runs a whole block.
rm "$CUDAEMU_LOG"
must "$BUILD/double/extract-acts" -b cuda --model "$M" --side merged --site enc01-self --task tec \
	--samples "$T/work/samples/tec.h5" --inner-num 6 \
	--solutions "$T/work/solution" --sites enc00-self,enc01-self -o "$T/x.h5"
as_planned 'extract-acts in the encoder' extract-acts 1
finish
