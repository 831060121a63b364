#!/bin/sh
# Folders and settings that are not what they should be: one line of plan-pipeline says what was probably meant,
# before anything runs. make adds one line of its own.
. "$(dirname "$0")/../lib.sh"
tiny --rows 200 # enough for the 60 samples of the shipped config
H=$T/home
mkdir -p "$H"

# asks NAME PATTERN GOALS AND WORDS…: make ends with two lines on stderr, ours (PATTERN) and
# "make: *** […] Error N". Nothing was written.
asks() {
	name=$1 pattern=$2
	shift 2
	rm -rf "$OUT"
	mkdir "$OUT"
	HOME=$H make --no-print-directory BUILD="$BUILD" MODEL="$M" LORAS="$L" DATA="$D" WORK="$OUT/work" "$@" \
		>"$T/stdout" 2>"$T/make.err"
	status=$?
	sed '/^make: \*\*\* \[.*\] Error [0-9]*$/d' "$T/make.err" >"$T/stderr"
	want=2
	[ $(($(wc -l <"$T/make.err") - $(wc -l <"$T/stderr"))) = 1 ] || status="$(wc -l <"$T/make.err") lines in all"
	verdict "$status"
}
# Meant TYPED MEANT.
meant() { asks "$1: $3" "^plan-pipeline: command line: unknown key '${1%%=*}'; did you mean '$2'\?$" merge "$1"; }

# ---- words
meant MODELS="$M" MODEL 'another word'
meant LORA="$L" LORAS 'another word'
meant DATAS="$D" DATA 'another word'
meant alpha_2=1e-3 ALPHA_2 'small letters'
meant model="$M" MODEL 'small letters'
meant method=ties METHOD "small letters, a variable of the pipeline's makefiles"
meant scale=0.5 SCALE "small letters, a variable of the pipeline's makefiles"
meant Use_Mats=1 USE_MATS 'mixed letters'
meant alpha-2=1e-3 ALPHA_2 'a hyphen'
meant USE-MATS=1 USE_MATS 'a hyphen'
meant adapters="$L" LORAS "another project's word"
meant OUTPUT_DIR=x WORK "another project's word"
meant TASKS=tec TASK_TARGETS "another project's word"
asks 'a word that is near nothing' "unknown key 'COLOUR'; make help or merge-lora help lists the keys$" merge COLOUR=red

# ---- paths
asks 'MODEL: a blank' "^plan-pipeline: MODEL='$T/a b/m': a path may not hold blanks.*ln -s '$T/a b/m' NAME" merge \
	MODEL="$T/a b/m"
asks 'LORAS: a blank' "^plan-pipeline: LORAS='.*a b': a path may not hold blanks" merge LORAS="$T/a b"
asks 'DATA: blanks' "^plan-pipeline: DATA='.*a b c': a path may not hold blanks" eval DATA="$T/a b c"
asks 'WORK: a blank' "^plan-pipeline: WORK='.*a b': a path may not hold blanks" merge WORK="$T/a b"
asks 'CONFIG: a blank' "^plan-pipeline: CONFIG='a b': a path may not hold blanks" merge CONFIG='a b'
asks 'REFERENCE: a blank' "^plan-pipeline: REFERENCE='.*a b': a path may not hold blanks" eval REFERENCE="$T/a b"
asks 'compare: a blank in WORK' "^plan-pipeline: WORK='.*a b': a path may not hold blanks" compare WORK="$T/a b" \
	METHODS=average,ties
asks 'MODEL: an apostrophe' "^plan-pipeline: MODEL='it's': a path may not be empty or hold any of" merge MODEL="it's"
asks "~user, that the shell left" "^plan-pipeline: MODEL='~nobody/m': the shell left '~' as it is: write the path out" \
	merge MODEL='~nobody/m'
check 'a list with blanks is a list' \
	sh -c 'make --no-print-directory BUILD="$1" MODEL="$2" LORAS="$3" DATA="$4" WORK="$5" \
	merge METHOD=average "TASK_TARGETS=emoint, tec" && grep -qx "tasks := emoint tec" "$5/plan.mk"' - \
	"$BUILD" "$M" "$L" "$D" "$T/blanks"
