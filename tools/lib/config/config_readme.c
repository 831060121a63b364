/* config_readme.c: config/README.md, from the table of keys. */
#include "config/config_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char introduction[] =
	"# Settings\n"
	"\n"
	"<!-- Written by `build/plan-pipeline --keys-markdown`, from tools/lib/config/keys.def: "
	"change that file and run `make keys-readme`. -->\n"
	"\n"
	"A configuration file holds `seed:` and one section per task type. `CONFIG=FILE` names the "
	"file, `TASK_TYPE=NAME` the section.\n"
	"`make merge … KEY=value` sets a key for one run: the same key in capitals, such as "
	"`ALPHA_1=1e-4` or `TASK_TARGETS=a,b`.\n"
	"\n"
	"- What is typed wins over the file, and the file wins over the default.\n"
	"- True, False, yes, no, 1 and 0 all read as booleans. A list is written `[a, b]` or "
	"`a,b`.\n"
	"- An unknown key is an error. The message names the nearest known key.\n"
	"- A key that was asked for and has no effect is said in one line, or refused.\n"
	"- Of `samples_num`, `inner_num` and `outer_num`, those that are not given follow from the "
	"others.\n"
	"- A list in the file counts by the names of the file's tasks, so `TASK_TARGETS=` may name "
	"some of them in any order.\n"
	"\n"
	"\"Methods\" says where a key counts. `fitted` stands for sweep, jacobi and regmean.\n"
	"\"Goes to\" names the stages whose tool has the key as an option: `alpha_1` is "
	"`solve-layer --alpha-1`. `plan` is plan-pipeline itself.\n"
	"\"Result\" says whether another value changes what a merge or an evaluation gives. Only "
	"the stages that depend on it run again.\n";

/* The methods listed in `names`, as bits. */
static unsigned methods_of(const char *const *names)
{
	unsigned methods = 0;

	for (; *names; names++)
		for (int m = 0; m < config_nmethods; m++)
			if (strcmp(config_methods[m], *names) == 0)
				methods |= 1u << m;
	return methods;
}

/* One word for a set of methods that many keys share. */
static const char *group_word(unsigned methods)
{
	static const char *const fitted[] = {"sweep", "jacobi", "regmean", NULL}, *const blind[] = {
											  "average",
											  NULL};
	unsigned all = (1u << config_nmethods) - 1;

	return methods == all                          ? "all"
	       : methods == methods_of(fitted)         ? "fitted"
	       : methods == (all & ~methods_of(blind)) ? "not average"
						       : NULL;
}

static void print_methods(unsigned methods)
{
	unsigned all = (1u << config_nmethods) - 1;
	const char *word = group_word(methods & all);
	char *list = word ? xstrdup(word) : config_method_list(methods);

	printf(" %s |", list);
	free(list);
}

static void print_stages(unsigned stages)
{
	const char *before = "";

	printf(" ");
	for (int s = 0; s < STAGES; s++)
		if (stages >> s & 1) {
			printf("%s%s", before, config_stages[s].name);
			before = ", ";
		}
	printf(" |");
}

static void print_row(const struct config_key *k)
{
	char *values = config_key_values(k);

	printf("| `%s` | %s | %s |", k->name, values,
	       k->dflt   ? k->dflt
	       : k->none ? k->none
			 : "required");
	print_methods(k->methods);
	print_stages(k->takes);
	printf(" %s | %s |\n", k->changes ? "yes" : "no", k->help);
	free(values);
}

void config_print_markdown(void)
{
	printf("%s\n| key | values | default | methods | goes to | result | what it is "
	       "|\n|---|---|---|---|---|---|---|\n",
	       introduction);
	for (int i = 0; i < CONFIG_KEYS; i++)
		print_row(&config_keys[i]);
	printf("\n| stage | tool |\n|---|---|\n");
	for (int s = 0; s < STAGES; s++)
		printf("| %s | %s |\n", config_stages[s].name, config_stages[s].tool);
}
