/* split.c: see split.h.
 *
 * The trie is the sorted table itself: a node is a range of tokens that begin alike, and the number
 * of bytes that they share. Steps are whole characters, as in transformers.
 *
 * The search for the earliest, longest token keeps the order of operations of transformers. Where
 * tokens overlap, it can miss a token that a plain search would find. It must miss the same ones
 * here. */
#include "model/tokenizer/split.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

struct node {
	int lo, hi;   /* range of tokens; empty: no node */
	size_t bytes; /* bytes that they share */
};

/* A place where a token may start, and how much of one was found there. */
struct match {
	size_t start;
	struct node at;
	bool dead; /* no token continues with the last character */
};

struct search {
	const struct added *a;
	const char *text;
	size_t bytes;
	struct match *match; /* ordered by start */
	int nmatch, room;
	size_t *cut; /* 0, then the starts and ends */
	int ncut, cut_room;
	size_t skip; /* characters before it are in a token that was found */
};

static size_t char_bytes(const char *text, size_t left)
{
	unsigned char c = (unsigned char)*text;
	size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	return n < left ? n : left;
}

static size_t next_char(const struct search *s, size_t at)
{
	return at + char_bytes(s->text + at, s->bytes - at);
}

static bool is_token(const struct search *s, struct node at)
{
	return s->a->token[at.lo].text[at.bytes] == 0;
}

