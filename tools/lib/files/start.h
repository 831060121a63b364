/* start.h: how every tool begins: it reads its options, and handles those that concern files. It
 * ends with tool_done() of opts.h. */
#ifndef START_H
#define START_H

#include "base/opts.h"

/* opts_parse(). With --checksums FILE, this file is used from here on to check inputs and to record
 * outputs (checksums.h). */
const struct common_opts *tool_start(const struct tool *tool, int argc, char **argv);

#endif