cp -r "$T/tiny" "$H/tiny"
check 'MODEL, LORAS, DATA, WORK and REFERENCE: ~ is expanded' sh \
	-c 'HOME=$1 make --no-print-directory BUILD="$2" "MODEL=~/tiny/model" "LORAS=~/tiny/loras" "DATA=~/tiny/data" \
	"WORK=~/w" "REFERENCE=~/r" eval METHOD=average &&
	[ -s "$1/w/adapter/adapter_config.json" ] && [ -s "$1/w/eval.tsv" ] &&
	[ -s "$1/r/base/tec.json" ] && [ ! -e "~" ]' - "$H" "$BUILD"
(set="MODEL_DIR=~/tiny/model"; check "model_dir: ~ is expanded" env HOME="$H" "$BUILD/plan-pipeline" \
	-q --tools "$BUILD" --loras "$L" --data "$D" --work "$T/tilde" --set "$set")

# ---- what a folder is
asks 'MODEL: a file of it' \
	"^plan-pipeline: MODEL='$M/model.safetensors' is a file: expected the folder that holds it: MODEL='$M'$" merge \
	MODEL="$M/model.safetensors"
asks 'MODEL: its config.json' "MODEL='$M/config.json' is a file: .*: MODEL='$M'$" merge MODEL="$M/config.json"
asks 'MODEL: an adapter' "MODEL='$L/tec' is an adapter \(adapter_config.json\): expected the folder of the base model" \
	merge MODEL="$L/tec"
asks 'LORAS: one adapter' "LORAS='$L/tec' is one adapter: expected .*: probably LORAS='$L'$" merge LORAS="$L/tec"
asks 'LORAS: a file of an adapter' "LORAS='$L/tec/adapter_model.safetensors' is a file: .*: probably LORAS='$L'$" \
	merge LORAS="$L/tec/adapter_model.safetensors"
asks 'DATA: a file' "DATA='$D/tec/train.json' is a file: expected a folder .*: probably DATA='$D'$" merge \
	DATA="$D/tec/train.json"
asks "DATA: one task's folder" "DATA='$D/tec' is one task's data: .*: probably DATA='$D'$" merge DATA="$D/tec"
asks 'DATA: nowhere' "DATA='$T/nowhere': there is no such folder$" merge DATA="$T/nowhere"
asks 'LORAS and DATA exchanged' "LORAS='$D' holds data and DATA='$L' holds adapters: exchange them" merge LORAS="$D" \
	DATA="$L"
: >"$T/file"
asks 'WORK: a file' "WORK='$T/file' is a file: expected a folder for the results" merge WORK="$T/file"
asks 'WORK: the folder of the adapters' "WORK='$L/' is LORAS's folder: give the results one of their own" merge \
	WORK="$L/"
asks 'MODEL and MODEL_DIR' "MODEL='$M' and the key model_dir='x' are both given: give one" merge MODEL_DIR=x
asks 'MODEL: empty' "MODEL is not given: MODEL=DIR on the command line, or model_dir in the config file" merge MODEL=

# ---- files that make would miss later
mv "$D/tec/test.json" "$T/kept.json"
for goals in eval 'merge eval' report 'compare METHODS=average,ties'; do
	# shellcheck disable=SC2086
	asks "$goals: no test.json" "^plan-pipeline: task 'tec' has no test.json: '$D/tec/test.json' is not there, "\
"and the evaluation needs it" $goals
done
check 'merge: needs no test.json' run "$T/untested" merge METHOD=average
mv "$T/kept.json" "$D/tec/test.json"
mv "$D/tec/train.json" "$T/kept.json"
asks 'merge: no train.json' "^plan-pipeline: task 'tec' has no train.json: '$D/tec/train.json' is not there, "\
"and the draw of calibration samples needs it" merge
asks 'merge by ties, which searches its scale: no train.json' "has no train.json" merge METHOD=ties
check 'merge by ties, its scale given: needs none' run "$T/untrained" merge METHOD=ties SCALE=1
mv "$T/kept.json" "$D/tec/train.json"
mv "$D/tec" "$T/kept"
asks 'a task without data' "^plan-pipeline: task 'tec' has no data: '$D/tec' is not there" merge
mv "$T/kept" "$D/tec"

