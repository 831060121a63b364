/* test_bpe.c: the order of merges, unknown characters, cuts of a text, and the text that decoders
 * make of tokens. The cases are small, and their answers were worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "model/tokenizer/bpe.h"
#include "model/tokenizer/bpe_tokenizer.h"
#include "model/tokenizer/bytelevel.h"
#include "model/tokenizer/detokenizer.h"
#include "model/tokenizer/pieces.h"

#include "base/die.h"
#include "child.h"

/* ------------------------------------------------------------ merges */

static const char *const words[] = {"a",   "b",  "c",      "ab",     "bc",
				    "abc", "aa", "<0xC3>", "<0xA9>", "?"};
enum { A, B, C, AB, BC, ABC, AA, BYTE_C3, BYTE_A9, UNKNOWN };

static void init(struct bpe *b)
{
	bpe_init(b);
	for (int i = 0; i < (int)(sizeof words / sizeof *words); i++)
		vocab_add(&b->vocab, i, words[i], strlen(words[i]));
	bpe_find_bytes(b);
}

static void assert_encodes(const struct bpe *b, const char *text, const int *want, int n)
{
	struct bpe_work w = {0};
	struct token_ids ids = {0};
	bpe_encode(b, text, strlen(text), &w, &ids);
	assert_int_equal(ids.n, n);
	for (int i = 0; i < n; i++)
		assert_int_equal(ids.id[i], want[i]);
	token_ids_release(&ids);
	bpe_work_release(&w);
}

#define ENCODES(b, text, ...)                               \
	assert_encodes(b, text, (const int[]){__VA_ARGS__}, \
		       (int)(sizeof(int[]){__VA_ARGS__} / sizeof(int)))

/* The lower rank is merged first, wherever it is. Of equal ranks, the leftmost. */
static void test_order(void **state)
{
	(void)state;
	struct bpe b;
	init(&b);
	bpe_reserve(&b, 4);
	bpe_add_merge(&b, B, C, 0, BC);
	bpe_add_merge(&b, A, B, 1, AB);
	bpe_add_merge(&b, A, A, 2, AA);
	ENCODES(&b, "abc", A, BC);
	ENCODES(&b, "ab", AB);
	ENCODES(&b, "aaa", AA, A);
	ENCODES(&b, "aab", A, AB);
	bpe_add_merge(&b, A, BC, 3, ABC);
	ENCODES(&b, "abcabc", ABC, ABC);
	bpe_add_merge(&b, B, C, 9, BC); /* a pair that exists gets the new rank */
	ENCODES(&b, "abc", AB, C);
	b.ignore_merges = true;
	ENCODES(&b, "abc", ABC);
	bpe_release(&b);
}

/* é is no token: it is dropped, or unknown, or becomes its two bytes. 'ã' lacks a byte token. */
static void test_unknown(void **state)
{
	(void)state;
	struct bpe b;
	init(&b);
	ENCODES(&b, "aéb", A, B);
	b.unknown = UNKNOWN;
	ENCODES(&b, "aééb", A, UNKNOWN, UNKNOWN, B);
	b.fuse_unknown = true;
	ENCODES(&b, "aééb", A, UNKNOWN, B);
	ENCODES(&b, "é", UNKNOWN);
	b.byte_fallback = true;
	ENCODES(&b, "aéb", A, BYTE_C3, BYTE_A9, B);
	ENCODES(&b, "ãéb", BYTE_C3, BYTE_A9, UNKNOWN, B); /* the library's order */
	bpe_release(&b);
}

/* ------------------------------------------------------------ cuts */

static struct pieces pieces_of(const char *text)
{
	struct pieces p = {0};
	pieces_set(&p, text, strlen(text), true);
	return p;
}

/* The pieces, separated by bars. */
static void assert_pieces(struct pieces *p, const char *want)
{
	struct text all = {0};
	for (int i = 0; i < p->n; i++)
		text_add(&all, "%s%.*s", i ? "|" : "", (int)(p->span[i].to - p->span[i].from),
			 p->text.s + p->span[i].from);
	assert_string_equal(text_get(&all), want);
	text_release(&all);
	pieces_release(p);
}

static void assert_split(const char *text, const char *expression, enum split_behavior behavior,
			 bool invert, const char *want)
{
	char *why;
	struct regexp *r = regexp_compile(expression, &why);
	struct pieces p = pieces_of(text);
	assert_non_null(r);
	assert_null(pieces_split(&p, r, behavior, invert));
	assert_pieces(&p, want);
	regexp_free(r);
}

