#!/bin/sh
# Special and added tokens in a text: losses against PyTorch, and tokenizer files that contradict each other or are
# hostile.
#
# The losses are those of transformers 4.57.1 (the slow T5Tokenizer) and PEFT in float64; for a folder that
# transformers 5 wrote, those of version 5.24.
. "$(dirname "$0")/../lib.sh"
DEMO=data/demo
prompt='Classify the sentiment of the following text into one of these categories:'\
'anger,disgust,fear,joy,sadness,surprise:'
row() { printf '{"instruction": "%s%s", "output": "%s"}' "$prompt" "$1" "$2"; }
rows() { printf '[%s]\n' "$(row 'sickened visitors <extra_id_70> the first warm day</s>' sadness),$(row \
	'update <unk> a gold medal<pad> in the café  </s> slams doors' anger),$(row \
	'sorrowful visitors [END] , the last [END] goodbye. <extra_id_98>' surprise)"; }
rows >"$T/rows.json"

# folder NAME: a copy of the demo's model; file NAME TEXT: a file in it.
folder() { copy "$DEMO/model" "$1"; }
file() { printf '%s\n' "$2" >"$COPY/$1"; }
evaluate() { $LIMIT "$BUILD/eval-emotion" -q --model "$COPY" --adapter $DEMO/loras/tec --test "${texts:-$T/rows.json}" \
	--task tec -o "$OUT/x.json"; }
near() { awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(d * d <= (1e-5 * b) ^ 2) }'; }

# loss NAME VALUE: the loss of the folder's model on the rows.
loss() {
	mkdir -p "$OUT"
	must evaluate
	found=$(sed -n 's/.*"loss": \([0-9.e-]*\).*/\1/p' "$OUT/x.json")
	check "$1: loss $2 (found $found)" near "$found" "$2"
}
end() { printf '{%s"added_tokens_decoder": {"760": {"content": "%s"%s, "special": true}}}' "$1" "$2" "$3"; }
folder plain; loss 'special tokens of T5 alone' 2.043695
folder added; file added_tokens.json '{"[END]": 760}'; loss 'added_tokens.json' 1.764227
folder fast
file tokenizer.json \
	'{"model": {"added_tokens": "\"x"}, "added_tokens": [{"id": 760, "content": "[END]", "normalized": true}]}'
loss 'tokenizer.json' 1.764227
folder decoder; file tokenizer_config.json "$(end '' '[END]' '')"; loss 'added_tokens_decoder' 1.764227
folder huge; file tokenizer_config.json "$(end '"model_max_length": 1000000000000000019884624838656, ' '[END]' '')"
loss 'a length of 10^30' 1.764227
folder modern; file tokenizer_config.json "$(end '"legacy": false, ' '[END]' '')"; loss 'legacy false' 1.6209217
folder strips; file tokenizer_config.json "$(end '"legacy": false, ' '[END]' ', "lstrip": true, "rstrip": true')"
loss 'lstrip and rstrip' 1.3819201
folder word; file tokenizer_config.json "$(end '' visitors ', "single_word": true')"
loss 'single_word, a whole word' 2.0568913
folder part; file tokenizer_config.json "$(end '' visitor ', "single_word": true')"
loss 'single_word, a part of one' 2.043695
folder split; file tokenizer_config.json '{"split_special_tokens": true}'; loss 'split_special_tokens' 1.7291847

# A folder of transformers 5: a text that ends with </s> gets a second one.
special='{"id": 0, "content": "<pad>", "special": true}, {"id": 1, "content": "</s>", "special": true},
 {"id": 2, "content": "<unk>", "special": true}'
version5() {
	folder "$1"
	sentinels=$(i=0; while [ $i -lt 100 ]
		do printf ', {"id": %d, "content": "<extra_id_%d>", "special": true}' $((835 - i)) $i; i=$((i + 1))
		done)
	file tokenizer.json "{\"added_tokens\": [$special$sentinels${2-}]}"
	file tokenizer_config.json '{"backend": "tokenizers", "extra_ids": 100,
 "extra_special_tokens": ["<pad>", "</s>"],
 "tokenizer_class": "T5Tokenizer"}'
}
version5 version5; loss 'files of transformers 5' 1.9499054

