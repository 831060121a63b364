#!/bin/sh
# A message names every setting that has no effect with the chosen method: where it was typed, and where the config
# file gives it another value than its default.
. "$(dirname "$0")/../lib.sh"
tiny --rows 200 # enough for the 60 samples of the shipped config
SMALL= # typed settings would be said
# Rows also have the keys that the table below asks for.
sed -i -E 's/"instruction": ("[^"]*"), "output": ("[^"]*")/&, "text": \1, "label": \2, "number": "0"/' "$D"/*/*.json
out=$T/work
says() { # NAME METHOD SETTINGS LINES (as said after "has no effect ", in order)
	name=$1 set="METHOD=$2 $3"
	plan_pipeline >/dev/null 2>"$T/said" || { not_ok "$name: it fails"; return; }
	sed 's/^plan-pipeline: //; s/ has no effect / /; s/: .*//' "$T/said" >"$T/found"
	printf '%s' "$4" >"$T/want"
	if cmp -s "$T/found" "$T/want"; then ok "$name"; else not_ok "$name"; diff "$T/want" "$T/found" | say; fi
}
for method in sweep jacobi regmean average task-arithmetic ties dare
	do says "$method: nothing is said of the shipped config" $method '' ''; done
says 'what is typed, though it is the default' regmean 'USE_MATS=1 SCALE=0 ALPHA_1=8e-5' 'use_mats in method regmean
scale in method regmean
'
says 'an option that is off asks for nothing' ties 'USE_MATS=0 USE_CAMR=False USE_DCS=0 SAVE=0' ''
says 'ridges by the weights alone' average 'ALPHA_1=1e-3 ALPHA_2=1e-3 USE_CAMR=1 MANUAL_CEOF=2' \
	'manual_ceof in method average
alpha_1 in method average
alpha_2 in method average
use_camr in method average
'
says 'keys of an option that is off, or that takes their place' jacobi \
	'CAMR_BETA=0 DCS_SIGMA=1 USE_MATS=0 MATS_HISTORY_SIZE=2' 'mats_history_size without use_mats
camr_beta without use_camr
dcs_sigma without use_dcs
'
says 'CAMR takes the place of alpha_2' sweep 'USE_CAMR=1 ALPHA_2=1e-3 ALPHA_1=1e-3 CAMR_ALPHA=1e-3' \
	'alpha_2 with use_camr
'
says 'rows of the merged model' regmean 'REG_CEOF=0.5' 'reg_ceof in method regmean
'
says 'drift, without a merged side or with full weights' sweep 'WITH_PRETRAIN_MATRIX=1 DRIFT=1 CORRECT=o' \
	'drift with with_pretrain_matrix
correct with with_pretrain_matrix
'
says 'what belongs to corrected linears, where there are none' sweep 'CORRECT_RANK=4 CORRECT_RIDGE=1' \
	'correct_rank without correct
correct_ridge without correct
'
says 'drift takes no acceleration' jacobi 'DRIFT=1 USE_MATS=1 MATS_HISTORY_SIZE=2' 'use_mats with drift
mats_history_size with drift
'
says 'cuts' task-arithmetic 'DENSITY=0.5 MERGE_RANK=0 SCALE=0.5' 'density in method task-arithmetic
'
says 'samples, where the scale is given' dare 'SAMPLES_NUM=20 SCALE=0.5 SELECT_LONG=0' 'samples_num with scale
select_long with scale
'
says 'batches, where there are none' sweep 'IF_DIVIDE=0 INNER_NUM=5 OUTER_NUM=2' 'inner_num without if_divide
outer_num without if_divide
'
says 'a balanced draw is at random' sweep 'SHUFFLE=0' 'shuffle with if_balance
'
says 'a name where no adapter is written' sweep 'WITH_PRETRAIN_MATRIX=1 MODEL_NAME=x' \
	'model_name with with_pretrain_matrix
'
says 'a full model, anyway' sweep 'WITH_PRETRAIN_MATRIX=1 SAVE=1' 'save with with_pretrain_matrix
'
says 'but by the weights alone save counts' average 'WITH_PRETRAIN_MATRIX=1 SAVE=1' \
	'with_pretrain_matrix in method average
'

cat >"$T/own.yaml" <<'END'
EMOTION_t5_large:
  model_name: tiny
  task_targets: [emoint, tec]
  use_mats: True
  max_iter: 24
  manual_ceof: [1, 1]
  alpha_1: 8.0e-05
  alpha_2: 1e-3
  select_long: 2
  use_dcs: yes
END
config=$T/own.yaml
says 'a config file: its defaults ask for nothing' sweep '' ''
says 'its other values do' dare 'MERGE_RANK=4' 'alpha_2 in method dare
use_dcs in method dare
'

