/* opts.c: the option table: parsing, --help, and the closing line with its costs.
 *
 * The tool's table and the common options are walked as one list of pointers, so --help, the defaults and the parser
 * cannot disagree. Defaults are turned into text before parsing starts: --help after other options still prints the
 * defaults. getopt_long is not used because it takes abbreviations, which would turn a new option into a change of
 * meaning of an old command line. */
#include "opts.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <omp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "area.h"
#include "die.h"
#include "sums.h"

#define VERSION "0.1"

enum { MAX_THREADS = 1024 }; /* far over any machine; catches -t 10000 typed for -t 1 */

struct common_opts common = {.threads = 1, .backend = "cpu"};

static bool want_help, want_version;
static struct timespec clock_start;

static const struct opt common_table[] = {
	{.name = "threads", .letter = 't', .type = OPT_INT, .value = &common.threads, .min = 1, .max = MAX_THREADS,
	 .arg = "N", .help = "threads to compute with"},
	{.name = "backend", .letter = 'b', .type = OPT_STRING, .value = &common.backend, .arg = "NAME",
	 .help = "cpu or cuda"},
	{.name = "max-memory", .type = OPT_BYTES, .value = &common.max_memory, .arg = "BYTES",
	 .help = "memory to stay under (256M, 1.5G; 0: no limit)"},
	{.name = "log", .type = OPT_STRING, .value = &common.log, .arg = "FILE",
	 .help = "append the closing line's figures to FILE (tab-separated)"},
	{.name = "sums", .type = OPT_STRING, .value = &common.sums, .arg = "FILE",
	 .help = "check inputs by the checksums in FILE, append those of the outputs"},
	{.name = "quiet", .letter = 'q', .type = OPT_FLAG, .value = &common.quiet, .help = "errors and warnings only"},
	{.name = "verbose", .letter = 'v', .type = OPT_FLAG, .value = &common.verbose, .help = "say more"},
	{.name = "help", .letter = 'h', .type = OPT_FLAG, .value = &want_help, .help = "print this and exit"},
	{.name = "version", .type = OPT_FLAG, .value = &want_version, .help = "print the version and exit"},
};

enum { N_COMMON = sizeof(common_table) / sizeof(common_table[0]) };

struct parser {
	const struct tool *tool;
	const struct opt **opt; /* the tool's, then the common ones */
	char **dflt;            /* text of the default, NULL: none to show */
	bool *seen;
	int n, n_tool;
};

/* ------------------------------------------------------------ values */

bool text_to_bool(const char *s, bool *v)
{
	static const char *const yes[] = {"true", "yes", "1"}, *const no[] = {"false", "no", "0"};
	for (int i = 0; i < 3; i++) {
		if (!strcasecmp(s, yes[i]))
			return *v = true, true;
		if (!strcasecmp(s, no[i]))
			return *v = false, true;
	}
	return false;
}

bool text_to_long(const char *s, long *v)
{
	/* strtol skips leading blanks; a strict number has none. */
	const char *digits = s + (*s == '-' || *s == '+');
	if (!*digits || digits[strspn(digits, "0123456789")])
		return false;
	errno = 0;
	long x = strtol(s, NULL, 10);
	if (errno == ERANGE)
		return false;
	*v = x;
	return true;
}

bool text_to_double(const char *s, double *v)
{
	/* The alphabet rules out nan, inf, hexadecimal and blanks, all of which strtod takes. */
	if (!*s || s[strspn(s, "+-.0123456789eE")])
		return false;
	char *end;
	double x = strtod(s, &end);
	if (end == s || *end || !isfinite(x))
		return false;
	*v = x;
	return true;
}

bool text_to_bytes(const char *s, size_t *v)
{
	static const char units[] = "KMGT";
	size_t n = strlen(s);
	if (!n || n > 40)
		return false;
	char last = s[n - 1];
	if (last >= 'a' && last <= 'z')
		last = (char)(last - 'a' + 'A');
	const char *unit = strchr(units, last); /* last is not 0: s is not empty */
	char number[48];
	size_t digits = unit ? n - 1 : n;
	memcpy(number, s, digits);
	number[digits] = 0;
	/* A fraction only makes sense of a unit; an exponent or a sign never does. */
	if (!digits || number[strspn(number, unit ? "0123456789." : "0123456789")])
		return false;
	int shift = unit ? 10 * (int)(unit - units + 1) : 0;
	if (!strchr(number, '.')) {
		errno = 0;
		unsigned long long x = strtoull(number, NULL, 10);
		if (errno == ERANGE || x > SIZE_MAX >> shift)
			return false;
		*v = (size_t)x << shift;
		return true;
	}
	double x;
	if (!text_to_double(number, &x) || (x = ldexp(x, shift)) >= (double)SIZE_MAX)
		return false;
	*v = (size_t)x;
	return true;
}

