#!/bin/sh
# What an evaluation says about its labels, and what the tables say about results that mean little:
# - labels that count as one;
# - an individual accuracy of 0, and accuracies that are all 0;
# - an adapter that answers its own rows by chance (the demo's texts, with and without their prompt).
. "$(dirname "$0")/../lib.sh"
tiny
DEMO=data/demo

# shown NAME PATTERN FILE: a line of the file matches.
shown() { check "$1" grep -Eq -- "$2" "$3"; }
# none NAME PATTERN FILE: no line does.
none() { check "$1" lacks -i -- "$2" "$3"; }

# A blank before or behind a label makes another label, but the same token.
rows() {
	printf '[{"instruction": "the rain", "output": "%s"}, {"instruction": "the house", "output": "%s"},
 {"instruction": "the door", "output": "%s"}]\n' "$@" >"$T/test.json"
}
evaluate() { "$BUILD/eval-emotion" -q --model $DEMO/model --test "$T/test.json" --task tec \
	-o "$T/shared.json" 2>"$T/stderr"; }
rows joy 'joy ' fear
check 'labels that differ in a blank' evaluate
shown 'one line names them' \
	"^eval-emotion: '.*test.json': the labels 'joy', 'joy ' begin with the same token, and count as one\$" \
	"$T/stderr"
check 'one line alone' test "$(wc -l <"$T/stderr")" = 1
check 'the result holds them' test "$(tr -d ' \n' <"$T/shared.json" | grep -o '"shared_labels":.*')" = \
	'"shared_labels":[["joy","joy"]]}'
rows joy fear anger
check 'labels of their own tokens' evaluate
check 'nothing is said' test ! -s "$T/stderr"
shown 'the result says so' '"shared_labels": \[\]' "$T/shared.json"
rows joy 'joy ' ' joy'
(test_file=$T/test.json model=$DEMO/model adapter=$DEMO/loras/tec
	refuses 'labels that all begin alike' 1 \
		"test.json': all labels \(' joy', 'joy', 'joy '\) begin with the same token, .*give them other words" \
		eval_emotion)
rows joy joy joy
check 'one label alone is no refusal' evaluate

# Results in eval-emotion's form: result FILE RIGHT WRONG SHARED. Two labels with (RIGHT + WRONG) / 2 rows each.
result() {
	mkdir -p "$(dirname "$1")"
	awk -v right="$2" -v wrong="$3" -v shared="$4" 'BEGIN { n = right + wrong
		printf "{\"task\": \"x\", \"n\": %d, \"accuracy\": %.6f, \"accuracy_stderr\": 0.1,", n, right / n
		printf " \"macro_f1\": %.6f, \"macro_f1_stderr\": 0.1, \"loss\": 1,",
			right / n
		printf " \"labels\": [\"a\", \"b\"], \"confusion\": [[%d, 0, %d], [0, %d, %d]], \"no_label\": %d",
			right / 2, wrong / 2, right / 2, wrong / 2, wrong
		if (shared != "") printf ", \"shared_labels\": %s", shared
		printf "}\n" }' >"$1"
}
# results BASE1 OWN1 MERGED1 BASE2 OWN2 MERGED2: how many of 20 rows are right, for tasks one and two.
results_of() {
	rm -rf "$T/eval"
	result "$T/eval/base/one.json" "$1" $((20 - $1)) "$shared"
	result "$T/eval/adapters/one/one.json" "$2" $((20 - $2)) "$shared"
	result "$T/eval/one.json" "$3" $((20 - $3)) "$shared"
	result "$T/eval/base/two.json" "$4" $((20 - $4)) ''
	result "$T/eval/adapters/two/two.json" "$5" $((20 - $5)) ''; result "$T/eval/two.json" "$6" $((20 - $6)) ''
	must "$BUILD/report-eval" --tasks one,two --reference "$T/eval" --merged "sweep=$T/eval" -o "$T/eval.tsv"
	cp "$T/must.out" "$T/table"
}
shared='[]'
results_of 4 18 16 4 20 18
none 'good results: no mark, no remark' '\*|every accuracy|chance' "$T/table"
check 'good results: the table alone' test "$(wc -l <"$T/table")" = 6
shown 'kept' '^sweep .* 0.8500 +89.5%$' "$T/table"
shared='[["very good", "very bad", "very"]]'
results_of 4 18 16 4 20 18
shown 'a mark at the task' '^accuracy +one\* +two +mean' "$T/table"
shown 'the mark explained' '^\* one: its 4 labels count as 2, because some begin with the same token' "$T/table"
shared=
results_of 4 18 16 4 0 18
none 'results of older versions: no mark' '\*' "$T/table"
none 'an individual accuracy of 0: no nan, no inf' 'nan|inf' "$T/eval.tsv"
shown 'an individual accuracy of 0: kept is -' \
	"^$(printf 'sweep\ttwo\t20\t0.900000\t0.100000\t0.900000\t0.100000\t1.000000\t2\t-')\$" "$T/eval.tsv"
