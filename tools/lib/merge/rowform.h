/* rowform.h: refuses rows that have another form than the file's name says, or a form that no name
 * stands for. The message says what the file looks like and shows a command that renames or
 * converts it.
 *
 * The command keeps the original under another name. It uses what the file holds: the key of its
 * list, the roles of its chats. Where the file does not tell, words in capitals stand for what the
 * user must fill in. */
#ifndef ROWFORM_H
#define ROWFORM_H

#include <jansson.h>
#include <stddef.h>

/* The ends of names that say a form (rowfile.h): ".json", ".jsonl", ".csv", ".tsv"; NULL. */
extern const char *const rowform_ends[];

/* The place of a row, for messages. */
struct row_place {
	const char *path;
	int row, line; /* line 0: unknown */
};
/* "'train.json': row 3", "'train.csv' line 5: row 3" (allocated). */
char *row_place_text(struct row_place at);

/* For a file that should be a JSON list. die() where the text is a table: CSV, TSV, JSON Lines,
 * Parquet or Arrow. */
void rowform_refuse_table(const char *path, const char *text, size_t n);
/* For a table with one column. die() where the column's name contains another separator: a tab, a
 * comma or a semicolon. */
void rowform_refuse_one_column(const char *path, const char *name);
/* die() where the file's value is an object: a list inside an object, a single row, or a table by
 * columns. */
void rowform_refuse_object(const char *path, json_t *v);

/* die(): the row lacks the key `key`. */
_Noreturn void rowform_no_key(struct row_place at, json_t *row, const char *key);
/* die(): the row's label, under `key`, is a number. */
_Noreturn void rowform_number(struct row_place at, const char *key);
/* die(): the row has a text in `input`. */
_Noreturn void rowform_input(struct row_place at);

#endif
