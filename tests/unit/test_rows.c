/* test_rows.c: reading rows files and lists of row numbers: what is taken, and what each refusal
 * names. EMOTION_DIR: folder of the small real case (optional). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/die.h"
#include "child.h"
#include "plain_rows.h"

static char *scratch;

static int enter(void **state)
{
	(void)state;
	scratch = scratch_enter();
	return 0;
}

static int leave(void **state)
{
	(void)state;
	scratch_leave(scratch);
	return 0;
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void test_good(void **state)
{
	(void)state;
	struct rows r;
	put("rows.json", "[{\"instruction\": \"é\\n€𝄞\", \"output\": \"joy\"},\n"
			 " {\"output\": \" fear\", \"other\": \"more\", \"input\": null, "
			 "\"instruction\": \"\", \"n\": 12, \"b\": true, \"o\": {\"a\": null}},\n"
			 " {\"instruction\": \"x\", \"input\": \"\", \"output\": \"joy\"}]");
	plain_rows_read(&r, "rows.json");
	assert_int_equal(r.n, 3);
	assert_string_equal(r.row[0].text[0], "é\n€𝄞");
	assert_string_equal(r.row[0].answer, "joy");
	assert_int_equal(r.row[0].chars, 4 + 3);
	assert_string_equal(r.row[1].text[0], "");
	assert_string_equal(r.row[1].answer, " fear");
	assert_int_equal(r.row[1].chars,
			 0 + 5 + 4 + 4 + 2 + 4 + 11); /* … null, 12, true, {"a": null} */
	assert_int_equal(r.row[2].chars, 1 + 0 + 3);
	rows_release(&r);
	rows_release(&r);
}

static void test_labels(void **state)
{
	(void)state;
	struct rows r;
	int K, label_of[5];
	put("labels.json", "[{\"instruction\": \"\", \"output\": \"é\"}, {\"instruction\": \"\", "
			   "\"output\": \"joy\"},"
			   " {\"instruction\": \"\", \"output\": \"Joy\"}, {\"instruction\": \"\", "
			   "\"output\": \"joy\"},"
			   " {\"instruction\": \"\", \"output\": \"jo\"}]");
	plain_rows_read(&r, "labels.json");
	const char **label = rows_labels(&r, &K, label_of);
	const char *const want[] = {"Joy", "jo", "joy", "é"};
	const int want_of[] = {3, 2, 0, 2, 1};
	assert_int_equal(K, 4);
	for (int k = 0; k < K; k++)
		assert_string_equal(label[k], want[k]);
	assert_memory_equal(label_of, want_of, sizeof want_of);
	free(label);
	rows_release(&r);
}

static void read_rows(void *path)
{
	struct rows r;
	plain_rows_read(&r, path);
	rows_release(&r);
}

static void assert_refused(const char *path, const char *message)
{
	struct child c = child_run(read_rows, (void *)(uintptr_t)path);
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, message));
	assert_true(child_said(&c, path));
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"{\"instruction\": \"a\", \"output\": \"b\"}",
		 "holds an object, not a list of rows"},
		{"[]", "an empty list"},
		{"[{\"instruction\": \"a\", \"output\": \"b\"}, 3]",
		 "row 1 is a number, not an object"},
		{"[[]]", "row 0 is a list"},
		{"[{\"output\": \"b\"}]", "row 0 has no 'instruction'"},
		{"[{\"instruction\": \"a\"}]", "row 0 has no 'output'"},
		{"[{\"instruction\": null, \"output\": \"b\"}]",
		 "row 0: 'instruction' is null, not a string"},
		{"[{\"instruction\": \"a\", \"output\": 1}]",
		 "row 0: 'output' is a number, not a string"},
		{"[{\"instruction\": \"a\", \"output\": [\"b\"]}]",
		 "row 0: 'output' is a list, not a string"},
		{"[{\"instruction\": \"a\", \"output\": \"\"}]",
		 "row 0: the label in 'output' is empty"},
		{"[{\"instruction\": \"a\", \"output\": \" \\n\"}]",
		 "row 0: the label in 'output' is empty"},
		{"[{\"instruction\": \"a\", \"output\": \"b\"},", "bad.json"},
		{"", "bad.json"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		put("bad.json", bad[i].text);
		assert_refused("bad.json", bad[i].message);
	}
	assert_refused("missing.json", "No such file or directory");
}

/* Rows as other programs write them: what they look like, and the Python that converts them
 * (tests/cli/inputs.sh runs it). */
