/* table.h: a table as text, record after record: CSV by RFC 4180, TSV by the same rules with a tab
 * for the comma (Python's dialects excel and excel-tab).
 *
 * The first record is the header: it names the columns, each differently. Records end at a line
 * feed, a carriage return, or both; the last may lack its end. Lines without any byte are passed
 * over. A field that begins with a double quote ends at the next: within, two quotes are one, and
 * separators and line ends are text. A quote anywhere else in a field is a character of it. Blanks
 * count.
 *
 * die(), naming file and line: a record that has not the header's number of fields, a quote that is
 * not closed, text behind a closing quote, two columns of one name, no header, bytes that are not
 * UTF-8. One record is in memory at a time. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table;

/* `separator`: ',' or '\t'. */
struct table *table_open(const char *path, size_t max_bytes, char separator);
int table_columns(const struct table *t); /* ≥ 1 */
const char *table_name(const struct table *t, int column);

bool table_next(struct table *t);                           /* the next record; false: the end */
const char *table_field(const struct table *t, int column); /* of it */
int table_line(const struct table *t);                      /* on which it begins, from 1 */
void table_close(struct table *t);                          /* NULL is fine */

#endif
