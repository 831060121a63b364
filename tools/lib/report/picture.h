/* picture.h: a gnuplot script as pictures of a page: a wide one, and a narrow one for telephones,
 * of which the style sheet shows one.
 *
 * A picture has no text from outside in its script: picture_word() gives a mark that stands for
 * such a text, and the finished picture has the text in its place, escaped. Colours are attributes,
 * which the style sheet replaces where the page is dark; nothing has an id, and nothing is loaded.
 */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdbool.h>

#include "base/text.h"

struct picture {
	struct text script;
	bool narrow;
	int width, height; /* height: set by the script's writer */
	char **word;       /* what the marks stand for */
	int words;
};

/* A mark for s, cut to `most` characters, to stand between quotes in the script; valid until the
 * next call. */
const char *picture_word(struct picture *p, const char *s, int most);

/* Writes the script for p->width and p->narrow, and sets p->height. */
typedef void picture_writer(struct picture *p, const void *data);

enum { PICTURE_WIDE = 720, PICTURE_NARROW = 350 };

/* Both pictures; label says what they show, kind is a class of the style sheet. False: this machine
 * has no gnuplot, and the page says so in their place. */
bool picture_add(struct text *page, const char *kind, const char *label, picture_writer *write,
		 const void *data);

/* The colour of series i, as the style sheet's class si has it. */
const char *picture_colour(int i);
enum { PICTURE_COLOURS = 8 };

#endif
