/* texts.h: the test rows as people read them. */
#ifndef TEXTS_H
#define TEXTS_H

#include "merge/rows.h"

struct texts {
	int n;
	char **text; /* (n) the row's texts, joined; NULL: the row brings only token ids */
};

/* The rows of DATA/TASK/test.*, as the options of the evaluation read them. Another number of rows
 * than `expected` is die(). */
void texts_read(struct texts *t, const char *data, const char *task, const struct row_options *o,
		int expected);
void texts_release(struct texts *t);

#endif
