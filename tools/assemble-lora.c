/* assemble-lora: writes the solutions of all sites as one PEFT LoRA folder, float32.
 *
 * Nothing is truncated. lora_A is the solution's A (R, d_in) with every scale in it, lora_B its B
 * (d_out, R). alpha = rank, so PEFT's own scaling is 1. The weights are written and renamed first,
 * adapter_config.json last: a folder with a config is complete. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/base_name.h"
#include "adapter/peft.h"
#include "base/die.h"
#include "config/keys.h"
#include "files/jsonx.h"
#include "files/out.h"
#include "files/safetensors/st.h"
#include "files/start.h"
#include "forward/merged.h"
#include "model/site.h"

static const char *model_dir, *model_name, *adapter_arg, *sites_arg, *solutions_arg, *scale_file,
	*output_arg;
static double scale;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model_dir, true, 0, 0, "DIR", "model folder: config.json"},
	{"adapter", 0, OPT_STRING, &adapter_arg, false, 0, 0, "PATH",
	 "the merged adapters, {task} for the task: they name the base model"},
	{"model-name", 0, OPT_STRING, &model_name, false, 0, 0, "NAME",
	 "base model's name, for adapter_config.json, instead of theirs"},
	{"sites", 0, OPT_STRING, &sites_arg, true, 0, 0, "SITE[,…]", "all sites of the merge"},
	{"solutions", 0, OPT_STRING, &solutions_arg, true, 0, 0, "DIR",
	 "folder of the solution files SITE.h5"},
	KEY_OPTION_AS(scale, scale, "factor of all ΔW; 0: as --scale-file says, or 1"),
	{"scale-file", 0, OPT_STRING, &scale_file, false, 0, 0, "FILE",
	 "the factor, as search-scale found it"},
	{"output", 'o', OPT_STRING, &output_arg, true, 0, 0, "DIR", "adapter folder to write"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "assemble-lora",
	.summary = "write the merged adapter as a PEFT folder",
	.opts = options,
	.example = "assemble-lora --model model --adapter 'loras/{task}' --sites "
		   "enc00-self,enc01-self --solutions work/solution "
		   "-o mine/adapter",
};

struct lora_entry {
	char *name;
	int site; /* its number in the list */
	int R, d_in, d_out;
};

struct lora_job {
	struct geometry m;
	struct merged *merged;
	int n;
	struct lora_entry *entry;
	char *method, *tasks; /* the same in all files */
	struct base_name base;
	int r; /* the most frequent R */
};

/* ------------------------------------------------------------ the solutions */

static void add_entry(struct lora_job *j, int site, const struct solution *s,
		      const struct solution_module *k)
{
	char name[32];
	struct module q;

	if (!module_parse(&j->m, k->name, &q) ||
	    strcmp(site_name(j->m.family, site_of_module(j->m.family, q), name), s->site) != 0)
		die("'%s': '%s' is no module of site %s of this model", h5_path(s->file), k->name,
		    s->site);
	if (!k->R)
		die("'%s': %s holds a full weight: assemble-model writes those", h5_path(s->file),
		    k->group);
	solution_expect(s, k, module_d_in(&j->m, q.slot), module_d_out(&j->m, q.slot));
	j->entry = xrealloc(j->entry, (size_t)(j->n + 1) * sizeof(*j->entry));
	j->entry[j->n++] = (struct lora_entry){xstrdup(k->name), site, k->R, k->d_in, k->d_out};
}

static void read_site(struct lora_job *j, int site)
{
	const struct solution *s = merged_solution(j->merged, site);

	if (site == 0) {
		j->method = h5_get_string(s->file, "/", "method");
		j->tasks = h5_get_string(s->file, "/", "tasks");
	}
	h5_expect_string(s->file, "method", j->method);
	h5_expect_string(s->file, "tasks", j->tasks);
	for (int i = 0; i < s->n; i++)
		add_entry(j, site, s, &s->module[i]);
}

static void read_entries(struct lora_job *j)
{
	for (int i = 0; i < merged_count(j->merged); i++)
		read_site(j, i);
	if (!j->n)
		die("the solutions in '%s' hold no modules", solutions_arg);
}

