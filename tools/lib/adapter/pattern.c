/* pattern.c: see pattern.h.
 *
 * A pattern becomes a program for Thompson's machine (K. Thompson, Regular Expression Search Algorithm, CACM 11, 1968): all positions that
 * the name so far can have led to are followed at once, each at most once per character. The C library's regcomp() is not used, as
 * patterns come with files from elsewhere and some make it take minutes and gigabytes (nested stars, repeated options).
 *
 * Jumps are relative, so that a piece of program can be moved and copied as it is. */
#include "adapter/pattern.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

/* The characters of module names: as there are 64, a set of them is one word. */
static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";
_Static_assert(sizeof(ALPHABET) == 64 + 1, "one bit per character");

enum { TEXT_MAX = 1000, PROGRAM_MAX = 4000, DEPTH_MAX = 100 };

enum op {
	SET,   /* takes one character of `set` */
	SPLIT, /* goes on at +x and at +y */
	JUMP,  /* goes on at +x */
	START, /* goes on only at the start of the name */
	STOP,  /* goes on only at its end */
	MATCH,
};

struct step {
	enum op op;
	int x, y;
	uint64_t set;
};

struct pattern {
	int n;
	struct step step[];
};

struct parser {
	const char *text, *in; /* the pattern and what is left of it */
	const char *why;       /* the first failure */
	int at;
	int depth;
	struct pattern *p;
};

/* ---- Sets ---- */

