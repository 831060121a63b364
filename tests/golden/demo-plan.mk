# Written by plan-pipeline; read by pipeline/main.mk.
hash := \#
W := WORK
R := $W/eval
model := data/demo/model
loras := data/demo/loras
data := data/demo/data
bin := build
method := sweep
features := tokens
max_iter := 24
model_name := 
scale := 0
save := 0
result := $W/adapter/adapter_config.json
pass := $W
tasks := emoint emotion-cause tec isear
shards := 1
names := emoint emotion-cause tec isear
sites := enc00-self enc01-self enc02-self encoder-output dec00-self dec00-cross dec01-self dec01-cross
extract_sites := enc00-self enc01-self enc02-self encoder-output dec00-self dec00-cross dec01-self dec01-cross
threads := 1
draw_flags := --seed 42 --max-length 100 --samples-num 60 --select-long 1 --if-balance 1 --shuffle 1 --label-key 'output' --prompt '{instruction}' --answer '{output}'
extract_flags := --inner-num 3 --use-fp16 0 --use-gradient-checkpointing 1 --features tokens --answers generated --shards 1
tokens_flags := --inner-num 3 --use-fp16 0 --features tokens --shards 1 --max-new-tokens 3
grams_flags := --reg-ceof 0 --drift 0 --use-dcs 0 --dcs-sigma 0.5
solve_flags := --manual-ceof 1,1,1,1 --alpha-1 8e-05 --alpha-2 8e-05 --drift 0 --correct-rank 0 --correct-ridge 0.01 --use-camr 0 --camr-alpha 8e-05 --camr-beta 1e-06 --method sweep --merge-rank 0
mats_flags := --use-mats 1 --mats-history-size 3 --mats-regularization 1e-05
combine_flags := --seed 42 --method sweep --density 0.2 --merge-rank 0
search_flags := --use-fp16 0
converge_flags := --convergence-threshold 1e-05
eval_flags := --seed 42 --max-length 100 --per-device-eval-batch-size 8 --eval-int8 0 --use-fp16 0 --label-key 'output' --prompt '{instruction}' --answer '{output}' --score first-token --max-new-tokens 3
memory_flags :=
card_flags := --settings '{"seed":"42","manual_ceof":"1,1,1,1","max_length":"100","alpha_1":"8e-05","alpha_2":"8e-05","reg_ceof":"0","samples_num":"60","select_long":"1","if_balance":"1","with_pretrain_matrix":"0","drift":"0","use_camr":"0","use_dcs":"0","use_fp16":"0","use_gradient_checkpointing":"1","method":"sweep","features":"tokens","label_key":"output","prompt":"{instruction}","answer":"{output}","answers":"generated","score":"first-token","max_new_tokens":"3","merge_rank":"0"}'

$W/samples/emoint.h5: $W/stamps/draw-emoint
	$(draw) --task emoint --train $(data)/emoint/train.json -o $@

$W/samples/emotion-cause.h5: $W/stamps/draw-emotion-cause
	$(draw) --task emotion-cause --train $(data)/emotion-cause/train.json -o $@

$W/samples/tec.h5: $W/stamps/draw-tec
	$(draw) --task tec --train $(data)/tec/train.json -o $@

$W/samples/isear.h5: $W/stamps/draw-isear
	$(draw) --task isear --train $(data)/isear/train.json -o $@

$W/own/emoint/enc00-self.h5 $W/own/emotion-cause/enc00-self.h5 $W/own/tec/enc00-self.h5 \
    $W/own/isear/enc00-self.h5 &: $W/stamps/extract $W/stamps/adapter-emoint $W/samples/emoint.h5 \
    $W/stamps/adapter-emotion-cause $W/samples/emotion-cause.h5 $W/stamps/adapter-tec $W/samples/tec.h5 \
    $W/stamps/adapter-isear $W/samples/isear.h5
	$(extract_own) --site enc00-self --task emoint,emotion-cause,tec,isear -o '$W/own/{task}/enc00-self.h5'

$W/merged/emoint/enc00-self.h5 $W/merged/emotion-cause/enc00-self.h5 $W/merged/tec/enc00-self.h5 \
    $W/merged/isear/enc00-self.h5 &: $W/stamps/extract $W/samples/emoint.h5 $W/samples/emotion-cause.h5 \
    $W/samples/tec.h5 $W/samples/isear.h5
	$(extract_merged) --site enc00-self --task emoint,emotion-cause,tec,isear --solutions $W/solution -o '$W/merged/{task}/enc00-self.h5'

$W/grams/emoint/enc00-self.h5 $W/grams/emotion-cause/enc00-self.h5 &: $W/stamps/grams \
    $W/stamps/modules-enc-self $W/stamps/adapter-emoint $W/own/emoint/enc00-self.h5 \
    $W/merged/emoint/enc00-self.h5 $W/stamps/adapter-emotion-cause $W/own/emotion-cause/enc00-self.h5 \
    $W/merged/emotion-cause/enc00-self.h5 | $W/norms/emoint/enc00-self.h5 \
    $W/norms/emotion-cause/enc00-self.h5
	$(grams) --site enc00-self --task emoint,emotion-cause --own '$W/own/{task}/enc00-self.h5' --merged '$W/merged/{task}/enc00-self.h5' --norms '$W/norms/{task}/enc00-self.h5' -o '$W/grams/{task}/enc00-self.h5'

$W/grams/tec/enc00-self.h5 $W/grams/isear/enc00-self.h5 &: $W/stamps/grams $W/stamps/modules-enc-self \
    $W/stamps/adapter-tec $W/own/tec/enc00-self.h5 $W/merged/tec/enc00-self.h5 $W/stamps/adapter-isear \
    $W/own/isear/enc00-self.h5 $W/merged/isear/enc00-self.h5 | $W/norms/tec/enc00-self.h5 \
    $W/norms/isear/enc00-self.h5
	$(grams) --site enc00-self --task tec,isear --own '$W/own/{task}/enc00-self.h5' --merged '$W/merged/{task}/enc00-self.h5' --norms '$W/norms/{task}/enc00-self.h5' -o '$W/grams/{task}/enc00-self.h5'

$W/solution/enc00-self.h5: $W/stamps/solve $W/stamps/adapter-emoint $W/stamps/adapter-emotion-cause \
    $W/stamps/adapter-tec $W/stamps/adapter-isear $W/grams/emoint/enc00-self.h5 \
    $W/grams/emotion-cause/enc00-self.h5 $W/grams/tec/enc00-self.h5 $W/grams/isear/enc00-self.h5
	$(solve) --site enc00-self --grams '$W/grams/{task}/enc00-self.h5' -o $@
	$(release) --files 'grams/{task}/enc00-self.h5'

