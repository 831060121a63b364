/* test_tokenizers.c: token ids and texts must equal those of the tokenizers library. Small
 * tokenizers of every kind come from tests/oracle/bpe.py. SmolLM2's own is optional: SMOLLM2_DIR
 * has token-ids.json, SMOLLM2_MODEL is the model folder. */
#include "golden.h"

#include "model/tokenizer/tokenizer.h"

#define TOKENIZERS GOLDEN "/tokenizers/"

/* `ids`: folder of ids.json. `before`, `behind`: number of tokens that frame a text. */
struct kind {
	const char *folder, *ids;
	int before, behind;
	bool t5;
};

static const struct kind kinds[] = {
	{"smollm2", "smollm2", 0, 0, false},
	{"llama3", "llama3", 1, 0, false},
	{"qwen2", "qwen2", 0, 0, false},
	{"mixed", "mixed", 1, 1, false},
	{"llama2", "llama2", 1, 0, false},
	{"llama2-first", "llama2-first", 1, 0, false},
	{"llama2-model", "llama2", 1, 0, false},
	{"llama2-first-model", "llama2-first", 1, 0, false},
	{"t5", "t5", 0, 1, true},
};

/* Reads a list; texts may contain zero bytes. */
static json_t *load(const char *path)
{
	json_error_t e;
	json_t *v = json_load_file(path, JSON_ALLOW_NUL, &e);
	if (!v)
		fail_msg("%s: line %d: %s", path, e.line, e.text);
	assert_true(json_is_array(v));
	return v;
}

static void assert_ids(const struct token_ids *found, const json_t *expected, int from, int to,
		       const char *kind, const char *text)
{
	if (found->n != to - from)
		fail_msg("%s: '%s': %d ids, expected %d", kind, text, found->n, to - from);
	for (int i = 0; i < found->n; i++) {
		int id = (int)json_integer_value(json_array_get(expected, (size_t)(from + i)));
		if (found->id[i] != id)
			fail_msg("%s: '%s': id %d is %d, expected %d", kind, text, i, found->id[i],
				 id);
	}
}

static void compare_ids(const struct tokenizer *t, const struct kind *k, const json_t *text,
			const json_t *ids)
{
	const char *s = json_string_value(text);
	int n = (int)json_array_size(ids);
	struct token_ids framed = {0}, bare = {0};
	assert_true(tokenizer_encode(t, s, json_string_length(text), true, &framed));
	assert_ids(&framed, ids, 0, n, k->folder, s);
	assert_true(tokenizer_encode(t, s, json_string_length(text), false, &bare));
	assert_ids(&bare, ids, k->before, n - k->behind, k->folder, s);
	token_ids_release(&framed);
	token_ids_release(&bare);
}

static void compare_text(const struct tokenizer *t, const struct kind *k, const json_t *ids,
			 const json_t *expected)
{
	struct token_ids list = {0};
	size_t i, bytes;
	json_t *v;
	json_array_foreach (ids, i, v)
		token_ids_add(&list, (int)json_integer_value(v));
	char *text = tokenizer_decode(t, list.id, list.n, true, &bytes);
	if (bytes != json_string_length(expected) ||
	    memcmp(text, json_string_value(expected), bytes) != 0)
		fail_msg("%s: decoded '%s', expected '%s'", k->folder, text,
			 json_string_value(expected));
	free(text);
	token_ids_release(&list);
}

/* sentencepiece accepts no zero byte, and reads its own character for a blank as a blank. */
static bool is_for_t5(const json_t *text)
{
	const char *s = json_string_value(text);
	return strlen(s) == json_string_length(text) && !strstr(s, "▁");
}

static void compare_kind(const struct kind *k, const json_t *texts)
{
	char *folder = xformat(TOKENIZERS "%s", k->folder);
	char *path = xformat(TOKENIZERS "%s/ids.json", k->ids);
	struct tokenizer *t = tokenizer_open(folder);
	json_t *golden = load(path), *text;
	size_t i;
	assert_int_equal(json_array_size(golden), json_array_size(texts));
	json_array_foreach (texts, i, text) {
		const json_t *row = json_array_get(golden, i), *ids = json_array_get(row, 0);
		if (k->t5 && !is_for_t5(text))
			continue;
		compare_ids(t, k, text, ids);
		if (!k->t5)
			compare_text(t, k, ids, json_array_get(row, 1));
	}
	json_decref(golden);
	tokenizer_close(t);
	free(folder);
	free(path);
}

