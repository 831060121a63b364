/* tokenizer_model.c: see tokenizer_model.h. */
#include "model/tokenizer/tokenizer_model.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/opts.h"
#include "base/utf8.h"
#include "files/jsonx.h"
#include "model/tokenizer/piece_file.h"
#include "model/tokenizer/tokenizer_json.h"

static const char blank[] = "▁";

/* ------------------------------------------------------------ what is supported */

static void need(bool is_so, const char *path, const char *what, const char *expected,
		 const char *found)
{
	if (!is_so)
		die("'%s': %s: expected %s, found %s: only Llama 2's kind of "
		    "sentencepiece model is read",
		    path, what, expected, found);
}

static void check_file(const struct piece_file *f, const char *path)
{
	const char *name = f->normaliser;
	bool identity = strcmp(name, "identity") == 0 || (!*name && !f->charsmap);
	need(f->model == PIECES_BPE, path, "model_type", "BPE",
	     f->model == PIECES_UNIGRAM ? "Unigram" : "another");
	need(identity && !f->charsmap, path, "normalizer", "identity", *name ? name : "a table");
	need(f->dummy_prefix, path, "add_dummy_prefix", "true", "false");
	need(!f->strips_blanks, path, "remove_extra_whitespaces", "false", "true");
	need(f->escapes_blanks, path, "escape_whitespaces", "true", "false");
	need(!f->blanks_as_suffix, path, "treat_whitespace_as_suffix", "false", "true");
}

static void check_class(const struct tokenizer_settings *s, const char *path)
{
	if (s->class_name && !tokenizer_settings_llama(s))
		die("'%s': tokenizer_class: expected 'LlamaTokenizer', found "
		    "'%.60s': '%s' is read as Llama 2's; save the tokenizer by "
		    "transformers, which writes tokenizer.json",
		    s->config_path, s->class_name, path);
}

/* ------------------------------------------------------------ pieces to merges */

struct piece_merge {
	float score; /* of the merged piece */
	int left_chars, right_chars;
	int left, right, id;
};

struct merges {
	struct piece_merge *merge;
	int n, room;
};

static int characters(const char *text, size_t bytes)
{
	int n = 0;
	for (size_t at = 0; at < bytes; at += utf8_bytes(text + at, bytes - at))
		n++;
	return n;
}

/* Every way to make the piece from two others. */
static void add_merges(struct merges *m, const struct vocab *v, int id, float score)
{
	size_t bytes = 0;
	const char *text = vocab_text(v, id, &bytes);
	int all = characters(text, bytes), before = 1;
	for (size_t at = utf8_bytes(text, bytes); at < bytes;
	     at += utf8_bytes(text + at, bytes - at), before++) {
		int left = vocab_find(v, text, at);
		int right = left < 0 ? -1 : vocab_find(v, text + at, bytes - at);
		if (right < 0)
			continue;
		if (m->n == m->room)
			m->merge = xrealloc(m->merge,
					    sizeof *m->merge * (size_t)(m->room += m->room + 1024));
		m->merge[m->n++] =
			(struct piece_merge){score, before, all - before, left, right, id};
	}
}

/* transformers' order: by the score, then by the lengths of the left and the right side, all
 * descending; then by the id. */
static int by_rank(const void *x, const void *y)
{
	const struct piece_merge *a = x, *b = y;
	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	if (a->left_chars != b->left_chars)
		return b->left_chars - a->left_chars;
	if (a->right_chars != b->right_chars)
		return b->right_chars - a->right_chars;
	return a->id - b->id;
}

static void fill_merges(struct bpe *b, const struct piece_file *f)
{
	struct merges m = {0};
	for (int id = 0; id < f->n; id++)
		add_merges(&m, &b->vocab, id, f->piece[id].score);
	if (m.n > 0)
		qsort(m.merge, (size_t)m.n, sizeof *m.merge, by_rank);
	bpe_reserve(b, m.n);
	for (int i = 0; i < m.n; i++)
		bpe_add_merge(b, m.merge[i].left, m.merge[i].right, i, m.merge[i].id);
	free(m.merge);
}

static void fill_vocab(struct bpe *b, const struct piece_file *f, const char *path)
{
	for (int id = 0; id < f->n; id++) {
		const char *text = f->piece[id].text;
		if (vocab_find(&b->vocab, text, strlen(text)) >= 0)
			die("'%s': the piece '%.60s' is there twice", path, text);
		vocab_add(&b->vocab, id, text, strlen(text));
		if (f->piece[id].kind == PIECE_UNKNOWN)
			b->unknown = id;
	}
	if (b->unknown < 0)
		die("'%s': no piece is of the kind unknown: not Llama 2's kind of model", path);
}

/* ------------------------------------------------------------ added tokens */

