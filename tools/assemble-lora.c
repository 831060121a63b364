/* assemble-lora: the solutions of all sites as one PEFT LoRA folder, float32.
 *
 * Nothing is truncated: lora_A is the solution's A (R, d_in) with every scale folded in, lora_B its
 * B (d_out, R), and alpha = rank, so PEFT's own scaling is 1. The weights are written and renamed
 * first, adapter_config.json last: a folder with a config is complete. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/base_name.h"
#include "adapter/peft.h"
#include "base/die.h"
#include "config/keys.h"
#include "files/h5/h5.h"
#include "files/jsonx.h"
#include "files/out.h"
#include "files/safetensors/st.h"
#include "files/start.h"
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
	struct module module;
	char *name;
	int site; /* its number in the list */
	int R, d_in, d_out;
};

struct lora_job {
	struct geometry m;
	struct strlist sites;
	int n;
	struct lora_entry *entry;
	char *method, *tasks; /* the same in all files */
	struct base_name base;
	int r; /* the commonest R */
};

/* ------------------------------------------------------------ the solutions */

struct reading {
	struct lora_job *job;
	struct h5 *file;
	int site;
};

static void add_entry(const char *name, void *arg)
{
	struct reading *k = arg;
	struct lora_job *j = k->job;
	struct lora_entry e = {.name = xstrdup(name), .site = k->site};
	char site[32], *group = xformat("/modules/%s", name), *A = xformat("%s/A", group),
		       *B = xformat("%s/B", group);

	if (!module_parse(&j->m, name, &e.module) ||
	    strcmp(site_name(j->m.family, site_of_module(j->m.family, e.module), site),
		   j->sites.item[k->site]))
		die("'%s': '%s' is no module of site %s of this model", h5_path(k->file), name,
		    j->sites.item[k->site]);
	e.d_in = module_d_in(&j->m, e.module.slot);
	e.d_out = module_d_out(&j->m, e.module.slot);
	e.R = (int)h5_get_int(k->file, group, "R");
	h5_expect_shape(k->file, A, (size_t)e.R, (size_t)e.d_in);
	h5_expect_shape(k->file, B, (size_t)e.d_out, (size_t)e.R);
	j->entry = xrealloc(j->entry, (size_t)(j->n + 1) * sizeof(*j->entry));
	j->entry[j->n++] = e;
	free(B);
	free(A);
	free(group);
}

static struct h5 *open_solution(const struct lora_job *j, int site)
{
	char *path = xformat("%s/%s.h5", solutions_arg, j->sites.item[site]);
	struct h5 *f = h5_open(path, "iteris-solution", 1);

	h5_expect_string(f, "site", j->sites.item[site]);
	free(path);
	return f;
}

static void read_entries(struct lora_job *j)
{
	for (int s = 0; s < j->sites.n; s++) {
		struct reading k = {j, open_solution(j, s), s};

		if (s == 0) {
			j->method = h5_get_string(k.file, "/", "method");
			j->tasks = h5_get_string(k.file, "/", "tasks");
		}
		h5_expect_string(k.file, "method", j->method);
		h5_expect_string(k.file, "tasks", j->tasks);
		h5_each(k.file, "/modules", add_entry, &k);
		h5_close(k.file);
	}
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

static void write_tensor(struct st_out *o, struct h5 *f, const struct lora_entry *e,
			 const char *member, int rows, int cols, double factor)
{
	size_t n = (size_t)rows * (size_t)cols;
	char *path = xformat("/modules/%s/%s", e->name, member);
	double *exact = xarray(n, sizeof(*exact));
	float *x = xarray(n, sizeof(*x));

	h5_read_double(f, path, 0, (size_t)rows, exact);
	for (size_t i = 0; i < n; i++) {
		x[i] = (float)(factor * exact[i]);
		if (!isfinite(x[i]))
			die_data("'%s': %s: row %zu is not finite in float32", h5_path(f), path,
				 i / (size_t)cols);
	}
	st_write(o, x, n);
	free(exact);
	free(x);
	free(path);
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
	struct h5 *f = NULL;

	for (int i = 0; i < j->n; i++) {
		declare(o, &j->entry[i], "lora_A", j->entry[i].R, j->entry[i].d_in);
		declare(o, &j->entry[i], "lora_B", j->entry[i].d_out, j->entry[i].R);
	}
	for (int i = 0; i < j->n; i++) {
		const struct lora_entry *e = &j->entry[i];

		if (i == 0 || e->site != e[-1].site) {
			h5_close(f);
			f = open_solution(j, e->site);
		}
		write_tensor(o, f, e, "A", e->R, e->d_in, scale);
		write_tensor(o, f, e, "B", e->d_out, e->R, 1);
	}
	h5_close(f);
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

/* PEFT takes a name that is in the list or ends with a dot and one of the list: do these suffixes
 * take our modules and no other linear of the model? */
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

/* ["q", "v"] where that is all of them, else ["SelfAttention.q", …], else every full name. */
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

/* {name: R} of the modules whose R is not the commonest. Full names: PEFT takes the first key that
 * matches. */
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

/* The factor that search-scale chose. */
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
	struct lora_job j = {.m = geometry_load(model_dir),
			     .sites = strlist_split(sites_arg, "--sites")};

	if (!adapter_arg && !model_name)
		die_usage("expected --adapter or --model-name: what adapter_config.json names as "
			  "the base model");
	if (scale_file && scale > 0)
		die_usage("--scale and --scale-file exclude each other");
	if (scale == 0)
		scale = scale_file ? read_scale(scale_file) : 1;
	read_entries(&j);
	read_base(&j);
	j.r = commonest_rank(&j);
	write_weights(&j);
	write_config(&j);
	tool_done("%d modules of %d sites, method %s, scale %g, rank %d", j.n, j.sites.n, j.method,
		  scale, j.r);
	for (int i = 0; i < j.n; i++)
		free(j.entry[i].name);
	free(j.entry);
	base_name_release(&j.base);
	free(j.method);
	free(j.tasks);
	strlist_release(&j.sites);
}

int main(int argc, char **argv)
{
	tool_start(&tool, argc, argv);
	run();
	return 0;
}