static void test_forms(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \"c\", "
		 "\"output\": \"d\"}\n",
		 "'train.json' looks like JSON Lines, an object a line (instruction, output), not "
		 "a JSON list of rows"},
		{"\xef\xbb\xbf{\"Text\": \"a\", \"Label\": \"b\"}\r\n{\"Text\": \"c\"}",
		 "dict(instruction=r['Text'],output=r['Label'])"},
		{"text,label\nhello,joy\n",
		 "'train.json' looks like CSV, fields between commas (text, label), not"},
		{"\"a, b\";label\n\"x;y\";joy\n", "looks like CSV, fields between semicolons (a, "
						  "b, label)"}, /* the comma stands in quotes */
		{"id\ttweet\temotion\n",
		 "looks like TSV, fields between tabs (id, tweet, emotion)"},
		{"text;label\nhello, you;joy\n",
		 "looks like CSV, fields between semicolons (text, label)"},
		{"2018-En-1\tgood morning\t3\n", "dict(instruction=r['TEXT'],output=r['LABEL'])"},
		{"PAR1\x15", "looks like a Parquet file, not a JSON list of rows {instruction, "
			     "output}: mv 'train.json' 'train.json.parquet'"},
		{"ARROW1", "p.ipc.open_file("},
		{"{\"data\": [{\"sentence\": \"a\", \"label\": 1}]}",
		 "holds an object, not a list of rows: its key 'data' holds the list"},
		{"{\"test\": [{\"a\": 1}], \"train\": [{\"prompt\": \"a\", \"completion\": "
		 "\"b\"}]}",
		 "its key 'train' holds the list"},
		{"{\"first\": [{}], \"second\": [{}]}",
		 "several of its keys (first, second) hold lists"},
		{"{\"features\": [], \"rows\": [{\"row_idx\": 0, \"row\": {\"text\": \"a\", "
		 "\"label\": \"b\"}}]}",
		 "[v['row'] for v in t['rows']]"},
		{"{\"text\": [\"a\"], \"label\": [\"b\"]}",
		 "it looks like a table by columns (text, label)"},
		{"{\"text\": {\"0\": \"a\"}, \"label\": {\"0\": \"b\"}}",
		 "zip(*[c.values() for c in t.values()])"},
		{"{\"columns\": [\"text\", \"label\"], \"index\": [0], \"data\": [[\"a\", 2]]}",
		 "it looks like a table of pandas (text, label)"},
		{"{\"text\": \"a\", \"label\": \"b\"}",
		 "holds an object, not a list of rows: it looks like one row"},
		{"{\"error\": \"no access\"}",
		 "holds an object, not a list of rows {instruction, output}: its keys are error"},
		{"[{\"text\": \"a\", \"label\": \"b\"}]",
		 "row 0 has no 'instruction', its keys are text, label: rename them"},
		{"[{\"instruction\": \"a\", \"output\": \"b\"}, {\"text\": \"a\", \"label\": "
		 "\"b\"}]",
		 "row 1 has no 'instruction': its keys are text, label"},
		{"[{\"sentence\": \"a\", \"label\": 1, \"idx\": 0}]",
		 "W=['WORD0','WORD1']; "
		 "print(json.dumps([dict(instruction=r['sentence'],output=W[r['label']])"},
		{"[{\"sentence\": \"a\", \"label\": 3.5}]", "output=str(r['label']))"},
		{"[{\"premise\": \"a\", \"hypothesis\": \"b\", \"label\": \"c\"}]",
		 "for TEXT and LABEL, put your names of them"},
		{"[{\"messages\": [{\"role\": \"user\"}, {\"role\": \"assistant\"}], \"id\": 1}]",
		 "r['messages'][-2]['content']"},
		{"[{\"conversations\": [{\"from\": \"human\"}, {\"from\": \"gpt\"}], \"id\": 1}]",
		 "r['conversations'][-1]['value']"},
		{"[{\"instruction\": \"a\", \"output\": 0}]",
		 "row 0: 'output' is a number, not a string: write the word"},
		{"[{\"instruction\": \"a\", \"input\": \"\", \"output\": \"b\"}, {\"instruction\": "
		 "\"a\", \"input\": \"x\", \"output\": \"b\"}]",
		 "row 1 has a text in 'input', which is not read"},
		{"[{\"instruction\": \"a\", \"input\": [\"x\"], \"output\": \"b\"}]",
		 "row 0 has a text in 'input'"},
		{"[{\"instruction\": \"a\\u0000\", \"output\": \"b\"}]",
		 "line 1 column 26: the text holds \\u0000"},
		{"[{\"instruction\": \"a\", \"output\": NaN}]", "found NaN"},
		{"<html><head>", "looks like a web page (HTML or XML), but JSON is expected"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		put("train.json", bad[i].text);
		assert_refused("train.json", bad[i].message);
	}
	put("it's.json", "text,label\n");
	assert_refused("it's.json", "mv 'it'\\''s.json' 'it'\\''s.json.csv' && python3");
}

/* Numbers as labels are right for an adapter that answers numbers: said, and read. One word among
 * them: nothing to say. */
