/* test_embedding.c: which tensor is the head, by the keys of config.json and the tensors of the
 * file; and copies of the input embedding that differ. (cli/models.sh tests what transformers
 * does.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/die.h"
#include "case.h"
#include "child.h"
#include "model/embedding.h"

enum { V = 5, D = 3 };

/* The tensors of a file. SHARED, ENCODER and DECODER hold the same rows, except in the copy that is
 * spoilt. */
enum { SHARED = 1, ENCODER = 2, DECODER = 4, HEAD = 8, TALL = 16 };
static const char *const names[] = {"shared.weight", "encoder.embed_tokens.weight",
				    "decoder.embed_tokens.weight", "lm_head.weight"};

static size_t rows_of(int i, int tensors)
{
	return V + (i == 0 && tensors & TALL);
}

/* Element `at` of tensor `spoilt` differs. */
static struct st *file_of(int tensors, int spoilt, int at)
{
	struct st_out *out = st_create("model.safetensors");

	for (int i = 0; i < 4; i++)
		if (tensors >> i & 1)
			st_declare(out, names[i], rows_of(i, tensors), D);
	for (int i = 0; i < 4; i++) {
		float x[(V + 1) * D];

		if (!(tensors >> i & 1))
			continue;
		for (int k = 0; k < (V + 1) * D; k++)
			x[k] = (float)k + (1 << i == spoilt && k == at ? 0.5f : 0);
		st_write(out, x, rows_of(i, tensors) * D);
	}
	st_commit(out);
	return st_open("model.safetensors");
}

struct case_of {
	int tensors, spoilt, at;
	bool scale_given, tied, scaled;
};

static struct geometry geometry_of(const struct case_of *c)
{
	return (struct geometry){.family = &family_t5,
				 .V = V,
				 .D = D,
				 .scale_given = c->scale_given,
				 .tied = c->tied,
				 .scaled = c->scaled};
}

static void test_head(void **state)
{
	static const struct {
		struct case_of c;
		const char *input, *head;
		int twins;
	} CASE[] = {
		{{.tensors = SHARED, .tied = true}, "shared.weight", "shared.weight", 0},
		{{.tensors = SHARED | HEAD}, "shared.weight", "lm_head.weight", 0},
		{{.tensors = SHARED | HEAD, .tied = true}, "shared.weight", "shared.weight", 0},
		{{.tensors = SHARED | HEAD, .spoilt = HEAD, .at = 4, .scale_given = true},
		 "shared.weight",
		 "lm_head.weight",
		 0},
		{{.tensors = SHARED, .scale_given = true}, "shared.weight", "shared.weight", 0},
		{{.tensors = DECODER, .tied = true},
		 "decoder.embed_tokens.weight",
		 "decoder.embed_tokens.weight",
		 0},
		{{.tensors = SHARED | ENCODER | DECODER, .tied = true},
		 "shared.weight",
		 "shared.weight",
		 2},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct geometry m = geometry_of(&CASE[i].c);
		struct st *st = file_of(CASE[i].c.tensors, CASE[i].c.spoilt, CASE[i].c.at);
		struct embedding e = embedding_find(st, &m, ".");

		assert_string_equal(e.input->name, CASE[i].input);
		assert_string_equal(e.head->name, CASE[i].head);
		assert_int_equal(e.ntwins, CASE[i].twins);
		embedding_check_twins(&e, st, 0, V);
		st_close(st);
	}
}

static void find(void *arg)
{
	const struct case_of *c = arg;
	struct geometry m = geometry_of(c);

	embedding_find(file_of(c->tensors, c->spoilt, c->at), &m, "dir");
}

static void test_refused(void **state)
{
	static const struct {
		struct case_of c;
		const char *message;
	} CASE[] = {
		{{.tensors = HEAD}, "shared.weight"},
		{{.tensors = SHARED | TALL, .tied = true}, "expected shape (5, 3), found (6, 3)"},
		{{.tensors = SHARED},
		 "'dir/config.json': tie_word_embeddings is false, but there is no tensor "
		 "'lm_head.weight', and scale_decoder_outputs is not given"},
		{{.tensors = SHARED | HEAD, .spoilt = HEAD, .at = 7, .tied = true},
		 "'dir/config.json': tie_word_embeddings is true, but lm_head.weight differs from "
		 "shared.weight (row 2)"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct child c = child_run(find, (void *)(uintptr_t)&CASE[i].c);

		assert_int_equal(c.code, EXIT_WORLD);
		assert_true(child_said(&c, CASE[i].message));
	}
}

/* Rows 0 to 2, or 3 to 4, of copies that differ in row 3. */
static void check_twins(void *first)
{
	const struct case_of c = {
		.tensors = SHARED | DECODER, .spoilt = DECODER, .at = 3 * D, .tied = true};
	struct geometry m = geometry_of(&c);
	struct st *st = file_of(c.tensors, c.spoilt, c.at);
	struct embedding e = embedding_find(st, &m, ".");
	size_t row = *(size_t *)first;

	embedding_check_twins(&e, st, row, row ? 2 : 3);
	st_close(st);
}

static void test_twins(void **state)
{
	size_t before = 0, within = 3;
	struct child c = child_run(check_twins, &before);
	(void)state;
	assert_int_equal(c.code, CHILD_RETURNED);
	c = child_run(check_twins, &within);
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, "tensors 'shared.weight' and 'decoder.embed_tokens.weight' "
				   "differ (row 3)"));
}

static void note_of(void *arg)
{
	const struct case_of *c = arg;
	struct geometry m = geometry_of(c);
	struct embedding e = embedding_find(file_of(c->tensors, 0, 0), &m, "dir");

	embedding_note(&e, &m, "dir");
}

static void test_note(void **state)
{
	struct case_of suspect = {.tensors = SHARED | HEAD, .scale_given = true, .scaled = true},
		       plain = {.tensors = SHARED | HEAD, .scale_given = true};
	struct child c = child_run(note_of, &suspect);
	(void)state;
	assert_true(child_said(&c, "'dir/config.json': scale_decoder_outputs is true beside a "
				   "head of its own (lm_head.weight)"));
	c = child_run(note_of, &plain);
	assert_string_equal(c.err, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_twins),
		cmocka_unit_test(test_note),
	};
	char *scratch = scratch_enter();
	int failed = cmocka_run_group_tests_name("embedding", tests, NULL, NULL);

	scratch_leave(scratch);
	return failed;
}
