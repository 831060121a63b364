#!/bin/sh
# Statistics of one task, made by one person, and merged by another who has no texts: the bytes are those of regmean
# with all texts. What does not fit is refused in one line.
. "$(dirname "$0")/../lib.sh"
KEEP=

# Each person has one adapter and one task's texts: $T/<case>/<task>/loras and data.
person() { # CASE TASK
	mkdir -p "$T/$1/$2/loras" "$T/$1/$2/data"
	cp -r "$L/$2" "$T/$1/$2/loras/"
	cp -r "$D/$2" "$T/$1/$2/data/"
}
hand_on() { # CASE TASK SETTINGS…: the folder is $T/CASE/TASK/work/statistics/TASK
	of=$T/$1/$2 task=$2
	shift 2
	(L=$of/loras D=$of/data; run "$of/work" statistics TASK="$task" "$@")
}
folders() { # CASE TASKS: DIR,DIR
	for t in $(echo "$2" | tr , ' '); do printf '%s%s' "${before-}" "$T/$1/$t/work/statistics/$t"; before=,; done
	unset before
}
# given WORK FOLDERS GOALS AND SETTINGS…: neither LORAS nor DATA.
given() {
	work=$1 statistics=$2
	shift 2
	# shellcheck disable=SC2086
	make --no-print-directory BUILD="$BUILD" MODEL="$M" STATISTICS="$statistics" WORK="$work" $SMALL \
		METHOD=regmean MANUAL_CEOF=1 "$@"
}
same_result() { # NAME WORK WORK
	for part in solution adapter/adapter_model.safetensors adapter/adapter_config.json
		do check "$1: $part" diff -r "$2/$part" "$3/$part"; done
}

# hands_on CASE TASKS SETTINGS…: all of it, and the same by regmean with all texts.
hands_on() {
	case=$1 tasks=$2
	shift 2
	for t in $(echo "$tasks" | tr , ' '); do
		person "$case" "$t"
		# shellcheck disable=SC2086
		must hand_on "$case" "$t" ${also-} "$@"
	done
	all=$(folders "$case" "$tasks")
	must given "$T/$case/merged" "$all" -j2 merge TASK_TARGETS="$tasks" "$@"
	must run "$T/$case/plain" -j2 merge METHOD=regmean MANUAL_CEOF=1 TASK_TARGETS="$tasks" "$@"
	same_result "$case: the merge of the statistics is the merge of the texts" "$T/$case/merged" "$T/$case/plain"
}

# ---- T5
tiny --blocks 1
hands_on t5 emoint,tec,isear
W=$T/t5/tec/work S=$T/t5/tec/work/statistics/tec
check 'the folder has the Grams, the adapter and statistics.json' \
	test "$(cd "$S" && find . -type f | sort | tr '\n' ' ')" = "./adapter_config.json ./adapter_model.safetensors \
./grams/dec00-cross.h5 ./grams/dec00-self.h5 ./grams/enc00-self.h5 ./grams/encoder-output.h5 ./statistics.json "
check 'the adapter is the same' diff -r -x statistics.json -x grams "$S" "$T/t5/tec/loras/tec"
check 'no path of the maker is in it' sh -c '! grep -rq "$1" "$2"' - "$T" "$S"
check 'the rows are released' test "$(find "$W/own" -type f -size +100c | wc -l)" = 0
check 'no merge is there' test ! -e "$W/adapter" -a ! -e "$W/plan.mk"
check 'a merge has no rows, samples and Grams' \
	test "$(cd "$T/t5/merged" && ls -d own samples tokens grams 2>/dev/null)" = ''

mark "$W"
must hand_on t5 tec
expect_nothing 'again: nothing runs' "$W"
(L=$T/t5/tec/loras D=$T/t5/tec/data; run "$W" plan TASK=tec) >"$T/plan"
check 'make plan TASK=tec says so' grep -q '^to do   nothing: the statistics are up to date$' "$T/plan"
check 'nothing is damaged or stale' "$BUILD/verify-work" -q --work "$W"
sed -i 's/night/today/g' "$T/t5/tec/data/tec/train.json"
(L=$T/t5/tec/loras D=$T/t5/tec/data; run "$W" plan TASK=tec) >"$T/plan"
check 'changed texts: the plan says it' grep -q 'samples *1 of 1: train.json of tec changed' "$T/plan"
sed -i 's/today/night/g' "$T/t5/tec/data/tec/train.json"