static void test_number_labels(void **state)
{
	(void)state;
	put("train.json", "[{\"instruction\": \"a\", \"output\": \"0\"}, {\"instruction\": \"b\", "
			  "\"output\": \"3.8\"}]");
	struct child c = child_run(read_rows, (void *)(uintptr_t) "train.json");
	assert_int_equal(c.code, CHILD_RETURNED);
	assert_true(child_said(&c, "'train.json': every label is a number, as '0': right only if"));
	put("train.json", "[{\"instruction\": \"a\", \"output\": \"0\"}, {\"instruction\": \"b\", "
			  "\"output\": \"joy\"}]");
	c = child_run(read_rows, (void *)(uintptr_t) "train.json");
	assert_int_equal(c.code, CHILD_RETURNED);
	assert_string_equal(c.err, "");
}

/* A byte order mark changes nothing. */
static void test_mark(void **state)
{
	(void)state;
	struct rows r;
	put("mark.json", "\xef\xbb\xbf[{\"instruction\": \"a\", \"output\": \"b\"}]");
	plain_rows_read(&r, "mark.json");
	assert_int_equal(r.n, 1);
	assert_string_equal(r.row[0].text[0], "a");
	rows_release(&r);
}

/* 600 MiB of hole: refused by its size, in no time and no memory. */
static void test_too_large(void **state)
{
	(void)state;
	put("large.json", "[");
	assert_int_equal(truncate("large.json", (off_t)600 << 20), 0);
	assert_refused("large.json", "large.json");
	assert_int_equal(remove("large.json"), 0);
}

enum { ROWS = 10 };

static void read_numbers(void *path)
{
	int row[3];
	rows_read_numbers(path, ROWS, 3, row);
}

static void test_numbers(void **state)
{
	(void)state;
	int row[3];
	const int want[] = {9, 0, 4};
	put("samples.json", "[9, 0, 4]");
	rows_read_numbers("samples.json", ROWS, 3, row);
	assert_memory_equal(row, want, sizeof want);

	static const struct {
		const char *text, *message;
	} bad[] = {
		{"[1, 2, 10]", "entry 2 is row 10, but the rows are 0 to 9"},
		{"[-1, 2, 3]", "entry 0 is row -1"},
		{"[4294967297, 2, 3]", "entry 0 is row 4294967297"},
		{"[1, 2, 1]", "row 1 is listed twice (entries 0 and 2)"},
		{"[1, 2]", "lists 2 rows, but 3 samples are asked for"},
		{"[1, 2, 3, 4]", "lists 4 rows, but 3 samples"},
		{"[]", "an empty list"},
		{"[1, 2.0, 3]", "entry 1 is a number, not the whole number of a row"},
		{"[1, \"2\", 3]", "entry 1 is a string, not the whole number of a row"},
		{"{\"a\": 1}", "holds an object, not a list of row numbers"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		put("bad.json", bad[i].text);
		struct child c = child_run(read_numbers, (void *)(uintptr_t) "bad.json");
		assert_int_equal(c.code, EXIT_WORLD);
		assert_true(child_said(&c, bad[i].message));
		assert_true(child_said(&c, "bad.json"));
	}
}

/* The real rows' numbers, as their README gives them: 7602 test texts, no text in 'input'. */
static void test_real_case(void **state)
{
	(void)state;
	const char *dir = getenv("EMOTION_DIR");
	if (!dir) {
		print_message("skipped: EMOTION_DIR is not set\n");
		skip();
	}
	static const struct {
		const char *task;
		int train, test, labels;
	} set[] = {{"emoint", 5681, 1421, 4},
		   {"emotion-cause", 1814, 454, 6},
		   {"tec", 3000, 1210, 6},
		   {"isear", 6061, 1517, 7}};
	for (size_t t = 0; t < sizeof set / sizeof *set; t++) {
		for (int test = 0; test < 2; test++) {
			char *path = xformat("%s/data/%s/%s.json", dir, set[t].task,
					     test ? "test" : "train");
			struct rows r;
			plain_rows_read(&r, path);
			int K, *label_of = calloc((size_t)r.n, sizeof *label_of);
			const char **label = rows_labels(&r, &K, label_of);
			assert_int_equal(r.n, test ? set[t].test : set[t].train);
			assert_int_equal(K, set[t].labels);
			assert_string_equal(label[0], "anger");
			free(label);
			free(label_of);
			rows_release(&r);
			free(path);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),      cmocka_unit_test(test_labels),
		cmocka_unit_test(test_refusals),  cmocka_unit_test(test_forms),
		cmocka_unit_test(test_mark),      cmocka_unit_test(test_number_labels),
		cmocka_unit_test(test_too_large), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_real_case),
	};
	return cmocka_run_group_tests_name("rows", tests, enter, leave);
}
