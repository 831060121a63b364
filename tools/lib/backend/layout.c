/* layout.c: see layout.h. */
#include "backend/layout.h"

#include "base/die.h"

void *layout_array(struct layout *l, size_t bytes)
{
	if (!l)
		return be->alloc(bytes);
	l->bytes += bytes;
	l->device += be->array_bytes(bytes);
	return NULL;
}

void *layout_host(struct layout *l, size_t bytes)
{
	if (!l)
		return xmalloc(bytes);
	l->bytes += bytes;
	return NULL;
}

void *layout_aligned(struct layout *l, size_t bytes)
{
	if (!l)
		return xaligned(1, bytes);
	l->bytes += bytes;
	return NULL;
}

/* BE_INT8 has a step and a sum per output. */
static size_t packed_bytes(int n, int k, enum be_precision p)
{
	static const size_t cell[] = {[BE_F32] = sizeof(float), [BE_BF16] = 2, [BE_INT8] = 1};
	size_t beside = p == BE_INT8 ? 2 * sizeof(float) : 0;

	return (size_t)n * ((size_t)k * cell[p] + beside);
}

struct be_weight *layout_pack(struct layout *l, const float *W, int n, int k, int ld,
			      bool transposed, enum be_precision p)
{
	if (!l)
		return be->weight_pack(W, n, k, ld, transposed, p);
	l->bytes += packed_bytes(n, k, p);
	l->device += be->weight_bytes(n, k, p);
	return NULL;
}

void layout_operations(struct layout *l, const struct be_sizes *sizes)
{
	l->device += be->work_bytes(sizes);
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

struct layout layout_larger(struct layout a, struct layout b)
{
	return (struct layout){larger(a.bytes, b.bytes), larger(a.device, b.device)};
}