shown 'the other task has its share' "^$(printf 'sweep\tone\t.*\t0.888889')\$" "$T/eval.tsv"
shown 'its own adapter is by chance' \
	"^task 'two': its own adapter answers 0 of 20 test rows right \(mean over 2 labels 0.0 %, by chance 50.0 %\)" \
	"$T/table"
none 'the other task is not named' "task 'one'" "$T/table"
results_of 4 0 16 4 0 18
none 'all individual accuracies 0: no nan' 'nan|inf' "$T/table"
shown 'all individual accuracies 0: kept is -' '^sweep .* 0.8500 +-$' "$T/table"
results_of 0 0 0 0 0 0
check 'every accuracy 0: the last line says so' test "$(tail -n 1 "$T/table" | cut -c1-20)" = 'Every accuracy is 0.'
none 'every accuracy 0: said once' 'by chance' "$T/table"
# The same in compare-methods: two methods, whose WORK folders have predictions and a log.
compare() {
	rm -rf "$T/first" "$T/second"
	for w in first second; do
		mkdir -p "$T/$w/eval" "$T/$w/predictions"
		cp "$T/eval/one.json" "$T/eval/two.json" "$T/$w/eval/"
		for t in one two; do for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20
			do echo '{"correct": false}'; done >"$T/$w/predictions/$t.jsonl"; done
		printf 'solve-layer\tx\t1\t1\t1\n' >"$T/$w/log.tsv"
	done
	must "$BUILD/compare-methods" --tasks one,two --reference "$T/eval" \
		--methods "first=$T/first,second=$T/second" -o "$T/compare.tsv" --pairs "$T/pairs.tsv" \
		--markdown "$T/compare.md"
}
compare
shown 'compared, every accuracy 0: the last line' '^Every accuracy is 0' "$T/compare.md"
none 'compared, every accuracy 0: no nan' 'nan|inf' "$T/compare.tsv"
shown 'compared, every accuracy 0: kept is -' '^\| first \|.*\| - \|$' "$T/compare.md"
shared='[["good", "goods"]]'
results_of 4 18 16 4 20 18
compare
shown 'compared: a mark at the task' '^\| \| one\\\* \| two \| mean \|' "$T/compare.md"
shown 'compared: the mark explained' '^\* one: its 3 labels count as 2' "$T/compare.md"
shown 'compared: kept' '^\| first .*\| 89.5 % \|$' "$T/compare.md"

printf '{"task": "x", "n": 20, "accuracy": 0, "accuracy_stderr": 0, "macro_f1": 0, "macro_f1_stderr": 0,
 "loss": 1, "no_label": 0, "confusion": [[1, 2, 3]]}' >"$T/eval/one.json"
(tasks=one reference=$T/eval merged=$T/eval
	refuses 'a confusion that is no matrix of labels' 1 \
	"one.json' key 'confusion': expected counts that sum to 'n', 20, found|row 0: expected" report_eval)

# The demo's adapters on their calibration rows. answers TASK: draws 24 rows of $T/train.json and generates; stderr
# goes to $T/stderr.
answers() {
	must "$BUILD/draw-samples" -q --model $DEMO/model --train "$T/train.json" --task "$1" --samples-num 24 \
		-o "$T/samples.h5"
	must "$BUILD/extract-acts" -q --model $DEMO/model --side own --site encoder-output --task "$1" \
		--samples "$T/samples.h5" --adapter $DEMO/loras/"$1" -o "$T/encoder-output.h5"
	"$BUILD/generate-tokens" -q --model $DEMO/model --task "$1" --adapter $DEMO/loras/"$1" \
		--samples "$T/samples.h5" --encoder-output "$T/encoder-output.h5" \
		-o "$T/tokens.h5" "${2:---max-new-tokens=3}" 2>"$T/stderr"
}
for task in emoint tec; do
	cp "$DEMO/data/$task/train.json" "$T/train.json"
	check "$task, with the prompt" answers $task
	check "$task, with the prompt: nothing is said" test ! -s "$T/stderr"
	sed 's/"instruction": "[^"]*categories:[^":]*:/"instruction": "/' "$DEMO/data/$task/train.json" >"$T/train.json"
	check "$task, without the prompt" answers $task
	shown "$task, without the prompt: one line" \
		"^generate-tokens: task '$task': its own adapter answers 0 of 24 calibration rows right "\
"\(mean over [46] labels 0.0 %, by chance (25.0|16.7) %\): do the texts hold the prompt" "$T/stderr"
	check "$task, without the prompt: one line alone" test "$(wc -l <"$T/stderr")" = 1
done
check 'no answers are asked for' answers tec --max-new-tokens=1
check 'no answers are asked for: nothing is said' test ! -s "$T/stderr"
finish
