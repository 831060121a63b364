#!/bin/sh
# A process opens a solution file once, whatever the number of tasks, modules and passes. It reads a task's factors
# of a site once.
. "$(dirname "$0")/../lib.sh"
command -v strace >"$T/which" || { skip 'a solution is opened once' 'strace is not installed'; finish; }
strace -o "$T/try" true 2>"$T/try.err" || { skip 'a solution is opened once' 'strace may not trace here'; finish; }
tiny
worked
must run "$T/jacobi" merge METHOD=jacobi MAX_ITER=2 FEATURES=reference TASK_TARGETS=emoint,tec MANUAL_CEOF=1
must run "$T/whole" merge WITH_PRETRAIN_MATRIX=1 TASK_TARGETS=emoint,tec MANUAL_CEOF=1
sites=$(sed -n 's/^sites := //p' "$W/plan.mk" | tr ' ' ,)

# traced COMMAND…: writes "count path" of the HDF5 files that were opened for reading to $T/opened.
traced() {
	rm -rf "$OUT"; mkdir "$OUT"
	must strace -f -qq -e trace=openat -o "$T/trace" "$@"
	sed -nE 's|.*openat.[^"]*"([^"]*[.]h5)", O_RDONLY.* = [0-9]+$|\1|p' "$T/trace" |
		sort | uniq -c >"$T/opened"
}
# How often a single opening counts: the file's form is checked before HDF5 opens it.
traced "$BUILD/solve-layer" -q --model "$M" --site enc01-self --tasks "$PAIR" \
	--adapter "$L/{task}" --grams "$W/grams/{task}/enc01-self.h5" -o "$OUT/x.h5"
ONE=$(awk '$2 ~ /tec\/enc01-self.h5$/ { print $1 }' "$T/opened")
check "a Gram file is opened once, which counts ${ONE:-0}" [ "${ONE:-0}" -gt 0 ]

# opens NAME FILES TIMES: this many solutions were opened, each at most this many times.
opens() {
	awk '$2 ~ /solution\// { print $1, $2 }' "$T/opened" >"$T/solutions"
	check "$1: $2 solutions are read" [ "$(wc -l <"$T/solutions")" = "$2" ]
	check "$1: each is opened ${3:-once}" \
		awk -v most=$((ONE * ${4:-1})) '$1 > most { print; bad = 1 } END { exit bad }' "$T/solutions"
}

extract() { # WORK SITE OPTIONS…: the merged side of both tasks
	work=$1 site=$2
	shift 2
	traced "$BUILD/extract-acts" -q --model "$M" --side merged --site "$site" --task "$PAIR" \
		--samples "$work/samples/{task}.h5" --sites "$sites" -o "$OUT/{task}.h5" "$@"
}
extract "$W" encoder-output --solutions "$W/solution"
opens 'extract-acts, the encoder' 2
extract "$W" dec01-cross --solutions "$W/solution" --tokens "$W/tokens/{task}.h5" \
	--encoder-output "$W/merged/{task}/encoder-output.h5"
opens 'extract-acts, the decoder' 4
traced "$BUILD/assemble-lora" -q --model "$M" --model-name tiny --sites "$sites" \
	--solutions "$W/solution" -o "$OUT/adapter"
opens assemble-lora 7
traced "$BUILD/assemble-model" -q --model "$M" --sites "$sites" --solutions "$T/whole/solution" \
	-o "$OUT/model"
opens assemble-model 7
traced "$BUILD/check-convergence" -q --sites "$sites" --solutions "$T/jacobi/iter02/solution" \
	--iteration 2 -o "$OUT/convergence"
opens check-convergence 7
traced "$BUILD/generate-tokens" -q --model "$M" --task "$PAIR" --features reference --inner-num 3 \
	--solutions "$T/jacobi/iter01/solution" --sites "$sites" \
	--samples "$T/jacobi/samples/{task}.h5" --encoder-output "$T/jacobi/iter02/merged/{task}/encoder-output.h5" \
	-o "$OUT/{task}.h5"
opens generate-tokens 7

# Places in adapters' files that compute-grams reads for both tasks and all modules of a site: each at most once, by
# the start of the read.
must strace -f -qq -y -e trace=pread64 -o "$T/trace" "$BUILD/compute-grams" -q --model "$M" \
	--site encoder-output --tasks "$PAIR" --task "$PAIR" --adapter "$L/{task}" \
	--own "$W/own/{task}/encoder-output.h5" --merged "$W/merged/{task}/encoder-output.h5" -o "$OUT/{task}.h5"
sed -nE 's|.*pread64.[0-9]+<([^>]*/adapter_model.safetensors)>.*, ([0-9]+), ([0-9]+). += .*|\1 \3 \2|p' \
	"$T/trace" | awk '$2 > 8' >"$T/reads" # the length of the header, and the header, stand before
check 'compute-grams reads factors' [ "$(wc -l <"$T/reads")" -ge 8 ]
cut -d' ' -f1,2 "$T/reads" | sort | uniq -d >"$T/twice"
check 'compute-grams reads each factor once' [ ! -s "$T/twice" ]

# The rows of earlier sites that extract-acts is given, and the state.
M=data/demo-llama/model L=data/demo-llama/loras D=data/demo-llama/data
must run "$T/llama" merge TASK_TYPE=demo-llama CONFIG=data/demo-llama/config.yaml TASK_TARGETS=mood,topic MANUAL_CEOF=1
given() { # SITE FILES OPTIONS…: this many files of rows are read, each opened once
	site=$1 files=$2
	shift 2
	traced "$BUILD/extract-acts" -q --model $M --side own --adapter "$L/{task}" --site "$site" --task mood,topic \
		--samples "$T/llama/samples/{task}.h5" --answers given -o "$OUT/{task}.h5" "$@"
	grep '/own/' "$T/opened" >"$T/rows"
	check "$site: $files files of rows are read" [ "$(wc -l <"$T/rows")" = "$files" ]
	check '… each is opened once' awk -v most="$ONE" '$1 > most { print; bad = 1 } END { exit bad }' "$T/rows"
}
own="$T/llama/own/{task}"
given layer01-down 2 --from "$own/layer01-ffn.h5" --rows "$own/layer01-ffn.h5"
given layer01-self 6 --from "$own/layer00-self.h5" --rows "$own/layer00-out.h5,$own/layer00-down.h5"
finish
