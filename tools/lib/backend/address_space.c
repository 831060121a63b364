/* address_space.c: see address_space.h. Most of the space is never touched: it uses addresses, but
 * hardly any memory. */
#include "backend/address_space.h"

#include <cblas.h>
#include <dnnl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/die.h"

enum {
	BLAS_BYTES = (128 << 20) + (1 << 16), /* OpenBLAS 0.3.21, for each thread that calls it */
	CODE_BYTES = 64 << 20, /* oneDNN 2.6: about fifty kernels of 320 KiB at the first product,
				  and more for other shapes */
};

static size_t mapped(int threads)
{
	return (size_t)threads * BLAS_BYTES + CODE_BYTES;
}

/* SIZE_MAX: there is none. */
static size_t limit_on(int resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return SIZE_MAX;
	return (size_t)limit.rlim_cur;
}

size_t address_space_data(int threads)
{
	size_t limit = limit_on(RLIMIT_DATA);

	if (limit == SIZE_MAX)
		return limit;
	return limit > mapped(threads) ? limit - mapped(threads) : 0;
}

void address_space_claim(int threads)
{
	size_t n = mapped(threads);
	double x = 0, y = 0;
	float a = 0, b = 0, c = 0;
	void *room;

	openblas_set_num_threads(1); /* the user may have made it start more (threads.c) */
	if (limit_on(RLIMIT_AS) == SIZE_MAX && limit_on(RLIMIT_DATA) == SIZE_MAX)
		return;
	room = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (room == MAP_FAILED)
		die("out of memory: cannot get %zu MB of addresses for %d threads", n >> 20,
		    threads);
	munmap(room, n);
	cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, 1, 1, 0, &x, 1, 0, &y, 1);
	if (dnnl_sgemm('N', 'N', 1, 1, 1, 0, &a, 1, &b, 1, 0, &c, 1) != dnnl_success)
		die("out of memory: oneDNN cannot start");
}