# Every key with every method:
# - = has an effect: the plan or a stamp differs from the one without it;
# - - is said to have no effect;
# - x is refused;
# - s is silent and the plan is the same: it is checked against the adapters, or has this value in any case;
# - o is silent: an option that is off.
#
# WITH is set in both runs.
cat >"$T/table" <<'END'
seed                        7             .              = = = = = = =
model_name                  other         .              = = = = = = =
task_targets                emoint,tec    .              = = = = = = =
lora_alpha                  8             .              s s s s s s s
rank                        4             .              s s s s s s s
manual_ceof                 2             .              = = = - - - -
manual_ceof                 -0.5          .              = = = - - - -
max_length                  50            .              = = = = = = =
alpha_1                     1e-3          .              = = = - - - -
alpha_2                     1e-3          .              = = = - - - -
reg_ceof                    0.5           .              = = - - - - -
samples_num                 20            .              = = = - = = =
inner_num                   5             .              = = = - - - -
outer_num                   5             .              = = = - - - -
select_long                 0             .              = = = - = = =
if_balance                  0             .              = = = - = = =
if_divide                   0             .              = = = - - - -
shuffle                     0             IF_BALANCE=0   = = = - = = =
with_pretrain_matrix        1             .              = = = - - - -
max_iter                    5             .              - = - - - - -
convergence_threshold       0.1           .              - = - - - - -
per_device_eval_batch_size  4             .              = = = = = = =
eval_int8                   1             .              = = = = = = =
drift                       1             .              = = - - - - -
drift                       0             .              o o o o o o o
correct                     o,wo          .              = = - - - - -
correct_rank                5             CORRECT=o      = = - - - - -
correct_ridge               0.1           CORRECT=o      = = - - - - -
save                        1             .              = = = = = = =
use_mats                    0             .              o = o o o o o
use_mats                    1             .              - s - - - - -
mats_history_size           2             .              - = - - - - -
mats_regularization         1e-4          .              - = - - - - -
use_camr                    1             .              = = = - - - -
camr_alpha                  1e-3          USE_CAMR=1     = = = - - - -
camr_beta                   1e-3          USE_CAMR=1     = = = - - - -
use_dcs                     1             .              = = = - - - -
dcs_sigma                   1             USE_DCS=1      = = = - - - -
use_fp16                    1             .              = = = = = = =
use_gradient_checkpointing  0             .              = = = - - - -
sequential_layer_processing 0             .              = = = - - - -
features                    reference     .              = s = - - - -
features                    tokens        .              s = s - - - -
text_key                    text          .              = = = = = = =
label_key                   label         .              = = = = = = =
label_names                 anger,joy     LABEL_KEY=number = = = = = = =
prompt                      {text}        .              = = = = = = =
answer                      {label}       .              = = = = = = =
answers                     given         .              = = = - - - -
answers                     generated     .              s s s - - - -
shards                      3             .              = = = - - - -
shards                      1             .              s s s - - - -
score                       exact         .              = = = = = = =
max_new_tokens              5             .              = = = = = = =
scale                       0.5           .              - - - - = = =
density                     0.5           .              - - - - - = =
merge_rank                  3             .              = = = = = = =
merge_rank                  auto:0.9      .              = = = = = = =
merge_rank                  0             .              s s s s s s s
max_memory                  1G            .              = = = = = = =
max_disk                    9G            .              s s s s s s s
END
config=config/iteris-plus.yaml
plan_text() { cat "$T"/work/plan.mk "$T"/work/iter01/plan.mk 2>/dev/null; (cd "$T/work/stamps" && for f in *
	do [ "$f" = digests ] || { echo "== $f"; cat "$f"; }; done); }
