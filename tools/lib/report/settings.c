/* settings.c: see settings.h. A line of a stamp is a name, a blank and a value. A value of 16
 * hexadecimal digits is a digest, of a file or a tool. */
#include "report/settings.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/strlist.h"
#include "files/out.h"
#include "report/stages.h"

struct list {
	struct setting **item;
	int *n;
};

static void add(struct list l, const char *name, const char *value)
{
	for (int i = 0; i < *l.n; i++)
		if (strcmp((*l.item)[i].name, name) == 0)
			return;
	*l.item = xrealloc(*l.item, (size_t)(*l.n + 1) * sizeof(**l.item));
	(*l.item)[(*l.n)++] = (struct setting){xstrdup(name), xstrdup(value)};
}

static bool is_digest(const char *value)
{
	return strlen(value) == 16 && strspn(value, "0123456789abcdef") == 16;
}

static bool has_run(const struct stages *ran, const char *tool)
{
	for (int i = 0; i < ran->n; i++)
		if (strcmp(ran->stage[i].tool, tool) == 0)
			return true;
	return false;
}

/* What a digest in a stage's stamp belongs to: a tool, or a file of the model. */
static void add_digest(struct settings *s, const struct stages *ran, const char *name,
		       const char *value)
{
	if (has_run(ran, name))
		add((struct list){&s->tool, &s->tools}, name, value);
}

/* Passes the stamp's lines, each "NAME VALUE", to use(). */
static void each_line(const char *work, const char *stamp,
		      void (*use)(void *arg, const char *name, const char *value), void *arg)
{
	char *path = xformat("%s/stamps/%s", work, stamp), *text = out_read_text(path),
	     *rest = text, *line;

	while (rest && (line = strsep(&rest, "\n"))) {
		char *value = strchr(line, ' ');

		if (!value)
			continue;
		*value = 0;
		use(arg, line, value + 1);
	}
	free(text);
	free(path);
}

struct stage_use {
	struct settings *s;
	const struct stages *ran;
	bool counts; /* a tool in the stamp has run */
};

static void look(void *arg, const char *name, const char *value)
{
	struct stage_use *u = arg;

	u->counts |= is_digest(value) && has_run(u->ran, name);
}

static void take(void *arg, const char *name, const char *value)
{
	struct stage_use *u = arg;

	if (is_digest(value))
		add_digest(u->s, u->ran, name, value);
	else
		add((struct list){&u->s->setting, &u->s->n}, name, value);
}

static void add_stage(struct settings *s, const char *work, const char *stamp,
		      const struct stages *ran)
{
	struct stage_use u = {s, ran, false};

	each_line(work, stamp, look, &u);
	if (u.counts)
		each_line(work, stamp, take, &u);
}

struct input_use {
	struct settings *s;
	const char *prefix; /* of the input's name */
	const char *of;     /* only this name; NULL: every digest that belongs to no tool */
};

static void take_input(void *arg, const char *name, const char *value)
{
	struct input_use *u = arg;
	char *whole;

	if (!is_digest(value) || (u->of && strcmp(u->of, name) != 0) ||
	    strcmp(name, "assemble-model") == 0)
		return;
	whole = xformat("%s %s", u->prefix, name);
	add((struct list){&u->s->input, &u->s->inputs}, whole, value);
	free(whole);
}

static void add_inputs(struct settings *s, const char *work, const char *kind, const char *task,
		       const char *prefix, const char *of)
{
	char *stamp = task ? xformat("%s-%s", kind, task) : xstrdup(kind),
	     *name = task ? xformat("%s: %s", task, prefix) : xstrdup(prefix);
	struct input_use u = {s, name, of};

	each_line(work, stamp, take_input, &u);
	free(name);
	free(stamp);
}

void settings_read(struct settings *s, const char *work, const struct strlist *tasks,
		   const struct stages *ran)
{
	static const char *const stages[] = {"extract", "tokens", "grams",    "solve",    "combine",
					     "search",  "mats",   "converge", "assemble", "eval"};
	char *draw = xformat("draw-%s", tasks->n ? tasks->item[0] : "");

	*s = (struct settings){0};
	add_stage(s, work, draw, ran);
	for (size_t i = 0; i < sizeof(stages) / sizeof(*stages); i++)
		if (strcmp(stages[i], "mats") != 0 || has_run(ran, "check-convergence"))
			add_stage(s, work, stages[i], ran);
	add_inputs(s, work, "model", NULL, "model", NULL);
	for (int t = 0; t < tasks->n; t++) {
		add_inputs(s, work, "adapter", tasks->item[t], "adapter", NULL);
		add_inputs(s, work, "draw", tasks->item[t], "data", "train");
		add_inputs(s, work, "test", tasks->item[t], "data", "test");
	}
	free(draw);
}

static void release(struct setting *item, int n)
{
	for (int i = 0; i < n; i++) {
		free(item[i].name);
		free(item[i].value);
	}
	free(item);
}

void settings_release(struct settings *s)
{
	release(s->setting, s->n);
	release(s->input, s->inputs);
	release(s->tool, s->tools);
}

const char *settings_find(const struct settings *s, const char *name)
{
	for (int i = 0; i < s->n; i++)
		if (strcmp(s->setting[i].name, name) == 0)
			return s->setting[i].value;
	return NULL;
}
