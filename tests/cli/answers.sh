#!/bin/sh
# Prompts and answers by templates; token ids in place of texts; given answers; and the scores of the evaluation.
. "$(dirname "$0")/../lib.sh"
tiny
rows() { printf '%s\n' "$1" >"$T/rows.json"; }
on_rows() { # NAME PATTERN ARGUMENTS…
	name=$1 pattern=$2
	shift 2
	(train=$T/rows.json samples_num=1; refuses "$name (draw_samples)" 1 "$pattern" draw_samples --select-long 0 \
		--if-balance 0 "$@")
	(test_file=$T/rows.json; refuses "$name (eval_emotion)" 1 "$pattern" eval_emotion "$@")
}
drawn() { # DATASET FILE: its numbers, on one line
	h5dump -d "$1" -y -w 0 "$2" | sed -n '/DATA {/,/}/p' | tr -cd '0-9, \n' | tr -s ' ,\n' ' ' |
		sed 's/^ //; s/ $//'
	echo
}
sample() { # FILE ARGUMENTS…
	file=$1
	shift
	(train=$T/rows.json samples_num=$(grep -o instruction "$T/rows.json" | wc -l) out=$file
		draw_samples -q --select-long 0 --if-balance 0 --shuffle 0 "$@")
}

# Templates.
for key in prompt answer; do
	for tool in draw_samples eval_emotion; do
		refuses "$key: a brace that is not closed ($tool)" 2 \
			"^[a-z-]+: --$key: position 3: '\{' is not closed by '\}'" $tool --$key 'é {a'
		refuses "$key: a brace that closes nothing ($tool)" 2 "--$key: position 4: '\}' closes nothing" $tool \
			--$key '{a}}'
	done
	set="$(echo $key | tr a-z A-Z)=a{b"
	(refuses "$key: a brace that is not closed (plan_pipeline)" 2 \
		"command line: $key: position 2: '\{' is not closed" plan_pipeline)
done
unset set
printf 'EMOTION_t5_large:\n  model_name: m\n  task_targets: [tec, isear]\n  prompt: "a }"\n' >"$T/own.yaml"
(config=$T/own.yaml
	refuses 'prompt: in a config file' 1 "own.yaml:4: prompt: position 3: '\}' closes nothing" plan_pipeline)
rows '[{"instruction": "the rain", "output": "joy"}, {"instruction": "the house", "output": "fear"}]'
on_rows 'a key that no row has' "rows.json': row 0 has no 'text': its keys are instruction, output$" --prompt '{text}'
rows '[{"instruction": "the rain", "output": "joy", "more": 5}]'
on_rows 'a key of a number' "rows.json': row 0: 'more' is a number, not a string" --answer '{more}'
on_rows 'an answer of nothing' "rows.json': row 0: the label in 'answer' is empty" --answer ' '
rows '[{"instruction": "the rain", "output": "joy", "input": "tears"}]'
on_rows 'input that no template names' "row 0 has a text in 'input', which is not read"
check 'input that a template names' sample "$T/input.h5" --prompt '{instruction}\n{input}'
rows '[{"instruction": "the rain\ntears", "output": "joy"}]'
must sample "$T/joined.h5"
check '… is the text of both' [ "$(drawn ids "$T/input.h5")" = "$(drawn ids "$T/joined.h5")" ]

# A prompt that is too long: the text is shortened, the template around it stays.
rows '[{"instruction": "the rain and the house and the rain and the house", "output": "joy"},
 {"instruction": "the rain", "output": "joy"}]'
must sample "$T/long.h5" --prompt 'the {instruction} house'
must sample "$T/short.h5" --prompt 'the {instruction} house' --max-length 12
must sample "$T/empty.h5" --prompt 'the {instruction} house' --max-length 100
check 'a long prompt: at most max_length tokens' sh -c 'for n in $1; do [ $n -le 12 ] || exit 1; done' \
	- "$(drawn length "$T/short.h5")"
last() { drawn ids "$1" | tr ' ' '\n' | head -n "$(drawn length "$1" | cut -d' ' -f1)" | tail -n 2 | tr '\n' ' '; }
check '… that end as the template does' [ "$(last "$T/short.h5")" = "$(last "$T/long.h5")" ]
check '… and the short row has all of its tokens' [ "$(drawn length "$T/short.h5" | cut -d' ' -f2)" = \
	"$(drawn length "$T/long.h5" | cut -d' ' -f2)" ]
on_rows 'a template that alone is too long' \
	"row [01]: the prompt without the row's texts has [0-9]+ tokens, and max_length is 4" \
	--prompt 'the rain and the {instruction} house' --max-length 4

