/* plan-pipeline: checks all that can be checked before the first computation, and writes the plan
 * of one merge.
 *
 * The plan is WORK/plan.mk (lib/plan/planmk.h) and WORK/stamps/ (lib/plan/stamps.h).
 * lib/plan/plan.h opens what it is made from. This file reads the options and the settings. It
 * prints the path of plan.mk on stdout. With --show it prints the plan in words instead, and only
 * reads WORK. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/be.h"
#include "base/die.h"
#include "base/text.h"
#include "base/threads.h"
#include "files/checksums.h"
#include "files/exists.h"
#include "files/start.h"
#include "plan/drawing.h"
#include "plan/effects.h"
#include "plan/forecast.h"
#include "plan/handed.h"
#include "plan/launch.h"
#include "plan/plan.h"
#include "plan/planmk.h"
#include "plan/reasons.h"
#include "plan/request.h"
#include "plan/rules.h"
#include "plan/stamps.h"

static const struct common_opts *common;
static struct {
	const char *task_type, *model, *loras, *data, *config, *work, *reference, *set, *jobs,
		*goals, *stands, *tools, *todo, *keep, *launch, *statistics_of, *also, *statistics;
	int iteration, threads, nodes;
	double launch_seconds;
	bool list_keys, keys_markdown, show, dag, print_work, matrix;
	struct drawn drawn;
} o = {.task_type = "EMOTION_t5_large", .config = "config/iteris-plus.yaml", .launch_seconds = -1};

static const struct opt options[] = {
	{"task-type", 0, OPT_STRING, &o.task_type, false, 0, 0, "NAME",
	 "section of the config file"},
	{"model", 0, OPT_STRING, &o.model, false, 0, 0, "DIR",
	 "base model folder (default: key model_dir)"},
	{"loras", 0, OPT_STRING, &o.loras, false, 0, 0, "DIR",
	 "folder of adapter folders, one per task (default: key lora_dir)"},
	{"data", 0, OPT_STRING, &o.data, false, 0, 0, "DIR",
	 "folder of data folders, one per task (default: key data_dir)"},
	{"config", 0, OPT_STRING, &o.config, false, 0, 0, "FILE", "config file"},
	{"work", 0, OPT_STRING, &o.work, false, 0, 0, "DIR",
	 "folder of all results (default: work/TYPE/METHOD-MATSx_CAMRx_DCSx)"},
	{"reference", 0, OPT_STRING, &o.reference, false, 0, 0, "DIR",
	 "folder of the base's and the adapters' evaluations (default: WORK/eval)"},
	{"matrix", 0, OPT_FLAG, &o.matrix, false, 0, 0, NULL,
	 "evaluate each adapter on every task"},
	{"keep-acts", 0, OPT_STRING, &o.keep, false, 0, 0, "WHAT",
	 "used rows and Grams that stay: 1 all, own what a merge with another task reads again, 0 "
	 "none (default: 0)"},
	{"set", 0, OPT_STRING, &o.set, false, 0, 0, "LIST",
	 "overrides KEY=value, separated by spaces; a blank in a value is written \\ and a blank"},
	{"statistics-of", 0, OPT_STRING, &o.statistics_of, false, 0, 0, "TASK",
	 "plan the statistics of this task, not a merge: WORK/statistics.mk"},
	{"also", 0, OPT_STRING, &o.also, false, 0, 0, "LINEAR[,…]",
	 "with --statistics-of: linears beside those of the task's adapter, such as q,o"},
	{"statistics", 0, OPT_STRING, &o.statistics, false, 0, 0, "DIR[,…]",
	 "merge these statistics, one folder per task, in place of texts (METHOD=regmean)"},
	{"goals", 0, OPT_STRING, &o.goals, false, 0, 0, "LIST",
	 "make's goals: eval, report and compare need test rows"},
	{"stands", 0, OPT_STRING, &o.stands, false, 0, 0, "DIR",
	 "folder that the user stands in, where it is another (make -C)"},
	{"jobs", 0, OPT_STRING, &o.jobs, false, 0, 0, "N",
	 "processes that make may run at once (default: 1)"},
	{"launch", 0, OPT_STRING, &o.launch, false, 0, 0, "WORDS",
	 "command that starts a tool elsewhere; {mem} is its memory in MiB, {cpus} its threads"},
	{"launch-seconds", 0, OPT_FLOAT, &o.launch_seconds, false, 0, 3600, "SECONDS",
	 "what LAUNCH takes for each step, in the planned time (default: 0.05)"},
	{"nodes", 0, OPT_INT, &o.nodes, false, 1, 4096, "M",
	 "with --show: a table of the time on up to so many machines like this one"},
	{"step-threads", 0, OPT_INT, &o.threads, false, 1, THREADS_MOST, "N",
	 "threads of each process (default: the cores are shared out among the processes)"},
	{"tools", 0, OPT_STRING, &o.tools, false, 0, 0, "DIR",
	 "folder of the tools (default: that of this one)"},
	{"todo", 0, OPT_STRING, &o.todo, false, 0, 0, "FILE",
	 "tell what is to be done, for show-progress"},
	{"iteration", 0, OPT_INT, &o.iteration, false, 1, 1e6, "K",
	 "write the rules of iteration K (method jacobi), into WORK/iterKK/plan.mk"},
	{"list-keys", 0, OPT_FLAG, &o.list_keys, false, 0, 0, NULL,
	 "print the config file's keys, and exit"},
	{"keys-markdown", 0, OPT_FLAG, &o.keys_markdown, false, 0, 0, NULL,
	 "print config/README.md, and exit"},
	{"dag", 0, OPT_FLAG, &o.dag, false, 0, 0, NULL,
	 "print the stages and files with their state for graphviz, and write nothing"},
	{"site", 0, OPT_STRING, &o.drawn.site, false, 0, 0, "SITE",
	 "with --dag: this site, its neighbours (default: the first that has something to do)"},
	{"layer", 0, OPT_STRING, &o.drawn.layer, false, 0, 0, "LAYER",
	 "with --dag: this layer, such as enc03, and its neighbours"},
	{"full", 0, OPT_FLAG, &o.drawn.full, false, 0, 0, NULL, "with --dag: all sites"},
	{"print-work", 0, OPT_FLAG, &o.print_work, false, 0, 0, NULL,
	 "print the folder of results, and exit"},
	{"show", 0, OPT_FLAG, &o.show, false, 0, 0, NULL,
	 "print the plan in words, and write nothing"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "plan-pipeline",
	.summary = "check the inputs of a merge and write its plan",
	.opts = options,
	.example = "plan-pipeline --show --config my.yaml --task-type my_tasks --model model "
		   "--loras loras --data data "
		   "--set 'METHOD=sweep ALPHA_1=1e-4'",
};

static void list_keys(void)
{
	for (int i = 0; i < CONFIG_KEYS; i++) {
		const struct config_key *k = &config_keys[i];
		char *values = config_key_values(k);

		printf("  %-27s %s\n  %-27s   %s; default: %s\n", k->name, k->help, "", values,
		       k->dflt   ? k->dflt
		       : k->none ? k->none
				 : "none, required");
		free(values);
	}
}

/* Other words of make's command line, and what to type for them. */
static const struct config_word words[] = {
	{"MODEL", "MODEL"},         {"LORAS", "LORAS"},
	{"DATA", "DATA"},           {"WORK", "WORK"},
	{"CONFIG", "CONFIG"},       {"TASK_TYPE", "TASK_TYPE"},
	{"METHODS", "METHODS"},     {"REFERENCE", "REFERENCE"},
	{"MATRIX", "MATRIX"},       {"KEEP_ACTS", "KEEP_ACTS"},
	{"BACKEND", "BACKEND"},     {"LAYER", "LAYER"},
	{"LAUNCH", "LAUNCH"},       {"THREADS", "THREADS"},
	{"SITE", "SITE"},           {"FULL", "FULL"},
	{"BASE", "MODEL"},          {"BASE_MODEL", "MODEL"},
	{"MODEL_PATH", "MODEL"},    {"LORA", "LORAS"},
	{"ADAPTER", "LORAS"},       {"ADAPTERS", "LORAS"},
	{"LORA_PATH", "LORAS"},     {"DATAS", "DATA"},
	{"DATASET", "DATA"},        {"DATASETS", "DATA"},
	{"DATA_PATH", "DATA"},      {"OUT", "WORK"},
	{"OUTPUT", "WORK"},         {"OUTPUT_DIR", "WORK"},
	{"WORK_DIR", "WORK"},       {"TASK", "TASK"},
	{"TASKS", "TASK_TARGETS"},  {"SAMPLES", "SAMPLES_NUM"},
	{"ITERATIONS", "MAX_ITER"}, {"FP16", "USE_FP16"},
	{"MEMORY", "MAX_MEMORY"},   {"JOBS", "-jN"},
	{"DEVICE", "BACKEND"},      {"STATISTICS", "STATISTICS"},
	{"TARGETS", "TARGETS"},     {"NODES", "NODES"},
	{"MACHINES", "NODES"},      {0},
};

