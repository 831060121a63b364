#!/bin/sh
# Models, adapters and texts that are missing, damaged, or do not fit. Each tool that reads one names the file and
# the fault.
. "$(dirname "$0")/../lib.sh"
tiny
worked
# (functions of lib.sh read $lora as a path, so it is unset before them)
weights=model.safetensors lora=adapter_model.safetensors

# broken_model NAME: a copy of the model to break. on_model PATTERN: the tools that open the model refuse it.
# on_all_but_grams PATTERN: all but compute-grams, which only reads the weight of its own module and does not see it.
broken_model() { name=$1; copy "$M" broken; }
on_model() { on_all_but_grams "$1"; refuse_model "$1" compute_grams; }
on_all_but_grams() {
	for tool in extract_acts generate_tokens eval_emotion plan_pipeline; do refuse_model "$1" $tool; done
}
refuse_model() { (unset lora; model=$COPY title="model: $name ($2)"; refuses "$title" 1 "$1" "$2"); }
cases broken_model <<'END'
no weights: rm "$COPY/$weights"
	on_model "has no model.safetensors"
five bytes: truncate -s 5 "$COPY/$weights"
	on_model "broken/model.safetensors'.*truncated"
cut in the header: truncate -s 500 "$COPY/$weights"
	on_model "broken/model.safetensors' is truncated: the header"
cut in the data: truncate -s -4 "$COPY/$weights"
	on_model "broken/model.safetensors' is truncated: tensor '[a-z_A-Z.0-9]*' ends"
bytes behind the data: printf xxxx >>"$COPY/$weights"
	on_model "broken/model.safetensors': the tensors end at byte"
a header that is no JSON: put "$COPY/$weights" 20 '}}}}'
	on_model "broken/model.safetensors': the header is no"
a header of 4 EB: put "$COPY/$weights" 0 '@@@@@@@@'
	on_model "broken/model.safetensors': not a safetensors file"
an unknown type: sed -i 's/"dtype":"F32"/"dtype":"F33"/' "$COPY/$weights"
	on_model "broken/model.safetensors': tensor '[^']*': unknown dtype 'F33'"
a shape that config.json denies: sed -i 's/"d_ff": 48/"d_ff": 50/' "$COPY/config.json"
	on_all_but_grams "tensor '[^']*DenseReluDense[^']*': expected shape \(50, 32\), found \(48, 32\)"
a block too few: sed -i 's/"num_layers": 2/"num_layers": 3/' "$COPY/config.json"
	on_all_but_grams "missing tensor 'encoder.block.2"
pickle: mv "$COPY/$weights" "$COPY/pytorch_model.bin"
	on_model "pytorch_model.bin' are not read, because unpickling runs code"
no config.json: rm "$COPY/config.json"
	on_model "cannot open '.*broken/config.json': No such file"
config.json is no JSON: echo '{"model_type": "t5",' >"$COPY/config.json"
	on_model "broken/config.json' line [0-9]+ column"
another kind of model: sed -i 's/"t5"/"mt5"/' "$COPY/config.json"
	on_model "model_type: expected t5.*found 'mt5'"
an activation of others: sed -i 's/gated-gelu/gated-silu/' "$COPY/config.json"
	on_model "mt5|silu"
a negative number: sed -i 's/"num_heads": 2/"num_heads": -2/' "$COPY/config.json"
	on_model "'num_heads': expected an integer from 1"
END

copy "$M" width; sed -i 's/"d_kv": 16/"d_kv": 20/' "$COPY/config.json"
(unset lora; model=$COPY
	refuses 'model: a shape that config.json denies (compute_grams)' 1 \
	'expected shape \([0-9]+, [0-9]+\).*found \([0-9]+, [0-9]+\)' compute_grams)

# NaN in the weights is named where it is read.
copy "$M" nan
end=$(wc -c <"$COPY/$weights")
for i in 3 2 1; do printf '\377\377\377\377' |
	dd of="$COPY/$weights" bs=1 seek=$((end - 4 * i)) conv=notrunc status=none; done
