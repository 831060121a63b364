/* pieces.c: see pieces.h. */
#include "model/tokenizer/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/utf8.h"

void pieces_release(struct pieces *p)
{
	text_release(&p->text);
	free(p->span);
	*p = (struct pieces){0};
}

static void add_span(struct pieces *p, struct span s)
{
	if (s.from == s.to)
		return;
	if (p->n == p->room)
		p->span = xrealloc(p->span, sizeof *p->span * (size_t)(p->room += p->room + 64));
	p->span[p->n++] = s;
}

void pieces_add(struct pieces *p, const char *text, size_t bytes)
{
	size_t from = p->text.n;
	text_put(&p->text, text, bytes);
	add_span(p, (struct span){from, p->text.n});
}

void pieces_set(struct pieces *p, const char *text, size_t bytes, bool at_start)
{
	p->n = 0;
	p->text.n = 0;
	p->at_start = at_start;
	pieces_add(p, text, bytes);
}

static const char *in_words(enum regexp_result found)
{
	return found == REGEXP_EMPTY ? "matches no characters"
				     : "takes more than 10000000 steps for one match";
}

/* ------------------------------------------------------------ split */

/* A part of a piece: a match, or the text before one. */
struct cut {
	struct span at;
	bool match;
};
struct cuts {
	struct cut *cut;
	int n, room;
};

static void add_cut(struct cuts *c, size_t from, size_t to, bool match)
{
	if (from == to)
		return;
	if (c->n == c->room)
		c->cut = xrealloc(c->cut, sizeof *c->cut * (size_t)(c->room += c->room + 64));
	c->cut[c->n++] = (struct cut){{from, to}, match};
}

static const char *find_cuts(struct cuts *c, const struct pieces *p, struct span piece,
			     const struct regexp *r, bool invert)
{
	const char *text = p->text.s + piece.from;
	size_t bytes = piece.to - piece.from, from = 0;
	struct span found;
	enum regexp_result result;
	c->n = 0;
	for (; (result = regexp_find(r, text, bytes, from, &found)) == REGEXP_YES;
	     from = found.to) {
		add_cut(c, piece.from + from, piece.from + found.from, invert);
		add_cut(c, piece.from + found.from, piece.from + found.to, !invert);
	}
	add_cut(c, piece.from + from, piece.to, invert);
	return result == REGEXP_NO ? NULL : in_words(result);
}

/* Whether cut i + 1 joins the piece of cut i. MERGED_WITH_… joins a match to one neighbour that is
 * no match. CONTIGUOUS joins runs of the same kind. */
static bool joined(const struct cuts *c, int i, enum split_behavior behavior)
{
	bool left = c->cut[i].match, right = c->cut[i + 1].match;
	if (behavior == CONTIGUOUS)
		return left == right;
	if (behavior == MERGED_WITH_PREVIOUS)
		return right && !left;
	return behavior == MERGED_WITH_NEXT && left && !right;
}

static void add_joined(struct pieces *to, const struct cuts *c, enum split_behavior behavior)
{
	for (int i = 0, last; i < c->n; i = last + 1) {
		last = i;
		while (last + 1 < c->n && joined(c, last, behavior))
			last++;
		if (behavior != REMOVED || !c->cut[i].match)
			add_span(to, (struct span){c->cut[i].at.from, c->cut[last].at.to});
	}
}

/* The pieces of `to` replace those of p. Both belong to the same text. */
static void take_spans(struct pieces *p, struct pieces *to)
{
	p->at_start = p->at_start && p->n > 0 && to->n > 0 && to->span[0].from == p->span[0].from;
	free(p->span);
	p->span = to->span;
	p->n = to->n;
	p->room = to->room;
}

const char *pieces_split(struct pieces *p, const struct regexp *r, enum split_behavior behavior,
			 bool invert)
{
	struct pieces to = {0};
	struct cuts c = {0};
	const char *why = NULL;
	for (int i = 0; i < p->n && !why; i++) {
		why = find_cuts(&c, p, p->span[i], r, invert);
		add_joined(&to, &c, behavior);
	}
	take_spans(p, &to);
	free(c.cut);
	return why;
}

/* ------------------------------------------------------------ rewrite */

/* The result replaces p. */
static void take_all(struct pieces *p, struct pieces *to)
{
	to->at_start = p->at_start;
	pieces_release(p);
	*p = *to;
}

/* A replacement of several characters counts, in the library, as one character that begins with the
 * last of them. So the piece no longer begins at the start. */
static bool replaces_start(const struct pieces *p, const struct cuts *c, const char *by)
{
	if (c->n == 0 || !c->cut[0].match)
		return false;
	struct span s = c->cut[0].at;
	return !*by || utf8_bytes(p->text.s + s.from, s.to - s.from) < s.to - s.from;
}

const char *pieces_replace(struct pieces *p, const struct regexp *r, const char *by)
{
	struct pieces to = {0};
	struct cuts c = {0};
	const char *why = NULL;
	for (int i = 0; i < p->n && !why; i++) {
		size_t from = to.text.n;
		why = find_cuts(&c, p, p->span[i], r, false);
		p->at_start = p->at_start && !(i == 0 && replaces_start(p, &c, by));
		for (int k = 0; k < c.n; k++) {
			struct span s = c.cut[k].at;
			if (c.cut[k].match)
				text_put(&to.text, by, strlen(by));
			else
				text_put(&to.text, p->text.s + s.from, s.to - s.from);
		}
		add_span(&to, (struct span){from, to.text.n});
	}
	take_all(p, &to);
	free(c.cut);
	return why;
}

void pieces_prefix(struct pieces *p, const char *prefix, bool first_only)
{
	struct pieces to = {0};
	size_t n = strlen(prefix);
	for (int i = 0; i < p->n; i++) {
		const char *piece = p->text.s + p->span[i].from;
		size_t from = to.text.n, bytes = p->span[i].to - p->span[i].from;
		bool has = bytes >= n && memcmp(piece, prefix, n) == 0;
		if (!has && (!first_only || (i == 0 && p->at_start)))
			text_put(&to.text, prefix, n);
		text_put(&to.text, piece, bytes);
		add_span(&to, (struct span){from, to.text.n});
	}
	take_all(p, &to);
}

void pieces_rewrite(struct pieces *p, pieces_rewriter *rewrite, const void *arg)
{
	struct pieces to = {0};
	for (int i = 0; i < p->n; i++) {
		size_t from = to.text.n;
		rewrite(arg, p->text.s + p->span[i].from, p->span[i].to - p->span[i].from,
			&to.text);
		add_span(&to, (struct span){from, to.text.n});
	}
	take_all(p, &to);
}
