/* test_site.c: names, order and widths of sites, and which site a module's input is. EMOTION_DIR:
 * folder of the small real case (optional). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "child.h"
#include "model/site.h"
#include "small_t5.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void test_order(void **state)
{
	/* Every site of a model with 2 + 1 blocks, in the order of the computation. */
	static const char *const name[] = {
		"enc00-self", "enc00-out",   "enc00-ffn",      "enc00-down",     "enc01-self",
		"enc01-out",  "enc01-ffn",   "enc01-down",     "encoder-output", "dec00-self",
		"dec00-out",  "dec00-cross", "dec00-crossout", "dec00-ffn",      "dec00-down",
	};
	static const int width[] = {8, 6, 8, 12, 8, 6, 8, 12, 8, 8, 6, 8, 6, 8, 12};
	struct geometry m = SMALL_T5_OF(2, 1);
	struct site s[COUNT(name)];
	char buf[24];
	(void)state;
	for (size_t i = 0; i < COUNT(name); i++) {
		assert_true(site_parse(&m, name[i], &s[i]));
		assert_string_equal(site_name(&family_t5, s[i], buf), name[i]);
		assert_int_equal(site_width(&m, s[i]), width[i]);
		assert_int_equal(site_is_encoder_output(s[i]), i == 8);
	}
	for (size_t i = 0; i < COUNT(name); i++)
		for (size_t k = 0; k < COUNT(name); k++)
			assert_int_equal(site_compare(s[i], s[k]), (i > k) - (i < k));
	assert_int_equal(site_compare(site_encoder_output(), s[8]), 0);
}

static void test_no_sites(void **state)
{
	static const char *const name[] = {
		"",
		"enc",
		"enc0-self",
		"enc1-self",
		"enc001-self",
		"enc-self",
		"enc02-self",
		"dec01-self",
		"enc00-cross",
		"enc00-crossout",
		"enc00-",
		"enc00",
		"enc00self",
		"enc00-selfx",
		"enc00-self ",
		" enc00-self",
		"Enc00-self",
		"mem",
		"encoder-output ",
		"dec00-encoder-output",
		"enc99999999999999999999-self",
		"dec-1-self",
		"enc00_self",
		"abc00-self",
		"de",
		"enc00-end",
	};
	struct geometry m = SMALL_T5_OF(2, 1);
	struct site s;
	(void)state;
	for (size_t i = 0; i < COUNT(name); i++)
		assert_false(site_parse(&m, name[i], &s));
}

static void test_many_blocks(void **state)
{
	struct geometry m = SMALL_T5_OF(999, 120);
	struct site s;
	char buf[24];
	(void)state;
	assert_true(site_parse(&m, "dec119-crossout", &s));
	assert_int_equal(s.block, 119);
	assert_int_equal(s.step, STEP_CROSSOUT);
	assert_string_equal(site_name(&family_t5, s, buf), "dec119-crossout");
	assert_true(site_parse(&m, "enc998-self", &s));
	assert_false(site_parse(&m, "enc999-self", &s));
	assert_false(site_parse(&m, "dec120-self", &s));
	assert_true(site_parse(&m, "enc10-self", &s));
	assert_false(site_parse(&m, "enc010-self", &s));
}

static void test_modules(void **state)
{
	static const struct {
		const char *module, *site;
	} CASE[] = {
		{"encoder.block.7.layer.0.SelfAttention.q", "enc07-self"},
		{"encoder.block.7.layer.0.SelfAttention.k", "enc07-self"},
		{"encoder.block.7.layer.0.SelfAttention.v", "enc07-self"},
		{"encoder.block.7.layer.0.SelfAttention.o", "enc07-out"},
		{"encoder.block.7.layer.1.DenseReluDense.wi_0", "enc07-ffn"},
		{"encoder.block.7.layer.1.DenseReluDense.wi_1", "enc07-ffn"},
		{"encoder.block.7.layer.1.DenseReluDense.wo", "enc07-down"},
		{"decoder.block.3.layer.0.SelfAttention.v", "dec03-self"},
		{"decoder.block.3.layer.0.SelfAttention.o", "dec03-out"},
		{"decoder.block.3.layer.1.EncDecAttention.q", "dec03-cross"},
		{"decoder.block.3.layer.1.EncDecAttention.k", "encoder-output"},
		{"decoder.block.0.layer.1.EncDecAttention.v", "encoder-output"},
		{"decoder.block.3.layer.1.EncDecAttention.o", "dec03-crossout"},
		{"decoder.block.3.layer.2.DenseReluDense.wi_0", "dec03-ffn"},
		{"decoder.block.3.layer.2.DenseReluDense.wo", "dec03-down"},
	};
	struct geometry m = SMALL_T5_OF(8, 4);
	struct module q;
	char buf[24];
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		assert_true(module_parse(&m, CASE[i].module, &q));
		struct site s = site_of_module(&family_t5, q);
		assert_string_equal(site_name(&family_t5, s, buf), CASE[i].site);
		assert_int_equal(module_d_in(&m, q.slot), site_width(&m, s));
	}
	m.gated = false;
	assert_true(module_parse(&m, "encoder.block.7.layer.1.DenseReluDense.wi", &q));
	assert_string_equal(site_name(&family_t5, site_of_module(&family_t5, q), buf), "enc07-ffn");
	assert_string_equal(site_kind(&family_t5, site_of_module(&family_t5, q), buf), "enc-ffn");
	assert_string_equal(site_kind(&family_t5, site_encoder_output(), buf), "encoder-output");
}

/* q and v of flan-t5-large: 144 modules, 73 sites; of the small real case: 32 and 17. */
static int count_sites(const struct geometry *m, int *modules)
{
	struct site seen[400];
	int n = 0;
	*modules = 0;
	for (int stack = 0; stack < 2; stack++) {
		for (int i = 0; i < m->L[stack] * SLOTS; i++) {
			struct module q = {stack, i / SLOTS, (i % SLOTS)};
			if (!slot_exists(m, stack, q.slot) ||
			    (q.slot != SELF_Q && q.slot != SELF_V && q.slot != CROSS_Q &&
			     q.slot != CROSS_V))
				continue;
			struct site s = site_of_module(&family_t5, q);
			int k = 0;
			while (k < n && site_compare(seen[k], s) != 0)
				k++;
			if (k == n)
				seen[n++] = s;
			++*modules;
		}
	}
	return n;
}

static void test_counts(void **state)
{
	struct geometry large = SMALL_T5_OF(24, 24);
	int modules;
	(void)state;
	assert_int_equal(count_sites(&large, &modules), 73);
	assert_int_equal(modules, 144);
}

static void test_real(void **state)
{
	const char *dir = getenv("EMOTION_DIR");
	int modules;
	(void)state;
	if (!dir) {
		print_message("skipped: EMOTION_DIR is not set\n");
		skip();
	}
	char path[4096];
	snprintf(path, sizeof(path), "%s/model", dir);
	struct geometry m = geometry_load(path);
	assert_int_equal(count_sites(&m, &modules), 17);
	assert_int_equal(modules, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),       cmocka_unit_test(test_no_sites),
		cmocka_unit_test(test_many_blocks), cmocka_unit_test(test_modules),
		cmocka_unit_test(test_counts),      cmocka_unit_test(test_real),
	};
	return cmocka_run_group_tests_name("site", tests, NULL, NULL);
}