(unset lora; model=$COPY
	refuses 'model: NaN in the output embedding' 1 \
	"nan/model.safetensors': tensor 'lm_head.weight': element [0-9]+ is" eval_emotion)

# The tokenizer.
copy "$M" nospiece; rm "$COPY/spiece.model"
for tool in draw_samples eval_emotion; do (model=$COPY
	refuses "tokenizer: missing ($tool)" 1 "cannot read '.*nospiece/spiece.model'" $tool); done
copy "$M" pointer; echo 'version https://git-lfs.github.com/spec/v1' >"$COPY/spiece.model"
for tool in draw_samples eval_emotion; do (model=$COPY
	refuses "tokenizer: a Git LFS pointer ($tool)" 1 \
	"pointer/spiece.model' looks like a Git LFS pointer, not the file itself: run .git lfs pull" $tool); done
copy "$M" badspiece; echo nonsense >"$COPY/spiece.model"
for tool in draw_samples eval_emotion; do (model=$COPY
	refuses "tokenizer: nonsense ($tool)" 1 "badspiece/spiece.model" $tool); done
copy "$M" vocab; sed -i 's/"vocab_size": 64/"vocab_size": 40/' "$COPY/config.json"
(model=$COPY; refuses 'tokenizer: of a larger vocabulary' 1 "vocabulary of '.*vocab' ends at 39" draw_samples)

# Adapters.
broken_adapter() { name=$1; copy "$L/tec" tec; }
on_adapter() {
	for tool in extract_acts generate_tokens eval_emotion; do
		(unset lora; adapter=$COPY; refuses "adapter: $name ($tool)" 1 "$1" $tool)
	done
	rm -rf "$T/loras"
	cp -r "$L" "$T/loras"
	rm -rf "$T/loras/tec"
	[ -d "$COPY" ] && cp -r "$COPY" "$T/loras/tec"
	for tool in compute_grams solve_layer; do
		(unset lora; adapter="$T/loras/{task}"; refuses "adapter: $name ($tool)" 1 "$1" $tool)
	done
	(unset lora; loras=$T/loras; refuses "adapter: $name (plan_pipeline)" 1 "$1" plan_pipeline)
}
key() { sed -i "s/\"use_rslora\": false/$1/" "$COPY/adapter_config.json"; }
must "$HELP/tiny-model" -q --blocks 3 --tasks tec -o "$T/deep"
cases broken_adapter <<'END'
no folder: rm -r "$COPY"
	on_adapter "tec(/adapter_config.json)?'.*(No such file|is not there)"
no weights: rm "$COPY/$lora"
	on_adapter "tec' has no adapter_model.safetensors"
.bin: mv "$COPY/$lora" "$COPY/adapter_model.bin"
	on_adapter "adapter_model.bin' are not read, because unpickling runs code from the file; convert"
truncated: truncate -s -1 "$COPY/$lora"
	on_adapter "tec/adapter_model.safetensors' is truncated"
config is no JSON: echo '{' >"$COPY/adapter_config.json"
	on_adapter "tec/adapter_config.json' line"
DoRA: key '"use_dora": true'
	on_adapter "tec/adapter_config.json': use_dora is set: .*train with use_dora=False"
modules_to_save: key '"modules_to_save": ["lm_head"]'
	on_adapter "tec/adapter_config.json': modules_to_save is set"
lora_bias: key '"lora_bias": true'
	on_adapter "tec/adapter_config.json': lora_bias is set"
bias: sed -i 's/"none"/"all"/' "$COPY/adapter_config.json"
	on_adapter "tec/adapter_config.json': bias: expected 'none', found 'all'"
another type: sed -i 's/LORA/IA3/' "$COPY/adapter_config.json"
	on_adapter "tec/adapter_config.json': peft_type: expected 'LORA', found 'IA3'"
a key nobody knows: key '"whatnot": 1'
	on_adapter "tec/adapter_config.json': the key 'whatnot' is not known"
