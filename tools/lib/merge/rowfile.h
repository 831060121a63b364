/* rowfile.h: a file of rows, row after row, whatever form it has. The end of its name says which:
 *
 *   .json    a list of objects. So is every name that ends otherwise
 *   .jsonl   an object a line, blank lines passed over
 *   .csv     a table with a header (files/table.h): each row an object of texts by column
 *   .tsv     the same with tabs
 *
 * A list is in memory as a whole. The other forms need memory for one row only. Every failure is
 * die(), naming file and line. So is a file over 512 MiB, and a file that does not have the form
 * its name says (rowform.h). */
#ifndef ROWFILE_H
#define ROWFILE_H

#include <jansson.h>
#include <stddef.h>

#define ROWFILE_MOST_BYTES ((size_t)512 << 20)

struct rowfile;
struct rowfile *rowfile_open(const char *path);
/* The next row, valid until the next call; NULL: the end. */
json_t *rowfile_next(struct rowfile *f);
int rowfile_line(const struct rowfile *f); /* on which it begins; 0: of a list, no line is known */
void rowfile_close(struct rowfile *f);     /* NULL is fine */

/* A stem with the end of the file that is there: "data/tec/train" gives "data/tec/train.csv"
 * (allocated); ".json" where there is none. Two are die(): which one counts is not guessed. */
char *rowfile_find(const char *stem);

#endif