# A template on make's command line: quotes, the sign of a variable and of a comment, blanks at the ends, a line end.
odd="it's \$x #1 {instruction}\\n\"the\" {{house}} "
must run "$T/odd" merge METHOD=task-arithmetic TASK_TARGETS=tec MANUAL_CEOF=1 "PROMPT=$odd" 'ANSWER=\ {output}'
(samples_num=12 out=$T/odd.h5; must draw_samples -q --prompt "$odd" --answer ' {output}')
check 'make hands templates on as they are' cmp "$T/odd/samples/tec.h5" "$T/odd.h5"
lines() {
	printf 'EMOTION_t5_large:\n  task_targets: [tec]\n  manual_ceof: 1\n  samples_num: 12\n' >"$T/lines.yaml"
	printf '  method: task-arithmetic\n  prompt: "%s"\n  answer: " {output}"\n' "$1" >>"$T/lines.yaml"
}
lines "it's \$x #1 {instruction}\\n\\\"the\\\" {{house}} "
(SMALL=; must run "$T/lines" merge CONFIG="$T/lines.yaml")
check '… and those of a config file' cmp "$T/lines/samples/tec.h5" "$T/odd.h5"

# Rows of token ids.
on_ids() { rows "[{\"instruction\": \"the rain\", \"output\": \"joy\", $2}]"; on_rows "ids: $1" "$3"; }
on_ids 'no list' '"prompt_ids": 5' "rows.json': row 0: 'prompt_ids' is a number, not a list of token ids"
on_ids 'an empty list' '"answer_ids": []' "rows.json': row 0: 'answer_ids' has 0 token ids"
on_ids 'a text' '"answer_ids": [3, "joy"]' "rows.json': row 0: 'answer_ids': entry 1 is a string, not a token id"
on_ids 'a fraction' '"prompt_ids": [3.5]' "rows.json': row 0: 'prompt_ids': entry 0 is a number, not a token id"
on_ids 'below 0' '"prompt_ids": [3, -1]' "rows.json': row 0: 'prompt_ids': entry 1 is -1, not a token id"
on_ids 'beyond the vocabulary' '"prompt_ids": [3, 99999]' \
	"rows.json': row 0: 'prompt_ids': entry 1 is 99999, but the vocabulary of '.*' ends at [0-9]+"
rows '[{"instruction": "the rain", "output": "joy", "prompt_ids": [3, 4, 5, 1], "answer_ids": [7, 8]}]'
on_rows 'ids: more than max_length' \
	"row 0: 'prompt_ids' has 4 tokens, and max_length is 3: token ids are not shortened" --max-length 3
check 'ids are taken as they are' sample "$T/ids.h5"
check '… the prompt' [ "$(drawn ids "$T/ids.h5")" = '3 4 5 1' ]
check '… the answer, with the end token behind it' [ "$(drawn label_ids "$T/ids.h5")" = '7 8 1' ]
rows '[{"instruction": "the rain", "output": "joy", "answer_ids": [7, 8, 1]}]'
must sample "$T/ended.h5"
check '… which is not put there twice' [ "$(drawn label_ids "$T/ended.h5")" = '7 8 1' ]

# Ids in all rows give the same merge as the texts, without a tokenizer.
in_ids() { # TASK FILE: the rows of a file of texts, as ids
	rows "$(cat "$D/$1/$2.json")"
	must sample "$T/all.h5"
	for what in length ids label_length label_ids; do drawn $what "$T/all.h5"; done | awk '
		NR == 1 { n = split($0, L) } NR == 2 { split($0, x) } NR == 3 { split($0, M) } NR == 4 { split($0, y) }
		function list(of, from, count, i, s) {
			s = of[from + 1]
			for (i = 2; i <= count; i++) s = s ", " of[from + i]
			return "[" s "]"
		}
		END {
			printf "["
			for (i = 1; i <= n; i++) {
				printf("%s{\"prompt_ids\": %s, \"answer_ids\": %s}", (i > 1 ? ",\n" : ""),
					list(x, a, L[i]), list(y, b, M[i]))
				a += L[i]; b += M[i]
			}
			print "]"
		}'
}
copy "$M" bare
rm "$COPY/spiece.model"
(model=$T/bare; refuses 'texts without a tokenizer' 1 "cannot read '.*/spiece.model'" plan_pipeline)
cp -r "$D" "$T/as-ids"
for t in emoint tec; do in_ids $t train >"$T/as-ids/$t/train.json"; echo '[0, 5, 7, 9, 11, 2]' |
	tee "$D/$t/samples.json" >"$T/as-ids/$t/samples.json"; done