# Tokens outside the model's vocabulary: the row is refused.
row_refused() { texts=$T/row.json refuses "$1" 1 "$2" evaluate; }
printf '[%s]' "$(row 'a <extra_id_0> b' joy)" >"$T/row.json"
folder outside
row_refused 'a sentinel outside the vocabulary' \
	"row 0: 'instruction' has the token '<extra_id_0>' of id 835, but the vocabulary of .* ends at 767"
printf '[%s]' "$(row 'a b' '[END]')" >"$T/row.json"
file added_tokens.json '{"[END]": 900}'
row_refused 'an added token outside the vocabulary, as a label' "row 0: 'output' has the token '\[END\]' of id 900"
(model=$COPY train=$T/row.json samples_num=1
	refuses 'the same (draw_samples)' 1 "row 0: 'output' has the token '\[END\]' of id 900" draw_samples \
	--select-long 0)

# Files that contradict each other.
refused() { refuses "files: $1" 1 "$2" evaluate; }
folder two; file tokenizer_config.json "$(end '' '[END]' '')"; file added_tokens.json '{"[END]": 761}'
refused 'two ids in two files' \
	"added_tokens.json': the token '\[END\]' has the id 761, but 760 by '.*tokenizer_config.json'"
file added_tokens.json '{"[STOP]": 761}'
refused 'a token in one file alone' \
	"added_tokens.json' has the token '\[STOP\]', which '.*tokenizer_config.json' does not have"
rm "$COPY/added_tokens.json"; file tokenizer.json '{"added_tokens": [{"id": 761, "content": "[END]"}]}'
refused 'tokenizer.json has another id' "tokenizer.json': the token '\[END\]' has the id 761, but 760"
rm "$COPY/tokenizer.json"; file special_tokens_map.json '{"additional_special_tokens": ["<end>"]}'
refused 'a special token that only the map names' "special_tokens_map.json' has the token '<end>', which"
folder old; file added_tokens.json '{"[END]": 760}'
file tokenizer.json '{"added_tokens": [{"id": 760, "content": "[STOP]"}]}'
refused 'two tokens of one id' "tokenizer.json': the id 760 is of the token '\[STOP\]', but also of '\[END\]'"
folder eos; file special_tokens_map.json '{"eos_token": "<extra_id_70>"}'
refused 'eos is not that of config.json' "eos token has the id 765, but the model.s answers end with eos_token_id 1"
file tokenizer_config.json '{"eos_token": "</s>"}'
refused 'eos in two files' "special_tokens_map.json': eos_token is '<extra_id_70>', but '</s>' in tokenizer_config.json"
folder pad; sed -i 's/"pad_token_id": 0/"pad_token_id": 2/' "$COPY/config.json"
refused 'pad is not that of config.json' "pad token has the id 0, but config.json says pad_token_id 2"
folder extra; file tokenizer_config.json '{"extra_ids": 100, "additional_special_tokens": ["<extra_id_0>"]}'
refused 'fewer sentinels than extra_ids' "extra_ids is 100, but additional_special_tokens has 1 of"
version5 alone; rm "$COPY/tokenizer.json"
refused 'half of the files of transformers 5' "written by transformers 5, but the tokenizer.json .* is missing"
version5 edge ', {"id": 740, "content": "x"}'
refused 'one id for two tokens, transformers 5' \
	"tokenizer.json': the id 740 is of the token 'x', but also of '<extra_id_95>'"
version5 blank ', {"id": 840, "content": " x"}'
refused 'a blank at the edge, transformers 5' "token ' x' begins or ends with a blank"
version5 word5 ', {"id": 840, "content": "x", "single_word": true}'
refused 'single_word, transformers 5' "token 'x' is set to single_word"

# Settings that change a text's ids in ways that are not supported.
folder set
setting() { file tokenizer_config.json "$1"; refused "$2" "$3"; }
setting '{"tokenizer_class": "ByT5Tokenizer"}' 'another tokenizer' \
	"tokenizer_class: expected 'T5Tokenizer', found 'ByT5Tokenizer'"
setting '{"do_lower_case": true}' 'lower case' "do_lower_case is true"
setting '{"sp_model_kwargs": {"enable_sampling": true}}' 'sampling' "sp_model_kwargs: expected \{\}"
setting '{"truncation_side": "left"}' 'cut at the front' "truncation_side: expected 'right', found 'left'"
setting '{"legacy": 1}' 'legacy is a number' "'legacy': expected true or false"

# Hostile files.
setting '{"added_tokens_decoder": {"-1": {"content": "x"}}}' 'a negative id' \
	"expected ids from 0 to 999999999, found '-1'"
