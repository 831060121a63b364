/* normaliser.c: see normaliser.h. */
#include "model/tokenizer/normaliser.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/die.h"
#include "model/tokenizer/pattern_read.h"

enum normaliser_kind { NFC, PREPEND, REPLACE };

struct normaliser_step {
	enum normaliser_kind kind;
	struct regexp *pattern; /* REPLACE */
	char *text;             /* PREPEND, REPLACE */
};

static void add(struct normaliser *n, struct normaliser_step step)
{
	n->step = xrealloc(n->step, sizeof step * (size_t)(n->n + 1));
	n->step[n->n++] = step;
}

void normaliser_add_prepend(struct normaliser *n, const char *text)
{
	add(n, (struct normaliser_step){.kind = PREPEND, .text = xstrdup(text)});
}

void normaliser_add_replace(struct normaliser *n, const char *from, const char *to)
{
	add(n, (struct normaliser_step){REPLACE, regexp_literal(from), xstrdup(to)});
}

static void read_sequence(struct normaliser *n, struct jsonpart p)
{
	size_t i;
	json_t *v;
	jsonpart_keys(p, "type normalizers");
	json_array_foreach (jsonpart_list(p, "normalizers"), i, v)
		normaliser_read(n, (struct jsonpart){p.path, p.name, v});
}

void normaliser_read(struct normaliser *n, struct jsonpart p)
{
	if (json_is_null(p.v))
		return;
	const char *type = jsonpart_type(p);
	if (strcmp(type, "Sequence") == 0) {
		read_sequence(n, p);
	} else if (strcmp(type, "NFC") == 0) {
		jsonpart_keys(p, "type");
		add(n, (struct normaliser_step){.kind = NFC});
	} else if (strcmp(type, "Prepend") == 0) {
		jsonpart_keys(p, "type prepend");
		normaliser_add_prepend(n, jsonpart_text(p, "prepend"));
	} else if (strcmp(type, "Replace") == 0) {
		jsonpart_keys(p, "type pattern content");
		struct regexp *pattern = pattern_read(p);
		add(n, (struct normaliser_step){REPLACE, pattern,
						xstrdup(jsonpart_text(p, "content"))});
	} else {
		jsonpart_unknown_type(p, "NFC Prepend Replace Sequence");
	}
}

void normaliser_release(struct normaliser *n)
{
	for (int i = 0; i < n->n; i++) {
		regexp_free(n->step[i].pattern);
		free(n->step[i].text);
	}
	free(n->step);
	*n = (struct normaliser){0};
}

bool normaliser_prepends(const struct normaliser *n)
{
	for (int i = 0; i < n->n; i++)
		if (n->step[i].kind == PREPEND)
			return true;
	return false;
}

static void put_nfc(const void *unused, const char *piece, size_t bytes, struct text *to)
{
	utf8proc_uint8_t *composed;
	utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)piece, (utf8proc_ssize_t)bytes,
					  &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
	(void)unused;
	if (n < 0)
		die("cannot normalise a text of %zu bytes: %s", bytes, utf8proc_errmsg(n));
	text_put(to, (const char *)composed, (size_t)n);
	free(composed);
}

static void put_behind(const void *prefix, const char *piece, size_t bytes, struct text *to)
{
	text_put(to, prefix, strlen(prefix));
	text_put(to, piece, bytes);
}

const char *normaliser_apply(const struct normaliser *n, struct pieces *p)
{
	const char *why = NULL;
	for (int i = 0; i < n->n && !why; i++) {
		const struct normaliser_step *s = &n->step[i];
		switch (s->kind) {
		case NFC: pieces_rewrite(p, put_nfc, NULL); break;
		case PREPEND: pieces_rewrite(p, put_behind, s->text); break;
		case REPLACE: why = pieces_replace(p, s->pattern, s->text); break;
		}
	}
	return why;
}
