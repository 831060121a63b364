/* test_spm.c: sentencepiece, on a model of twelve pieces that is written here, and on the small
 * real case (EMOTION_DIR, optional).
 *
 * The expected ids are those of Python sentencepiece 0.2.3. `b aaa??? aaaaa?????` and the real rows
 * contain ties, which releases up to 0.2.1 split differently. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/die.h"
#include "child.h"
#include "model/tokenizer/spm.h"
#include "pieces.h"
#include "plain_rows.h"

enum { EOS = 1, UNKNOWN = 2, MAX = 64 };

static char *scratch;
static struct spm *spm;

static int enter(void **state)
{
	char *error;
	(void)state;
	scratch = scratch_enter();
	write_model("spiece.model");
	spm = spm_open("spiece.model", true, &error);
	return spm ? 0 : -1;
}

static int leave(void **state)
{
	(void)state;
	spm_close(spm);
	spm_close(NULL);
	scratch_leave(scratch);
	return 0;
}

struct ids {
	int n, max, *id;
};

static void take(void *arg, int id, const char *piece, int bytes)
{
	struct ids *ids = arg;
	(void)piece, (void)bytes;
	if (ids->n < ids->max)
		ids->id[ids->n++] = id;
}

static int encode(const struct spm *s, const char *text, int bytes, int *ids, int max)
{
	struct ids all = {0, max, ids};
	return spm_encode(s, text, bytes, take, &all);
}

static void assert_ids(const struct spm *s, const char *text, const int *want, int n)
{
	int ids[MAX];
	assert_int_equal(encode(s, text, (int)strlen(text), ids, MAX), n);
	assert_memory_equal(ids, want, (size_t)n * sizeof *want);
}

#define IDS(s, text, ...)                               \
	assert_ids(s, text, (const int[]){__VA_ARGS__}, \
		   (int)(sizeof(int[]){__VA_ARGS__} / sizeof(int)))

static void test_encode(void **state)
{
	(void)state;
	int ids[MAX];
	assert_int_equal(spm_vocab(spm), 12);
	IDS(spm, "a", 3, 4);
	IDS(spm, "aaaaa", 3, 4, 5, 5);
	IDS(spm, "b???", 6, 8, 9);
	IDS(spm, "xyz a", 3, UNKNOWN, 3, 4); /* a run of unknown characters is one id */
	IDS(spm, "éa", 3, 10, 4);
	IDS(spm, "ab aab", 3, 11, 3, 4, 11);
	IDS(spm, "  a  ", 3, 4);
	assert_int_equal(encode(spm, "", 0, ids, MAX), 0);
	assert_int_equal(encode(spm, "   ", 3, ids, MAX), 0);
	assert_int_equal(encode(spm, "aaaaaaaa", 1, ids, MAX),
			 2); /* `bytes` decides, not the end of the string */
}

static void test_ties(void **state)
{
	(void)state;
	IDS(spm, "b aaa??? aaaaa?????", 6, 3, 4, 5, 9, 8, 3, 4, 5, 5, 8, 9, 9);
	IDS(spm, "a?????a???aaa", 3, 4, 9, 8, 9, 4, 9, 8, 4, 5);
}

/* At most `max` are stored; all are counted. */
static void test_encode_max(void **state)
{
	(void)state;
	int ids[3] = {-7, -7, -7};
	assert_int_equal(encode(spm, "ab aab", 6, ids, 2), 5);
	assert_int_equal(ids[0], 3);
	assert_int_equal(ids[1], 11);
	assert_int_equal(ids[2], -7);
	assert_int_equal(encode(spm, "ab aab", 6, NULL, 0), 5);
}

/* Bytes that are no UTF-8 become unknown characters, as in the library. A negative length is
 * refused. */
static void test_bad_bytes(void **state)
{
	(void)state;
	IDS(spm, "a\xff\xe2\x96", 3, 4, UNKNOWN);
	assert_int_equal(encode(spm, "a", -1, NULL, 0), -1);
}

static void test_decode(void **state)
{
	(void)state;
	const int ids[] = {0, 6, 9, -1, 3, 11, 12, 1000000, EOS};
	char *text = spm_decode(spm, ids, 9);
	assert_string_equal(text, "b?? ab");
	free(text);
	text = spm_decode(spm, ids, 1);
	assert_string_equal(text, "");
	free(text);
	text = spm_decode(spm, NULL, 0);
	assert_string_equal(text, "");
	free(text);
}

