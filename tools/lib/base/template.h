/* template.h: a text with places that a row's texts are put into: "Tweet: {instruction}\nAnswer:".
 *
 * {name} stands for the text under the key `name`. {{ and }} write braces; \n, \t and \\ write a
 * line end, a tabulator and a backslash, so that a template fits on a command line. So does "\ ", a
 * blank: make takes plain blanks off the begin of a value. */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

struct template_part {
	char *text; /* as it stands in the result; NULL: the text of a key */
	int key;    /* index into template.key */
};

struct template
{
	int parts, keys;
	struct template_part *part;
	char **key; /* (keys) each name once, in the order of the template */
};

/* NULL, or what is wrong in words, allocated: "position 3: '{' is not closed: {{ writes a brace".
 * Positions count characters (Unicode code points) from 1. On failure t is zero. */
char *template_parse(struct template *t, const char *text);
void template_release(struct template *t); /* zero is fine */

/* The index of a key, or -1. */
int template_key(const struct template *t, const char *name);
/* The filled text, allocated. value (keys): of each key; `most`: characters of each value that are
 * taken, at most, from its beginning. */
char *template_fill(const struct template *t, char *const *value, size_t most);
int template_places(const struct template *t); /* of keys' texts */
/* Whether a text of one key ends the result, and no other key is in it. */
bool template_ends_in_only_key(const struct template *t);

#endif
