/* pattern.c: see pattern.h.
 *
 * The text is read once, in the way of Python's re/_parser.py, and copied item by item. What PCRE2
 * understands differently is rewritten or refused. Rewritten are `$` and \Z as \z, {,n} as {0,n}, a
 * lone brace as \{, and '[' in a class as \[. */
#include "adapter/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"

enum { TEXT_MAX = 1000, DEPTH_MAX = 100, HEAP_KIB = 16384 };

struct pattern {
	pcre2_code *code;
	pcre2_match_data *found;
	pcre2_match_context *bounds;
};

/* The item before a quantifier. */
enum item { NOTHING, POSITION, PIECE, REPEAT };

struct pattern_reader {
	const char *text, *in; /* the pattern, and the rest of it */
	const char *why;       /* the first failure */
	int at;
	int depth;
	bool embedded; /* the text is a part of a longer pattern */
	struct text out;
};

/* ---- Reading ---- */

/* Only the first failure counts. The rest of the text is skipped, so that every loop of the reader
 * ends. */
static void fail(struct pattern_reader *r, const char *why)
{
	if (!r->why) {
		r->why = why;
		r->at = (int)(r->in - r->text) + 1;
	}
	r->in = "";
}

static bool take(struct pattern_reader *r, char c)
{
	if (*r->in != c)
		return false;
	r->in++;
	return true;
}

static void copy(struct pattern_reader *r, size_t n)
{
	text_add(&r->out, "%.*s", (int)n, r->in);
	r->in += n;
}

/* Reads what follows a backslash. `letters`: those that are allowed. */
static void take_escape(struct pattern_reader *r, const char *letters)
{
	char c = *r->in;

	if (c == '\0')
		fail(r, "it ends with a backslash");
	else if (isdigit((unsigned char)c))
		fail(r, "back-references and octal escapes are not supported");
	else if (isalpha((unsigned char)c) && !strchr(letters, c))
		fail(r, "of the escapes of letters only \\A \\b \\B \\d \\D \\s \\S \\w \\W \\Z "
			"are supported");
	else {
		text_add(&r->out, "\\%c", c == 'Z' ? 'z' : c);
		r->in++;
	}
}

/* Reads what follows '['. A ']' directly behind it is an ordinary character. Escapes what PCRE2
 * would take for the start of [:alpha:], [.a.] or [=a=]. */
static void take_class(struct pattern_reader *r)
{
	text_add(&r->out, take(r, '^') ? "[^" : "[");
	for (bool first = true; first || *r->in != ']'; first = false) {
		if (*r->in == '\0') {
			fail(r, "a '[' without its ']'");
			return;
		}
		if (take(r, '\\')) {
			take_escape(r, "dwsDWS");
		} else {
			if (strchr("[:.=", *r->in))
				text_add(&r->out, "\\");
			copy(r, 1);
		}
	}
	copy(r, 1);
}

/* ---- Groups ---- */

static void take_alternatives(struct pattern_reader *r, bool outermost);

/* Reads flags behind "(?". true: they are for the whole pattern, and open no group. */
static bool take_flags(struct pattern_reader *r, bool first)
{
	size_t n = strspn(r->in, "ims");

	if (n == 0 || (r->in[n] != ':' && r->in[n] != ')')) {
		fail(r, "of the extensions (?…) only (?:…), (?P<name>…), (?=…), (?!…), (?<=…), "
			"(?<!…), (?>…) and the flags i, m, s are supported");
		return false;
	}
	if (r->in[n] == ')' && r->embedded)
		fail(r, "a flag for the whole pattern cannot stand here; write (?i:…)");
	else if (r->in[n] == ')' && !first)
		fail(r, "a flag for the whole pattern must stand at its start");
	else {
		text_add(&r->out, "(?");
		copy(r, n + 1);
		return r->in[-1] == ')';
	}
	return false;
}

