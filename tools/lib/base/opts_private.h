/* opts_private.h: what the sources of opts share.
 * - opts.c: parsing;
 * - opts_help.c: --help and --version;
 * - opts_text.c: strict values and the nearest word;
 * - opts_done.c: the closing line. */
#ifndef OPTS_PRIVATE_H
#define OPTS_PRIVATE_H

#include "base/opts.h"

struct parser {
	const struct tool *tool;
	struct opt *opt; /* the tool's options, then the common ones */
	char **dflt;     /* text of the default; NULL: none is shown */
	bool *seen;
	int n, n_tool;
};

/* opts.c */
extern struct common_opts opts_common;

/* opts_help.c */
/* "--alpha-1", or "-x" for an option with only a letter; written to the caller's buffer. */
const char *opts_label(const struct opt *o, char *buf, size_t size);
/* The range in "an integer from 1 to 60": "from 1 to 60", or "of at least 1"; "" if there is none.
 * Written to the caller's buffer. */
const char *opts_range(const struct opt *o, char *buf, size_t size);
char *opts_default_text(const struct opt *o); /* allocated; NULL: none is shown */
_Noreturn void opts_print_help(const struct parser *p);
_Noreturn void opts_print_version(const struct parser *p);

/* opts_done.c */
void opts_start_clock(void);

#endif
