/* test_rows.c: reading files of rows and lists of row numbers: what is accepted, and what each
 * refusal names. EMOTION_DIR: folder of the small real case (optional). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/die.h"
#include "child.h"
#include "merge/rowfile.h"
#include "plain_rows.h"

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

/* Rows under the name of another form, or of no form: what they look like, and the command that
 * renames or converts them. tests/cli/forms.sh runs it. */
static void test_forms(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \"c\", "
		 "\"output\": \"d\"}\n",
		 "'train.json' looks like JSON Lines, an object a line (instruction, output), not "
		 "a JSON list of rows {instruction, output}: a name's end says the form: mv "
		 "'train.json' 'train.jsonl'"},
		{"\xef\xbb\xbf{\"Text\": \"a\", \"Label\": \"b\"}\r\n{\"Text\": \"c\"}",
		 "(Text, Label), not a JSON list"},
		{"text,label\nhello,joy\n",
		 "'train.json' looks like CSV, fields between commas (text, label), not a JSON "
		 "list "
		 "of rows {instruction, output}: a name's end says the form: mv 'train.json' "
		 "'train.csv'"},
		{"\"a, b\";label\n\"x;y\";joy\n", "looks like CSV, fields between semicolons (a, "
						  "b, label)"}, /* the comma is inside quotes */
		{"id\ttweet\temotion\n",
		 "looks like TSV, fields between tabs (id, tweet, emotion)"},
		{"id\ttweet\temotion\n", "mv 'train.json' 'train.tsv'"},
		{"text;label\nhello, you;joy\n",
		 "looks like CSV, fields between semicolons (text, label)"},
		{"text;label\n", "csv.DictReader(open(0,encoding='utf-8-sig',newline=''),delimiter="
				 "';')"},
		{"PAR1\x15", "looks like a Parquet file, not a JSON list of rows {instruction, "
			     "output}: mv 'train.json' 'train.json.orig'"},
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
		 "row 0 has no 'instruction', its keys are text, label: say in the config which "
		 "are "
		 "the text and the label: text_key: text, label_key: label"},
		{"[{\"instruction\": \"a\", \"emotion\": \"b\"}]",
		 "row 0 has no 'output', its keys are instruction, emotion: say in the config "
		 "which "
		 "are the text and the label: label_key: emotion"},
		{"[{\"instruction\": \"a\", \"output\": \"b\"}, {\"text\": \"a\", \"label\": "
		 "\"b\"}]",
		 "row 1 has no 'instruction': its keys are text, label"},
		{"[{\"premise\": \"a\", \"hypothesis\": \"b\", \"label\": \"c\"}]",
		 "text_key: TEXT, label_key: label; for TEXT, put your name of it"},
		{"[{\"premise\": \"a\", \"hypothesis\": \"b\", \"gold\": \"c\"}]",
		 "for TEXT and LABEL, put your names of them"},
		{"[{\"messages\": [{\"role\": \"user\"}, {\"role\": \"assistant\"}], \"id\": 1}]",
		 "r['messages'][-2]['content']"},
		{"[{\"conversations\": [{\"from\": \"human\"}, {\"from\": \"gpt\"}], \"id\": 1}]",
		 "r['conversations'][-1]['value']"},
		{"[{\"instruction\": \"a\", \"output\": 0}]",
		 "row 0: 'output' is a number, not a string: give the words that the adapters were "
		 "trained to answer: label_names: [WORD0, WORD1, …]"},
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
	assert_refused("it's.json", "mv 'it'\\''s.json' 'it'\\''s.csv'");
}

