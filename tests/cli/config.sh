#!/bin/sh
# Settings from the config file and from make's command line, through plan-pipeline and through make.
. "$(dirname "$0")/../lib.sh"
tiny

# The shipped config with one more line in its section, or with another value for one key.
extra() { { cat config/iteris-plus.yaml; printf '%s\n' "$1"; } >"$T/c.yaml"; lines=$(wc -l <"$T/c.yaml")
	config=$T/c.yaml; }
changed() { sed "s/^  $1: [^ #]*/  $1: $2/" config/iteris-plus.yaml >"$T/c.yaml"
	lines=$(grep -n "^  $1:" "$T/c.yaml" | cut -d: -f1); config=$T/c.yaml; }
(extra '  alhpa_1: 1'
	refuses 'file: a misspelt key, its line and the nearest' 1 "c.yaml:$lines: .*'alhpa_1'.*did you mean.*alpha_1" \
	plan_pipeline)
(extra '  colour: red'; refuses 'file: an unknown key' 1 "c.yaml:$lines: .*'colour'" plan_pipeline)
(extra '  alpha_1: 1'; refuses 'file: a key twice' 1 "c.yaml:$lines: .*alpha_1" plan_pipeline)
(changed max_length 0; refuses 'file: out of range' 1 "c.yaml:$lines: max_length: expected .*found '?0'?" plan_pipeline)
(changed use_dcs perhaps; refuses 'file: no boolean' 1 "c.yaml:$lines: use_dcs: .*found '?perhaps'?" plan_pipeline)
(extra '  outer_num: 21'
	refuses 'file: inner_num x outer_num is not samples_num' 1 "c.yaml.*inner_num.*outer_num.*samples_num" \
	"$BUILD/plan-pipeline" --config "$T/c.yaml" --model "$M" --loras "$L" --data "$D" --work "$OUT/w")
(extra '  rank: 7'
	refuses 'file: a rank that the adapter denies' 1 \
	"rank: the config says 7, .*/emoint/adapter_config.json says r = 4" plan_pipeline)
(extra '  lora_alpha: 9'
	refuses 'file: an alpha that the adapter denies' 1 \
	"lora_alpha: the config says 9.*/emoint/adapter_config.json says 8" plan_pipeline)
(extra '  rank: [1'; refuses 'file: no YAML' 1 "c.yaml:[0-9]+: " plan_pipeline)
(config=$T/none.yaml; refuses 'file: missing' 1 "cannot open '.*none.yaml'" plan_pipeline)
refuses 'file: no such section' 1 "no section 'EMOTION_t5_tiny'.*EMOTION_t5_large" plan_pipeline \
	--task-type EMOTION_t5_tiny
(extra '  rank: 4'; OUT=$T/fine; check 'file: a rank that is so' plan_pipeline -q)

word() { # NAME SETTINGS PATTERN
	(set=$2; refuses "override: $1" 2 "$3" plan_pipeline)
}
word 'a misspelt key, the nearest named' ALHPA_1=1 "command line: .*'?ALHPA_1'?.*did you mean '(alpha_1|ALPHA_1)"
word 'an unknown key' COLOUR=red "command line: .*COLOUR"
word 'no number' ALPHA_1=much "command line: .*(alpha_1|ALPHA_1).*'?much'?"
word 'out of range' ALPHA_1=-1 "command line: .*(alpha_1|ALPHA_1).*'?-1'?"
word 'not a number' ALPHA_1=nan "command line: .*(alpha_1|ALPHA_1).*'?nan'?"
word 'no boolean' USE_DCS=perhaps "command line: .*(use_dcs|USE_DCS).*'?perhaps'?"
word 'an unknown method' METHOD=sweeep "command line: method: expected sweep, .*found 'sweeep'"
word 'inner_num x outer_num is not samples_num' OUTER_NUM=5 "inner_num.*outer_num.*samples_num"
word 'weights for two of four tasks' MANUAL_CEOF=1,1 "manual_ceof.*"
word 'a task twice' TASK_TARGETS=tec,tec "'?tec'?"
word 'a task that leaves its folder' TASK_TARGETS=../tec "\.\./tec"
(set=TASK_TARGETS=tec,nobody; set="$set MANUAL_CEOF=1"
	refuses 'override: a task without adapter' 1 "task 'nobody' has no adapter: '.*/nobody'" plan_pipeline)
