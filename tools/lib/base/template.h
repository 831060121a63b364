/* template.h: a text with places for the texts of a row: "Tweet: {instruction}\nAnswer:".
 *
 * {name} stands for the text under the key `name`. {{ and }} write braces. \n, \t and \\ write a
 * line end, a tabulator and a backslash, so that a template fits on a command line. "\ " writes a
 * blank, because make removes plain blanks at the start of a value. */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

struct template_part {
	char *text; /* literal text; NULL: the text of a key */
	int key;    /* index into template.key */
};

struct template
{
	int parts, keys;
	struct template_part *part;
	char **key; /* (keys) each name once, in the order of the template */
};

/* Returns NULL, or in words what is wrong, allocated: "position 3: '{' is not closed: {{ writes a
 * brace". Positions count characters (Unicode code points) from 1. On failure t is zero. */
char *template_parse(struct template *t, const char *text);
void template_release(struct template *t); /* zero is fine */

/* The index of a key, or -1. */
int template_key(const struct template *t, const char *name);
/* The filled text, allocated. value (keys): the text of each key. `most`: how many characters of
 * each value are used, from its beginning. */
char *template_fill(const struct template *t, char *const *value, size_t most);
int template_places(const struct template *t); /* number of places for texts of keys */
/* Whether the result ends with the text of a key, and this is the only key. */
bool template_ends_in_only_key(const struct template *t);

#endif
