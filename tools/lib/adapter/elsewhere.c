/* elsewhere.c: see elsewhere.h. */
#include "adapter/elsewhere.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"
#include "files/exists.h"

enum { ENTRIES_MAX = 1000, NAMED = 4 };

static const char CHECKPOINT[] = "checkpoint-";

static const char CONFIG[] = "adapter_config.json", WEIGHTS[] = "adapter_model.safetensors";

struct candidates {
	const char *missing; /* the file that DIR lacks */
	int n, checkpoints;
	long newest;      /* step of `checkpoint` */
	char *checkpoint; /* or NULL */
	char *path[ENTRIES_MAX];
};

/* The step in a folder's name; -1: it is no checkpoint's. */
static long step_of(const char *name)
{
	size_t n = sizeof(CHECKPOINT) - 1;

	if (strncmp(name, CHECKPOINT, n) != 0 || !isdigit((unsigned char)name[n]) ||
	    strlen(name + n) > 18)
		return -1;
	return strtol(name + n, NULL, 10);
}

static void add(struct candidates *c, const char *path, long step)
{
	if (c->n + c->checkpoints >= ENTRIES_MAX)
		return;
	if (step < 0) {
		c->path[c->n++] = xstrdup(path);
		return;
	}
	c->checkpoints++;
	if (c->checkpoint && step < c->newest)
		return;
	free(c->checkpoint);
	c->checkpoint = xstrdup(path);
	c->newest = step;
}

/* Adds the folders in `dir` that hold an adapter. `step`: of `dir`, if it is a checkpoint; else
 * -1. */
static void search(struct candidates *c, const char *dir, long step, int depth)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	for (int i = 0; d && i < ENTRIES_MAX && (e = readdir(d)); i++) {
		char *path;
		long own = step_of(e->d_name);

		if (*e->d_name == '.')
			continue;
		path = xformat("%s/%s", dir, e->d_name);
		if (file_is_in(path, CONFIG) && file_is_in(path, c->missing))
			add(c, path, own < 0 ? step : own);
		else if (depth > 1 && (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN))
			search(c, path, own, depth - 1);
		free(path);
	}
	if (d)
		closedir(d);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "'a', 'b' and 'c' (the newest of 3 checkpoints)". */
static void say(struct text *t, struct candidates *c)
{
	int shown = c->n < NAMED ? c->n : NAMED;

	qsort(c->path, (size_t)c->n, sizeof(*c->path), by_name);
	for (int i = 0; i < shown; i++)
		text_add(t, "%s'%s'",
			 i == 0                                              ? ""
			 : i + 1 == shown && c->n == shown && !c->checkpoint ? " and "
									     : ", ",
			 c->path[i]);
	if (c->n > shown)
		text_add(t, " and %d more", c->n - shown);
	if (c->checkpoint)
		text_add(t, "%s'%s'", c->n > 0 ? ", and " : "", c->checkpoint);
	if (c->checkpoints > 1)
		text_add(t, " (the newest of %d checkpoints)", c->checkpoints);
}

void elsewhere_check(const char *dir)
{
	const char *missing = file_is_in(dir, CONFIG) ? WEIGHTS : CONFIG;
	struct candidates *c;
	struct text where = {0};

	if (file_is_in(dir, missing) ||
	    (missing == WEIGHTS && file_is_in(dir, "adapter_model.bin")))
		return;
	c = xcalloc(1, sizeof(*c));
	c->missing = missing;
	search(c, dir, -1, 2);
	say(&where, c);
	if (c->n > 0 || c->checkpoint)
		die("'%s' has no %s; an adapter lies in %s: give that folder, or copy its files to "
		    "'%s'",
		    dir, missing, text_get(&where), dir);
	text_release(&where);
	free(c);
}
