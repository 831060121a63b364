#!/bin/sh
# Model folders in which two keys, tensors or files contradict each other, and folders that hold something else than
# a T5.
#
# The right values are those of transformers (tests/golden/heads.4.tsv: 4.57; heads.5.tsv: 5.24).
# tests/oracle/heads.py made them from the same folders.
. "$(dirname "$0")/../lib.sh"
DEMO=data/demo/model
head -n 48 data/demo/data/tec/test.json >"$T/rows.json" # 12 rows of four lines
echo ' }]' >>"$T/rows.json"
ENC=encoder.embed_tokens.weight DEC=decoder.embed_tokens.weight

# demo NAME: a copy of the demo's model to change, by
#   conf KEY VALUE, gen KEY VALUE   a key of config.json or generation_config.json; no VALUE takes it out
#   tensors CHANGES                 vary-model's --changes
demo() { NAME=$1; copy "$DEMO" "$1"; model=$COPY adapter=data/demo/loras/tec test_file=$T/rows.json; }
key_of() { sed -i "/\"$2\":/d${3:+; 1a \"$2\": $3,}" "$COPY/$1"; }
conf() { key_of config.json "$@"; }
gen() { key_of generation_config.json "$@"; }
# equal: the head equals the embedding, and has a name of its own.
equal() { tensors lm_head.weight=shared.weight; }
tensors() { must "$HELP/vary-model" -q --model "$DEMO" --changes "$1" -o "$COPY/model.safetensors"; }

# gives VERSION: eval-emotion's loss and its answer to row 0 are those of this version of transformers.
field() { awk -F '\t' -v name="$NAME" -v k="$2" '$1 == name { print $k }' "tests/golden/heads.$1.tsv"; }
as_golden() {
	rm -rf "$OUT"; mkdir "$OUT"
	eval_emotion --max-new-tokens 6 >"$T/said" 2>&1 || { cat "$T/said"; return 1; }
	loss=$(sed -n 's/^ "loss": \([^,]*\),$/\1/p' "$OUT/x.json")
	text=$(sed -n '1s/.*"text":"\([^"]*\)".*/\1/p' "$OUT/p.jsonl")
	echo "loss $loss and text '$text'; transformers $1: $(field "$1" 2) and '$(field "$1" 4)'"
	awk -v a="$loss" \
		-v b="$(field "$1" 2)" 'BEGIN { d = a - b; exit !(a > 0 && (d < 0 ? -d : d) <= 1e-5 * b + 1e-8) }' &&
		[ "$text" = "$(field "$1" 4)" ]
}
gives() { for version in "$@"; do check "$NAME: as transformers $version" as_golden "$version"; done; }
clash() { refuses "$NAME: refused" 1 "$1" eval_emotion; }
says() { check "$NAME: says so" grep -Eq -- "$1" "$T/said"; }
silent() { check "$NAME: no more than the closing line" [ "$(wc -l <"$T/said")" = 1 ]; }

# ---- The head and its scale
wrote='transformers 5.0 wrote true'
both='tie_word_embeddings is true, but lm_head.weight differs from shared.weight \(row 0\), '\
'and scale_decoder_outputs is not given'
cases demo <<'END'
as-shipped: :
	gives 4 5; silent
resaved-5.24: conf tie_word_embeddings true; conf scale_decoder_outputs false
	gives 5; silent
resaved-5.0: conf tie_word_embeddings true; conf scale_decoder_outputs true
	gives 5; says "config.json': scale_decoder_outputs is true beside a head of its own .*$wrote"
tie-absent-scale-false: conf tie_word_embeddings; conf scale_decoder_outputs false
	gives 5
tie-false-scale-true: conf scale_decoder_outputs true
	gives 5
tie-false-scale-false: conf scale_decoder_outputs false
	gives 4 5
tie-true: conf tie_word_embeddings true
	clash "$both"
tie-absent: conf tie_word_embeddings
	clash "$both"
tie-null: conf tie_word_embeddings null
	clash "'tie_word_embeddings': expected true or false, found null"
no-head-tie-true: conf tie_word_embeddings true; tensors lm_head.weight=
	gives 4 5; silent
no-head-tie-absent: conf tie_word_embeddings; tensors lm_head.weight=
	gives 4 5
no-head-scale-false: conf tie_word_embeddings true; conf scale_decoder_outputs false; tensors lm_head.weight=
	gives 5
no-head-tie-false-scale-true: conf scale_decoder_outputs true; tensors lm_head.weight=
	gives 5
no-head-tie-false: tensors lm_head.weight=
	clash "tie_word_embeddings is false, but there is no tensor 'lm_head.weight'"
