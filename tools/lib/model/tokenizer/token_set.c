/* token_set.c: see token_set.h. */
#include "model/tokenizer/token_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/utf8.h"
#include "model/tokenizer/pattern_read.h"

static struct set_token copy_token(const struct set_token *t)
{
	struct set_token copy = *t;
	copy.text = xstrdup(t->text);
	return copy;
}

const struct set_token *token_set_find(const struct token_set *s, const char *text)
{
	for (int i = 0; i < s->n; i++)
		if (strcmp(s->token[i].text, text) == 0)
			return &s->token[i];
	return NULL;
}

const struct set_token *token_set_of_id(const struct token_set *s, int id)
{
	for (int i = 0; i < s->n; i++)
		if (s->token[i].id == id)
			return &s->token[i];
	return NULL;
}

void token_set_add(struct token_set *s, const struct set_token *t)
{
	const struct set_token *old = token_set_find(s, t->text);
	if (old) {
		free(old->text);
		s->token[old - s->token] = copy_token(t);
		return;
	}
	s->token = xrealloc(s->token, sizeof *t * (size_t)(s->n + 1));
	s->token[s->n++] = copy_token(t);
}

static void index_release(struct set_index *x)
{
	for (int i = 0; i < x->n; i++)
		free(x->text[i]);
	free(x->text);
	free(x->token);
	*x = (struct set_index){0};
}

void token_set_release(struct token_set *s)
{
	for (int i = 0; i < s->n; i++)
		free(s->token[i].text);
	free(s->token);
	index_release(&s->raw);
	index_release(&s->normalised);
	regexp_free(s->word);
	*s = (struct token_set){0};
}

/* ------------------------------------------------------------ the two indexes */

/* Special tokens are added first, then the others, as in the library. Of two with the same
 * normalised text, the first one counts. */
static void index_add(struct set_index *x, char *text, int token)
{
	int i = x->n;
	for (; i > 0 && strcmp(x->text[i - 1], text) >= 0; i--)
		if (strcmp(x->text[i - 1], text) == 0) {
			free(text);
			return;
		}
	memmove(x->text + i + 1, x->text + i, sizeof *x->text * (size_t)(x->n - i));
	memmove(x->token + i + 1, x->token + i, sizeof *x->token * (size_t)(x->n - i));
	x->text[i] = text;
	x->token[i] = token;
	x->begins[(unsigned char)*text] = true;
	x->n++;
}

static char *normalised(const struct normaliser *n, const char *text, const char *path)
{
	struct pieces p = {0};
	pieces_set(&p, text, strlen(text), true);
	const char *why = normaliser_apply(n, &p);
	if (why)
		die("'%s' added_tokens: '%.60s': the normalizer %s", path, text, why);
	BUG_IF(p.n == 0); /* no step of the normaliser removes a text */
	char *s = xstrdup(text_get(&p.text));
	pieces_release(&p);
	return s;
}

static void index_tokens(struct token_set *s, bool special, const struct normaliser *n,
			 const char *path)
{
	for (int i = 0; i < s->n; i++) {
		const struct set_token *t = &s->token[i];
		if (t->special != special)
			continue;
		if (t->normalized)
			index_add(&s->normalised, normalised(n, t->text, path), i);
		else
			index_add(&s->raw, xstrdup(t->text), i);
		if (t->single_word && !s->word)
			s->word = pattern_compile_own("[\\w\u200c\u200d]");
	}
}

static void index_reserve(struct set_index *x, int n)
{
	x->text = xarray((size_t)n, sizeof *x->text);
	x->token = xarray((size_t)n, sizeof *x->token);
}

void token_set_index(struct token_set *s, const struct normaliser *n, const char *path)
{
	index_reserve(&s->raw, s->n);
	index_reserve(&s->normalised, s->n);
	index_tokens(s, true, n, path);
	index_tokens(s, false, n, path);
}

/* ------------------------------------------------------------ finding tokens in a text */

/* The first text of [lo, hi) whose byte `at` is at least c. All of them share the bytes before
 * it. */
