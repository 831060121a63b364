/* pretokenizer.c: see pretokenizer.h.
 *
 * Every kind is a sequence of four simple steps. A Metaspace, for example, replaces blanks, adds a
 * prefix and cuts. */
#include "model/tokenizer/pretokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/utf8.h"
#include "model/tokenizer/bytelevel.h"
#include "model/tokenizer/pattern_read.h"

enum pretokenizer_kind { SPLIT, REPLACE, PREFIX, BYTES };

struct pretokenizer_step {
	enum pretokenizer_kind kind;
	struct regexp *pattern;       /* SPLIT, REPLACE */
	enum split_behavior behavior; /* SPLIT */
	bool invert;
	char *text;      /* REPLACE: the new text; PREFIX: the prefix */
	bool first_only; /* PREFIX */
};

static void add(struct pretokenizer *t, struct pretokenizer_step step)
{
	t->step = xrealloc(t->step, sizeof step * (size_t)(t->n + 1));
	t->step[t->n++] = step;
}

static void add_split(struct pretokenizer *t, struct regexp *r, enum split_behavior behavior)
{
	add(t, (struct pretokenizer_step){.kind = SPLIT, .pattern = r, .behavior = behavior});
}

static void add_prefix(struct pretokenizer *t, const char *text, bool first_only)
{
	add(t, (struct pretokenizer_step){
		       .kind = PREFIX, .text = xstrdup(text), .first_only = first_only});
}

void pretokenizer_add_metaspace(struct pretokenizer *t, const char *replacement,
				enum prepend_scheme scheme, bool split)
{
	add(t, (struct pretokenizer_step){.kind = REPLACE,
					  .pattern = regexp_literal(" "),
					  .text = xstrdup(replacement)});
	if (scheme != PREPEND_NEVER)
		add_prefix(t, replacement, scheme == PREPEND_FIRST);
	if (split)
		add_split(t, regexp_literal(replacement), MERGED_WITH_NEXT);
}

/* ------------------------------------------------------------ the kinds */

static void read_sequence(struct pretokenizer *t, struct jsonpart p)
{
	size_t i;
	json_t *v;
	jsonpart_keys(p, "type pretokenizers");
	json_array_foreach (jsonpart_list(p, "pretokenizers"), i, v)
		pretokenizer_read(t, (struct jsonpart){p.path, p.name, v});
}

static void read_split(struct pretokenizer *t, struct jsonpart p)
{
	static const char *const word[] = {[REMOVED] = "Removed",
					   [ISOLATED] = "Isolated",
					   [MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
					   [MERGED_WITH_NEXT] = "MergedWithNext",
					   [CONTIGUOUS] = "Contiguous"};
	jsonpart_keys(p, "type pattern behavior invert");
	add_split(t, pattern_read(p), (enum split_behavior)jsonpart_choice(p, "behavior", word, 5));
	t->step[t->n - 1].invert = jsonpart_bool(p, "invert", false);
}

/* Rust's char::is_numeric(), which the library uses to find digits, is \p{N}. */
static void read_digits(struct pretokenizer *t, struct jsonpart p)
{
	jsonpart_keys(p, "type individual_digits");
	add_split(t, pattern_compile_own("\\p{N}"),
		  jsonpart_bool(p, "individual_digits", false) ? ISOLATED : CONTIGUOUS);
}

/* trim_offsets concerns the places of tokens in the text, not their ids. */
static void read_bytelevel(struct pretokenizer *t, struct jsonpart p)
{
	jsonpart_keys(p, "type add_prefix_space trim_offsets use_regex");
	if (jsonpart_bool(p, "add_prefix_space", true))
		add_prefix(t, " ", false);
	if (jsonpart_bool(p, "use_regex", true))
		add_split(t, pattern_compile_own(bytelevel_pattern), ISOLATED);
	add(t, (struct pretokenizer_step){.kind = BYTES});
}

const char *const prepend_schemes[] = {
	[PREPEND_ALWAYS] = "always", [PREPEND_NEVER] = "never", [PREPEND_FIRST] = "first"};

/* Older files have add_prefix_space instead of prepend_scheme. */
static enum prepend_scheme read_scheme(struct jsonpart p)
{
	bool prefix = jsonpart_bool(p, "add_prefix_space", true);
	if (!json_object_get(p.v, "prepend_scheme"))
		return prefix ? PREPEND_ALWAYS : PREPEND_NEVER;
	int scheme = jsonpart_choice(p, "prepend_scheme", prepend_schemes, 3);
	if (json_object_get(p.v, "add_prefix_space") && prefix != (scheme != PREPEND_NEVER))
		die("'%s' %s: Metaspace: add_prefix_space is %s, but prepend_scheme is '%s'",
		    p.path, p.name, prefix ? "true" : "false", prepend_schemes[scheme]);
	return (enum prepend_scheme)scheme;
}

static void read_metaspace(struct pretokenizer *t, struct jsonpart p)
{
	jsonpart_keys(p, "type replacement prepend_scheme split add_prefix_space str_rep");
	const char *replacement = jsonpart_text(p, "replacement");
	if (utf8_bytes(replacement, strlen(replacement)) != strlen(replacement))
		die("'%s' %s: Metaspace: replacement: expected one character, found '%.20s'",
		    p.path, p.name, replacement);
	pretokenizer_add_metaspace(t, replacement, read_scheme(p), jsonpart_bool(p, "split", true));
}

void pretokenizer_read(struct pretokenizer *t, struct jsonpart p)
{
	static const struct {
		const char *type;
		void (*read)(struct pretokenizer *t, struct jsonpart p);
	} known[] = {{"Sequence", read_sequence},
		     {"Split", read_split},
		     {"Digits", read_digits},
		     {"ByteLevel", read_bytelevel},
		     {"Metaspace", read_metaspace}};
	if (json_is_null(p.v))
		return;
	const char *type = jsonpart_type(p);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(type, known[i].type) == 0) {
			known[i].read(t, p);
			return;
		}
	jsonpart_unknown_type(p, "Split Digits ByteLevel Metaspace Sequence");
}

void pretokenizer_release(struct pretokenizer *t)
{
	for (int i = 0; i < t->n; i++) {
		regexp_free(t->step[i].pattern);
		free(t->step[i].text);
	}
	free(t->step);
	*t = (struct pretokenizer){0};
}

bool pretokenizer_prepends(const struct pretokenizer *t)
{
	for (int i = 0; i < t->n; i++)
		if (t->step[i].kind == PREFIX)
			return true;
	return false;
}

bool pretokenizer_prefixes_twice(const struct pretokenizer *t, bool before)
{
	for (int i = 0; i < t->n; i++) {
		if (t->step[i].kind != PREFIX)
			continue;
		if (t->step[i].first_only && before)
			return true;
		before = true;
	}
	return false;
}

const char *pretokenizer_apply(const struct pretokenizer *t, struct pieces *p)
{
	const char *why = NULL;
	for (int i = 0; i < t->n && !why; i++) {
		const struct pretokenizer_step *s = &t->step[i];
		switch (s->kind) {
		case SPLIT: why = pieces_split(p, s->pattern, s->behavior, s->invert); break;
		case REPLACE: why = pieces_replace(p, s->pattern, s->text); break;
		case PREFIX: pieces_prefix(p, s->text, s->first_only); break;
		case BYTES: pieces_rewrite(p, bytelevel_put, NULL); break;
		}
	}
	return why;
}
