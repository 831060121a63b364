/* rowform.h: refuses rows in the formats of other programs. The message says what the file looks
 * like and shows a command that converts it.
 *
 * The command keeps the original under another name. It uses what the file holds: the names of its
 * columns, and the key of its list. Where the file does not tell, words in capitals stand for what
 * the user must fill in. */
#ifndef ROWFORM_H
#define ROWFORM_H

#include <jansson.h>
#include <stddef.h>

/* die() where the text is a table: CSV, TSV, JSON Lines, Parquet or Arrow. */
void rowform_refuse_table(const char *path, const char *text, size_t n);
/* die() where the file's value is an object: a list inside an object, a single row, or a table by
 * columns. */
void rowform_refuse_object(const char *path, json_t *v);

/* die(): row i lacks the key `key`. */
_Noreturn void rowform_no_key(const char *path, int i, json_t *row, const char *key);
/* die(): the label of row i is a number. */
_Noreturn void rowform_number(const char *path, int i, json_t *row);
/* die(): row i has a text in `input`. */
_Noreturn void rowform_input(const char *path, int i);

#endif