static int first_from(const struct set_index *x, int lo, int hi, size_t at, int c)
{
	while (lo < hi) {
		int mid = (lo + hi) / 2;
		if ((unsigned char)x->text[mid][at] < c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The longest indexed text that `text` begins with: its place in the index, or -1. */
static int longest_at(const struct set_index *x, const char *text, size_t bytes)
{
	int lo = 0, hi = x->n, found = -1;
	for (size_t i = 0; i < bytes && lo < hi; i++) {
		int c = (unsigned char)text[i];
		if (c == 0)
			break;
		lo = first_from(x, lo, hi, i, c);
		hi = first_from(x, lo, hi, i, c + 1);
		if (lo < hi && !x->text[lo][i + 1])
			found = lo;
	}
	return found;
}

/* The next token in text[from, bytes): its place in the index, or -1. */
static int next_token(const struct set_index *x, const char *text, size_t bytes, size_t from,
		      struct span *found)
{
	for (size_t at = from; at < bytes; at++) {
		int i = x->begins[(unsigned char)text[at]] ? longest_at(x, text + at, bytes - at)
							   : -1;
		if (i >= 0) {
			*found = (struct span){at, at + strlen(x->text[i])};
			return i;
		}
	}
	return -1;
}

/* Unicode's White_Space. */
static bool is_blank(int c)
{
	return (c >= '\t' && c <= '\r') || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	       c == 0x205f || c == 0x3000;
}

/* Where the character before `at` begins. */
static size_t before(const char *text, size_t at)
{
	do
		at--;
	while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80);
	return at;
}

static size_t blanks_before(const char *text, size_t at, size_t from)
{
	while (at > from && is_blank(utf8_code(text + before(text, at), at - before(text, at))))
		at = before(text, at);
	return at;
}

static size_t blanks_behind(const char *text, size_t at, size_t bytes)
{
	while (at < bytes && is_blank(utf8_code(text + at, bytes - at)))
		at += utf8_bytes(text + at, bytes - at);
	return at;
}

static bool is_word(const struct token_set *s, const char *text, size_t from, size_t to)
{
	struct span found;
	return regexp_find(s->word, text + from, to - from, 0, &found) == REGEXP_YES;
}

/* Whether a word character directly precedes or follows. */
static bool in_word(const struct token_set *s, const char *text, size_t bytes, struct span at)
{
	if (at.from > 0 && is_word(s, text, before(text, at.from), at.from))
		return true;
	return at.to < bytes &&
	       is_word(s, text, at.to, at.to + utf8_bytes(text + at.to, bytes - at.to));
}

void set_parts_release(struct set_parts *p)
{
	free(p->part);
	*p = (struct set_parts){0};
}

/* Adds nothing where the previous token has taken the white space that this part consists of. */
static void add_part(struct set_parts *p, struct span at, const struct set_token *t)
{
	if (at.from >= at.to)
		return;
	if (p->n == p->room)
		p->part = xrealloc(p->part, sizeof *p->part * (size_t)(p->room += p->room + 16));
	p->part[p->n++] = (struct set_part){at, t};
}

void token_set_split(const struct token_set *s, const struct set_index *in, const char *text,
		     size_t bytes, struct set_parts *p)
{
	struct span at;
	size_t from = 0;
	p->n = 0;
	for (size_t look = 0; look < bytes;) {
		int i = next_token(in, text, bytes, look, &at);
		if (i < 0)
			break;
		const struct set_token *t = &s->token[in->token[i]];
		look = at.to;
		if (t->single_word && in_word(s, text, bytes, at))
			continue;
		if (t->lstrip)
			at.from = at.from < from ? from : blanks_before(text, at.from, from);
		if (t->rstrip)
			at.to = blanks_behind(text, at.to, bytes);
		add_part(p, (struct span){from, at.from}, NULL);
		add_part(p, at, t);
		from = at.to;
	}
	add_part(p, (struct span){from, bytes}, NULL);
}
