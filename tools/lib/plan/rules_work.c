/* rules_work.c: see rules.h: what a run must do, for the program that shows the run. */
#include "plan/rehearsal.h"
#include "plan/rules_private.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/die.h"
#include "plan/worklist.h"

static long size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : (long)st.st_size;
}

void rules_want(const struct plan *p, struct graph *g, bool evaluated)
{
	graph_want(g, rules_result(p));
	if (p->statistics)
		return;
	if (p->c.save)
		graph_want(g, "$W/model/config.json");
	if (evaluated)
		graph_want(g, "$W/eval.tsv");
}

char *rules_worklist(const struct plan *p, int iteration, const struct changes *changed,
		     bool evaluated)
{
	struct graph *g = rules_open(p, iteration, changed);
	char *log = xformat("%s/log.tsv", p->work), *said;
	struct worklist w = {.title = p->statistics ? "statistics"
						    : (char *)method_name(p->c.method),
			     .log = log,
			     .log_from = size_of(log),
			     .iteration = iteration,
			     .iterations = iteration ? p->c.max_iter : 0};
	const struct machine on = plan_machine(p);
	struct text list = {0};

	rules_want(p, g, evaluated);
	w.sites = graph_sites(g, &w.sites_done);
	w.wall = rehearse(g, &on, iteration > 1 ? ITERATION_PART : MERGE_PART).wall +
		 (evaluated ? rehearse(g, &on, EVALUATION_PART).wall : 0);
	worklist_begin(&list, &w);
	graph_work(g, &list);
	worklist_end(&list);
	said = xstrdup(text_get(&list));
	text_release(&list);
	free(log);
	graph_close(g);
	return said;
}
