#!/bin/sh
# show-tokens, and what is refused in a tokenizer.json and in the files beside it.
. "$(dirname "$0")/../lib.sh"
G=tests/golden/tokenizers
show() { $LIMIT "$BUILD/show-tokens" --model "$COPY" --text "${text-ab}"; }
# prints NAME EXPECTED COMMAND…: succeeds, and prints these ids and pieces, with blanks for tabs and line ends.
prints() {
	name=$1 expected=$2
	shift 2
	"$@" >"$T/stdout" 2>"$T/stderr"
	check "$name" [ "$(tr '\t\n' '  ' <"$T/stdout")" = "$expected" ]
}

# ---------------------------------------------------------------- the tool
COPY=$G/smollm2
text='a 1' prints 'ids and pieces' '67 a 223 Ġ 19 1 ' show
prints 'make tokens: the text as it was typed' "9 ' 9 ' 223 Ġ 223 Ġ 6 \$ 90 x " \
	make --no-print-directory BUILD="$BUILD" tokens MODEL=$G/smollm2 TEXT="''  \$x"
COPY=$G/llama3
text=a prints 'the tokens before a text' '420 <|begin_of_text|> 64 a ' show
prints 'without them' '64 a ' "$BUILD/show-tokens" --model "$COPY" --text a --frame 0
prints 'lines of standard input' '64 a  65 b ' sh -c 'printf "a\nb\n" | "$1" --model "$2" --frame 0' \
	- "$BUILD/show-tokens" "$COPY"
printf 'a\n\377\n' >"$T/bytes"
refuses 'bytes that are no UTF-8' 1 'line 2 of standard input is no UTF-8' sh -c '"$1" --model "$2" <"$3"' \
	- "$BUILD/show-tokens" "$COPY" "$T/bytes"

# ---------------------------------------------------------------- a tokenizer to break
# write: tokenizer.json of the parts that are set; file NAME TEXT: a file beside it.
fresh() {
	COPY=$T/$1
	mkdir -p "$COPY"
	added= normalizer=null pre=null post=null decoder=null vocab='"a": 0, "b": 1, "ab": 2, "ba": 3' \
		merges='["a", "b"]' model= top=
}
write() {
	printf '{"version": "1.0", "added_tokens": [%s], "normalizer": %s, "pre_tokenizer": %s, "post_processor": %s,
 "decoder": %s, %s"model": {"type": "BPE", %s"vocab": {%s}, "merges": [%s]}}\n' \
		"$added" "$normalizer" "$pre" "$post" "$decoder" "$top" "$model" "$vocab" "$merges" \
			>"$COPY/tokenizer.json"
}
file() { printf '%s\n' "$2" >"$COPY/$1"; }
# refused NAME PATTERN: refuses the tokenizer of the parts. Afterwards the parts are whole again.
refused() {
	write
	refuses "$1" 1 "$2" show
	fresh json
}
fresh json
write
prints 'a tokenizer of four tokens' '2 ab ' show
merges='"a b"' && write && prints 'a merge as one string' '2 ab ' show
merges= model='"ignore_merges": true, ' && write && prints 'a piece that is a token as a whole' '2 ab ' show
fresh json

file tokenizer.json '[]'; refuses 'a list' 1 "tokenizer.json' file: expected an object" show
file tokenizer.json '{"model": '; refuses 'half of a file' 1 "tokenizer.json' line 2 column 0: the file ends" show
top='"more": 1, '; refused 'an unknown key' "file: key 'more' is not known; known are: version truncation"
top='"": 1, '; refused 'an empty key' "file: key '' is not known; known are: version truncation"
top='"model": {}, '; refused 'a key twice' "duplicate"
write; sed -i 's/"1.0"/"2.0"/' "$COPY/tokenizer.json"
refuses 'another version' 1 "version: expected '1.0', found '2.0'" show

