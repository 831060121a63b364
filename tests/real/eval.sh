#!/bin/sh
# Scores of SmolLM2-135M-Instruct's adapters and of their sweep, on 400 rows per task, against those of PyTorch in
# float32 (smollm2-scores.tsv: accuracy of the first token, loss per answer token). One row may differ where two
# logits are closer than float32 can tell. The losses in the file have four digits.
. "$(dirname "$0")/../lib.sh"
. tests/real/smollm2.sh
ROW=0.0026 DIGITS=0.0005

# number FILE KEY: the number of the result itself, not of a block in it.
number() { sed -n "s/^ \"$2\": \([0-9.e+-]*\),*\$/\1/p" "$1"; }
near() { awk -v a="$1" -v b="$2" -v most="$3" 'BEGIN { d = a - b; exit !(a != "" && d <= most && -d <= most) }'; }
result() { [ "$1" = adapter ] && echo "$T/w/eval/adapters/$2/$2.json" || echo "$T/w/eval/$2.json"; }
# exact FILE: all labels are one token. So the text is right where the first token is right and an end token follows.
exact() { sed -n '/^ "exact": {/,/^ }/s/^  "accuracy": \([0-9.e+-]*\),*$/\1/p' "$1"; }

must real "$T/w" merge eval METHOD=sweep
tail -n +2 tests/real/smollm2-scores.tsv >"$T/scores"
while read -r of task accuracy loss; do
	file=$(result "$of" "$task")
	check "$of on $task: accuracy $accuracy" near "$(number "$file" accuracy)" "$accuracy" $ROW
	check "$of on $task: loss $loss" near "$(number "$file" loss)" "$loss" $DIGITS
	check "$of on $task: exact match is the accuracy" near "$(exact "$file")" "$accuracy" $ROW
done <"$T/scores"
for task in emoint emotion-cause isear tec; do
	check "the base on $task knows no label" near "$(number "$T/w/eval/base/$task.json" accuracy)" 0 $ROW
done
finish
