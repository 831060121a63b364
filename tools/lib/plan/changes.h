/* changes.h: what has changed since the last run: the stamps (plan/stamps.h) whose text differs,
 * and which of their lines differ. */
#ifndef CHANGES_H
#define CHANGES_H

#include <stdbool.h>

#include "base/text.h"

struct changes {
	int n;
	char **stamp;    /* names in WORK/stamps */
	struct text why; /* "alpha_1 8e-05 -> 0.0002, weights of adapter-tec", each once; empty
			    where there was no stamp */
};

/* Compares a stamp's text with the file; false: they are equal. A missing file is a change without
 * a reason. */
bool changes_add(struct changes *c, const char *path, const char *name, const char *text);
void changes_release(struct changes *c);

#endif
