/* table.h: a table as text, record by record: CSV by RFC 4180, and TSV by the same rules with a tab
 * for the comma. These are Python's dialects excel and excel-tab.
 *
 * The first record is the header: it names the columns, each differently. Records end at a line
 * feed, a carriage return, or both; the last record may lack its end. Empty lines are skipped. A
 * field that begins with a double quote ends at the next one. Inside it two quotes are one, and
 * separators and line ends are text. A quote anywhere else in a field is an ordinary character.
 * Blanks count.
 *
 * die(), naming file and line, where:
 * - a record has another number of fields than the header;
 * - a quote is not closed, or text follows a closing quote;
 * - two columns have one name, or there is no header;
 * - bytes are not UTF-8.
 *
 * One record is in memory at a time. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table;

/* `separator`: ',' or '\t'. */
struct table *table_open(const char *path, size_t max_bytes, char separator);
int table_columns(const struct table *t); /* ≥ 1 */
const char *table_name(const struct table *t, int column);

bool table_next(struct table *t); /* reads the next record; false: the end */
const char *table_field(const struct table *t, int column); /* fields of the record */
int table_line(const struct table *t); /* line where the record begins, from 1 */
void table_close(struct table *t);     /* NULL is fine */

#endif