# ---- names on the hub
hub() { # hub NAME PATTERN VARIABLES…: plan-pipeline with MODEL=NAME
	id=$1 pattern=$2
	shift 2
	refuses "hub: $id ($*)" 1 "$pattern" env -u HF_HOME -u HF_HUB_CACHE -u HUGGINGFACE_HUB_CACHE \
		-u XDG_CACHE_HOME HOME="$H" "$@" "$BUILD/plan-pipeline" --tools "$BUILD" \
		--model "$id" --loras "$L" --data "$D" --work "$OUT/w"
}
hub google/flan-t5-large "^plan-pipeline: MODEL='google/flan-t5-large' is no folder here; "\
"a model of that name on the hub is fetched by: "\
"hf download google/flan-t5-large --local-dir flan-t5-large, then MODEL=flan-t5-large$"
for cache in "$H/.cache/huggingface/hub" "$T/hub" "$T/hf/hub" "$T/xdg/huggingface/hub"; do
	at=$cache/models--google--flan-t5-large
	mkdir -p "$at/snapshots/aaa" "$at/snapshots/bbb" "$at/snapshots/ccc" "$at/refs"
	cp "$M/config.json" "$at/snapshots/aaa/"
	cp "$M/config.json" "$at/snapshots/bbb/" # ccc: only begun
	printf aaa >"$at/refs/main"
done
there() { \
	echo "^plan-pipeline: MODEL='$2' is no folder here; the hub's cache has the model of that name: MODEL='$1'$"; }
at=models--google--flan-t5-large/snapshots
hub google/flan-t5-large "$(there "$H/.cache/huggingface/hub/$at/aaa" google/flan-t5-large)"
hub google/flan-t5-large "$(there "$T/hub/$at/aaa" google/flan-t5-large)" HF_HUB_CACHE="$T/hub" HF_HOME="$T/hf"
hub google/flan-t5-large "$(there "$T/hf/hub/$at/aaa" google/flan-t5-large)" HF_HOME="$T/hf" XDG_CACHE_HOME="$T/xdg"
hub google/flan-t5-large "$(there "$T/xdg/huggingface/hub/$at/aaa" google/flan-t5-large)" XDG_CACHE_HOME="$T/xdg"
rm "$T/hub/models--google--flan-t5-large/refs/main"
hub google/flan-t5-large "$(there "$T/hub/$at/bbb" google/flan-t5-large)" HF_HUB_CACHE="$T/hub"
mkdir -p "$T/hub/models--t5-small/snapshots/ddd"; cp "$M/config.json" "$T/hub/models--t5-small/snapshots/ddd/"
hub t5-small "$(there "$T/hub/models--t5-small/snapshots/ddd" t5-small)" HF_HUB_CACHE="$T/hub"
hub t5-large "cannot open 't5-large/config.json'" HF_HUB_CACHE="$T/hub"
refuses 'hub: model_dir' 1 "MODEL='google/flan-t5-base' is no folder here; .*hf download google/flan-t5-base" env \
	HOME="$H" "$BUILD/plan-pipeline" --tools "$BUILD" --loras "$L" \
	--data "$D" --work "$OUT/w" --set MODEL_DIR=google/flan-t5-base
check 'hub: the folder that is named is taken' "$BUILD/plan-pipeline" -q --tools "$BUILD" --model "$M" --loras "$L" \
	--data "$D" --work "$T/cached"

# ---- make -C
here=$PWD
stands() (cd "$T/tiny" && make --no-print-directory -C "$here" BUILD="$BUILD" "$@")
stands merge METHOD=average MODEL=model LORAS="$L" DATA="$D" WORK="$T/stands" >"$T/stdout" 2>"$T/said"
check 'make -C: a path from where the user stands is said in full' \
	grep -q "^plan-pipeline: MODEL='model': make -C takes paths from '$here'; "\
"you stand in '$T/tiny': give MODEL='$T/tiny/model'$" "$T/said"
check '… in one line, and one of make' [ "$(wc -l <"$T/said")" = 2 ]
rm -rf "$here/work/tests-$$"
stands merge METHOD=average MODEL="$M" LORAS="$L" DATA="$D" WORK="work/tests-$$" >"$T/stdout" 2>"$T/said"
check 'make -C: where a relative path lies is said' grep \
	-q "^plan-pipeline: make -C: paths are taken from '$here': WORK is '$here/work/tests-$$'$" "$T/said"
