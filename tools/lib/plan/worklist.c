/* worklist.c: see worklist.h. */
#include "plan/worklist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

void worklist_begin(struct text *t, const struct worklist *w)
{
	text_add(t, "begin\ntitle %s\nlog %ld %s\n", w->title, w->log_from, w->log);
	text_add(t, "iteration %d %d\nsites %d %d\nwall %.6g\n", w->iteration, w->iterations,
		 w->sites_done, w->sites, w->wall);
}

void worklist_add(struct text *t, const char *tool, double seconds)
{
	text_add(t, "work %.6g %s\n", seconds, tool);
}

void worklist_end(struct text *t)
{
	text_add(t, "end\n");
}

static void add_item(struct worklist *w, const char *values)
{
	struct work_item item;

	if (sscanf(values, "%lf %31s", &item.seconds, item.tool) != 2)
		return;
	if (!(w->n & (w->n - 1))) /* room is the next power of two */
		w->item = xrealloc(w->item, (w->n ? 2 * (size_t)w->n : 1) * sizeof(*w->item));
	w->item[w->n++] = item;
}

static void set_text(char **text, const char *value)
{
	free(*text);
	*text = xstrdup(value);
}

static void set_log(struct worklist *w, const char *values)
{
	char *path;

	w->log_from = strtol(values, &path, 10);
	set_text(&w->log, path + (*path == ' '));
}

bool worklist_read(struct worklist *w, const char *line)
{
	const char *values = line + strcspn(line, " ");
	size_t key = (size_t)(values - line);

	values += *values == ' ';
	if (strcmp(line, "begin") == 0)
		worklist_release(w);
	else if (strcmp(line, "end") == 0)
		return w->title && w->log;
	else if (strncmp(line, "title", key) == 0)
		set_text(&w->title, values);
	else if (strncmp(line, "log", key) == 0)
		set_log(w, values);
	else if (strncmp(line, "iteration", key) == 0)
		sscanf(values, "%d %d", &w->iteration, &w->iterations);
	else if (strncmp(line, "sites", key) == 0)
		sscanf(values, "%d %d", &w->sites_done, &w->sites);
	else if (strncmp(line, "wall", key) == 0)
		w->wall = strtod(values, NULL);
	else if (strncmp(line, "work", key) == 0)
		add_item(w, values);
	return false;
}

void worklist_release(struct worklist *w)
{
	free(w->title);
	free(w->log);
	free(w->item);
	*w = (struct worklist){0};
}
