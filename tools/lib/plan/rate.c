/* rate.c: see rate.h. */
#include "plan/rate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/be.h"
#include "base/die.h"
#include "base/text.h"
#include "files/fletcher.h"
#include "files/out.h"

enum { WIDTH = 1024, ROWS = 480, SYSTEM = 768, BYTES = 4 << 20 };

static const double LONG = 0.4; /* seconds of processor time for one figure */

struct rate rate_assumed(void)
{
	return (struct rate){6e10, 6e10, 2.5e10, 2e9};
}

/* ------------------------------------------------------------ measuring */

static double seconds(void)
{
	clockid_t clock = strcmp(be->name, "cpu") == 0 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Entries without a pattern, around 0. */
static void fill(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (float)((double)(i * 2654435761u % 1000) * 1e-3 - 0.5);
}

static double products(enum be_precision p)
{
	const size_t floats = (size_t)WIDTH * WIDTH, rows = (size_t)ROWS * WIDTH;
	float *host = xarray(floats, sizeof(*host));

	fill(host, floats);
	struct be_weight *W = be->weight_pack(host, WIDTH, WIDTH, WIDTH, false, p);
	float *X = be->alloc(rows * sizeof(float)), *Y = be->alloc(rows * sizeof(float));
	double done = 0, begun;

	be->put(X, host, rows * sizeof(float));
	be->linear(Y, WIDTH, X, WIDTH, W, ROWS, false);
	be->get(host, Y, rows * sizeof(float));
	for (begun = seconds(); seconds() - begun < LONG; done += 2.0 * ROWS * WIDTH * WIDTH) {
		be->linear(Y, WIDTH, X, WIDTH, W, ROWS, false);
		be->get(host, Y, sizeof(float));
	}
	double rate = done / (seconds() - begun);

	be->weight_free(W);
	be->free(X);
	be->free(Y);
	free(host);
	return rate;
}

/* A diagonal that is larger than the rest of its row. */
static void fill_system(double *S)
{
	for (size_t i = 0; i < SYSTEM; i++)
		for (size_t j = 0; j < SYSTEM; j++)
			S[i * SYSTEM + j] = i == j ? SYSTEM : 1e-3 * (double)((i + j) % 7);
}

static double products64(void)
{
	double *S = xarray((size_t)SYSTEM * SYSTEM, sizeof(*S)), done = 0, spent = 0;

	while (spent < LONG) {
		fill_system(S);
		double begun = seconds();
		if (be->potrf(S, SYSTEM))
			BUG("a system with a large diagonal has no factor");
		spent += seconds() - begun;
		done += (double)SYSTEM * SYSTEM * SYSTEM / 3;
	}
	free(S);
	return done / spent;
}

static double copied(void)
{
	char *from = xcalloc(BYTES, 1), *to = xcalloc(BYTES, 1);
	double done = 0, begun = seconds();

	for (; seconds() - begun < LONG / 2; done += BYTES) {
		memcpy(to, from, BYTES);
		from[0] = (char)fletcher32(to, BYTES); /* so that the sum is used */
	}
	free(from);
	free(to);
	return done / (seconds() - begun);
}

static struct rate measure(void)
{
	struct rate r = {.products = products(BE_F32)};

	r.products16 = be->fast16() == BE_F32 ? r.products : products(be->fast16());
	r.products64 = products64();
	r.bytes = copied();
	return r;
}

/* ------------------------------------------------------------ the file */

/* The processor's name, with blanks for tabs (allocated). */
static char *processor(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char *line = NULL, *name = NULL;
	size_t room = 0;

	while (f && !name && getline(&line, &room, f) > 0)
		if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
			const char *value = strchr(line, ':') + 1;

			value += strspn(value, " \t");
			name = xformat("%.*s", (int)strcspn(value, "\t\n"), value);
		}
	free(line);
	if (f)
		fclose(f);
	return name ? name : xstrdup("unknown processor");
}

/* The line of this machine is there. */
static bool find(const char *text, const char *key, struct rate *r)
{
	for (const char *line = text; line && *line; line = strchr(line, '\n') + 1) {
		if (!strchr(line, '\n'))
			return false;
		if (strncmp(line, key, strlen(key)) == 0)
			return sscanf(line + strlen(key), "%lf %lf %lf %lf", &r->products,
				      &r->products16, &r->products64, &r->bytes) == 4 &&
			       r->products > 0 && r->products16 > 0 && r->products64 > 0 &&
			       r->bytes > 0;
	}
	return false;
}

struct rate rate_here(const char *folder, int threads)
{
	char *cpu = processor(), *key = xformat("%s\t%s\t%d\t", cpu, be->name, threads),
	     *path = xformat("%s/rate.tsv", folder), *text = out_read_text(path);
	struct rate r;

	if (!find(text, key, &r)) {
		r = measure();
		char *line = xformat("%s%.4g\t%.4g\t%.4g\t%.4g\n", key, r.products, r.products16,
				     r.products64, r.bytes);
		if (access(folder, W_OK) == 0)
			out_update_text(path, line);
		free(line);
	}
	free(text);
	free(path);
	free(key);
	free(cpu);
	return r;
}
