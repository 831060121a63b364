/* plain_rows.h: rows, read with the default templates. */
#ifndef PLAIN_ROWS_H
#define PLAIN_ROWS_H

#include "merge/rows.h"

static void plain_rows_read(struct rows *r, const char *path)
{
	struct row_templates t;
	row_templates_init(&t, &(struct row_options){"{instruction}", "{output}", "output", NULL});
	rows_read(r, path, &t);
	row_templates_release(&t);
}

#endif