# ---------------------------------------------------------------- the model
write; sed -i 's/"BPE"/"WordPiece"/' "$COPY/tokenizer.json"
refuses 'another model' 1 "model: type 'WordPiece' is not known here; known are: BPE" show
model='"extra": 1, '; refused 'model: an unknown key' "model: key 'extra' is not known; known are: type dropout"
model='"dropout": 0.1, '; refused 'dropout' "model: dropout: expected null, found 0.1"
model='"end_of_word_suffix": "</w>", '; refused 'a suffix' "model: end_of_word_suffix: expected null, found \"</w>\""
model='"unk_token": "x", '; refused 'no such unknown token' "model: unk_token 'x' is not in the vocabulary"
model='"fuse_unk": 1, '; refused 'a switch that is a number' "'fuse_unk': expected true or false"
vocab='"a": -1'; refused 'a negative id' "key 'a': expected an integer from 0 to 4194303, found -1"
vocab='"a": 5000000'; refused 'an id of five million' "expected an integer from 0 to 4194303, found 5000000"
vocab='"a": 0, "b": 0'; refused 'one id twice' "vocab: the id 0 is of '[ab]', but also of '[ab]'"
vocab="\"$(printf '%070000d' 0)\": 0"
refused 'a token of 70000 bytes' "vocab: the token '0+…' has 70000 bytes: expected at most 65536"
merges='["a", "x"]'; refused 'a merge of no token' "merges: item 0: the token 'x' is not in the vocabulary"
merges='["b", "b"]'; refused 'a merge to no token' "merges: item 0: the token 'bb' is not in the vocabulary"
merges='"a b a"'; refused 'a merge of three' 'merges: item 0: expected two tokens'
merges='["a"]'; refused 'a merge of one' 'merges: item 0: expected two tokens'
merges='1'; refused 'a merge that is a number' 'merges: item 0: expected two tokens'
write; sed -i 's/"merges": .*\]}}/"merges": 1}}/' "$COPY/tokenizer.json"
refuses 'merges that are no list' 1 'model: merges: expected a list' show
write; sed -i 's/"vocab": {[^}]*}/"vocab": 1/' "$COPY/tokenizer.json"
refuses 'a vocabulary that is no object' 1 'model: vocab: expected an object' show
fresh json

# ---------------------------------------------------------------- added tokens
added='{"id": 2, "content": "x"}'
refused 'an id of another token' "added_tokens: the token 'x' has the id 2: expected 4"
added='{"id": 4, "content": "a"}'
refused 'another id than in the vocabulary' "added_tokens: the token 'a' has the id 4: expected 0"
added='{"id": 4, "content": "x"}, {"id": 4, "content": "x"}'
refused 'a token twice' "added_tokens: the token 'x' is there twice"
added='{"id": 4, "content": ""}'; refused 'an empty token' 'content: expected a text, found an empty one'
added="{\"id\": 4, \"content\": \"$(printf '%02000d' 0)\"}"
refused 'an added token of 2000 bytes' 'has 2000 bytes: expected at most 1024'
added='{"id": 4, "content": "x", "upper": true}'; refused 'an unknown flag' "added_tokens: key 'upper' is not known"
added='{"id": 4, "content": "x", "normalized": true}' \
	normalizer='{"type": "Replace", "pattern": {"Regex": "y*"}, "content": "z"}'
refused 'a token that the normalizer cannot take' "added_tokens: 'x': the normalizer matches no characters"

added=$(awk \
	'BEGIN { for (i = 0; i < 16385; i++) printf "%s{\"id\": %d, \"content\": \"x%d\"}", i ? ", " : "", i + 4, i }')
refused '16385 added tokens' 'added_tokens: expected at most 16384 tokens, found 16385'

# ---------------------------------------------------------------- normalizer, pre_tokenizer, post_processor, decoder
normalizer='{"type": "Lowercase"}'
refused 'an unknown normalizer' "normalizer: type 'Lowercase' is not known; known are: NFC Prepend Replace Sequence"
normalizer='{}'; refused 'a normalizer without a type' "normalizer: expected an object with a string 'type'"
normalizer='{"type": "NFC", "form": 1}'
refused 'NFC: an unknown key' "normalizer: key 'form' is not known; known are: type"
normalizer='{"type": "Prepend", "prepend": ""}'
refused 'an empty prefix' 'normalizer: prepend: expected a text, found an empty one'
normalizer='{"type": "Sequence", "normalizers": {}}'
refused 'a sequence that is no list' 'normalizer: normalizers: expected a list'
normalizer='{"type": "Replace", "pattern": "a", "content": "b"}'
refused 'a pattern that is a string' 'normalizer: pattern: expected \{"String": …\} or \{"Regex": …\}'
normalizer='{"type": "Replace", "pattern": {"Regex": "y*"}, "content": "z"}'
refused 'a normalizer that matches nothing' "tokenizer.json' normalizer: an expression matches no characters"
pre='{"type": "Whitespace"}'
refused 'an unknown pre-tokenizer' \
	"pre_tokenizer: type 'Whitespace' is not known; known are: Split Digits ByteLevel Metaspace Sequence"
