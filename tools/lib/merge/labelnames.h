/* labelnames.h: words for labels that are numbers.
 *
 * The text is JSON: a list, whose item i is the word for i, or an object of words by number:
 * ["anger", "joy"], {"0": "anger", "3": "joy"}. */
#ifndef LABELNAMES_H
#define LABELNAMES_H

#include <jansson.h>

struct label_names;

/* NULL: it is no such text. */
struct label_names *label_names_parse(const char *text);
void label_names_free(struct label_names *l); /* NULL is fine */

/* The word of a row's label, which is a JSON number or a text with a number. NULL: the label is no
 * whole number, or has no word; *why is then the reason (allocated). The word is borrowed. */
const char *label_names_find(const struct label_names *l, const json_t *label, char **why);

#endif