# plans METHOD [-q]: in a folder without an earlier plan; of jacobi also the first iteration's.
plans() {
	method_of=$1
	shift
	rm -rf "$T/work"
	plan_pipeline "$@" >/dev/null || return
	[ "$method_of" != jacobi ] || plan_pipeline -q --iteration 1 >/dev/null
}
# cell METHOD SETTINGS KEY: what becomes of the key, as a letter.
cell() {
	base=$T/base-$1-$2
	[ -e "$base" ] || { (set="METHOD=$1 $2"; plans "$1" -q) && plan_text >"$base" || return; }
	(set="METHOD=$1 $2 $3"; plans "$1" 2>"$T/said")
	status=$?
	key=$(echo "${3%%=*}" | tr 'A-Z' 'a-z')
	if [ $status = 2 ] && [ "$(wc -l <"$T/said")" = 1 ] &&
		grep -q "^plan-pipeline: command line: $key: method $1 does not take it: ties and dare do$" "$T/said"
		then echo x
	elif [ $status != 0 ]; then echo "status $status"
	elif grep -q "^plan-pipeline: $key has no effect in method $1: it counts in " "$T/said"; then echo -
	elif grep -v 'the result names the base model' "$T/said" | grep -q "$key"; then echo "$key: $(cat "$T/said")"
	elif plan_text | cmp -s - "$base"; then echo s
	else echo =; fi
}
while read -r key value with cells; do
	[ "$with" = . ] && with=
	found=
	for method in sweep jacobi regmean average task-arithmetic ties dare; do
		found="$found $(cell $method "$with" "$(echo "$key" | tr 'a-z' 'A-Z')=$value" 2>&1)"
	done
	case $cells in *o*) found=$(echo "$found" | sed 's/[=s]/o/g'); cells=$(echo "$cells" | tr '=' o) ;; esac
	check "$key=$value in all methods: $cells" [ "$found" = " $cells" ]
done <"$T/table"
# The folders' keys have an effect with every method where the word is not given. Both together are refused.
plan_of_keys() {
	"$BUILD/plan-pipeline" -q --tools "$BUILD" --work "$T/dirs" \
		--set "METHOD=$1 MODEL_DIR=$M LORA_DIR=$L DATA_DIR=$D" &&
		grep -q "^model := $M$" "$T/dirs/plan.mk" && grep -q "^loras := $L$" "$T/dirs/plan.mk" &&
			grep -q "^data := $D$" "$T/dirs/plan.mk"
}
for method in sweep jacobi regmean average task-arithmetic ties dare; do
	check "$method: model_dir, lora_dir and data_dir" plan_of_keys $method
	check "$method: method" grep -qx "method := $method" "$T/dirs/plan.mk"
done
unset out
for key in MODEL_DIR=$M LORA_DIR=$L DATA_DIR=$D; do (set=$key
	refuses "the word and its key: ${key%%=*}" 2 \
	"(MODEL|LORAS|DATA)='.*' and the key [a-z]+_dir='.*' are both given: give one" plan_pipeline); done
(set=LORA_ALPHA=9; refuses 'lora_alpha, that the adapters deny' 1 'lora_alpha: the config says 9' plan_pipeline)
(set=RANK=5; refuses 'rank, that the adapters deny' 1 'rank: the config says 5' plan_pipeline)
"$BUILD/plan-pipeline" --list-keys | awk '/^  [a-z]/ { print $1 }' |
	grep -vE '^(method|model_dir|lora_dir|data_dir)$' | sort >"$T/all"
awk '{ print $1 }' "$T/table" | sort -u >"$T/tested"
check 'the table has every key' diff "$T/all" "$T/tested"

# Rows that the tasks bring.
for t in emoint emotion-cause tec isear; do echo '[0, 5, 7, 9, 11, 2]' >"$D/$t/samples.json"; done
out=$T/work
brought() { # NAME SETTINGS LINES
	(set=$2; plan_pipeline >/dev/null 2>"$T/said")
	sed 's/^plan-pipeline: //' "$T/said" >"$T/found"
	check "$1" sh -c 'printf "%s" "$2" | diff - "$1"' - "$T/found" "$3"
}
brought 'samples.json: the default gives way, and is said' SEED=42 \
	"samples_num is 6: '$D/emoint/samples.json' lists so many rows
"
check '… and the batches follow' grep -q -- '--samples-num 6 ' "$T/work/plan.mk"
brought 'samples.json of as many: nothing is said' SAMPLES_NUM=6 ''
brought 'samples.json: nothing is drawn' 'SAMPLES_NUM=6 SELECT_LONG=0 IF_BALANCE=0 SHUFFLE=0' \
	'select_long has no effect: every task brings its samples.json
if_balance has no effect: every task brings its samples.json
shuffle has no effect: every task brings its samples.json
'
brought 'samples.json: weights alone take no samples' METHOD=average ''
unset out
(set=SAMPLES_NUM=20
	refuses 'samples.json: another count than was typed' 1 \
	"samples_num is 20, but '$D/emoint/samples.json' lists 6 rows" plan_pipeline)
(set='INNER_NUM=2 OUTER_NUM=4'
	refuses 'samples.json: other batches than were typed' 2 \
	'inner_num x outer_num must be samples_num when if_divide: 2 x 4 is not 6' plan_pipeline)
echo '[1]' >"$D/tec/samples.json"
refuses 'samples.json: two counts' 1 \
	"'$D/emoint/samples.json' lists 6 rows and '$D/tec/samples.json' 1: every task takes equally many samples" \
	plan_pipeline
finish
