/* tokenizer.c: see tokenizer.h. */
#include "model/tokenizer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/utf8.h"
#include "files/exists.h"
#include "model/tokenizer/bpe_tokenizer.h"
#include "model/tokenizer/tokenizer_json.h"
#include "model/tokenizer/tokenizer_model.h"
#include "model/tokenizer/tokenizer_settings.h"
#include "model/tokenizer/tokens.h"

const char *const tokenizer_names[] = {
	"spiece.model",
	"tokenizer_config.json",
	"special_tokens_map.json",
	"added_tokens.json",
	"tokenizer.json",
	"tokenizer.model",
	NULL,
};

struct tokenizer {
	struct t5_tokenizer *t5; /* NULL: bpe is used */
	struct bpe_tokenizer bpe;
};

/* ------------------------------------------------------------ which kind a folder holds */

static struct t5_tokenizer *open_t5(const char *dir)
{
	struct geometry m = geometry_load(dir);
	return tokens_open(dir, &m);
}

static void open_model(struct tokenizer *t, const char *dir)
{
	struct tokenizer_settings s;
	char *path = xformat("%s/tokenizer.model", dir);
	tokenizer_settings_open(&s, dir);
	tokenizer_model_read(&t->bpe, path, &s);
	tokenizer_settings_check(&s, &t->bpe);
	tokenizer_settings_close(&s);
	free(path);
}

static void open_json_bpe(struct tokenizer *t, const char *dir, const char *path,
			  const json_t *file)
{
	struct tokenizer_settings s;
	tokenizer_settings_open(&s, dir);
	tokenizer_json_read(&t->bpe, path, file);
	tokenizer_settings_check(&s, &t->bpe);
	tokenizer_settings_close(&s);
}

static void open_json(struct tokenizer *t, const char *dir)
{
	char *path = xformat("%s/tokenizer.json", dir);
	json_t *file = tokenizer_json_load(path);
	const char *model = tokenizer_json_model(file);
	if (model && strcmp(model, "Unigram") == 0)
		t->t5 = open_t5(dir);
	else
		open_json_bpe(t, dir, path, file);
	json_decref(file);
	free(path);
}

_Noreturn static void die_unknown(const char *dir)
{
	static const char *const other[] = {"vocab.json", "vocab.txt", "sentencepiece.bpe.model"};
	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		if (file_is_in(dir, other[i]))
			die("'%s' has no tokenizer.json, tokenizer.model or spiece.model; "
			    "its %s is not read: save the tokenizer again by transformers, "
			    "which writes tokenizer.json",
			    dir, other[i]);
	die("'%s' has no tokenizer.json, tokenizer.model or spiece.model: "
	    "copy them from the model that this one was made from",
	    dir);
}

struct tokenizer *tokenizer_open(const char *dir)
{
	struct tokenizer *t = xcalloc(1, sizeof *t);
	if (file_is_in(dir, "spiece.model"))
		t->t5 = open_t5(dir);
	else if (file_is_in(dir, "tokenizer.json"))
		open_json(t, dir);
	else if (file_is_in(dir, "tokenizer.model"))
		open_model(t, dir);
	else
		die_unknown(dir);
	return t;
}

struct tokenizer *tokenizer_open_for(const char *dir, const struct geometry *m)
{
	if (m->family != &family_t5)
		return tokenizer_open(dir);
	struct tokenizer *t = xcalloc(1, sizeof *t);
	t->t5 = tokens_open(dir, m);
	return t;
}

bool tokenizer_is_in(const char *dir)
{
	return file_is_in(dir, "spiece.model") || file_is_in(dir, "tokenizer.json") ||
	       file_is_in(dir, "tokenizer.model");
}

void tokenizer_close(struct tokenizer *t)
{
	if (!t)
		return;
	tokens_close(t->t5);
	bpe_tokenizer_release(&t->bpe);
	free(t);
}

/* ------------------------------------------------------------ texts and ids */

