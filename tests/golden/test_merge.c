/* test_merge.c: whole merges against float64 PyTorch: ΔW = B·A of WORK/adapter, module by module.
 *
 * Tolerance: relative Frobenius difference ≤ 1e-4; the product's own bound is 1e-3. The solve
 * amplifies the rows' float32 errors (at most 3e-6) by up to the condition, 1 + 1/alpha_2 = 12500.
 * It does so in directions that hold little of ΔW: 8e-6 was measured on the real case.
 *
 * EMOTION_DIR (optional): the real case; its golden/sweep and golden/regmean hold dense ΔW. */
#include "golden.h"

#include <math.h>

#include "adapter/adapter.h"
#include "files/h5/h5.h"

#define TOLERANCE 1e-4

/* W (m, n) = B (m, r) A (r, n), float64. */
static double *product(const float *B, const float *A, size_t m, size_t r, size_t n)
{
	double *W = xcalloc(m * n, sizeof(*W));

	for (size_t i = 0; i < m; i++)
		for (size_t k = 0; k < r; k++)
			for (size_t j = 0; j < n; j++)
				W[i * n + j] += (double)B[i * r + k] * (double)A[k * n + j];
	return W;
}

static float *read_all(const struct st *st, const char *name, size_t *rows, size_t *cols)
{
	const struct st_tensor *t = st_find(st, name);
	float *x;

	if (!t)
		fail_msg("no tensor '%s'", name);
	*rows = t->dim[0];
	*cols = t->dim[1];
	x = xarray(*rows * *cols, sizeof(*x));
	st_read(st, t, 0, *rows * *cols, x);
	return x;
}

/* ΔW of the merged adapter (its scale is 1). */
static double *merged(const struct st *adapter, const char *module, size_t *m, size_t *n)
{
	char *a = xformat("base_model.model.%s.lora_A.weight", module),
	     *b = xformat("base_model.model.%s.lora_B.weight", module);
	size_t ra, rb;
	float *A = read_all(adapter, a, &ra, n), *B = read_all(adapter, b, m, &rb);
	double *W;

	assert_int_equal(ra, rb);
	W = product(B, A, *m, ra, *n);
	free(A);
	free(B);
	free(a);
	free(b);
	return W;
}

static double difference(const double *W, const double *want, size_t n)
{
	double d = 0, s = 0;

	for (size_t i = 0; i < n; i++) {
		d += (W[i] - want[i]) * (W[i] - want[i]);
		s += want[i] * want[i];
	}
	return sqrt(d / s);
}

static struct st *merged_open(const char *work)
{
	char *path = xformat("%s/adapter/adapter_model.safetensors", work);
	struct st *st = st_open(path);

	free(path);
	return st;
}

static void check(double error, const char *method, const char *module, double *worst)
{
	if (!(error <= TOLERANCE))
		fail_msg("%s: %s: relative difference %.2e, tolerance %.0e", method, module, error,
			 TOLERANCE);
	*worst = error > *worst ? error : *worst;
}

/* [B_1 … B_N] A: A comes from the golden file, B from the demo's adapters. */
static double *golden_solution(const struct st *golden, const char *tensor, const char *module,
			       const char *loras, json_t *tasks, size_t m, size_t n)
{
	size_t R, cols, r0 = 0;
	float *A = read_all(golden, tensor, &R, &cols), *B = xcalloc(m * R, sizeof(*B));
	char *name = xformat("base_model.model.%s.lora_B.weight", module);
	double *W;

	assert_int_equal(cols, n);
	for (size_t t = 0; t < json_array_size(tasks); t++) {
		char *path = xformat("%s/%s", loras, json_string_value(json_array_get(tasks, t)));
		char *file = xformat("%s/adapter_model.safetensors", path);
		struct st *st = st_open(file);
		size_t rows, r;
		float *own = read_all(st, name, &rows, &r);

		assert_int_equal(rows, m);
		assert_true(r0 + r <= R);
		for (size_t i = 0; i < m; i++)
			memcpy(B + i * R + r0, own + i * r, r * sizeof(*B));
		r0 += r;
		free(own);
		st_close(st);
		free(file);
		free(path);
	}
	assert_int_equal(r0, R);
	W = product(B, A, m, R, n);
	free(A);
	free(B);
	free(name);
	return W;
}

