/* table.c: see table.h. */
#include "files/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"
#include "base/utf8.h"
#include "files/textfile.h"

enum { MOST_COLUMNS = 1000, SHOWN = 40 }; /* SHOWN: bytes of a name in messages */

struct table {
	struct textfile *file;
	char separator;
	int columns;
	char **name;        /* (columns) */
	struct text record; /* its fields, each followed by a zero */
	size_t *offset;     /* (fields) of each in `record` */
	int fields, line;
};

_Noreturn static void fail(const struct table *t, int line, const char *what)
{
	die("'%s' line %d: %s", textfile_path(t->file), line, what);
}

/* ------------------------------------------------------------ a field */

static bool ends_field(const struct table *t, int byte)
{
	return byte == t->separator || byte == '\n' || byte == '\r' || byte == EOF;
}

static void put(struct table *t, int byte)
{
	char c = (char)byte;
	text_put(&t->record, &c, 1);
}

/* Reads from behind the opening quote. Returns the byte behind the closing quote. */
static int quoted(struct table *t)
{
	int opened = textfile_line(t->file);
	for (;;) {
		int byte = textfile_next(t->file);
		if (byte == '"') {
			byte = textfile_next(t->file);
			if (byte != '"')
				return byte;
		}
		if (byte == EOF)
			fail(t, opened,
			     "a field is not closed: it begins with a double quote, and there is "
			     "no other before the end of the file");
		put(t, byte);
	}
}

/* Reads the field that begins with `byte` into the record. Returns the byte behind it. */
static int read_field(struct table *t, int byte)
{
	if (byte == '"') {
		byte = quoted(t);
		if (!ends_field(t, byte))
			fail(t, textfile_line(t->file),
			     "text behind a closing quote: within quotes, a double quote is "
			     "written twice");
		return byte;
	}
	for (; !ends_field(t, byte); byte = textfile_next(t->file))
		put(t, byte);
	return byte;
}

/* Line ends among the n bytes of s. */
static int line_ends(const char *s, size_t n)
{
	int ends = 0;
	for (size_t i = 0; i < n; i++)
		ends += s[i] == '\n' || (s[i] == '\r' && (i + 1 == n || s[i + 1] != '\n'));
	return ends;
}

/* The field that begins at byte `from` of the record is complete; `line`: where it begins. */
static void end_field(struct table *t, size_t from, int line)
{
	const char *s = text_get(&t->record) + from;
	size_t n = t->record.n - from, wrong = utf8_valid(s, n);
	if (wrong < n)
		fail(t, line + line_ends(s, wrong), utf8_words(s[wrong]));
	if (t->fields == MOST_COLUMNS)
		fail(t, line,
		     xformat("more than %d fields: is this a table of texts?", MOST_COLUMNS));
	t->offset[t->fields++] = from;
	text_put(&t->record, "", 1);
}

/* ------------------------------------------------------------ a record */

static bool read_record(struct table *t)
{
	int byte = textfile_next(t->file);
	while (byte == '\n' || byte == '\r')
		byte = textfile_next(t->file);
	if (byte == EOF)
		return false;
	t->record.n = 0;
	t->fields = 0;
	t->line = textfile_line(t->file);
	for (;; byte = textfile_next(t->file)) {
		size_t from = t->record.n;
		int line = textfile_line(t->file);
		byte = read_field(t, byte);
		end_field(t, from, line);
		if (byte != t->separator)
			return true;
	}
}

static char *names_of(const struct table *t)
{
	enum { LISTED = 12 };
	struct text list = {0};
	for (int k = 0; k < t->columns && k < LISTED; k++)
		text_add(&list, "%s%.*s", k ? ", " : "",
			 text_shown(t->name[k], strlen(t->name[k]), SHOWN), t->name[k]);
	if (t->columns > LISTED)
		text_add(&list, ", …");
	return list.s;
}

bool table_next(struct table *t)
{
	if (!read_record(t))
		return false;
	if (t->fields != t->columns)
		fail(t, t->line,
		     xformat("%d field%s, but the header names %d column%s (%s): a field that "
			     "holds a %s, a quote or a line end stands in double quotes",
			     t->fields, t->fields == 1 ? "" : "s", t->columns,
			     t->columns == 1 ? "" : "s", names_of(t),
			     t->separator == ',' ? "comma" : "tab"));
	return true;
}

/* ------------------------------------------------------------ the header */

static void check_names(const struct table *t)
{
	for (int k = 1; k < t->columns; k++)
		for (int j = 0; j < k; j++)
			if (strcmp(t->name[j], t->name[k]) == 0)
				fail(t, t->line,
				     xformat("columns %d and %d have one name, '%.*s': rename one",
					     j + 1, k + 1,
					     text_shown(t->name[k], strlen(t->name[k]), SHOWN),
					     t->name[k]));
}

static void read_header(struct table *t)
{
	if (!read_record(t))
		die("'%s' is empty: expected a line that names the columns, and below it a line "
		    "per row",
		    textfile_path(t->file));
	t->columns = t->fields;
	t->name = xarray((size_t)t->columns, sizeof *t->name);
	for (int k = 0; k < t->columns; k++)
		t->name[k] = xstrdup(table_field(t, k));
	check_names(t);
}

struct table *table_open(const char *path, size_t max_bytes, char separator)
{
	struct table *t = xcalloc(1, sizeof *t);
	t->separator = separator;
	t->offset = xarray(MOST_COLUMNS, sizeof *t->offset);
	t->file = textfile_open(path, max_bytes, separator == ',' ? "CSV" : "TSV");
	read_header(t);
	return t;
}

int table_columns(const struct table *t)
{
	return t->columns;
}

const char *table_name(const struct table *t, int column)
{
	return t->name[column];
}

const char *table_field(const struct table *t, int column)
{
	BUG_IF(column < 0 || column >= t->fields);
	return t->record.s + t->offset[column];
}

int table_line(const struct table *t)
{
	return t->line;
}

void table_close(struct table *t)
{
	if (!t)
		return;
	for (int k = 0; k < t->columns; k++)
		free(t->name[k]);
	free(t->name);
	free(t->offset);
	text_release(&t->record);
	textfile_close(t->file);
	free(t);
}
