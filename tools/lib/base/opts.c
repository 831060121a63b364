/* opts.c: the option table and its parser.
 *
 * The tool's table and the common options are one list of pointers. --help, the defaults and the
 * parser all walk it, so they cannot disagree. Defaults become text before parsing starts, so
 * --help after other options still prints the defaults. getopt_long is not used, because it accepts
 * abbreviations: a new option could change the meaning of an old command line. */
#include "base/opts_private.h"

#include <limits.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/renamed.h"
#include "base/threads.h"

struct common_opts opts_common;
void (*opts_checksums)(const char *path);

static bool want_help, want_version;

static const struct opt common_table[] = {
	{.name = "threads",
	 .letter = 't',
	 .type = OPT_INT,
	 .value = &opts_common.threads,
	 .min = 1,
	 .max = THREADS_MOST,
	 .arg = "N",
	 .help = "threads to compute with"},
	{.name = "backend",
	 .letter = 'b',
	 .type = OPT_STRING,
	 .value = &opts_common.backend,
	 .arg = "NAME",
	 .help = "cpu or cuda"},
	{.name = "max-memory",
	 .type = OPT_BYTES,
	 .value = &opts_common.max_memory,
	 .arg = "BYTES",
	 .help = "memory to stay under (256M, 1.5G; 0: no limit)"},
	{.name = "log",
	 .type = OPT_STRING,
	 .value = &opts_common.log,
	 .arg = "FILE",
	 .help = "append the closing line's figures to FILE (tab-separated)"},
	{.name = "log-only",
	 .type = OPT_FLAG,
	 .value = &opts_common.log_only,
	 .help = "with --log: the closing line goes there alone"},
	{.name = "checksums",
	 .type = OPT_STRING,
	 .value = &opts_common.checksums,
	 .arg = "FILE",
	 .help = "check inputs by the checksums in FILE, append those of the outputs"},
	{.name = "wait",
	 .type = OPT_INT,
	 .value = &opts_common.wait,
	 .min = 0,
	 .max = 3600,
	 .arg = "SECONDS",
	 .help = "how long to wait for a file that another machine has made"},
	{.name = "quiet",
	 .letter = 'q',
	 .type = OPT_FLAG,
	 .value = &opts_common.quiet,
	 .help = "errors and warnings only"},
	{.name = "verbose",
	 .letter = 'v',
	 .type = OPT_FLAG,
	 .value = &opts_common.verbose,
	 .help = "say more"},
	{.name = "help",
	 .letter = 'h',
	 .type = OPT_FLAG,
	 .value = &want_help,
	 .help = "print this and exit"},
	{.name = "version",
	 .type = OPT_FLAG,
	 .value = &want_version,
	 .help = "print the version and exit"},
};

enum { N_COMMON = sizeof(common_table) / sizeof(common_table[0]) };

static void parser_check(const struct parser *p)
{
	for (int i = 0; i < p->n; i++) {
		const struct opt *a = &p->opt[i];
		if ((!a->name && !a->letter) || !a->value)
			BUG("option %d of %s has no name or no value", i, p->tool->name);
		for (int j = 0; j < i; j++) {
			const struct opt *b = &p->opt[j];
			if ((a->name && b->name && !strcmp(a->name, b->name)) ||
			    (a->letter && a->letter == b->letter))
				BUG("%s has two options '%s' '%c'", p->tool->name,
				    a->name ? a->name : "", a->letter ? a->letter : ' ');
		}
	}
}

/* Ends the tool when x is outside the option's range, or is no number (ok is false). */
static void need_number(const struct opt *o, const char *label, const char *text, bool ok, double x,
			const char *kind)
{
	char range[64];
	bool bounded = *opts_range(o, range, sizeof(range)) != 0;
	if (ok && (!bounded || (x >= o->min && x <= o->max)))
		return;
	die_usage("option '%s': expected %s%s%s, found '%s'", label, kind, bounded ? " " : "",
		  range, text);
}

