/* test_tokens.c: texts that contain added tokens, with a spiece.model of twelve pieces.
 *
 * The expected ids are those of the slow T5Tokenizer of transformers 4.57.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/die.h"
#include "child.h"
#include "model/tokenizer/tokens.h"
#include "pieces.h"

enum { PAD, EOS, UNKNOWN, VOCAB = 150, MAX = 64 };

static const struct geometry m = {.V = VOCAB, .pad = PAD, .decoding = {.neos = 1, .eos = {EOS}}};
static char *scratch;

static int enter(void **state)
{
	(void)state;
	scratch = scratch_enter();
	write_model("spiece.model");
	return 0;
}

static int leave(void **state)
{
	(void)state;
	scratch_leave(scratch);
	return 0;
}

/* The tokenizer of these settings; NULL: none. */
static struct t5_tokenizer *open_with(const char *settings)
{
	remove("tokenizer_config.json");
	if (settings) {
		FILE *f = fopen("tokenizer_config.json", "wb");
		assert_non_null(f);
		assert_true(fputs(settings, f) >= 0);
		assert_int_equal(fclose(f), 0);
	}
	return tokens_open(".", &m);
}

static void assert_ids(const struct t5_tokenizer *t, const char *text, const int *want, int n)
{
	int ids[MAX];
	assert_int_equal(tokens_encode(t, text, MAX, ids), n);
	assert_memory_equal(ids, want, (size_t)n * sizeof *want);
}

#define IDS(t, text, ...)                               \
	assert_ids(t, text, (const int[]){__VA_ARGS__}, \
		   (int)(sizeof(int[]){__VA_ARGS__} / sizeof(int)))

static void open_here(void *folder)
{
	tokens_close(tokens_open(folder, &m));
}

static void test_open(void **state)
{
	(void)state;
	struct child c = child_run(open_here, (void *)(uintptr_t) ".");
	assert_int_equal(c.code, CHILD_RETURNED);
	c = child_run(open_here, (void *)(uintptr_t) "nowhere");
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(
		child_said(&c, "cannot read 'nowhere/spiece.model': No such file or directory"));
	tokens_close(NULL);
}

static void test_lengths(void **state)
{
	(void)state;
	static const int full[] = {3, 11, 3, 4, 11};
	int ids[MAX];
	struct t5_tokenizer *t = open_with(NULL);
	IDS(t, "", EOS);
	IDS(t, "   ", EOS);
	IDS(t, "ab aab", 3, 11, 3, 4, 11, EOS);
	for (int max_length = 1; max_length <= 7; max_length++) {
		int n = tokens_encode(t, "ab aab", max_length, ids),
		    pieces = max_length > 5 ? 5 : max_length - 1;
		assert_int_equal(n, pieces + 1);
		assert_memory_equal(ids, full, (size_t)pieces * sizeof *full);
		assert_int_equal(ids[pieces], EOS);
	}
	tokens_close(t);
}

/* Sentinels count down from 12 + 99. A text that ends with </s> gets no second one, even where it
 * was cut behind one. */
static void test_special(void **state)
{
	(void)state;
	int ids[MAX];
	struct t5_tokenizer *t = open_with(NULL);
	IDS(t, "<extra_id_0>", 111, EOS);
	IDS(t, "a <extra_id_99>  b", 3, 4, 12, 6, EOS);
	IDS(t, "a</s>b", 3, 4, EOS, 6, EOS);
	IDS(t, "a</s>", 3, 4, EOS);
	IDS(t, "a </s> ", 3, 4, EOS);
	IDS(t, "</s></s>", EOS, EOS);
	IDS(t, "<pad><unk>a", PAD, UNKNOWN, 3, 4, EOS);
	IDS(t, "<extra_id_1", 3, UNKNOWN, 4, UNKNOWN, EOS);
	assert_int_equal(tokens_encode(t, "a</s>b", 4, ids), 3);
	assert_int_equal(ids[2], EOS);
	tokens_close(t);
}

#define ADDED(settings, tokens) "{" settings "\"added_tokens_decoder\": {" tokens "}}"
#define TOKEN(id, text, more) "\"" #id "\": {\"content\": \"" text "\", \"special\": false" more "}"

/* The longest token at the earliest start. A piece with the text of a token is that token, also
 * within a word. */
static void test_overlaps(void **state)
{
	(void)state;
	struct t5_tokenizer *t = open_with(ADDED(
		"", TOKEN(112, "ab", "") ", " TOKEN(113, "abx", "") ", " TOKEN(
			    114, "bxy", "") ", " TOKEN(115, "▁b", "") ", " TOKEN(116, "😀", "")));
	IDS(t, "abx", 113, EOS);
	IDS(t, "abxy", 113, 3, UNKNOWN, EOS);
	IDS(t, "aab", 3, 4, 112, EOS);
	IDS(t, "bxyab", 114, 112, EOS);
	IDS(t, "a b", 3, 4, 115, EOS);
	IDS(t, "😀😀b", 116, 116, 115, EOS);
	tokens_close(t);
}

