/* graph.c: see graph.h. */
#include "plan/graph_private.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/die.h"
#include "files/digest.h"
#include "files/h5/h5.h"

/* ------------------------------------------------------------ files by name */

static uint64_t hash(const char *name)
{
	return digest_bytes(0, name, strlen(name));
}

static int *find_slot(const struct graph *g, const char *name)
{
	int i = (int)(hash(name) % (uint64_t)g->slots);

	while (g->slot[i] && strcmp(g->file[g->slot[i] - 1]->name, name))
		i = (i + 1) % g->slots;
	return &g->slot[i];
}

static void grow_table(struct graph *g)
{
	free(g->slot);
	g->slots = 4 * g->files + 64;
	g->slot = xcalloc((size_t)g->slots, sizeof(*g->slot));
	for (int i = 0; i < g->files; i++)
		*find_slot(g, g->file[i]->name) = i + 1;
}

static const struct graph_file *known_file(const struct graph *g, const char *name)
{
	int i = *find_slot(g, name);

	return i ? g->file[i - 1] : NULL;
}

char *graph_path(const struct graph *g, const char *name)
{
	if (!strncmp(name, "$W/", 3))
		return xformat("%s/%s", g->work, name + 3);
	if (!strncmp(name, "$R/", 3))
		return xformat("%s/%s", g->reference, name + 3);
	return xstrdup(name);
}

static struct graph_file *new_file(const struct graph *g, char *name)
{
	struct graph_file *f = xcalloc(1, sizeof(*f));
	char *path = graph_path(g, name);
	struct stat st;

	f->name = name;
	f->there = !stat(path, &st);
	if (f->there) {
		f->time = st.st_mtim;
		f->now = 512.0 * (double)st.st_blocks;
		f->released = st.st_size <= (off_t)strlen(H5_RELEASED) && strstr(name, ".h5");
	}
	free(path);
	return f;
}

/* The file's number. Takes ownership of the name. */
static int file_number(struct graph *g, char *name)
{
	int *slot;

	if (2 * g->files >= g->slots)
		grow_table(g);
	slot = find_slot(g, name);
	if (*slot) {
		free(name);
		return *slot - 1;
	}
	if (!(g->files & (g->files - 1))) /* the room is the next power of two */
		g->file =
			xrealloc(g->file, (g->files ? 2 * (size_t)g->files : 1) * sizeof(*g->file));
	g->file[g->files++] = new_file(g, name);
	*slot = g->files;
	return g->files - 1;
}

/* ------------------------------------------------------------ building */

struct graph *graph_open(const char *work, const char *reference)
{
	struct graph *g = xcalloc(1, sizeof(*g));

	g->work = xstrdup(work);
	g->reference = graph_path(g, reference);
	grow_table(g);
	return g;
}

void graph_list_add(struct list *l, int item)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 4;
		l->item = xrealloc(l->item, (size_t)l->room * sizeof(*l->item));
	}
	l->item[l->n++] = item;
}

#define ADD(rule, list)                                                               \
	do {                                                                          \
		va_list ap_;                                                          \
		va_start(ap_, fmt);                                                   \
		graph_list_add(list, file_number((rule)->graph, xvformat(fmt, ap_))); \
		va_end(ap_);                                                          \
	} while (0)

static void last_target_is_made(struct rule *r)
{
	struct graph_file *f = r->graph->file[r->targets.item[r->targets.n - 1]];

	if (f->maker)
		BUG("two rules for '%s'", f->name);
	f->maker = r;
}

struct rule *graph_rule(struct graph *g, const char *task, const char *fmt, ...)
{
	struct rule *r = xcalloc(1, sizeof(*r));

	r->graph = g;
	r->mute = g->mute;
	r->task = task ? xstrdup(task) : NULL;
	r->group = task ? g->groups : 0;
	if (!(g->rules & (g->rules - 1)))
		g->rule =
			xrealloc(g->rule, (g->rules ? 2 * (size_t)g->rules : 1) * sizeof(*g->rule));
	r->number = g->rules;
	g->rule[g->rules++] = r;
	ADD(r, &r->targets);
	last_target_is_made(r);
	return r;
}

void graph_group(struct graph *g)
{
	g->groups++;
}

void graph_mute(struct graph *g, bool mute)
{
	g->mute = mute;
}

void rule_target(struct rule *r, const char *fmt, ...)
{
	ADD(r, &r->targets);
	last_target_is_made(r);
}

void rule_needs(struct rule *r, const char *fmt, ...)
{
	ADD(r, &r->needs);
}

void rule_after(struct rule *r, const char *fmt, ...)
{
	ADD(r, &r->after);
}

void rule_reads(struct rule *r, const char *fmt, ...)
{
	ADD(r, &r->after);
	graph_list_add(&r->reads, r->after.item[r->after.n - 1]);
}