split() { pre="{\"type\": \"Split\", \"pattern\": $1, \"behavior\": \"${2-Isolated}\", \"invert\": false}"; }
split '{"String": "a"}' Dropped
refused 'an unknown behavior' "pre_tokenizer: behavior 'Dropped' is not known; "\
"known are: Removed Isolated MergedWithPrevious MergedWithNext Contiguous"
split '{"String": ""}'; refused 'an empty pattern' 'pre_tokenizer: pattern: expected a text, found an empty one'
split '{"Regex": "(a"}'
	refused 'half of an expression' \
	"pre_tokenizer: pattern '\(a': no regular expression of Oniguruma: end pattern with unmatched parenthesis"
split "{\"Regex\": \"$(printf '%05000d' 0)\"}"
refused 'an expression of 5000 bytes' 'of 5000 bytes, and at most 4096 are read'
split '{"Regex": "x*"}'
refused 'an expression that matches nothing' "tokenizer.json' pre_tokenizer: an expression matches no characters"
split '{"Regex": "(?:a+a+)+c"}'
text=$(printf '%060d' 0 | tr 0 a)b refused 'an expression of many steps' \
	'an expression takes more than 10000000 steps for one match'
metaspace() { pre="{\"type\": \"Metaspace\", \"replacement\": \"$1\"${2-}}"; }
metaspace ab; refused 'a replacement of two characters' "Metaspace: replacement: expected one character, found 'ab'"
metaspace _ ', "prepend_scheme": "last"'
refused 'an unknown scheme' "prepend_scheme 'last' is not known; known are: always never first"
metaspace _ ', "prepend_scheme": "never", "add_prefix_space": true'
refused 'two schemes' "add_prefix_space is true, but prepend_scheme is 'never'"
metaspace _ ', "prepend_scheme": "first"'; normalizer='{"type": "Prepend", "prepend": "_"}'
refused 'two prefixes' "prepend_scheme 'first' behind another prefix is not followed"
post='{"type": "BertProcessing"}'
refused 'an unknown post-processor' \
	"post_processor: type 'BertProcessing' is not known; known are: ByteLevel TemplateProcessing Sequence"
template() { post="{\"type\": \"TemplateProcessing\", \"single\": [$1], \"special_tokens\": {\"a\": {\"ids\": [0]}}}"; }
A='{"Sequence": {"id": "A"}}'
template "$A, $A"; refused 'a text twice' "single: expected SpecialToken items and one Sequence 'A', found another item"
template '{"SpecialToken": {"id": "a"}}'
refused 'a template without the text' "single: expected a Sequence 'A', found none"
template "{\"SpecialToken\": {\"id\": \"x\"}}, $A"
refused 'a token that is not listed' "the template has the token 'x', which special_tokens does not have"
template "$A"; post="{\"type\": \"Sequence\", \"processors\": [$post, $post]}"
refused 'two templates' 'two of TemplateProcessing: expected one'
decoder='{"type": "WordPiece"}'
refused 'an unknown decoder' "decoder: type 'WordPiece' is not known; "\
"known are: ByteLevel Metaspace Replace ByteFallback Fuse Strip Sequence"
decoder='{"type": "Strip", "content": "ab", "start": 1, "stop": 0}'
refused 'Strip of two characters' "decoder: content: expected one character, found 'ab'"
decoder='{"type": "Strip", "content": " ", "start": -1, "stop": 0}'
refused 'Strip of less than nothing' "'start': expected an integer from 0 to 1000, found -1"

# ---------------------------------------------------------------- the files beside it
# beside NAME CONFIG PATTERN: of the parts that are set.
beside() {
	beside=${into-tokenizer_config.json}
	write
	file "$beside" "$2"
	refuses "$1" 1 "$3" show
	rm "$COPY/$beside"
	fresh json
}
beside 'a list of settings' '[]' "tokenizer_config.json': expected an object"
beside 'an unknown class' '{"tokenizer_class": "BertTokenizer"}' \
	"tokenizer_class 'BertTokenizer' is not known; known are"