/* A token keeps the id that it has, or gets the next one. */
static void add_token(struct bpe_tokenizer *t, struct set_token token)
{
	const struct set_token *old = token_set_find(&t->added, token.text);
	int id = bpe_tokenizer_find(t, token.text);
	token.id = id >= 0 ? id : tokenizer_json_next_id(t);
	token.special = token.special || (old && old->special);
	token_set_add(&t->added, &token);
}

static void add_pieces(struct bpe_tokenizer *t, const struct piece_file *f)
{
	for (int id = 0; id < f->n; id++) {
		enum piece_kind kind = f->piece[id].kind;
		if (kind == PIECE_CONTROL || kind == PIECE_USER_DEFINED)
			add_token(t, (struct set_token){.text = f->piece[id].text,
							.special = kind == PIECE_CONTROL});
	}
}

static int by_number(const void *x, const void *y)
{
	long a = strtol(*(const char *const *)x, NULL, 10),
	     b = strtol(*(const char *const *)y, NULL, 10);
	return (a > b) - (a < b);
}

/* The keys of added_tokens_decoder, in numerical order; allocated. */
static const char **decoder_keys(const json_t *decoder)
{
	const char **key = xarray(json_object_size(decoder), sizeof *key), *name;
	json_t *v;
	int n = 0;
	json_object_foreach ((json_t *)decoder, name, v)
		key[n++] = name;
	if (n > 0)
		qsort(key, (size_t)n, sizeof *key, by_number);
	return key;
}

static void add_decoder(struct bpe_tokenizer *t, const struct tokenizer_settings *s)
{
	const json_t *decoder = json_object_get(s->config, "added_tokens_decoder");
	const char **key = decoder_keys(decoder);
	for (size_t i = 0; i < json_object_size(decoder); i++) {
		struct jsonpart p = {s->config_path, "added_tokens_decoder",
				     json_object_get(decoder, key[i])};
		struct set_token token = tokenizer_json_token(p);
		const struct set_token *old = token_set_find(&t->added, token.text);
		if (old && old->normalized != token.normalized)
			die("'%s' added_tokens_decoder: '%.60s' is set to normalized, but is "
			    "a piece of '%s', which is not: set it to false",
			    s->config_path, token.text, t->path);
		add_token(t, token);
	}
	free(key);
}

static void add_named(struct bpe_tokenizer *t, const char *text)
{
	if (text && *text && !token_set_find(&t->added, text))
		add_token(t, (struct set_token){.text = (char *)text, .special = true});
}

static const char *named_or(const struct tokenizer_settings *s, const char *key, const char *dflt)
{
	const char *text = tokenizer_settings_named(s, key);
	return text ? text : dflt;
}

static void add_all_named(struct bpe_tokenizer *t, const struct tokenizer_settings *s)
{
	add_named(t, named_or(s, "bos_token", "<s>"));
	add_named(t, named_or(s, "eos_token", "</s>"));
	add_named(t, named_or(s, "unk_token", "<unk>"));
	add_named(t, tokenizer_settings_named(s, "pad_token"));
}

/* ------------------------------------------------------------ before and behind */

static void put_frame(struct bpe_tokenizer *t, const struct tokenizer_settings *s)
{
	if (jsonx_bool_or(s->config, s->config_path, "add_bos_token", true))
		token_ids_add(&t->post.before,
			      bpe_tokenizer_find(t, named_or(s, "bos_token", "<s>")));
	if (jsonx_bool_or(s->config, s->config_path, "add_eos_token", false))
		token_ids_add(&t->post.behind,
			      bpe_tokenizer_find(t, named_or(s, "eos_token", "</s>")));
}

static void set_blanks(struct bpe_tokenizer *t, const struct tokenizer_settings *s)
{
	bool legacy = jsonx_bool_or(s->config, s->config_path, "legacy", true);
	bool prefix = jsonx_bool_or(s->config, s->config_path, "add_prefix_space", true);
	if (legacy && prefix)
		normaliser_add_prepend(&t->normaliser, blank);
	if (legacy)
		normaliser_add_replace(&t->normaliser, " ", blank);
	else
		pretokenizer_add_metaspace(&t->pretokenizer, blank,
					   prefix ? PREPEND_FIRST : PREPEND_NEVER, false);
	detokenizer_add_llama(&t->detokenizer, prefix);
}

void tokenizer_model_read(struct bpe_tokenizer *t, const char *path,
			  const struct tokenizer_settings *s)
{
	struct piece_file f;
	check_class(s, path);
	piece_file_read(&f, path);
	check_file(&f, path);
	bpe_tokenizer_init(t, path);
	t->bpe.byte_fallback = t->bpe.fuse_unknown = true;
	fill_vocab(&t->bpe, &f, path);
	fill_merges(&t->bpe, &f);
	bpe_find_bytes(&t->bpe);
	add_pieces(t, &f);
	add_decoder(t, s);
	add_all_named(t, s);
	put_frame(t, s);
	set_blanks(t, s);
	token_set_index(&t->added, &t->normaliser, path);
	piece_file_release(&f);
}
