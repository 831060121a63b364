/* tokens.c: see tokens.h.
 *
 * `legacy` (tokenizer_config.json; true where it is absent): sentencepiece adds a blank before
 * every part of a text, so that "<extra_id_0>." becomes <extra_id_0>, "▁", ".". Without legacy only
 * the text itself gets a blank. */
#include "model/tokenizer/tokens.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/exists.h"
#include "files/jsonx.h"
#include "files/looks.h"
#include "model/kind.h"
#include "model/tokenizer/added.h"
#include "model/tokenizer/split.h"
#include "model/tokenizer/unigram_json.h"

static const char blank[] = "▁"; /* sentencepiece's character for a blank */
enum { BLANK = sizeof blank - 1 };

struct t5_tokenizer {
	struct spm *spm;
	struct added added;
	char *dir;
	int V;
	bool legacy, prefix, splits, always_eos;
	int unknown_pieces; /* pieces of the unknown token's text; only without legacy */
};

/* Collects the ids of a text. */
struct sink {
	const struct t5_tokenizer *t;
	int *id, n, room;
	int drop;            /* number of pieces to skip first */
	bool blank_first;    /* the first piece is "▁" */
	bool special_second; /* the second piece is a special token */
};

/* A piece with the text of an added token becomes that token. */
static void take(void *arg, int id, const char *text, int bytes)
{
	struct sink *s = arg;
	if (s->drop > 0) {
		s->drop--;
		return;
	}
	const struct added_token *token = added_find(&s->t->added, text, (size_t)bytes);
	if (s->n == 0)
		s->blank_first = bytes == BLANK && memcmp(text, blank, BLANK) == 0;
	if (s->n == 1)
		s->special_second = token && token->named;
	if (s->n == s->room)
		s->id = xrealloc(s->id, sizeof *s->id * (size_t)(s->room += s->room + 64));
	s->id[s->n++] = token ? token->id : id;
}

static void take_nothing(void *arg, int id, const char *text, int bytes)
{
	(void)arg, (void)id, (void)text, (void)bytes;
}

/* Without legacy, a text that begins with a blank. sentencepiece would strip the blank. So the text
 * is encoded behind the text of the unknown token, and the pieces of the unknown token are
 * skipped. */
static bool encode_behind_unknown(const struct t5_tokenizer *t, const char *text, size_t bytes,
				  struct sink *s)
{
	char *whole = xformat("%s%.*s", t->added.unknown, (int)bytes, text);
	int all = (int)strlen(whole), n = spm_encode(t->spm, whole, all, take_nothing, NULL);
	s->drop = n >= t->unknown_pieces ? t->unknown_pieces : 0;
	n = n < 0 ? n : spm_encode(t->spm, whole, all, take, s);
	free(whole);
	return n >= 0;
}

static bool encode_plain(const struct t5_tokenizer *t, const char *text, size_t bytes,
			 struct sink *s)
{
	bool begins_blank =
		bytes > 0 && (*text == ' ' || (bytes >= BLANK && memcmp(text, blank, BLANK) == 0));
	if (!t->legacy && begins_blank)
		return encode_behind_unknown(t, text, bytes, s);
	return spm_encode(t->spm, text, (int)bytes, take, s) >= 0;
}

static bool encode_parts(const struct t5_tokenizer *t, const char *text, size_t bytes,
			 struct sink *s)
{
	struct parts p = split_text(&t->added, text, bytes);
	bool ok = true;
	for (int i = 0; i < p.n && ok; i++) {
		if (p.part[i].token)
			take(s, p.part[i].token->id, p.part[i].text, (int)p.part[i].bytes);
		else
			ok = encode_plain(t, p.part[i].text, p.part[i].bytes, s);
	}
	parts_release(&p);
	return ok;
}

static bool encode_all(const struct t5_tokenizer *t, const char *text, size_t bytes, struct sink *s)
{
	if (t->splits && split_needed(&t->added, text, bytes))
		return encode_parts(t, text, bytes, s);
	return bytes == 0 || encode_plain(t, text, bytes, s);
}

