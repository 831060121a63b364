/* opts.h: a tool's option table gives parsing, --help and the printed defaults.
 *
 * Long options are `--name value` or `--name=value`, without abbreviations. One-letter forms exist
 * where the table has a letter. Numbers are strict: the whole string, inside [min, max], no NaN. A
 * string option given twice is an error. opts_parse() adds the common options (-t -b -q -v -h
 * --version --max-memory) to every tool's table. */
#ifndef OPTS_H
#define OPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strlist.h" /* makes a list of the text of an option about several tasks */

enum opt_type {
	OPT_FLAG,   /* bool *: present or not */
	OPT_BOOL,   /* bool *: True/False/yes/no/1/0 */
	OPT_STRING, /* const char **; NULL until given */
	OPT_INT,    /* int * */
	OPT_LONG,   /* long * */
	OPT_FLOAT,  /* double * */
	OPT_BYTES,  /* size_t *: 300000000, 256M, 1.5G (powers of 1024) */
	OPT_RANK,   /* struct rank_limit *: 16 or auto:0.99 */
	OPT_KEY, /* struct opt_keyed *: a key gives everything but `required` and, where it is set,
		    `help` */
	OPT_END
};

/* The rank to which modules are cut: one for all, or for each the least that keeps a share. */
struct rank_limit {
	int rank;     /* 0: no such rank */
	double share; /* of the squared norm, above 0 and below 1; 0: no such share */
};
#define RANK_LIMIT_SHARE "auto:SHARE, 0 < SHARE < 1"

/* What all options of one name share. A table of keys says it once for all tools
 * (config/keys.h). */
struct opt_key {
	const char *name; /* alpha_1: option --alpha-1 */
	enum opt_type type;
	double min, max;
	const char *dflt; /* as text; NULL: none */
	const char *help;
};

/* The value of an option of type OPT_KEY: its key and the tool's variable. opts_parse() first sets
 * the variable to the default. */
struct opt_keyed {
	const struct opt_key *key;
	void *variable;
};

struct opt {
	const char *name; /* "alpha-1" for --alpha-1 */
	char letter;      /* 0: none */
	enum opt_type type;
	void *value;     /* holds the default before opts_parse(), the setting afterwards */
	bool required;   /* if it is missing: a usage error that names it */
	double min, max; /* numbers only; min == max == 0: no bound */
	const char *arg; /* how --help names the argument, e.g. "FILE" */
	const char *help;
};

struct tool {
	const char *name;       /* "solve-layer" */
	const char *summary;    /* one line for --help */
	const char *details;    /* paragraphs after the options, or NULL */
	const struct opt *opts; /* ends with {.type = OPT_END} */
	const char *operands;   /* the arguments after the options, for the first line of --help;
				   NULL: there must be none */
	const char *example; /* commands, one per line, at the end of --help; tests/cli/install.sh
				runs them */
};

/* The values of the common options. */
struct common_opts {
	int threads;         /* -t; default: threads_default() */
	const char *backend; /* -b: "cpu" (default) or "cuda" */
	size_t max_memory;   /* bytes; 0: no limit */
	bool quiet, verbose;
	const char *log;       /* tool_done() appends its figures to this file; NULL: to none */
	bool log_only;         /* … and prints nothing */
	const char *checksums; /* this file records outputs' checksums and is used to check inputs;
				  NULL: none */
	int wait; /* seconds to wait for a file that another machine has made; 0: none */
};

/* Called by opts_parse() with the file of --checksums. NULL, as at first: the program keeps no
 * checksums, and the option is an error. */
extern void (*opts_checksums)(const char *path);

/* Parses argv into the table's values, and returns the common options. --help and --version print
 * and exit 0; an error exits 2. Positional arguments are a usage error. It also sets prog_name and
 * the number of OpenMP threads, and starts the clock of tool_done(). */
const struct common_opts *opts_parse(const struct tool *tool, int argc, char **argv);

/* The closing line: "TOOL: message; 0.42 s real, 0.80 s cpu, 37.1 MB peak". Silent with -q. With
 * --log the figures are also appended to that file, separated by tabs: tool, message, seconds real,
 * seconds cpu, peak MB. With --log-only they go only to the file. Warnings and notes are always
 * printed. */
void tool_done(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Ends the program where a plan of `need` bytes is over --max-memory. of: "", or what the bytes are
 * for, such as " for site enc00-self". */
void opts_need_memory(const struct common_opts *c, size_t need, const char *of);

/* Strict conversions, also for the config reader. false: the text is not wholly a value of this
 * kind. */
bool text_to_bool(const char *s, bool *v);
bool text_to_long(const char *s, long *v);
bool text_to_double(const char *s, double *v);
bool text_to_bytes(const char *s, size_t *v);
bool text_to_rank(const char *s, struct rank_limit *v);

/* The known word nearest to `s` by edit distance, for "unknown option '--aplha-1'; did you mean
 * '--alpha-1'?". NULL: the nearest one is farther than a third of the length. */
const char *nearest_word(const char *s, const char *const *words, int n);

#endif
