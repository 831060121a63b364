/* rows.h: the rows of a task, from DATA/<task>/train.* or test.*, in any form (rowfile.h).
 *
 * A row is an object {"instruction": text, "output": label, …}. A prompt template and an answer
 * template say which keys are used. The default templates use these two keys, as in the published
 * preprocessing.
 *
 * A row with a text in "input" is refused unless a template names that key. The default templates
 * ignore the key, but adapters trained with Alpaca's template have read it: the merge would be
 * fitted on other texts.
 *
 * A label may be a number where label_names has its word (labelnames.h). A row may bring token ids
 * instead, in "prompt_ids" and "answer_ids". Rows are numbered from 0, as in samples.json. Anything
 * else is die(), naming file, line, row and key (rowform.h). One line tells the user if all labels
 * are numbers. */
#ifndef ROWS_H
#define ROWS_H

#include <stdbool.h>

#include "base/template.h"
#include "merge/labelnames.h"

/* The options of a tool that reads rows. */
struct row_options {
	const char *prompt, *answer, *label_key;
	const char *label_names; /* NULL: labels are texts */
};

struct row_templates {
	struct template prompt, answer;
	const char *label_key;     /* from the options */
	struct label_names *names; /* NULL: labels are texts */
};
/* An error in the options is die_usage(). */
void row_templates_init(struct row_templates *t, const struct row_options *o);
void row_templates_release(struct row_templates *t); /* zero is fine */

/* Token ids, none of them negative. */
struct row_ids {
	int n, *id; /* n 0: the row brings no ids */
};

struct row {
	char **text;  /* (prompt.keys) the text of each key of the prompt; NULL: the row brings its
			 ids */
	char *answer; /* the filled template; where the answer is known only as ids, "[9846, 2]" */
	bool named;   /* the answer is a text */
	int line;     /* of the file, on which it begins; 0: none is known */
	struct row_ids prompt_ids, answer_ids;
	/* Characters (Unicode code points) of all values of the row together; select_long sorts by
	 * it. A value that is no string counts with its JSON text. */
	long chars;
};

struct rows {
	int n;     /* ≥ 1 */
	int texts; /* the prompt's keys, for rows that bring texts */
	struct row *row;
};

void rows_read(struct rows *r, const char *path, const struct row_templates *t);
void rows_release(struct rows *r); /* a zero struct is allowed */

/* Whether every row of a file brings prompt_ids and answer_ids. A file that is no list of rows
 * brings none. */
bool rows_bring_ids(const char *path);

/* The *K distinct answers, sorted by bytes; for UTF-8 this is the order of code points. The array
 * is allocated and points into the rows. label_of (n) gets each row's index into the array. */
const char **rows_labels(const struct rows *r, int *K, int *label_of);

/* Reads a list of row numbers (samples.json) into row (count). die() where the list has another
 * length than `count`, or a number is no integer, outside 0 … n-1 or repeated. */
void rows_read_numbers(const char *path, int n, int count, int *row);
int rows_count_numbers(const char *path); /* the length of such a list */

#endif