W=$T/t5/merged three=emoint,tec,isear
mark "$W"
must given "$W" "$all" merge TASK_TARGETS=$three
expect_nothing 'the merge again: nothing runs' "$W"
must given "$W" "$(folders t5 isear,emoint,tec)" merge TASK_TARGETS=$three
expect_nothing 'another order of the folders: nothing runs' "$W"
given "$W" "$all" plan TASK_TARGETS=$three ALPHA_2=1e-3 >"$T/plan"
check 'the plan shows where the statistics are' grep -q "^STATISTICS .*$S,.*/isear$" "$T/plan"
check 'and what another ridge runs' grep -q '^why  *solution  *4 of 4: alpha_2 changed' "$T/plan"
check 'nothing is damaged or stale in the merge' "$BUILD/verify-work" -q --work "$W"
must given "$W" "$all" eval TASK_TARGETS=$three DATA="$D"
must run "$T/t5/plain" eval METHOD=regmean MANUAL_CEOF=1 TASK_TARGETS=$three
check 'with test texts it can be evaluated' diff "$W/eval.tsv" "$T/t5/plain/eval.tsv"
must given "$T/t5/compared" "$all" merge TASK_TARGETS=$three LORAS="$L"
same_result 'with LORAS beside it' "$T/t5/compared" "$W"

# A file of statistics.json has all that another reader needs.
check 'statistics.json names task, model, adapter and settings' sh -c 'for w in "\"task\": \"tec\"" \
	"\"version\": 1" "\"model.safetensors\": \"[0-9a-f]*\"" "\"adapter_config.json\": \"[0-9a-f]*\"" \
	"\"features\": \"tokens\"" "\"samples_num\": \"12\""; do grep -q "$w" "$1" || { echo "$w"; exit 1; }; done' \
	- "$S/statistics.json"

# ---- adapters of different targets: a task counts at all modules of the merge
must "$HELP/tiny-model" -q --adapters pattern --blocks 1 -o "$T/pattern"
cp -r "$L" "$T/mixed-loras"
rm -r "$T/mixed-loras/isear"
cp -r "$T/pattern/loras/isear" "$T/mixed-loras/"
L=$T/mixed-loras
for t in emoint isear; do person mixed $t; must hand_on mixed $t; done
one() { # NAME PATTERN COMMAND…: it fails, and ours is the one line beside make's own
	name=$1 pattern=$2 want=2
	shift 2
	rm -rf "$OUT"
	mkdir "$OUT"
	"$@" >"$T/stdout" 2>"$T/make.err"
	status=$?
	sed '/^make: \*\*\* \[.*\] Error [0-9]*$/d' "$T/make.err" >"$T/stderr"
	verdict "$status"
}
pair="merge TASK_TARGETS=emoint,isear"
one 'modules that another adapter targets are missing: what to type' "statistics '.*/emoint' have no \
encoder.block.0.*, which the adapter of task 'isear' targets: who has the texts of 'emoint' makes them again by: \
make statistics TASK=emoint TARGETS=([a-z_0-9]+,)+[a-z_0-9]+$" given "$T/refused" "$(folders mixed emoint,isear)" $pair
targets=$(sed -n 's/.*TARGETS=//p' "$T/stderr")
for t in emoint isear; do must hand_on mixed $t TARGETS="$targets"; done
must given "$T/mixed/merged" "$(folders mixed emoint,isear)" $pair
must run "$T/mixed/plain" merge METHOD=regmean MANUAL_CEOF=1 TASK_TARGETS=emoint,isear
same_result 'with TARGETS: the merge of the texts' "$T/mixed/merged" "$T/mixed/plain"
one 'TARGETS: no linear' "TARGETS: 'z' names no linear of the model: expected ends of names: q," hand_on mixed emoint \
	TARGETS=q,z
L=$T/tiny/loras

# ---- what is refused
bad() { copy "$S" bad; } # a copy of the statistics of tec, to break it
broken() { # NAME PATTERN
	one "$1" "$2" given "$T/refused" "$(folders t5 emoint),$COPY,$(folders t5 isear)" merge TASK_TARGETS=$three
}
with() { # NAME PATTERN SETTINGS…
	name=$1 pattern=$2
	shift 2
	one "$name" "$pattern" given "$T/refused" "$all" merge TASK_TARGETS=$three "$@"
}
must "$HELP/tiny-model" -q --seed 2 --blocks 1 -o "$T/other"
with 'another base model' "statistics '.*/emoint' are of another base model than '$T/other/model': model.safetensors: \
expected the digest [0-9a-f]{16}, found [0-9a-f]{16}$" MODEL="$T/other/model"
copy "$M" config
sed -i '1s/{/{ /' "$COPY/config.json"
with "another base model's config" "another base model than '$COPY': config.json: expected" MODEL="$COPY"
copy "$M" generation
echo '{"decoder_start_token_id": 0}' >"$COPY/generation_config.json"
with 'a file that the base model had not' 'generation_config.json: expected the digest .*, found' MODEL="$COPY"
with 'another adapter in LORAS' "statistics '.*/emoint' are of another adapter than '$T/other/loras/emoint': \
adapter_model.safetensors: expected the digest" LORAS="$T/other/loras"
with 'another setting' 'statistics .*/emoint. were made with max_length 100, but this merge has 50: both must be' \
	MAX_LENGTH=50