/* Without legacy: "▁" becomes a blank, and one "▁" is added before the text. */
static char *with_prefix(const struct t5_tokenizer *t, const char *text)
{
	char *whole = xformat("%s%s", t->prefix ? blank : "", text),
	     *to = whole + (t->prefix ? BLANK : 0);
	for (const char *from = text; *from;) {
		bool is_blank = strncmp(from, blank, BLANK) == 0;
		*to++ = is_blank ? ' ' : *from;
		from += is_blank ? BLANK : 1;
	}
	*to = 0;
	return whole;
}

/* All ids without the end token, from s->id[*first] on. */
static bool encode_text(const struct t5_tokenizer *t, const char *text, struct sink *s, int *first)
{
	char *prefixed = t->legacy || !*text ? NULL : with_prefix(t, text);
	const char *whole = prefixed ? prefixed : text;
	size_t bytes = strlen(whole);
	bool ok = bytes < INT_MAX / 2 && encode_all(t, whole, bytes, s);
	*first = prefixed && s->n > 1 && s->blank_first && s->special_second;
	free(prefixed);
	return ok;
}

/* Whether </s> has to follow these ids. */
static bool needs_end(const struct t5_tokenizer *t, const int *ids, int n)
{
	return n == 0 || t->always_eos || ids[n - 1] != t->added.eos;
}

int tokens_encode(const struct t5_tokenizer *t, const char *text, int max_length, int *ids)
{
	BUG_IF(max_length < 1);
	struct sink s = {.t = t};
	int first;
	bool ok = encode_text(t, text, &s, &first);
	int n = s.n - first;
	n = n < max_length - 1 ? n : max_length - 1;
	if (n > 0)
		memcpy(ids, s.id + first, sizeof *ids * (size_t)n);
	if (needs_end(t, ids, n))
		ids[n++] = t->added.eos;
	free(s.id);
	return ok ? n : -1;
}

bool tokens_encode_whole(const struct t5_tokenizer *t, const char *text, bool end,
			 struct token_ids *ids)
{
	struct sink s = {.t = t};
	int first;
	bool ok = encode_text(t, text, &s, &first);
	for (int i = first; ok && i < s.n; i++)
		token_ids_add(ids, s.id[i]);
	if (ok && end && needs_end(t, s.id + first, s.n - first))
		token_ids_add(ids, t->added.eos);
	free(s.id);
	return ok;
}

char *tokens_piece(const struct t5_tokenizer *t, int id)
{
	const struct added_token *token = added_of_id(&t->added, id);
	return token ? xstrdup(token->text) : spm_piece(t->spm, id);
}

int tokens_find(const struct t5_tokenizer *t, const char *text)
{
	const struct added_token *token = added_find(&t->added, text, strlen(text));
	return token ? token->id : spm_find(t->spm, text);
}

int tokens_size(const struct t5_tokenizer *t)
{
	int size = spm_vocab(t->spm);
	for (int i = 0; i < t->added.n; i++)
		size = t->added.token[i].id >= size ? t->added.token[i].id + 1 : size;
	return size;
}

char *tokens_outside(const struct t5_tokenizer *t, const int *ids, int n)
{
	int i = 0;
	while (i < n && ids[i] >= 0 && ids[i] < t->V)
		i++;
	if (i == n)
		return NULL;
	const struct added_token *token = added_of_id(&t->added, ids[i]);
	if (token)
		return xformat("the token '%s' of id %d, but the vocabulary of '%s' ends at %d: "
			       "the model has no such token",
			       token->text, ids[i], t->dir, t->V - 1);
	return xformat("the piece %d, but the vocabulary of '%s' ends at %d: is spiece.model this "
		       "model's?",
		       ids[i], t->dir, t->V - 1);
}

/* Appends a piece of text with a blank between, unless it is the first. Frees both. */
static char *append(char *text, char *more)
{
	char *whole = xformat("%s%s%s", text, *text && *more ? " " : "", more);
	free(text);
	free(more);
	return whole;
}

