/* opts_help.c: --help and --version, and how an option is written. */
#include "base/opts_private.h"

#include <errno.h>
#include <float.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

const char *opts_label(const struct opt *o, char *buf, size_t size)
{
	if (o->name)
		snprintf(buf, size, "--%s", o->name);
	else
		snprintf(buf, size, "-%c", o->letter);
	return buf;
}

char *opts_default_text(const struct opt *o)
{
	switch (o->type) {
	case OPT_BOOL: return xstrdup(*(bool *)o->value ? "1" : "0");
	case OPT_STRING: return *(const char **)o->value ? xstrdup(*(const char **)o->value) : NULL;
	case OPT_INT: return xformat("%d", *(int *)o->value);
	case OPT_LONG: return xformat("%ld", *(long *)o->value);
	case OPT_FLOAT: return xformat("%.15g", *(double *)o->value);
	case OPT_BYTES: return xformat("%zu", *(size_t *)o->value);
	case OPT_RANK: {
		const struct rank_limit *r = o->value;
		return r->share > 0 ? xformat("auto:%.15g", r->share) : xformat("%d", r->rank);
	}
	case OPT_FLAG:
	case OPT_KEY:
	case OPT_END: break;
	}
	return NULL;
}

const char *opts_range(const struct opt *o, char *buf, size_t size)
{
	/* A range with one bound uses the type's own limit as the other. */
	double limit = o->type == OPT_INT     ? (double)INT_MAX
		       : o->type == OPT_FLOAT ? DBL_MAX
					      : (double)LONG_MAX;
	bool number = o->type == OPT_INT || o->type == OPT_LONG || o->type == OPT_FLOAT ||
		      o->type == OPT_BYTES || o->type == OPT_RANK;
	if (!number || (o->min == 0 && o->max == 0))
		*buf = 0;
	else if (o->max >= limit)
		snprintf(buf, size, "of at least %.15g", o->min);
	else
		snprintf(buf, size, "from %.15g to %.15g", o->min, o->max);
	return buf;
}

static const char *arg_text(const struct opt *o)
{
	static const char *const by_type[] = {
		[OPT_BOOL] = "0|1", [OPT_STRING] = "TEXT", [OPT_INT] = "N",     [OPT_LONG] = "N",
		[OPT_FLOAT] = "X",  [OPT_BYTES] = "BYTES", [OPT_RANK] = "RANK",
	};
	if (o->type == OPT_FLAG)
		return "";
	return o->arg ? o->arg : by_type[o->type];
}

static void print_option(const struct parser *p, int i)
{
	const struct opt *o = &p->opt[i];
	char left[128], range[64];
	int n = o->letter ? snprintf(left, sizeof(left), "  -%c%s", o->letter, o->name ? ", " : "")
			  : snprintf(left, sizeof(left), "      ");
	snprintf(left + n, sizeof(left) - (size_t)n, "%s%s%s%s", o->name ? "--" : "",
		 o->name ? o->name : "", o->type == OPT_FLAG ? "" : " ", arg_text(o));
	printf("%-30s %s", left, o->help ? o->help : "");
	if (*opts_range(o, range, sizeof(range)))
		printf(" (%s)", range);
	if (o->required)
		printf(" (required)");
	else if (p->dflt[i])
		printf(" (default %s)", p->dflt[i]);
	putchar('\n');
}

_Noreturn static void leave_after_print(void)
{
	if (fflush(stdout) || ferror(stdout))
		die("cannot write to standard output: %s", strerror(errno));
	exit(0);
}

/* Two blanks and a $: by these help2man recognises a command. */
static void print_example(const char *s)
{
	printf("\nExamples:\n");
	while (*s) {
		int n = (int)strcspn(s, "\n");
		printf("  $ %.*s\n", n, s);
		s += n + (s[n] == '\n');
	}
}

_Noreturn void opts_print_help(const struct parser *p)
{
	char label[64];
	const struct tool *tool = p->tool;
	printf("Usage: %s", tool->name);
	for (int i = 0; i < p->n_tool; i++)
		if (p->opt[i].required)
			printf(" %s %s", opts_label(&p->opt[i], label, sizeof(label)),
			       arg_text(&p->opt[i]));
	printf(" [options]%s%s\n%s\n\nOptions:\n", tool->operands ? " " : "",
	       tool->operands ? tool->operands : "", tool->summary ? tool->summary : "");
	for (int i = 0; i < p->n_tool; i++)
		print_option(p, i);
	if (p->n_tool)
		printf("\nCommon options:\n");
	for (int i = p->n_tool; i < p->n; i++)
		print_option(p, i);
	if (tool->details)
		printf("\n%s\n", tool->details);
	if (tool->example)
		print_example(tool->example);
	leave_after_print();
}

_Noreturn void opts_print_version(const struct parser *p)
{
	printf("%s %s\n", p->tool->name, MERGE_LORA_VERSION);
	leave_after_print();
}