/* ------------------------------------------------------------ names */

static int min3(int a, int b, int c)
{
	int m = a < b ? a : b;
	return m < c ? m : c;
}

/* Edit distance where a swap of neighbours counts one (optimal string alignment); long words are simply far. */
static int edit_distance(const char *a, const char *b)
{
	enum { LONGEST = 64 };
	int n = (int)strnlen(a, LONGEST), m = (int)strnlen(b, LONGEST);
	int row[3][LONGEST + 1];
	if (n == LONGEST || m == LONGEST)
		return INT_MAX / 4;
	for (int j = 0; j <= m; j++)
		row[0][j] = j;
	for (int i = 1; i <= n; i++) {
		int *now = row[i % 3], *up = row[(i + 2) % 3], *upup = row[(i + 1) % 3];
		now[0] = i;
		for (int j = 1; j <= m; j++) {
			now[j] = min3(up[j] + 1, now[j - 1] + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && upup[j - 2] + 1 < now[j])
				now[j] = upup[j - 2] + 1;
		}
	}
	return row[n % 3][m];
}

const char *nearest_word(const char *s, const char *const *words, int n)
{
	const char *best = NULL;
	int least = (int)(strnlen(s, 1024) / 3) + 1;
	for (int i = 0; i < n; i++) {
		int k = edit_distance(s, words[i]);
		if (k < least) {
			least = k;
			best = words[i];
		}
	}
	return best;
}

/* "--alpha-1", or "-x" for an option that has only a letter; the buffer is the caller's. */
static const char *opt_label(const struct opt *o, char *buf, size_t size)
{
	if (o->name)
		snprintf(buf, size, "--%s", o->name);
	else
		snprintf(buf, size, "-%c", o->letter);
	return buf;
}

/* ------------------------------------------------------------ --help */

static char *default_text(const struct opt *o)
{
	switch (o->type) {
	case OPT_BOOL:
		return xstrdup(*(bool *)o->value ? "1" : "0");
	case OPT_STRING:
		return *(const char **)o->value ? xstrdup(*(const char **)o->value) : NULL;
	case OPT_INT:
		return xformat("%d", *(int *)o->value);
	case OPT_LONG:
		return xformat("%ld", *(long *)o->value);
	case OPT_FLOAT:
		return xformat("%.15g", *(double *)o->value);
	case OPT_BYTES:
		return xformat("%zu", *(size_t *)o->value);
	case OPT_FLAG:
	case OPT_END:
		break;
	}
	return NULL;
}

static const char *arg_text(const struct opt *o)
{
	static const char *const by_type[] = {
		[OPT_BOOL] = "0|1", [OPT_STRING] = "TEXT", [OPT_INT] = "N", [OPT_LONG] = "N", [OPT_FLOAT] = "X", [OPT_BYTES] = "BYTES",
	};
	if (o->type == OPT_FLAG)
		return "";
	return o->arg ? o->arg : by_type[o->type];
}