void rule_recipe(struct rule *r, const char *fmt, ...)
{
	va_list ap;
	char *line;

	va_start(ap, fmt);
	line = xvformat(fmt, ap);
	va_end(ap);
	text_add(&r->recipe, "\t%s\n", line);
	free(line);
}

void rule_apart(struct rule *r)
{
	r->apart = true;
}

void rule_always(struct rule *r)
{
	r->forced = true;
}

void rule_copies(struct rule *r, bool differs)
{
	r->copies = true;
	r->differs = differs;
}

void rule_stage(struct rule *r, struct stage_of of)
{
	r->of = of;
	r->site = of.site ? xstrdup(of.site) : NULL;
	r->of.site = r->site;
}

void rule_bytes(struct rule *r, double bytes)
{
	r->graph->file[r->targets.item[r->targets.n - 1]]->made = bytes;
}

void rule_releases(struct rule *r, const char *fmt, ...)
{
	ADD(r, &r->releases);
}

void graph_changed(struct graph *g, const char *name)
{
	int i = file_number(g, xstrdup(name));

	g->file[i]->changed = true;
}

void graph_close(struct graph *g)
{
	for (int i = 0; i < g->files; i++) {
		free(g->file[i]->name);
		free(g->file[i]);
	}
	for (int i = 0; i < g->rules; i++) {
		free(g->rule[i]->task);
		free(g->rule[i]->site);
		free(g->rule[i]->targets.item);
		free(g->rule[i]->needs.item);
		free(g->rule[i]->after.item);
		free(g->rule[i]->reads.item);
		free(g->rule[i]->releases.item);
		text_release(&g->rule[i]->recipe);
		free(g->rule[i]);
	}
	free(g->file);
	free(g->rule);
	free(g->slot);
	free(g->work);
	free(g->reference);
	free(g);
}

/* ------------------------------------------------------------ which rules must run */

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

static bool is_newer(const struct graph_file *need, const struct graph_file *target)
{
	return need->changed || !need->there || (need->maker && need->maker->stale) ||
	       later(need->time, target->time);
}

static bool out_of_date(const struct graph *g, const struct rule *r)
{
	for (int t = 0; t < r->targets.n; t++) {
		const struct graph_file *target = g->file[r->targets.item[t]];

		if (!target->there)
			return true;
		for (int i = 0; i < r->needs.n && !r->copies; i++)
			if (is_newer(g->file[r->needs.item[i]], target))
				return true;
	}
	return r->forced || r->differs;
}

/* Marks the released files of the list, so that they are made again. false: there are none. */
static bool recall_files(const struct graph *g, const struct list *files)
{
	bool any = false;

	for (int i = 0; i < files->n; i++) {
		const struct graph_file *file = g->file[files->item[i]];

		if (file->released && file->maker && !file->maker->stale)
			any = file->maker->stale = file->maker->forced = true;
	}
	return any;
}

/* The released files that r reads. */
static bool recall(const struct graph *g, const struct rule *r)
{
	bool needs = recall_files(g, &r->needs);

	return recall_files(g, &r->reads) || needs;
}

/* Repeats two steps until nothing is added. Forwards: a rule that must run makes the rules that
 * need its targets run. Backwards: it calls for the released files that it reads. */
void graph_look(struct graph *g)
{
	bool more = true;

	while (more) {
		more = false;
		for (int i = 0; i < g->rules; i++)
			g->rule[i]->stale = g->rule[i]->stale || out_of_date(g, g->rule[i]);
		for (int i = g->rules - 1; i >= 0; i--)
			if (g->rule[i]->stale)
				more |= recall(g, g->rule[i]);
	}
}

bool graph_makes(const struct graph *g, const char *name)
{
	const struct graph_file *f = known_file(g, name);

	return f && f->maker && f->maker->stale;
}

bool graph_same_group(const struct rule *a, const struct rule *b)
{
	return a->task && b->task && a->group == b->group;
}

/* Rule i is the first one of its process. */
bool graph_leads(const struct graph *g, int i)
{
	for (int k = i - 1; k >= 0 && g->rule[i]->stale && graph_same_group(g->rule[k], g->rule[i]);
	     k--)
		if (g->rule[k]->stale)
			return false;
	return true;
}

int graph_processes(const struct graph *g)
{
	int n = 0;

	for (int i = 0; i < g->rules; i++)
		n += g->rule[i]->stale && !g->rule[i]->apart && graph_leads(g, i);
	return n;
}

bool graph_has_released(const struct graph *g)
{
	for (int i = 0; i < g->files; i++)
		if (g->file[i]->released)
			return true;
	return false;
}

bool graph_is_released(const struct graph *g, const char *name)
{
	const struct graph_file *f = known_file(g, name);

	return !f || !f->there || f->released;
}
