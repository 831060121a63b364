#!/bin/sh
# The second demo's exact matches, of base, adapters and their average on every task, against those of PyTorch: the
# table in data/demo-llama/README.md. One of 150 rows may fall the other way where two logits are closer than float32
# tells apart.
. "$(dirname "$0")/../lib.sh"
DEMO=data/demo-llama ROW=0.0072

must make --no-print-directory BUILD="$BUILD" merge eval METHOD=average MATRIX=1 TASK_TYPE=demo-llama \
	CONFIG=$DEMO/config.yaml \
	MODEL=$DEMO/model LORAS=$DEMO/loras DATA=$DEMO/data WORK="$T/w"
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
finish
