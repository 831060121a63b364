/* tokenizer_json.c: see tokenizer_json.h. */
#include "model/tokenizer/tokenizer_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/jsonx.h"

enum { MOST_BYTES = 64 << 20 }; /* the largest published files have 33 MB */

/* ------------------------------------------------------------ the vocabulary */

static void read_vocab(struct vocab *v, struct jsonpart model)
{
	const json_t *list = json_object_get(model.v, "vocab");
	const char *text;
	json_t *id;
	if (!json_is_object(list))
		die("'%s' model: vocab: expected an object, found another type", model.path);
	json_object_foreach ((json_t *)list, text, id) {
		size_t n = strlen(text), bytes;
		int number = (int)jsonx_int(list, model.path, text, 0, VOCAB_MOST_ID);
		const char *other = vocab_text(v, number, &bytes);
		if (n > VOCAB_MOST_BYTES)
			die("'%s' model: vocab: the token '%.20s…' has %zu bytes: expected "
			    "at most %d",
			    model.path, text, n, VOCAB_MOST_BYTES);
		if (other)
			die("'%s' model: vocab: the id %d is of '%.40s', but also of '%.*s'",
			    model.path, number, text, (int)(bytes < 40 ? bytes : 40), other);
		vocab_add(v, number, text, n);
	}
}

/* ------------------------------------------------------------ merges */

/* The two texts of a merge: a list of two, or one string with a blank between them. The left one
 * has `*left_bytes` bytes and no zero at its end. */
static const char *read_pair(struct jsonpart model, size_t i, const json_t *v, size_t *left_bytes,
			     const char **right)
{
	const char *left = json_string_value(v), *blank = left ? strchr(left, ' ') : NULL;
	if (json_array_size(v) == 2) {
		left = json_string_value(json_array_get(v, 0));
		*right = json_string_value(json_array_get(v, 1));
		*left_bytes = left ? strlen(left) : 0;
	} else {
		*right = blank && !strchr(blank + 1, ' ') ? blank + 1 : NULL;
		*left_bytes = blank ? (size_t)(blank - left) : 0;
	}
	if (!left || !*right)
		die("'%s' model: merges: item %zu: expected two tokens, as [\"a\", "
		    "\"b\"] or \"a b\"",
		    model.path, i);
	return left;
}

static int need_token(const struct vocab *v, struct jsonpart model, size_t i, const char *text,
		      size_t bytes)
{
	int id = vocab_find(v, text, bytes);
	if (id < 0)
		die("'%s' model: merges: item %zu: the token '%.*s' is not in the vocabulary",
		    model.path, i, (int)(bytes < 60 ? bytes : 60), text);
	return id;
}

static void read_merge(struct bpe *b, struct jsonpart model, size_t i, const json_t *v)
{
	size_t left_bytes;
	const char *right, *left = read_pair(model, i, v, &left_bytes, &right);
	size_t bytes = left_bytes + strlen(right);
	char *both = xmalloc(bytes + 1);
	memcpy(both, left, left_bytes);
	memcpy(both + left_bytes, right, bytes - left_bytes);
	int l = need_token(&b->vocab, model, i, left, left_bytes);
	int r = need_token(&b->vocab, model, i, right, bytes - left_bytes);
	bpe_add_merge(b, l, r, (int)i, need_token(&b->vocab, model, i, both, bytes));
	free(both);
}

static void read_merges(struct bpe *b, struct jsonpart model)
{
	const json_t *list = jsonpart_list(model, "merges");
	size_t i;
	json_t *v;
	bpe_reserve(b, (int)json_array_size(list));
	json_array_foreach (list, i, v)
		read_merge(b, model, i, v);
}

/* ------------------------------------------------------------ the model */

/* A setting that this program does not support: it must be null or have a value that changes
 * nothing. */
static void need_nothing(struct jsonpart model, const char *key)
{
	const json_t *v = json_object_get(model.v, key);
	if (!v || json_is_null(v) || (json_is_number(v) && json_number_value(v) == 0) ||
	    (json_is_string(v) && json_string_length(v) == 0))
		return;
	char *found = json_dumps(v, JSON_ENCODE_ANY);
	die("'%s' model: %s: expected null, found %.40s", model.path, key,
	    found ? found : "another");
}

static int read_unknown(const struct bpe *b, struct jsonpart model)
{
	const char *text = jsonx_string_or(model.v, model.path, "unk_token", NULL);
	int id = text ? vocab_find(&b->vocab, text, strlen(text)) : -1;
	if (text && id < 0)
		die("'%s' model: unk_token '%.40s' is not in the vocabulary", model.path, text);
	return id;
}

static void read_model(struct bpe *b, struct jsonpart model)
{
	const char *type = jsonx_string_or(model.v, model.path, "type", "BPE");
	if (strcmp(type, "BPE") != 0)
		die("'%s' model: type '%.40s' is not known here; known are: BPE", model.path, type);
	jsonpart_keys(model, "type dropout unk_token continuing_subword_prefix "
			     "end_of_word_suffix fuse_unk byte_fallback ignore_merges vocab "
			     "merges");
	need_nothing(model, "dropout");
	need_nothing(model, "continuing_subword_prefix");
	need_nothing(model, "end_of_word_suffix");
	b->fuse_unknown = jsonpart_bool(model, "fuse_unk", false);
	b->byte_fallback = jsonpart_bool(model, "byte_fallback", false);
	b->ignore_merges = jsonpart_bool(model, "ignore_merges", false);
	read_vocab(&b->vocab, model);
	read_merges(b, model);
	b->unknown = read_unknown(b, model);
	bpe_find_bytes(b);
}

