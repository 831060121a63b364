/* changes.h: what has changed since the last run: the stamps (plan/stamps.h) whose text differs,
 * and which of their lines differ. */
#ifndef CHANGES_H
#define CHANGES_H

#include <stdbool.h>

#include "base/text.h"

/* A line of a stamp, "KEY VALUE". */
struct change {
	int stamp;    /* its number in `stamp` */
	char *key;    /* "alpha_1"; for a file its kind: "train", "weights"; or its name */
	char *before; /* NULL: there was no such line */
	char *after;
	bool contents; /* for a file: the values are digests */
};

struct changes {
	int n;
	char **stamp; /* names in WORK/stamps */
	char **text;  /* their present texts */
	bool *first;  /* there was no such stamp before */
	int lines;
	struct change *line; /* from stamps that existed before */
	struct text why;     /* "alpha_1 8e-05 -> 0.0002, weights of adapter-tec", each once; empty
				where there was no stamp */
};

/* Compares a stamp's text with the file; false: they are equal. A missing file is a change without
 * a reason. */
bool changes_add(struct changes *c, const char *path, const char *name, const char *text);
/* The stamp's present text if it has changed; else NULL. */
const char *changes_text(const struct changes *c, const char *name);
void changes_release(struct changes *c);

#endif
