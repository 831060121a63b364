/* test_adapters.c: adapters saved by PEFT that name their modules in every possible way. They must
 * have the same modules and, to 1e-6, the same ΔW as PEFT's get_delta_weight()
 * (tests/oracle/adapters.py). */
#include <dirent.h>

#include "golden.h"

#include "../unit/small_t5.h"
#include "adapter/adapter.h"

static const struct geometry MODEL = {SMALL_T5, .L = {2, 1}, .gated = true, .act = BE_GELU_NEW};

static void check_delta(const struct adapter *a, const struct lora *l, const struct st *deltas)
{
	char *name = module_name(&MODEL, l->module);
	const struct st_tensor *t = st_find(deltas, name);
	size_t d_out = (size_t)module_d_out(&MODEL, l->module.slot),
	       d_in = (size_t)module_d_in(&MODEL, l->module.slot), r = (size_t)l->r;
	float A[12 * 12], B[12 * 12], want[12 * 12];

	if (!t)
		fail_msg("%s: PEFT does not target %s", a->dir, name);
	assert_true(t->dim[0] == d_out && t->dim[1] == d_in);
	st_read(deltas, t, 0, d_out * d_in, want);
	lora_read_A(a, l, A);
	lora_read_B(a, l, B);
	for (size_t o = 0; o < d_out; o++)
		for (size_t i = 0; i < d_in; i++) {
			double sum = 0;

			for (size_t k = 0; k < r; k++)
				sum += (double)B[o * r + k] * (double)A[k * d_in + i];
			if (!(l->scale * sum - (double)want[o * d_in + i] < 1e-6 &&
			      l->scale * sum - (double)want[o * d_in + i] > -1e-6))
				fail_msg("%s: %s (%zu, %zu): %.9g, PEFT has %.9g", a->dir, name, o,
					 i, l->scale * sum, (double)want[o * d_in + i]);
		}
	free(name);
}

static void check_case(const char *name)
{
	char *dir = xformat(GOLDEN "/adapters/%s", name),
	     *file = xformat("%s/delta.safetensors", dir);
	struct adapter *a = adapter_open(dir, &MODEL);
	struct st *deltas = st_open(file);

	assert_int_equal(a->n, st_count(deltas));
	for (int i = 0; i < a->n; i++)
		check_delta(a, &a->lora[i], deltas);
	st_close(deltas);
	adapter_close(a);
	free(file);
	free(dir);
}

static void test_all(void **state)
{
	DIR *d = opendir(GOLDEN "/adapters");
	int n = 0;

	(void)state;
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (*e->d_name != '.') {
			check_case(e->d_name);
			n++;
		}
	closedir(d);
	assert_int_equal(n, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};

	return cmocka_run_group_tests_name("adapters", tests, NULL, NULL);
}