/* The wrapper of sentencepiece takes a text that ends at its zero byte. */
static bool encode_t5(const struct t5_tokenizer *t, const char *text, size_t bytes, bool frame,
		      struct token_ids *ids)
{
	if (bytes > 0 && memchr(text, 0, bytes))
		return false;
	char *copy = xformat("%.*s", (int)bytes, text);
	bool ok = tokens_encode_whole(t, copy, frame, ids);
	free(copy);
	return ok;
}

bool tokenizer_encode(const struct tokenizer *t, const char *text, size_t bytes, bool frame,
		      struct token_ids *ids)
{
	if (bytes > TOKENIZER_MOST_BYTES || utf8_valid(text, bytes) < bytes)
		return false;
	if (t->t5)
		return encode_t5(t->t5, text, bytes, frame, ids);
	bpe_tokenizer_encode(&t->bpe, text, bytes, frame, ids);
	return true;
}

static bool encode_t5_within(const struct t5_tokenizer *t, const char *text, int most,
			     struct token_ids *ids)
{
	int *id = xarray((size_t)most, sizeof *id), n = tokens_encode(t, text, most, id);
	for (int i = 0; i < n; i++)
		token_ids_add(ids, id[i]);
	free(id);
	return n >= 0;
}

/* Where the n ids of `part` begin in `whole`. */
static int begin_of(const struct token_ids *part, const struct token_ids *whole)
{
	int at = 0;
	while (at + part->n < whole->n &&
	       memcmp(whole->id + at, part->id, sizeof *part->id * (size_t)part->n) != 0)
		at++;
	return at;
}

bool tokenizer_encode_within(const struct tokenizer *t, const char *text, size_t bytes, int most,
			     struct token_ids *ids)
{
	struct token_ids whole = {0}, part = {0};
	if (t->t5)
		return encode_t5_within(t->t5, text, most, ids);
	bool ok = tokenizer_encode(t, text, bytes, true, &whole) &&
		  tokenizer_encode(t, text, bytes, false, &part);
	int over = whole.n > most ? whole.n - most : 0,
	    end = ok ? begin_of(&part, &whole) + part.n : 0;
	for (int i = 0; i < whole.n; i++)
		if (i < end - over || i >= end)
			token_ids_add(ids, whole.id[i]);
	token_ids_release(&whole);
	token_ids_release(&part);
	return ok;
}

char *tokenizer_outside(const struct tokenizer *t, const int *ids, int n, const char *dir, int V)
{
	if (t->t5)
		return tokens_outside(t->t5, ids, n);
	for (int i = 0; i < n; i++) {
		if (ids[i] < V)
			continue;
		char *piece = tokenizer_piece(t, ids[i]);
		return xformat("the token '%s' of id %d, but the vocabulary of '%s' ends at %d: "
			       "the model has no such token",
			       piece ? piece : "", ids[i], dir, V - 1);
	}
	return NULL;
}

char *tokenizer_decode(const struct tokenizer *t, const int *ids, int n, bool skip_special,
		       size_t *bytes)
{
	struct text text = {0};
	char *t5_text = t->t5 ? tokens_decode(t->t5, ids, n) : NULL;
	text_put(&text, t5_text, t5_text ? strlen(t5_text) : 0);
	free(t5_text);
	if (!t->t5)
		bpe_tokenizer_decode(&t->bpe, ids, n, skip_special, &text);
	if (bytes)
		*bytes = text.n;
	return text.s;
}

char *tokenizer_piece(const struct tokenizer *t, int id)
{
	size_t bytes = 0;
	if (t->t5)
		return tokens_piece(t->t5, id);
	const char *text = bpe_tokenizer_piece(&t->bpe, id, &bytes);
	return text ? xformat("%.*s", (int)bytes, text) : NULL;
}

int tokenizer_find(const struct tokenizer *t, const char *text)
{
	return t->t5 ? tokens_find(t->t5, text) : bpe_tokenizer_find(&t->bpe, text);
}

int tokenizer_size(const struct tokenizer *t)
{
	return t->t5 ? tokens_size(t->t5) : bpe_tokenizer_end(&t->bpe);
}
