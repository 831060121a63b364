/* Rows as CSV, TSV and JSON Lines, with labels that are texts and numbers. */
#include "fuzz.h"
#include "merge/rows.h"

static void load(const char *path, const struct row_options *o)
{
	struct rows r;
	struct row_templates t;
	row_templates_init(&t, o);
	rows_read(&r, path, &t);
	rows_release(&r);
	row_templates_release(&t);
}

/* In a function of its own: the jump out of a refusal must not pass a loop's counter. */
static void survive(const char *path, const struct row_options *o)
{
	SURVIVE(load(path, o));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const names[] = {"train.csv", "train.tsv", "train.jsonl"};
	static const struct row_options options[] = {
		{"{instruction}", "{output}", "output", NULL},
		{"{text}", "{label}", "label", "{\"0\": \"anger\", \"2\": \"joy\"}"},
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *path = fuzz_file(names[i], data, n);
		for (size_t k = 0; k < sizeof options / sizeof *options; k++)
			survive(path, &options[k]);
	}
	return 0;
}
