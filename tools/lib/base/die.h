/* die.h: the three kinds of failure, each with its own mechanism.
 * 1. The world failed (file, disk, malformed data, memory): die(), exit 1. Only tools and edge
 *    modules call it.
 * 2. The data say no (not positive definite, not finite): maths modules return `int info`. The
 *    tool names the site and calls die_data(), exit 3.
 * 3. The programmer failed: BUG(), file and line, abort. These checks stay on in release builds.
 *
 * A usage error is die_usage(), exit 2. Every message is one line on stderr: "TOOL: message". In a
 * step of Slurm it names the job: "TOOL (job 17.0 on node3): message". */
#ifndef DIE_H
#define DIE_H

#include <stddef.h>

#include "base/alloc.h"

enum { EXIT_WORLD = 1, EXIT_USAGE = 2, EXIT_DATA = 3 };

/* The tool's name, which begins every message. opts_parse() sets it. */
extern const char *prog_name;

_Noreturn void die(const char *fmt, ...) PRINTF_LIKE(1, 2);
_Noreturn void die_usage(const char *fmt, ...) PRINTF_LIKE(1, 2);
_Noreturn void die_data(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* One line on stderr, "TOOL: message"; note() is silent under -q. */
void warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void note(const char *fmt, ...) PRINTF_LIKE(1, 2);
extern int note_quiet;

_Noreturn void bug_at(const char *file, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
#define BUG_IF(cond) ((cond) ? BUG("%s", #cond) : (void)0)

/* Memory that is never NULL. xcalloc refuses a product that overflows. More is in alloc.h. */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);

#endif
