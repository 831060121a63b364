#!/bin/sh
# An evaluation with weights as 8-bit integers, of both demos: how far it is from float32, that its numbers do not
# depend on batches, threads or memory, and the count of answers that differ.
. "$(dirname "$0")/../lib.sh"

# evaluates FILE ARGUMENTS…: predictions FILE.jsonl, result FILE.json, and what is said in FILE.said.
evaluates() {
	to=$T/$1
	shift
	"$BUILD/eval-emotion" --model "$demo/model" --adapter "$demo/loras/$task" --task "$task" \
		--test "$demo/data/$task/test.json" --predictions "$to.jsonl" -o "$to.json" "$@" 2>"$to.said"
}
# accuracy FILE: in ten-thousandths.
accuracy() { sed -n 's/.*accuracy \([01]\)\.\([0-9]*\) on.*/\1\2/p' "$T/$1.said"; }
differing() { sed -n 's/.* int8 products, \([0-9]*\) answers differ from .*/\1/p' "$T/int8.said"; }
near() { awk -v a="$1" -v b="$2" -v most="$3" 'BEGIN { exit !(a - b <= most && b - a <= most) }'; }

of_demo() { # of_demo FOLDER TASK ARGUMENTS…
	demo=data/$1 task=$2
	shift 2
	must evaluates float32 "$@"
	check "$demo: in int8" evaluates int8 --eval-int8 1 --compare "$T/float32.jsonl" "$@"
	check '… the closing line counts the answers that differ' test -n "$(differing)"
	texts() { sed 's/.*"text":\(".*"\),"correct".*/\1/' "$T/$1.jsonl"; }
	texts float32 >"$T/a" && texts int8 >"$T/b"
	check '… as many as there are' test "$(differing)" = "$(paste -d '\n' "$T/a" "$T/b" |
		awk 'NR % 2 { first = $0; next } $0 != first { n++ } END { print n + 0 }')"
	check '… at most one in twenty' test "$(($(differing) * 20))" -le "$(wc -l <"$T/int8.jsonl")"
	check '… the accuracy is within two points' near "$(accuracy int8)" "$(accuracy float32)" 200
	check '… other products than in float32' lacks "$(grep -o 'logit_gap":[^}]*' "$T/float32.jsonl" |
		head -n 1)" "$T/int8.jsonl"
	check '… in batches of one, in one thread' evaluates one --eval-int8 1 --per-device-eval-batch-size 1 -t 1 \
		"$@"
	check '… gives the same bytes' cmp "$T/int8.jsonl" "$T/one.jsonl"
	check '… and the same result' cmp "$T/int8.json" "$T/one.json"
}
of_demo demo tec
of_demo demo-llama mood --max-length 100

least=$(evaluates least --eval-int8 1 --max-memory 1M; grep -o 'at least [0-9]* MB' "$T/least.said" | grep -o '[0-9]*')
check 'in as little memory as there can be' evaluates least --eval-int8 1 --max-length 100 --max-memory "${least}M"
check '… gives the same bytes' cmp "$T/int8.jsonl" "$T/least.jsonl"

said() { "$BUILD/eval-emotion" -q --model "$demo/model" --test "$demo/data/$task/test.json" --task "$task" \
	-o "$OUT/x.json" --compare "$@"; }
demo=data/demo task=tec
head -n 7 "$T/int8.jsonl" >"$T/seven"
echo '{"text": 7}' >"$T/number"
refuses 'compare: no such file' 1 "cannot open '.*none'" said "$T/none"
refuses 'compare: it is read before the work' 1 "cannot open '.*none'" said "$T/none" --max-memory 1M
refuses 'compare: other rows' 1 "seven' has 7 lines, expected the [0-9]* rows of the test file" said "$T/seven"
refuses 'compare: no predictions' 1 "number': line 1: expected an object with \"text\": a string" said "$T/number"
finish
