/* reasons.c: see reasons.h. */
#include "plan/reasons.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "plan/graph_private.h"

/* ------------------------------------------------------------ of one rule */

static const struct graph_file *need_at(const struct graph *g, const struct rule *r, int i)
{
	return g->file[r->needs.item[i]];
}

/* Needs of this kind. A copy of a stamp that will change stands for the stamp. */
static bool is_changed(const struct graph_file *need)
{
	return need->changed || (need->maker && need->maker->copies && need->maker->stale);
}

static bool is_new(const struct graph_file *need)
{
	return need->maker && need->maker->stale && !need->maker->copies;
}

static bool any_need(const struct graph *g, const struct rule *r,
		     bool (*fits)(const struct graph_file *))
{
	for (int i = 0; i < r->needs.n; i++)
		if (fits(need_at(g, r, i)))
			return true;
	return false;
}

static bool has_all_targets(const struct graph *g, const struct rule *r)
{
	for (int i = 0; i < r->targets.n; i++)
		if (!g->file[r->targets.item[i]]->there)
			return false;
	return true;
}

enum reason reason_of(const struct graph *g, const struct rule *r)
{
	if (!r->stale)
		return UP_TO_DATE;
	if (!has_all_targets(g, r))
		return NOT_THERE;
	if (r->differs || any_need(g, r, is_changed))
		return CHANGED;
	if (any_need(g, r, is_new))
		return NEEDS_NEW;
	if (r->forced)
		return g->file[r->targets.item[0]]->released ? READ_AGAIN : OTHER_RESULT;
	return OLDER;
}

/* ------------------------------------------------------------ in words */

/* Each reason once. */
static void add_once(struct text *t, const char *reason)
{
	if (!strstr(text_get(t), reason))
		text_add(t, "%s%s", *text_get(t) ? ", " : "", reason);
}

/* "draw-tec" gives tec; NULL: the stamp belongs to no task. */
static const char *task_of(const char *stamp, const char *kind)
{
	size_t n = strlen(kind);

	return strncmp(stamp, kind, n) == 0 ? stamp + n : NULL;
}

/* What a digest in a stamp belongs to (allocated). */
static char *contents_of(const char *stamp, const char *key)
{
	const char *adapter = task_of(stamp, "adapter-"), *test = task_of(stamp, "test-"),
		   *draw = task_of(stamp, "draw-");

	if (adapter)
		return xformat("the %s of adapter %s",
			       strcmp(key, "config") == 0 ? "adapter_config.json" : key, adapter);
	if (test)
		return xformat("%s of %s", key, test);
	if (draw && strncmp(key, "train.", 6) == 0)
		return xformat("%s of %s", key, draw);
	if (draw && strcmp(key, "samples") == 0)
		return xformat("samples.json of %s", draw);
	if (strcmp(key, "targets") == 0)
		return xstrdup("the list of modules that an adapter targets");
	if (strchr(key, '.') || strcmp(key, "weights") == 0)
		return xformat("the model's %s", key);
	return xformat("the program %s", key);
}

/* "alpha_1 changed from 8e-05 to 0.0002" */
static void add_change(struct text *t, const struct change *line, const char *stamp)
{
	char *said, *of;

	if (line->contents) {
		of = contents_of(stamp, line->key);
		said = xformat("%s changed", of);
		free(of);
	} else if (line->before) {
		said = xformat("%s changed from %s to %s", line->key,
			       *line->before ? line->before : "nothing",
			       *line->after ? line->after : "nothing");
	} else {
		said = xformat("%s is new: %s", line->key, line->after);
	}
	add_once(t, said);
	free(said);
}

/* "adapter tec is new" for a stamp that was not there (allocated); NULL: it was. */
static char *first_time(const char *stamp, const struct changes *c)
{
	const char *adapter = task_of(stamp, "adapter-");

	for (int i = 0; i < c->n; i++)
		if (c->first[i] && strcmp(c->stamp[i], stamp) == 0)
			return adapter ? xformat("adapter %s is new", adapter)
				       : xformat("stamps/%s is new", stamp);
	return NULL;
}

static void add_stamp(struct text *t, const char *stamp, const struct changes *c)
{
	size_t before = t->n;

	for (int i = 0; i < c->lines; i++)
		if (strcmp(c->stamp[c->line[i].stamp], stamp) == 0)
			add_change(t, &c->line[i], stamp);
	if (t->n == before) { /* a missing line, or the copy in REFERENCE */
		char *said = first_time(stamp, c);

		said = said ? said : xformat("stamps/%s has another text", stamp);

		add_once(t, said);
		free(said);
	}
}

static void add_changes(struct text *t, const struct graph *g, const struct rule *r,
			const struct changes *c)
{
	for (int i = 0; i < r->needs.n; i++)
		if (is_changed(need_at(g, r, i)))
			add_stamp(t, strrchr(need_at(g, r, i)->name, '/') + 1, c);
}

#define FROM_NEW "from new "