static void test_kinds(void **state)
{
	(void)state;
	json_t *texts = load(TOKENIZERS "texts.json");
	assert_true(json_array_size(texts) > 100);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		compare_kind(&kinds[i], texts);
	json_decref(texts);
}

/* One piece of a megabyte. It would take minutes if the time grew with the square of the length. */
static void test_long(void **state)
{
	(void)state;
	enum { BYTES = 1 << 20 };
	static const char *const folder[] = {"llama2", "smollm2"};
	char *text = xmalloc(BYTES + 1), *back;
	for (int i = 0; i < BYTES; i++)
		text[i] = "loba"[i % 7 % 4];
	text[BYTES] = 0;
	for (int i = 0; i < 2; i++) {
		char *path = xformat(TOKENIZERS "%s", folder[i]);
		struct tokenizer *t = tokenizer_open(path);
		struct token_ids ids = {0};
		assert_true(tokenizer_encode(t, text, BYTES, true, &ids));
		assert_in_range(ids.n, BYTES / 8, BYTES);
		back = tokenizer_decode(t, ids.id, ids.n, true, NULL);
		assert_string_equal(back, text);
		free(back);
		token_ids_release(&ids);
		tokenizer_close(t);
		free(path);
	}
	free(text);
}

static void test_pieces(void **state)
{
	(void)state;
	struct tokenizer *t = tokenizer_open(TOKENIZERS "llama3");
	char *piece = tokenizer_piece(t, tokenizer_find(t, "<|im_end|>"));
	assert_string_equal(piece, "<|im_end|>");
	free(piece);
	piece = tokenizer_piece(t, tokenizer_find(t, "Ġ"));
	assert_string_equal(piece, "Ġ");
	free(piece);
	assert_int_equal(tokenizer_find(t, "no such token"), -1);
	assert_int_equal(tokenizer_size(t), tokenizer_find(t, "<|im_end|>") + 1);
	assert_null(tokenizer_piece(t, tokenizer_size(t)));
	assert_null(tokenizer_piece(t, -1));
	tokenizer_close(t);
	tokenizer_close(NULL);
}

/* Bytes that are no UTF-8 are refused, and the ids do not change. */
static void test_no_utf8(void **state)
{
	(void)state;
	static const char *const bad[] = {"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80",
					  "\xf4\x90\x80\x80"};
	struct tokenizer *t = tokenizer_open(TOKENIZERS "smollm2");
	struct token_ids ids = {0};
	token_ids_add(&ids, 7);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(tokenizer_encode(t, bad[i], strlen(bad[i]), true, &ids));
		assert_int_equal(ids.n, 1);
	}
	token_ids_release(&ids);
	tokenizer_close(t);
}

/* Ids that cut a character, and ids that are no token. */
static void test_broken_text(void **state)
{
	(void)state;
	struct tokenizer *t = tokenizer_open(TOKENIZERS "smollm2");
	int a = tokenizer_find(t, "a"), lead = tokenizer_find(t, "ð"),
	    next = tokenizer_find(t, "Ł");
	assert_true(a >= 0 && lead >= 0 && next >= 0);
	char *text =
		tokenizer_decode(t, (int[]){lead, next, a, next, -1, 1 << 30, lead}, 7, true, NULL);
	assert_string_equal(text, "\ufffda\ufffd\ufffd");
	free(text);
	text = tokenizer_decode(t, NULL, 0, true, NULL);
	assert_string_equal(text, "");
	free(text);
	tokenizer_close(t);
}

static void test_smollm2(void **state)
{
	(void)state;
	const char *dir = getenv("SMOLLM2_DIR"), *model = getenv("SMOLLM2_MODEL");
	if (!dir || !model) {
		print_message("skipped: SMOLLM2_DIR or SMOLLM2_MODEL is not set\n");
		skip();
	}
	char *path = xformat("%s/token-ids.json", dir);
	struct tokenizer *t = tokenizer_open(model);
	json_t *golden = load(path), *v;
	size_t i;
	assert_int_equal(json_array_size(golden), 200);
	json_array_foreach (golden, i, v)
		compare_ids(t, &kinds[0], json_object_get(v, "text"), json_object_get(v, "ids"));
	json_decref(golden);
	tokenizer_close(t);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),       cmocka_unit_test(test_long),
		cmocka_unit_test(test_pieces),      cmocka_unit_test(test_no_utf8),
		cmocka_unit_test(test_broken_text), cmocka_unit_test(test_smollm2),
	};
	return cmocka_run_group_tests_name("tokenizers", tests, NULL, NULL);
}