/* ------------------------------------------------------------ the base model's name */

static void read_base(struct lora_job *j)
{
	struct strlist tasks = strlist_split(j->tasks, "the solutions' tasks");

	j->base.given = model_name;
	for (int i = 0; adapter_arg && i < tasks.n; i++) {
		char *dir = path_for_task(adapter_arg, tasks.item[i], tasks.n, "--adapter");
		struct peft p;

		peft_read(&p, dir, j->m.family);
		base_name_add(&j->base, dir, p.base, p.revision);
		peft_release(&p);
		free(dir);
	}
	strlist_release(&tasks);
}

/* ------------------------------------------------------------ the tensors */

static void write_tensor(struct st_out *o, const struct solution *s,
			 const struct solution_module *k, const char *member, int rows, int cols,
			 double factor)
{
	size_t n = (size_t)rows * (size_t)cols;
	double *exact = xarray(n, sizeof(*exact));
	float *x = xarray(n, sizeof(*x));

	solution_read_double(s, k, member, 0, (size_t)rows, exact);
	for (size_t i = 0; i < n; i++) {
		x[i] = (float)(factor * exact[i]);
		if (!isfinite(x[i]))
			die_data("'%s': %s/%s: row %zu is not finite in float32", h5_path(s->file),
				 k->group, member, i / (size_t)cols);
	}
	st_write(o, x, n);
	free(exact);
	free(x);
}

static void write_entry(struct st_out *o, const struct lora_job *j, const struct lora_entry *e)
{
	struct solution *s = merged_solution(j->merged, e->site);
	const struct solution_module *k = solution_find(s, e->name);

	BUG_IF(!k);
	write_tensor(o, s, k, "A", e->R, e->d_in, scale);
	write_tensor(o, s, k, "B", e->d_out, e->R, 1);
	solution_rest(s);
}

static void declare(struct st_out *o, const struct lora_entry *e, const char *member, int rows,
		    int cols)
{
	char *name = xformat("base_model.model.%s.%s.weight", e->name, member);

	st_declare(o, name, (size_t)rows, (size_t)cols);
	free(name);
}

static void write_weights(const struct lora_job *j)
{
	char *path = xformat("%s/adapter_model.safetensors", output_arg);
	struct st_out *o = st_create(path);

	for (int i = 0; i < j->n; i++) {
		declare(o, &j->entry[i], "lora_A", j->entry[i].R, j->entry[i].d_in);
		declare(o, &j->entry[i], "lora_B", j->entry[i].d_out, j->entry[i].R);
	}
	for (int i = 0; i < j->n; i++)
		write_entry(o, j, &j->entry[i]);
	st_commit(o);
	free(path);
}

/* ------------------------------------------------------------ adapter_config.json */

static int commonest_rank(const struct lora_job *j)
{
	int best = 0, most = 0;

	for (int i = 0; i < j->n; i++) {
		int count = 0;

		for (int k = 0; k < j->n; k++)
			count += j->entry[k].R == j->entry[i].R;
		if (count > most) {
			most = count;
			best = j->entry[i].R;
		}
	}
	return best;
}

/* The last `parts` components of a dotted name. */
static const char *suffix_of(const char *name, int parts)
{
	const char *s = name + strlen(name);

	while (s > name && (s[-1] != '.' || --parts > 0))
		s--;
	return s;
}

static bool is_entry(const struct lora_job *j, const char *name)
{
	for (int i = 0; i < j->n; i++)
		if (!strcmp(j->entry[i].name, name))
			return true;
	return false;
}

static bool has_string(const json_t *list, const char *s)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!strcmp(json_string_value(json_array_get(list, i)), s))
			return true;
	return false;
}

/* PEFT targets a name that is in the list, or ends with a dot and an entry. Whether these suffixes
 * target our modules, and no other linear of the model. */
