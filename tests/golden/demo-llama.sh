#!/bin/sh
# The second demo's exact matches of base, adapters and their average on every task, against PyTorch's: the table in
# data/demo-llama/README.md. One of 150 rows may differ where two logits are closer than float32 can tell.
. "$(dirname "$0")/../lib.sh"
DEMO=data/demo-llama ROW=0.0072

demo() { # MODEL WORK TARGETS AND SETTINGS…
	model=$1 work=$2
	shift 2
	make --no-print-directory BUILD="$BUILD" TASK_TYPE=demo-llama CONFIG=$DEMO/config.yaml MODEL="$model" \
		LORAS=$DEMO/loras DATA=$DEMO/data WORK="$work" "$@"
}
must demo $DEMO/model "$T/w" merge eval METHOD=average MATRIX=1
exact() { sed -n '/^ "exact": {/,/^ }/s/^  "accuracy": \([0-9.e+-]*\),*$/\1/p' "$1"; }
near() { awk -v a="$1" -v b="$2" -v most=$ROW 'BEGIN { d = a - b; exit !(a != "" && d <= most && -d <= most) }'; }
# The folder of a row of the table.
folder() {
	case $1 in
	base) echo eval/base ;;
	adapter\ *) echo "eval/adapters/${1#adapter }" ;;
	average*) echo eval ;;
	esac
}

grep -E '^\| (base|adapter [a-z]*|average of the four ΔW) \|' $DEMO/README.md | sed 's/^| //; s/ | /|/g' >"$T/table"
check 'the table has base, four adapters and their average' [ "$(wc -l <"$T/table")" = 6 ]
while IFS='|' read -r of mood topic order route _; do
	for task in mood topic order route; do
		eval "want=\$$task"
		check "$of on $task: $want" near "$(exact "$T/w/$(folder "$of")/$task.json")" "$want"
	done
done <"$T/table"

# ---- A snapshot of the hub's cache: bfloat16 in two shards, every file a link. It is used where it is.
hub=$T/hub/models--tiny--llama
mkdir -p "$hub/blobs" "$hub/snapshots/1" "$T/shards"
must "$HELP/shard-model" -q --model $DEMO/model/model.safetensors -o "$T/shards"
cp $DEMO/model/*.json "$T/shards"
for file in "$T/shards"/*; do
	sum=$(sha256sum <"$file" | cut -d' ' -f1)
	mv "$file" "$hub/blobs/$sum"
	ln -s "../../blobs/$sum" "$hub/snapshots/1/$(basename "$file")"
done
check 'the snapshot has two shards' [ "$(find "$hub/snapshots/1" -type l -name '*.safetensors' | wc -l)" = 2 ]
few='METHOD=sweep SAMPLES_NUM=6 INNER_NUM=3 OUTER_NUM=2'
# shellcheck disable=SC2086
must demo $DEMO/model "$T/file" merge $few
# shellcheck disable=SC2086
must demo "$hub/snapshots/1" "$T/snapshot" merge $few
check 'a snapshot in two shards: the adapter of the one file, byte for byte' \
	cmp "$T/file/adapter/adapter_model.safetensors" "$T/snapshot/adapter/adapter_model.safetensors"
check 'nothing of the model was copied' [ -z "$(find "$T/snapshot" -name 'model*.safetensors')" ]
finish