beside 'lower case' '{"do_lower_case": true}' 'do_lower_case is true, which is not followed: remove the key'
beside 'special tokens are split' '{"split_special_tokens": true}' 'split_special_tokens is true, which is not followed'
beside 'a named token that is none' '{"eos_token": "</s>"}' \
	"eos_token names '</s>', which is no added token of '.*tokenizer.json'"
beside 'a listed token that is none' '{"additional_special_tokens": ["x"]}' \
	"additional_special_tokens names 'x', which is no added token"
added='{"id": 4, "content": "x", "special": true}' into=special_tokens_map.json
(file tokenizer_config.json '{"eos_token": "x"}'
	beside 'two names' '{"eos_token": "y"}' \
	"special_tokens_map.json': eos_token is 'y', but 'x' in tokenizer_config.json")
rm "$COPY/tokenizer_config.json"
into=added_tokens.json beside 'a token of an older file' '{"y": 4}' \
	"added_tokens.json' has the token 'y', which is no added token of '.*': delete the older file"
unset into
decoder_of() { printf '{"added_tokens_decoder": {"%s": {"content": "%s", "special": true%s}}}' "$@"; }
x='{"id": 4, "content": "x", "special": true, "normalized": false}'
added=$x; beside 'another id' "$(decoder_of 5 x '')" "the token 'x' has the id 5, but 4 in '.*tokenizer.json'"
added=$x
beside 'an id that is no number' "$(decoder_of five x '')" "added_tokens_decoder: expected ids as keys, found 'five'"
added=$x
beside 'other flags' "$(decoder_of 4 x ', "lstrip": true')" \
	"'x' has other flags than in '.*tokenizer.json': make them equal"
added=$x
beside 'a BOS that is not put' '{"add_bos_token": true, "bos_token": "x"}' \
	"add_bos_token is true, but the post_processor of '.*' puts 0 tokens there"
added=$x
beside 'the default of Llama 2' '{"tokenizer_class": "LlamaTokenizer", "bos_token": "x"}' \
	'add_bos_token is true by default, but the post_processor'
template "$A, {\"SpecialToken\": {\"id\": \"a\"}}"
beside 'an EOS that is put' '{"add_eos_token": false}' \
	"add_eos_token is false, but the post_processor of '.*' puts 1 token"
beside 'a blank that is not put' '{"add_prefix_space": true}' \
	"add_prefix_space is true, but '.*tokenizer.json' puts no blank before a text"
metaspace _
beside 'a blank that is put' '{"add_prefix_space": false}' \
	"add_prefix_space is false, but '.*tokenizer.json' puts a blank before a text"

# ---------------------------------------------------------------- other folders
fresh none; refuses 'no tokenizer' 1 'has no tokenizer.json, tokenizer.model or spiece.model: copy them' show
touch "$COPY/vocab.json"
refuses 'a tokenizer of other files' 1 'its vocab.json is not read: save the tokenizer again by transformers' show

# ---------------------------------------------------------------- tokenizer.model
model() { copy $G/llama2-model "$1"; }
model class; file tokenizer_config.json '{"tokenizer_class": "GemmaTokenizer"}'
refuses 'tokenizer.model of another class' 1 "tokenizer_class: expected 'LlamaTokenizer', found 'GemmaTokenizer'" show
model unigram; cp data/demo/model/spiece.model "$COPY/tokenizer.model"
refuses 'T5s model as tokenizer.model' 1 \
	"tokenizer.model': model_type: expected BPE, found Unigram: only Llama 2's kind" show
# Fields of the file: 0x1a, the length, and a setting of the normaliser. If it occurs several times, the last one
# counts.
setting() { model setting; printf "$(printf '\\032\\002\\%03o\\%03o' "$1" "$2")" >>"$COPY/tokenizer.model"
	refuses "tokenizer.model: $3" 1 "$3: expected $4, found" show; }