$W/own/emoint/enc01-self.h5 $W/norms/emoint/enc00-self.h5 $W/own/emotion-cause/enc01-self.h5 \
    $W/norms/emotion-cause/enc00-self.h5 $W/own/tec/enc01-self.h5 $W/norms/tec/enc00-self.h5 \
    $W/own/isear/enc01-self.h5 $W/norms/isear/enc00-self.h5 &: $W/stamps/extract $W/stamps/adapter-emoint \
    $W/samples/emoint.h5 $W/own/emoint/enc00-self.h5 $W/stamps/adapter-emotion-cause \
    $W/samples/emotion-cause.h5 $W/own/emotion-cause/enc00-self.h5 $W/stamps/adapter-tec $W/samples/tec.h5 \
    $W/own/tec/enc00-self.h5 $W/stamps/adapter-isear $W/samples/isear.h5 $W/own/isear/enc00-self.h5
	$(extract_own) --site enc01-self --task emoint,emotion-cause,tec,isear --from '$W/own/{task}/enc00-self.h5' --norms-of enc00-self --norms-output '$W/norms/{task}/enc00-self.h5' -o '$W/own/{task}/enc01-self.h5'

$W/merged/emoint/enc01-self.h5 $W/merged/emotion-cause/enc01-self.h5 $W/merged/tec/enc01-self.h5 \
    $W/merged/isear/enc01-self.h5 &: $W/stamps/extract $W/samples/emoint.h5 $W/merged/emoint/enc00-self.h5 \
    $W/solution/enc00-self.h5 $W/samples/emotion-cause.h5 $W/merged/emotion-cause/enc00-self.h5 \
    $W/samples/tec.h5 $W/merged/tec/enc00-self.h5 $W/samples/isear.h5 $W/merged/isear/enc00-self.h5
	$(extract_merged) --site enc01-self --task emoint,emotion-cause,tec,isear --solutions $W/solution --from '$W/merged/{task}/enc00-self.h5' -o '$W/merged/{task}/enc01-self.h5'

$W/grams/emoint/enc01-self.h5 $W/grams/emotion-cause/enc01-self.h5 &: $W/stamps/grams \
    $W/stamps/modules-enc-self $W/stamps/adapter-emoint $W/own/emoint/enc01-self.h5 \
    $W/merged/emoint/enc01-self.h5 $W/stamps/adapter-emotion-cause $W/own/emotion-cause/enc01-self.h5 \
    $W/merged/emotion-cause/enc01-self.h5 | $W/norms/emoint/enc01-self.h5 \
    $W/norms/emotion-cause/enc01-self.h5
	$(grams) --site enc01-self --task emoint,emotion-cause --own '$W/own/{task}/enc01-self.h5' --merged '$W/merged/{task}/enc01-self.h5' --norms '$W/norms/{task}/enc01-self.h5' -o '$W/grams/{task}/enc01-self.h5'

$W/grams/tec/enc01-self.h5 $W/grams/isear/enc01-self.h5 &: $W/stamps/grams $W/stamps/modules-enc-self \
    $W/stamps/adapter-tec $W/own/tec/enc01-self.h5 $W/merged/tec/enc01-self.h5 $W/stamps/adapter-isear \
    $W/own/isear/enc01-self.h5 $W/merged/isear/enc01-self.h5 | $W/norms/tec/enc01-self.h5 \
    $W/norms/isear/enc01-self.h5
	$(grams) --site enc01-self --task tec,isear --own '$W/own/{task}/enc01-self.h5' --merged '$W/merged/{task}/enc01-self.h5' --norms '$W/norms/{task}/enc01-self.h5' -o '$W/grams/{task}/enc01-self.h5'

$W/solution/enc01-self.h5: $W/stamps/solve $W/stamps/adapter-emoint $W/stamps/adapter-emotion-cause \
    $W/stamps/adapter-tec $W/stamps/adapter-isear $W/grams/emoint/enc01-self.h5 \
    $W/grams/emotion-cause/enc01-self.h5 $W/grams/tec/enc01-self.h5 $W/grams/isear/enc01-self.h5
	$(solve) --site enc01-self --grams '$W/grams/{task}/enc01-self.h5' -o $@
	$(release) --files 'own/{task}/enc00-self.h5,merged/{task}/enc00-self.h5,grams/{task}/enc01-self.h5'

$W/own/emoint/enc02-self.h5 $W/norms/emoint/enc01-self.h5 $W/own/emotion-cause/enc02-self.h5 \
    $W/norms/emotion-cause/enc01-self.h5 $W/own/tec/enc02-self.h5 $W/norms/tec/enc01-self.h5 \
    $W/own/isear/enc02-self.h5 $W/norms/isear/enc01-self.h5 &: $W/stamps/extract $W/stamps/adapter-emoint \
    $W/samples/emoint.h5 $W/own/emoint/enc01-self.h5 $W/stamps/adapter-emotion-cause \
    $W/samples/emotion-cause.h5 $W/own/emotion-cause/enc01-self.h5 $W/stamps/adapter-tec $W/samples/tec.h5 \
    $W/own/tec/enc01-self.h5 $W/stamps/adapter-isear $W/samples/isear.h5 $W/own/isear/enc01-self.h5 | \
    $W/grams/emoint/enc00-self.h5 $W/grams/emotion-cause/enc00-self.h5 $W/grams/tec/enc00-self.h5 \
    $W/grams/isear/enc00-self.h5
	$(extract_own) --site enc02-self --task emoint,emotion-cause,tec,isear --from '$W/own/{task}/enc01-self.h5' --norms-of enc01-self --norms-output '$W/norms/{task}/enc01-self.h5' -o '$W/own/{task}/enc02-self.h5'

$W/merged/emoint/enc02-self.h5 $W/merged/emotion-cause/enc02-self.h5 $W/merged/tec/enc02-self.h5 \
    $W/merged/isear/enc02-self.h5 &: $W/stamps/extract $W/samples/emoint.h5 $W/merged/emoint/enc01-self.h5 \
    $W/solution/enc01-self.h5 $W/samples/emotion-cause.h5 $W/merged/emotion-cause/enc01-self.h5 \
    $W/samples/tec.h5 $W/merged/tec/enc01-self.h5 $W/samples/isear.h5 $W/merged/isear/enc01-self.h5
	$(extract_merged) --site enc02-self --task emoint,emotion-cause,tec,isear --solutions $W/solution --from '$W/merged/{task}/enc01-self.h5' -o '$W/merged/{task}/enc02-self.h5'