/* The next of the words at *at, without make's quoting ("\\ " is a blank, "\\\\" a backslash, "$$"
 * a dollar). NULL at the end. */
static char *next_word(const char **at)
{
	struct text word = {0};
	const char *s = *at + strspn(*at, " ");
	char *copy;

	if (!*s)
		return NULL;
	for (; *s && *s != ' '; s++) {
		s += (*s == '\\' && (s[1] == ' ' || s[1] == '\\')) || (*s == '$' && s[1] == '$');
		text_add(&word, "%c", *s);
	}
	*at = s;
	copy = xstrdup(text_get(&word));
	text_release(&word);
	return copy;
}

/* The overrides as typed on make's command line: KEY=value words. */
static void apply_overrides(struct config *c)
{
	const char *at = o.set ? o.set : "";
	char *word;

	while ((word = next_word(&at))) {
		config_override(c, word, words);
		free(word);
	}
}

/* Whether an existing result will be replaced: which folder, where it is kept, and why. false:
 * there is none, or it stays. */
static bool replaces(const struct plan *p, const struct changes *changes, char **said)
{
	const char *folder = plan_full_weight(p) ? "model" : "adapter",
		   *why = text_get(&changes->why);
	char *result = xformat("%s%s", p->work, rules_result(p) + strlen("$W"));
	bool yes = !p->statistics && file_exists(result) && rules_todo(p, changes).result;

	if (yes)
		*said = xformat("'%s/%s' will be replaced, and kept as '%s/%s.previous'%s%s",
				p->work, folder, p->work, folder, *why ? ": " : "", why);
	free(result);
	return yes;
}

