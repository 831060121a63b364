/* scores.c: see scores.h. */
#include "merge/scores.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/die.h"
#include "files/jsonx.h"
#include "base/opts.h"

struct score score_read(const char *dir, const char *task, bool must)
{
	char *path = xformat("%s/%s.json", dir, task);
	struct score s = {0};
	struct stat st;
	json_t *j;

	if (!must && stat(path, &st)) {
		free(path);
		return s;
	}
	j = jsonx_load(path, 1 << 20);
	s = (struct score){true, jsonx_int(j, path, "n", 1, 1 << 30), jsonx_int(j, path, "no_label", 0, 1 << 30),
	                   jsonx_number(j, path, "accuracy"), jsonx_number(j, path, "accuracy_stderr"), jsonx_number(j, path, "macro_f1"),
	                   jsonx_number(j, path, "macro_f1_stderr"), jsonx_number(j, path, "loss")};
	json_decref(j);
	free(path);
	return s;
}

bool score_mean(const struct score *s, int N, double *accuracy, double *accuracy_stderr, double *macro_f1)
{
	double var = 0;

	*accuracy = *macro_f1 = 0;
	for (int t = 0; t < N; t++) {
		if (!s[t].there)
			return false;
		*accuracy += s[t].accuracy / N;
		*macro_f1 += s[t].macro_f1 / N;
		var += s[t].accuracy_stderr * s[t].accuracy_stderr / N / N;
	}
	*accuracy_stderr = sqrt(var);
	return true;
}

static FILE *open_text(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f)
		die("cannot open '%s': %s", path, strerror(errno));
	return f;
}

static void close_text(FILE *f, const char *path)
{
	if (ferror(f))
		die("cannot read '%s'", path);
	fclose(f);
}

bool *predictions_right(const char *path, int *n)
{
	FILE *f = open_text(path);
	bool *right = NULL;
	char *line = NULL;
	size_t room = 0;

	for (*n = 0; getline(&line, &room, f) > 0; ++*n) {
		json_error_t error;
		json_t *row = json_loads(line, JSON_REJECT_DUPLICATES, &error), *correct = json_object_get(row, "correct");

		if (!json_is_boolean(correct))
			die("'%s': line %d: expected an object with \"correct\": true or false", path, *n + 1);
		right = xrealloc(right, (size_t)(*n + 1) * sizeof(*right));
		right[*n] = json_is_true(correct);
		json_decref(row);
	}
	close_text(f, path);
	free(line);
	return right;
}

/* "enc07-self: 2 modules, worst residual …": 2. Only a fit has a residual. */
static long solves_of(const char *tool, const char *message)
{
	const char *colon = strchr(message, ':');

	return !strncmp(tool, "solve-", 6) && colon && strstr(message, "residual") ? strtol(colon + 1, NULL, 10) : 0;
}

static void cost_add(struct cost *c, char *line, const char *path, int number)
{
	char *field[5], *rest = line;
	double real, cpu, peak;

	for (int i = 0; i < 5; i++) {
		field[i] = strsep(&rest, "\t\n");
		if (!field[i])
			die("'%s': line %d: expected five fields between tabs", path, number);
	}
	if (!text_to_double(field[2], &real) || !text_to_double(field[3], &cpu) || !text_to_double(field[4], &peak))
		die("'%s': line %d: expected numbers after the message", path, number);
	if (!strcmp(field[0], "eval-emotion"))
		return;
	if (!strcmp(field[0], "make")) {
		c->wall += real;
		return;
	}
	c->real += real;
	c->cpu += cpu;
	c->peak = fmax(c->peak, peak);
	c->processes++;
	c->solves += solves_of(field[0], field[1]);
}

struct cost cost_read(const char *path)
{
	FILE *f = open_text(path);
	struct cost c = {0};
	char *line = NULL;
	size_t room = 0;

	for (int number = 1; getline(&line, &room, f) > 0; number++)
		cost_add(&c, line, path, number);
	close_text(f, path);
	free(line);
	return c;
}
