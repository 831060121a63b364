#!/bin/sh
# The model card: README.md in the folder of a merged adapter or model. After the merge it says what was merged, after
# the evaluation also what was kept, in figures of eval/. (tests/oracle/card.py has huggingface_hub and PEFT read it.)
. "$(dirname "$0")/../lib.sh"
tiny
W=$T/work PAIR='TASK_TARGETS=emoint,tec MANUAL_CEOF=1,0.5'
C=$W/adapter/README.md
# shellcheck disable=SC2086
merge() { must run "$W" "$@" $PAIR; }
has() { check "$1" grep -Fqx -- "$2" "$C"; } # NAME LINE
merge merge
check 'after the merge there is a card' test -s "$C"
check 'without numbers' lacks 'model-index|What was kept' "$C"
has 'the base model' 'base_model: "tiny"'
has 'the library' 'library_name: peft'
has 'an adapter, with its weight' '| tec | 4 | 8 | q, v | 0.5 |'
has 'a setting' '| `alpha_1` | 8e-05 |'
has 'the class that loads it' 'from transformers import AutoTokenizer, AutoModelForSeq2SeqLM'
has 'what to cite' '  eprint = {2411.15231},'
check 'no path of this machine' lacks "$T|/tmp" "$C"
cp "$C" "$T/unevaluated"
merge eval
figure() { sed -n "s/^ *\"$2\": \([0-9.]*\),*$/\1/p" "$W/eval/$1.json" | head -n 1; }
for task in emoint tec; do
	accuracy=$(printf %.6f "$(figure $task accuracy)") f1=$(printf %.6f "$(figure $task macro_f1)")
	sed -n "/^      name: \"$task\"/,/Macro F1/p" "$C" >"$T/result"
	check "$task: accuracy and F1 of eval/$task.json" grep -qz "value: $accuracy.*value: $f1" "$T/result"
	check "$task: with the standard error" grep -Fq \
		"$(printf '%.4f ± %.4f |' "$accuracy" "$(figure $task accuracy_stderr)")" "$C"
done
check 'and a mean' grep -q '^| mean | | .* %' "$C"
cp "$C" "$T/evaluated"
mark "$W"; merge merge eval
expect_nothing 'the same again does nothing' "$W"
check 'verify finds nothing' "$BUILD/verify-work" -q --work "$W"
rm "$C"; merge merge
check 'a deleted card is written again, with its numbers' cmp "$T/evaluated" "$C"
merge merge ALPHA_1=1e-3
has 'another merge has another card' '| `alpha_1` | 0.001 |'
check 'without the numbers of the one before' lacks 'model-index' "$C"
check 'which is kept with its card' cmp "$T/evaluated" "$W/adapter.previous/README.md"
merge merge SAVE=1
C=$W/model/README.md
has 'a full model has a card, too' 'library_name: transformers'
has 'and is loaded by itself' 'model = AutoModelForSeq2SeqLM.from_pretrained(here)'
C=$W/adapter/README.md
merge merge MODEL_NAME=google/flan-t5-large
has 'a name on the hub stays' 'base_model: "google/flan-t5-large"'
merge merge MODEL_NAME=/home/me/models/my_base/
has 'of a folder, the last name' 'base_model: "my_base"'
check 'and not where it is' lacks '/home|models' "$C"
card() { "$BUILD/write-card" --model "$M" --tasks tec --adapter "$L/{task}" -o "$OUT" "$@"; }
C=$T/own/README.md
must "$BUILD/write-card" --model "$M" --tasks tec --adapter "$L/{task}" -o "$T/own" \
	--settings '{"prompt": "a|b`c<i>*{x}*$(y)"}'
has 'texts of the user are no marks' \
	'| `prompt` | a&#124;b&#96;c&#60;i&#62;&#42;&#123;x&#125;&#42;&#36;&#40;y&#41; |'
refuses 'settings that are no object' 2 "--settings '\[\]': expected a JSON object" card --settings '[]'
refuses 'a setting of another name' 2 "expected a text under the name of a setting" card --settings '{"a|b": "c"}'
refuses 'an evaluation cut off' 1 "tec.json' line" card --settings '{}' --evaluation "$T/cut" --reference "$T/cut" \
	"$(mkdir -p "$T/cut"; echo '{' >"$T/cut/tec.json"; echo -q)"
finish