equal-head-tie-true: conf tie_word_embeddings true; equal
	gives 4 5
equal-head-tie-false: equal
	gives 4 5
equal-head-scale-false: equal; conf tie_word_embeddings true; conf scale_decoder_outputs false
	gives 5
last-value: conf tie_word_embeddings true; tensors lm_head.weight=shared.weight^
	clash 'differs from shared.weight \(row 767\)'
END

# ---- The input embedding under several names
cases demo <<'END'
embeddings-three: tensors $ENC=shared.weight,$DEC=shared.weight
	gives 4 5; silent
embeddings-encoder: tensors $ENC=shared.weight,shared.weight=
	gives 4 5
embeddings-decoder: tensors $DEC=shared.weight,shared.weight=
	gives 4 5
embeddings-both: tensors $ENC=shared.weight,$DEC=shared.weight,shared.weight=
	gives 4 5
embeddings-encoder-tied: conf tie_word_embeddings true; tensors $ENC=shared.weight,shared.weight=,lm_head.weight=
	gives 4 5
embeddings-encoder-unequal: tensors $ENC=shared.weight~
	clash "tensors 'shared.weight' and '$ENC' differ \(row [0-9]+\)"
embeddings-decoder-unequal: tensors $DEC=shared.weight~
	clash "tensors 'shared.weight' and '$DEC' differ"
embeddings-both-unequal: tensors $ENC=shared.weight,$DEC=shared.weight~,shared.weight=
	clash "tensors '$ENC' and '$DEC' differ"
embeddings-none: conf tie_word_embeddings true; tensors shared.weight=
	clash "missing tensor 'shared.weight'"
embeddings-shape: tensors $ENC=decoder.block.0.layer.0.SelfAttention.q.weight
	clash "tensor '$ENC': expected shape \(768, 96\)"
tie-encoder-decoder: conf tie_encoder_decoder true
	clash 'tie_encoder_decoder is true'
END
# A row that no text uses: plan-pipeline compares all rows before anything runs, because a merge uses other texts.
demo embeddings-one-row; tensors $ENC=shared.weight^
(L=data/demo/loras D=data/demo/data
	refuses 'plan-pipeline: one row differs' 1 "tensors 'shared.weight' and '$ENC' differ \(row 767\)" \
	plan_pipeline)

# ---- config.json against generation_config.json
cases demo <<'END'
start-in-generation: gen decoder_start_token_id 5
	gives 4 5
start-in-config: conf decoder_start_token_id 5
	gives 4 5
start-in-config-alone: conf decoder_start_token_id 5; rm "$COPY/generation_config.json"
	gives 4 5
bos-in-generation: gen decoder_start_token_id; gen bos_token_id 5
	gives 4 5
start-absent-in-generation: conf decoder_start_token_id 5; gen decoder_start_token_id
	clash "generation_config.json' has neither decoder_start_token_id nor bos_token_id"
eos-list: gen eos_token_id '[1, 43]'
	gives 4 5
eos-list-config: conf eos_token_id '[1, 43]'; rm "$COPY/generation_config.json"
	gives 4 5
eos-list-config-against: conf eos_token_id '[1, 43]'
	gives 4 5
eos-list-late: conf tie_word_embeddings true; gen eos_token_id '[1, 260]'; tensors lm_head.weight=
	gives 4 5
eos-in-config: conf eos_token_id 43
	gives 4 5
eos-in-config-alone: conf eos_token_id 43; rm "$COPY/generation_config.json"
	gives 4 5
eos-absent-in-generation: gen eos_token_id
	gives 4 5; says "generation_config.json' names no eos_token_id"
eos-null-in-generation: gen eos_token_id null
	gives 4 5; says "generation_config.json' names no eos_token_id"
pad-in-generation: gen pad_token_id 7
	gives 4 5
eos-outside: gen eos_token_id '[1, 768]'
	clash "generation_config.json' key 'eos_token_id': expected an integer from 0 to 767, found 768"
eos-many: gen eos_token_id '[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]'
	clash "'eos_token_id': expected at most 16 tokens, found 17"
generation-broken: echo '{' >"$COPY/generation_config.json"
	clash "generation_config.json' line"
END

# What is not supported is named, and the answers stay greedy. Values that change nothing are not named.
noted() { NAME_NOW=$NAME; NAME=as-shipped; check "$NAME_NOW: greedy answers" as_golden 5; NAME=$NAME_NOW; says "$1"; }
cases demo <<'END'
beams: gen num_beams 3; gen repetition_penalty 1.5
	noted "generation_config.json' asks for num_beams 3, repetition_penalty 1.5: not followed"
