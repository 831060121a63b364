/* rowfile.h: a file of rows, row by row, in any form. The end of its name tells the form:
 * - .json: a list of objects. Any other end means this, too.
 * - .jsonl: one object per line; blank lines are skipped.
 * - .csv: a table with a header (files/table.h); each row is an object of texts by column.
 * - .tsv: the same with tabs.
 *
 * A list is wholly in memory. The other forms need memory for only one row. Every failure is die(),
 * naming file and line. A file over 512 MiB is refused, and so is a file that does not have the
 * form of its name (rowform.h). */
#ifndef ROWFILE_H
#define ROWFILE_H

#include <jansson.h>
#include <stddef.h>

#define ROWFILE_MOST_BYTES ((size_t)512 << 20)

struct rowfile;
struct rowfile *rowfile_open(const char *path);
/* The next row, valid until the next call. NULL: the end. */
json_t *rowfile_next(struct rowfile *f);
int rowfile_line(const struct rowfile *f); /* where the row begins; 0: unknown, as in a list */
void rowfile_close(struct rowfile *f);     /* NULL is fine */

/* Adds the end of the existing file to a stem: "data/tec/train" gives "data/tec/train.csv"
 * (allocated); ".json" where there is none. Two files are die(), because the right one would be a
 * guess. */
char *rowfile_find(const char *stem);

#endif