static void show_work(const struct plan *p)
{
	struct changes changes = {0};
	struct graph *g;
	struct todo todo;
	char *said;

	stamps_compare(p, false, &changes);
	forecast_disk(p, &changes);
	g = rules_next(p, &changes, &todo);
	rules_want(p, g, true);
	forecast_time(p, g, &changes, &todo);
	if (o.nodes)
		forecast_nodes(p, &changes, o.nodes);
	if (!todo.processes)
		printf("to do   nothing: the %s up to date\n",
		       p->statistics ? "statistics are" : "merge is");
	else if (todo.iteration)
		printf("to do   %d processes for iteration %d and its result; there are at most %d "
		       "iterations\n",
		       todo.processes, todo.iteration, p->c.max_iter);
	else
		printf("to do   %d processes for the %s\n", todo.processes,
		       p->statistics ? "statistics" : "merge");
	reasons_print(g, &changes);
	graph_close(g);
	if (replaces(p, &changes, &said)) {
		printf("result  %s\n", said);
		free(said);
	}
	changes_release(&changes);
}

static void show(const struct plan *p)
{
	const struct geometry *m = &p->model->m;
	char *text = config_text(&p->c);
	int modules = 0;

	for (int t = 0; t < p->c.task_targets.n; t++)
		modules = p->adapter[t]->n > modules ? p->adapter[t]->n : modules;
	printf("%s\nMODEL   %s: %d", text, p->base, m->L[0]);
	if (m->family->nstacks == 2)
		printf(" + %d", m->L[1]);
	printf(" blocks, d_model %d, vocabulary %d\n", m->D, m->V);
	printf("LORAS   %s: %d adapters, up to %d modules each, %d sites\nDATA    %s\n",
	       p->loras ? p->loras : "in the statistics", p->c.task_targets.n, modules, p->nsites,
	       p->data ? p->data : "none");
	if (p->given)
		printf("STATISTICS %s\n", o.statistics);
	printf("WORK    %s\nCONFIG  %s: %s\n", p->work, o.config, o.task_type);
	if (p->launch)
		printf("LAUNCH  %s: %d threads a process\n", p->launch, plan_threads(p));
	forecast_memory(p);
	show_work(p);
	if (fflush(stdout))
		die("cannot write the plan: %s", strerror(errno));
	free(text);
}

