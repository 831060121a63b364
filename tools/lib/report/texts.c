/* texts.c: see texts.h. */
#include "report/texts.h"

#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"
#include "merge/rowfile.h"

static char *joined(const struct row *row, int texts)
{
	struct text s = {0};

	for (int k = 0; row->text && k < texts; k++)
		text_add(&s, "%s%s", k ? " · " : "", row->text[k]);
	return s.s;
}

void texts_read(struct texts *t, const char *data, const char *task, const struct row_options *o,
		int expected)
{
	char *stem = xformat("%s/%s/test", data, task), *path = rowfile_find(stem);
	struct row_templates templates = {0};
	struct rows rows = {0};

	*t = (struct texts){0};
	row_templates_init(&templates, o);
	rows_read(&rows, path, &templates);
	if (rows.n != expected)
		die("'%s' has %d rows, and the answers are of %d: evaluate again", path, rows.n,
		    expected);
	t->n = rows.n;
	t->text = xarray((size_t)rows.n, sizeof(*t->text));
	for (int i = 0; i < rows.n; i++)
		t->text[i] = joined(&rows.row[i], rows.texts);
	rows_release(&rows);
	row_templates_release(&templates);
	free(path);
	free(stem);
}

void texts_release(struct texts *t)
{
	for (int i = 0; i < t->n; i++)
		free(t->text[i]);
	free(t->text);
}
