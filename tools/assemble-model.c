/* assemble-model: writes the merge as one full model folder, float32, for programs that know no
 * adapters.
 *
 * Every tensor of the base is written under its own name (tied tensors stay tied), in panels of
 * rows. A value is W0 plus s B A where the adapter targets the linear (--adapter), or the solved
 * full weight (--solutions, of solve-full-weight). Memory is one panel and one module's factors,
 * whatever the size of the model. The tokenizer's files are copied. config.json is written last, so
 * a folder with one is complete. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "adapter/adapter.h"
#include "adapter/copies.h"
#include "base/die.h"
#include "base/threads.h"
#include "files/jsonx.h"
#include "files/out.h"
#include "files/start.h"
#include "forward/merged.h"
#include "model/model.h"
#include "model/site.h"

static const char *model_dir, *adapter_dir, *solutions_arg, *sites_arg, *output_arg;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model_dir, true, 0, 0, "DIR", "base model folder"},
	{"adapter", 0, OPT_STRING, &adapter_dir, false, 0, 0, "DIR", "PEFT adapter to add"},
	{"solutions", 0, OPT_STRING, &solutions_arg, false, 0, 0, "DIR",
	 "or: folder of solve-full-weight's files SITE.h5"},
	{"sites", 0, OPT_STRING, &sites_arg, false, 0, 0, "SITE[,…]",
	 "with --solutions: all sites of the merge"},
	{"output", 'o', OPT_STRING, &output_arg, true, 0, 0, "DIR", "model folder to write"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "assemble-model",
	.summary = "write the merge as a full model folder",
	.opts = options,
	.example = "assemble-model --model model --adapter work/adapter -o mine/model",
};

enum { PANEL_BYTES = 4 << 20 };

/* Files beside the weights that users of the folder may need. Those that exist are copied. */
static const char *const companions[] = {"generation_config.json",
					 "spiece.model",
					 "tokenizer.json",
					 "tokenizer_config.json",
					 "special_tokens_map.json",
					 "added_tokens.json",
					 "tokenizer.model",
					 "chat_template.jinja",
					 "vocab.json",
					 "merges.txt"};

struct model_job {
	struct model *model;
	struct adapter *adapter; /* NULL: use `merged` */
	struct merged *merged;   /* NULL: use `adapter` */
	int changed;             /* modules that were changed */
};

/* ------------------------------------------------------------ tensors */

/* The adapter's factors of one linear, with the scale in A. */
struct adapter_factors {
	int r;
	size_t d_in;
	float *A, *B; /* (r, d_in), (d_out, r) */
};

/* The linear whose weight the tensor is; false: there is none. */
static bool module_of(const struct model_job *j, const char *tensor, struct module *q)
{
	size_t n = strlen(tensor), tail = strlen(".weight");
	char *name;
	bool found;

	if (n <= tail || strcmp(tensor + n - tail, ".weight"))
		return false;
	name = xstrdup(tensor);
	name[n - tail] = 0;
	found = module_parse(&j->model->m, name, q);
	free(name);
	return found;
}

static void adapter_factors_read(struct adapter_factors *f, const struct model_job *j,
				 const struct lora *l)
{
	size_t d_in = (size_t)module_d_in(&j->model->m, l->module.slot),
	       d_out = (size_t)module_d_out(&j->model->m, l->module.slot);

	*f = (struct adapter_factors){.r = l->r,
				      .d_in = d_in,
				      .A = xarray((size_t)l->r * d_in, sizeof(float)),
				      .B = xarray((size_t)l->r * d_out, sizeof(float))};
	lora_read_A(j->adapter, l, f->A);
	lora_read_B(j->adapter, l, f->B);
	for (size_t i = 0; i < (size_t)l->r * d_in; i++)
		f->A[i] = (float)(l->scale * (double)f->A[i]);
}

/* W (n, d_in) += rows [o, o+n) of B A. Sums are in float64, because this is the last rounding of a
 * weight that others will use. */
static void factors_add(const struct adapter_factors *f, float *W, size_t o, size_t n)
{
#pragma omp parallel for num_threads(threads_for(0.5 * (double)(n * f->d_in) * f->r)) \
	schedule(static)
	for (size_t i = 0; i < n; i++) {
		const float *b = f->B + (o + i) * (size_t)f->r;
		float *w = W + i * f->d_in;

		for (size_t e = 0; e < f->d_in; e++) {
			double sum = (double)w[e];

			for (int k = 0; k < f->r; k++)
				sum += (double)b[k] * (double)f->A[(size_t)k * f->d_in + e];
			w[e] = (float)sum;
		}
	}
}

static void check_finite(const struct st_tensor *t, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			die_data("tensor '%s' is not finite after the merge", t->name);
}

/* What is added to, or replaces, the base's values of a tensor. */
struct change {
	struct adapter_factors factors; /* r 0: none */
	struct solution *solution;      /* of a full weight; NULL: none */
	const struct solution_module *whole;
};

/* Sets the full weight of module q, if its site has a solution. */
static void find_whole(struct change *c, const struct model_job *j, struct module q)
{
	struct solution *s = merged_find(j->merged, site_of_module(j->model->m.family, q));
	char *name = module_name(&j->model->m, q);
	const struct solution_module *k = s ? solution_find(s, name) : NULL;

	if (k) {
		if (k->R)
			die("'%s': %s is a low-rank change: give the adapter that assemble-lora "
			    "makes of it",
			    h5_path(s->file), k->group);
		solution_expect(s, k, module_d_in(&j->model->m, q.slot),
				module_d_out(&j->model->m, q.slot));
		*c = (struct change){.solution = s, .whole = k};
	}
	free(name);
}

