/* bpe_tokenizer.c: see bpe_tokenizer.h. */
#include "model/tokenizer/bpe_tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

void bpe_tokenizer_init(struct bpe_tokenizer *t, const char *path)
{
	*t = (struct bpe_tokenizer){.path = xstrdup(path)};
	bpe_init(&t->bpe);
}

void bpe_tokenizer_release(struct bpe_tokenizer *t)
{
	free(t->path);
	bpe_release(&t->bpe);
	token_set_release(&t->added);
	normaliser_release(&t->normaliser);
	pretokenizer_release(&t->pretokenizer);
	postprocessor_release(&t->post);
	detokenizer_release(&t->detokenizer);
}

/* ------------------------------------------------------------ text to ids */

/* Working memory for one text. */
struct encoding {
	const struct bpe_tokenizer *t;
	struct token_ids *ids;
	struct set_parts raw, normalised;
	struct pieces section, pieces;
	struct bpe_work work;
};

static void need(const struct encoding *e, const char *part, const char *why)
{
	if (why)
		die("'%s' %s: an expression %s", e->t->path, part, why);
}

static void encode_section(struct encoding *e, const char *text, size_t bytes, bool at_start)
{
	pieces_set(&e->pieces, text, bytes, at_start);
	need(e, "pre_tokenizer", pretokenizer_apply(&e->t->pretokenizer, &e->pieces));
	for (int i = 0; i < e->pieces.n; i++) {
		struct span s = e->pieces.span[i];
		bpe_encode(&e->t->bpe, e->pieces.text.s + s.from, s.to - s.from, &e->work, e->ids);
	}
}

/* Encodes text without any of the tokens that are looked for before normalising. */
static void encode_raw(struct encoding *e, const char *text, size_t bytes, bool at_start)
{
	pieces_set(&e->section, text, bytes, at_start);
	need(e, "normalizer", normaliser_apply(&e->t->normaliser, &e->section));
	const char *all = text_get(&e->section.text);
	token_set_split(&e->t->added, &e->t->added.normalised, all, e->section.text.n,
			&e->normalised);
	for (int i = 0; i < e->normalised.n; i++) {
		struct set_part p = e->normalised.part[i];
		if (p.token)
			token_ids_add(e->ids, p.token->id);
		else
			encode_section(e, all + p.at.from, p.at.to - p.at.from,
				       e->section.at_start && p.at.from == 0);
	}
}

static void add_all(struct token_ids *to, const struct token_ids *ids)
{
	for (int i = 0; i < ids->n; i++)
		token_ids_add(to, ids->id[i]);
}

void bpe_tokenizer_encode(const struct bpe_tokenizer *t, const char *text, size_t bytes, bool frame,
			  struct token_ids *ids)
{
	struct encoding e = {.t = t, .ids = ids};
	if (frame)
		add_all(ids, &t->post.before);
	token_set_split(&t->added, &t->added.raw, text, bytes, &e.raw);
	for (int i = 0; i < e.raw.n; i++) {
		struct set_part p = e.raw.part[i];
		if (p.token)
			token_ids_add(ids, p.token->id);
		else
			encode_raw(&e, text + p.at.from, p.at.to - p.at.from, p.at.from == 0);
	}
	if (frame)
		add_all(ids, &t->post.behind);
	set_parts_release(&e.raw);
	set_parts_release(&e.normalised);
	pieces_release(&e.section);
	pieces_release(&e.pieces);
	bpe_work_release(&e.work);
}

/* ------------------------------------------------------------ ids to text */

const char *bpe_tokenizer_piece(const struct bpe_tokenizer *t, int id, size_t *bytes)
{
	const struct set_token *token = token_set_of_id(&t->added, id);
	if (!token)
		return vocab_text(&t->bpe.vocab, id, bytes);
	*bytes = strlen(token->text);
	return token->text;
}

void bpe_tokenizer_decode(const struct bpe_tokenizer *t, const int *ids, int n, bool skip_special,
			  struct text *to)
{
	struct pieces tokens = {0};
	for (int i = 0; i < n; i++) {
		size_t bytes;
		const struct set_token *token = token_set_of_id(&t->added, ids[i]);
		const char *text = bpe_tokenizer_piece(t, ids[i], &bytes);
		if (text && !(skip_special && token && token->special))
			pieces_add(&tokens, text, bytes);
	}
	const char *why = detokenizer_apply(&t->detokenizer, &tokens, to);
	if (why)
		die("'%s' decoder: an expression %s", t->path, why);
	pieces_release(&tokens);
}

int bpe_tokenizer_find(const struct bpe_tokenizer *t, const char *text)
{
	const struct set_token *token = token_set_find(&t->added, text);
	return token ? token->id : vocab_find(&t->bpe.vocab, text, strlen(text));
}

int bpe_tokenizer_end(const struct bpe_tokenizer *t)
{
	int end = t->bpe.vocab.end;
	for (int i = 0; i < t->added.n; i++)
		end = t->added.token[i].id >= end ? t->added.token[i].id + 1 : end;
	return end;
}
