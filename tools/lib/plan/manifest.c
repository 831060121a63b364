/* manifest.c: see manifest.h. */
#include "plan/manifest.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"

struct manifest {
	const char *work;
	char *reference; /* R, as in the plan */
	long max_iter;   /* 0: the method does not iterate */
	bool iterates;
	void (*fn)(void *arg, const char *name, const char *stamps);
	void *arg;
};

/* ------------------------------------------------------------ names */

/* The name relative to WORK of "$W/…", or of "$R/…" if that folder is in WORK (allocated). NULL: it
 * is elsewhere. */
static char *name_in_work(const struct manifest *m, const char *word)
{
	size_t n = strlen(m->work);

	if (text_begins(word, "$W/"))
		return xstrdup(word + 3);
	if (!text_begins(word, "$R/") || !m->reference)
		return NULL;
	if (text_begins(m->reference, "$W/"))
		return xformat("%s/%s", m->reference + 3, word + 3);
	return text_begins(m->reference, m->work) && m->reference[n] == '/'
		       ? xformat("%s/%s", m->reference + n + 1, word + 3)
		       : NULL;
}

/* A folder's configuration is written last, so it stands for all of its files. */
static void widen(char *name)
{
	char *slash = strrchr(name, '/');

	if (slash && (!strcmp(slash, "/config.json") || !strcmp(slash, "/adapter_config.json")))
		slash[1] = 0;
}

/* ------------------------------------------------------------ rules */

static bool is_stamp(const char *name)
{
	return text_begins(name, "stamps/") || strstr(name, "/stamps/");
}

/* A rule while it is read: its targets' names in WORK, and the stamps that it needs. */
struct manifest_rule {
	char **target;
	int n;
	struct text stamps;
};

/* Targets that are stamps are not listed, because a copy of a stamp depends on its text, not on its
 * time. */
static void add_word(struct manifest_rule *r, char *name, bool need)
{
	if (need && is_stamp(name)) {
		text_add(&r->stamps, "%s ", name);
	} else if (!need && !is_stamp(name)) {
		widen(name);
		r->target = xrealloc(r->target, (size_t)(r->n + 1) * sizeof(*r->target));
		r->target[r->n++] = xstrdup(name);
	}
}

/* Reads the words of a rule: targets up to a colon, then needs up to a bar. */
static void read_rule(const struct manifest *m, char *line)
{
	struct manifest_rule r = {0};
	bool need = false;
	char *save = NULL;

	for (char *word = strtok_r(line, " \n\\", &save); word && strcmp(word, "|");
	     word = strtok_r(NULL, " \n\\", &save)) {
		bool last = word[strlen(word) - 1] == ':';
		char *name;

		word[strlen(word) - last] = 0;
		name = name_in_work(m, word);
		if (name)
			add_word(&r, name, need);
		free(name);
		need |= last;
	}
	for (int i = 0; i < r.n; i++) {
		m->fn(m->arg, r.target[i], text_get(&r.stamps));
		free(r.target[i]);
	}
	free(r.target);
	text_release(&r.stamps);
}

static FILE *open_text(const char *work, const char *name)
{
	char *path = xformat("%s/%s", work, name);
	FILE *f = fopen(path, "re");

	if (!f && errno != ENOENT)
		die("cannot open '%s': %s", path, strerror(errno));
	free(path);
	return f;
}

static void read_variable(struct manifest *m, const char *line)
{
	if (text_begins(line, "R := ")) {
		free(m->reference);
		m->reference = xformat("%.*s", (int)strcspn(line + 5, "\n"), line + 5);
	}
	if (text_begins(line, "max_iter := "))
		m->max_iter = strtol(line + 12, NULL, 10);
	if (text_begins(line, "method := jacobi\n"))
		m->iterates = true;
}

static void read_plan(struct manifest *m, const char *name)
{
	FILE *f = open_text(m->work, name);
	struct text rule = {0};
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while (f && (n = getline(&line, &room, f)) > 0) {
		bool goes_on = n > 1 && line[n - 2] == '\\';

		if (*text_get(&rule) || *line == '$')
			text_add(&rule, "%s", line);
		else
			read_variable(m, line);
		if (goes_on || !*text_get(&rule))
			continue;
		read_rule(m, rule.s);
		text_release(&rule);
	}
	text_release(&rule);
	free(line);
	if (f)
		fclose(f);
}

/* The number of iterations in the merge. WORK/convergence names the last one; any later ones are
 * from an earlier run. */
static long iterations(const struct manifest *m)
{
	FILE *f = open_text(m->work, "convergence");
	long n = 0;

	if (!f || fscanf(f, "iteration %ld", &n) != 1 || n < 1 || n > m->max_iter)
		n = m->max_iter;
	if (f)
		fclose(f);
	return n;
}

void manifest_each(const char *work, void (*fn)(void *arg, const char *name, const char *stamps),
		   void *arg)
{
	struct manifest m = {.work = work, .fn = fn, .arg = arg};

	read_plan(&m, "plan.mk");
	read_plan(&m, "statistics.mk");
	for (long k = 1; m.iterates && k <= iterations(&m); k++) {
		char *name = xformat("iter%02ld/plan.mk", k);

		read_plan(&m, name);
		free(name);
	}
	free(m.reference);
}