/* Reads the opening of a group behind "(?". false: it is a flag, or unknown. */
static bool take_opening(struct pattern_reader *r, const char **end)
{
	static const char *const openings[] = {":", "=", "!", ">", "<=", "<!"};
	const char *name = strncmp(r->in, "P<", 2) == 0 ? strchr(r->in, '>') : NULL;

	if (name) {
		text_add(&r->out, "(?");
		copy(r, (size_t)(name + 1 - r->in));
		return true;
	}
	for (size_t i = 0; i < sizeof(openings) / sizeof(*openings); i++) {
		size_t n = strlen(openings[i]);

		if (strncmp(r->in, openings[i], n) != 0)
			continue;
		text_add(&r->out, "(?");
		copy(r, n);
		if (n == 2) { /* look-behind: Python wants one length for all alternatives. PCRE2
				 allows different ones, but only at the first level */
			text_add(&r->out, "(?:");
			*end = "))";
		}
		return true;
	}
	return false;
}

/* Reads a group behind '('. Returns the kind of item that a following quantifier would apply to. */
static enum item take_group(struct pattern_reader *r, bool first)
{
	const char *end = ")";

	if (*r->in != '?')
		text_add(&r->out, "(");
	else if (r->in++, !take_opening(r, &end) && take_flags(r, first))
		return NOTHING;
	if (++r->depth > DEPTH_MAX)
		fail(r, "groups are nested too deep");
	take_alternatives(r, false);
	r->depth--;
	if (!take(r, ')'))
		fail(r, "a '(' without its ')'");
	text_add(&r->out, "%s", end);
	return PIECE;
}

/* ---- Repeats ---- */

/* The length of {m}, {m,}, {,n}, {m,n} or {,}. 0: the brace is an ordinary character. */
static size_t braces_length(const char *s)
{
	size_t m = strspn(s + 1, "0123456789"), n = m + 1;

	if (s[n] == ',')
		n += 1 + strspn(s + n + 1, "0123456789");
	return s[n] == '}' && n > 1 ? n + 1 : 0;
}

/* The length of a quantifier; 0: there is none. */
static size_t quantifier_length(const char *s)
{
	return *s && strchr("*+?", *s) ? 1 : *s == '{' ? braces_length(s) : 0;
}

/* Copies a quantifier of n characters. */
static void take_quantifier(struct pattern_reader *r, size_t n, enum item before)
{
	if (before != PIECE) {
		fail(r, before == REPEAT ? "a repeat of a repeat" : "nothing to repeat");
		return;
	}
	if (strncmp(r->in, "{,", 2) == 0) {
		text_add(&r->out, "{0");
		r->in++;
		n--;
	}
	copy(r, n);
	if (*r->in == '?' || *r->in == '+') /* lazy, possessive */
		copy(r, 1);
}

/* ---- Sequences ---- */

/* first: nothing but flags precede the item in the whole text. */
static enum item take_item(struct pattern_reader *r, enum item before, bool first)
{
	size_t n = quantifier_length(r->in);

	if (n > 0) {
		take_quantifier(r, n, before);
		return REPEAT;
	}
	switch (*r->in) {
	case '^': text_add(&r->out, "\\A"); break;
	case '$': text_add(&r->out, "\\z"); break;
	case '{': text_add(&r->out, "\\{"); break;
	case '[':
		r->in++;
		take_class(r);
		return PIECE;
	case '(': r->in++; return take_group(r, first);
	case '\\':
		r->in++;
		n = *r->in && strchr("AbBZ", *r->in);
		take_escape(r, "AbBZdwsDWS");
		return n ? POSITION : PIECE;
	default: copy(r, 1); return PIECE;
	}
	return *r->in++ == '{' ? PIECE : POSITION;
}

static void take_alternatives(struct pattern_reader *r, bool outermost)
{
	enum item before = NOTHING;

	for (bool first = outermost; *r->in != '\0' && *r->in != ')';
	     first = first && before == NOTHING) {
		if (*r->in != '|') {
			before = take_item(r, before, first);
			continue;
		}
		copy(r, 1);
		before = NOTHING;
		outermost = first = false;
	}
}

static bool is_ascii(const char *s)
{
	while (*s && (unsigned char)*s < 128)
		s++;
	return *s == '\0';
}

