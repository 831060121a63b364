/* rowfile.c: see rowfile.h. */
#include "merge/rowfile.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"
#include "files/exists.h"
#include "files/jsonx.h"
#include "files/table.h"
#include "files/textfile.h"
#include "merge/rowform.h"

/* In the order of rowform_ends. */
enum form { JSON_LIST, JSON_LINES, CSV, TSV };

struct rowfile {
	char *path;
	enum form form;
	json_t *row; /* the current row */
	int line;
	/* JSON_LIST */
	json_t *list;
	size_t next;
	/* JSON_LINES */
	struct textfile *text;
	struct text bytes; /* of a line */
	/* CSV, TSV */
	struct table *table;
};

static enum form form_of(const char *path)
{
	const char *end = strrchr(path, '.');
	for (int i = JSON_LINES; end && rowform_ends[i]; i++)
		if (strcmp(end, rowform_ends[i]) == 0)
			return (enum form)i;
	return JSON_LIST;
}

/* ------------------------------------------------------------ a list */

static void open_list(struct rowfile *f)
{
	size_t n;
	char *text = jsonx_read(f->path, ROWFILE_MOST_BYTES, &n);
	rowform_refuse_table(f->path, text, n);
	f->list = jsonx_parse(f->path, text, n);
	free(text);
	rowform_refuse_object(f->path, f->list);
	if (json_array_size(f->list) == 0)
		die("'%s' is an empty list: rows expected", f->path);
}

static json_t *next_item(struct rowfile *f)
{
	json_t *item = json_array_get(f->list, f->next);
	f->next += item != NULL;
	return json_incref(item);
}

/* ------------------------------------------------------------ lines */

static void open_lines(struct rowfile *f)
{
	f->text = textfile_open(f->path, ROWFILE_MOST_BYTES, "JSON Lines");
}

/* Reads the next line without its end; false: there is none. */
static bool read_line(struct rowfile *f)
{
	int byte = textfile_next(f->text);
	f->line = textfile_line(f->text);
	f->bytes.n = 0;
	if (byte == EOF)
		return false;
	text_put(&f->bytes, "", 0);
	for (; byte != EOF && byte != '\n'; byte = textfile_next(f->text)) {
		char c = (char)byte;
		text_put(&f->bytes, &c, 1);
	}
	return true;
}

static json_t *next_line(struct rowfile *f)
{
	while (read_line(f))
		if (text_trimmed(f->bytes.s).n > 0)
			return jsonx_parse_line(f->path, f->line, f->bytes.s, f->bytes.n);
	return NULL;
}

/* ------------------------------------------------------------ a table */

static void open_table(struct rowfile *f)
{
	f->table = table_open(f->path, ROWFILE_MOST_BYTES, f->form == CSV ? ',' : '\t');
	if (table_columns(f->table) == 1)
		rowform_refuse_one_column(f->path, table_name(f->table, 0));
}

static json_t *next_record(struct rowfile *f)
{
	if (!table_next(f->table))
		return NULL;
	f->line = table_line(f->table);
	json_t *row = json_object();
	for (int k = 0; k < table_columns(f->table); k++)
		if (json_object_set_new(row, table_name(f->table, k),
					json_string(table_field(f->table, k))))
			die("out of memory");
	return row;
}

/* ------------------------------------------------------------ any form */

static const struct {
	void (*open)(struct rowfile *f);
	json_t *(*next)(struct rowfile *f); /* the caller's reference */
} forms[] = {
	[JSON_LIST] = {open_list, next_item},
	[JSON_LINES] = {open_lines, next_line},
	[CSV] = {open_table, next_record},
	[TSV] = {open_table, next_record},
};

struct rowfile *rowfile_open(const char *path)
{
	struct rowfile *f = xcalloc(1, sizeof *f);
	f->path = xstrdup(path);
	f->form = form_of(path);
	forms[f->form].open(f);
	return f;
}

json_t *rowfile_next(struct rowfile *f)
{
	json_decref(f->row);
	f->row = forms[f->form].next(f);
	return f->row;
}

int rowfile_line(const struct rowfile *f)
{
	return f->line;
}

void rowfile_close(struct rowfile *f)
{
	if (!f)
		return;
	json_decref(f->row);
	json_decref(f->list);
	textfile_close(f->text);
	text_release(&f->bytes);
	table_close(f->table);
	free(f->path);
	free(f);
}

char *rowfile_find(const char *stem)
{
	char *found = NULL;
	for (int i = 0; rowform_ends[i]; i++) {
		char *path = xformat("%s%s", stem, rowform_ends[i]);
		if (!file_exists(path)) {
			free(path);
			continue;
		}
		if (found)
			die("'%s' and '%s' are both there: which one counts? Move one away", found,
			    path);
		found = path;
	}
	return found ? found : xformat("%s%s", stem, rowform_ends[0]);
}
