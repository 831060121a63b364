/* opts_done.c: the closing line of a tool and its costs. */
#include "base/opts_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/append.h"
#include "base/die.h"

static struct timespec clock_start;

void opts_start_clock(void)
{
	clock_gettime(CLOCK_MONOTONIC, &clock_start);
}

/* The peak resident set in KiB. In the kernel ru_maxrss starts with the size of the process that
 * called exec(). A small tool under a large script would report the script's size. VmHWM counts
 * from exec() on. On Linux both are in KiB. */
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

/* The start of this process, in seconds since 1970, if it has run for `real` seconds. */
static double started(double real)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec - real;
}

static void log_figures(const char *text, double real, double cpu, double peak_mb)
{
	char *line = xformat("%s\t%s\t%.3f\t%.3f\t%.1f\t%.3f\n", prog_name, text, real, cpu,
			     peak_mb, started(real));

	append_line(opts_common.log, line);
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
	double real = (double)(now.tv_sec - clock_start.tv_sec) +
		      1e-9 * (double)(now.tv_nsec - clock_start.tv_nsec);
	double cpu = seconds(u.ru_utime) + seconds(u.ru_stime), peak_mb = peak_kib(&u) / 1024;

	if (!opts_common.log || !opts_common.log_only)
		note("%s; %.2f s real, %.2f s cpu, %.1f MB peak", text, real, cpu, peak_mb);
	if (opts_common.log)
		log_figures(text, real, cpu, peak_mb);
}
