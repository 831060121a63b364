/* plan-pipeline: checks everything that can be checked before the first computation, and writes the plan of one merge.
 *
 * The plan is WORK/plan.mk (lib/plan/planmk.h) and WORK/stamps/ (lib/plan/stamps.h), both made of what lib/plan/plan.h opens. This file takes the options and the
 * settings, and says in words what they come to. The path of plan.mk is printed on stdout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/be.h"
#include "base/die.h"
#include "plan/effects.h"
#include "plan/forecast.h"
#include "plan/plan.h"
#include "plan/planmk.h"
#include "plan/request.h"
#include "plan/stamps.h"
#include "files/start.h"
#include "files/sums.h"
#include "base/text.h"

static struct {
	const char *task_type, *model, *loras, *data, *config, *work, *reference, *set, *jobs, *goals, *stands, *tools;
	bool list_keys, keys_markdown, show, print_work;
} o = {.task_type = "EMOTION_t5_large", .config = "config/iteris-plus.yaml", .tools = "build"};

static const struct opt options[] = {
	{"task-type", 0, OPT_STRING, &o.task_type, false, 0, 0, "NAME", "section of the config file"},
	{"model", 0, OPT_STRING, &o.model, false, 0, 0, "DIR", "base model folder (default: key model_dir)"},
	{"loras", 0, OPT_STRING, &o.loras, false, 0, 0, "DIR", "folder of adapter folders, one per task (default: key lora_dir)"},
	{"data", 0, OPT_STRING, &o.data, false, 0, 0, "DIR", "folder of data folders, one per task (default: key data_dir)"},
	{"config", 0, OPT_STRING, &o.config, false, 0, 0, "FILE", "config file"},
	{"work", 0, OPT_STRING, &o.work, false, 0, 0, "DIR", "folder of all results (default: work/TYPE/METHOD-MATSx_CAMRx_DCSx)"},
	{"reference", 0, OPT_STRING, &o.reference, false, 0, 0, "DIR", "folder of shared evaluations: only checked to be a path that make takes"},
	{"set", 0, OPT_STRING, &o.set, false, 0, 0, "LIST", "overrides KEY=value, separated by spaces; a blank in a value is written \\ and a blank"},
	{"goals", 0, OPT_STRING, &o.goals, false, 0, 0, "LIST", "make's goals: eval, report and compare need test.json"},
	{"stands", 0, OPT_STRING, &o.stands, false, 0, 0, "DIR", "folder that the user stands in, where it is another (make -C)"},
	{"jobs", 0, OPT_STRING, &o.jobs, false, 0, 0, "N", "processes that make may run at once (default: 1)"},
	{"tools", 0, OPT_STRING, &o.tools, false, 0, 0, "DIR", "folder of the tools"},
	{"list-keys", 0, OPT_FLAG, &o.list_keys, false, 0, 0, NULL, "print the config file's keys, and exit"},
	{"keys-markdown", 0, OPT_FLAG, &o.keys_markdown, false, 0, 0, NULL, "print config/README.md, and exit"},
	{"print-work", 0, OPT_FLAG, &o.print_work, false, 0, 0, NULL, "print the folder of results, and exit"},
	{"show", 0, OPT_FLAG, &o.show, false, 0, 0, NULL, "print the plan in words"},
	{.type = OPT_END},
};

static const struct tool tool = {"plan-pipeline", "check the inputs of a merge and write its plan", NULL, options};

static void list_keys(void)
{
	for (int i = 0; i < CONFIG_KEYS; i++) {
		const struct config_key *k = &config_keys[i];
		char *values = config_key_values(k);

		printf("  %-27s %s\n  %-27s   %s; default: %s\n", k->name, k->help, "", values, k->dflt ? k->dflt : k->none ? k->none : "none, required");
		free(values);
	}
}

/* What make's command line also takes, and what is typed for it. */
static const struct config_word words[] = {
	{"MODEL", "MODEL"}, {"LORAS", "LORAS"}, {"DATA", "DATA"}, {"WORK", "WORK"}, {"CONFIG", "CONFIG"}, {"TASK_TYPE", "TASK_TYPE"},
	{"METHODS", "METHODS"}, {"REFERENCE", "REFERENCE"}, {"MATRIX", "MATRIX"}, {"KEEP_ACTS", "KEEP_ACTS"}, {"BACKEND", "BACKEND"},
	{"BASE", "MODEL"}, {"BASE_MODEL", "MODEL"}, {"MODEL_PATH", "MODEL"}, {"LORA", "LORAS"}, {"ADAPTER", "LORAS"}, {"ADAPTERS", "LORAS"},
	{"LORA_PATH", "LORAS"}, {"DATAS", "DATA"}, {"DATASET", "DATA"}, {"DATASETS", "DATA"}, {"DATA_PATH", "DATA"}, {"OUT", "WORK"},
	{"OUTPUT", "WORK"}, {"OUTPUT_DIR", "WORK"}, {"WORK_DIR", "WORK"}, {"TASK", "TASK_TARGETS"}, {"TASKS", "TASK_TARGETS"},
	{"SAMPLES", "SAMPLES_NUM"}, {"ITERATIONS", "MAX_ITER"}, {"FP16", "USE_FP16"}, {"MEMORY", "MAX_MEMORY"}, {"JOBS", "-jN"}, {"DEVICE", "BACKEND"},
	{0},
};