$W/grams/emoint/enc02-self.h5 $W/grams/emotion-cause/enc02-self.h5 &: $W/stamps/grams \
    $W/stamps/modules-enc-self $W/stamps/adapter-emoint $W/own/emoint/enc02-self.h5 \
    $W/merged/emoint/enc02-self.h5 $W/stamps/adapter-emotion-cause $W/own/emotion-cause/enc02-self.h5 \
    $W/merged/emotion-cause/enc02-self.h5 | $W/norms/emoint/enc02-self.h5 \
    $W/norms/emotion-cause/enc02-self.h5
	$(grams) --site enc02-self --task emoint,emotion-cause --own '$W/own/{task}/enc02-self.h5' --merged '$W/merged/{task}/enc02-self.h5' --norms '$W/norms/{task}/enc02-self.h5' -o '$W/grams/{task}/enc02-self.h5'

$W/grams/tec/enc02-self.h5 $W/grams/isear/enc02-self.h5 &: $W/stamps/grams $W/stamps/modules-enc-self \
    $W/stamps/adapter-tec $W/own/tec/enc02-self.h5 $W/merged/tec/enc02-self.h5 $W/stamps/adapter-isear \
    $W/own/isear/enc02-self.h5 $W/merged/isear/enc02-self.h5 | $W/norms/tec/enc02-self.h5 \
    $W/norms/isear/enc02-self.h5
	$(grams) --site enc02-self --task tec,isear --own '$W/own/{task}/enc02-self.h5' --merged '$W/merged/{task}/enc02-self.h5' --norms '$W/norms/{task}/enc02-self.h5' -o '$W/grams/{task}/enc02-self.h5'

$W/solution/enc02-self.h5: $W/stamps/solve $W/stamps/adapter-emoint $W/stamps/adapter-emotion-cause \
    $W/stamps/adapter-tec $W/stamps/adapter-isear $W/grams/emoint/enc02-self.h5 \
    $W/grams/emotion-cause/enc02-self.h5 $W/grams/tec/enc02-self.h5 $W/grams/isear/enc02-self.h5
	$(solve) --site enc02-self --grams '$W/grams/{task}/enc02-self.h5' -o $@
	$(release) --files 'own/{task}/enc01-self.h5,merged/{task}/enc01-self.h5,grams/{task}/enc02-self.h5'

$W/own/emoint/encoder-output.h5 $W/norms/emoint/enc02-self.h5 $W/own/emotion-cause/encoder-output.h5 \
    $W/norms/emotion-cause/enc02-self.h5 $W/own/tec/encoder-output.h5 $W/norms/tec/enc02-self.h5 \
    $W/own/isear/encoder-output.h5 $W/norms/isear/enc02-self.h5 &: $W/stamps/extract $W/stamps/adapter-emoint \
    $W/samples/emoint.h5 $W/own/emoint/enc02-self.h5 $W/stamps/adapter-emotion-cause \
    $W/samples/emotion-cause.h5 $W/own/emotion-cause/enc02-self.h5 $W/stamps/adapter-tec $W/samples/tec.h5 \
    $W/own/tec/enc02-self.h5 $W/stamps/adapter-isear $W/samples/isear.h5 $W/own/isear/enc02-self.h5 | \
    $W/grams/emoint/enc01-self.h5 $W/grams/emotion-cause/enc01-self.h5 $W/grams/tec/enc01-self.h5 \
    $W/grams/isear/enc01-self.h5
	$(extract_own) --site encoder-output --task emoint,emotion-cause,tec,isear --from '$W/own/{task}/enc02-self.h5' --norms-of enc02-self --norms-output '$W/norms/{task}/enc02-self.h5' -o '$W/own/{task}/encoder-output.h5'

$W/tokens/emoint.h5 $W/tokens/emotion-cause.h5 $W/tokens/tec.h5 $W/tokens/isear.h5 &: $W/stamps/tokens \
    $W/stamps/adapter-emoint $W/samples/emoint.h5 $W/stamps/extract $W/stamps/adapter-emotion-cause \
    $W/samples/emotion-cause.h5 $W/stamps/adapter-tec $W/samples/tec.h5 $W/stamps/adapter-isear \
    $W/samples/isear.h5 | $W/own/emoint/encoder-output.h5 $W/own/emotion-cause/encoder-output.h5 \
    $W/own/tec/encoder-output.h5 $W/own/isear/encoder-output.h5
	$(generate_own) --task emoint,emotion-cause,tec,isear --encoder-output '$W/own/{task}/encoder-output.h5' -o '$W/tokens/{task}.h5'

$W/merged/emoint/encoder-output.h5 $W/merged/emotion-cause/encoder-output.h5 $W/merged/tec/encoder-output.h5 \
    $W/merged/isear/encoder-output.h5 &: $W/stamps/extract $W/samples/emoint.h5 $W/merged/emoint/enc02-self.h5 \
    $W/solution/enc02-self.h5 $W/samples/emotion-cause.h5 $W/merged/emotion-cause/enc02-self.h5 \
    $W/samples/tec.h5 $W/merged/tec/enc02-self.h5 $W/samples/isear.h5 $W/merged/isear/enc02-self.h5
	$(extract_merged) --site encoder-output --task emoint,emotion-cause,tec,isear --solutions $W/solution --from '$W/merged/{task}/enc02-self.h5' -o '$W/merged/{task}/encoder-output.h5'

$W/grams/emoint/encoder-output.h5 $W/grams/emotion-cause/encoder-output.h5 &: $W/stamps/grams \
    $W/stamps/modules-encoder-output $W/stamps/adapter-emoint $W/own/emoint/encoder-output.h5 \
    $W/merged/emoint/encoder-output.h5 $W/stamps/adapter-emotion-cause $W/own/emotion-cause/encoder-output.h5 \
    $W/merged/emotion-cause/encoder-output.h5
	$(grams) --site encoder-output --task emoint,emotion-cause --own '$W/own/{task}/encoder-output.h5' --merged '$W/merged/{task}/encoder-output.h5' -o '$W/grams/{task}/encoder-output.h5'

$W/grams/tec/encoder-output.h5 $W/grams/isear/encoder-output.h5 &: $W/stamps/grams \
    $W/stamps/modules-encoder-output $W/stamps/adapter-tec $W/own/tec/encoder-output.h5 \
    $W/merged/tec/encoder-output.h5 $W/stamps/adapter-isear $W/own/isear/encoder-output.h5 \
    $W/merged/isear/encoder-output.h5
	$(grams) --site encoder-output --task tec,isear --own '$W/own/{task}/encoder-output.h5' --merged '$W/merged/{task}/encoder-output.h5' -o '$W/grams/{task}/encoder-output.h5'