setting 24 0 add_dummy_prefix true
setting 32 1 remove_extra_whitespaces false
setting 40 0 escape_whitespaces true
model suffix; printf '\022\003\300\001\001' >>"$COPY/tokenizer.model"
refuses 'tokenizer.model: blanks as suffixes' 1 'treat_whitespace_as_suffix: expected false, found true' show
model name; printf '\032\003\012\001x' >>"$COPY/tokenizer.model"
refuses 'tokenizer.model: a normaliser' 1 'normalizer: expected identity, found x' show
model map; printf '\032\003\022\001x' >>"$COPY/tokenizer.model"
refuses 'tokenizer.model: a table' 1 'normalizer: expected identity, found identity' show
# A piece: 0x0a, the length, and its text.
model piece; printf '\012\003\012\001\377' >>"$COPY/tokenizer.model"
refuses 'a piece that is no text' 1 'a piece that is no text of 1 to 1024 bytes: not a sentencepiece model' show
model twice; printf '\012\003\012\001a' >>"$COPY/tokenizer.model"
refuses 'a piece twice' 1 "the piece 'a' is there twice" show
model kind; printf '\012\005\012\001~\030\011' >>"$COPY/tokenizer.model"
refuses 'a piece of an unknown kind' 1 'a piece without a text, a finite score or a known kind' show
model cut; truncate -s -3 "$COPY/tokenizer.model"
refuses 'half of a file' 1 "tokenizer.model': a field goes over the end: not a sentencepiece model" show
model type; printf '\017' >>"$COPY/tokenizer.model"; refuses 'a field of no type' 1 'a field of an unknown type' show
model varint; printf '\200' >>"$COPY/tokenizer.model"
refuses 'a number without an end' 1 'a number goes over the end' show
model long; printf '\200\200\200\200\200\200\200\200\200\200\200' >>"$COPY/tokenizer.model"
refuses 'a number of eleven bytes' 1 'a number of over ten bytes' show
model empty; : >"$COPY/tokenizer.model"; refuses 'an empty file' 1 "tokenizer.model': no piece" show
model unknown; printf '\012\003\012\001a\022\002\030\002\032\002\040\000' >"$COPY/tokenizer.model"
refuses 'no unknown piece' 1 'no piece is of the kind unknown' show
model lfs; echo 'version https://git-lfs.github.com/spec/v1' >"$COPY/tokenizer.model"
refuses 'a pointer to the file' 1 "tokenizer.model' looks like a Git LFS pointer" show
model flags; file tokenizer_config.json "$(decoder_of 1 '<s>' ', "normalized": true')"
refuses 'a piece that is normalized' 1 "'<s>' is set to normalized, but is a piece of" show
model added; file tokenizer_config.json "$(decoder_of 600 '[NEW]' '')"
refuses 'a token with a gap before it' 1 "the token '\[NEW\]' has the id 600, but 560 in" show
file tokenizer_config.json "$(decoder_of 560 '[NEW]' '')"
text='[NEW]' prints 'a token behind the pieces' '1 <s> 560 [NEW] ' show

# ---------------------------------------------------------------- T5 without spiece.model
t5() { copy $G/t5 "$1"; }
edit() { sed -i "$1" "$COPY/tokenizer.json"; }
t5 plain; text='the' prints 'T5 by tokenizer.json alone' '3 ▁ 11 t 97 he 1 </s> ' show
edit 's/\["h",-[0-9.]*\]/["h",-4.1]/;s/\["e",-[0-9.]*\]/["e",-4.1]/'
refuses 'a score that is no float32' 1 "the score -4.09.* is no float32" show
t5 item; edit 's/\["<pad>",0.0\]/["<pad>"]/'
refuses 'a piece without a score' 1 'model: vocab: item 0: expected \[text, score\]' show
t5 bytes; edit 's/"byte_fallback":false/"byte_fallback":true/'
refuses 'byte fallback' 1 "byte_fallback: expected false, found true: not T5's" show
t5 unknown; edit 's/"unk_id":2/"unk_id":9999/'
refuses 'an unknown id outside' 1 "'unk_id': expected an integer from 0 to" show
t5 base64; edit 's/"precompiled_charsmap":"/&!/'
refuses 'a table that is no base64' 1 'precompiled_charsmap: expected base64, found' show
t5 table; edit 's/"precompiled_charsmap":"[^"]*"/"precompiled_charsmap":"AAAA"/'
refuses 'a table that is none' 1 'not a sentencepiece model, or a damaged one' show
t5 normalizer; edit 's/"Precompiled"/"NFC"/'
refuses 'another normalizer' 1 'normalizer: expected that of T5, found' show
t5 pre; edit 's/"pre_tokenizer":{"type":"Metaspace"/"pre_tokenizer":{"type":"Whitespace"/'
refuses 'another pre-tokenizer' 1 'pre_tokenizer: expected that of T5, found' show
t5 post; edit 's/"post_processor":{.*"decoder"/"post_processor":null,"decoder"/'
refuses 'no </s>' 1 'post_processor: expected that of T5, found null' show
finish
