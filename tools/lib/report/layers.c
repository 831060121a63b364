/* layers.c: see layers.h. A module's name tells its place: STACK.….BLOCK.REST, as in
 * encoder.block.3.layer.0.SelfAttention.q and model.layers.3.self_attn.q_proj. */
#include "report/layers.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"
#include "forward/solution.h"

/* ------------------------------------------------------------ the place of a module */

/* The first part of a name that is a number, or NULL. */
static const char *find_number(const char *name)
{
	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.')) {
		size_t n = strspn(dot + 1, "0123456789");

		if (n > 0 && n < 9 && dot[1 + n] == '.')
			return dot + 1;
	}
	return NULL;
}

static int find_stack(struct layers *l, const char *name, size_t n)
{
	for (int i = 0; i < l->stacks; i++)
		if (strlen(l->stack[i].name) == n && memcmp(l->stack[i].name, name, n) == 0)
			return i;
	l->stack = xrealloc(l->stack, (size_t)(l->stacks + 1) * sizeof(*l->stack));
	l->stack[l->stacks] = (struct layer_stack){.name = xformat("%.*s", (int)n, name)};
	return l->stacks++;
}

static int find_kind(struct layers *l, int stack, int step, const char *name)
{
	for (int i = 0; i < l->kinds; i++)
		if (l->kind[i].stack == stack && strcmp(l->kind[i].name, name) == 0)
			return i;
	l->kind = xrealloc(l->kind, (size_t)(l->kinds + 1) * sizeof(*l->kind));
	l->kind[l->kinds] = (struct layer_kind){xstrdup(name), stack, step};
	return l->kinds++;
}

static void place(struct layers *l, struct layer_module *m)
{
	const char *number = find_number(m->name), *rest = m->name, *inner;
	int step = -1;

	m->stack = find_stack(l, m->name, strcspn(m->name, "."));
	if (number) {
		m->block = atoi(number);
		rest = strchr(number, '.') + 1;
		inner = find_number(rest); /* T5's layer.0. */
		step = inner ? atoi(inner) : step;
		rest = inner ? strchr(inner, '.') + 1 : rest;
	}
	m->kind = find_kind(l, m->stack, step, rest);
	if (l->stack[m->stack].blocks <= m->block)
		l->stack[m->stack].blocks = m->block + 1;
}

/* ------------------------------------------------------------ reading */

static double read_cut(const struct solution *s, const struct solution_module *k)
{
	return h5_has_attribute(s->file, k->group, "truncation_error")
		       ? solution_figure(s, k, "truncation_error")
		       : (double)NAN;
}

static void read_figures(struct layer_module *m, const struct solution *s,
			 const struct solution_module *k, int N)
{
	char *residual = xformat("%s/task_residual", k->group);

	m->fitted = h5_has(s->file, residual);
	if (m->fitted) {
		char *share = xformat("%s/task_share", k->group);

		h5_expect_shape(s->file, residual, (size_t)N, 0);
		h5_expect_shape(s->file, share, (size_t)N, 0);
		m->task_residual = xarray((size_t)N, sizeof(double));
		m->task_share = xarray((size_t)N, sizeof(double));
		solution_read_double(s, k, "task_residual", 0, (size_t)N, m->task_residual);
		solution_read_double(s, k, "task_share", 0, (size_t)N, m->task_share);
		m->residual = solution_figure(s, k, "relative_residual");
		m->condition = solution_figure(s, k, "condition");
		free(share);
	}
	free(residual);
}

static void read_site(struct layers *l, const char *work, const char *site, int N)
{
	char *path = xformat("%s/solution/%s.h5", work, site);
	struct solution *s = solution_open(path, site);

	for (int i = 0; i < s->n; i++) {
		const struct solution_module *k = &s->module[i];
		struct layer_module m = {.site = xstrdup(site),
					 .name = xstrdup(k->name),
					 .rank = k->R,
					 .cut_error = read_cut(s, k)};

		place(l, &m);
		read_figures(&m, s, k, N);
		l->fitted |= m.fitted;
		l->cut |= !isnan(m.cut_error);
		l->module = xrealloc(l->module, (size_t)(l->n + 1) * sizeof(*l->module));
		l->module[l->n++] = m;
	}
	solution_close(s);
	free(path);
}