$W/solution/encoder-output.h5: $W/stamps/solve $W/stamps/adapter-emoint $W/stamps/adapter-emotion-cause \
    $W/stamps/adapter-tec $W/stamps/adapter-isear $W/grams/emoint/encoder-output.h5 \
    $W/grams/emotion-cause/encoder-output.h5 $W/grams/tec/encoder-output.h5 $W/grams/isear/encoder-output.h5
	$(solve) --site encoder-output --grams '$W/grams/{task}/encoder-output.h5' -o $@
	$(release) --files 'own/{task}/enc02-self.h5,merged/{task}/enc02-self.h5,grams/{task}/encoder-output.h5'

$W/own/emoint/dec00-self.h5 $W/own/emotion-cause/dec00-self.h5 $W/own/tec/dec00-self.h5 \
    $W/own/isear/dec00-self.h5 &: $W/stamps/extract $W/stamps/adapter-emoint $W/samples/emoint.h5 \
    $W/tokens/emoint.h5 $W/own/emoint/encoder-output.h5 $W/stamps/adapter-emotion-cause \
    $W/samples/emotion-cause.h5 $W/tokens/emotion-cause.h5 $W/own/emotion-cause/encoder-output.h5 \
    $W/stamps/adapter-tec $W/samples/tec.h5 $W/tokens/tec.h5 $W/own/tec/encoder-output.h5 \
    $W/stamps/adapter-isear $W/samples/isear.h5 $W/tokens/isear.h5 $W/own/isear/encoder-output.h5 | \
    $W/grams/emoint/enc01-self.h5 $W/grams/emotion-cause/enc01-self.h5 $W/grams/tec/enc01-self.h5 \
    $W/grams/isear/enc01-self.h5
	$(extract_own) --site dec00-self --task emoint,emotion-cause,tec,isear --tokens '$W/tokens/{task}.h5' --encoder-output '$W/own/{task}/encoder-output.h5' -o '$W/own/{task}/dec00-self.h5'

$W/merged/emoint/dec00-self.h5 $W/merged/emotion-cause/dec00-self.h5 $W/merged/tec/dec00-self.h5 \
    $W/merged/isear/dec00-self.h5 &: $W/stamps/extract $W/samples/emoint.h5 $W/tokens/emoint.h5 \
    $W/merged/emoint/encoder-output.h5 $W/solution/encoder-output.h5 $W/samples/emotion-cause.h5 \
    $W/tokens/emotion-cause.h5 $W/merged/emotion-cause/encoder-output.h5 $W/samples/tec.h5 $W/tokens/tec.h5 \
    $W/merged/tec/encoder-output.h5 $W/samples/isear.h5 $W/tokens/isear.h5 $W/merged/isear/encoder-output.h5
	$(extract_merged) --site dec00-self --task emoint,emotion-cause,tec,isear --solutions $W/solution --tokens '$W/tokens/{task}.h5' --encoder-output '$W/merged/{task}/encoder-output.h5' -o '$W/merged/{task}/dec00-self.h5'

$W/grams/emoint/dec00-self.h5 $W/grams/emotion-cause/dec00-self.h5 &: $W/stamps/grams \
    $W/stamps/modules-dec-self $W/stamps/adapter-emoint $W/own/emoint/dec00-self.h5 \
    $W/merged/emoint/dec00-self.h5 $W/stamps/adapter-emotion-cause $W/own/emotion-cause/dec00-self.h5 \
    $W/merged/emotion-cause/dec00-self.h5 | $W/norms/emoint/dec00-self.h5 \
    $W/norms/emotion-cause/dec00-self.h5
	$(grams) --site dec00-self --task emoint,emotion-cause --own '$W/own/{task}/dec00-self.h5' --merged '$W/merged/{task}/dec00-self.h5' --norms '$W/norms/{task}/dec00-self.h5' -o '$W/grams/{task}/dec00-self.h5'

$W/grams/tec/dec00-self.h5 $W/grams/isear/dec00-self.h5 &: $W/stamps/grams $W/stamps/modules-dec-self \
    $W/stamps/adapter-tec $W/own/tec/dec00-self.h5 $W/merged/tec/dec00-self.h5 $W/stamps/adapter-isear \
    $W/own/isear/dec00-self.h5 $W/merged/isear/dec00-self.h5 | $W/norms/tec/dec00-self.h5 \
    $W/norms/isear/dec00-self.h5
	$(grams) --site dec00-self --task tec,isear --own '$W/own/{task}/dec00-self.h5' --merged '$W/merged/{task}/dec00-self.h5' --norms '$W/norms/{task}/dec00-self.h5' -o '$W/grams/{task}/dec00-self.h5'

$W/solution/dec00-self.h5: $W/stamps/solve $W/stamps/adapter-emoint $W/stamps/adapter-emotion-cause \
    $W/stamps/adapter-tec $W/stamps/adapter-isear $W/grams/emoint/dec00-self.h5 \
    $W/grams/emotion-cause/dec00-self.h5 $W/grams/tec/dec00-self.h5 $W/grams/isear/dec00-self.h5
	$(solve) --site dec00-self --grams '$W/grams/{task}/dec00-self.h5' -o $@
	$(release) --files 'grams/{task}/dec00-self.h5'

$W/own/emoint/dec00-cross.h5 $W/norms/emoint/dec00-self.h5 $W/own/emotion-cause/dec00-cross.h5 \
    $W/norms/emotion-cause/dec00-self.h5 $W/own/tec/dec00-cross.h5 $W/norms/tec/dec00-self.h5 \
    $W/own/isear/dec00-cross.h5 $W/norms/isear/dec00-self.h5 &: $W/stamps/extract $W/stamps/adapter-emoint \
    $W/samples/emoint.h5 $W/own/emoint/dec00-self.h5 $W/tokens/emoint.h5 $W/own/emoint/encoder-output.h5 \
    $W/stamps/adapter-emotion-cause $W/samples/emotion-cause.h5 $W/own/emotion-cause/dec00-self.h5 \
    $W/tokens/emotion-cause.h5 $W/own/emotion-cause/encoder-output.h5 $W/stamps/adapter-tec $W/samples/tec.h5 \
    $W/own/tec/dec00-self.h5 $W/tokens/tec.h5 $W/own/tec/encoder-output.h5 $W/stamps/adapter-isear \
    $W/samples/isear.h5 $W/own/isear/dec00-self.h5 $W/tokens/isear.h5 $W/own/isear/encoder-output.h5 | \
    $W/grams/emoint/enc02-self.h5 $W/grams/emotion-cause/enc02-self.h5 $W/grams/tec/enc02-self.h5 \
    $W/grams/isear/enc02-self.h5
	$(extract_own) --site dec00-cross --task emoint,emotion-cause,tec,isear --from '$W/own/{task}/dec00-self.h5' --tokens '$W/tokens/{task}.h5' --encoder-output '$W/own/{task}/encoder-output.h5' --norms-of dec00-self --norms-output '$W/norms/{task}/dec00-self.h5' -o '$W/own/{task}/dec00-cross.h5'