char *tokens_decode(const struct t5_tokenizer *t, const int *ids, int n)
{
	char *text = xstrdup("");
	for (int i = 0, from = 0; i <= n; i++) {
		const struct added_token *token = i < n ? added_of_id(&t->added, ids[i]) : NULL;
		if (i < n && !token)
			continue;
		char *pieces = spm_decode(t->spm, ids + from, i - from);
		text = append(text, pieces ? pieces : xstrdup(""));
		if (token && !token->special)
			text = append(text, xstrdup(token->text));
		from = i + 1;
	}
	return text;
}

/* config.json also has the id of the pad token. */
static void check_pad(const struct t5_tokenizer *t, const struct geometry *m)
{
	if (t->added.pad != m->pad)
		die("'%s': the tokenizer's pad token has the id %d, but config.json says "
		    "pad_token_id %d: make them equal",
		    t->dir, t->added.pad, m->pad);
}

/* T5's texts end with </s>, whatever ends an answer (decoding.h). Any other end token must be one
 * that ends answers. */
static void check_eos(const struct t5_tokenizer *t, const struct geometry *m)
{
	const struct decoding *d = &m->decoding;
	if (t->added.eos != spm_find(t->spm, "</s>") && !decoding_ends(d, t->added.eos))
		die("'%s': the tokenizer's eos token has the id %d, but the model's answers end "
		    "with eos_token_id %d: make them equal",
		    t->dir, t->added.eos, d->neos ? d->eos[0] : -1);
}

void tokens_need(const char *model_dir)
{
	static const char *const OTHER[] = {"tokenizer.json", "vocab.json", "vocab.txt",
					    "tokenizer.model", "sentencepiece.bpe.model"};
	if (file_is_in(model_dir, "spiece.model") || unigram_json_is(model_dir))
		return;
	for (size_t i = 0; i < sizeof(OTHER) / sizeof(*OTHER); i++)
		if (file_is_in(model_dir, OTHER[i]))
			die("cannot read '%s/spiece.model': %s; the folder's %s is no tokenizer of "
			    "T5: copy spiece.model from the model that "
			    "this one was made from",
			    model_dir, strerror(ENOENT), OTHER[i]);
}

static struct spm *open_json(const char *path, bool legacy, char **error)
{
	struct text model = {0};
	unigram_json_read(path, &model);
	struct spm *s = spm_open_bytes(text_get(&model), model.n, legacy, error);
	text_release(&model);
	return s;
}

/* From spiece.model or, if there is none, from tokenizer.json. */
static struct spm *open_spm(const char *dir, bool legacy)
{
	bool json = unigram_json_is(dir);
	char *error = NULL,
	     *path = xformat("%s/%s", dir, json ? "tokenizer.json" : tokenizer_file_names[0]);
	struct spm *s = json ? open_json(path, legacy, &error) : spm_open(path, legacy, &error);
	if (!s) {
		looks_check_download(path);
		die("cannot read '%s': %s", path, error ? error : "out of memory");
	}
	free(path);
	return s;
}

struct t5_tokenizer *tokens_open(const char *model_dir, const struct geometry *m)
{
	struct tokenizer_files f;
	struct t5_tokenizer *t = xcalloc(1, sizeof *t);
	tokens_need(model_dir);
	tokenizer_files_read(&f, model_dir);
	*t = (struct t5_tokenizer){
		.spm = open_spm(model_dir, f.legacy),
		.dir = xstrdup(model_dir),
		.V = m->V,
		.legacy = f.legacy,
		.prefix = jsonx_bool_or(f.config, f.config_path, "add_prefix_space", true),
		.splits = !jsonx_bool_or(f.config, f.config_path, "split_special_tokens", false),
		.always_eos = f.version5};
	added_init(&t->added, &f, t->spm);
	check_eos(t, m);
	check_pad(t, m);
	if (!t->legacy)
		t->unknown_pieces = spm_encode(t->spm, t->added.unknown,
					       (int)strlen(t->added.unknown), take_nothing, NULL);
	tokenizer_files_release(&f);
	return t;
}

void tokens_close(struct t5_tokenizer *t)
{
	if (!t)
		return;
	spm_close(t->spm);
	added_release(&t->added);
	free(t->dir);
	free(t);
}