static void test_split(void **state)
{
	(void)state;
	assert_split("a--b-", "-", ISOLATED, false, "a|-|-|b|-");
	assert_split("a--b-", "-", REMOVED, false, "a|b");
	assert_split("a--b-", "-", REMOVED, true, "-|-|-");
	assert_split("a--b-", "-", MERGED_WITH_PREVIOUS, false, "a-|-|b-");
	assert_split("-a--b", "-", MERGED_WITH_NEXT, false, "-a|-|-b");
	assert_split("a--b-", "-", CONTIGUOUS, false, "a|--|b|-");
	assert_split("", "-", ISOLATED, false, "");
	assert_split("it's 12", bytelevel_pattern, ISOLATED, false, "it|'s| 12");
	assert_split("a  b ", bytelevel_pattern, ISOLATED, false, "a| | b| ");
	assert_split("a\u180eb", "\\s", ISOLATED, false, "a\u180eb"); /* no white space */
	assert_split("x\u017fy", "(?i:S)", ISOLATED, false, "x|\u017f|y");
}

static void test_rewrite(void **state)
{
	(void)state;
	struct pieces p = pieces_of("a b");
	pieces_prefix(&p, "_", true);
	assert_true(p.at_start);
	pieces_rewrite(&p, bytelevel_put, NULL);
	assert_pieces(&p, "_aĠb");
	p = pieces_of("_b");
	pieces_prefix(&p, "_", false);
	assert_pieces(&p, "_b");
	char *why;
	struct regexp *r = regexp_compile("x*", &why);
	p = pieces_of("ab");
	assert_string_equal(pieces_split(&p, r, ISOLATED, false), "matches no characters");
	pieces_release(&p);
	regexp_free(r);
	assert_null(regexp_compile("(", &why));
	assert_string_equal(why, "end pattern with unmatched parenthesis");
	free(why);
}

/* A replacement of several characters no longer begins at the start. A replacement of one character
 * does. */
static void test_start(void **state)
{
	(void)state;
	struct regexp *r = regexp_literal("``"), *one = regexp_literal("é");
	struct pieces p = pieces_of("``a");
	pieces_replace(&p, r, "\"");
	assert_false(p.at_start);
	assert_pieces(&p, "\"a");
	p = pieces_of("éa");
	pieces_replace(&p, one, "e");
	assert_true(p.at_start);
	assert_pieces(&p, "ea");
	regexp_free(r);
	regexp_free(one);
}

/* ------------------------------------------------------------ decoders */

static void assert_decodes(const char *decoder, const char *const *token, const char *want)
{
	json_t *v = json_loads(decoder, JSON_DECODE_ANY, NULL);
	struct detokenizer d = {0};
	struct pieces p = {0};
	struct text text = {0};
	assert_non_null(v);
	detokenizer_read(&d, (struct jsonpart){"file", "decoder", v});
	for (; *token; token++)
		pieces_add(&p, *token, strlen(*token));
	assert_null(detokenizer_apply(&d, &p, &text));
	assert_string_equal(text_get(&text), want);
	text_release(&text);
	pieces_release(&p);
	detokenizer_release(&d);
	json_decref(v);
}

#define DECODES(decoder, want, ...) \
	assert_decodes("{\"type\": " decoder "}", (const char *const[]){__VA_ARGS__, NULL}, want)

static void test_decode(void **state)
{
	(void)state;
	DECODES("\"ByteLevel\"", "a b\n", "a", "ĠbĊ");
	DECODES("\"ByteLevel\"", "\ufffdx", "Ã", "x");
	DECODES("\"ByteLevel\"", "漢a", "漢",
		"a"); /* a token with another character is not changed */
	DECODES("\"Metaspace\", \"replacement\": \"▁\", \"prepend_scheme\": \"always\"", "a b",
		"▁a", "▁b");
	DECODES("\"Metaspace\", \"replacement\": \"▁\", \"prepend_scheme\": \"never\"", " a b",
		"▁a", "▁b");
	DECODES("\"ByteFallback\"", "éa\ufffd\ufffdb", "<0xC3>", "<0xA9>", "a", "<0xC3>", "<0xff>",
		"b");
	DECODES("\"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 2", " ab", "  a  ", " b");
	assert_decodes("null", (const char *const[]){"a", "b", NULL}, "a b");
}

/* An expression that fails ends the program, and the message says where it is. */
static void decode_badly(void *unused)
{
	(void)unused;
	struct bpe_tokenizer t;
	struct text text = {0};
	json_t *v = json_loads("{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"x*\"}, "
			       "\"content\": \"y\"}",
			       0, NULL);
	bpe_tokenizer_init(&t, "file");
	vocab_add(&t.bpe.vocab, 0, "a", 1);
	detokenizer_read(&t.detokenizer, (struct jsonpart){"file", "decoder", v});
	bpe_tokenizer_decode(&t, (const int[]){0}, 1, false, &text);
}

static void test_decode_refusal(void **state)
{
	(void)state;
	struct child c = child_run(decode_badly, NULL);
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, "'file' decoder: an expression matches no characters"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),          cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_split),          cmocka_unit_test(test_rewrite),
		cmocka_unit_test(test_start),          cmocka_unit_test(test_decode),
		cmocka_unit_test(test_decode_refusal),
	};
	return cmocka_run_group_tests_name("bpe", tests, NULL, NULL);
}
