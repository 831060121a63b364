/* test_tables.c: files of rows: they must give the rows that Python's csv and json modules read
 * from the same text (tests/oracle/tables.py), key by key and byte by byte. */
#include "golden.h"

#include "merge/rowfile.h"

static json_t *cases;

static int enter(void **state)
{
	cases = golden_json(GOLDEN "/tables.json");
	*state = scratch_enter();
	return 0;
}

static int leave(void **state)
{
	json_decref(cases);
	scratch_leave(*state);
	return 0;
}

static void put(const char *path, json_t *text)
{
	FILE *f = fopen(path, "wb");
	size_t n = json_string_length(text);
	assert_non_null(f);
	assert_int_equal(fwrite(json_string_value(text), 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void check_row(const char *name, size_t i, json_t *want, json_t *row)
{
	if (!json_equal(want, row))
		fail_msg("%s, row %zu: expected %s, found %s", name, i, json_dumps(want, 0),
			 json_dumps(row, JSON_ENCODE_ANY));
}

static void check_case(json_t *c)
{
	const char *name = json_string_value(golden_get(c, "case")),
		   *path = json_string_value(golden_get(c, "file"));
	json_t *want = golden_get(c, "rows");
	put(path, golden_get(c, "text"));
	struct rowfile *f = rowfile_open(path);
	for (size_t i = 0; i < json_array_size(want); i++)
		check_row(name, i, json_array_get(want, i), rowfile_next(f));
	if (rowfile_next(f))
		fail_msg("%s: more than %zu rows", name, json_array_size(want));
	rowfile_close(f);
}

static void test_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < json_array_size(cases); i++)
		check_case(json_array_get(cases, i));
	assert_int_equal(json_array_size(cases), 84);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
	return cmocka_run_group_tests_name("tables", tests, enter, leave);
}