/* The first token of [lo, hi) whose byte at the node's length is at least c. */
static int first_from(const struct search *s, struct node at, int c)
{
	int lo = at.lo, hi = at.hi;
	while (lo < hi) {
		int mid = (lo + hi) / 2;
		if ((unsigned char)s->a->token[mid].text[at.bytes] < c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct node child(const struct search *s, struct node at, size_t from)
{
	size_t end = from < s->bytes ? next_char(s, from) : from;
	if (from == end)
		return (struct node){0};
	for (size_t i = from; i < end && at.lo < at.hi; i++) {
		int c = (unsigned char)s->text[i];
		if (c == 0) /* a zero byte would match the end of a token */
			return (struct node){0};
		at = (struct node){first_from(s, at, c), first_from(s, at, c + 1), at.bytes};
		at.bytes++;
	}
	return at;
}

static bool exists(struct node at)
{
	return at.lo < at.hi;
}

static void add_cut(struct search *s, size_t at)
{
	if (s->ncut == s->cut_room)
		s->cut = xrealloc(s->cut,
				  sizeof *s->cut * (size_t)(s->cut_room += s->cut_room + 16));
	s->cut[s->ncut++] = at;
}

static void add_match(struct search *s, size_t start, struct node at)
{
	if (s->nmatch == s->room)
		s->match = xrealloc(s->match, sizeof *s->match * (size_t)(s->room += s->room + 16));
	s->match[s->nmatch++] = (struct match){start, at, false};
}

/* A token ends before `here`: searches on for the longest token that starts at `start` or earlier.
 * Earlier matches have already taken the character at `here`, or have failed at it and are still in
 * the list. */
static void take_longest(struct search *s, size_t start, size_t here)
{
	size_t end = here;
	for (int i = 0; i < s->nmatch && s->match[i].start <= start; i++) {
		size_t ahead = s->match[i].start < start ? next_char(s, here) : here;
		end = ahead;
		for (struct node at = s->match[i].at; exists(at);
		     ahead = ahead < s->bytes ? next_char(s, ahead) : ahead) {
			if (is_token(s, at)) {
				start = s->match[i].start;
				end = s->skip = ahead;
			}
			at = child(s, at, ahead);
		}
	}
	add_cut(s, start);
	add_cut(s, end);
}

/* Advances all matches by the character at `here`. */
static void step(struct search *s, size_t here)
{
	int live = 0;
	for (int i = 0; i < s->nmatch; i++) {
		struct match *m = &s->match[i];
		if (is_token(s, m->at)) {
			take_longest(s, m->start, here);
			s->nmatch = 0;
			return;
		}
		struct node next = child(s, m->at, here);
		m->dead = !exists(next);
		m->at = m->dead ? m->at : next;
	}
	for (int i = 0; i < s->nmatch; i++)
		if (!s->match[i].dead)
			s->match[live++] = s->match[i];
	s->nmatch = live;
}

static void find_cuts(struct search *s)
{
	add_cut(s, 0);
	for (size_t here = 0; here < s->bytes; here = next_char(s, here)) {
		if (here < s->skip)
			continue;
		step(s, here);
		struct node first = here >= s->skip ? child(s, (struct node){0, s->a->n, 0}, here)
						    : (struct node){0};
		if (exists(first))
			add_match(s, here, first);
	}
	for (int i = 0; i < s->nmatch; i++)
		if (is_token(s, s->match[i].at)) {
			add_cut(s, s->match[i].start);
			break;
		}
	add_cut(s, s->bytes);
}

/* ------------------------------------------------------------ parts */

static char *copy(const char *text, size_t bytes)
{
	char *p = xmalloc(bytes + 1);
	memcpy(p, text, bytes);
	p[bytes] = 0;
	return p;
}

static struct parts cut_text(const struct search *s)
{
	struct parts p = {.part = xarray((size_t)s->ncut, sizeof *p.part)};
	size_t from = 0;
	for (int i = 0; i < s->ncut; i++) {
		if (s->cut[i] <= from)
			continue;
		p.part[p.n++] = (struct part){.text = copy(s->text + from, s->cut[i] - from),
					      .bytes = s->cut[i] - from};
		from = s->cut[i];
	}
	return p;
}

/* The characters that Python's str.strip() removes. */
static const char *const blanks[] = {
	" ",      "\t",     "\n",     "\v",     "\f",       "\r",     "\x1c",   "\x1d",
	"\x1e",   "\x1f",   "\u00a0", "\u1680", "\u2000",   "\u2001", "\u2002", "\u2003",
	"\u2004", "\u2005", "\u2006", "\u2007", "\u2008",   "\u2009", "\u200a", "\u2028",
	"\u2029", "\u202f", "\u205f", "\u3000", "\xc2\x85",
};

/* Bytes of the blank at the front or the end of a part; 0: there is none. */
static size_t blank_at(const struct part *p, bool front)
{
	for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
		size_t n = strlen(blanks[i]);
		if (n <= p->bytes &&
		    memcmp(front ? p->text : p->text + p->bytes - n, blanks[i], n) == 0)
			return n;
	}
	return 0;
}

static void strip_front(struct part *p)
{
	for (size_t n; (n = blank_at(p, true)) > 0; p->bytes -= n)
		memmove(p->text, p->text + n, p->bytes - n);
}

static void strip_end(struct part *p)
{
	for (size_t n; (n = blank_at(p, false)) > 0;)
		p->bytes -= n;
}

/* `to` becomes first + second. `from`, one of the two, becomes empty. */
static void join(struct part *to, struct part *from, const struct part *first,
		 const struct part *second)
{
	char *text = xmalloc(first->bytes + second->bytes + 1);
	memcpy(text, first->text, first->bytes);
	memcpy(text + first->bytes, second->text, second->bytes);
	free(to->text);
	*to = (struct part){.text = text, .bytes = first->bytes + second->bytes};
	from->bytes = 0;
}

/* Applies the rules of token part i to its neighbours. For single_word the neighbours count as they
 * were before stripping. */
static void apply_rules(struct parts *p, int i)
{
	const struct added_token *t = p->part[i].token;
	struct part *left = i > 0 && p->part[i - 1].bytes ? &p->part[i - 1] : NULL;
	struct part *right = i + 1 < p->n && p->part[i + 1].bytes ? &p->part[i + 1] : NULL;
	bool glued_left = t->single_word && left && left->text[left->bytes - 1] != ' ';
	bool glued_right = t->single_word && right && right->text[0] != ' ';
	if (t->rstrip && right)
		strip_front(right);
	if (t->lstrip && left)
		strip_end(left);
	if (glued_left)
		join(left, &p->part[i], left, &p->part[i]);
	else if (glued_right)
		join(right, &p->part[i], &p->part[i], right);
}

static void drop_empty(const struct added *a, struct parts *p)
{
	int n = 0;
	for (int i = 0; i < p->n; i++) {
		if (p->part[i].bytes == 0) {
			free(p->part[i].text);
			continue;
		}
		p->part[n] = p->part[i];
		p->part[n].token = added_find(a, p->part[n].text, p->part[n].bytes);
		n++;
	}
	p->n = n;
}

bool split_needed(const struct added *a, const char *text, size_t bytes)
{
	struct search s = {.a = a, .text = text, .bytes = bytes};
	for (size_t i = 0; i < bytes; i++) {
		if (!a->begins[(unsigned char)text[i]])
			continue;
		struct node at = {0, a->n, 0};
		for (size_t end = i; exists(at) && end < bytes; end = next_char(&s, end)) {
			at = child(&s, at, end);
			if (exists(at) && is_token(&s, at))
				return true;
		}
	}
	return false;
}

struct parts split_text(const struct added *a, const char *text, size_t bytes)
{
	struct search s = {.a = a, .text = text, .bytes = bytes};
	find_cuts(&s);
	struct parts p = cut_text(&s);
	for (int i = 0; i < p.n; i++) {
		p.part[i].token = added_find(a, p.part[i].text, p.part[i].bytes);
		if (p.part[i].token)
			apply_rules(&p, i);
	}
	drop_empty(a, &p);
	free(s.match);
	free(s.cut);
	return p;
}

void parts_release(struct parts *p)
{
	for (int i = 0; i < p->n; i++)
		free(p->part[i].text);
	free(p->part);
	*p = (struct parts){0};
}