$W/merged/emoint/dec00-cross.h5 $W/merged/emotion-cause/dec00-cross.h5 $W/merged/tec/dec00-cross.h5 \
    $W/merged/isear/dec00-cross.h5 &: $W/stamps/extract $W/samples/emoint.h5 $W/merged/emoint/dec00-self.h5 \
    $W/tokens/emoint.h5 $W/merged/emoint/encoder-output.h5 $W/solution/dec00-self.h5 \
    $W/samples/emotion-cause.h5 $W/merged/emotion-cause/dec00-self.h5 $W/tokens/emotion-cause.h5 \
    $W/merged/emotion-cause/encoder-output.h5 $W/samples/tec.h5 $W/merged/tec/dec00-self.h5 $W/tokens/tec.h5 \
    $W/merged/tec/encoder-output.h5 $W/samples/isear.h5 $W/merged/isear/dec00-self.h5 $W/tokens/isear.h5 \
    $W/merged/isear/encoder-output.h5
	$(extract_merged) --site dec00-cross --task emoint,emotion-cause,tec,isear --solutions $W/solution --from '$W/merged/{task}/dec00-self.h5' --tokens '$W/tokens/{task}.h5' --encoder-output '$W/merged/{task}/encoder-output.h5' -o '$W/merged/{task}/dec00-cross.h5'

$W/grams/emoint/dec00-cross.h5 $W/grams/emotion-cause/dec00-cross.h5 &: $W/stamps/grams \
    $W/stamps/modules-dec-cross $W/stamps/adapter-emoint $W/own/emoint/dec00-cross.h5 \
    $W/merged/emoint/dec00-cross.h5 $W/stamps/adapter-emotion-cause $W/own/emotion-cause/dec00-cross.h5 \
    $W/merged/emotion-cause/dec00-cross.h5 | $W/norms/emoint/dec00-cross.h5 \
    $W/norms/emotion-cause/dec00-cross.h5
	$(grams) --site dec00-cross --task emoint,emotion-cause --own '$W/own/{task}/dec00-cross.h5' --merged '$W/merged/{task}/dec00-cross.h5' --norms '$W/norms/{task}/dec00-cross.h5' -o '$W/grams/{task}/dec00-cross.h5'

$W/grams/tec/dec00-cross.h5 $W/grams/isear/dec00-cross.h5 &: $W/stamps/grams $W/stamps/modules-dec-cross \
    $W/stamps/adapter-tec $W/own/tec/dec00-cross.h5 $W/merged/tec/dec00-cross.h5 $W/stamps/adapter-isear \
    $W/own/isear/dec00-cross.h5 $W/merged/isear/dec00-cross.h5 | $W/norms/tec/dec00-cross.h5 \
    $W/norms/isear/dec00-cross.h5
	$(grams) --site dec00-cross --task tec,isear --own '$W/own/{task}/dec00-cross.h5' --merged '$W/merged/{task}/dec00-cross.h5' --norms '$W/norms/{task}/dec00-cross.h5' -o '$W/grams/{task}/dec00-cross.h5'

$W/solution/dec00-cross.h5: $W/stamps/solve $W/stamps/adapter-emoint $W/stamps/adapter-emotion-cause \
    $W/stamps/adapter-tec $W/stamps/adapter-isear $W/grams/emoint/dec00-cross.h5 \
    $W/grams/emotion-cause/dec00-cross.h5 $W/grams/tec/dec00-cross.h5 $W/grams/isear/dec00-cross.h5
	$(solve) --site dec00-cross --grams '$W/grams/{task}/dec00-cross.h5' -o $@
	$(release) --files 'own/{task}/dec00-cross.h5,merged/{task}/dec00-cross.h5,grams/{task}/dec00-cross.h5'

$W/own/emoint/dec01-self.h5 $W/norms/emoint/dec00-cross.h5 $W/own/emotion-cause/dec01-self.h5 \
    $W/norms/emotion-cause/dec00-cross.h5 $W/own/tec/dec01-self.h5 $W/norms/tec/dec00-cross.h5 \
    $W/own/isear/dec01-self.h5 $W/norms/isear/dec00-cross.h5 &: $W/stamps/extract $W/stamps/adapter-emoint \
    $W/samples/emoint.h5 $W/own/emoint/dec00-self.h5 $W/tokens/emoint.h5 $W/own/emoint/encoder-output.h5 \
    $W/stamps/adapter-emotion-cause $W/samples/emotion-cause.h5 $W/own/emotion-cause/dec00-self.h5 \
    $W/tokens/emotion-cause.h5 $W/own/emotion-cause/encoder-output.h5 $W/stamps/adapter-tec $W/samples/tec.h5 \
    $W/own/tec/dec00-self.h5 $W/tokens/tec.h5 $W/own/tec/encoder-output.h5 $W/stamps/adapter-isear \
    $W/samples/isear.h5 $W/own/isear/dec00-self.h5 $W/tokens/isear.h5 $W/own/isear/encoder-output.h5 | \
    $W/grams/emoint/encoder-output.h5 $W/grams/emotion-cause/encoder-output.h5 $W/grams/tec/encoder-output.h5 \
    $W/grams/isear/encoder-output.h5
	$(extract_own) --site dec01-self --task emoint,emotion-cause,tec,isear --from '$W/own/{task}/dec00-self.h5' --tokens '$W/tokens/{task}.h5' --encoder-output '$W/own/{task}/encoder-output.h5' --norms-of dec00-cross --norms-output '$W/norms/{task}/dec00-cross.h5' -o '$W/own/{task}/dec01-self.h5'

$W/merged/emoint/dec01-self.h5 $W/merged/emotion-cause/dec01-self.h5 $W/merged/tec/dec01-self.h5 \
    $W/merged/isear/dec01-self.h5 &: $W/stamps/extract $W/samples/emoint.h5 $W/merged/emoint/dec00-self.h5 \
    $W/tokens/emoint.h5 $W/merged/emoint/encoder-output.h5 $W/solution/dec00-cross.h5 \
    $W/samples/emotion-cause.h5 $W/merged/emotion-cause/dec00-self.h5 $W/tokens/emotion-cause.h5 \
    $W/merged/emotion-cause/encoder-output.h5 $W/samples/tec.h5 $W/merged/tec/dec00-self.h5 $W/tokens/tec.h5 \
    $W/merged/tec/encoder-output.h5 $W/samples/isear.h5 $W/merged/isear/dec00-self.h5 $W/tokens/isear.h5 \
    $W/merged/isear/encoder-output.h5
	$(extract_merged) --site dec01-self --task emoint,emotion-cause,tec,isear --solutions $W/solution --from '$W/merged/{task}/dec00-self.h5' --tokens '$W/tokens/{task}.h5' --encoder-output '$W/merged/{task}/encoder-output.h5' -o '$W/merged/{task}/dec01-self.h5'

