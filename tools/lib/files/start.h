/* start.h: how every tool begins: its options, and what of them concerns files. tool_done() of
 * opts.h is how it ends. */
#ifndef START_H
#define START_H

#include "base/opts.h"

/* opts_parse(); with --checksums FILE, inputs are checked and outputs recorded by that file from
 * here on (checksums.h). */
const struct common_opts *tool_start(const struct tool *tool, int argc, char **argv);

#endif