/* The next of the words at *at, with make's own quoting taken off ("\\ " is a blank, "\\\\" a backslash); NULL at the end. */
static char *next_word(const char **at)
{
	struct text word = {0};
	const char *s = *at + strspn(*at, " ");
	char *copy;

	if (!*s)
		return NULL;
	for (; *s && *s != ' '; s++) {
		s += *s == '\\' && (s[1] == ' ' || s[1] == '\\');
		text_add(&word, "%c", *s);
	}
	*at = s;
	copy = xstrdup(text_get(&word));
	text_release(&word);
	return copy;
}

/* Overrides as typed on make's command line: KEY=value words. */
static void apply_overrides(struct config *c)
{
	const char *at = o.set ? o.set : "";
	char *word;

	while ((word = next_word(&at))) {
		config_override(c, word, words);
		free(word);
	}
}

static void show(const struct plan *p)
{
	char *text = config_text(&p->c);
	int modules = 0;

	for (int t = 0; t < p->c.task_targets.n; t++)
		modules = p->adapter[t]->n > modules ? p->adapter[t]->n : modules;
	fprintf(stderr, "%s", text);
	fprintf(stderr, "\nmodel   %s: %d + %d blocks, d_model %d, vocabulary %d\n", p->base, p->model->m.L[0], p->model->m.L[1],
	        p->model->m.D, p->model->m.V);
	fprintf(stderr, "merge   %d adapters, up to %d modules each, %d sites\nwork    %s\n", p->c.task_targets.n, modules, p->nsites, p->work);
	forecast_memory(p);
	forecast_disk(p);
	free(text);
}

static void write_all(const struct plan *p)
{
	char *sums = xformat("%s/checksums.tsv", p->work), *mk;

	sums_compact(sums);
	sums_use(sums);
	stamps_write(p);
	mk = planmk_write(p, o.jobs);
	printf("%s\n", mk);
	free(mk);
	free(sums);
}

static bool goal(const char *name)
{
	return o.goals && strstr(o.goals, name);
}

/* What is not as it must be is said before anything is opened. */
static void check_request(const struct plan *p)
{
	static const char *const named[] = {"MODEL", "LORAS", "DATA", "WORK"};
	const char *const typed[] = {o.model, o.loras, o.data, o.work};
	const struct strlist *tasks = &p->c.task_targets;

	request_check_model(p->base, o.stands);
	request_check_loras(p->loras, p->data, tasks, o.stands);
	request_check_data(p->data, tasks, o.stands);
	request_check_work(p->work, p->base, p->loras, p->data);
	request_say_stands(o.stands, named, typed, 4);
}

/* What make would only find missing when a tool is to read it. */
static void check_files(const struct plan *p)
{
	if (plan_samples(p))
		request_check_files(p->data, &p->c.task_targets, "train.json", "the draw of calibration samples");
	if (goal("eval") || goal("report") || goal("compare"))
		request_check_files(p->data, &p->c.task_targets, "test.json", "the evaluation");
}

static char *choose_work(const struct config *c)
{
	if (o.work)
		return request_plain(o.work, "WORK");
	return xformat("work/%s/%s-MATS%d_CAMR%d_DCS%d", o.task_type, method_name(c->method), c->use_mats, c->use_camr, c->use_dcs);
}

static void read_settings(struct plan *p)
{
	char *config = request_plain(o.config, "CONFIG"), *said;
	struct config *c = &p->c;

	config_load(c, config, o.task_type);
	apply_overrides(c);
	p->base = request_path(c, (struct request){o.model, KEY_model_dir, "MODEL"});
	p->loras = request_path(c, (struct request){o.loras, KEY_lora_dir, "LORAS"});
	p->data = request_path(c, (struct request){o.data, KEY_data_dir, "DATA"});
	said = plan_samples(p) ? request_rows(c, p->data) : NULL;
	config_check(c);
	if (said && !o.print_work)
		note("%s", said);
	free(said);
	if (c->model_name)
		free(request_plain(c->model_name, "MODEL_NAME"));
	if (o.reference)
		free(request_plain(o.reference, "REFERENCE"));
	p->work = choose_work(c);
	p->tools = o.tools;
	free(config);
}

int main(int argc, char **argv)
{
	struct plan p = {0};

	tool_start(&tool, argc, argv);
	if (o.list_keys) {
		list_keys();
		return 0;
	}
	if (o.keys_markdown) {
		config_print_markdown();
		return 0;
	}
	be_select(common.backend);
	read_settings(&p);
	check_request(&p);
	plan_open(&p);
	check_files(&p);
	if (o.print_work)
		printf("%s\n", p.work);
	else
		write_all(&p);
	if (o.show)
		show(&p);
	if (!o.print_work) {
		model_note(p.model);
		effects_say(&p);
	}
	plan_close(&p);
	free(p.base), free(p.loras), free(p.data), free(p.work);
	config_release(&p.c);
	return 0;
}
