#!/bin/sh
# The forms of texts. JSON, JSON Lines, CSV and TSV are read. Other forms are refused with a command that renames or
# converts them, and this command makes a file that is read.
. "$(dirname "$0")/../lib.sh"
tiny

# convert SCRIPT FILE: the rows of a JSON list of {instruction, output}, by a sed script in which they are \1 and \2.
convert() {
	sed -n '/"instruction"/{
		/"output"/!N
		s/.*"instruction": "\(.*\)",[ \n]*"output": "\([^"]*\)".*/'"$1"'/
		s/\\"/'"${quote:-\"\"}"'/g; s/\\\\/\\/g; p
	}' "$2"
}
csv() { echo instruction,output; convert '"\1","\2"' "$1"; }
tsv() { printf 'output\tinstruction\n'; convert '"\2"\t"\1"' "$1"; }
jsonl() { quote='\\"' convert '{"output": "\2", "instruction": "\1"}' "$1"; }

# Every form gives the samples of the JSON list. The demo's texts contain commas, quotes and characters of four
# bytes.
for task in emoint emotion-cause tec isear; do
	demo=data/demo/data/$task/train.json
	csv "$demo" >"$T/train.csv"; tsv "$demo" >"$T/train.tsv"; jsonl "$demo" >"$T/train.jsonl"
	{ printf '\357\273\277'; csv "$demo" | sed 's/$/\r/'; } >"$T/excel.csv"
	for train in "$demo" "$T/train.csv" "$T/train.tsv" "$T/train.jsonl" "$T/excel.csv"; do
		out=$T/${train##*[./]}.h5
		case $train in *excel*) out=$T/excel.h5 ;; esac
		(model=data/demo/model samples_num=60; must draw_samples --max-length 100)
	done
	for form in csv tsv jsonl excel; do
		check "samples of $task: $form as JSON" cmp "$T/json.h5" "$T/$form.h5"
	done
done
unset out train

# A merge and its evaluation, with each task's texts in another form.
must run "$T/json" merge eval
F=$T/forms
for task in emoint emotion-cause tec isear; do
	mkdir -p "$F/$task"
	for name in train test; do
		file=$D/$task/$name.json
		case $task in
			emoint) csv "$file" >"$F/$task/$name.csv" ;;
			emotion-cause) tsv "$file" >"$F/$task/$name.tsv" ;;
			tec) jsonl "$file" >"$F/$task/$name.jsonl" ;;
			isear) cp "$file" "$F/$task/$name.json" ;;
		esac
	done
done
(D=$F; must run "$T/forms-work" merge eval)
same 'a merge of four forms as of JSON' "$T/json" "$T/forms-work"
mark "$T/forms-work"
(D=$F; must run "$T/forms-work" merge eval)
expect_nothing 'the same again does nothing' "$T/forms-work"
# What changes: the rows, and what is made from them.
sed -i '2s/^"/"rain /' "$F/emoint/test.csv"
(D=$F; must run "$T/forms-work" eval)
expect_remade 'a changed test.csv: its evaluations' "$T/forms-work" eval/emoint.json predictions/emoint.jsonl \
	eval/base/emoint.json eval/base/emoint.jsonl eval/adapters/emoint/emoint.json \
	eval/adapters/emoint/emoint.jsonl eval.tsv adapter/README.md
csv "$D/emoint/test.json" >"$F/emoint/test.csv"
mv "$F/emoint/train.csv" "$T/kept.csv"; jsonl "$D/emoint/train.json" >"$F/emoint/train.jsonl"
mark "$T/forms-work"
(D=$F; must run "$T/forms-work" merge eval)
remade "$T/forms-work" >"$T/remade"
check 'the same rows in another form: samples drawn again' grep -qx samples/emoint.h5 "$T/remade"
check 'of no other task' lacks 'samples/(tec|isear|emotion-cause)' "$T/remade"
same 'the same rows in another form: the same results' "$T/json" "$T/forms-work"
sed -i '1s/"instruction": "/&rain /' "$F/emoint/train.jsonl"
mark "$T/forms-work"
(D=$F; must run "$T/forms-work" merge SELECT_LONG=0)
remade "$T/forms-work" >"$T/remade"
check 'a changed train.jsonl: the adapter' grep -qx adapter/adapter_model.safetensors "$T/remade"

# Where two files could count, none is guessed.
cp "$T/kept.csv" "$F/emoint/train.csv"
(data=$F; refuses 'two forms of one name' 1 \
	"'[^']*emoint/train.jsonl' and '[^']*emoint/train.csv' are both there: which one counts\?" plan_pipeline)
rm "$F/emoint/train.csv" "$F/emoint/train.jsonl"
(data=$F; refuses 'no form' 1 "task 'emoint' has no train.json: .* needs it, or a train.jsonl, train.csv or train.tsv" \
	plan_pipeline)