static void add_new_needs(struct text *t, const struct graph *g, const struct rule *r)
{
	for (int i = 0; i < r->needs.n; i++)
		if (is_new(need_at(g, r, i)))
			add_once(t, need_at(g, r, i)->maker->of.what);
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

/* The first such file: its name in WORK, or its whole name. */
static void add_newer_need(struct text *t, const struct graph *g, const struct rule *r)
{
	for (int k = 0; k < r->targets.n; k++)
		for (int i = 0; i < r->needs.n; i++) {
			const struct graph_file *need = need_at(g, r, i);

			if (need->there && !later(need->time, g->file[r->targets.item[k]]->time))
				continue;
			text_add(t, need->there ? "older than %s" : "%s is missing",
				 need->name + 3 * (strncmp(need->name, "$W/", 3) == 0));
			return;
		}
}

char *reason_text(const struct graph *g, const struct rule *r, const struct changes *changed)
{
	struct text t = {0};
	char *said;

	switch (reason_of(g, r)) {
	case UP_TO_DATE: text_add(&t, "up to date"); break;
	case NOT_THERE: text_add(&t, "not there yet"); break;
	case CHANGED: add_changes(&t, g, r, changed); break;
	case NEEDS_NEW:
		add_new_needs(&t, g, r);
		said = xformat(FROM_NEW "%s", text_get(&t));
		text_release(&t);
		return said;
	case OLDER: add_newer_need(&t, g, r); break;
	case READ_AGAIN: text_add(&t, "data were released, and are read again"); break;
	case OTHER_RESULT: text_add(&t, "those here are of another iteration"); break;
	}
	said = xstrdup(text_get(&t));
	text_release(&t);
	return said;
}

/* ------------------------------------------------------------ of a whole run */

enum { MOST_REASONS = 4 };

/* Files of one kind: how many there are, how many will be made, and why. */
struct kind {
	const char *what;
	bool apart;
	int all, made, reasons, count[MOST_REASONS];
	char *reason[MOST_REASONS];
	int from_new;      /* this many are made from files that are made first */
	struct text needs; /* these files */
};

struct kinds {
	int n;
	struct kind *kind;
};

static struct kind *kind_of(struct kinds *k, const struct rule *r)
{
	for (int i = 0; i < k->n; i++)
		if (strcmp(k->kind[i].what, r->of.what) == 0)
			return &k->kind[i];
	k->kind = xrealloc(k->kind, (size_t)(k->n + 1) * sizeof(*k->kind));
	k->kind[k->n] = (struct kind){.what = r->of.what, .apart = r->apart};
	return &k->kind[k->n++];
}

/* Takes ownership of the text. After MOST_REASONS no more are kept. */
static void add_reason(struct kind *k, char *reason)
{
	for (int i = 0; i < k->reasons; i++)
		if (strcmp(k->reason[i], reason) == 0) {
			k->count[i]++;
			free(reason);
			return;
		}
	if (k->reasons == MOST_REASONS) {
		free(reason);
		return;
	}
	k->reason[k->reasons] = reason;
	k->count[k->reasons++] = 1;
}

static void add_rule(struct kind *k, const struct graph *g, const struct rule *r,
		     const struct changes *changed)
{
	k->all++;
	if (!r->stale)
		return;
	k->made++;
	if (reason_of(g, r) == NEEDS_NEW) {
		k->from_new++;
		add_new_needs(&k->needs, g, r);
	} else {
		add_reason(k, reason_text(g, r, changed));
	}
}

/* "4 from new samples"; without the number if it is all of them. */
static void print_reason(const struct kind *k, int *said, int count, const char *from,
			 const char *reason)
{
	if (!count)
		return;
	printf("%s", *said ? "; " : "");
	if (count < k->made)
		printf("%d ", count);
	printf("%s%s", from, reason);
	*said += count;
}

static void print_kind(const struct kind *k, const char *head)
{
	int said = 0;

	printf("%-7s %-15s %3d of %d: ", head, k->what, k->made, k->all);
	for (int i = 0; i < k->reasons; i++)
		print_reason(k, &said, k->count[i], "", k->reason[i]);
	print_reason(k, &said, k->from_new, FROM_NEW, text_get(&k->needs));
	print_reason(k, &said, k->made - said, "", "for other reasons");
	printf("\n");
}

static void print_kinds(const struct kinds *k, bool apart, const char *head)
{
	for (int i = 0; i < k->n; i++)
		if (k->kind[i].apart == apart && k->kind[i].made) {
			print_kind(&k->kind[i], head);
			head = "";
		}
}

void reasons_print(const struct graph *g, const struct changes *changed)
{
	struct kinds k = {0};

	for (int i = 0; i < g->rules; i++) {
		const struct rule *r = g->rule[i];

		if (!r->wanted || r->copies)
			continue;
		add_rule(kind_of(&k, r), g, r, changed);
	}
	print_kinds(&k, false, "why");
	print_kinds(&k, true, "eval");
	for (int i = 0; i < k.n; i++) {
		for (int n = 0; n < k.kind[i].reasons; n++)
			free(k.kind[i].reason[n]);
		text_release(&k.kind[i].needs);
	}
	free(k.kind);
}