cat >"$T/typed.mk" <<'END'
include Makefile
typed: ; @echo "$$TYPED"
END
check 'make -C: the command that goes on has it, too' [ \
	"$(cd "$T/tiny" && make -s -C "$here" -f "$T/typed.mk" typed WORK=w)" = "make -C $here typed WORK=w" ]
check 'no make -C: it has none' [ "$(make -s -f "$T/typed.mk" typed WORK=w)" = 'make typed WORK=w' ]
rm -rf "$here/work/tests-$$"
rmdir "$here/work" 2>/dev/null
check 'no make -C: nothing is said of it' \
	sh -c '! make --no-print-directory BUILD="$1" MODEL="$2" LORAS="$3" DATA="$4" WORK="$5" \
	merge METHOD=average 2>&1 | grep -q "make -C"' - "$BUILD" "$M" "$L" "$D" "$T/plain"

asks 'verify: no such WORK' "^verify-work: cannot open '$OUT/typo'" verify WORK="$OUT/typo"
check '… and no folder is made' test ! -e "$OUT/typo"

# ---- one method, or several
alone() { # NAME PATTERN WORDS…: a line of make, and no other
	name=$1 pattern=$2 want=2
	shift 2
	rm -rf "$OUT"
	mkdir "$OUT"
	run "$OUT/work" "$@" >"$T/stdout" 2>"$T/stderr"
	verdict $?
}
alone 'METHODS with merge' 'METHODS= is for make compare; make merge takes one: METHOD=' merge METHODS=ties
alone 'a method twice in compare' 'METHODS=ties,ties: a method is listed twice' compare METHODS=ties,ties
alone 'METHOD with compare' 'METHOD= is for make merge; make compare takes a list: METHODS=a,b' compare METHOD=ties
asks 'a merge_rank over the ranks that there are' \
	"^plan-pipeline: merge_rank: the config says 17, but the adapters' ranks together are at most 16" \
	merge MERGE_RANK=17
asks 'compare: a word that is no method, before the first one merges' \
	"^plan-pipeline: command line: method: expected .*, found 'swep'" compare METHODS=average,swep
check '… nothing was merged' test ! -e "$OUT/work"
asks 'compare of nothing' '^plan-pipeline: command line: method: expected ' compare METHODS=
asks 'a merge_rank over them in a comparison, before the first method merges' \
	"^plan-pipeline: merge_rank: the config says 17" compare METHODS=average,ties MERGE_RANK=17

# ---- batches, and lists of the shipped config, through make
for set in SAMPLES_NUM=10 'INNER_NUM=4 OUTER_NUM=2' SAMPLES_NUM=7\ INNER_NUM=2 \
	'METHOD=jacobi MAX_ITER=1 SAMPLES_NUM=8'; do
	SMALL=IF_BALANCE=0
	# shellcheck disable=SC2086
	check "merge $set" run "$T/batches" merge $set
	rm -rf "$T/batches"
done
check 'three tasks of the four' run "$T/three" merge METHOD=regmean SAMPLES_NUM=8 TASK_TARGETS=tec,emoint,isear
check '… each has its weight' grep -q '^solve_flags := .*--manual-ceof 1,1,1 ' "$T/three/plan.mk"

# ---- a row without its text is found before anything runs
rm -rf "$T/deep"
cp "$D/tec/train.json" "$T/train.json"
sed 's/"instruction"/"text"/' "$T/train.json" >"$D/tec/train.json"
run "$T/deep" merge >"$T/stdout" 2>"$T/said"
check 'no text in a row: refused by the plan' grep -q "^plan-pipeline: .*'instruction'" "$T/said"
check '… before anything runs' [ ! -e "$T/deep/log.tsv" ]
cp "$T/train.json" "$D/tec/train.json"

# ---- a later failure: the tool's line, and one line of make
rm -rf "$T/deep"
mkdir -p "$T/deep/samples/tec.h5"
run "$T/deep" merge >"$T/stdout" 2>"$T/said"
check 'a tool fails: its line' grep -q '^draw-samples: ' "$T/said"
check '… and one of make' [ "$(grep -c 'make.*\*\*\*' "$T/said")" = 1 ]
run "$T/deep" merge V=1 >"$T/stdout" 2>"$T/said"
check '… with V=1 all of them' [ "$(grep -c 'make.*\*\*\*' "$T/said")" -gt 1 ]
finish
