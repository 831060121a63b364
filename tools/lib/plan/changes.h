/* changes.h: what has changed since the last run: stamps (plan/stamps.h) whose text is another, and
 * which of their lines differ. */
#ifndef CHANGES_H
#define CHANGES_H

#include <stdbool.h>

#include "base/text.h"

struct changes {
	int n;
	char **stamp;    /* names in WORK/stamps */
	struct text why; /* "alpha_1 8e-05 -> 0.0002, weights of adapter-tec": each once; empty
			    where there was no stamp before */
};

/* Compares a stamp's text with the file; false: it is the same. A file that is not there is a
 * change without a reason. */
bool changes_add(struct changes *c, const char *path, const char *name, const char *text);
void changes_release(struct changes *c);

#endif