static void set_value(const struct opt *o, const char *label, const char *text)
{
	long l = 0;
	double x = 0;
	size_t bytes = 0;
	struct rank_limit rank = {0};
	bool ok;
	switch (o->type) {
	case OPT_BOOL:
		if (!text_to_bool(text, o->value))
			die_usage("option '%s': expected True, False, yes, no, 1 or 0, found '%s'",
				  label, text);
		break;
	case OPT_STRING:
		if (!*text)
			die_usage("option '%s' has an empty value", label);
		*(const char **)o->value = text;
		break;
	case OPT_INT:
		ok = text_to_long(text, &l) && l >= INT_MIN && l <= INT_MAX;
		need_number(o, label, text, ok, (double)l, "an integer");
		*(int *)o->value = (int)l;
		break;
	case OPT_LONG:
		ok = text_to_long(text, &l);
		need_number(o, label, text, ok, (double)l, "an integer");
		*(long *)o->value = l;
		break;
	case OPT_FLOAT:
		ok = text_to_double(text, &x);
		need_number(o, label, text, ok, x, "a number");
		*(double *)o->value = x;
		break;
	case OPT_BYTES:
		ok = text_to_bytes(text, &bytes);
		need_number(o, label, text, ok, (double)bytes,
			    "a size (bytes, or with K, M, G, T)");
		*(size_t *)o->value = bytes;
		break;
	case OPT_RANK:
		ok = text_to_rank(text, &rank);
		need_number(o, label, text, ok, rank.rank, RANK_LIMIT_SHARE ", or an integer");
		*(struct rank_limit *)o->value = rank;
		break;
	case OPT_FLAG:
	case OPT_KEY:
	case OPT_END: BUG("option '%s' takes no value", label);
	}
}

/* Makes a complete option of one that a key describes. Its variable is set to the default. */
static struct opt from_key(const struct opt *o)
{
	const struct opt_keyed *keyed = o->value;
	const struct opt_key *key = keyed->key;
	char *name = xstrdup(key->name);
	for (char *c = name; *c; c++)
		if (*c == '_')
			*c = '-';
	struct opt own = {.name = name,
			  .letter = o->letter,
			  .type = key->type,
			  .value = keyed->variable,
			  .required = o->required,
			  .min = key->min,
			  .max = key->max,
			  .arg = o->arg,
			  .help = o->help ? o->help : key->help};
	if (key->dflt && !o->required)
		set_value(&own, name, key->dflt);
	return own;
}

static void parser_init(struct parser *p, const struct tool *tool)
{
	int n_tool = 0;
	while (tool->opts && tool->opts[n_tool].type != OPT_END)
		n_tool++;
	p->tool = tool;
	p->n_tool = n_tool;
	p->n = n_tool + N_COMMON;
	p->opt = xarray((size_t)p->n, sizeof(*p->opt));
	p->dflt = xarray((size_t)p->n, sizeof(*p->dflt));
	p->seen = xcalloc((size_t)p->n, sizeof(*p->seen));
	for (int i = 0; i < p->n; i++) {
		const struct opt *o = i < n_tool ? &tool->opts[i] : &common_table[i - n_tool];
		p->opt[i] = o->type == OPT_KEY ? from_key(o) : *o;
	}
	parser_check(p);
	for (int i = 0; i < p->n; i++)
		p->dflt[i] = opts_default_text(&p->opt[i]);
}

static void parser_release(struct parser *p)
{
	for (int i = 0; i < p->n; i++) {
		if (i < p->n_tool && p->tool->opts[i].type == OPT_KEY)
			free((char *)(uintptr_t)p->opt[i].name); /* from from_key() */
		free(p->dflt[i]);
	}
	free(p->dflt);
	free(p->opt);
	free(p->seen);
}

/* `name` ends at an '=' or at the end of the argument. */
static int find_long(const struct parser *p, const char *name, size_t length)
{
	for (int i = 0; i < p->n; i++)
		if (p->opt[i].name && strlen(p->opt[i].name) == length &&
		    !memcmp(p->opt[i].name, name, length))
			return i;
	const char **words = xarray((size_t)p->n, sizeof(*words));
	int n = 0;
	for (int i = 0; i < p->n; i++)
		if (p->opt[i].name)
			words[n++] = p->opt[i].name;
	char *wrong = xformat("%.*s", (int)(length < 200 ? length : 200), name);
	const char *near = nearest_word(wrong, words, n);
	if (renamed(wrong))
		die_usage("option '--%s' is called '--%s' now", wrong, renamed(wrong));
	if (near)
		die_usage("unknown option '--%s'; did you mean '--%s'?", wrong, near);
	die_usage("unknown option '--%s'; see --help", wrong);
}