static void draw(const struct plan *p)
{
	struct changes changes = {0};
	struct todo todo;
	struct graph *g;
	char *title, *text;

	stamps_compare(p, false, &changes);
	g = rules_next(p, &changes, &todo);
	rules_want(p, g, true);
	title = xformat("%s: %s", p->work, method_name(p->c.method));
	text = drawing_text(g, &changes, &o.drawn, title);
	if (fputs(text, stdout) < 0 || fflush(stdout))
		die("cannot write the drawing: %s", strerror(errno));
	free(text);
	free(title);
	graph_close(g);
	changes_release(&changes);
}

static void say_replaced(const struct plan *p, const struct changes *changes)
{
	char *said;

	if (!replaces(p, changes, &said))
		return;
	note("%s", said);
	free(said);
}

static bool goal(const char *name)
{
	return o.goals && strstr(o.goals, name);
}

static bool evaluates(void)
{
	return goal("eval") || goal("report") || goal("compare");
}

/* With a plain write, because FILE is the other end of a pipe. */
static void tell_work(const struct plan *p, const struct changes *changes)
{
	char *list = rules_worklist(p, o.iteration, changes, goal("eval") || goal("report"));
	FILE *f = fopen(o.todo, "we");

	if (!f || fputs(list, f) < 0 || fclose(f))
		die("cannot write '%s': %s", o.todo, strerror(errno));
	free(list);
}

static void write_all(const struct plan *p)
{
	char *sums = xformat("%s/checksums.tsv", p->work), *mk;
	struct changes changes = {0};

	if (!o.iteration)
		checksums_compact(sums);
	checksums_use(sums);
	if (!o.iteration) {
		stamps_compare(p, true, &changes);
		forecast_check_disk(p, &changes);
		say_replaced(p, &changes);
	}
	if (p->given)
		handed_link(p);
	mk = o.iteration ? planmk_write_iteration(p, o.iteration) : planmk_write(p, &changes);
	if (o.todo && (p->c.method == JACOBI) == (o.iteration > 0))
		tell_work(p, &changes);
	printf("%s\n", mk);
	free(mk);
	free(sums);
	changes_release(&changes);
}

/* A folder of an earlier version. Its files have new names now, and will be made again. */
static void say_left_over(const char *work)
{
	if (file_is_in(work, "lora"))
		note("'%s/lora' is of an earlier version, which called the side own lora: nothing "
		     "reads it, remove it",
		     work);
}

/* Reports everything that is wrong with the folders before anything is opened. */
static void check_request(const struct plan *p)
{
	static const char *const named[] = {"MODEL", "LORAS", "DATA", "WORK"};
	const char *const typed[] = {o.model, o.loras, o.data, o.work};
	const struct strlist *tasks = &p->c.task_targets;

	request_check_model(p->base, o.stands);
	if (p->loras)
		request_check_loras(p->loras, p->data ? p->data : p->loras, tasks, o.stands);
	if (p->data)
		request_check_data(p->data, tasks, o.stands);
	request_check_work(p->work, p->base, p->loras, p->data);
	say_left_over(p->work);
	request_say_stands(o.stands, named, typed, 4);
}

/* Files that make would find missing only when a tool needs them. */
static void check_files(const struct plan *p)
{
	if (plan_samples(p))
		request_check_files(p->data, &p->c.task_targets, "train",
				    "the draw of calibration samples");
	if (evaluates())
		request_check_files(p->data, &p->c.task_targets, "test", "the evaluation");
}

/* The settings of a task's statistics: regmean with this task alone. */
static void settle_statistics_of(struct plan *p)
{
	struct config *c = &p->c;
	char *task;

	if (o.statistics)
		die_usage("TASK='%s' and STATISTICS='%s' are both given: statistics are made, or "
			  "merged",
			  o.statistics_of, o.statistics);
	if (!config_plain_name(o.statistics_of))
		die_usage("TASK='%s': expected the name of one task", o.statistics_of);
	if (c->line[KEY_task_targets] < 0)
		die_usage("TASK='%s' and TASK_TARGETS are both given: give TASK, the task whose "
			  "statistics are made",
			  o.statistics_of);
	if (c->line[KEY_method] < 0 && c->method != REGMEAN)
		die_usage("METHOD=%s: statistics are for regmean: leave METHOD out",
			  method_name(c->method));
	task = xformat("TASK_TARGETS=%s", o.statistics_of);
	config_override(c, task, words);
	config_override(c, "METHOD=regmean", words);
	free(task);
	p->statistics = xformat("$W/statistics/%s/statistics.json", o.statistics_of);
	if (o.also)
		p->also = strlist_split(o.also, "TARGETS");
}

