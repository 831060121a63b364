/* compare-factors.c: does a merged adapter equal the reference? Compares the change ΔW = s B A of
 * every module of a PEFT folder: ‖ΔW − ΔW_ref‖ / ‖ΔW_ref‖ in the Frobenius norm, with products in
 * float64.
 *
 * The reference is another PEFT folder, or a safetensors file of ΔW itself ("<module>"). With
 * --left it is two files: of right factors ("<module>.A") and of left factors ("<module>.B"). No
 * model is needed, so any family will do.
 *
 * Prints the worst module. Ends with 1 where it is over --max, or where a module is only on one
 * side. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/die.h"
#include "base/opts.h"
#include "files/jsonx.h"
#include "files/safetensors/st.h"

static const char *adapter_dir, *reference_path, *left_file;
static double most = 1e-3;

static const struct opt options[] = {
	{"adapter", 0, OPT_STRING, &adapter_dir, true, 0, 0, "DIR",
	 "merged adapter, as PEFT reads it"},
	{"reference", 0, OPT_STRING, &reference_path, true, 0, 0, "PATH",
	 "PEFT folder, file of ΔW, or of right factors"},
	{"left", 0, OPT_STRING, &left_file, false, 0, 0, "FILE", "left factors of the reference"},
	{"max", 0, OPT_FLOAT, &most, false, 0, 1e9, "X", "largest relative difference"},
	{.type = OPT_END},
};

static const struct tool tool = {.name = "compare-factors",
				 .summary = "compare a merged adapter with a reference",
				 .opts = options};

struct matrix {
	size_t rows, cols;
	double *x; /* (rows, cols), the caller frees */
};

/* The parts of a tensor's name before and behind a module's name. */
struct affix {
	const char *before, *after;
};

static struct matrix matrix_read(const struct st *file, struct affix a, const char *module)
{
	char *name = xformat("%s%s%s", a.before, module, a.after);
	const struct st_tensor *t = st_find(file, name);
	if (!t)
		die("no tensor '%s'", name);
	struct matrix m = {t->dim[0], t->dim[1], xarray(t->dim[0] * t->dim[1], sizeof(double))};
	size_t n = m.rows * m.cols;
	float *x = xarray(n, sizeof(*x));
	st_read(file, t, 0, n, x);
	for (size_t i = 0; i < n; i++)
		m.x[i] = (double)x[i];
	free(x);
	free(name);
	return m;
}

/* B (rows, R) times A (R, cols). */
static struct matrix product(const struct matrix *B, const struct matrix *A, const char *module)
{
	if (B->cols != A->rows)
		die("%s: B has %zu columns, A has %zu rows", module, B->cols, A->rows);
	struct matrix W = {B->rows, A->cols, xcalloc(B->rows * A->cols, sizeof(double))};
	for (size_t i = 0; i < W.rows; i++)
		for (size_t k = 0; k < A->rows; k++)
			for (size_t j = 0; j < W.cols; j++)
				W.x[i * W.cols + j] +=
					B->x[i * B->cols + k] * A->x[k * A->cols + j];
	return W;
}

static double difference(const struct matrix *W, const struct matrix *want, const char *module)
{
	if (W->rows != want->rows || W->cols != want->cols)
		die("%s: %zu×%zu, the reference %zu×%zu", module, W->rows, W->cols, want->rows,
		    want->cols);
	double diff = 0, norm = 0;
	for (size_t i = 0; i < W->rows * W->cols; i++) {
		diff += (W->x[i] - want->x[i]) * (W->x[i] - want->x[i]);
		norm += want->x[i] * want->x[i];
	}
	return sqrt(diff / norm);
}

/* One side: its files, and the parts of its factors' names before and behind the module's name. */
struct side {
	struct st *left, *right; /* equal where one file holds both; left NULL: right holds ΔW */
	struct affix b, a;       /* of B, of A */
	double scale;
};

