/* test_samples.c: samples and decoder tokens, written and read back; and everything wrong that a
 * file can say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/die.h"
#include "base/shard.h"
#include "child.h"
#include "files/h5/h5.h"
#include "merge/samples.h"

static int row[] = {7, 0, 31}, length[] = {3, 1, 2}, ids[] = {5, 6, 1, 1, 9, 1};
static int label_length[] = {2, 2, 3}, label_ids[] = {4, 1, 8, 1, 4, 4, 1};

static void test_round_trip(void **state)
{
	(void)state;
	struct samples s = {.task = (char *)(uintptr_t) "tec", .S = 3, .max_length = 3, .row = row},
		       t;
	s.length = length;
	s.ids = ids;
	s.total = 6;
	s.label_length = label_length;
	s.label_ids = label_ids;
	s.label_total = 7;
	samples_write(&s, "new/folder/tec.h5");
	samples_read(&t, "new/folder/tec.h5", "tec");
	assert_string_equal(t.task, "tec");
	assert_int_equal(t.S, 3);
	assert_int_equal(t.max_length, 3);
	assert_int_equal(t.total, 6);
	assert_int_equal(t.label_total, 7);
	assert_memory_equal(t.row, row, sizeof row);
	assert_memory_equal(t.length, length, sizeof length);
	assert_memory_equal(t.ids, ids, sizeof ids);
	assert_memory_equal(t.label_length, label_length, sizeof label_length);
	assert_memory_equal(t.label_ids, label_ids, sizeof label_ids);
	const int offset[] = {0, 3, 4}, label_offset[] = {0, 2, 4};
	assert_memory_equal(t.offset, offset, sizeof offset);
	assert_memory_equal(t.label_offset, label_offset, sizeof label_offset);
	samples_need_vocab(&t, "new/folder/tec.h5", 10);
	samples_release(&t);
	samples_release(&t);
	samples_read(&t, "new/folder/tec.h5", NULL);
	samples_release(&t);
	assert_int_equal(entries_in("new/folder"), 1); /* no temporary file is left */
}

/* Samples of these prompts and answers, whose ids count up. */
static struct samples made(int S, const int *prompts, const int *answers)
{
	size_t n = (size_t)S * sizeof(int);
	struct samples s = {.task = xstrdup("tec"), .S = S, .max_length = 100};
	int **each[] = {&s.row, &s.length, &s.offset, &s.label_length, &s.label_offset};

	for (int i = 0; i < 5; i++)
		*each[i] = xmalloc(n);
	for (int i = 0; i < S; i++)
		s.row[i] = 10 * i;
	memcpy(s.length, prompts, n);
	memcpy(s.label_length, answers, n);
	s.total = ragged_offsets(s.length, S, s.offset);
	s.label_total = ragged_offsets(s.label_length, S, s.label_offset);
	s.ids = xarray((size_t)s.total, sizeof(int));
	s.label_ids = xarray((size_t)s.label_total, sizeof(int));
	for (int i = 0; i < s.total; i++)
		s.ids[i] = i;
	for (int i = 0; i < s.label_total; i++)
		s.label_ids[i] = 1000 + i;
	return s;
}

/* Cuts of samples of so many tokens, prompt and answer together. */
static void test_cuts(void **state)
{
	(void)state;
	static const struct {
		int S, tokens[8];
		struct shards of;
		int first[9];
	} cases[] = {
		{6, {5, 5, 5, 5, 5, 5}, {3, 1}, {0, 2, 4, 6}},
		{6, {5, 5, 5, 5, 5, 5}, {1, 1}, {0, 6}},
		{6, {5, 5, 5, 5, 5, 5}, {6, 1}, {0, 1, 2, 3, 4, 5, 6}},
		{5, {90, 2, 2, 2, 2}, {3, 1}, {0, 1, 2, 5}}, /* each shard has a sample */
		{5, {2, 2, 2, 2, 90}, {3, 1}, {0, 3, 4, 5}}, /* the others need one each */
		{4, {5, 10, 5, 10}, {2, 1}, {0, 2, 4}},
		{3, {5, 10, 5}, {2, 1}, {0, 1, 3}}, /* two places are as close: the first */
		{7, {5, 5, 5, 5, 5, 5, 5}, {2, 3}, {0, 3, 7}},
		{7, {5, 5, 5, 5, 5, 5, 5}, {3, 3}, {0, 3, 6, 7}},
	};
	static const int answers[] = {1, 1, 1, 1, 1, 1, 1, 1};

	for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
		int prompts[8], first[9];

		for (int i = 0; i < cases[c].S; i++)
			prompts[i] = cases[c].tokens[i] - 1;
		struct samples s = made(cases[c].S, prompts, answers);
		assert_true(samples_cuts(&s, cases[c].of, first));
		assert_memory_equal(first, cases[c].first,
				    (size_t)(cases[c].of.n + 1) * sizeof(int));
		samples_release(&s);
	}
	struct samples s = made(7, cases[7].tokens, answers);
	int first[9];
	assert_false(samples_cuts(&s, (struct shards){8, 1}, first));
	assert_false(samples_cuts(&s, (struct shards){4, 3}, first));
	samples_release(&s);
}