/* LORAS and DATA. With STATISTICS, the first serves to compare and the second to evaluate. */
static void settle_folders(struct plan *p)
{
	const struct config *c = &p->c;

	if (!o.statistics || o.loras || c->lora_dir)
		p->loras = request_path(c, (struct request){o.loras, KEY_lora_dir, "LORAS"});
	if (!o.statistics || o.data || c->data_dir || evaluates())
		p->data = request_path(c, (struct request){o.data, KEY_data_dir, "DATA"});
}

static char *choose_work(const struct config *c)
{
	if (o.work)
		return request_plain(o.work, "WORK");
	return xformat("work/%s/%s-MATS%d_CAMR%d_DCS%d", o.task_type, method_name(c->method),
		       c->use_mats, c->use_camr, c->use_dcs);
}

/* As make does: -j without a number means as many processes as cores. */
static int processes(void)
{
	long n = 1;

	if (o.jobs && *o.jobs && (!text_to_long(o.jobs, &n) || n < 1 || n > INT_MAX))
		n = threads_default();
	return (int)n;
}

/* The folder that contains this program. */
static const char *own_folder(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0)
		die("cannot find the folder of the tools: %s; give it by --tools", strerror(errno));
	path[n] = 0;
	*strrchr(path, '/') = 0;
	return path;
}

static enum keep keep(void)
{
	static const char *const names[] = {"0", "own", "1"};

	for (int i = 0; i < 3; i++)
		if (!o.keep || strcmp(o.keep, names[i]) == 0)
			return (enum keep)i;
	die_usage("KEEP_ACTS='%s': expected 1, own or 0", o.keep);
}

static void check_launch(void)
{
	if (o.launch)
		launch_check(o.launch);
	else if (o.launch_seconds >= 0 && !o.nodes)
		die_usage("LAUNCH_SECONDS=%g: there is no LAUNCH and no NODES, whose time it is",
			  o.launch_seconds);
	if (o.nodes && !o.show)
		die_usage("--nodes is for --show: make plan NODES=%d", o.nodes);
}

static void read_settings(struct plan *p)
{
	char *config = request_plain(o.config, "CONFIG"), *said;
	struct config *c = &p->c;

	check_launch();
	config_load(c, config, o.task_type);
	apply_overrides(c);
	if (o.also && !o.statistics_of)
		die_usage("TARGETS='%s': it is for statistics: give TASK, too", o.also);
	if (o.statistics_of)
		settle_statistics_of(p);
	p->base = request_path(c, (struct request){o.model, KEY_model_dir, "MODEL"});
	settle_folders(p);
	said = !o.statistics && plan_samples(p) ? request_rows(c, p->data) : NULL;
	config_check(c);
	if (said && !o.print_work)
		note("%s", said);
	free(said);
	if (p->statistics)
		handed_check_config(c);
	if (o.statistics)
		p->given = handed_open(c, o.statistics);
	if (c->model_name)
		free(request_plain(c->model_name, "MODEL_NAME"));
	p->work = choose_work(c);
	p->reference = o.reference ? request_plain(o.reference, "REFERENCE") : xstrdup("$W/eval");
	p->tools = o.tools ? o.tools : own_folder();
	p->processes = processes();
	p->threads = o.threads;
	p->launch = o.launch;
	p->launch_seconds = o.launch_seconds >= 0 ? o.launch_seconds : COST_LAUNCH;
	p->matrix = o.matrix;
	p->keep = keep();
	free(config);
}

int main(int argc, char **argv)
{
	struct plan p = {0};

	common = tool_start(&tool, argc, argv);
	if (o.list_keys) {
		list_keys();
		return 0;
	}
	if (o.keys_markdown) {
		config_print_markdown();
		return 0;
	}
	be_select(common);
	read_settings(&p);
	check_request(&p);
	if (!o.print_work && !o.dag)
		p.rate = rate_here(p.tools, threads_default());
	plan_open(&p);
	handed_check_modules(&p);
	check_files(&p);
	if (o.print_work)
		printf("%s\n", p.work);
	else if (o.show)
		show(&p);
	else if (o.dag)
		draw(&p);
	else
		write_all(&p);
	if (!o.print_work && !o.iteration && !o.dag) {
		model_note(p.model);
		effects_say(&p);
	}
	plan_close(&p);
	free(p.base), free(p.loras), free(p.data), free(p.work), free(p.reference);
	free(p.statistics);
	config_release(&p.c);
	return 0;
}