/* One number for all modules: lora_alpha / r, or lora_alpha / √r. */
static double scale(const char *dir)
{
	char *path = xformat("%s/adapter_config.json", dir);
	json_t *config = jsonx_load(path, 1 << 20);
	double r = jsonx_number(config, path, "r");
	double s = jsonx_number(config, path, "lora_alpha");
	s /= jsonx_bool_or(config, path, "use_rslora", false) ? sqrt(r) : r;
	const json_t *alphas = json_object_get(config, "alpha_pattern");
	const json_t *ranks = json_object_get(config, "rank_pattern");
	bool patterns = json_object_size(alphas) + json_object_size(ranks) > 0;
	if (patterns && (s != 1 || !json_equal(alphas, ranks)))
		die("'%s': the scale differs from module to module", path);
	json_decref(config);
	free(path);
	return s;
}

static struct side peft(const char *dir)
{
	char *path = xformat("%s/adapter_model.safetensors", dir);
	struct st *st = st_open(path);
	free(path);
	return (struct side){st,
			     st,
			     {"base_model.model.", ".lora_B.weight"},
			     {"base_model.model.", ".lora_A.weight"},
			     scale(dir)};
}

static struct side reference(void)
{
	struct stat sb;
	if (stat(reference_path, &sb) == 0 && S_ISDIR(sb.st_mode))
		return peft(reference_path);
	if (left_file)
		return (struct side){
			st_open(left_file), st_open(reference_path), {"", ".B"}, {"", ".A"}, 1};
	return (struct side){NULL, st_open(reference_path), {"", ""}, {"", ""}, 1};
}

static void side_close(struct side *s)
{
	if (s->left != s->right)
		st_close(s->left);
	st_close(s->right);
}

static int modules(const struct side *s)
{
	return st_count(s->right) / (s->left == s->right ? 2 : 1);
}

/* The module of a right factor, allocated; NULL: another tensor. */
static char *module_of(const struct side *s, const char *name)
{
	size_t n = strlen(name), before = strlen(s->a.before), after = strlen(s->a.after);
	if (n < before + after || strcmp(name + n - after, s->a.after) != 0)
		return NULL;
	return xformat("%.*s", (int)(n - before - after), name + before);
}

static struct matrix change(const struct side *s, const char *module)
{
	struct matrix A = matrix_read(s->right, s->a, module);
	if (!s->left)
		return A;
	struct matrix B = matrix_read(s->left, s->b, module), W = product(&B, &A, module);
	for (size_t i = 0; i < W.rows * W.cols; i++)
		W.x[i] *= s->scale;
	free(B.x);
	free(A.x);
	return W;
}

static double module_difference(const struct side *a, const struct side *b, const char *module)
{
	struct matrix W = change(a, module), want = change(b, module);
	double d = difference(&W, &want, module);
	free(W.x);
	free(want.x);
	return d;
}

static double worst_module(const struct side *a, const struct side *b, char **place)
{
	double worst = 0;
	*place = NULL;
	for (int i = 0; i < st_count(b->right); i++) {
		char *module = module_of(b, st_at(b->right, i)->name);
		double d = module ? module_difference(a, b, module) : 0;
		if (!(d <= worst)) { /* NaN counts as the worst */
			worst = d;
			free(*place);
			*place = xstrdup(module);
		}
		free(module);
	}
	return worst;
}

int main(int argc, char **argv)
{
	opts_parse(&tool, argc, argv);
	struct side a = peft(adapter_dir), b = reference();
	char *place;

	if (modules(&a) != modules(&b))
		die("the adapter has %d modules, the reference %d", modules(&a), modules(&b));
	double worst = worst_module(&a, &b, &place);
	printf("%d modules, worst %.2g (%s), allowed %.2g\n", modules(&b), worst,
	       place ? place : "none", most);
	free(place);
	side_close(&a);
	side_close(&b);
	return !(worst <= most);
}