cp "$T/kept.csv" "$F/emoint/train.csv"; rm "$F/tec/test.jsonl"
(data=$F; refuses 'no form of the test' 1 "task 'tec' has no test.json: .* the evaluation needs it, or a test.jsonl" \
	plan_pipeline --goals eval)
(data=$F/emoint; refuses "one task's data" 1 "is one task's data: expected the folder above" plan_pipeline)
(data=$L loras=$F; refuses 'CSV and adapters, exchanged' 1 "holds data and DATA=.* exchange" plan_pipeline)
# says NAME PATTERN COMMAND…: a make that fails, and one line of its tools.
says() {
	name=$1 pattern=$2
	shift 2
	if "$@" >"$T/says" 2>&1; then not_ok "$name"; return; fi
	check "$name" grep -Eq -- "$pattern" "$T/says"
}
printf 'instruction,output\nthe rain\n' >"$F/emoint/train.csv"
(D=$F; says 'make says file and line' "emoint/train.csv' line 2: 1 field, but the header names 2 columns" \
	run "$T/broken" merge)

# T5's training prompt as a template, columns of other names, labels that are numbers.
for task in emoint emotion-cause tec isear; do
	rm -r "${F:?}/$task"; mkdir -p "$F/$task" "$T/whole/$task"
	for name in train test; do
		{ echo id,text,label; convert 'x,"\1",<\2>' "$D/$task/$name.json"; } |
			sed 's/<anger>/0/; s/<fear>/1/; s/<joy>/2/; s/<sadness>/5/' >"$F/$task/$name.csv"
		sed 's/"instruction": "/&the dogs: /; s/{"in/{"id": "x", "in/' "$D/$task/$name.json" \
			>"$T/whole/$task/$name.json"
	done
done
check 'every label of the tiny case is a number' lacks '<' "$F/tec/train.csv"
cat >"$T/my.yaml" <<-'YAML'
	mine:
	  task_targets: [emoint, emotion-cause, tec, isear]
	  text_key: text
	  label_key: label
	  label_names: {0: anger, 1: fear, 2: joy, 5: sadness}
	  prompt: "the dogs: {text}"
YAML
(D=$T/whole; must run "$T/whole-work" merge eval)
(D=$F; must run "$T/template-work" merge eval CONFIG="$T/my.yaml" TASK_TYPE=mine)
rm "$T/whole-work/adapter/README.md" "$T/template-work/adapter/README.md" # which tell of the settings
same "a prompt and columns, as whole instructions" "$T/whole-work" "$T/template-work"
(D=$F; must run "$T/typed-work" merge eval TEXT_KEY=text LABEL_KEY=label 'PROMPT=the\ dogs:\ {text}' \
	LABEL_NAMES=anger,fear,joy,shame,trust,sadness)
rm "$T/typed-work/adapter/README.md"
same 'the same, typed' "$T/whole-work" "$T/typed-work"
(D=$F; says 'a number that has no word' \
	"train.csv' line [0-9]+: row [0-9]+: 'label' is 5, and label_names has words for 0, 1, 2 only" \
	run "$T/broken" merge TEXT_KEY=text LABEL_KEY=label LABEL_NAMES=anger,fear,joy)

# Forms that are refused: NAME PATTERN [options of the tools], about $T/rows.json. The command follows the last ":
# mv". $fill replaces the words in capitals.
rows() { printf '%s\n' "$1" >"$T/rows.json"; }
on_texts() {
	name=$1 pattern=$2
	(train=${file:-$T/rows.json} samples_num=1; refuses "$name (draw_samples)" 1 "$pattern" draw_samples)
	(test_file=${file:-$T/rows.json}; refuses "$name (eval_emotion)" 1 "$pattern" eval_emotion)
}
on_form() {
	on_texts "$1" "$2"
	form=$1
	shift 2
	sed -n "s/^.*: mv /mv /; s/; for [A-Z].*//; ${fill:-};p" "$T/stderr" >"$T/convert.sh"
	if grep -q python3 "$T/convert.sh" && ! command -v python3 >/dev/null; then
		skip "$form: the message's command" 'there is no python3 here'
		return
	fi
	must sh "$T/convert.sh"
	made=$(sed "s/'\$//; s/.*'//" "$T/convert.sh")
	test_file=$made train=$made samples_num=1 out=$T/form.h5 predictions=$T/form.jsonl
	check "$form: the message's command" draw_samples --if-balance 0 --select-long 0 "$@"
	out=$T/form.json; check "$form: evaluated" eval_emotion "$@"
	unset test_file train samples_num out predictions
	labels=$(sed -n '/labels/,/]/p' "$T/form.json" | tr -d '\n')
	case $labels in
		*fear*joy*) ok "$form: its labels" ;;
		*) not_ok "$form: its labels"; echo "$labels" | say ;;
	esac
	rm -f "$T"/rows.*
}
columns="--prompt {text} --answer {label} --label-key label"
rows '{"instruction": "the rain", "output": "joy"}
{"instruction": "the house", "output": "fear"}'
on_form 'JSON Lines' "rows.json' looks like JSON Lines, an object a line \(instruction, output\), not a JSON list"
rows '{"text": "the rain", "label": "joy"}

