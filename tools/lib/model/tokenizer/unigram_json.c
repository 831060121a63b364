/* unigram_json.c: see unigram_json.h.
 *
 * transformers 4 and 5 write the same rule of sentencepiece in two forms: the table maps
 * characters; blanks at the ends are removed; a run of blanks becomes one; one blank is added
 * before the text. */
#include "model/tokenizer/unigram_json.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/exists.h"
#include "files/jsonx.h"
#include "model/tokenizer/jsonpart.h"
#include "model/tokenizer/piece_file.h"
#include "model/tokenizer/postprocessor.h"
#include "model/tokenizer/tokenizer_json.h"

/* ------------------------------------------------------------ protobuf */

static void put_varint(struct text *to, uint64_t v)
{
	do {
		char byte = (char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		text_put(to, &byte, 1);
		v >>= 7;
	} while (v);
}

static void put_number(struct text *to, unsigned field, uint64_t v)
{
	put_varint(to, field << 3);
	put_varint(to, v);
}

static void put_bytes(struct text *to, unsigned field, const char *bytes, size_t n)
{
	put_varint(to, field << 3 | 2);
	put_varint(to, n);
	text_put(to, bytes, n);
}

static void put_float(struct text *to, unsigned field, float v)
{
	uint32_t bits;
	char b[4];
	memcpy(&bits, &v, sizeof bits);
	for (int i = 0; i < 4; i++)
		b[i] = (char)(bits >> 8 * i & 0xff);
	put_varint(to, field << 3 | 5);
	text_put(to, b, sizeof b);
}

/* Makes the message in `part` a field; `part` is empty afterwards. */
static void put_part(struct text *to, unsigned field, struct text *part)
{
	put_bytes(to, field, text_get(part), part->n);
	part->n = 0;
}

/* ------------------------------------------------------------ pieces */

static void put_piece(struct text *to, struct jsonpart model, size_t i, const json_t *v,
		      enum piece_kind kind)
{
	struct text piece = {0};
	const char *text = json_string_value(json_array_get(v, 0));
	const json_t *score = json_array_get(v, 1);
	double number = json_number_value(score);
	if (!text || !*text || !json_is_number(score) || json_array_size(v) != 2)
		die("'%s' model: vocab: item %zu: expected [text, score]", model.path, i);
	if (!isfinite((float)number) || (double)(float)number != number)
		die("'%s' model: vocab: '%.40s': the score %.17g is no float32, as "
		    "sentencepiece has them",
		    model.path, text, number);
	put_bytes(&piece, 1, text, strlen(text));
	put_float(&piece, 2, (float)number);
	put_number(&piece, 3, (uint64_t)kind);
	put_part(to, 1, &piece);
	text_release(&piece);
}

/* The texts of the added tokens, as keys of an object. No text is split into these. */
static json_t *added_texts(struct jsonpart file)
{
	size_t i;
	json_t *v, *all = json_object();
	json_array_foreach (jsonpart_list(file, "added_tokens"), i, v)
		json_object_set_new(all, jsonx_string(v, file.path, "content"), json_true());
	return all;
}

static void put_pieces(struct text *to, struct jsonpart file)
{
	struct jsonpart model = {file.path, "model", json_object_get(file.v, "model")};
	jsonpart_keys(model, "type unk_id vocab byte_fallback");
	if (jsonpart_bool(model, "byte_fallback", false))
		die("'%s' model: byte_fallback: expected false, found true: not T5's", file.path);
	const json_t *list = jsonpart_list(model, "vocab");
	long unknown = jsonx_int(model.v, file.path, "unk_id", 0, (long)json_array_size(list) - 1);
	json_t *added = added_texts(file), *v;
	size_t i;
	json_array_foreach (list, i, v) {
		const char *text = json_string_value(json_array_get(v, 0));
		bool is_added = text && json_object_get(added, text);
		put_piece(to, model, i, v,
			  (long)i == unknown ? PIECE_UNKNOWN
			  : is_added         ? PIECE_CONTROL
					     : PIECE_NORMAL);
	}
	json_decref(added);
}

/* ------------------------------------------------------------ the normaliser */

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* Appends the bytes that the base64 digits stand for. Only "=" may follow the last digit. */
static void put_base64(struct text *to, const char *digits, const char *path)
{
	unsigned bits = 0, n = 0;
	for (; base64_digit(*digits) >= 0; digits++) {
		bits = bits << 6 | (unsigned)base64_digit(*digits);
		n += 6;
		if (n >= 8) {
			char byte = (char)(bits >> (n -= 8) & 0xff);
			text_put(to, &byte, 1);
		}
	}
	if (digits[strspn(digits, "=")])
		die("'%s' normalizer: precompiled_charsmap: expected base64, found '%.20s'", path,
		    digits);
}

static void put_charsmap(struct text *to, struct jsonpart p)
{
	struct text map = {0}, part = {0};
	jsonpart_keys(p, "type precompiled_charsmap");
	put_base64(&map, jsonpart_text(p, "precompiled_charsmap"), p.path);
	put_part(&part, 2, &map);
	put_part(to, 3, &part);
	text_release(&map);
	text_release(&part);
}

_Noreturn static void die_not_t5(struct jsonpart p)
{
	char *found = json_dumps(p.v, JSON_ENCODE_ANY | JSON_COMPACT);
	die("'%s' %s: expected that of T5, found %.100s", p.path, p.name,
	    found ? found : "another");
}

/* Whether v equals this JSON. */
static bool is(const json_t *v, const char *text)
{
	json_t *expected = json_loads(text, 0, NULL);
	BUG_IF(!expected);
	bool equal = json_equal(v, expected) == 1;
	json_decref(expected);
	return equal;
}

static const char strip[] = "{\"type\": \"Strip\", \"strip_left\": false, \"strip_right\": true}";
static const char squeeze[] =
	"{\"type\": \"Replace\", \"pattern\": {\"Regex\": \" {2,}\"}, \"content\": \"▁\"}";

/* Only the table, or (transformers 4) the table before the rules for blanks. */
static void put_normaliser(struct text *to, struct jsonpart p)
{
	const json_t *list = json_object_get(p.v, "normalizers");
	const json_t *table = list ? json_array_get(list, 0) : p.v;
	const char *type = json_string_value(json_object_get(table, "type"));
	bool blanks = !list || (json_array_size(list) == 3 && is(json_array_get(list, 1), strip) &&
				is(json_array_get(list, 2), squeeze));
	if (!type || strcmp(type, "Precompiled") != 0 || !blanks)
		die_not_t5(p);
	put_charsmap(to, (struct jsonpart){p.path, p.name, table});
}

/* ------------------------------------------------------------ the rest */

/* prepend_scheme "always", in its older and newer forms. */
static bool is_metaspace(const json_t *v)
{
	return is(v, "{\"type\": \"Metaspace\", \"replacement\": \"▁\", \"prepend_scheme\": "
		     "\"always\", "
		     "\"split\": true}") ||
	       is(v, "{\"type\": \"Metaspace\", \"replacement\": \"▁\", \"add_prefix_space\": "
		     "true}") ||
	       is(v, "{\"type\": \"Metaspace\", \"replacement\": \"▁\", \"str_rep\": \"▁\", "
		     "\"add_prefix_space\": true}");
}

static void check_pretokenizer(struct jsonpart p)
{
	const json_t *list = json_object_get(p.v, "pretokenizers");
	bool two = list && json_array_size(list) == 2 &&
		   is(json_array_get(list, 0), "{\"type\": \"WhitespaceSplit\"}");
	if (!is_metaspace(two ? json_array_get(list, 1) : p.v))
		die_not_t5(p);
}

/* </s> behind a text, and nothing else. */
static void check_post(struct jsonpart p)
{
	struct postprocessor post = {0};
	postprocessor_read(&post, p);
	if (post.before.n != 0 || post.behind.n != 1)
		die_not_t5(p);
	postprocessor_release(&post);
}

static struct jsonpart part_of(struct jsonpart file, const char *key)
{
	const json_t *v = json_object_get(file.v, key);
	return (struct jsonpart){file.path, key, v ? v : json_null()};
}

bool unigram_json_is(const char *dir)
{
	if (file_is_in(dir, "spiece.model") || !file_is_in(dir, "tokenizer.json"))
		return false;
	char *path = xformat("%s/tokenizer.json", dir);
	json_t *v = tokenizer_json_load(path);
	const char *type = tokenizer_json_model(v);
	bool is_so = type && strcmp(type, "Unigram") == 0;
	json_decref(v);
	free(path);
	return is_so;
}

void unigram_json_read(const char *path, struct text *model)
{
	json_t *v = tokenizer_json_load(path);
	struct jsonpart file = {path, "file", v};
	struct text trainer = {0};
	jsonpart_keys(file, "version truncation padding added_tokens normalizer "
			    "pre_tokenizer post_processor decoder model");
	put_pieces(model, file);
	put_number(&trainer, 3, PIECES_UNIGRAM);
	put_part(model, 2, &trainer);
	put_normaliser(model, part_of(file, "normalizer"));
	check_pretokenizer(part_of(file, "pre_tokenizer"));
	check_post(part_of(file, "post_processor"));
	text_release(&trainer);
	json_decref(v);
}