for name in model loras data; do
	(eval "$name=\$T/a\\ b"; refuses "$name: a blank in the path" 2 "[A-Z]+='.*a b': a path may not" plan_pipeline)
done
(loras=$T/nowhere; refuses 'loras: no such folder' 1 "has no adapter: '.*nowhere/emoint'" plan_pipeline)
(out='x$(touch x)'; refuses 'work: a path that make would run' 2 "WORK='x" plan_pipeline)

# Nothing in a config file is run by make or the shell, and no path in it leads out of WORK.
for text in '$(shell touch '"$T"'/ran)' '`touch '"$T"'/ran`' "x; touch $T/ran" "x' ; touch $T/ran; '" 'x # y' 'a&b' \
	'$HOME' 'x|y' '../>y'; do
	yaml="'$(echo "$text" | sed "s/'/''/g")'"
	(extra "  model_name: $yaml"; refuses "model_name: $text" 2 'MODEL_NAME=.*may not' plan_pipeline)
	for key in model_dir lora_dir data_dir; do
		(extra "  $key: $yaml"
			refuses "$key: $text" 2 '(MODEL|LORAS|DATA)=.*may not' "$BUILD/plan-pipeline" \
				--config "$T/c.yaml" --work "$OUT/w" \
				$([ $key = model_dir ] || echo --model "$M") \
					$([ $key = lora_dir ] || echo --loras "$L") \
					$([ $key = data_dir ] || echo --data "$D"))
	done
done
for task in ../tec /tec . .. tec/../tec 'tec;ls' '$(tec)' .tec; do
	(set="TASK_TARGETS=$task"
		refuses "task_targets: $task" 2 "task_targets: .* cannot name a folder" plan_pipeline)
done
(config=$T/c.yaml; sed "s/^EMOTION_t5_large:/..\/out:/" config/iteris-plus.yaml >"$T/c.yaml"
	refuses 'a section that leads out of the folder' 1 "'../out' cannot name a folder" \
	plan_pipeline --task-type ../out)
if [ -e "$T/ran" ]; then not_ok 'nothing of it was run'; else ok 'nothing of it was run'; fi

# The same through make: one line of ours, then make's own line that names the target. Nothing is started.
through_make() { # NAME PATTERN SETTINGS…
	name=$1 pattern=$2
	shift 2
	rm -rf "$OUT"
	mkdir "$OUT"
	run "$OUT/work" merge "$@" >"$T/stdout" 2>"$T/make.err"
	status=$?
	grep -v '^make' "$T/make.err" >"$T/stderr"
	want=2
	verdict $status
}
must make BUILD="$BUILD"
through_make 'make: a misspelt key' "^plan-pipeline: command line: .*ALPAH_1.*did you mean '(alpha_1|ALPHA_1)" \
	ALPAH_1=1e-4
through_make 'make: an unknown key' "^plan-pipeline: command line: .*COLOUR" COLOUR=red
through_make 'make: out of range' "^plan-pipeline: command line: .*-3" MAX_ITER=-3
through_make 'make: a model that is not there' "^plan-pipeline: cannot open '.*nowhere/config.json'" MODEL="$T/nowhere"
cp -r "$L" "$T/broken"; echo '{' >"$T/broken/tec/adapter_config.json"
through_make 'make: an adapter that is damaged' "^plan-pipeline: '.*config.json'" LORAS="$T/broken"
finish
