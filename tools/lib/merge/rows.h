/* rows.h: the rows of a task, from DATA/<task>/train.json or test.json.
 *
 * The file is a list of objects {"instruction": text, "output": label, …}. Only these two are used,
 * as in the published preprocessing. It ignores a text in "input", which an adapter trained by
 * Alpaca's template has read: a row that has one is refused, because the merge would be of other
 * texts. Rows are numbered from 0, as in samples.json. Anything else is die(), naming file, row and
 * key (rowform.h); a file over 512 MiB is refused before it is read. Labels that are all numbers
 * are said in one line. */
#ifndef ROWS_H
#define ROWS_H

struct row {
	char *instruction;
	char *output;
	/* Characters (Unicode code points) of all the row's values together, a value that is no
	 * string by its JSON text: what select_long sorts by. */
	long chars;
};

struct rows {
	int n; /* ≥ 1 */
	struct row *row;
};

void rows_read(struct rows *r, const char *path);
void rows_release(struct rows *r); /* zero is fine */

/* The distinct outputs, sorted by bytes (for UTF-8 the order of code points); pointers into the
 * rows, the array allocated. *K: how many; label_of (n) is filled with each row's index into it. */
const char **rows_labels(const struct rows *r, int *K, int *label_of);

/* A list of row numbers (samples.json) into row (count): a number that is no integer, is outside 0
 * … n-1 or stands twice, or another count than `count`, is die(). */
void rows_read_numbers(const char *path, int n, int count, int *row);
int rows_count_numbers(const char *path); /* how many such a list has */

#endif