{"text": "the house", "label": "fear"}'
# shellcheck disable=SC2086
{
on_form 'JSON Lines, other keys, a blank line' 'looks like JSON Lines, an object a line \(text, label\)' $columns
rows 'text,label
"the rain, the ""old""
house",joy
the house,fear'
on_form 'CSV' "rows.json' looks like CSV, fields between commas \(text, label\), not a JSON list of rows" $columns
rows 'text;label
the rain, the house;joy
the house;fear'; on_form 'CSV of semicolons' 'looks like CSV, fields between semicolons \(text, label\)' $columns
printf 'text;label\nthe rain, the house;joy\nthe house;fear\n' >"$T/rows.csv"
file=$T/rows.csv; on_form 'CSV of semicolons, named .csv' "rows.csv' looks like CSV, fields between semicolons" $columns
unset file
rows "$(printf 'id\ttext\tlabel\n1\tthe rain\tjoy\n2\tthe house\tfear')"
on_form 'TSV' 'looks like TSV, fields between tabs \(id, text, label\)' $columns
printf '\357\273\277text,label\r\nthe rain,joy\r\nthe house,fear\r\n' >"$T/rows.json"
on_form 'CSV of Excel: a byte order mark, CRLF' 'CSV, fields between commas \(text, label\)' $columns
rows '{"data": [{"text": "the rain", "label": 1}, {"text": "the house", "label": 0}]}'
on_form 'a wrapper, numbers as labels' "holds an object, not a list of rows: its key 'data' holds the list" \
	$columns --label-names '["fear", "joy"]'
rows '{"features": [], "rows": [{"row": {"text": "the rain", "label": "joy"}},
 {"row": {"text": "the house", "label": "fear"}}]}'
on_form 'an answer of the data sets server' "its key 'rows' holds the list" $columns
rows '{"a": [{"text": "the rain", "label": "joy"}, {"text": "the house", "label": "fear"}], "b": [{}]}'
fill='s/KEY/a/'
on_form 'a wrapper of several lists' 'several of its keys \(a, b\) hold lists' $columns; unset fill
rows '{"text": ["the rain", "the house"], "label": ["joy", "fear"]}'
on_form 'a table by columns' 'looks like a table by columns \(text, label\)' $columns
rows '{"text": {"0": "the rain", "1": "the house"}, "label": {"0": "joy", "1": "fear"}}'
on_form 'a table by columns, of pandas' 'looks like a table by columns \(text, label\)' $columns
rows '{"columns": ["text", "label"], "index": [0, 1], "data": [["the rain", "joy"], ["the house", "fear"]]}'
on_form 'a table of pandas, split' 'looks like a table of pandas' $columns
}
rows '[{"id": 1, "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "the rain"},
 {"role": "assistant", "content": "joy"}]},
 {"id": 2, "messages": [{"role": "user", "content": "the house"}, {"role": "assistant", "content": "fear"}]}]'
on_form 'a chat' 'its keys are id, messages: of a chat, this takes the last question and answer'
printf '%s\n' '{"conversations": [{"value": "the rain"}, {"value": "joy"}]}' \
	'{"conversations": [{"value": "the house"}, {"value": "fear"}]}' >"$T/rows.jsonl"
file=$T/rows.jsonl; on_form 'a chat of JSON Lines' "rows.jsonl' line 1: row 0 has no 'instruction', its keys are conv"
unset file
rows '[{"instruction": "the", "input": "rain", "output": "joy"},
 {"instruction": "the house", "input": "", "output": "fear"}]'
on_form "Alpaca's input" "row 0 has a text in 'input', which is not read"
printf 'instruction,input,output\nthe,rain,joy\nthe house,,fear\n' >"$T/rows.csv"
file=$T/rows.csv; on_form "Alpaca's input in CSV" "rows.csv' line 2: row 0 has a text in 'input', which is not read"
unset file
printf 'PAR1xxxxPAR1' >"$T/rows.json"
on_texts 'Parquet' "looks like a Parquet file, not a JSON list of rows \{instruction, output\}: "\
"mv '.*rows.json' '.*rows.json.orig' && python3"
printf 'ARROW1xx' >"$T/rows.json"; on_texts 'Arrow' 'looks like an Arrow file, not a JSON list'
rows '[{"text": "the rain", "label": "joy"}, {"text": "the house", "label": "fear"}]'
on_texts 'other keys' "row 0 has no 'instruction', its keys are text, label: .*: text_key: text, label_key: label$"
rows '[{"instruction": "the rain", "output": 1}, {"instruction": "the house", "output": 0}]'
on_texts 'numbers as labels' "row 0: 'output' is a number, not a string: .*: label_names: \[WORD0, WORD1, …\]"
finish