/* Writes the whole text to r->out in PCRE2's syntax. */
static void translate(struct pattern_reader *r, enum pattern_kind kind)
{
	static const struct {
		const char *before, *after;
	} frame[] = {
		[PATTERN_WHOLE] = {"(?:", ")\\z"},
		[PATTERN_TAIL] = {"(?:.*\\.)?(?:", ")\\z"},
		[PATTERN_LAYER] = {"(?:\\A|.*?\\.)", "\\.(?P<idx>\\d+)\\."},
		[PATTERN_ANY_LAYER] = {".*?\\.[^.]*", "\\.(?P<idx>\\d+)\\."},
	};

	r->embedded = kind != PATTERN_WHOLE;
	if (strlen(r->text) > TEXT_MAX)
		fail(r, "it is longer than 1000 characters");
	else if (!is_ascii(r->text))
		fail(r, "characters outside ASCII are not supported");
	text_add(&r->out, "%s", frame[kind].before);
	take_alternatives(r, true);
	if (*r->in == ')')
		fail(r, "a ')' without its '('");
	text_add(&r->out, "%s", frame[kind].after);
}

/* ---- PCRE2 ---- */

static const char *reason_of(int error)
{
	switch (error) {
	case PCRE2_ERROR_PATTERN_TOO_LARGE:
		return "it is too large when its repeats are written out";
	case PCRE2_ERROR_QUANTIFIER_TOO_BIG: return "a repeat of more than 65535 times";
	case PCRE2_ERROR_QUANTIFIER_OUT_OF_ORDER: return "a repeat {m,n} with m > n";
	case PCRE2_ERROR_CLASS_RANGE_ORDER:
	case PCRE2_ERROR_CLASS_INVALID_RANGE: return "a bad range in a class";
	case PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH:
		return "a look-behind must have one fixed length";
	case PCRE2_ERROR_DUPLICATE_SUBPATTERN_NAME: return "two groups of one name";
	case PCRE2_ERROR_SUBPATTERN_NAME_TOO_LONG:
		return "a group's name of more than 32 characters";
	}
	return "it is too complex, or a group's name is not one";
}

static void *checked(void *p)
{
	if (!p)
		die("no memory for a regular expression");
	return p;
}

/* NULL, with *why set, where PCRE2 refuses the pattern. */
static pcre2_code *compile(const char *text, const char **why)
{
	pcre2_compile_context *context = checked(pcre2_compile_context_create(NULL));
	pcre2_code *code;
	size_t at;
	int error;

#if PCRE2_MAJOR > 10 || PCRE2_MINOR >= 43
	pcre2_set_max_varlookbehind(context, 0); /* as in Python, and in PCRE2 before 10.43 */
#endif
	code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_ANCHORED, &error, &at,
			     context);
	pcre2_compile_context_free(context);
	if (!code)
		*why = reason_of(error);
	return code;
}

struct pattern *pattern_compile(const char *text, enum pattern_kind kind, const char **why, int *at)
{
	struct pattern_reader r = {.text = text, .in = text};
	struct pattern *p = NULL;
	pcre2_code *code = NULL;

	translate(&r, kind);
	if (!r.why)
		code = compile(text_get(&r.out), &r.why);
	text_release(&r.out);
	*why = r.why;
	*at = r.at;
	if (!code)
		return NULL;
	p = xmalloc(sizeof(*p));
	*p = (struct pattern){code, checked(pcre2_match_data_create_from_pattern(code, NULL)),
			      checked(pcre2_match_context_create(NULL))};
	pcre2_set_match_limit(p->bounds, PATTERN_STEPS);
	pcre2_set_depth_limit(p->bounds, PATTERN_STEPS);
	pcre2_set_heap_limit(p->bounds, HEAP_KIB);
	return p;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	pcre2_match_context_free(p->bounds);
	pcre2_match_data_free(p->found);
	pcre2_code_free(p->code);
	free(p);
}

enum pattern_answer pattern_match(const struct pattern *p, const char *name)
{
	int n = pcre2_match(p->code, (PCRE2_SPTR)name, strlen(name), 0, 0, p->found, p->bounds);

	if (n >= 0)
		return PATTERN_YES;
	if (n == PCRE2_ERROR_NOMATCH)
		return PATTERN_NO;
	if (n == PCRE2_ERROR_NOMEMORY)
		die("no memory to match a regular expression");
	return PATTERN_GAVE_UP; /* a limit was reached, or PCRE2's own check found an endless loop
				 */
}

long pattern_index(const struct pattern *p, const char *name)
{
	int group = pcre2_substring_number_from_name(p->code, (PCRE2_SPTR) "idx");
	const size_t *at;

	BUG_IF(group < 0);
	at = pcre2_get_ovector_pointer(p->found) + 2 * (size_t)group;
	return at[0] == PCRE2_UNSET ? -1 : strtol(name + at[0], NULL, 10);
}