static void print_option(const struct parser *p, int i)
{
	const struct opt *o = p->opt[i];
	char left[128];
	int n = o->letter ? snprintf(left, sizeof(left), "  -%c%s", o->letter, o->name ? ", " : "")
	                  : snprintf(left, sizeof(left), "      ");
	snprintf(left + n, sizeof(left) - (size_t)n, "%s%s%s%s", o->name ? "--" : "", o->name ? o->name : "",
	         o->type == OPT_FLAG ? "" : " ", arg_text(o));
	printf("%-30s %s", left, o->help ? o->help : "");
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

_Noreturn static void print_help(const struct parser *p)
{
	char label[64];
	printf("usage: %s", p->tool->name);
	for (int i = 0; i < p->n_tool; i++)
		if (p->opt[i]->required)
			printf(" %s %s", opt_label(p->opt[i], label, sizeof(label)), arg_text(p->opt[i]));
	printf(" [options]\n%s\n\noptions:\n", p->tool->summary ? p->tool->summary : "");
	for (int i = 0; i < p->n_tool; i++)
		print_option(p, i);
	if (p->n_tool)
		printf("\ncommon options:\n");
	for (int i = p->n_tool; i < p->n; i++)
		print_option(p, i);
	if (p->tool->details)
		printf("\n%s\n", p->tool->details);
	leave_after_print();
}

_Noreturn static void print_version(const struct parser *p)
{
	printf("%s %s\n", p->tool->name, VERSION);
	leave_after_print();
}

/* ------------------------------------------------------------ parsing */

static void parser_check(const struct parser *p)
{
	for (int i = 0; i < p->n; i++) {
		const struct opt *a = p->opt[i];
		if ((!a->name && !a->letter) || !a->value)
			BUG("option %d of %s has no name or no value", i, p->tool->name);
		for (int j = 0; j < i; j++) {
			const struct opt *b = p->opt[j];
			if ((a->name && b->name && !strcmp(a->name, b->name)) || (a->letter && a->letter == b->letter))
				BUG("%s has two options '%s' '%c'", p->tool->name, a->name ? a->name : "", a->letter ? a->letter : ' ');
		}
	}
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
	for (int i = 0; i < p->n; i++)
		p->opt[i] = i < n_tool ? &tool->opts[i] : &common_table[i - n_tool];
	parser_check(p);
	for (int i = 0; i < p->n; i++)
		p->dflt[i] = default_text(p->opt[i]);
}

static void parser_release(struct parser *p)
{
	for (int i = 0; i < p->n; i++)
		free(p->dflt[i]);
	free(p->dflt);
	free(p->opt);
	free(p->seen);
}

/* `name` ends at an '=' or at the end of the argument. */
static int find_long(const struct parser *p, const char *name, size_t length)
{
	for (int i = 0; i < p->n; i++)
		if (p->opt[i]->name && strlen(p->opt[i]->name) == length && !memcmp(p->opt[i]->name, name, length))
			return i;
	const char **words = xarray((size_t)p->n, sizeof(*words));
	int n = 0;
	for (int i = 0; i < p->n; i++)
		if (p->opt[i]->name)
			words[n++] = p->opt[i]->name;
	char *wrong = xformat("%.*s", (int)(length < 200 ? length : 200), name);
	const char *near = nearest_word(wrong, words, n);
	if (near)
		die_usage("unknown option '--%s'; did you mean '--%s'?", wrong, near);
	die_usage("unknown option '--%s'; see --help", wrong);
}

static int find_letter(const struct parser *p, char letter)
{
	for (int i = 0; i < p->n; i++)
		if (p->opt[i]->letter == letter)
			return i;
	die_usage("unknown option '-%c'; see --help", letter);
}

/* Leaves when x is outside the option's range or not a number at all (ok is false). */
static void need_number(const struct opt *o, const char *label, const char *text, bool ok, double x, const char *kind)
{
	bool bounded = o->min != 0 || o->max != 0;
	if (ok && (!bounded || (x >= o->min && x <= o->max)))
		return;
	if (!bounded)
		die_usage("option '%s': expected %s, found '%s'", label, kind, text);
	/* One-sided ranges are written with the type's own limit. */
	if (o->max >= (o->type == OPT_INT ? (double)INT_MAX : o->type == OPT_FLOAT ? DBL_MAX : (double)LONG_MAX))
		die_usage("option '%s': expected %s of at least %.15g, found '%s'", label, kind, o->min, text);
	die_usage("option '%s': expected %s from %.15g to %.15g, found '%s'", label, kind, o->min, o->max, text);
}

static void set_value(const struct opt *o, const char *label, const char *text)
{
	long l = 0;
	double x = 0;
	size_t bytes = 0;
	bool ok;
	switch (o->type) {
	case OPT_BOOL:
		if (!text_to_bool(text, o->value))
			die_usage("option '%s': expected True, False, yes, no, 1 or 0, found '%s'", label, text);
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
		need_number(o, label, text, ok, (double)bytes, "a size (bytes, or with K, M, G, T)");
		*(size_t *)o->value = bytes;
		break;
	case OPT_FLAG:
	case OPT_END:
		BUG("option '%s' takes no value", label);
	}
}

/* Sets option i; `value` is NULL when it is the next argument. Returns how many further arguments were taken. */
static int take_option(struct parser *p, int i, const char *value, const char *next)
{
	const struct opt *o = p->opt[i];
	char label[64];
	opt_label(o, label, sizeof(label));
	if (o->type == OPT_FLAG) {
		if (value)
			die_usage("option '%s' takes no value", label);
		*(bool *)o->value = true;
		/* At once, so that they work beside options that are missing or wrong. */
		if (o->value == &want_help)
			print_help(p);
		if (o->value == &want_version)
			print_version(p);
		p->seen[i] = true;
		return 0;
	}
	/* "--model --train FILE": the value was left out. A value that does begin so can be given with '='. */
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
		if (p->opt[i]->type != OPT_FLAG)
			return take_option(p, i, s[1] ? s + 1 : NULL, next);
		take_option(p, i, NULL, NULL);
	}
	return 0;
}

