/* address_space.c: see address_space.h. Most of the space is never touched: it uses addresses, but
 * hardly any memory. */
#include "backend/address_space.h"

#include <cblas.h>
#include <dnnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/die.h"

enum {
	BLAS_BYTES = (128 << 20) + (1 << 16), /* OpenBLAS 0.3.21: the work area of a thread */
	CODE_BYTES = 64 << 20, /* oneDNN 2.6: about fifty kernels of 320 KiB at the first product,
				  and more for other shapes */
};

/* OpenBLAS's library exports these two, but no header has them. They take and give back a thread's
 * work area, which stays mapped. */
extern void *blas_memory_alloc(int) __attribute__((weak));
extern void blas_memory_free(void *) __attribute__((weak));

static bool has_areas(void)
{
	return blas_memory_alloc && blas_memory_free;
}

/* SIZE_MAX: there is none. */
static size_t limit_on(int resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return SIZE_MAX;
	return (size_t)limit.rlim_cur;
}

static size_t areas(int threads)
{
	return (size_t)threads * BLAS_BYTES;
}

/* What counts as data for good. */
static size_t data(int threads)
{
	return CODE_BYTES + (has_areas() ? 0 : areas(threads));
}

size_t address_space_data(int threads)
{
	size_t limit = limit_on(RLIMIT_DATA);

	if (limit == SIZE_MAX)
		return limit;
	return limit > data(threads) ? limit - data(threads) : 0;
}

/* die() unless n more bytes can be mapped. Only what can be written counts as data. */
static void expect_room(size_t n, int protection, const char *of, int threads)
{
	void *room = mmap(NULL, n, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		die("out of memory: cannot get %zu MB of %s for %d threads", n >> 20, of, threads);
	munmap(room, n);
}

/* ------------------------------------------------------------ work areas */

/* Bytes of addresses in use. */
static size_t mapped(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	size_t pages = 0;

	if (f && fscanf(f, "%zu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* No page of it was ever written. */
static bool untouched(void *area, size_t n)
{
	size_t pages = n / (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *resident = xarray(pages, 1);
	bool none = mincore(area, n, resident) == 0;

	for (size_t i = 0; i < pages && none; i++)
		none = !(resident[i] & 1);
	free(resident);
	return none;
}

/* Replaces a new work area by as many bytes of shared memory, which a limit on data does not
 * count. Other bytes were mapped too unless they are whole megabytes. */
static void *new_area(void)
{
	size_t before = mapped(), n;
	void *area = blas_memory_alloc(0);

	n = mapped() - before;
	if (n > 0 && n % (1 << 20) == 0 && untouched(area, n) &&
	    mmap(area, n, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != area)
		die("out of memory: cannot get %zu MB for OpenBLAS", n >> 20);
	return area;
}

static void make_areas(int threads)
{
	void **area = xarray((size_t)threads, sizeof(*area));

	for (int i = 0; i < threads; i++) {
		expect_room(BLAS_BYTES, PROT_READ | PROT_WRITE, "data", threads);
		area[i] = new_area();
	}
	for (int i = 0; i < threads; i++)
		blas_memory_free(area[i]);
	free(area);
}

void address_space_claim(int threads)
{
	double x = 0, y = 0;
	float a = 0, b = 0, c = 0;

	openblas_set_num_threads(1); /* the user may have made it start more (threads.c) */
	if (limit_on(RLIMIT_AS) == SIZE_MAX && limit_on(RLIMIT_DATA) == SIZE_MAX)
		return;
	expect_room(areas(threads) + CODE_BYTES, PROT_NONE, "addresses", threads);
	expect_room(data(threads), PROT_READ | PROT_WRITE, "data", threads);
	if (limit_on(RLIMIT_DATA) != SIZE_MAX && has_areas())
		make_areas(threads);
	cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, 1, 1, 0, &x, 1, 0, &y, 1);
	if (dnnl_sgemm('N', 'N', 1, 1, 1, 0, &a, 1, &b, 1, 0, &c, 1) != dnnl_success)
		die("out of memory: oneDNN cannot start");
}