void layers_read(struct layers *l, const char *work, const struct strlist *sites, int N)
{
	*l = (struct layers){.tasks = N};
	for (int i = 0; i < sites->n; i++)
		read_site(l, work, sites->item[i], N);
	for (int i = 0; i < l->stacks; i++) {
		l->stack[i].at = l->blocks;
		l->blocks += l->stack[i].blocks;
	}
}

void layers_release(struct layers *l)
{
	for (int i = 0; i < l->n; i++) {
		free(l->module[i].site);
		free(l->module[i].name);
		free(l->module[i].task_residual);
		free(l->module[i].task_share);
	}
	for (int i = 0; i < l->kinds; i++)
		free(l->kind[i].name);
	for (int i = 0; i < l->stacks; i++)
		free(l->stack[i].name);
	free(l->module);
	free(l->kind);
	free(l->stack);
}

/* ------------------------------------------------------------ by layer */

int layers_position(const struct layers *l, const struct layer_module *m)
{
	return l->stack[m->stack].at + m->block;
}

double layers_task_mean(const struct layers *l, int position, int task)
{
	double sum = 0;
	int n = 0;

	for (int i = 0; i < l->n; i++) {
		const struct layer_module *m = &l->module[i];

		if (!m->fitted || layers_position(l, m) != position ||
		    isnan(m->task_residual[task]))
			continue;
		sum += m->task_residual[task];
		n++;
	}
	return n ? sum / n : (double)NAN;
}

double layers_condition(const struct layers *l, int position)
{
	double most = 0;

	for (int i = 0; i < l->n; i++)
		if (l->module[i].fitted && layers_position(l, &l->module[i]) == position)
			most = fmax(most, l->module[i].condition);
	return most;
}

void layers_ranks(const struct layers *l, int *least, int *most)
{
	*least = *most = l->n ? l->module[0].rank : 0;
	for (int i = 1; i < l->n; i++) {
		int rank = l->module[i].rank;

		*least = rank < *least ? rank : *least;
		*most = rank > *most ? rank : *most;
	}
}

char *layers_label(const struct layers *l, int position)
{
	int s = 0;

	while (s + 1 < l->stacks && position >= l->stack[s + 1].at)
		s++;
	return l->stacks == 1 ? xformat("layer %d", position)
			      : xformat("%s %d", l->stack[s].name, position - l->stack[s].at);
}

static void add_cut(struct text *s, const struct layer_module *m)
{
	text_add(s, "\t%d\t", m->rank);
	if (!isnan(m->cut_error))
		text_add(s, "%.9g", m->cut_error);
	text_add(s, "\n");
}

char *layers_table(const struct layers *l, const struct strlist *tasks)
{
	struct text s = {0};

	text_add(&s, "site\tmodule\ttask\ttask_residual\ttask_share\trelative_residual\t"
		     "condition\trank\ttruncation_error\n");
	for (int i = 0; i < l->n; i++) {
		const struct layer_module *m = &l->module[i];

		for (int t = 0; m->fitted && t < tasks->n; t++) {
			text_add(&s, "%s\t%s\t%s\t", m->site, m->name, tasks->item[t]);
			if (!isnan(m->task_residual[t]))
				text_add(&s, "%.9g", m->task_residual[t]);
			text_add(&s, "\t%.9g\t%.9g\t%.9g", m->task_share[t], m->residual,
				 m->condition);
			add_cut(&s, m);
		}
		if (!m->fitted && !isnan(m->cut_error)) {
			text_add(&s, "%s\t%s\t\t\t\t\t", m->site, m->name);
			add_cut(&s, m);
		}
	}
	return s.s;
}