static struct change change_of(const struct model_job *j, const char *tensor)
{
	struct change c = {.solution = NULL};
	const struct lora *l;
	struct module q;

	if (!module_of(j, tensor, &q))
		return c;
	l = j->adapter ? adapter_find(j->adapter, q) : NULL;
	if (l)
		adapter_factors_read(&c.factors, j, l);
	if (j->merged)
		find_whole(&c, j, q);
	return c;
}

static void change_release(struct change *c)
{
	if (c->solution)
		solution_rest(c->solution);
	free(c->factors.A);
	free(c->factors.B);
}

static void write_tensor(struct model_job *j, struct st_out *out, const struct st_tensor *t)
{
	struct change c = change_of(j, t->name);
	bool changed = c.factors.r || c.whole;
	size_t cols = t->ndim == 2 ? t->dim[1] : 1, rows = t->dim[0],
	       most = PANEL_BYTES / (cols * sizeof(float));
	float *panel;

	most = most < 1 ? 1 : most > rows ? rows : most;
	panel = xarray(most * cols, sizeof(*panel));
	for (size_t row = 0, n; row < rows; row += n) {
		n = rows - row < most ? rows - row : most;
		if (c.whole)
			solution_read_float(c.solution, c.whole, "W", row, n, panel);
		else
			st_read(j->model->st, t, row * cols, n * cols, panel);
		if (c.factors.r)
			factors_add(&c.factors, panel, row, n);
		if (changed)
			check_finite(t, panel, n * cols);
		st_write(out, panel, n * cols);
	}
	j->changed += changed;
	free(panel);
	change_release(&c);
}

static void write_weights(struct model_job *j)
{
	char *path = xformat("%s/model.safetensors", output_arg);
	const struct st *st = j->model->st;
	struct st_out *out = st_create(path);

	for (int i = 0; i < st_count(st); i++) {
		const struct st_tensor *t = st_at(st, i);

		if (t->ndim < 1 || t->ndim > 2)
			die("'%s': tensor '%s' has %d dimensions: no known model has such",
			    st_file(st, t), t->name, t->ndim);
		st_declare(out, t->name, t->dim[0], t->ndim == 2 ? t->dim[1] : 0);
	}
	for (int i = 0; i < st_count(st); i++)
		write_tensor(j, out, st_at(st, i));
	st_commit(out);
	free(path);
}

/* ------------------------------------------------------------ the files beside them */

static void copy_file(const char *name)
{
	char *from = xformat("%s/%s", model_dir, name), *to = xformat("%s/%s", output_arg, name),
	     buf[1 << 16];
	struct stat st;
	FILE *in, *out;
	size_t n;

	if (!stat(from, &st)) {
		in = fopen(from, "rb");
		if (!in)
			die("cannot open '%s': %s", from, strerror(errno));
		out = fopen(out_begin(to), "wb");
		if (!out)
			die("cannot write '%s': %s", to, strerror(errno));
		while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
			if (fwrite(buf, 1, n, out) != n)
				die("cannot write '%s': %s", to, strerror(errno));
		if (ferror(in))
			die("cannot read '%s'", from);
		fclose(in);
		if (fclose(out))
			die("cannot write '%s': %s", to, strerror(errno));
		out_commit(to);
	}
	free(from);
	free(to);
}

/* The base's config with two changes. The type of the weights is the written one. Where
 * transformers 5 wrote `true` for the tie although the head is separate, it becomes `false`, so
 * that transformers 4 computes the same. */
static void write_config(const struct model *model)
{
	static const char *const keys[] = {"torch_dtype", "dtype"};
	char *from = xformat("%s/config.json", model_dir),
	     *to = xformat("%s/config.json", output_arg), *text, *line;
	json_t *o = jsonx_load(from, 1 << 20);

	for (int i = 0; i < 2; i++)
		if (json_object_get(o, keys[i]))
			json_object_set_new(o, keys[i], json_string("float32"));
	if (model->m.tied && !model->m.scaled && model->embedding.head != model->embedding.input)
		json_object_set_new(o, "tie_word_embeddings", json_false());
	text = json_dumps(o, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17));
	line = xformat("%s\n", text);
	out_write_text(to, line);
	free(line);
	free(text);
	json_decref(o);
	free(from);
	free(to);
}

int main(int argc, char **argv)
{
	struct model_job j = {0};

	tool_start(&tool, argc, argv);
	if (!adapter_dir == !solutions_arg || !solutions_arg != !sites_arg)
		die_usage("expected either --adapter, or --solutions and --sites");
	j.model = model_open(model_dir);
	if (adapter_dir) {
		j.adapter = adapter_open(adapter_dir, &j.model->m);
		copies_check(j.adapter->file, j.model);
	} else
		j.merged = merged_open(&j.model->m, solutions_arg, sites_arg);
	write_weights(&j);
	if (j.adapter && j.changed != j.adapter->n)
		BUG("%d of the adapter's %d modules were added", j.changed, j.adapter->n);
	for (size_t i = 0; i < sizeof(companions) / sizeof(*companions); i++)
		copy_file(companions[i]);
	write_config(j.model);
	if (!j.adapter)
		note("a full model and no adapter, because W - W0 has full rank when the whole "
		     "weight is fitted (with_pretrain_matrix)");
	tool_done("%d tensors, %d of them changed", st_count(j.model->st), j.changed);
	adapter_close(j.adapter);
	merged_close(j.merged);
	model_close(j.model);
	return 0;
}