$W/grams/emoint/dec01-self.h5 $W/grams/emotion-cause/dec01-self.h5 &: $W/stamps/grams \
    $W/stamps/modules-dec-self $W/stamps/adapter-emoint $W/own/emoint/dec01-self.h5 \
    $W/merged/emoint/dec01-self.h5 $W/stamps/adapter-emotion-cause $W/own/emotion-cause/dec01-self.h5 \
    $W/merged/emotion-cause/dec01-self.h5 | $W/norms/emoint/dec01-self.h5 \
    $W/norms/emotion-cause/dec01-self.h5
	$(grams) --site dec01-self --task emoint,emotion-cause --own '$W/own/{task}/dec01-self.h5' --merged '$W/merged/{task}/dec01-self.h5' --norms '$W/norms/{task}/dec01-self.h5' -o '$W/grams/{task}/dec01-self.h5'

$W/grams/tec/dec01-self.h5 $W/grams/isear/dec01-self.h5 &: $W/stamps/grams $W/stamps/modules-dec-self \
    $W/stamps/adapter-tec $W/own/tec/dec01-self.h5 $W/merged/tec/dec01-self.h5 $W/stamps/adapter-isear \
    $W/own/isear/dec01-self.h5 $W/merged/isear/dec01-self.h5 | $W/norms/tec/dec01-self.h5 \
    $W/norms/isear/dec01-self.h5
	$(grams) --site dec01-self --task tec,isear --own '$W/own/{task}/dec01-self.h5' --merged '$W/merged/{task}/dec01-self.h5' --norms '$W/norms/{task}/dec01-self.h5' -o '$W/grams/{task}/dec01-self.h5'

$W/solution/dec01-self.h5: $W/stamps/solve $W/stamps/adapter-emoint $W/stamps/adapter-emotion-cause \
    $W/stamps/adapter-tec $W/stamps/adapter-isear $W/grams/emoint/dec01-self.h5 \
    $W/grams/emotion-cause/dec01-self.h5 $W/grams/tec/dec01-self.h5 $W/grams/isear/dec01-self.h5
	$(solve) --site dec01-self --grams '$W/grams/{task}/dec01-self.h5' -o $@
	$(release) --files 'own/{task}/dec00-self.h5,merged/{task}/dec00-self.h5,grams/{task}/dec01-self.h5'

$W/own/emoint/dec01-cross.h5 $W/norms/emoint/dec01-self.h5 $W/own/emotion-cause/dec01-cross.h5 \
    $W/norms/emotion-cause/dec01-self.h5 $W/own/tec/dec01-cross.h5 $W/norms/tec/dec01-self.h5 \
    $W/own/isear/dec01-cross.h5 $W/norms/isear/dec01-self.h5 &: $W/stamps/extract $W/stamps/adapter-emoint \
    $W/samples/emoint.h5 $W/own/emoint/dec01-self.h5 $W/tokens/emoint.h5 $W/own/emoint/encoder-output.h5 \
    $W/stamps/adapter-emotion-cause $W/samples/emotion-cause.h5 $W/own/emotion-cause/dec01-self.h5 \
    $W/tokens/emotion-cause.h5 $W/own/emotion-cause/encoder-output.h5 $W/stamps/adapter-tec $W/samples/tec.h5 \
    $W/own/tec/dec01-self.h5 $W/tokens/tec.h5 $W/own/tec/encoder-output.h5 $W/stamps/adapter-isear \
    $W/samples/isear.h5 $W/own/isear/dec01-self.h5 $W/tokens/isear.h5 $W/own/isear/encoder-output.h5 | \
    $W/grams/emoint/dec00-self.h5 $W/grams/emotion-cause/dec00-self.h5 $W/grams/tec/dec00-self.h5 \
    $W/grams/isear/dec00-self.h5
	$(extract_own) --site dec01-cross --task emoint,emotion-cause,tec,isear --from '$W/own/{task}/dec01-self.h5' --tokens '$W/tokens/{task}.h5' --encoder-output '$W/own/{task}/encoder-output.h5' --norms-of dec01-self --norms-output '$W/norms/{task}/dec01-self.h5' -o '$W/own/{task}/dec01-cross.h5'

$W/merged/emoint/dec01-cross.h5 $W/merged/emotion-cause/dec01-cross.h5 $W/merged/tec/dec01-cross.h5 \
    $W/merged/isear/dec01-cross.h5 &: $W/stamps/extract $W/samples/emoint.h5 $W/merged/emoint/dec01-self.h5 \
    $W/tokens/emoint.h5 $W/merged/emoint/encoder-output.h5 $W/solution/dec01-self.h5 \
    $W/samples/emotion-cause.h5 $W/merged/emotion-cause/dec01-self.h5 $W/tokens/emotion-cause.h5 \
    $W/merged/emotion-cause/encoder-output.h5 $W/samples/tec.h5 $W/merged/tec/dec01-self.h5 $W/tokens/tec.h5 \
    $W/merged/tec/encoder-output.h5 $W/samples/isear.h5 $W/merged/isear/dec01-self.h5 $W/tokens/isear.h5 \
    $W/merged/isear/encoder-output.h5
	$(extract_merged) --site dec01-cross --task emoint,emotion-cause,tec,isear --solutions $W/solution --from '$W/merged/{task}/dec01-self.h5' --tokens '$W/tokens/{task}.h5' --encoder-output '$W/merged/{task}/encoder-output.h5' -o '$W/merged/{task}/dec01-cross.h5'

$W/grams/emoint/dec01-cross.h5 $W/grams/emotion-cause/dec01-cross.h5 &: $W/stamps/grams \
    $W/stamps/modules-dec-cross $W/stamps/adapter-emoint $W/own/emoint/dec01-cross.h5 \
    $W/merged/emoint/dec01-cross.h5 $W/stamps/adapter-emotion-cause $W/own/emotion-cause/dec01-cross.h5 \
    $W/merged/emotion-cause/dec01-cross.h5
	$(grams) --site dec01-cross --task emoint,emotion-cause --own '$W/own/{task}/dec01-cross.h5' --merged '$W/merged/{task}/dec01-cross.h5' -o '$W/grams/{task}/dec01-cross.h5'