a tensor that no module takes: sed -i 's/\["q", "v"\]/["q"]/' "$COPY/adapter_config.json"
	on_adapter "SelfAttention.v.lora_[AB].weight' is taken by no module"
a module without tensors: sed -i 's/\["q", "v"\]/["q", "v", "o"]/' "$COPY/adapter_config.json"
	on_adapter "missing tensor 'base_model.model.encoder.block.0.layer.0.SelfAttention.o.lora_A.weight'"
another rank: sed -i 's/"r": 4/"r": 8/' "$COPY/adapter_config.json"
	on_adapter "has rank 4, but r and rank_pattern of .* say 8"
of a deeper model: copy "$T/deep/loras/tec" tec
	on_adapter "the base model has no linear '[a-zA-Z0-9.]*block.2.*an adapter of another model"
turned round: sed -i 's/"shape":\[4,32\]/"shape":[32,4]/' "$COPY/$lora"
	on_adapter "expected shape \(4, 32\) for this base model, found \(32, 4\): an adapter of another model"
a tensor of another name: sed -i 's/lora_B.weight/lora_C.weight/' "$COPY/$lora"
	on_adapter "lora_C.weight' is taken by no module"
END

# Where the adapter is in a sub-folder, the message gives the right path.
moved() { # FOLDER…: the adapter's files lie in these folders of it alone
	cp -r "$COPY" "$T/in"; rm -r "$COPY"
	for folder in "$@"; do mkdir -p "$COPY/$folder"; cp "$T/in"/* "$COPY/$folder"; done
	rm -r "$T/in"
}
newest="an adapter lies in '[^']*tec/checkpoint-10' \(the newest of 2 checkpoints\): give"
cases broken_adapter <<'END'
in a sub-folder: moved default
	on_adapter "tec' has no adapter_config.json; an adapter lies in '[^']*tec/default': give"
in checkpoints: moved checkpoint-9 checkpoint-10
	on_adapter "$newest"
weights in checkpoints alone: moved checkpoint-9 checkpoint-10; cp "$COPY/checkpoint-10/adapter_config.json" "$COPY"
	on_adapter "tec' has no adapter_model.safetensors; $newest"
a Git LFS pointer: echo 'version https://git-lfs.github.com/spec/v1' >"$COPY/$lora"
	on_adapter "tec/$lora' looks like a Git LFS pointer, not the file itself: run .git lfs pull"
tensors of a block that layers_to_transform leaves out: key '"layers_to_transform": 0'
	on_adapter "block.1.layer.0.SelfAttention.[qv].lora_[AB].weight' is taken by no module: .*layers_to_transform"
a pattern without end: sed -i 's/\["q", "v"\]/"(.*.*)*[xy]"/' "$COPY/adapter_config.json"
	on_adapter "a regular expression takes more than 100000 steps on 'encoder.block.0.layer.0.SelfAttention.q'"
END

# The base's embeddings in the adapter's file: equal ones are ignored, others are refused.
must "$HELP/tiny-model" -q --embeddings --tasks emoint,tec -o "$T/along"
must "$HELP/tiny-model" -q --tasks emoint,tec -o "$T/alone"
average() { # WORK FOLDER
	(L=$2/loras M=$2/model; must run "$1" merge METHOD=average TASK_TARGETS=emoint,tec MANUAL_CEOF=1)
}
average "$T/average-along" "$T/along"; average "$T/average-alone" "$T/alone"
check 'adapter: embeddings saved along change nothing' cmp "$T/average-along/adapter/$lora" \
	"$T/average-alone/adapter/$lora"
copy "$T/along/loras/tec" tec; flip "$COPY/$lora" $(($(wc -c <"$COPY/$lora") - 4))
trained="tec/adapter_model.safetensors': tensor 'base_model.model.(lm_head|shared).weight' is an "\
"(out|in)put embedding that differs from the base's '(lm_head|shared).weight' \(row [0-9]+\)"
for tool in extract_acts generate_tokens eval_emotion; do (unset lora; model=$T/along/model adapter=$COPY
	refuses "adapter: a trained embedding ($tool)" 1 "$trained" $tool); done
rm -r "$T/along/loras/tec"; cp -r "$COPY" "$T/along/loras/tec"
(unset lora; model=$T/along/model loras=$T/along/loras set="TASK_TARGETS=emoint,tec MANUAL_CEOF=1"
	refuses 'adapter: a trained embedding (plan_pipeline)' 1 "$trained" plan_pipeline)
refuses 'adapter: a trained embedding (assemble-model)' 1 "$trained" "$BUILD/assemble-model" --model "$T/along/model" \
	--adapter "$COPY" -o "$OUT"

# The base model that the adapters name goes into the result.
two() { sed -i "s,\"tiny/*\"$1" "$T/loras/$2/adapter_config.json"; }
result() { # NAME BASE REVISION ARGUMENTS…
	name=$1 base=$2 revision=$3
	shift 3
	rm -rf "$OUT"
	check "$name" "$BUILD/assemble-lora" -q --model "$M" --sites enc00-self,enc01-self --solutions "$W/solution" \
		-o "$OUT" "$@"
	check "$name: names them" grep -qzE "\"base_model_name_or_path\": $base,.*\"revision\": $revision," \
		"$OUT/adapter_config.json"
}
from="$T/loras/{task}"
rm -rf "$T/loras"; cp -r "$L" "$T/loras"
result 'base: the adapters agree, but for a slash' '"tiny"' null --adapter "$L/{task}"
result 'base: model_name overrides it' '"own"' null --adapter "$L/{task}" --model-name own
two ',"tiny"\, "revision": "v2",' emoint; two ',"tiny/"\, "revision": "v2",' tec
result 'base: the same revision' '"tiny"' '"v2"' --adapter "$from"
result 'base: the same revision of the same name' '"tiny"' '"v2"' --adapter "$from" --model-name tiny
result 'base: another name has no revision' '"own"' null --adapter "$from" --model-name own
two ',"other",' tec
for tool in assemble plan; do
	differ="adapter '[^']*emoint' is of the base model 'tiny' revision 'v2', "\
"adapter '[^']*tec' of 'other' revision 'v2'"
	if [ $tool = plan ]; then (loras=$T/loras set="TASK_TARGETS=emoint,tec MANUAL_CEOF=1"
		refuses 'base: two (plan_pipeline)' 1 "$differ.*MODEL_NAME=" plan_pipeline); else
		refuses 'base: two (assemble-lora)' 1 "$differ.*--model-name" "$BUILD/assemble-lora" --model "$M" \
			--adapter "$from" --sites enc00-self,enc01-self --solutions "$W/solution" -o "$OUT"; fi
done
result 'base: two, and model_name decides' '"own"' null --adapter "$from" --model-name own
sed -i 's/"base_model_name_or_path": "[a-z/]*"/"base_model_name_or_path": null/' "$T"/loras/*/adapter_config.json
result 'base: named by nobody' null null --adapter "$from"
refuses 'base: nobody to ask' 2 'expected --adapter or --model-name' "$BUILD/assemble-lora" --model "$M" \
	--sites enc00-self,enc01-self --solutions "$W/solution" -o "$OUT"
check 'base: the merge names what the adapters name' grep -q '"base_model_name_or_path": "tiny",' \
	"$W/adapter/adapter_config.json"
must run "$T/average" merge METHOD=average TASK_TARGETS=emoint,tec MANUAL_CEOF=1
check 'base: so does one by the weights alone' grep -q '"base_model_name_or_path": "tiny",' \
	"$T/average/adapter/adapter_config.json"
must run "$T/average" merge METHOD=average TASK_TARGETS=emoint,tec MANUAL_CEOF=1 MODEL_NAME=own/model
check 'base: another name, the same merge' grep -q '"base_model_name_or_path": "own/model",' \
	"$T/average/adapter/adapter_config.json"

# Texts.
rows() { printf '%s\n' "$1" >"$T/rows.json"; }
on_texts() {
	name=$1 pattern=$2
	(train=$T/rows.json samples_num=1; refuses "texts: $name (draw_samples)" 1 "$pattern" draw_samples)
	(test_file=$T/rows.json; refuses "texts: $name (eval_emotion)" 1 "$pattern" eval_emotion)
}
rm -f "$T/rows.json"; on_texts 'missing' "cannot open '.*rows.json': No such file"
rows '[{"instruction": "the rain", "output": "joy"}'; on_texts 'cut JSON' "rows.json' line 2 column"
rows '{"instruction": "the rain", "output": "joy"}'; on_texts 'no list' "rows.json'.*list"
rows '[]'; on_texts 'no rows' "rows.json'"
rows '[{"instruction": "the rain", "output": "joy"}, {"instruction": "the house"}]'
on_texts 'a label is missing' "rows.json'.*row 1.*'output'"
rows '[{"instruction": "the rain", "output": "joy"}, {"output": "joy"}]'
on_texts 'a text is missing' "rows.json'.*row 1.*'instruction'"
rows '[{"instruction": 5, "output": "joy"}]'; on_texts 'a number for a text' "rows.json'.*row 0.*'instruction'.*string"
rows '[{"instruction": "the rain", "output": ""}]'; (train=$T/rows.json samples_num=1
	refuses 'texts: an empty label' 1 "rows.json': row 0.*(label|output)" draw_samples --select-long 0)
(samples_num=41
	refuses 'texts: fewer rows than samples' 1 "tec/train.json': 40 rows among the longest.*41 samples are needed" \
	draw_samples)
(samples_num=61
	refuses 'texts: fewer rows than samples, all taken' 1 "tec/train.json': 60 rows, but 61 samples are needed" \
	draw_samples --select-long 0 --if-balance 0)
(samples_num=3; refuses 'texts: fewer samples than labels' 1 "3 samples are fewer than the 4 labels" draw_samples)
rows '[{"instruction": "the rain", "output": "joy"}]'; gzip -f "$T/rows.json"; mv "$T/rows.json.gz" "$T/rows.json"
on_texts 'gzip' 'looks like a file packed by gzip, but JSON is expected: unpack it \(gunzip\)'
rows '[{"instruction": "the rain", "output": "joy"}]'; iconv -t UTF-16 "$T/rows.json" >"$T/wide.json"
mv "$T/wide.json" "$T/rows.json"
on_texts 'UTF-16' 'looks like text in UTF-16, but JSON is expected: convert it to UTF-8: iconv -f UTF-16 -t UTF-8'
rows '<!DOCTYPE html><title>429</title>'
on_texts 'a web page' 'looks like a web page \(HTML or XML\).*download the file again'
rows 'version https://git-lfs.github.com/spec/v1'
on_texts 'a Git LFS pointer' 'looks like a Git LFS pointer, not the file itself.*git lfs pull'
rows '[{"instruction": "the \u0000", "output": "joy"}]'
on_texts 'a zero character' 'line 1 column 29: the text holds .u0000, a character that no text may hold'
rows "[{'instruction': 'the rain', 'output': 'joy'}]"
on_texts "Python's own writing" 'line 1 column 3: expected a key in double quotes.*json.dump'
broken_model 'config.json is a web page'; echo '<html>' >"$COPY/config.json"
on_model "broken/config.json' looks like a web page"

numbers() { printf '%s\n' "$1" >"$T/numbers.json"; }
numbers '[0, 1, 60]'; (samples_num=3; refuses 'row numbers: one too large' 1 "numbers.json'.*60" draw_samples \
	--rows "$T/numbers.json")
numbers '[0, 1]'; (samples_num=3
	refuses 'row numbers: too few' 1 "numbers.json'.*3" draw_samples --rows "$T/numbers.json")
numbers '[0, 1, -1]'; (samples_num=3; refuses 'row numbers: a negative one' 1 "numbers.json'.*-1" draw_samples \
	--rows "$T/numbers.json")
numbers '[0, "1", 2]'; (samples_num=3
	refuses 'row numbers: a string' 1 "numbers.json'" draw_samples --rows "$T/numbers.json")
finish
