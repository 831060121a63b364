/* template.c: see template.h. */
#include "base/template.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"

/* A template while it is read. */
struct reader {
	struct template *t;
	const char *text, *at;
	struct text literal; /* characters that are read and not yet part of the template */
};

static bool continues(char byte) /* a character of UTF-8 */
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

static char *fault(const struct reader *r, const char *what)
{
	int position = 1;
	for (const char *s = r->text; s < r->at; s++)
		position += !continues(*s);
	return xformat("position %d: %s", position, what);
}

static void add_part(struct template *t, struct template_part p)
{
	t->part = xrealloc(t->part, (size_t)(t->parts + 1) * sizeof *t->part);
	t->part[t->parts++] = p;
}

static void end_literal(struct reader *r)
{
	if (r->literal.n)
		add_part(r->t, (struct template_part){.text = xstrdup(text_get(&r->literal))});
	text_release(&r->literal);
}

int template_key(const struct template *t, const char *name)
{
	for (int k = 0; k < t->keys; k++)
		if (strcmp(t->key[k], name) == 0)
			return k;
	return -1;
}

static int key_number(struct template *t, char *name)
{
	int k = template_key(t, name);
	if (k >= 0) {
		free(name);
		return k;
	}
	t->key = xrealloc(t->key, (size_t)(t->keys + 1) * sizeof *t->key);
	t->key[t->keys] = name;
	return t->keys++;
}

/* Reads "{name}" from its brace on. */
static char *read_key(struct reader *r)
{
	size_t n = strcspn(r->at + 1, "{}");
	if (r->at[1 + n] != '}')
		return fault(r, "'{' is not closed by '}': {{ writes a brace");
	if (n == 0)
		return fault(r, "'{}' names no key");
	end_literal(r);
	int key = key_number(r->t, xformat("%.*s", (int)n, r->at + 1));
	add_part(r->t, (struct template_part){.key = key});
	r->at += n + 2;
	return NULL;
}

/* Reads "\n" from its backslash on. */
static char *read_escape(struct reader *r)
{
	static const char letter[] = "nt\\ ", meant[] = "\n\t\\ ";
	const char *found = r->at[1] ? strchr(letter, r->at[1]) : NULL;
	if (!found)
		return fault(r, "'\\' begins nothing known: \\n is a line end, \\t a tabulator, "
				"\\\\ a backslash");
	text_add(&r->literal, "%c", meant[found - letter]);
	r->at += 2;
	return NULL;
}

/* Reads what begins at r->at. Returns NULL, or what is wrong. */
static char *read_next(struct reader *r)
{
	char c = *r->at;
	if (c == '\\')
		return read_escape(r);
	if ((c == '{' || c == '}') && r->at[1] == c) {
		text_add(&r->literal, "%c", c);
		r->at += 2;
		return NULL;
	}
	if (c == '{')
		return read_key(r);
	if (c == '}')
		return fault(r, "'}' closes nothing: }} writes a brace");
	text_add(&r->literal, "%c", c);
	r->at++;
	return NULL;
}

char *template_parse(struct template *t, const char *text)
{
	struct reader r = {.t = t, .text = text, .at = text};
	char *wrong = NULL;
	*t = (struct template){0};
	while (*r.at && !wrong)
		wrong = read_next(&r);
	end_literal(&r);
	if (wrong)
		template_release(t);
	return wrong;
}

void template_release(struct template *t)
{
	for (int i = 0; i < t->parts; i++)
		free(t->part[i].text);
	for (int k = 0; k < t->keys; k++)
		free(t->key[k]);
	free(t->part);
	free(t->key);
	*t = (struct template){0};
}

/* Bytes of the first `most` characters. */
static size_t bytes_of(const char *s, size_t most)
{
	size_t n = 0;
	for (; s[n] && most > 0; most--)
		for (n++; continues(s[n]);)
			n++;
	return n;
}

char *template_fill(const struct template *t, char *const *value, size_t most)
{
	struct text filled = {0};
	for (int i = 0; i < t->parts; i++) {
		const struct template_part *p = &t->part[i];
		const char *s = p->text ? p->text : value[p->key];
		text_add(&filled, "%.*s", (int)(p->text ? strlen(s) : bytes_of(s, most)), s);
	}
	return filled.s ? filled.s : xstrdup("");
}

int template_places(const struct template *t)
{
	int places = 0;
	for (int i = 0; i < t->parts; i++)
		places += t->part[i].text == NULL;
	return places;
}

bool template_ends_in_only_key(const struct template *t)
{
	return template_places(t) == 1 && t->part[t->parts - 1].text == NULL;
}