sampling: gen do_sample true; gen temperature 0.7
	noted 'asks for do_sample true: not followed'
lengths: gen min_length 9; gen forced_bos_token_id 5
	noted 'asks for min_length 9, forced_bos_token_id 5: not followed'
suppressed: gen suppress_tokens '[5, 6]'; gen no_repeat_ngram_size 3
	noted 'asks for no_repeat_ngram_size 3, suppress_tokens \[5,6\]: not followed'
beams-in-config: conf num_beams 3; rm "$COPY/generation_config.json"
	noted "/config.json' asks for num_beams 3: not followed"
beams-in-config-against: conf num_beams 3
	noted "/config.json' asks for num_beams 3: not followed"
END
demo beams-in-config-unused; conf num_beams 3; gen _from_model_config
(NAME=as-shipped; check 'a key of config.json that is not used: not said' as_golden 5); silent
demo neutral; for key in num_beams repetition_penalty; do gen $key 1; done; gen repetition_penalty 1.0
	gen do_sample false; gen min_length 0
gen suppress_tokens '[]'; gen forced_bos_token_id null; gen temperature 0.3; gen max_length 20
(NAME=as-shipped; check 'keys that change nothing: nothing said' as_golden 5); silent

# ---- What the folder is not
q=encoder.block.0.layer.0.SelfAttention.q saved="the model was saved inside a wrapper \('module'\)"
counts='num_layers and num_decoder_layers are 3 and 2'
cases demo <<'END'
encoder: sed -i 's/T5ForConditionalGeneration/T5EncoderModel/' "$COPY/config.json"
	clash "architectures: expected T5ForConditionalGeneration, found 'T5EncoderModel', which has no decoder"
END
for name in T5ForSequenceClassification T5ForTokenClassification; do
	demo $name; sed -i "s/T5ForConditionalGeneration/$name/" "$COPY/config.json"
	clash "found '$name', which has a classifier's head"
done
cases demo <<'END'
answers: sed -i 's/T5ForConditionalGeneration/T5ForQuestionAnswering/' "$COPY/config.json"
	clash 'which has a head that marks spans'
unknown: sed -i 's/T5ForConditionalGeneration/T5ForEverything/' "$COPY/config.json"
	clash "found 'T5ForEverything', which is not known here"
END
demo headless; sed -i 's/T5ForConditionalGeneration/T5Model/' "$COPY/config.json"; conf tie_word_embeddings true
tensors lm_head.weight=
(NAME=no-head-tie-true; check 'T5Model, tied: as with its head' as_golden 5)
for type in bart mt5 umt5 longt5 switch_transformers; do
	demo $type; conf model_type "\"$type\""
	clash "model_type: expected t5 .*, found '$type', architecture T5ForConditionalGeneration"
done
cases demo <<'END'
llama: conf model_type '"llama"'
	clash "architectures: expected LlamaForCausalLM, found 'T5ForConditionalGeneration', which is not known here"
no-decoder: conf is_encoder_decoder false
	clash 'is_encoder_decoder is false: the model has no decoder'
quantised: conf quantization_config '{"quant_method": "bitsandbytes", "load_in_8bit": true}'
	clash 'quantization_config: bitsandbytes: quantised weights are not read'
scb: tensors encoder.block.0.layer.0.SelfAttention.q.SCB=encoder.final_layer_norm.weight
	clash "SelfAttention.q.SCB' belongs to quantised weights"
int32: tensors lm_head.weight=lm_head.weight; sed -i '1s/"dtype":"F32"/"dtype":"I32"/' "$COPY/model.safetensors"
	clash "expected F32, F16 or BF16, found I32"
classifier: tensors classification_head.dense.weight=lm_head.weight
	clash "'classification_head.dense.weight' is a classifier's head"
wrapper: tensors module.shared.weight=shared.weight,shared.weight=
	clash "'module.shared.weight': expected the name 'shared.weight'; $saved"
unmerged: tensors $q.base_layer.weight=$q.weight,$q.weight=
	clash "'$q.base_layer.weight' belongs to an adapter inside the model"
END
demo stack
tensors "$(for b in 0 1; do grep -ao "decoder.block.$b[a-zA-Z_.0-9]*" "$DEMO/model.safetensors"; done | sort -u |
	sed 's/$/=/' | paste -sd,)"
clash "no tensor 'decoder.block.*the model has no decoder"
cases demo <<'END'
encoder-deeper: tensors encoder.block.3.layer.0.layer_norm.weight=encoder.final_layer_norm.weight
	clash "'encoder.block.3.layer.0.layer_norm.weight' is of a block that config.json does not count: $counts"
