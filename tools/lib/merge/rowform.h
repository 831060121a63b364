/* rowform.h: rows in the forms that other programs write. They are refused, with what they look
 * like and a command that converts the file. The command keeps the file under another name, and is
 * made of what the file holds: the names of its columns, the key its list stands under. Where that
 * does not tell, words in capitals stand for what the user knows. */
#ifndef ROWFORM_H
#define ROWFORM_H

#include <jansson.h>
#include <stddef.h>

/* die() where the text is a table: CSV, TSV, JSON Lines, Parquet, Arrow. */
void rowform_refuse_table(const char *path, const char *text, size_t n);
/* die() where the file's value is an object: a wrapper of the list, one row, or a table by columns.
 */
void rowform_refuse_object(const char *path, json_t *v);

/* Row i lacks the key `key`. */
_Noreturn void rowform_no_key(const char *path, int i, json_t *row, const char *key);
/* Row i has a number as its label. */
_Noreturn void rowform_number(const char *path, int i, json_t *row);
/* Row i has something in `input`. */
_Noreturn void rowform_input(const char *path, int i);

#endif