/* The golden solutions belong to these calibration rows. Another draw would give another merge. */
static void check_rows(const char *work, json_t *j)
{
	const char *task;
	json_t *want;

	json_object_foreach (golden_get(j, "rows"), task, want) {
		char *path = xformat("%s/samples/%s.h5", work, task);
		struct h5 *f = h5_open(path, "iteris-samples", 1);
		size_t n, cols;
		int32_t *row;

		h5_shape(f, "/row", &n, &cols);
		assert_int_equal(n, json_array_size(want));
		row = xarray(n, sizeof(*row));
		h5_read_int(f, "/row", 0, n, row);
		for (size_t i = 0; i < n; i++)
			if (row[i] != json_integer_value(json_array_get(want, i)))
				fail_msg("%s: sample %zu is row %d, not %lld: the draw has "
					 "changed; make the golden files again",
					 task, i, (int)row[i],
					 (long long)json_integer_value(json_array_get(want, i)));
		h5_close(f);
		free(row);
		free(path);
	}
}

/* The golden solutions under `name` belong to the demo's merge with these settings. */
static void check_demo(const char *name, const char *settings)
{
	char *work = golden_folder(), *prefix = xformat("%s.", name);
	json_t *j = golden_json(GOLDEN "/demo/solutions.json");
	struct st *golden = st_open(GOLDEN "/demo/solutions.safetensors"), *adapter;
	double worst = 0;
	int count = 0;

	golden_make("merge", DEMO, work, settings);
	check_rows(work, j);
	adapter = merged_open(work);
	for (int i = 0; i < st_count(golden); i++) {
		const char *tensor = st_at(golden, i)->name, *module = tensor + strlen(prefix);
		size_t m, n;
		double *W, *want;

		if (strncmp(tensor, prefix, strlen(prefix)) != 0)
			continue;
		W = merged(adapter, module, &m, &n);
		want = golden_solution(golden, tensor, module, DEMO "/loras",
				       golden_get(j, "tasks"), m, n);
		check(difference(W, want, m * n), name, module, &worst);
		count++;
		free(W);
		free(want);
	}
	assert_true(count > 0);
	print_message("# %s: %d modules, worst relative difference %.1e\n", name, count, worst);
	st_close(adapter);
	st_close(golden);
	json_decref(j);
	golden_drop(work);
	free(prefix);
}

static void check_emotion(const char *method)
{
	const char *dir = golden_emotion();
	char *work, *settings, *path;
	struct st *golden, *adapter;
	double worst = 0;

	if (!dir)
		skip();
	work = golden_folder();
	settings = xformat("METHOD=%s", method);
	path = xformat("%s/golden/%s.safetensors", dir, method);
	golden = st_open(path);
	golden_make("merge", dir, work, settings);
	adapter = merged_open(work);
	assert_int_equal(st_count(adapter), 2 * st_count(golden));
	for (int i = 0; i < st_count(golden); i++) {
		const char *module = st_at(golden, i)->name;
		size_t m, n, rows, cols;
		double *W = merged(adapter, module, &m, &n), *want = xarray(m * n, sizeof(*want));
		float *x = read_all(golden, module, &rows, &cols);

		assert_int_equal(rows, m);
		assert_int_equal(cols, n);
		for (size_t k = 0; k < m * n; k++)
			want[k] = (double)x[k];
		check(difference(W, want, m * n), method, module, &worst);
		free(W);
		free(want);
		free(x);
	}
	print_message("# real case, %s: %d modules, worst relative difference %.1e\n", method,
		      st_count(golden), worst);
	st_close(adapter);
	st_close(golden);
	golden_drop(work);
	free(settings);
	free(path);
}

static void test_demo_sweep(void **state)
{
	(void)state;
	golden_need(GOLDEN "/demo/solutions.safetensors");
	check_demo("sweep", "METHOD=sweep");
}

static void test_demo_regmean(void **state)
{
	(void)state;
	golden_need(GOLDEN "/demo/solutions.safetensors");
	check_demo("regmean", "METHOD=regmean");
}

static void test_demo_given(void **state)
{
	(void)state;
	golden_need(GOLDEN "/demo/solutions.safetensors");
	check_demo("given", "METHOD=sweep ANSWERS=given");
}

static void test_emotion_sweep(void **state)
{
	(void)state;
	check_emotion("sweep");
}

static void test_emotion_regmean(void **state)
{
	(void)state;
	check_emotion("regmean");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_demo_sweep),      cmocka_unit_test(test_demo_regmean),
		cmocka_unit_test(test_demo_given),      cmocka_unit_test(test_emotion_sweep),
		cmocka_unit_test(test_emotion_regmean),
	};

	prog_name = "test_merge";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