static void assert_no_model(const char *path, const char *message)
{
	char *error = NULL;
	assert_null(spm_open(path, true, &error));
	assert_non_null(error);
	assert_non_null(strstr(error, message));
	free(error);
	assert_null(spm_open(path, true, NULL));
}

static void put(const char *path, const char *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void test_no_model(void **state)
{
	(void)state;
	assert_no_model("missing.model", "No such file");
	assert_no_model(".", "directory");
	put("bad.model", "", 0);
	assert_no_model("bad.model", "empty file");
	put("bad.model", "{\"a\": 1}", 8);
	assert_no_model("bad.model", "not a sentencepiece model");
	assert_int_equal(truncate("bad.model", 65 << 20), 0);
	assert_no_model("bad.model", "larger than 64 MiB");
	put("bad.model", "\x12\x02\x18\x01", 4); /* settings, but no piece */
	assert_no_model("bad.model", "not a sentencepiece model");
}

/* Pieces of any kind are found, but only by their whole text. */
static void test_find(void **state)
{
	(void)state;
	assert_int_equal(spm_find(spm, "</s>"), EOS);
	assert_int_equal(spm_find(spm, "<unk>"), UNKNOWN);
	assert_int_equal(spm_find(spm, "▁b"), 6);
	assert_int_equal(spm_find(spm, "▁bx"), -1);
	assert_int_equal(spm_find(spm, ""), -1);
}

static void test_no_prefix(void **state)
{
	(void)state;
	struct spm *s = spm_open("spiece.model", false, NULL);
	assert_non_null(s);
	IDS(s, "a", 4);
	IDS(s, "b a", 7, 3, 4);
	IDS(s, " b", 7); /* blanks at the front are still stripped */
	spm_close(s);
}

static void collect(void *arg, int id, const char *piece, int bytes)
{
	char *text = arg;
	sprintf(text + strlen(text), "%d=%.*s|", id, bytes, piece);
}

/* The text of each piece. For a run of unknown characters it is the whole run. */
static void test_pieces(void **state)
{
	(void)state;
	char text[256] = "";
	assert_int_equal(spm_encode(spm, "b xyz ｘé", strlen("b xyz ｘé"), collect, text), 6);
	assert_string_equal(text, "6=▁b|3=▁|2=xyz|3=▁|2=ｘ|10=é|");
}

static void test_real_case(void **state)
{
	(void)state;
	const char *dir = getenv("EMOTION_DIR");
	if (!dir) {
		print_message("skipped: EMOTION_DIR is not set\n");
		skip();
	}
	char *model = xformat("%s/model/spiece.model", dir),
	     *train = xformat("%s/data/emoint/train.json", dir);
	struct spm *s = spm_open(model, true, NULL);
	assert_non_null(s);
	struct rows r;
	int n;
	plain_rows_read(&r, train);
	assert_int_equal(spm_vocab(s), 6000);
	IDS(s, "sadness", 47);
	IDS(s, r.row[1157].text[0], 20, 18, 4, 19, 5, 4, 15, 8, 17, 14, 9, 5, 16, 21, 6, 10, 3, 11,
	    3, 13, 3, 12, 6, 401, 344, 60, 27, 2652, 3081, 25, 685, 2289, 1451, 32, 63, 838, 111,
	    32, 1416, 30);
	IDS(s, r.row[2884].text[0], 20, 18, 4, 19, 5, 4, 15, 8, 17, 14, 9, 5, 16, 21, 6, 10, 3, 11,
	    3, 13, 3, 12, 6, 3529, 8, 26, 226, 1979, 3, 31, 56, 351, 76, 504, 2151, 45, 7, 3754,
	    3754, 3754, 5452, 5452, 5452, 5452, 5452, 30);
	int ids[MAX];
	n = encode(s, "anger,fear", 10, ids, MAX);
	char *text = spm_decode(s, ids, n);
	assert_string_equal(text, "anger,fear");
	free(text);
	rows_release(&r);
	spm_close(s);
	free(train);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),     cmocka_unit_test(test_ties),
		cmocka_unit_test(test_encode_max), cmocka_unit_test(test_bad_bytes),
		cmocka_unit_test(test_decode),     cmocka_unit_test(test_no_model),
		cmocka_unit_test(test_find),       cmocka_unit_test(test_no_prefix),
		cmocka_unit_test(test_pieces),     cmocka_unit_test(test_real_case),
	};
	return cmocka_run_group_tests_name("spm", tests, enter, leave);
}
