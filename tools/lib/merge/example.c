/* example.c: see example.h. */
#include "merge/example.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"
#include "merge/rowform.h"

/* The place of a text, for messages. */
struct place {
	struct row_place row;
	const char *key;
};

static const char *key_of(const struct template *t, const char *several)
{
	return t->keys == 1 ? t->key[0] : several;
}

static const struct tokenizer *tokenizer_of(struct example_maker *e)
{
	if (!e->tokenizer)
		e->tokenizer = tokenizer_open_for(e->model_dir, e->m);
	return e->tokenizer;
}

static void check_encoded(bool ok, struct place at)
{
	if (!ok)
		die("%s: the tokenizer cannot encode '%s'", row_place_text(at.row), at.key);
}

/* Refuses a token outside the model's vocabulary. */
static void check_known(const struct example_maker *e, struct place at, const struct token_ids *ids)
{
	const char *outside =
		tokenizer_outside(e->tokenizer, ids->id, ids->n, e->model_dir, e->m->V);
	if (outside)
		die("%s: '%s' has %s", row_place_text(at.row), at.key, outside);
}

/* Copies checked ids into the caller's array. */
static int hand_over(const struct example_maker *e, struct place at, struct token_ids *from,
		     int *ids)
{
	int n = from->n;
	check_known(e, at, from);
	memcpy(ids, from->id, sizeof *ids * (size_t)n);
	token_ids_release(from);
	return n;
}

/* The ids that the row brings. `beside`: how many tokens follow them. */
static int take(const struct example_maker *e, struct place at, struct row_ids own, int beside,
		int *ids)
{
	for (int j = 0; j < own.n; j++)
		if (own.id[j] >= e->m->V)
			die("%s: '%s': entry %d is %d, but the vocabulary of '%s' ends at %d",
			    row_place_text(at.row), at.key, j, own.id[j], e->model_dir,
			    e->m->V - 1);
	if (own.n + beside > e->max_length)
		die("%s: '%s' has %d tokens, and max_length is %d: token ids are not shortened",
		    row_place_text(at.row), at.key, own.n + beside, e->max_length);
	memcpy(ids, own.id, sizeof *ids * (size_t)own.n);
	return own.n;
}

/* A prompt that may have to be shortened. */
struct cut_prompt {
	struct example_maker *e;
	struct place at;
	char *const *text;
	struct token_ids ids; /* its current length */
};

static void encode_cut(struct cut_prompt *p, size_t characters)
{
	char *text = template_fill(&p->e->templates->prompt, p->text, characters);
	p->ids.n = 0;
	check_encoded(tokenizer_encode(tokenizer_of(p->e), text, strlen(text), true, &p->ids),
		      p->at);
	free(text);
}

/* How many characters can be removed at once without passing over a prompt that fits. A character
 * is at most four tokens, one per byte; and the word that is cut may split into other pieces. */
static long stride(const struct cut_prompt *p, int tokens)
{
	enum { CHARACTER = 4, WORD = 8 };
	int places = template_places(&p->e->templates->prompt);
	long n = (tokens - p->e->max_length - WORD) / (CHARACTER * places);
	return n > 1 ? n : 1;
}

/* Removes characters from the end of the longest text until the prompt fits. Without any characters
 * it fits. */
static void shorten(struct cut_prompt *p, int tokens)
{
	long most = 0;
	for (int k = 0; k < p->e->templates->prompt.keys; k++) {
		long n = text_characters(p->text[k]);
		most = n > most ? n : most;
	}
	for (; tokens > p->e->max_length; tokens = p->ids.n) {
		most -= stride(p, tokens);
		encode_cut(p, most > 0 ? (size_t)most : 0);
	}
}

/* Where a template ends in its only text, tokens are cut instead, as published. */
static void cut_tokens(struct cut_prompt *p)
{
	char *text = template_fill(&p->e->templates->prompt, p->text, SIZE_MAX);
	p->ids.n = 0;
	check_encoded(tokenizer_encode_within(p->e->tokenizer, text, strlen(text), p->e->max_length,
					      &p->ids),
		      p->at);
	free(text);
}

static void encode_prompt(struct cut_prompt *p)
{
	int most = p->e->max_length;
	encode_cut(p, SIZE_MAX);
	if (p->ids.n <= most)
		return;
	int whole = p->ids.n;
	encode_cut(p, 0);
	if (p->ids.n > most)
		die("%s: the prompt without the row's texts has %d tokens, and max_length is %d",
		    row_place_text(p->at.row), p->ids.n, most);
	if (template_ends_in_only_key(&p->e->templates->prompt))
		cut_tokens(p);
	else
		shorten(p, whole);
}

int example_prompt(struct example_maker *e, const struct row *row, const char *path, int i,
		   int *ids)
{
	struct place at = {{path, i, row->line}, key_of(&e->templates->prompt, "prompt")};
	if (row->prompt_ids.n) {
		at.key = "prompt_ids";
		return take(e, at, row->prompt_ids, 0, ids);
	}
	struct cut_prompt p = {.e = e, .at = at, .text = row->text};
	encode_prompt(&p);
	if (p.ids.n == 0)
		die("%s: the prompt has no tokens", row_place_text(at.row));
	return hand_over(e, at, &p.ids, ids);
}

/* T5's tokenizer ends every text itself. Other tokenizers' texts get the model's end token here. */
static void encode_answer(struct example_maker *e, const struct row *row, struct place at,
			  struct token_ids *ids)
{
	const struct tokenizer *t = tokenizer_of(e);
	const char *text = row->answer;
	if (e->m->family == &family_t5) {
		check_encoded(tokenizer_encode_within(t, text, strlen(text), e->max_length, ids),
			      at);
		return;
	}
	check_encoded(tokenizer_encode(t, text, strlen(text), false, ids), at);
	if (e->m->decoding.neos)
		token_ids_add(ids, e->m->decoding.eos[0]);
	if (ids->n > e->max_length)
		die("%s: the answer has %d tokens, and max_length is %d", row_place_text(at.row),
		    ids->n, e->max_length);
}

int example_answer(struct example_maker *e, const struct row *row, const char *path, int i,
		   int *ids)
{
	struct place at = {{path, i, row->line}, key_of(&e->templates->answer, "answer")};
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
	struct token_ids text = {0};
	encode_answer(e, row, at, &text);
	if (text.n < (d->neos ? 2 : 1))
		die("%s: the label '%s' has no tokens", row_place_text(at.row), row->answer);
	return hand_over(e, at, &text, ids);
}
