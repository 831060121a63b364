/* merged.c: see merged.h. */
#include "forward/merged.h"

#include <stdlib.h>

#include "base/die.h"
#include "base/strlist.h"

struct member {
	struct site site;
	struct solution *solution; /* NULL: not open */
	unsigned long used;        /* the clock when it was last used */
};

struct merged {
	const struct geometry *model;
	char *folder;
	struct strlist sites;
	struct member *member; /* by site */
	int open;
	unsigned long clock;
	struct ranks *ranks; /* NULL: not needed so far */
};

struct merged *merged_open(const struct geometry *m, const char *folder, const char *sites)
{
	struct merged *g = xcalloc(1, sizeof(*g));

	*g = (struct merged){
		.model = m, .folder = xstrdup(folder), .sites = strlist_split(sites, "--sites")};
	g->member = xcalloc((size_t)g->sites.n, sizeof(*g->member));
	for (int i = 0; i < g->sites.n; i++)
		if (!site_parse(m, g->sites.item[i], &g->member[i].site))
			die_usage("--sites: '%s' is no site of this model", g->sites.item[i]);
	return g;
}

static void let_go(struct merged *g, struct member *k)
{
	if (!k->solution)
		return;
	solution_close(k->solution);
	k->solution = NULL;
	g->open--;
}

void merged_rest(struct merged *g)
{
	for (int i = 0; i < g->sites.n; i++)
		let_go(g, &g->member[i]);
}

void merged_close(struct merged *g)
{
	if (!g)
		return;
	merged_rest(g);
	strlist_release(&g->sites);
	free(g->member);
	free(g->folder);
	free(g->ranks);
	free(g);
}

int merged_count(const struct merged *g)
{
	return g->sites.n;
}

struct site merged_site(const struct merged *g, int i)
{
	return g->member[i].site;
}

/* The open file that was used the longest ago. */
static struct member *oldest(struct merged *g)
{
	struct member *k = NULL;

	for (int i = 0; i < g->sites.n; i++)
		if (g->member[i].solution && (!k || g->member[i].used < k->used))
			k = &g->member[i];
	return k;
}

static void open_member(struct merged *g, int i)
{
	char *path = xformat("%s/%s.h5", g->folder, g->sites.item[i]);

	if (g->open == MERGED_OPEN)
		let_go(g, oldest(g));
	g->member[i].solution = solution_open(path, g->sites.item[i]);
	g->open++;
	free(path);
}

struct solution *merged_solution(struct merged *g, int i)
{
	struct member *k = &g->member[i];

	if (!k->solution)
		open_member(g, i);
	k->used = ++g->clock;
	return k->solution;
}

struct solution *merged_find(struct merged *g, struct site s)
{
	for (int i = 0; i < g->sites.n; i++)
		if (site_compare(g->member[i].site, s) == 0)
			return merged_solution(g, i);
	return NULL;
}

const struct ranks *merged_ranks(struct merged *g)
{
	if (g->ranks)
		return g->ranks;
	g->ranks = xcalloc(1, sizeof(*g->ranks));
	for (int i = 0; i < g->sites.n; i++)
		ranks_of_solution(g->ranks, g->model, merged_solution(g, i));
	return g->ranks;
}