static void test_blanks(void **state)
{
	(void)state;
	struct t5_tokenizer *t = open_with(ADDED(
		"\"legacy\": false, ",
		TOKEN(112, "[R]", ", \"rstrip\": true") ", " TOKEN(
			113, "[L]", ", \"lstrip\": true") ", " TOKEN(114, "b?",
								     ", \"single_word\": true")));
	IDS(t, "b[R] \t\u3000b[R]", 6, 112, 7, 112, EOS);
	IDS(t, "[R] b", 112, 7, EOS);
	IDS(t, "</s> b", EOS, 6, EOS);
	IDS(t, "a  [L] b", 3, 4, 113, 6, EOS);
	IDS(t, "a b? a", 3, 4, 114, 3, 4, EOS);
	IDS(t, "ab? a", 3, 11, 8, 3, 4, EOS);
	IDS(t, "a b?a", 3, 4, 7, 8, 4, EOS);
	tokens_close(t);
}

static void test_legacy(void **state)
{
	(void)state;
	struct t5_tokenizer *t = open_with("{\"legacy\": true}");
	IDS(t, "</s>b", EOS, 6, EOS);
	tokens_close(t);
	t = open_with("{\"legacy\": false}");
	IDS(t, "</s>b", EOS, 7, EOS);
	IDS(t, "b a▁b", 6, 3, 4, 6, EOS);
	IDS(t, "", EOS);
	tokens_close(t);
	t = open_with("{\"legacy\": false, \"add_prefix_space\": false}");
	IDS(t, "b a", 7, 3, 4, EOS);
	IDS(t, " b", 6, EOS);
	tokens_close(t);
}

static void test_outside(void **state)
{
	(void)state;
	struct t5_tokenizer *t = open_with(ADDED("", TOKEN(200, "[X]", "")));
	assert_null(tokens_outside(t, (const int[]){0, 3, VOCAB - 1}, 3));
	assert_null(tokens_outside(t, NULL, 0));
	char *words = tokens_outside(t, (const int[]){3, 200}, 2);
	assert_string_equal(words, "the token '[X]' of id 200, but the vocabulary of '.' ends at "
				   "149: the model has no such token");
	free(words);
	words = tokens_outside(t, (const int[]){VOCAB}, 1);
	assert_string_equal(words, "the piece 150, but the vocabulary of '.' ends at 149: is "
				   "spiece.model this model's?");
	free(words);
	tokens_close(t);
}

static void test_decode(void **state)
{
	(void)state;
	struct t5_tokenizer *t = open_with(ADDED("", TOKEN(112, "[X]", "")));
	const int ids[] = {PAD, 6, 9, 112, 112, 3, 11, 111, EOS};
	char *text = tokens_decode(t, ids, 9);
	assert_string_equal(text, "b?? [X] [X] ab");
	free(text);
	text = tokens_decode(t, ids, 1);
	assert_string_equal(text, "");
	free(text);
	tokens_close(t);
}

/* Whole texts, with and without </s>; pieces and ids in both directions. */
static void test_whole(void **state)
{
	(void)state;
	struct t5_tokenizer *t = open_with(ADDED("", TOKEN(112, "[X]", "")));
	struct token_ids ids = {0};
	assert_true(tokens_encode_whole(t, "b[X]", true, &ids));
	assert_true(tokens_encode_whole(t, "b</s>", true, &ids));
	assert_true(tokens_encode_whole(t, "b", false, &ids));
	static const int want[] = {6, 112, EOS, 6, EOS, 6};
	assert_int_equal(ids.n, 6);
	assert_memory_equal(ids.id, want, sizeof want);
	token_ids_release(&ids);
	char *piece = tokens_piece(t, 6);
	assert_string_equal(piece, "▁b");
	free(piece);
	piece = tokens_piece(t, 112);
	assert_string_equal(piece, "[X]");
	free(piece);
	assert_null(tokens_piece(t, 113));
	assert_int_equal(tokens_find(t, "[X]"), 112);
	assert_int_equal(tokens_find(t, "▁b"), 6);
	assert_int_equal(tokens_find(t, "[Y]"), -1);
	assert_int_equal(tokens_size(t), 113);
	tokens_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),    cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_special), cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_blanks),  cmocka_unit_test(test_legacy),
		cmocka_unit_test(test_outside), cmocka_unit_test(test_decode),
		cmocka_unit_test(test_whole),
	};
	return cmocka_run_group_tests_name("tokens", tests, enter, leave);
}
