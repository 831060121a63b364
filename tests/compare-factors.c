/* compare-factors.c: is a merged adapter the reference? The change ΔW = s B A of every module of a
 * PEFT folder, against a safetensors file of the reference: ‖ΔW − ΔW_ref‖ / ‖ΔW_ref‖ in the
 * Frobenius norm, products in float64.
 *
 * The reference holds ΔW itself ("<module>"), or the right factors ("<module>.A") where --left
 * names the file of the left ones ("<module>.B"). No model is needed, so any family will do. Prints
 * the worst module. Ends with 1 where it is over --max, or where one side has a module that the
 * other has not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/die.h"
#include "base/opts.h"
#include "files/jsonx.h"
#include "files/safetensors/st.h"

static const char *adapter_dir, *reference_file, *left_file;
static double most = 1e-3;

static const struct opt options[] = {
	{"adapter", 0, OPT_STRING, &adapter_dir, true, 0, 0, "DIR",
	 "merged adapter, as PEFT reads it"},
	{"reference", 0, OPT_STRING, &reference_file, true, 0, 0, "FILE", "ΔW, or right factors"},
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

/* What stands around a module's name in the name of its tensor. */
struct affix {
	const char *before, *after;
};

static const struct affix PEFT_A = {"base_model.model.", ".lora_A.weight"};
static const struct affix PEFT_B = {"base_model.model.", ".lora_B.weight"};

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

static struct matrix multiplied(const struct st *left, struct affix b, const struct st *right,
				struct affix a, const char *module)
{
	struct matrix B = matrix_read(left, b, module);
	struct matrix A = matrix_read(right, a, module);
	struct matrix W = product(&B, &A, module);
	free(B.x);
	free(A.x);
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

/* A merged adapter's scale is one number for all modules: lora_alpha / r. */
static double scale(void)
{
	char *path = xformat("%s/adapter_config.json", adapter_dir);
	json_t *config = jsonx_load(path, 1 << 20);
	double s = jsonx_number(config, path, "lora_alpha") / jsonx_number(config, path, "r");
	const json_t *alphas = json_object_get(config, "alpha_pattern");
	const json_t *ranks = json_object_get(config, "rank_pattern");
	if (jsonx_bool_or(config, path, "use_rslora", false) || !json_equal(alphas, ranks))
		die("'%s': the scale differs from module to module", path);
	json_decref(config);
	free(path);
	return s;
}

/* The module that a tensor of the reference belongs to; allocated. */
static char *module_of(const char *name)
{
	size_t n = strlen(name),
	       cut = left_file && n > 2 && strcmp(name + n - 2, ".A") == 0 ? 2 : 0;
	return xformat("%.*s", (int)(n - cut), name);
}

static struct matrix reference(const struct st *right, const struct st *left, const char *module)
{
	const struct affix A = {"", ".A"}, B = {"", ".B"}, none = {"", ""};
	return left ? multiplied(left, B, right, A, module) : matrix_read(right, none, module);
}

static double module_difference(const struct st *adapter, const struct matrix *want, double s,
				const char *module)
{
	struct matrix W = multiplied(adapter, PEFT_B, adapter, PEFT_A, module);
	for (size_t i = 0; i < W.rows * W.cols; i++)
		W.x[i] *= s;
	double d = difference(&W, want, module);
	free(W.x);
	return d;
}

int main(int argc, char **argv)
{
	opts_parse(&tool, argc, argv);
	char *file = xformat("%s/adapter_model.safetensors", adapter_dir);
	struct st *adapter = st_open(file), *right = st_open(reference_file), *left = NULL;
	if (left_file)
		left = st_open(left_file);
	double s = scale(), worst = 0;
	char *place = xstrdup("none");

	if (st_count(adapter) != 2 * st_count(right))
		die("the adapter has %d modules, the reference %d", st_count(adapter) / 2,
		    st_count(right));
	for (int i = 0; i < st_count(right); i++) {
		char *module = module_of(st_at(right, i)->name);
		struct matrix want = reference(right, left, module);
		double d = module_difference(adapter, &want, s, module);
		free(want.x);
		if (!(d <= worst)) { /* NaN counts as worst */
			worst = d;
			free(place);
			place = xstrdup(module);
		}
		free(module);
	}
	printf("%d modules, worst %.2g (%s), allowed %.2g\n", st_count(right), worst, place, most);
	free(place);
	free(file);
	st_close(adapter);
	st_close(right);
	st_close(left);
	return !(worst <= most);
}
