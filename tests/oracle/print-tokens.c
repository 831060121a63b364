/* print-tokens MODEL ROWS MAX_LENGTH: the ids of every row in a file of rows, as the tools compute
 * them, for tokens.py to compare. It prints one line per row: the ids of `instruction` (cut to
 * MAX_LENGTH), a tab, the ids of `output` (not cut). */
#include <stdio.h>
#include <stdlib.h>

#include "base/die.h"
#include "merge/rows.h"
#include "model/tokenizer/tokens.h"

enum { LABEL_TOKENS = 65536 }; /* more than any label has */

static void print_ids(const struct t5_tokenizer *t, const char *text, int max_length)
{
	int *ids = xarray((size_t)max_length, sizeof *ids);
	int n = tokens_encode(t, text, max_length, ids);
	if (n < 0)
		die("cannot encode '%s'", text);
	for (int i = 0; i < n; i++)
		printf("%s%d", i ? " " : "", ids[i]);
	free(ids);
}

int main(int argc, char **argv)
{
	prog_name = "print-tokens";
	if (argc != 4 || atoi(argv[3]) < 1)
		die_usage("usage: print-tokens MODEL ROWS MAX_LENGTH");
	struct geometry m = geometry_load(argv[1]);
	struct t5_tokenizer *t = tokens_open(argv[1], &m);
	struct rows r;
	struct row_templates templates;
	row_templates_init(&templates,
			   &(struct row_options){"{instruction}", "{output}", "output", NULL});
	rows_read(&r, argv[2], &templates);
	for (int i = 0; i < r.n; i++) {
		print_ids(t, r.row[i].text[0], atoi(argv[3]));
		putchar('\t');
		print_ids(t, r.row[i].answer, LABEL_TOKENS);
		putchar('\n');
	}
	rows_release(&r);
	row_templates_release(&templates);
	tokens_close(t);
	return 0;
}