/* What is refused in tables and lines: file, line, and what to do. Zero bytes are written \0. */
static void test_lines(void **state)
{
	(void)state;
#define TEXT(s) s, sizeof s - 1
	static const struct {
		const char *file, *text;
		size_t bytes;
		const char *message;
	} bad[] = {
		{"r.csv", TEXT(""), "'r.csv' is empty: expected a line that names the columns"},
		{"r.csv", TEXT("\n\r\n"), "'r.csv' is empty"},
		{"r.csv", TEXT("instruction,output\n"), "'r.csv' has no rows"},
		{"r.csv", TEXT("instruction,output\na,b\n\nc,d,e\n"),
		 "'r.csv' line 4: 3 fields, but the header names 2 columns (instruction, output): "
		 "a "
		 "field that holds a comma, a quote or a line end stands in double quotes"},
		{"r.csv", TEXT("instruction,output\na,b\nc"), "'r.csv' line 3: 1 field, but"},
		{"r.csv", TEXT("instruction,output\n\"a\nb\",c\n\"d,e\nf,g\n"),
		 "'r.csv' line 4: a field is not closed"},
		{"r.csv", TEXT("instruction,output\n\"a\nb\" c,d\n"),
		 "'r.csv' line 3: text behind a closing quote: within quotes, a double quote is "
		 "written twice"},
		{"r.csv", TEXT("instruction,output,instruction\na,b,c\n"),
		 "'r.csv' line 1: columns 1 and 3 have one name, 'instruction': rename one"},
		{"r.csv", TEXT("instruction,output\na,b\n\"c\n\xe9\",d\n"),
		 "'r.csv' line 4: expected UTF-8, found the byte 0xe9: is it Latin-1?"},
		{"r.csv", TEXT("instruction,output\na,b\xc0\x80\n"), "found the byte 0xc0"},
		{"r.csv", TEXT("instruction,output\na,\xed\xa0\x80\n"), "found the byte 0xed"},
		{"r.csv", TEXT("instruction,output\na,\xe2\x82\n"), "found the byte 0xe2"},
		{"r.csv", TEXT("instruction,output\r\na,b\r\nc,d\0\r\n"),
		 "'r.csv' line 3: a zero byte is no part of a text"},
		{"r.csv", TEXT("\xff\xfei\0n\0"),
		 "'r.csv' looks like text in UTF-16, but CSV is expected"},
		{"r.tsv", TEXT("PK\x03\x04"),
		 "looks like a ZIP archive, or a table of Excel, but TSV"},
		{"r.csv", TEXT("instruction;output\na;b\n"),
		 "'r.csv' looks like CSV, fields between semicolons: mv 'r.csv' 'r.csv.orig'"},
		{"r.csv", TEXT("instruction\toutput\na\tb\n"),
		 "'r.csv' looks like TSV, fields between tabs: a name's end says the form: mv "
		 "'r.csv' "
		 "'r.tsv'"},
		{"r.tsv", TEXT("instruction,output\na,b\n"), "mv 'r.tsv' 'r.csv'"},
		{"r.csv", TEXT("text,label\na,b\n"),
		 "'r.csv' line 2: row 0 has no 'instruction', its keys are text, label: say in the "
		 "config which are the text and the label: text_key: text, label_key: label"},
		{"r.csv", TEXT("instruction,output\na,b\n\"c\nd\",\"\"\n"),
		 "'r.csv' line 3: row 1: the label in 'output' is empty"},
		{"r.csv", TEXT("instruction,input,output\na,,b\na,x,b\n"),
		 "'r.csv' line 3: row 1 has a text in 'input'"},
		{"r.csv", TEXT("prompt_ids,answer_ids\n\"[1]\",\"[2]\"\n"),
		 "line 2: row 0: 'prompt_ids' is a string, not a list of token ids"},
		{"r.jsonl", TEXT(""), "'r.jsonl' has no rows"},
		{"r.jsonl",
		 TEXT("{\"instruction\": \"a\", \"output\": \"b\"}\n\n{\"instruction\": "
		      "\"a\"}\n"),
		 "'r.jsonl' line 3: row 1 has no 'output': its keys are instruction"},
		{"r.jsonl", TEXT("{\"instruction\": \"a\", \"output\": \"b\"}\n{\"a\": nul}\n"),
		 "'r.jsonl' line 2 column 9: expected a value, found nul"},
		{"r.jsonl", TEXT("[\n {\"instruction\": \"a\"}\n]\n"),
		 "'r.jsonl' line 1: the line ends within a value: JSON Lines have an object on "
		 "each "
		 "line; a file that is one list is named .json"},
		{"r.jsonl", TEXT("[{\"instruction\": \"a\"}]\n"),
		 "'r.jsonl' line 1: row 0 is a list, not an object"},
		{"r.jsonl", TEXT("{\"a\": 1} {\"a\": 2}\n"),
		 "'r.jsonl' line 1 column 10: expected one value"},
		{"r.jsonl", TEXT("{\"a\": 1, \"a\": 2}\n"), "is a duplicate"},
		{"r.jsonl", TEXT("{\"a\": \"\xe9\"}\n"), "'r.jsonl' line 1"},
		{"r.jsonl", TEXT("{\"a\"\0: 1}\n"), "'r.jsonl' line 1: a zero byte"},
		{"r.jsonl", TEXT("{\"messages\": [{\"content\": \"a\"}, {\"content\": \"b\"}]}\n"),
		 "map(json.loads,filter(str.strip,t))]))\" <'r.jsonl.orig' >'r.json'"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		FILE *f = fopen(bad[i].file, "wb");
		assert_non_null(f);
		assert_int_equal(fwrite(bad[i].text, 1, bad[i].bytes, f), bad[i].bytes);
		assert_int_equal(fclose(f), 0);
		assert_refused(bad[i].file, bad[i].message);
	}
}

/* The same rows in every form. Characters count alike, and each row knows its line. */
static void test_every_form(void **state)
{
	(void)state;
	static const struct {
		const char *file, *text;
		int line[2];
	} form[] = {
		{"f.json",
		 "[{\"instruction\": \"é, \\\"x\\\"\\ny\", \"output\": \"joy\"},\n"
		 "{\"output\": \"fear\", \"instruction\": \"\"}]",
		 {0, 0}},
		{"f.jsonl",
		 "{\"instruction\": \"é, \\\"x\\\"\\ny\", \"output\": \"joy\"}\n\n"
		 "{\"output\": \"fear\", \"instruction\": \"\"}",
		 {1, 3}},
		{"f.csv",
		 "\xef\xbb\xbfinstruction,output\r\n\"é, \"\"x\"\"\ny\",joy\r\n,fear",
		 {2, 4}},
		{"f.tsv", "output\tinstruction\njoy\t\"é, \"\"x\"\"\ny\"\nfear\t\n", {2, 4}},
		{"f.txt",
		 "[{\"instruction\": \"é, \\\"x\\\"\\ny\", \"output\": \"joy\"},\n"
		 "{\"output\": \"fear\", \"instruction\": \"\"}]",
		 {0, 0}},
	};
	for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
		struct rows r;
		put(form[i].file, form[i].text);
		plain_rows_read(&r, form[i].file);
		assert_int_equal(r.n, 2);
		assert_string_equal(r.row[0].text[0], "é, \"x\"\ny");
		assert_string_equal(r.row[0].answer, "joy");
		assert_string_equal(r.row[1].text[0], "");
		assert_string_equal(r.row[1].answer, "fear");
		assert_int_equal(r.row[0].chars, 8 + 3);
		assert_int_equal(r.row[1].chars, 4);
		assert_int_equal(r.row[0].line, form[i].line[0]);
		assert_int_equal(r.row[1].line, form[i].line[1]);
		rows_release(&r);
	}
}