static void test_keep(void **state)
{
	(void)state;
	static const int prompts[] = {3, 1, 2, 4}, answers[] = {2, 2, 3, 1};
	struct samples s = made(4, prompts, answers);

	samples_keep(&s, 1, 3);
	assert_int_equal(s.S, 2);
	static const int of_row[] = {10, 20}, of_length[] = {1, 2}, of_offset[] = {0, 1},
			 of_ids[] = {3, 4, 5}, of_label_length[] = {2, 3},
			 of_label_offset[] = {0, 2},
			 of_label_ids[] = {1002, 1003, 1004, 1005, 1006};

	assert_int_equal(s.total, 3);
	assert_int_equal(s.label_total, 5);
	assert_memory_equal(s.row, of_row, sizeof of_row);
	assert_memory_equal(s.length, of_length, sizeof of_length);
	assert_memory_equal(s.offset, of_offset, sizeof of_offset);
	assert_memory_equal(s.ids, of_ids, sizeof of_ids);
	assert_memory_equal(s.label_length, of_label_length, sizeof of_label_length);
	assert_memory_equal(s.label_offset, of_label_offset, sizeof of_label_offset);
	assert_memory_equal(s.label_ids, of_label_ids, sizeof of_label_ids);
	samples_release(&s);
}

static void test_read_shard(void **state)
{
	(void)state;
	static const int prompts[] = {3, 1, 2, 4}, answers[] = {2, 2, 3, 1};
	struct samples s = made(4, prompts, answers), t;

	samples_write(&s, "cut.h5");
	samples_read_shard(&t, "cut.h5", "tec", (struct shards){1, 1});
	assert_int_equal(t.S, 4);
	samples_release(&t);
	int found = 0;
	for (int k = 1; k <= 3; k++) {
		char *name = shard_name("tec", k);

		samples_read_shard(&t, "cut.h5", name, (struct shards){3, 1});
		assert_string_equal(t.task, "tec");
		for (int i = 0; i < t.S; i++)
			assert_int_equal(t.row[i], 10 * found++);
		samples_release(&t);
		free(name);
	}
	assert_int_equal(found, 4);
	samples_release(&s);
}

static void read_too_many(void *arg)
{
	struct samples s;

	samples_read_shard(&s, arg, "tec/01", (struct shards){5, 1});
}

static void test_too_many_shards(void **state)
{
	(void)state;
	struct child c = child_run(read_too_many, (void *)(uintptr_t) "cut.h5");

	assert_int_equal(c.code, 1);
	assert_true(child_said(
		&c, "'cut.h5' has 4 samples, and --shards is 5: a shard has at least 1"));
}

static void test_tokens_round_trip(void **state)
{
	(void)state;
	struct decoder_tokens s = {.task = (char *)(uintptr_t) "tec", .S = 3, .max_new_tokens = 3},
			      t;
	s.length = length;
	s.ids = ids;
	s.total = 6;
	decoder_tokens_write(&s, "tokens.h5");
	decoder_tokens_read(&t, "tokens.h5", "tec", 3);
	assert_int_equal(t.S, 3);
	assert_int_equal(t.max_new_tokens, 3);
	assert_int_equal(t.total, 6);
	assert_memory_equal(t.length, length, sizeof length);
	assert_memory_equal(t.ids, ids, sizeof ids);
	const int offset[] = {0, 3, 4};
	assert_memory_equal(t.offset, offset, sizeof offset);
	decoder_tokens_release(&t);
	decoder_tokens_read(&t, "tokens.h5", NULL, 0);
	decoder_tokens_need_vocab(&t, "tokens.h5", 10);
	decoder_tokens_release(&t);
	decoder_tokens_release(&t);
}

/* ---- files that say something wrong ---- */

struct lie {
	const char *name; /* name of the dataset or attribute that is wrong; NULL: all is right */
	int at, value; /* dataset: this element gets this value; at = -1: the dataset is left out;
			  at = -2: it has `value` more elements */
	const char *message; /* the reader's message */
};

static void write_dataset(struct h5 *f, const struct lie *l, const char *name, const int *good,
			  int n)
{
	int v[16] = {0};
	memcpy(v, good, (size_t)n * sizeof *v);
	if (l->name && !strcmp(l->name, name)) {
		if (l->at == -1)
			return;
		if (l->at == -2)
			n += l->value;
		else
			v[l->at] = l->value;
	}
	h5_dataset(f, name, H5_I32, (size_t)n, 0);
	h5_write_int(f, name, 0, (size_t)n, v);
}

