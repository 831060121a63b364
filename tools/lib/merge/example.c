/* example.c: see example.h. */
#include "merge/example.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"

/* Where a text stands, for messages. */
struct place {
	const char *path;
	int row;
	const char *key;
};

static const char *key_of(const struct template *t, const char *several)
{
	return t->keys == 1 ? t->key[0] : several;
}

/* Token ids of a text, at most `most`: a longer one loses its end. */
static int encode(struct example_maker *e, struct place at, const char *text, int most, int *ids)
{
	if (!e->tokenizer)
		e->tokenizer = tokens_open(e->model_dir, e->m);
	int n = tokens_encode(e->tokenizer, text, most, ids);
	if (n < 0)
		die("'%s': row %d: sentencepiece cannot encode '%s'", at.path, at.row, at.key);
	return n;
}

/* The model reads no other tokens than its vocabulary's. */
static void check_known(const struct example_maker *e, struct place at, const int *ids, int n)
{
	const char *outside = tokens_outside(e->tokenizer, ids, n);
	if (outside)
		die("'%s': row %d: '%s' has %s", at.path, at.row, at.key, outside);
}

/* The row's own ids; `beside`: tokens that come behind them. */
static int take(const struct example_maker *e, struct place at, struct row_ids own, int beside,
		int *ids)
{
	for (int j = 0; j < own.n; j++)
		if (own.id[j] >= e->m->V)
			die("'%s': row %d: '%s': entry %d is %d, but the vocabulary of '%s' ends "
			    "at %d",
			    at.path, at.row, at.key, j, own.id[j], e->model_dir, e->m->V - 1);
	if (own.n + beside > e->max_length)
		die("'%s': row %d: '%s' has %d tokens, and max_length is %d: token ids are not "
		    "shortened",
		    at.path, at.row, at.key, own.n + beside, e->max_length);
	memcpy(ids, own.id, sizeof *ids * (size_t)own.n);
	return own.n;
}

/* A prompt that may be shortened. */
struct cut_prompt {
	struct example_maker *e;
	struct place at;
	char *const *text;
	int *ids, room, n; /* as it is now */
};

static void encode_cut(struct cut_prompt *p, size_t characters)
{
	char *text = template_fill(&p->e->templates->prompt, p->text, characters);
	/* A text of just max_length tokens is told from a longer one that was cut. */
	int room = p->e->max_length + 2 + (int)strlen(text);
	if (room > p->room) {
		p->room = room;
		p->ids = xrealloc(p->ids, (size_t)room * sizeof *p->ids);
	}
	p->n = encode(p->e, p->at, text, p->room, p->ids);
	free(text);
}

/* A character has four tokens at most, one for each byte; and the word that is cut may fall into
 * other pieces. So many characters may go at once without a fitting prompt being passed over. */
static long stride(const struct cut_prompt *p)
{
	enum { CHARACTER = 4, WORD = 8 };
	int places = template_places(&p->e->templates->prompt);
	long n = (p->n - p->e->max_length - WORD) / (CHARACTER * places);
	return n > 1 ? n : 1;
}

/* Takes characters off the end of the longest text, until the prompt fits; without any it does. */
static void shorten(struct cut_prompt *p)
{
	long most = 0;
	for (int k = 0; k < p->e->templates->prompt.keys; k++) {
		long n = text_characters(p->text[k]);
		most = n > most ? n : most;
	}
	while (p->n > p->e->max_length) {
		most -= stride(p);
		encode_cut(p, most > 0 ? (size_t)most : 0);
	}
}

/* Of a template that ends in its only text, the tokens are cut, as published. */
static void cut_tokens(struct cut_prompt *p)
{
	char *text = template_fill(&p->e->templates->prompt, p->text, SIZE_MAX);
	p->n = encode(p->e, p->at, text, p->e->max_length, p->ids);
	free(text);
}

static void encode_prompt(struct cut_prompt *p)
{
	int most = p->e->max_length;
	encode_cut(p, SIZE_MAX);
	if (p->n <= most)
		return;
	int whole = p->n;
	encode_cut(p, 0);
	if (p->n > most)
		die("'%s': row %d: the prompt without the row's texts has %d tokens, and "
		    "max_length is %d",
		    p->at.path, p->at.row, p->n, most);
	p->n = whole;
	if (template_ends_in_only_key(&p->e->templates->prompt))
		cut_tokens(p);
	else
		shorten(p);
}

int example_prompt(struct example_maker *e, const struct row *row, const char *path, int i,
		   int *ids)
{
	struct place at = {path, i, key_of(&e->templates->prompt, "prompt")};
	if (row->prompt_ids.n) {
		at.key = "prompt_ids";
		return take(e, at, row->prompt_ids, 0, ids);
	}
	struct cut_prompt p = {.e = e, .at = at, .text = row->text};
	encode_prompt(&p);
	check_known(e, at, p.ids, p.n);
	memcpy(ids, p.ids, sizeof *ids * (size_t)p.n);
	free(p.ids);
	return p.n;
}

int example_answer(struct example_maker *e, const struct row *row, const char *path, int i,
		   int *ids)
{
	struct place at = {path, i, key_of(&e->templates->answer, "answer")};
	const struct decoding *d = &e->m->decoding;
	struct row_ids own = row->answer_ids;
	if (own.n) {
		bool ends = decoding_ends(d, own.id[own.n - 1]) || d->neos == 0;
		at.key = "answer_ids";
		int n = take(e, at, own, !ends, ids);
		if (!ends)
			ids[n++] = d->eos[0];
		return n;
	}
	int n = encode(e, at, row->answer, e->max_length, ids);
	check_known(e, at, ids, n);
	if (n < 2)
		die("'%s': row %d: the label '%s' has no tokens", path, i, row->answer);
	return n;
}
