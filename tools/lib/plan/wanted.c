/* wanted.c: see wanted.h. */
#include "plan/wanted.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "base/die.h"
#include "base/opts.h"
#include "base/text.h"

/* What the plan says that these rules go by; and the iterations' folders: all, and those after the first. */
enum { METHOD, FEATURES, TASKS, SITES, STATIONS, SCALE, SAVE, MAX_ITER, DENSE, PASS, LATER, VALUES };
static const char *const variable[] = {"method", "features", "tasks", "sites", "stations", "scale", "save", "max_iter", "dense"};
enum { ALWAYS = DENSE }; /* the variables before this one are in every plan */

/* When a rule counts: all of its bits are set. */
enum {
	ROWS = 1 << 0,      /* the method fits rows */
	DRAWS = 1 << 1,     /* it uses samples: for rows, or to find a scale */
	MERGES = 1 << 2,    /* there is a merged side in the one pass */
	ONE_PASS = 1 << 3,  /* rows, in one pass */
	SOLVES = 1 << 4,    /* solve-layer or solve-dense makes WORK/solution */
	COMBINES = 1 << 5,  /* combine-layer does */
	ITERATES = 1 << 6,  /* the last iteration is copied there */
	SEARCHES = 1 << 7,  /* the scale is searched for */
	ADAPTER = 1 << 8,   /* it ends with an adapter, */
	MODEL = 1 << 9,     /* with a model */
	OWN_TOKENS = 1 << 10, /* an iteration's merged model makes its own tokens */
};

/* {task} {adapter} {site} {station} {pass} {later}: one file for each; adapter-*: those of all tasks. */
static const struct rule {
	int when;
	const char *file, *stamps;
} rules[] = {
	{DRAWS, "samples/{task}.h5", "stamps/draw-{task}"},
	{ROWS, "lora/{task}/{station}.h5", "stamps/extract stamps/adapter-{task}"},
	{ROWS, "tokens/{task}.h5", "stamps/tokens stamps/adapter-{task}"},
	{MERGES, "merged/{task}/{station}.h5", "stamps/extract"},
	{ONE_PASS, "grams/{task}/{site}.h5", "stamps/grams stamps/adapter-{task}"},
	{SOLVES, "solution/{site}.h5", "stamps/solve stamps/adapter-*"},
	{COMBINES, "solution/{site}.h5", "stamps/combine stamps/adapter-*"},
	{ITERATES, "solution/{site}.h5", ""},
	{ITERATES, "convergence", ""},
	{ITERATES, "{later}/merged/{task}/{station}.h5", "stamps/extract"},
	{ITERATES | OWN_TOKENS, "{later}/tokens/{task}.h5", "stamps/tokens"},
	{ITERATES, "{pass}/grams/{task}/{site}.h5", "stamps/grams stamps/adapter-{task}"},
	{ITERATES, "{pass}/solution/{site}.h5", "stamps/solve stamps/adapter-*"},
	{ITERATES, "{later}/solution/{site}.h5", "stamps/mats"},
	{ITERATES, "{pass}/convergence", "stamps/converge"},
	{SEARCHES, "unscaled/", "stamps/assemble"},
	{SEARCHES, "scale.json", "stamps/search"},
	{ADAPTER, "adapter/", "stamps/assemble"},
	{MODEL, "model/", "stamps/model"},
	{0, "eval/{task}.json", "stamps/eval stamps/test-{task}"},
	{0, "predictions/{task}.jsonl", "stamps/eval stamps/test-{task}"},
	/* By stamps of their own, as several merges may share them (eval.mk). */
	{0, "eval/base/{task}.json", "eval/stamps/eval eval/stamps/test-{task}"},
	{0, "eval/base/{task}.jsonl", "eval/stamps/eval eval/stamps/test-{task}"},
	{0, "eval/adapters/{adapter}/{task}.json", "eval/stamps/eval eval/stamps/test-{task} eval/stamps/adapter-{adapter}"},
	{0, "eval/adapters/{adapter}/{task}.jsonl", "eval/stamps/eval eval/stamps/test-{task} eval/stamps/adapter-{adapter}"},
	{0, "eval.tsv", ""},
};

struct wanted {
	char *value[VALUES];
	void (*fn)(void *arg, const char *name, const char *stamps);
	void *arg;
};

/* ------------------------------------------------------------ the plan */

static void read_line(struct wanted *w, const char *line)
{
	for (size_t i = 0; i < sizeof(variable) / sizeof(*variable); i++) {
		size_t n = strlen(variable[i]);

		if (strncmp(line, variable[i], n) || strncmp(line + n, " := ", 4))
			continue;
		free(w->value[i]);
		w->value[i] = xstrdup(line + n + 4);
	}
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

/* False: no plan, or one that lacks what every plan has. */
static bool read_plan(struct wanted *w, const char *work)
{
	FILE *f = open_text(work, "plan.mk");
	char *line = NULL;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		read_line(w, line);
	}
	free(line);
	if (f)
		fclose(f);
	for (int i = 0; i < ALWAYS; i++)
		if (!w->value[i])
			return false;
	return true;
}