static uint64_t bit_of(int c)
{
	const char *p = c ? strchr(ALPHABET, c) : NULL;
	return p ? UINT64_C(1) << (p - ALPHABET) : 0;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(int c)
{
	return c == '_' || is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What \d, \w, \s mean within the alphabet, which has no space. */
static uint64_t kind_of(char c)
{
	uint64_t set = 0;
	for (const char *a = ALPHABET; *a; a++)
		if ((c == 'd' && is_digit(*a)) || (c == 'w' && is_word(*a)))
			set |= bit_of(*a);
	return set;
}

/* ---- Building ---- */

/* The first failure counts; the rest of the pattern is passed over, so that every loop of the parser ends. */
static void fail(struct parser *r, const char *why)
{
	if (!r->why) {
		r->why = why;
		r->at = (int)(r->in - r->text) + 1;
	}
	r->in = "";
}

/* Makes room for k steps at `at`. */
static bool insert(struct parser *r, int at, int k)
{
	struct pattern *p = r->p;
	if (k > PROGRAM_MAX - 1 - p->n) { /* 1: MATCH, which comes last */
		fail(r, "it is too large when its repeats are written out");
		return false;
	}
	memmove(&p->step[at + k], &p->step[at], (size_t)(p->n - at) * sizeof(*p->step));
	p->n += k;
	return true;
}

static void put(struct parser *r, int at, struct step s)
{
	if (insert(r, at, 1))
		r->p->step[at] = s;
}

static void append(struct parser *r, struct step s)
{
	put(r, r->p->n, s);
}

/* Steps [start, n) once or not at all. */
static void make_optional(struct parser *r, int start)
{
	put(r, start, (struct step){.op = SPLIT, .x = 1, .y = r->p->n - start + 1});
}

/* Steps [start, n) once or more. */
static void make_repeated(struct parser *r, int start)
{
	append(r, (struct step){.op = SPLIT, .x = start - r->p->n, .y = 1});
}

/* Steps [start, n) low to high times; high < 0: without end. */
static void make_counted(struct parser *r, int start, int low, int high)
{
	struct pattern *p = r->p;
	int n = p->n - start, copies = high > low ? high : low;
	if (copies == 0 && high == 0) {
		p->n = start;
		return;
	}
	copies = copies ? copies : 1; /* {0,}: one, repeated and optional */
	/* All copies are made before the first one is changed. */
	for (int i = 1; i < copies && !r->why; i++) {
		int at = p->n;
		if (insert(r, at, n))
			memcpy(&p->step[at], &p->step[start], (size_t)n * sizeof(*p->step));
	}
	if (r->why)
		return;
	if (high < 0)
		make_repeated(r, start + (copies - 1) * n);
	/* From the last copy to the first optional one, so that those before are where they were. */
	for (int i = copies - 1; i >= low && !r->why; i--) {
		int at = start + i * n;
		int length = high < 0 ? p->n - at : n;
		put(r, at, (struct step){.op = SPLIT, .x = 1, .y = length + 1});
	}
}

/* ---- Parsing ---- */

/* Behind a backslash: adds what is meant to *set. Returns the character if it is a single one, else -1. */
static int take_escape(struct parser *r, uint64_t *set)
{
	char c = *r->in;
	if (c != '\0' && !is_word(c)) {
		r->in++;
		*set |= bit_of(c);
		return c;
	}
	if (c != '\0' && strchr("dws", c))
		*set |= kind_of(c);
	else if (c != '\0' && strchr("DWS", c))
		*set |= ~kind_of((char)(c - 'A' + 'a'));
	else {
		fail(r, c == '\0'     ? "it ends with a backslash"
		        : is_digit(c) ? "back-references are not supported"
		                      : "of the escapes of letters only \\d \\w \\s \\D \\W \\S are supported");
		return -1;
	}
	r->in++;
	return -1;
}

/* One member of a class, by itself or escaped; -1 for a whole kind. */
static int take_member(struct parser *r, uint64_t *set)
{
	if (*r->in == '\\') {
		r->in++;
		return take_escape(r, set);
	}
	if (*r->in == '\0') {
		fail(r, "a '[' without its ']'");
		return -1;
	}
	*set |= bit_of(*r->in);
	return *r->in++;
}

static uint64_t take_class(struct parser *r)
{
	uint64_t set = 0;
	bool negate = *r->in == '^';
	r->in += negate;
	/* A ']' right behind the opening is an ordinary character. */
	for (bool first = true; !r->why && (first || *r->in != ']'); first = false) {
		int low = take_member(r, &set);
		if (r->in[0] != '-' || r->in[1] == ']' || r->in[1] == '\0')
			continue;
		r->in++;
		int high = take_member(r, &set);
		if (!r->why && (low < 0 || high < low))
			fail(r, "a bad range in a class");
		for (int c = low; c <= high && !r->why; c++)
			set |= bit_of(c);
	}
	if (!r->why)
		r->in++;
	return negate ? ~set : set;
}

static void take_alternatives(struct parser *r);

static void take_group(struct parser *r)
{
	if (r->in[0] == '?') {
		const char *end = strncmp(r->in, "?P<", 3) == 0 ? strchr(r->in, '>') : NULL;
		char c = r->in[1];
		if (end)
			r->in = end + 1;
		else if (c == ':')
			r->in += 2;
		else
			fail(r, c == '=' || c == '!' || c == '<' ? "look-ahead and look-behind are not supported"
			                                         : "of the extensions (?…) only (?:…) and (?P<name>…) are supported");
	}
	if (++r->depth > DEPTH_MAX)
		fail(r, "groups are nested too deep");
	take_alternatives(r);
	r->depth--;
	if (*r->in == ')')
		r->in++;
	else
		fail(r, "a '(' without its ')'");
}

/* A number of a repeat, or dflt where there is none; what is over PROGRAM_MAX is too large in any case. */
static int take_count(struct parser *r, int dflt)
{
	int v = 0;
	if (!is_digit(*r->in))
		return dflt;
	for (; is_digit(*r->in); r->in++)
		v = v > PROGRAM_MAX ? v : 10 * v + (*r->in - '0');
	return v;
}

/* Behind '{': {m} {m,} {,n} {m,n}. */
static void take_braces(struct parser *r, int start)
{
	int low = take_count(r, *r->in == ',' ? 0 : -1), high = low;
	if (*r->in == ',') {
		r->in++;
		high = take_count(r, -1);
	}
	if (low < 0 || *r->in != '}') {
		fail(r, "expected {m}, {m,}, {,n} or {m,n} (a brace by itself is written \\{)");
		return;
	}
	if (high >= 0 && high < low) {
		fail(r, "a repeat {m,n} with m > n");
		return;
	}
	r->in++;
	make_counted(r, start, low, high);
}

/* What may follow the atom whose steps are [start, n): one quantifier. */
static void take_quantifier(struct parser *r, int start)
{
	char c = *r->in;
	if (c == '\0' || !strchr("*+?{", c))
		return;
	r->in++;
	if (c == '{')
		take_braces(r, start);
	if (c == '*' || c == '+')
		make_repeated(r, start);
	if (c == '*' || c == '?')
		make_optional(r, start);
	if (*r->in == '+')
		fail(r, "possessive quantifiers are not supported");
	if (*r->in == '?')
		r->in++; /* lazy */
	if (*r->in != '\0' && strchr("*+?{", *r->in))
		fail(r, "a repeat of a repeat");
}

static void take_item(struct parser *r)
{
	uint64_t set = 0;
	int start = r->p->n;
	char c = *r->in;
	if (strchr("*+?{", c)) {
		fail(r, "nothing to repeat");
		return;
	}
	r->in++;
	switch (c) {
	case '^':
	case '$':
		append(r, (struct step){.op = c == '^' ? START : STOP});
		return; /* cannot be repeated */
	case '(':
		take_group(r);
		take_quantifier(r, start);
		return;
	case '[':
		set = take_class(r);
		break;
	case '\\':
		take_escape(r, &set);
		break;
	case '.':
		set = ~UINT64_C(0);
		break;
	default:
		set = bit_of(c);
	}
	append(r, (struct step){.op = SET, .set = set});
	take_quantifier(r, start);
}

/* a|b|c as a|(b|c): SPLIT a JUMP rest. At most TEXT_MAX deep. */
static void take_alternatives(struct parser *r)
{
	int start = r->p->n;
	while (*r->in != '\0' && *r->in != '|' && *r->in != ')')
		take_item(r);
	if (*r->in != '|')
		return;
	r->in++;
	put(r, start, (struct step){.op = SPLIT, .x = 1, .y = r->p->n - start + 2});
	int jump = r->p->n;
	append(r, (struct step){.op = JUMP});
	take_alternatives(r);
	if (!r->why)
		r->p->step[jump].x = r->p->n - jump;
}

static size_t bytes_of(int steps)
{
	return offsetof(struct pattern, step) + (size_t)steps * sizeof(struct step);
}

static bool is_ascii(const char *s)
{
	while (*s && (unsigned char)*s < 128)
		s++;
	return *s == '\0';
}

/* (.*\.)? */
static void put_any_prefix(struct parser *r)
{
	append(r, (struct step){.op = SET, .set = ~UINT64_C(0)});
	make_repeated(r, 0);
	make_optional(r, 0);
	append(r, (struct step){.op = SET, .set = bit_of('.')});
	make_optional(r, 0);
}

struct pattern *pattern_compile(const char *text, enum pattern_kind kind, const char **why, int *at)
{
	struct pattern *p = xmalloc(bytes_of(PROGRAM_MAX));
	struct parser r = {.text = text, .in = text, .p = p};
	p->n = 0;
	if (strlen(text) > TEXT_MAX)
		fail(&r, "it is longer than 1000 characters");
	else if (!is_ascii(text))
		fail(&r, "characters outside ASCII are not supported");
	if (kind == PATTERN_TAIL)
		put_any_prefix(&r);
	take_alternatives(&r);
	if (*r.in == ')')
		fail(&r, "a ')' without its '('");
	if (r.why) {
		*why = r.why;
		*at = r.at;
		free(p);
		return NULL;
	}
	p->step[p->n++] = (struct step){.op = MATCH};
	return xrealloc(p, bytes_of(p->n));
}

void pattern_free(struct pattern *p)
{
	free(p);
}

/* ---- Matching ---- */

/* Steps reached, each once. */
struct states {
	int n;
	int *list;
	int *seen; /* seen[i] == mark: step i is in the list, or was passed */
	int mark;
};

/* Adds step i and all that follow it without taking a character. */
static void follow(const struct pattern *p, struct states *s, int *stack, int i, bool at_start, bool at_end)
{
	int top = 0;
	stack[top++] = i;
	while (top > 0) {
		i = stack[--top];
		if (s->seen[i] == s->mark)
			continue;
		s->seen[i] = s->mark;
		const struct step *t = &p->step[i];
		if (t->op == SET || t->op == MATCH)
			s->list[s->n++] = i;
		else if (t->op == SPLIT) {
			stack[top++] = i + t->y;
			stack[top++] = i + t->x;
		} else if (t->op == JUMP)
			stack[top++] = i + t->x;
		else if (t->op == START ? at_start : at_end)
			stack[top++] = i + 1;
	}
}

bool pattern_matches(const struct pattern *p, const char *name)
{
	size_t n = (size_t)p->n, length = strlen(name);
	/* now, next, seen, and the stack: each step is expanded once, which pushes two. */
	int *memory = xcalloc(5 * n + 1, sizeof(*memory)), *stack = memory + 3 * n;
	int *now = memory;
	struct states next = {.list = memory + n, .seen = memory + 2 * n, .mark = 1};
	bool matched = false;
	follow(p, &next, stack, 0, true, length == 0);
	for (size_t at = 0; at < length && next.n > 0; at++) {
		uint64_t c = bit_of((unsigned char)name[at]);
		int *old = now, count = next.n;
		now = next.list;
		next.list = old;
		next.n = 0;
		next.mark++;
		for (int k = 0; k < count; k++)
			if (p->step[now[k]].op == SET && p->step[now[k]].set & c)
				follow(p, &next, stack, now[k] + 1, false, at + 1 == length);
	}
	for (int k = 0; k < next.n; k++)
		matched |= p->step[next.list[k]].op == MATCH;
	free(memory);
	return matched;
}