static bool selects_exactly(const struct lora_job *j, const json_t *suffixes, int parts)
{
	for (int stack = 0; stack < 2; stack++)
		for (int block = 0; block < j->m.L[stack]; block++)
			for (int slot = 0; slot < SLOTS; slot++) {
				char *name;
				bool wrong;

				if (!slot_exists(&j->m, stack, slot))
					continue;
				name = module_name(&j->m, (struct module){stack, block, slot});
				wrong = has_string(suffixes, suffix_of(name, parts)) !=
					is_entry(j, name);
				free(name);
				if (wrong)
					return false;
			}
	return true;
}

/* ["q", "v"] if that is all of them, else ["SelfAttention.q", …], else every full name. */
static json_t *target_modules(const struct lora_job *j)
{
	enum { ALL_PARTS = 99 };
	static const int parts[] = {1, 2, ALL_PARTS};

	for (int i = 0;; i++) {
		json_t *list = json_array();

		for (int e = 0; e < j->n; e++) {
			const char *s = suffix_of(j->entry[e].name, parts[i]);

			if (!has_string(list, s))
				json_array_append_new(list, json_string(s));
		}
		if (parts[i] == ALL_PARTS || selects_exactly(j, list, parts[i]))
			return list;
		json_decref(list);
	}
}

/* {name: R} for modules whose R is not the most frequent one. The names are full, because PEFT
 * takes the first key that matches. */
static json_t *pattern(const struct lora_job *j)
{
	json_t *o = json_object();

	for (int i = 0; i < j->n; i++)
		if (j->entry[i].R != j->r)
			json_object_set_new(o, j->entry[i].name, json_integer(j->entry[i].R));
	return o;
}

static void write_config(const struct lora_job *j)
{
	json_t *o = json_pack("{s:s, s:s, s:s?, s:s?, s:i, s:i, s:f, s:s, s:b, s:b, s:b, s:b, s:b, "
			      "s:o, s:o, s:o, s:n}",
			      "peft_type", "LORA", "task_type", j->m.family->task_type,
			      "base_model_name_or_path", base_name_get(&j->base), "revision",
			      base_name_revision(&j->base), "r", j->r, "lora_alpha", j->r,
			      "lora_dropout", 0.0, "bias", "none", "inference_mode", 1,
			      "fan_in_fan_out", 0, "init_lora_weights", 1, "use_rslora", 0,
			      "use_dora", 0, "target_modules", target_modules(j), "rank_pattern",
			      pattern(j), "alpha_pattern", pattern(j), "modules_to_save");
	char *path = xformat("%s/adapter_config.json", output_arg), *text, *line;

	if (!o)
		die_usage("--model-name '%s' is not valid UTF-8", model_name);
	text = json_dumps(o, JSON_INDENT(2));
	line = xformat("%s\n", text);
	out_write_text(path, line);
	free(line);
	free(text);
	free(path);
	json_decref(o);
}

/* The factor that search-scale has chosen. */
static double read_scale(const char *path)
{
	json_t *o = jsonx_load(path, 1 << 20);
	double x = jsonx_number(o, path, "scale");

	json_decref(o);
	if (!(x > 0 && x <= 100))
		die("'%s': scale: expected a number above 0 and up to 100, found %g", path, x);
	return x;
}

static void run(void)
{
	struct lora_job j = {.m = geometry_load(model_dir)};

	if (!adapter_arg && !model_name)
		die_usage("expected --adapter or --model-name: what adapter_config.json names as "
			  "the base model");
	if (scale_file && scale > 0)
		die_usage("--scale and --scale-file exclude each other");
	if (scale == 0)
		scale = scale_file ? read_scale(scale_file) : 1;
	j.merged = merged_open(&j.m, solutions_arg, sites_arg);
	read_entries(&j);
	read_base(&j);
	j.r = commonest_rank(&j);
	write_weights(&j);
	write_config(&j);
	tool_done("%d modules of %d sites, method %s, scale %g, rank %d", j.n,
		  merged_count(j.merged), j.method, scale, j.r);
	for (int i = 0; i < j.n; i++)
		free(j.entry[i].name);
	free(j.entry);
	base_name_release(&j.base);
	free(j.method);
	free(j.tasks);
	merged_close(j.merged);
}

int main(int argc, char **argv)
{
	tool_start(&tool, argc, argv);
	run();
	return 0;
}