static void check_common(void)
{
	if (strcmp(common.backend, "cpu") && strcmp(common.backend, "cuda"))
		die_usage("option '--backend': expected cpu or cuda, found '%s'", common.backend);
	note_quiet = common.quiet;
	sums_use(common.sums);
	/* Weights and rows come and go in arrays of many megabytes: what is freed is kept for the next, not given back page by page. */
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	omp_set_num_threads(common.threads);
	areas_claim(common.threads);
}

void opts_parse(const struct tool *tool, int argc, char **argv)
{
	struct parser p;
	char label[64];
	prog_name = tool->name;
	clock_gettime(CLOCK_MONOTONIC, &clock_start);
	common.threads = omp_get_num_procs();
	if (common.threads > MAX_THREADS)
		common.threads = MAX_THREADS;
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
		a += take_option(&p, find_long(&p, s + 2, length), equals ? equals + 1 : NULL, next);
	}
	for (int i = 0; i < p.n; i++)
		if (p.opt[i]->required && !p.seen[i])
			die_usage("option '%s' is required", opt_label(p.opt[i], label, sizeof(label)));
	check_common();
	parser_release(&p);
}

/* ------------------------------------------------------------ the closing line */

/* The peak resident set in KiB. The kernel lets ru_maxrss start at the size of the process that called exec(), so a small
 * tool under a large script would report the script; VmHWM counts from exec() on. Both are KiB on Linux. */
static double peak_kib(const struct rusage *u)
{
	char line[256];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");
	while (f && !kib && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %ld kB", &kib) != 1)
			kib = 0;
	if (f)
		fclose(f);
	return kib > 0 ? (double)kib : (double)u->ru_maxrss;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

/* One write() of one line: processes side by side may append to one file. */
static void log_figures(const char *text, double real, double cpu, double peak_mb)
{
	char *line = xformat("%s\t%s\t%.3f\t%.3f\t%.1f\n", prog_name, text, real, cpu, peak_mb);
	int fd = open(common.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line) || close(fd))
		die("cannot append to '%s': %s", common.log, strerror(errno));
	free(line);
}

void tool_done(const char *fmt, ...)
{
	char text[1024];
	struct timespec now;
	struct rusage u;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clock_gettime(CLOCK_MONOTONIC, &now);
	getrusage(RUSAGE_SELF, &u);
	double real = (double)(now.tv_sec - clock_start.tv_sec) + 1e-9 * (double)(now.tv_nsec - clock_start.tv_nsec);
	double cpu = seconds(u.ru_utime) + seconds(u.ru_stime), peak_mb = peak_kib(&u) / 1024;

	note("%s; %.2f s real, %.2f s cpu, %.1f MB peak", text, real, cpu, peak_mb);
	if (common.log)
		log_figures(text, real, cpu, peak_mb);
}

/* ------------------------------------------------------------ lists and paths */

struct strlist strlist_split(const char *csv, const char *what)
{
	struct strlist l = {0, NULL};
	for (const char *s = csv;; s++) {
		size_t n = strcspn(s, ",");
		if (!n)
			die_usage("%s: empty item in '%s'", what, csv);
		char *item = xmalloc(n + 1);
		memcpy(item, s, n);
		item[n] = 0;
		if (strlist_find(&l, item) >= 0)
			die_usage("%s: '%s' is listed twice in '%s'", what, item, csv);
		l.item = xrealloc(l.item, (size_t)(l.n + 1) * sizeof(*l.item));
		l.item[l.n++] = item;
		s += n;
		if (!*s)
			return l;
	}
}

void strlist_release(struct strlist *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->item[i]);
	free(l->item);
	l->item = NULL;
	l->n = 0;
}

int strlist_find(const struct strlist *l, const char *s)
{
	for (int i = 0; i < l->n; i++)
		if (!strcmp(l->item[i], s))
			return i;
	return -1;
}

char *path_for_task(const char *template, const char *task, int ntasks, const char *what)
{
	static const char mark[] = "{task}";
	const size_t mark_n = sizeof(mark) - 1, task_n = strlen(task);
	size_t count = 0, k = 0;
	for (const char *s = template; (s = strstr(s, mark)); s += mark_n)
		count++;
	if (!count && ntasks > 1)
		die_usage("%s: '%s' stands for %d tasks but has no {task} in it", what, template, ntasks);
	char *path = xmalloc(strlen(template) + count * task_n + 1);
	for (const char *s = template; *s;) {
		if (!strncmp(s, mark, mark_n)) {
			memcpy(path + k, task, task_n);
			k += task_n;
			s += mark_n;
		} else {
			path[k++] = *s++;
		}
	}
	path[k] = 0;
	return path;
}