static int find_letter(const struct parser *p, char letter)
{
	for (int i = 0; i < p->n; i++)
		if (p->opt[i].letter == letter)
			return i;
	die_usage("unknown option '-%c'; see --help", letter);
}

/* Sets option i. `value` NULL: the value is the next argument. Returns how many further arguments
 * were used. */
static int take_option(struct parser *p, int i, const char *value, const char *next)
{
	const struct opt *o = &p->opt[i];
	char label[64];
	opts_label(o, label, sizeof(label));
	if (o->type == OPT_FLAG) {
		if (value)
			die_usage("option '%s' takes no value", label);
		*(bool *)o->value = true;
		/* At once, so that they work although other options are missing or wrong. */
		if (o->value == &want_help)
			opts_print_help(p);
		if (o->value == &want_version)
			opts_print_version(p);
		p->seen[i] = true;
		return 0;
	}
	/* "--model --train FILE": a value is missing. A value that begins with -- can be given with
	 * '='. */
	if (!value && (!next || !strncmp(next, "--", 2)))
		die_usage("option '%s' needs a value", label);
	if (p->seen[i])
		die_usage("option '%s' is given twice", label);
	p->seen[i] = true;
	set_value(o, label, value ? value : next);
	return value ? 0 : 1;
}

/* "-q", "-qv", "-t 2", "-t2". */
static int take_letters(struct parser *p, const char *arg, const char *next)
{
	for (const char *s = arg + 1; *s; s++) {
		int i = find_letter(p, *s);
		if (p->opt[i].type != OPT_FLAG)
			return take_option(p, i, s[1] ? s + 1 : NULL, next);
		take_option(p, i, NULL, NULL);
	}
	return 0;
}

static void check_common(void)
{
	if (strcmp(opts_common.backend, "cpu") && strcmp(opts_common.backend, "cuda"))
		die_usage("option '--backend': expected cpu or cuda, found '%s'",
			  opts_common.backend);
	note_quiet = opts_common.quiet;
	if (opts_checksums)
		opts_checksums(opts_common.checksums);
	else if (opts_common.checksums)
		die_usage("option '--checksums': this program keeps no checksums");
	/* Weights and rows are allocated and freed in arrays of many megabytes. Freed memory is
	 * kept for the next array and not returned page by page. */
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	threads_use(opts_common.threads);
}

const struct common_opts *opts_parse(const struct tool *tool, int argc, char **argv)
{
	struct parser p;
	char label[64];
	prog_name = tool->name;
	opts_start_clock();
	opts_common = (struct common_opts){.threads = threads_default(), .backend = "cpu"};
	parser_init(&p, tool);
	for (int a = 1; a < argc; a++) {
		const char *s = argv[a], *next = a + 1 < argc ? argv[a + 1] : NULL;
		if (s[0] != '-' || !s[1] || !strcmp(s, "--"))
			die_usage("unexpected argument '%s'; see --help", s);
		if (s[1] != '-') {
			a += take_letters(&p, s, next);
			continue;
		}
		const char *equals = strchr(s, '=');
		size_t length = equals ? (size_t)(equals - s) - 2 : strlen(s) - 2;
		a += take_option(&p, find_long(&p, s + 2, length), equals ? equals + 1 : NULL,
				 next);
	}
	for (int i = 0; i < p.n; i++)
		if (p.opt[i].required && !p.seen[i])
			die_usage("option '%s' is required",
				  opts_label(&p.opt[i], label, sizeof(label)));
	check_common();
	parser_release(&p);
	return &opts_common;
}

void opts_need_memory(const struct common_opts *c, size_t need, const char *of)
{
	if (c->max_memory && need > c->max_memory)
		die("--max-memory %zu MB is too little: at least %zu MB are needed%s",
		    c->max_memory >> 20, (need >> 20) + 1, of);
}