struct named {
	const char *path, *key, *names;
};

static void read_named(void *arg)
{
	const struct named *n = arg;
	struct row_templates t;
	struct rows r;
	char *answer = xformat("{%s}", n->key);
	row_templates_init(&t, &(struct row_options){"{text}", answer, n->key, n->names});
	rows_read(&r, n->path, &t);
	for (int i = 0; i < r.n; i++)
		printf("%s:%ld ", r.row[i].answer, r.row[i].chars);
	rows_release(&r);
	row_templates_release(&t);
	free(answer);
}

/* Labels that are numbers become their words. A row's characters are those of the words. */
static void test_label_names(void **state)
{
	(void)state;
	static const char list[] = "[\"anger\", \"joy\"]",
			  map[] = "{\"1\": \"joy\", \"-3\": \"fear\"}";
	static const struct {
		const char *file, *text, *names, *out;
	} good[] = {
		{"n.json", "[{\"text\": \"é\", \"label\": 1}, {\"text\": \"\", \"label\": \"0\"}]",
		 list, "joy:4 anger:5 "},
		{"n.jsonl", "{\"text\": \"a\", \"label\": 1.0}\n{\"text\": \"a\", \"label\": -3}",
		 map, "joy:4 fear:5 "},
		{"n.csv", "text,label\na,1\na,-3\na,1.0\n", map, "joy:4 fear:5 joy:4 "},
		{"n.csv", "text,label\na,1\na,-3\n", NULL, "1:2 -3:3 "},
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct named n = {good[i].file, "label", good[i].names};
		put(good[i].file, good[i].text);
		struct child c = child_run(read_named, &n);
		assert_int_equal(c.code, CHILD_RETURNED);
		assert_string_equal(c.out, good[i].out);
	}
	static const struct {
		const char *text, *names;
		int code;
		const char *message;
	} bad[] = {
		{"text,label\na,1\n\nb,2\n", list, EXIT_WORLD,
		 "'n.csv' line 4: row 1: 'label' is 2, and label_names has words for 0, 1 only"},
		{"text,label\na,joy\n", list, EXIT_WORLD,
		 "'n.csv' line 2: row 0: 'label' is \"joy\", no whole number"},
		{"text,label\na,1.5\n", list, EXIT_WORLD, "is \"1.5\", no whole number"},
		{"text,label\na,nan\n", list, EXIT_WORLD, "is \"nan\", no whole number"},
		{"text,label\na,1e300\n", list, EXIT_WORLD, "is \"1e300\", no whole number"},
		{"text,label\na,\n", list, EXIT_WORLD, "is \"\", no whole number"},
		{"text,label\na,1\n", "[]", EXIT_USAGE,
		 "--label-names '[]': expected a JSON list of words"},
		{"text,label\na,1\n", "[1]", EXIT_USAGE, "--label-names '[1]'"},
		{"text,label\na,1\n", "[\" \"]", EXIT_USAGE, "--label-names"},
		{"text,label\na,1\n", "{\"one\": \"a\"}", EXIT_USAGE, "--label-names"},
		{"text,label\na,1\n", "joy", EXIT_USAGE, "--label-names 'joy'"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct named n = {"n.csv", "label", bad[i].names};
		put("n.csv", bad[i].text);
		struct child c = child_run(read_named, &n);
		assert_int_equal(c.code, bad[i].code);
		assert_true(child_said(&c, bad[i].message));
	}
}

/* Which form exists. Two forms are refused, and both are named. */
static void find_stem(void *stem)
{
	printf("%s", rowfile_find(stem));
}

static void test_find(void **state)
{
	(void)state;
	char *found = rowfile_find("stem");
	assert_string_equal(found, "stem.json");
	free(found);
	put("stem.tsv", "");
	found = rowfile_find("stem");
	assert_string_equal(found, "stem.tsv");
	free(found);
	put("stem.jsonl", "");
	struct child c = child_run(find_stem, (void *)(uintptr_t) "stem");
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, "'stem.jsonl' and 'stem.tsv' are both there"));
}