$W/grams/tec/dec01-cross.h5 $W/grams/isear/dec01-cross.h5 &: $W/stamps/grams $W/stamps/modules-dec-cross \
    $W/stamps/adapter-tec $W/own/tec/dec01-cross.h5 $W/merged/tec/dec01-cross.h5 $W/stamps/adapter-isear \
    $W/own/isear/dec01-cross.h5 $W/merged/isear/dec01-cross.h5
	$(grams) --site dec01-cross --task tec,isear --own '$W/own/{task}/dec01-cross.h5' --merged '$W/merged/{task}/dec01-cross.h5' -o '$W/grams/{task}/dec01-cross.h5'

$W/solution/dec01-cross.h5: $W/stamps/solve $W/stamps/adapter-emoint $W/stamps/adapter-emotion-cause \
    $W/stamps/adapter-tec $W/stamps/adapter-isear $W/grams/emoint/dec01-cross.h5 \
    $W/grams/emotion-cause/dec01-cross.h5 $W/grams/tec/dec01-cross.h5 $W/grams/isear/dec01-cross.h5
	$(solve) --site dec01-cross --grams '$W/grams/{task}/dec01-cross.h5' -o $@
	$(release) --files 'own/{task}/encoder-output.h5,merged/{task}/encoder-output.h5,own/{task}/dec01-self.h5,merged/{task}/dec01-self.h5,own/{task}/dec01-cross.h5,merged/{task}/dec01-cross.h5,grams/{task}/dec01-cross.h5'

$W/adapter/adapter_config.json $W/adapter/adapter_model.safetensors &: $W/stamps/assemble \
    $W/solution/enc00-self.h5 $W/solution/enc01-self.h5 $W/solution/enc02-self.h5 \
    $W/solution/encoder-output.h5 $W/solution/dec00-self.h5 $W/solution/dec00-cross.h5 \
    $W/solution/dec01-self.h5 $W/solution/dec01-cross.h5
	$(keep_previous)
	$(assemble) -o $W/adapter

$W/adapter/README.md: $W/adapter/adapter_config.json
	$(card) -o $W/adapter

$R/stamps/eval: $W/stamps/eval
	$(copy_stamp)

$R/stamps/test-emoint: $W/stamps/test-emoint
	$(copy_stamp)

$R/stamps/adapter-emoint: $W/stamps/adapter-emoint
	$(copy_stamp)

$R/stamps/test-emotion-cause: $W/stamps/test-emotion-cause
	$(copy_stamp)

$R/stamps/adapter-emotion-cause: $W/stamps/adapter-emotion-cause
	$(copy_stamp)

$R/stamps/test-tec: $W/stamps/test-tec
	$(copy_stamp)

$R/stamps/adapter-tec: $W/stamps/adapter-tec
	$(copy_stamp)

$R/stamps/test-isear: $W/stamps/test-isear
	$(copy_stamp)

$R/stamps/adapter-isear: $W/stamps/adapter-isear
	$(copy_stamp)

$W/eval/emoint.json $W/predictions/emoint.jsonl &: $W/stamps/eval $W/stamps/test-emoint \
    $W/adapter/adapter_config.json
	$(evaluate) --task emoint --test $(data)/emoint/test.json --name 'merge $(method)' --model $(model) --adapter $W/adapter --predictions $W/predictions/emoint.jsonl -o $W/eval/emoint.json

$R/base/emoint.json $R/base/emoint.jsonl &: $R/stamps/eval $R/stamps/test-emoint
	$(evaluate) --task emoint --test $(data)/emoint/test.json --name base --model $(model) --predictions $R/base/emoint.jsonl -o $R/base/emoint.json

$R/adapters/emoint/emoint.json $R/adapters/emoint/emoint.jsonl &: $R/stamps/eval $R/stamps/test-emoint \
    $R/stamps/adapter-emoint
	$(evaluate) --task emoint --test $(data)/emoint/test.json --name 'adapter emoint' --model $(model) --adapter $(loras)/emoint --predictions $R/adapters/emoint/emoint.jsonl -o $R/adapters/emoint/emoint.json

$R/adapters/emotion-cause/emoint.json $R/adapters/emotion-cause/emoint.jsonl &: $R/stamps/eval \
    $R/stamps/test-emoint $R/stamps/adapter-emotion-cause
	$(evaluate) --task emoint --test $(data)/emoint/test.json --name 'adapter emotion-cause' --model $(model) --adapter $(loras)/emotion-cause --predictions $R/adapters/emotion-cause/emoint.jsonl -o $R/adapters/emotion-cause/emoint.json

$R/adapters/tec/emoint.json $R/adapters/tec/emoint.jsonl &: $R/stamps/eval $R/stamps/test-emoint \
    $R/stamps/adapter-tec
	$(evaluate) --task emoint --test $(data)/emoint/test.json --name 'adapter tec' --model $(model) --adapter $(loras)/tec --predictions $R/adapters/tec/emoint.jsonl -o $R/adapters/tec/emoint.json

$R/adapters/isear/emoint.json $R/adapters/isear/emoint.jsonl &: $R/stamps/eval $R/stamps/test-emoint \
    $R/stamps/adapter-isear
	$(evaluate) --task emoint --test $(data)/emoint/test.json --name 'adapter isear' --model $(model) --adapter $(loras)/isear --predictions $R/adapters/isear/emoint.jsonl -o $R/adapters/isear/emoint.json

$W/eval/emotion-cause.json $W/predictions/emotion-cause.jsonl &: $W/stamps/eval $W/stamps/test-emotion-cause \
    $W/adapter/adapter_config.json
	$(evaluate) --task emotion-cause --test $(data)/emotion-cause/test.json --name 'merge $(method)' --model $(model) --adapter $W/adapter --predictions $W/predictions/emotion-cause.jsonl -o $W/eval/emotion-cause.json

$R/base/emotion-cause.json $R/base/emotion-cause.jsonl &: $R/stamps/eval $R/stamps/test-emotion-cause
	$(evaluate) --task emotion-cause --test $(data)/emotion-cause/test.json --name base --model $(model) --predictions $R/base/emotion-cause.jsonl -o $R/base/emotion-cause.json

$R/adapters/emoint/emotion-cause.json $R/adapters/emoint/emotion-cause.jsonl &: $R/stamps/eval \
    $R/stamps/test-emotion-cause $R/stamps/adapter-emoint
	$(evaluate) --task emotion-cause --test $(data)/emotion-cause/test.json --name 'adapter emoint' --model $(model) --adapter $(loras)/emoint --predictions $R/adapters/emoint/emotion-cause.jsonl -o $R/adapters/emoint/emotion-cause.json

