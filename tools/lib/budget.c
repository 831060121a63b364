/* budget.c: see budget.h. */
#include "budget.h"

#include "block.h"

enum { FILE_CHUNKS = 4 << 20 }; /* of one task's open files, in HDF5's caches */

size_t budget_extract(const struct t5 *m, bool decoder, int rows, int T, int rank, int tasks, enum be_precision p)
{
	size_t D = (size_t)m->D, DI = (size_t)m->DI, F = (size_t)m->F, wide = F > DI ? F : DI;
	size_t weights = D * ((decoder ? 8 : 4) * DI + (m->gated ? 3 : 2) * F) * (p == BE_BF16 ? 2 : 4);
	size_t state = (size_t)rows * D * sizeof(float) * (decoder ? 3 : 1), largest = D * wide * sizeof(float);

	wide = wide > D ? wide : D;
	return weights + largest + work_bytes(m, decoder, rows, T, rank) + state + (size_t)rows * wide * sizeof(float) +
	       (size_t)tasks * FILE_CHUNKS + BUDGET_LIBRARIES;
}