/* Numbers as labels are right for an adapter that answers with numbers: the rows are read, with a
 * note. If one label is a word, there is no note. */
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

/* A hole of 600 MiB: refused by its size, without time or memory. */
static void test_too_large(void **state)
{
	(void)state;
	static const char *const file[] = {"large.json", "large.jsonl", "large.csv"};
	for (int i = 0; i < 3; i++) {
		put(file[i], "[");
		assert_int_equal(truncate(file[i], (off_t)600 << 20), 0);
		assert_refused(file[i], "expected at most 536870912 bytes, found 629145600");
		assert_int_equal(remove(file[i]), 0);
	}
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

/* The figures of the real rows in their README: 7602 test texts, none in 'input'. */
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
		cmocka_unit_test(test_good),       cmocka_unit_test(test_labels),
		cmocka_unit_test(test_refusals),   cmocka_unit_test(test_forms),
		cmocka_unit_test(test_mark),       cmocka_unit_test(test_number_labels),
		cmocka_unit_test(test_too_large),  cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_real_case),  cmocka_unit_test(test_lines),
		cmocka_unit_test(test_every_form), cmocka_unit_test(test_label_names),
		cmocka_unit_test(test_find),
	};
	return cmocka_run_group_tests_name("rows", tests, scratch_setup, scratch_teardown);
}
