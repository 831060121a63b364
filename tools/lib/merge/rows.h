/* rows.h: the rows of a task, from DATA/<task>/train.json or test.json.
 *
 * The file is a list of objects {"instruction": text, "output": label, …}. Two templates say which
 * keys count. By default these two do, as in the published preprocessing. It ignores a text in
 * "input", which an adapter trained by Alpaca's template has read: a row that has one is refused
 * unless a template names it, because the merge would be of other texts. A row may bring token ids
 * instead, in "prompt_ids" and "answer_ids". Rows are numbered from 0, as in samples.json. Anything
 * else is die(), naming file, row and key (rowform.h); a file over 512 MiB is refused before it is
 * read. Labels that are all numbers are said in one line. */
#ifndef ROWS_H
#define ROWS_H

#include <stdbool.h>

#include "base/template.h"

struct row_templates {
	struct template prompt, answer;
};
/* From the texts of the options --prompt and --answer; an error in them is die_usage(). */
void row_templates_init(struct row_templates *t, const char *prompt, const char *answer);
void row_templates_release(struct row_templates *t); /* zero is fine */

/* Token ids, none of them negative. */
struct row_ids {
	int n, *id; /* n 0: the row brings none */
};

struct row {
	char **text;  /* (prompt.keys) of each key of the prompt; NULL: the row brings its ids */
	char *answer; /* the filled template; where only ids tell the answer, "[9846, 2]" */
	bool named;   /* the answer is a text */
	struct row_ids prompt_ids, answer_ids;
	/* Characters (Unicode code points) of all the row's values together, a value that is no
	 * string by its JSON text: what select_long sorts by. */
	long chars;
};

struct rows {
	int n;     /* ≥ 1 */
	int texts; /* of each row that brings texts: the prompt's keys */
	struct row *row;
};

void rows_read(struct rows *r, const char *path, const struct row_templates *t);
void rows_release(struct rows *r); /* zero is fine */

/* Whether every row of a file brings both prompt_ids and answer_ids. A file that is no list of rows
 * brings none. */
bool rows_bring_ids(const char *path);

/* The distinct answers, sorted by bytes (for UTF-8 the order of code points); pointers into the
 * rows, the array allocated. *K: how many; label_of (n) is filled with each row's index into it. */
const char **rows_labels(const struct rows *r, int *K, int *label_of);

/* A list of row numbers (samples.json) into row (count): a number that is no integer, is outside 0
 * … n-1 or stands twice, or another count than `count`, is die(). */
void rows_read_numbers(const char *path, int n, int count, int *row);
int rows_count_numbers(const char *path); /* how many such a list has */

#endif
