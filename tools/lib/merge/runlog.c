/* runlog.c: see runlog.h. */
#include "merge/runlog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/opts.h"

enum { MUST = 5, FIELDS = 6 }; /* the last field, the start, is not in every line */

static struct runlog_line read_line(char *text, const char *path, int number)
{
	char *field[FIELDS] = {NULL}, *rest = text;
	struct runlog_line l = {0};

	for (int i = 0; i < FIELDS; i++) {
		field[i] = strsep(&rest, "\t\n");
		if (i < MUST && !field[i])
			die("'%s': line %d: expected five fields between tabs", path, number);
	}
	if (!text_to_double(field[2], &l.real) || !text_to_double(field[3], &l.cpu) ||
	    !text_to_double(field[4], &l.peak) ||
	    (field[5] && *field[5] && !text_to_double(field[5], &l.started)))
		die("'%s': line %d: expected numbers after the message", path, number);
	l.tool = xstrdup(field[0]);
	l.message = xstrdup(field[1]);
	return l;
}

void runlog_read(struct runlog *l, const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t room = 0;

	*l = (struct runlog){0};
	if (!f)
		die("cannot open '%s': %s", path, strerror(errno));
	while (getline(&text, &room, f) > 0) {
		l->line = xrealloc(l->line, (size_t)(l->n + 1) * sizeof(*l->line));
		l->line[l->n] = read_line(text, path, l->n + 1);
		l->n++;
	}
	if (ferror(f))
		die("cannot read '%s'", path);
	fclose(f);
	free(text);
}

void runlog_release(struct runlog *l)
{
	for (int i = 0; i < l->n; i++) {
		free(l->line[i].tool);
		free(l->line[i].message);
	}
	free(l->line);
	*l = (struct runlog){0};
}
