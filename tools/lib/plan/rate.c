/* rate.c: see rate.h. */
#include "plan/rate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/be.h"
#include "base/cpus.h"
#include "base/die.h"
#include "base/text.h"
#include "files/fletcher.h"
#include "files/out.h"

enum { WIDTH = 1024, ROWS = 480, SYSTEM = 768, BYTES = 4 << 20 };

/* Seconds of processor time for one figure, and for one burst of it. */
static const double LONG = 0.4, BURST = 0.04;
/* Measured with less than this share of the processors: other programs took the rest. */
static const double BUSY = 0.9;

struct rate rate_assumed(void)
{
	return (struct rate){6e10, 6e10, 2.5e10, 2e9};
}

/* ------------------------------------------------------------ measuring */

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds(void)
{
	return seconds_of(strcmp(be->name, "cpu") == 0 ? CLOCK_PROCESS_CPUTIME_ID
						       : CLOCK_MONOTONIC);
}

/* Entries without a pattern, around 0. */
static void fill(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (float)((double)(i * 2654435761u % 1000) * 1e-3 - 0.5);
}

/* Operations of one repetition; *spent: the seconds that count. */
typedef double repetition(void *arg, double *spent);

/* Per second, of the best of several bursts: other programs make a burst slower, and none makes it
 * faster. */
static double best_burst(repetition *once, void *arg, double length)
{
	double best = 0, all = 0;

	while (all < length) {
		double done = 0, spent = 0;

		while (spent < BURST)
			done += once(arg, &spent);
		all += spent;
		best = done / spent > best ? done / spent : best;
	}
	return best;
}

struct product {
	struct be_weight *W;
	float *X, *Y, *host;
};

static double product(void *arg, double *spent)
{
	const struct product *a = arg;
	double begun = seconds();

	be->linear(a->Y, WIDTH, a->X, WIDTH, a->W, ROWS, false);
	be->get(a->host, a->Y, sizeof(float));
	*spent += seconds() - begun;
	return 2.0 * ROWS * WIDTH * WIDTH;
}

static double products(enum be_precision p)
{
	const size_t floats = (size_t)WIDTH * WIDTH, rows = (size_t)ROWS * WIDTH;
	struct product a = {.host = xarray(floats, sizeof(*a.host))};
	double spent = 0, rate;

	fill(a.host, floats);
	a.W = be->weight_pack(a.host, WIDTH, WIDTH, WIDTH, false, p);
	a.X = be->alloc(rows * sizeof(float));
	a.Y = be->alloc(rows * sizeof(float));
	be->put(a.X, a.host, rows * sizeof(float));
	product(&a, &spent); /* the first one makes the kernels */
	rate = best_burst(product, &a, LONG);
	be->weight_free(a.W);
	be->free(a.X);
	be->free(a.Y);
	free(a.host);
	return rate;
}

/* A diagonal that is larger than the rest of its row. */
static void fill_system(double *S)
{
	for (size_t i = 0; i < SYSTEM; i++)
		for (size_t j = 0; j < SYSTEM; j++)
			S[i * SYSTEM + j] = i == j ? SYSTEM : 1e-3 * (double)((i + j) % 7);
}

static double factor(void *arg, double *spent)
{
	double begun;

	fill_system(arg);
	begun = seconds();
	if (be->potrf(arg, SYSTEM))
		BUG("a system with a large diagonal has no factor");
	*spent += seconds() - begun;
	return (double)SYSTEM * SYSTEM * SYSTEM / 3;
}

static double products64(void)
{
	double *S = xarray((size_t)SYSTEM * SYSTEM, sizeof(*S)), rate = best_burst(factor, S, LONG);

	free(S);
	return rate;
}

struct copies {
	char *from, *to;
};

static double copy(void *arg, double *spent)
{
	const struct copies *c = arg;
	double begun = seconds();

	memcpy(c->to, c->from, BYTES);
	c->from[0] = (char)fletcher32(c->to, BYTES); /* so that the sum is used */
	*spent += seconds() - begun;
	return BYTES;
}

static double copied(void)
{
	struct copies c = {xcalloc(BYTES, 1), xcalloc(BYTES, 1)};
	double rate = best_burst(copy, &c, LONG / 2);

	free(c.from);
	free(c.to);
	return rate;
}

static struct rate measure(void)
{
	struct rate r = {.products = products(BE_F32)};

	r.products16 = be->fast16() == BE_F32 ? r.products : products(be->fast16());
	r.products64 = products64();
	r.bytes = copied();
	return r;
}

/* ------------------------------------------------------------ how busy the machine is */

/* *share: of a processor, which this thread had meanwhile. */
static struct rate measure_share(double *share)
{
	double wall = seconds_of(CLOCK_MONOTONIC), spent = seconds_of(CLOCK_THREAD_CPUTIME_ID);
	struct rate r = measure();

	*share = (seconds_of(CLOCK_THREAD_CPUTIME_ID) - spent) /
		 (seconds_of(CLOCK_MONOTONIC) - wall);
	return r;
}

static bool quiet_now(void)
{
	double load;

	return getloadavg(&load, 1) == 1 && load < 0.5 * cpus_available();
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

/* A line of the file. */
struct kept {
	struct rate r;
	double share; /* of a processor, while it was measured; 1 where the line does not say */
};

static bool parse(const char *figures, struct kept *k)
{
	struct rate *r = &k->r;
	int n = sscanf(figures, "%lf %lf %lf %lf %lf", &r->products, &r->products16, &r->products64,
		       &r->bytes, &k->share);

	if (n == 4)
		k->share = 1;
	return n >= 4 && r->products > 0 && r->products16 > 0 && r->products64 > 0 && r->bytes > 0;
}

/* The line of this machine is there. */
static bool find(const char *text, const char *key, struct kept *k)
{
	for (const char *line = text; line && *line; line = strchr(line, '\n') + 1) {
		char *end = strchr(line, '\n'), *figures;
		bool found;

		if (!end)
			return false;
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		figures =
			xformat("%.*s", (int)(end - line - (long)strlen(key)), line + strlen(key));
		found = parse(figures, k);
		free(figures);
		return found;
	}
	return false;
}

static void keep(const char *folder, const char *path, const char *key, const struct kept *k)
{
	const struct rate *r = &k->r;
	char *line = xformat("%s%.4g\t%.4g\t%.4g\t%.4g\t%.2f\n", key, r->products, r->products16,
			     r->products64, r->bytes, k->share);

	if (access(folder, W_OK) == 0)
		out_update_text(path, line);
	free(line);
}

struct rate rate_here(const char *folder, int threads)
{
	char *cpu = processor(), *key = xformat("%s\t%s\t%d\t", cpu, be->name, threads),
	     *path = xformat("%s/rate.tsv", folder), *text = out_read_text(path);
	struct kept k;

	if (!find(text, key, &k) || (k.share < BUSY && quiet_now())) {
		k.r = measure_share(&k.share);
		keep(folder, path, key, &k);
	}
	free(text);
	free(path);
	free(key);
	free(cpu);
	return k.r;
}