static bool is(const struct wanted *w, int i, const char *value)
{
	return !strcmp(w->value[i], value);
}

static bool method_is(const struct wanted *w, enum method m)
{
	return is(w, METHOD, method_name(m));
}

static int conditions(const struct wanted *w)
{
	bool jacobi = method_is(w, JACOBI), sweep = method_is(w, SWEEP), one_pass = sweep || method_is(w, REGMEAN);
	bool combines = method_is(w, TIES) || method_is(w, DARE), scaled = combines || method_is(w, TASK_ARITHMETIC);
	bool searches = scaled && is(w, SCALE, "0"), dense = w->value[DENSE] != NULL;

	return (jacobi || one_pass ? ROWS | DRAWS : 0) | (sweep ? MERGES : 0) | (one_pass ? ONE_PASS : 0) | (searches ? SEARCHES | DRAWS : 0) |
	       (jacobi ? ITERATES : combines ? COMBINES : SOLVES) | (dense ? 0 : ADAPTER) | (dense || is(w, SAVE, "1") ? MODEL : 0) |
	       (is(w, FEATURES, features_name(REFERENCE)) ? OWN_TOKENS : 0);
}

/* How many iterations the merge is of: WORK/convergence names its last. Later ones are an earlier run's. */
static long iterations(const struct wanted *w, const char *work)
{
	FILE *f = open_text(work, "convergence");
	long n = 0, most = strtol(w->value[MAX_ITER], NULL, 10);

	if (!f || fscanf(f, "iteration %ld", &n) != 1 || n < 1 || n > most)
		n = most;
	if (f)
		fclose(f);
	return n;
}

static void name_iterations(struct wanted *w, const char *work)
{
	struct text pass = {0}, later = {0};
	long n = iterations(w, work);

	for (long k = 1; k <= n; k++) {
		text_add(&pass, "iter%02ld ", k);
		if (k > 1)
			text_add(&later, "iter%02ld ", k);
	}
	w->value[PASS] = xstrdup(text_get(&pass));
	w->value[LATER] = xstrdup(text_get(&later));
	text_release(&pass);
	text_release(&later);
}

/* ------------------------------------------------------------ the rules */

/* `template` with every `name` replaced (allocated). */
static char *put(const char *template, const char *name, const char *value)
{
	struct text s = {0};
	const char *at;
	char *done;

	for (; (at = strstr(template, name)); template = at + strlen(name))
		text_add(&s, "%.*s%s", (int)(at - template), template, value);
	text_add(&s, "%s", template);
	done = xstrdup(text_get(&s));
	text_release(&s);
	return done;
}

static void emit(const struct wanted *w, const char *file, const char *stamps)
{
	char *copy = xstrdup(stamps), *tasks = xstrdup(w->value[TASKS]), *save = NULL;
	struct text s = {0};

	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *star = strchr(word, '*'), *rest = NULL;

		if (!star) {
			text_add(&s, "%s ", word);
			continue;
		}
		for (char *task = strtok_r(tasks, " ", &rest); task; task = strtok_r(NULL, " ", &rest))
			text_add(&s, "%.*s%s ", (int)(star - word), word, task);
	}
	w->fn(w->arg, file, text_get(&s));
	text_release(&s);
	free(tasks);
	free(copy);
}

/* Every value of the first variable in `file`, then of the next one. */
static void expand(const struct wanted *w, const char *file, const char *stamps)
{
	static const struct {
		const char *name;
		int values;
	} variables[] = {{"{task}", TASKS}, {"{adapter}", TASKS}, {"{site}", SITES}, {"{station}", STATIONS}, {"{pass}", PASS}, {"{later}", LATER}};
	size_t i = 0;
	char *values, *save = NULL;

	while (i < sizeof(variables) / sizeof(*variables) && !strstr(file, variables[i].name))
		i++;
	if (i == sizeof(variables) / sizeof(*variables)) {
		emit(w, file, stamps);
		return;
	}
	values = xstrdup(w->value[variables[i].values]);
	for (char *value = strtok_r(values, " ", &save); value; value = strtok_r(NULL, " ", &save)) {
		char *f = put(file, variables[i].name, value), *s = put(stamps, variables[i].name, value);

		expand(w, f, s);
		free(s);
		free(f);
	}
	free(values);
}

void wanted_each(const char *work, void (*fn)(void *arg, const char *name, const char *stamps), void *arg)
{
	struct wanted w = {.fn = fn, .arg = arg};
	int have;

	if (read_plan(&w, work)) {
		have = conditions(&w);
		name_iterations(&w, work);
		for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
			if ((rules[i].when & have) == rules[i].when)
				expand(&w, rules[i].file, rules[i].stamps);
	}
	for (int i = 0; i < VALUES; i++)
		free(w.value[i]);
}