$R/adapters/emotion-cause/emotion-cause.json $R/adapters/emotion-cause/emotion-cause.jsonl &: $R/stamps/eval \
    $R/stamps/test-emotion-cause $R/stamps/adapter-emotion-cause
	$(evaluate) --task emotion-cause --test $(data)/emotion-cause/test.json --name 'adapter emotion-cause' --model $(model) --adapter $(loras)/emotion-cause --predictions $R/adapters/emotion-cause/emotion-cause.jsonl -o $R/adapters/emotion-cause/emotion-cause.json

$R/adapters/tec/emotion-cause.json $R/adapters/tec/emotion-cause.jsonl &: $R/stamps/eval \
    $R/stamps/test-emotion-cause $R/stamps/adapter-tec
	$(evaluate) --task emotion-cause --test $(data)/emotion-cause/test.json --name 'adapter tec' --model $(model) --adapter $(loras)/tec --predictions $R/adapters/tec/emotion-cause.jsonl -o $R/adapters/tec/emotion-cause.json

$R/adapters/isear/emotion-cause.json $R/adapters/isear/emotion-cause.jsonl &: $R/stamps/eval \
    $R/stamps/test-emotion-cause $R/stamps/adapter-isear
	$(evaluate) --task emotion-cause --test $(data)/emotion-cause/test.json --name 'adapter isear' --model $(model) --adapter $(loras)/isear --predictions $R/adapters/isear/emotion-cause.jsonl -o $R/adapters/isear/emotion-cause.json

$W/eval/tec.json $W/predictions/tec.jsonl &: $W/stamps/eval $W/stamps/test-tec $W/adapter/adapter_config.json
	$(evaluate) --task tec --test $(data)/tec/test.json --name 'merge $(method)' --model $(model) --adapter $W/adapter --predictions $W/predictions/tec.jsonl -o $W/eval/tec.json

$R/base/tec.json $R/base/tec.jsonl &: $R/stamps/eval $R/stamps/test-tec
	$(evaluate) --task tec --test $(data)/tec/test.json --name base --model $(model) --predictions $R/base/tec.jsonl -o $R/base/tec.json

$R/adapters/emoint/tec.json $R/adapters/emoint/tec.jsonl &: $R/stamps/eval $R/stamps/test-tec \
    $R/stamps/adapter-emoint
	$(evaluate) --task tec --test $(data)/tec/test.json --name 'adapter emoint' --model $(model) --adapter $(loras)/emoint --predictions $R/adapters/emoint/tec.jsonl -o $R/adapters/emoint/tec.json

$R/adapters/emotion-cause/tec.json $R/adapters/emotion-cause/tec.jsonl &: $R/stamps/eval $R/stamps/test-tec \
    $R/stamps/adapter-emotion-cause
	$(evaluate) --task tec --test $(data)/tec/test.json --name 'adapter emotion-cause' --model $(model) --adapter $(loras)/emotion-cause --predictions $R/adapters/emotion-cause/tec.jsonl -o $R/adapters/emotion-cause/tec.json

$R/adapters/tec/tec.json $R/adapters/tec/tec.jsonl &: $R/stamps/eval $R/stamps/test-tec $R/stamps/adapter-tec
	$(evaluate) --task tec --test $(data)/tec/test.json --name 'adapter tec' --model $(model) --adapter $(loras)/tec --predictions $R/adapters/tec/tec.jsonl -o $R/adapters/tec/tec.json

$R/adapters/isear/tec.json $R/adapters/isear/tec.jsonl &: $R/stamps/eval $R/stamps/test-tec \
    $R/stamps/adapter-isear
	$(evaluate) --task tec --test $(data)/tec/test.json --name 'adapter isear' --model $(model) --adapter $(loras)/isear --predictions $R/adapters/isear/tec.jsonl -o $R/adapters/isear/tec.json

$W/eval/isear.json $W/predictions/isear.jsonl &: $W/stamps/eval $W/stamps/test-isear \
    $W/adapter/adapter_config.json
	$(evaluate) --task isear --test $(data)/isear/test.json --name 'merge $(method)' --model $(model) --adapter $W/adapter --predictions $W/predictions/isear.jsonl -o $W/eval/isear.json

$R/base/isear.json $R/base/isear.jsonl &: $R/stamps/eval $R/stamps/test-isear
	$(evaluate) --task isear --test $(data)/isear/test.json --name base --model $(model) --predictions $R/base/isear.jsonl -o $R/base/isear.json

$R/adapters/emoint/isear.json $R/adapters/emoint/isear.jsonl &: $R/stamps/eval $R/stamps/test-isear \
    $R/stamps/adapter-emoint
	$(evaluate) --task isear --test $(data)/isear/test.json --name 'adapter emoint' --model $(model) --adapter $(loras)/emoint --predictions $R/adapters/emoint/isear.jsonl -o $R/adapters/emoint/isear.json

$R/adapters/emotion-cause/isear.json $R/adapters/emotion-cause/isear.jsonl &: $R/stamps/eval \
    $R/stamps/test-isear $R/stamps/adapter-emotion-cause
	$(evaluate) --task isear --test $(data)/isear/test.json --name 'adapter emotion-cause' --model $(model) --adapter $(loras)/emotion-cause --predictions $R/adapters/emotion-cause/isear.jsonl -o $R/adapters/emotion-cause/isear.json

$R/adapters/tec/isear.json $R/adapters/tec/isear.jsonl &: $R/stamps/eval $R/stamps/test-isear \
    $R/stamps/adapter-tec
	$(evaluate) --task isear --test $(data)/isear/test.json --name 'adapter tec' --model $(model) --adapter $(loras)/tec --predictions $R/adapters/tec/isear.jsonl -o $R/adapters/tec/isear.json

$R/adapters/isear/isear.json $R/adapters/isear/isear.jsonl &: $R/stamps/eval $R/stamps/test-isear \
    $R/stamps/adapter-isear
	$(evaluate) --task isear --test $(data)/isear/test.json --name 'adapter isear' --model $(model) --adapter $(loras)/isear --predictions $R/adapters/isear/isear.jsonl -o $R/adapters/isear/isear.json

$W/eval.tsv: $W/eval/emoint.json $R/base/emoint.json $R/adapters/emoint/emoint.json \
    $W/eval/emotion-cause.json $R/base/emotion-cause.json $R/adapters/emotion-cause/emotion-cause.json \
    $W/eval/tec.json $R/base/tec.json $R/adapters/tec/tec.json $W/eval/isear.json $R/base/isear.json \
    $R/adapters/isear/isear.json | $W/adapter/README.md
	$(report) -o $@ >/dev/null
	$(card) -o $W/adapter
