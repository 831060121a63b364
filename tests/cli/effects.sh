#!/bin/sh
# A setting that has no effect in the method asked for is said so: where it was typed, or where the config file gives it another value than its default.
. "$(dirname "$0")/../lib.sh"
tiny
out=$T/work
says() { # NAME METHOD SETTINGS LINES (as said after "has no effect ", in order)
	name=$1 set="METHOD=$2 $3"
	plan_pipeline >/dev/null 2>"$T/said" || { not_ok "$name: it fails"; return; }
	sed 's/^plan-pipeline: //; s/ has no effect / /; s/: .*//' "$T/said" >"$T/found"
	printf '%s' "$4" >"$T/want"
	if cmp -s "$T/found" "$T/want"; then ok "$name"; else not_ok "$name"; diff "$T/want" "$T/found" | say; fi
}
for method in sweep jacobi regmean average task-arithmetic ties dare; do says "$method: nothing is said of the shipped config" $method '' ''; done
says 'what is typed, though it is the default' regmean 'USE_MATS=1 SCALE=0 ALPHA_1=8e-5' 'use_mats in method regmean
scale in method regmean
'
says 'an option that is off asks for nothing' ties 'USE_MATS=0 USE_CAMR=False USE_DCS=0 SAVE=0' ''
says 'ridges by the weights alone' average 'ALPHA_1=1e-3 ALPHA_2=1e-3 USE_CAMR=1 MANUAL_CEOF=2' 'manual_ceof in method average
alpha_1 in method average
alpha_2 in method average
use_camr in method average
'
says 'keys of an option that is off, or that takes their place' jacobi 'CAMR_BETA=0 DCS_SIGMA=1 USE_MATS=0 MATS_HISTORY_SIZE=2' 'camr_beta without use_camr
dcs_sigma without use_dcs
mats_history_size without use_mats
'
says 'CAMR takes the place of alpha_2' sweep 'USE_CAMR=1 ALPHA_2=1e-3 ALPHA_1=1e-3 CAMR_ALPHA=1e-3' 'alpha_2 with use_camr
'
says 'rows of the merged model' regmean 'REG_CEOF=0.5' 'reg_ceof in method regmean
'
says 'cuts' task-arithmetic 'DENSITY=0.5 MERGE_RANK=3 SCALE=0.5' 'density in method task-arithmetic
merge_rank in method task-arithmetic
'
says 'a full model, anyway' sweep 'WITH_PRETRAIN_MATRIX=1 SAVE=1' 'save with with_pretrain_matrix
'
says 'but by the weights alone save counts' average 'WITH_PRETRAIN_MATRIX=1 SAVE=1' 'with_pretrain_matrix in method average
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
finish