setting '{"added_tokens_decoder": {"760": {"content": ""}}}' 'an empty token' "an added token of 0 bytes"
setting '{"added_tokens_decoder": {"760": "x"}}' 'a token that is a string' "expected an object with key 'content'"
setting '{"added_tokens_decoder": {"760": {"content": "x"}, "761": {"content": "x"}}}' 'a token twice' \
	"token 'x' has the id 761, but also 760"
setting '{"extra_ids": 1e9}' 'a billion sentinels' "'extra_ids': expected an integer from 0 to 65536"
setting '[]' 'a list' "tokenizer_config.json': expected an object"
rm "$COPY/tokenizer_config.json"
bad() { file added_tokens.json "$1"; refused "$2" "$3"; }
bad '{"x": -5}' 'added_tokens.json: a negative id' \
	"added_tokens.json' key 'x': expected an integer from 0 to 999999999, found -5"
bad '{"x": 1, "x": 2}' 'added_tokens.json: a key twice' "added_tokens.json' line 1.*duplicate"
bad '{"": 760}' 'added_tokens.json: an empty token' "an added token of 0 bytes"
bad "{\"$(printf '%02000d' 0)\": 760}" 'added_tokens.json: a token of 2000 bytes' \
	"an added token of 2000 bytes .*expected 1 to 1024"
truncate -s 5M "$COPY/added_tokens.json"
refused 'added_tokens.json: 5 MB' "added_tokens.json': expected at most 4194304 bytes"
rm "$COPY/added_tokens.json"; file tokenizer.json '{"model": 1}'
refused 'tokenizer.json without tokens' "expected a list 'added_tokens', found none"
file tokenizer.json '{"added_tokens": [], "added_tokens": []}'
refused 'tokenizer.json: a key twice' "has the key 'added_tokens' twice"

# When a file of the tokenizer appears, changes or disappears, only the stages that read texts notice it.
tiny
out=$T/planned model=$T/stamped
stamps() { must plan_pipeline; cat "$out/stamps/draw-tec" "$out/stamps/eval" >"$T/$1"
	cp "$out/stamps/extract" "$T/$1.extract"; }
cp -r "$M" "$model"
stamps before
for name in tokenizer_config.json special_tokens_map.json added_tokens.json tokenizer.json tokenizer.model; do
	inside=
	[ $name = tokenizer.json ] && inside='"added_tokens": []'
	echo "{$inside}" >"$model/$name"
	stamps with
	echo "{ $inside}" >"$model/$name"
	stamps changed
	rm "$model/$name"
	stamps without
	check "stamps: $name" test "$(diff "$T/before" "$T/with" | grep -c "^> $name ")" = 2 \
		-a "$(diff "$T/with" "$T/changed" | grep -c "^> $name ")" = 2
	check "stamps: $name, gone again" cmp "$T/before" "$T/without"
	check "stamps: $name, for extraction" cmp "$T/before.extract" "$T/with.extract"
done

# What the draw and the evaluation would refuse is refused before anything runs.
copy "$M" refused
(model=$COPY L=$T/tiny/loras D=$T/tiny/data
file tokenizer_config.json '{"truncation_side": "left"}'
refuses 'plan-pipeline: a setting that is not followed' 1 "truncation_side: expected 'right', found 'left'" \
	plan_pipeline
rm "$COPY/tokenizer_config.json"; file special_tokens_map.json '{"eos_token": "<extra_id_0>"}'
refuses 'plan-pipeline: eos is not that of config.json' 1 "the model.s answers end with eos_token_id 1" plan_pipeline)

# The real case: the first 12 rows, each with </s> at its end.
if emotion 'the real case'; then
	{ awk '{ print } /^ },?$/ && ++n == 12 { exit }' "$D/tec/test.json" |
		sed '$s/},/}/; s/^\(  "instruction": ".*\)",$/\1 <\/s>",/'; echo ']'; } >"$T/real.json"
	must "$BUILD/eval-emotion" -q --model "$M" --adapter "$L/tec" \
		--test "$T/real.json" --task tec -o "$T/real.out"
	check 'the real case: loss' near "$(sed -n 's/.*"loss": \([0-9.e-]*\).*/\1/p' "$T/real.out")" 0.8834129
	check 'the real case: accuracy' grep -q '"accuracy": 0.666666666667,' "$T/real.out"
fi
finish