decoder-deeper: tensors decoder.block.2.layer.0.layer_norm.weight=encoder.final_layer_norm.weight
	clash "'decoder.block.2.layer.0.layer_norm.weight' is of a block"
pointer: echo 'version https://git-lfs.github.com/spec/v1' >"$COPY/model.safetensors"
	clash "model.safetensors' looks like a Git LFS pointer, not the file itself: run .git lfs pull"
END
for file in model.Q4_K_M.gguf tf_model.h5 flax_model.msgpack model.onnx rust_model.ot; do
	demo "only $file"; mv "$COPY/model.safetensors" "$COPY/$file"
	clash "has no model.safetensors.*its '$file' \(.*\) is not read; take"
done
cases demo <<'END'
pickle beside tf: touch "$COPY/tf_model.h5"; mv "$COPY/model.safetensors" "$COPY/pytorch_model.bin"
	clash "its 'pytorch_model.bin' are not read, because"
adapter: rm "$COPY/config.json"; touch "$COPY/adapter_config.json"
	clash 'the folder holds an adapter and no model'
cache: rm -r "$COPY"; mkdir -p "$COPY/snapshots"
	clash "the folder holds the hub's cache of a model"
END
demo tokenizer; rm "$COPY/spiece.model"; echo '{"model": {"type": "BPE"}}' >"$COPY/tokenizer.json"
clash "tokenizer/spiece.model': No such file.*the folder's tokenizer.json is no tokenizer of T5: copy spiece.model"
(L=data/demo/loras D=data/demo/data
	refuses 'plan-pipeline: only tokenizer.json' 1 "the folder's tokenizer.json is no tokenizer of T5" \
	plan_pipeline)

# ---- The written full model means the same to both versions of transformers
demo resaved-5.24; conf tie_word_embeddings true; conf scale_decoder_outputs false
must "$BUILD/assemble-model" -q --model "$COPY" --adapter data/demo/loras/tec -o "$T/full"
check 'assemble-model: a head of its own is said in the key that transformers 4 reads' grep \
	-q '"tie_word_embeddings": false' "$T/full/config.json"
full_loss() {
	"$BUILD/eval-emotion" -q --model "$T/full" --test "$T/rows.json" --task tec -o "$T/full.json" &&
		awk -F '[:,]' \
			-v want="$(field 5 2)" '/"loss"/ { d = $2 - want } END { exit !(d < 1e-6 && d > -1e-6) }' \
			"$T/full.json"
}
check 'assemble-model: the loss of model and adapter' full_loss

# ---- Calibration: the answers of generate-tokens, and the stamps of what they depend on
unset model adapter test_file
tiny
worked
ids() { h5dump -y -w 0 -d ids "$1" | sed -n '/DATA {/,/}/p' | tr -cs '0-9' '\n' | grep .; }
second=$(ids "$W/tokens/tec.h5" | sed -n 2p)
with_generation() { # JSON: generate-tokens and plan-pipeline of the tiny model beside that generation_config.json
	copy "$M" generation
	echo "$1" >"$COPY/generation_config.json"
	rm -rf "$OUT"; mkdir "$OUT"
	(model=$COPY; must generate_tokens; set='TASK_TARGETS=emoint,tec MANUAL_CEOF=1'; out=$T/planned
		plan_pipeline >"$T/said" 2>&1 || cat "$T/said")
}
with_generation '{"decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}'
check 'generate-tokens: a generation_config.json that says the same changes nothing' cmp "$OUT/x.h5" "$W/tokens/tec.h5"
cp -r "$T/planned/stamps" "$T/stamps"
with_generation "{\"decoder_start_token_id\": 0, \"eos_token_id\": [1, $second], \"num_beams\": 2}"
check 'generate-tokens: any end token of a list ends an answer' sh -c '! echo "$1" | grep -qx "$2"' \
	- "$(ids "$OUT/x.h5")" "$second"
NAME=plan-pipeline; says "generation_config.json' asks for num_beams 2: not followed"
for stamp in tokens eval extract; do
	check "stamps: $stamp depends on generation_config.json" sh \
		-c '[ -s "$1" ] && [ -s "$2" ] && ! cmp -s "$1" "$2"' - "$T/stamps/$stamp" "$T/planned/stamps/$stamp"
done
check 'stamps: the samples drawn do not' cmp "$T/stamps/draw-tec" "$T/planned/stamps/draw-tec"
with_generation '{"decoder_start_token_id": 5, "eos_token_id": 1}'
check 'generate-tokens: the start token of generation_config.json' [ "$(ids "$OUT/x.h5" | head -n 1)" = 5 ]
finish