static void write_attribute(struct h5 *f, const struct lie *l, const char *name, int good)
{
	bool lies = l->name && !strcmp(l->name, name);
	if (!lies || l->at != -1)
		h5_set_int(f, "/", name, lies ? l->value : good);
}

static void write_lie(const char *schema, const struct lie *l)
{
	bool tokens = !strcmp(schema, "iteris-tokens");
	struct h5 *f = h5_create("lie.h5", schema, 1);
	if (!l->name || strcmp(l->name, "task"))
		h5_set_string(f, "/", "task", "tec");
	write_attribute(f, l, "S", 3);
	write_attribute(f, l, tokens ? "max_new_tokens" : "max_length", 3);
	write_dataset(f, l, "length", length, 3);
	write_dataset(f, l, "ids", ids, 6);
	if (!tokens) {
		write_dataset(f, l, "row", row, 3);
		write_dataset(f, l, "label_length", label_length, 3);
		write_dataset(f, l, "label_ids", label_ids, 7);
	}
	h5_commit(f);
}

static void read_samples(void *path)
{
	struct samples s;
	samples_read(&s, path, "tec");
	samples_need_vocab(&s, path, 10);
	samples_release(&s);
}

static void read_tokens(void *path)
{
	struct decoder_tokens t;
	decoder_tokens_read(&t, path, "tec", 3);
	decoder_tokens_need_vocab(&t, path, 10);
	decoder_tokens_release(&t);
}

static void assert_lie(const char *schema, void (*read)(void *), const struct lie *l)
{
	write_lie(schema, l);
	struct child c = child_run(read, (void *)(uintptr_t) "lie.h5");
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, l->message));
	assert_true(child_said(&c, "lie.h5"));
}

static const struct lie truth = {NULL, 0, 0, NULL};

static void test_lies(void **state)
{
	(void)state;
	static const struct lie lies[] = {
		{"task", -1, 0, "task"},
		{"S", -1, 0, "S"},
		{"S", 0, 0, "S is 0"},
		{"S", 0, -3, "S is -3"},
		{"S", 0, 4, "row"},
		{"S", 0, 2000000000, "row"},
		{"max_length", 0, 2, "length[0] is 3, not 1 to 2"},
		{"max_length", 0, 0, "max_length is 0"},
		{"row", 1, -1, "row[1] is -1"},
		{"row", -1, 0, "row"},
		{"length", 1, 0, "length[1] is 0, not 1 to 3"},
		{"length", 0, -2, "length[0] is -2"},
		{"length", 0, 2147483647, "length[0] is 2147483647, not 1 to 3"},
		{"length", 1, 2, "ids"},
		{"length", -2, 1, "length"},
		{"ids", -2, 1, "ids"},
		{"ids", 4, -9, "ids[4] is -9"},
		{"ids", 4, 10, "ids[4] is 10, but the model's vocabulary has 10 entries"},
		{"ids", -1, 0, "ids"},
		{"label_length", 2, 4, "label_length[2] is 4, not 1 to 3"},
		{"label_length", 2, 2, "label_ids"},
		{"label_ids", 0, 77, "label_ids[0] is 77"},
	};
	write_lie("iteris-samples", &truth);
	struct child c = child_run(read_samples, (void *)(uintptr_t) "lie.h5");
	assert_int_equal(c.code, CHILD_RETURNED);
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
		assert_lie("iteris-samples", read_samples, &lies[i]);
}

static void test_token_lies(void **state)
{
	(void)state;
	static const struct lie lies[] = {
		{"S", 0, 2, "2 samples, but there are 3"},
		{"max_new_tokens", 0, 2, "length[0] is 3, not 1 to 2"},
		{"max_new_tokens", -1, 0, "max_new_tokens"},
		{"length", 2, 0, "length[2] is 0"},
		{"length", 2, 1, "ids"},
		{"ids", 0, -1, "ids[0] is -1"},
		{"ids", 5, 10, "ids[5] is 10"},
	};
	write_lie("iteris-tokens", &truth);
	struct child c = child_run(read_tokens, (void *)(uintptr_t) "lie.h5");
	assert_int_equal(c.code, CHILD_RETURNED);
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
		assert_lie("iteris-tokens", read_tokens, &lies[i]);
}

static void read_as_isear(void *path)
{
	struct samples s;
	samples_read(&s, path, "isear");
}

static void test_wrong_file(void **state)
{
	(void)state;
	write_lie("iteris-samples", &truth);
	struct child c = child_run(read_as_isear, (void *)(uintptr_t) "lie.h5");
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, "isear"));
	assert_true(child_said(&c, "tec"));
	c = child_run(read_tokens, (void *)(uintptr_t) "lie.h5");
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, "iteris-tokens"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_tokens_round_trip),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_token_lies),
		cmocka_unit_test(test_wrong_file),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_read_shard),
		cmocka_unit_test(test_too_many_shards),
	};
	return cmocka_run_group_tests_name("samples", tests, scratch_setup, scratch_teardown);
}