SMALL='TASK_TARGETS=emoint,tec MANUAL_CEOF=1'
must run "$T/by-texts" merge
(M=$T/bare D=$T/as-ids; must run "$T/by-ids" merge)
check 'rows of ids, no tokenizer: the same adapter' diff -r "$T/by-texts/adapter" "$T/by-ids/adapter"

# Given answers: nothing is generated, the decoder reads them.
must run "$T/given" merge ANSWERS=given
check 'answers given: nothing is generated' [ ! -e "$T/given/tokens" ]
positions=$(h5dump -a /P "$T/given/own/tec/dec00-self.h5" | sed -n 's/.*(0): //p')
given=0
for n in $(drawn label_length "$T/given/samples/tec.h5"); do given=$((given + n)); done
check "… and the rows are the start token and all of each answer but its end ($given)" [ "$positions" = "$given" ]
(SMALL=; refuses 'answers given, published rows' 2 'features: reference is of generated answers, and answers is given' \
	"$BUILD/plan-pipeline" --model "$M" --loras "$L" --data "$D" --work "$T/no" \
	--set 'ANSWERS=given FEATURES=reference')
W=$T/given
(site=dec00-self; refuses 'extract-acts: answers given, and tokens' 2 'given takes no --tokens' extract_acts \
	--answers given --tokens x.h5)
refuses 'extract-acts: no such answers' 2 "--answers 'none': expected generated or given" extract_acts --answers none

# Scores.
all='first-token,likelihood,exact'
refuses 'score: no such score' 2 "--score 'blue': expected first-token, likelihood and exact" eval_emotion --score blue
score() { (out=$T/score/$1.json predictions=$T/score/$1.jsonl; shift; eval_emotion -q "$@"); }
mkdir "$T/score"
must score one --score $all -t 1
must score two --score $all -t 2 --per-device-eval-batch-size 1
must score none -t 1
check 'threads and batches: the same scores' sh \
	-c 'cmp "$1/one.json" "$1/two.json" && cmp "$1/one.jsonl" "$1/two.jsonl"' - "$T/score"
least=$( (out=$T/score/x.json; eval_emotion --max-memory 1M --score $all) 2>&1 |
	sed -nE 's/.*at least ([0-9]+) MB.*/\1/p')
must score tight --score $all --max-memory "${least}M"
check "max_memory ${least}M: the same scores" cmp "$T/score/one.json" "$T/score/tight.json"
of_many='the house of {output} and the rain'
long() {
	score "$1" --answer "$of_many" --score likelihood,exact ${2:+--max-memory "$2"} 2>"$T/said"
}
must long long
check 'answers too long to be exact are said' grep -q \
	'^eval-emotion: 31 of 31 answers have more than max_new_tokens, 3: they cannot be exact$' "$T/said"
more=$( (
	out=$T/score/x.json
	eval_emotion --max-memory 1M --answer "$of_many" --score likelihood,exact
) 2>&1 | sed -nE 's/.*at least ([0-9]+) MB.*/\1/p')
must long long-tight "${more}M"
check "long answers in ${more}M: the same scores" cmp "$T/score/long.json" "$T/score/long-tight.json"
check 'the published figures stay' sh -c 'sed "/^ \"shared_labels\"/,\$d" "$1/one.json" >"$1/head" &&
	sed "/^ \"shared_labels\"/,\$d" "$1/none.json" | cmp - "$1/head"' - "$T/score"
for word in '"loss_stderr"' '"likelihood": {' '"accuracy_per_byte_stderr"' '"exact": {'
	do check "a block: $word" grep -q "$word" "$T/score/one.json"; done
check 'none that was not asked for' lacks 'likelihood|exact|loss_stderr' "$T/score/none.json"
must score alone --score exact
check 'exact alone: no labels' lacks 'labels|confusion' "$T/score/alone.json"
awk 'BEGIN { printf "["; for (i = 0; i < 65;
	i++) printf "%s{\"instruction\": \"a\", \"output\": \"%d joy\"}", i ? ", " : "", i; print "]" }' >"$T/many.json"
(test_file=$T/many.json
	refuses 'likelihood: too many answers' 1 \
	"many.json' has 65 distinct answers, and likelihood compares at most 64: leave it out of score" eval_emotion \
	--score likelihood)
must run "$T/by-texts" eval SCORE=$all
check 'eval.tsv: the columns of the scores' [ "$(head -n 1 "$T/by-texts/eval.tsv" | cut -f11- | tr '\t' ' ')" = \
	'likelihood likelihood_stderr likelihood_per_byte likelihood_per_byte_stderr exact exact_stderr' ]
check '… filled in every row' awk \
	-F'\t' 'NF != 16 { bad = 1 } $2 != "mean" && ($11 == "" || $16 == "") { bad = 1 } END { exit bad }' \
	"$T/by-texts/eval.tsv"
finish
