/* texts.h: the test rows as people read them. */
#ifndef TEXTS_H
#define TEXTS_H

struct texts {
	int n;
	char **text; /* (n) the row's texts, joined; NULL: the row brings token ids alone */
};

/* The rows of DATA/TASK/test.json, by the templates of --prompt and --answer; n 0 where data is
 * NULL. Another number of rows than `expected` is die(). */
void texts_read(struct texts *t, const char *data, const char *task, const char *prompt,
		const char *answer, int expected);
void texts_release(struct texts *t);

#endif