with 'other features' 'were made with features tokens, but this merge has reference' FEATURES=reference
with 'another precision' 'were made with use_fp16 0, but this merge has 1' USE_FP16=1
with 'full weights' 'were made with with_pretrain_matrix 0, but this merge has 1' WITH_PRETRAIN_MATRIX=1
with 'DCS' 'use_dcs weighs a task.s rows by the adapters of all tasks' USE_DCS=1
with 'a method that needs texts' 'STATISTICS is for METHOD=regmean: sweep also needs rows of the merged model' \
	METHOD=sweep
with 'a method that needs nothing' 'STATISTICS is for METHOD=regmean: ties uses no statistics' METHOD=ties
with 'an evaluation without texts' 'DATA is not given' eval
one 'a task without statistics' "task_targets are $three, but STATISTICS are of emoint,tec: expected one folder \
for each task: TASK_TARGETS=emoint,tec$" given "$T/refused" "$(folders t5 emoint,tec)" merge TASK_TARGETS=$three
bad
one 'two folders of one task' "STATISTICS: '$COPY' is of task 'tec', as a folder before it" \
	given "$T/refused" "$S,$COPY" merge TASK_TARGETS=tec
COPY=$T/t5
broken 'no folder of statistics' "'$T/t5' has no statistics.json: expected a folder that make statistics wrote"
bad; put "$COPY/statistics.json" 0 'x'
broken 'statistics.json that is no JSON' 'bad/statistics.json'
bad; sed -i 's/"version": 1/"version": 2/' "$COPY/statistics.json"
broken 'an unknown version' 'statistics.json.: version: expected 1, found 2'
bad; sed -i 's/"merge-lora statistics"/"merge-lora"/' "$COPY/statistics.json"
broken 'another format' "format: expected 'merge-lora statistics', found 'merge-lora'"
bad; sed -i 's/"max_length": "100"/"max_length": "101"/' "$COPY/statistics.json"
broken 'an edited statistics.json' 'bad/statistics.json. is damaged: its digest is not that of its members'
bad; sed -i 's/"task": "tec"/"task": "emo"/' "$COPY/statistics.json"
broken 'an edited task' 'bad/statistics.json. is damaged'
bad; flip "$COPY/grams/enc00-self.h5" 9000
broken 'a flipped byte in a Gram file' "'$T/bad/grams/enc00-self.h5' is damaged or exchanged: expected the digest"
bad; rm "$COPY/grams/enc00-self.h5"
broken 'a missing Gram file' "'$T/bad/grams/enc00-self.h5' is missing: '.*statistics.json' lists it"
bad; cp "$COPY/grams/dec00-self.h5" "$COPY/grams/enc00-self.h5"
broken "another site's Gram file" 'enc00-self.h5. is damaged or exchanged'
bad; flip "$COPY/adapter_model.safetensors" 3000
broken 'a flipped byte in the adapter' 'bad/adapter_model.safetensors. is damaged or exchanged'

making() { # NAME PATTERN SETTINGS…
	name=$1 pattern=$2
	shift 2
	one "$name" "$pattern" make --no-print-directory BUILD="$BUILD" MODEL="$M" LORAS="$L" DATA="$D" \
		WORK="$OUT/w" "$@"
}
making 'statistics: no task' 'make statistics needs TASK=NAME: the task whose statistics are made' statistics
making 'statistics: two tasks' "TASK='a,b': expected the name of one task" statistics TASK=a,b
making 'statistics: another method' 'METHOD=sweep: statistics are for regmean: leave METHOD out' statistics TASK=tec \
	METHOD=sweep
making 'statistics: DCS' 'use_dcs weighs a task.s rows' statistics TASK=tec USE_DCS=1
making 'statistics: a list of tasks' "TASK='tec' and TASK_TARGETS are both given" statistics TASK=tec TASK_TARGETS=tec
making 'statistics of statistics' "TASK='tec' and STATISTICS='x' are both given" statistics TASK=tec STATISTICS=x
making 'a merge of TASK' 'TASK= is for make statistics; make merge takes TASK_TARGETS=' merge TASK=tec
making 'TARGETS of a merge' "TARGETS='q': it is for statistics: give TASK, too" merge TARGETS=q

# ---- Llama
M=data/demo-llama/model L=data/demo-llama/loras D=data/demo-llama/data
also=TARGETS=q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj # their adapters target different linears
hands_on llama mood,route TASK_TYPE=demo-llama CONFIG=data/demo-llama/config.yaml
finish