/* ------------------------------------------------------------ added tokens */

struct set_token tokenizer_json_token(struct jsonpart p)
{
	jsonpart_keys(p, "id content single_word lstrip rstrip normalized special __type");
	const char *text = jsonpart_text(p, "content");
	if (strlen(text) > SET_TOKEN_MOST_BYTES)
		die("'%s' %s: the token '%.20s…' has %zu bytes: expected at most %d", p.path,
		    p.name, text, strlen(text), SET_TOKEN_MOST_BYTES);
	bool special = jsonpart_bool(p, "special", false);
	return (struct set_token){.text = (char *)text,
				  .id = -1,
				  .lstrip = jsonpart_bool(p, "lstrip", false),
				  .rstrip = jsonpart_bool(p, "rstrip", false),
				  .single_word = jsonpart_bool(p, "single_word", false),
				  .normalized = jsonpart_bool(p, "normalized", !special),
				  .special = special};
}

int tokenizer_json_next_id(const struct bpe_tokenizer *t)
{
	int next = t->bpe.vocab.n;
	for (int i = 0; i < t->added.n; i++)
		next = t->added.token[i].id >= next ? t->added.token[i].id + 1 : next;
	return next;
}

/* The library uses the vocabulary and the order of the list, not the ids in the file. If these
 * differ, the file is refused. */
static void read_added(struct bpe_tokenizer *t, struct jsonpart p)
{
	struct set_token token = tokenizer_json_token(p);
	token.id = (int)jsonx_int(p.v, p.path, "id", 0, VOCAB_MOST_ID);
	int expected = bpe_tokenizer_find(t, token.text);
	if (token_set_find(&t->added, token.text))
		die("'%s' added_tokens: the token '%.60s' is there twice", p.path, token.text);
	if (expected < 0)
		expected = tokenizer_json_next_id(t);
	if (token.id != expected)
		die("'%s' added_tokens: the token '%.60s' has the id %d: expected "
		    "%d, by the vocabulary and the tokens before it",
		    p.path, token.text, token.id, expected);
	token_set_add(&t->added, &token);
}

static void read_all_added(struct bpe_tokenizer *t, struct jsonpart file)
{
	size_t i;
	json_t *v;
	if (!json_object_get(file.v, "added_tokens"))
		return;
	const json_t *list = jsonpart_list(file, "added_tokens");
	if (json_array_size(list) > SET_MOST_TOKENS)
		die("'%s' added_tokens: expected at most %d tokens, found %zu", file.path,
		    SET_MOST_TOKENS, json_array_size(list));
	json_array_foreach (list, i, v)
		read_added(t, (struct jsonpart){file.path, "added_tokens", v});
}

/* ------------------------------------------------------------ the file */

static struct jsonpart part_of(struct jsonpart file, const char *key)
{
	const json_t *v = json_object_get(file.v, key);
	return (struct jsonpart){file.path, key, v ? v : json_null()};
}

static void check_version(struct jsonpart file)
{
	const char *version = jsonx_string_or(file.v, file.path, "version", "1.0");
	if (strcmp(version, "1.0") != 0)
		die("'%s': version: expected '1.0', found '%.20s'", file.path, version);
}

/* transformers switches `truncation` and `padding` off before it encodes a text. */
static void read_parts(struct bpe_tokenizer *t, struct jsonpart file)
{
	jsonpart_keys(file, "version truncation padding added_tokens normalizer "
			    "pre_tokenizer post_processor decoder model");
	check_version(file);
	read_model(&t->bpe, part_of(file, "model"));
	normaliser_read(&t->normaliser, part_of(file, "normalizer"));
	pretokenizer_read(&t->pretokenizer, part_of(file, "pre_tokenizer"));
	if (pretokenizer_prefixes_twice(&t->pretokenizer, normaliser_prepends(&t->normaliser)))
		die("'%s' pre_tokenizer: Metaspace: prepend_scheme 'first' behind "
		    "another prefix is not followed: only 'always' and 'never' are",
		    file.path);
	postprocessor_read(&t->post, part_of(file, "post_processor"));
	detokenizer_read(&t->detokenizer, part_of(file, "decoder"));
	read_all_added(t, file);
	token_set_index(&t->added, &t->normaliser, t->path);
}

json_t *tokenizer_json_load(const char *path)
{
	return jsonx_load(path, MOST_BYTES);
}

const char *tokenizer_json_model(const json_t *file)
{
	return json_string_value(json_object_get(json_object_get(file, "model"), "type"));
}

void tokenizer_json_read(struct bpe_tokenizer *t, const char *path, const json_t *file)
{
	bpe_tokenizer_init(t, path);
	read_parts(t, (struct jsonpart){path, "file", file});
}
