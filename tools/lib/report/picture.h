/* picture.h: a gnuplot script as two pictures of a page: a wide one, and a narrow one for
 * telephones. The style sheet shows one of them.
 *
 * A picture's script contains no text from outside. picture_word() gives a mark for such a text; in
 * the finished picture the escaped text replaces the mark. Colours are attributes, which the style
 * sheet replaces on a dark page. Nothing has an id, and nothing is loaded. */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdbool.h>

#include "base/text.h"

struct picture {
	struct text script;
	bool narrow;
	int width, height; /* height: set by the writer of the script */
	char **word;       /* the texts of the marks */
	int words;
};

/* A mark for s, cut to `most` characters, to be put between quotes in the script. Valid until the
 * next call. */
const char *picture_word(struct picture *p, const char *s, int most);

/* Writes the script for p->width and p->narrow, and sets p->height. */
typedef void picture_writer(struct picture *p, const void *data);

enum { PICTURE_WIDE = 720, PICTURE_NARROW = 350 };

/* Both pictures. label: what they show; kind: a class of the style sheet. False: this machine has
 * no gnuplot, and the page says so instead. */
bool picture_add(struct text *page, const char *kind, const char *label, picture_writer *write,
		 const void *data);

/* The colour of series i, the same as the style sheet's class si. */
const char *picture_colour(int i);
enum { PICTURE_COLOURS = 8 };

#endif
