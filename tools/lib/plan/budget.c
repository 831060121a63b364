/* budget.c: see budget.h. */
#include "plan/budget.h"

#include "backend/cpu/gemm.h"
#include "forward/block.h"
#include "forward/forward.h"
#include "math/full_weight.h"
#include "math/grams.h"
#include "merge/gramfile.h"
#include "merge/history.h"
#include "merge/normal_equations.h"

size_t budget_extract(const struct geometry *m, bool decoder, int rows, int T, int rank,
		      size_t whole, int tasks, enum be_precision p)
{
	size_t D = (size_t)m->D, DI = (size_t)m->DI, F = (size_t)m->F, wide = F > DI ? F : DI;
	size_t weights = block_elements(m, decoder) * (p == BE_BF16 ? 2 : 4);
	size_t state = (size_t)rows * D * sizeof(float) * (decoder ? 3 : 1),
	       largest = D * wide * sizeof(float);

	wide = wide > D ? wide : D;
	return weights + whole + largest + work_bytes(m, decoder, rows, T, rank) + state +
	       (size_t)rows * wide * sizeof(float) + (size_t)tasks * BUDGET_FILES +
	       BUDGET_LIBRARIES;
}

size_t budget_group(const struct geometry *m, size_t usual)
{
	size_t blocks = 2 * block_elements(m, 0) * sizeof(float);

	if (m->family->nstacks == 2)
		return usual;
	return blocks > BUDGET_KEPT ? blocks : BUDGET_KEPT;
}

size_t budget_forward(const struct forward *f, int longest, size_t group)
{
	return forward_bytes(f, longest) + group + (size_t)f->nsources * BUDGET_SOURCE +
	       2 * BUDGET_FILES + BUDGET_LIBRARIES;
}

size_t budget_site(size_t arrays)
{
	return arrays + 2 * BUDGET_FILES + BUDGET_LIBRARIES;
}

size_t budget_grams(int d, int threads)
{
	size_t D = (size_t)d, few = GRAM_F64_ROWS * (D + 256) * sizeof(double),
	       tile = GRAM_CHUNK * GEMM_TILE * sizeof(float);

	return gram_bytes(d) + GRAMFILE_WEIGHT_ROWS * D * sizeof(float) +
	       (size_t)threads * (few + tile) + GRAM_CHUNK * D * sizeof(float) + BUDGET_PACKED;
}

size_t budget_layer(int d, int R, int d_out)
{
	return solve_bytes(d, R) + equations_bytes(d) +
	       (size_t)R * ((size_t)d + (size_t)d_out) * sizeof(float);
}

size_t budget_full_weight(int d, int R, int d_out, int tasks, int pairs)
{
	int files = pairs + (tasks > 2 ? tasks - 2 : 0);
	size_t rows = (size_t)FULL_WEIGHT_ROWS * (size_t)d * sizeof(float),
	       weight = (size_t)d_out * (size_t)d * sizeof(float);

	return budget_layer(d, R, d_out) + full_weight_bytes(d, R) + 2 * rows + weight +
	       (pairs ? mats_bytes(PAST_ROWS, d, pairs) : 0) + (size_t)files * BUDGET_FILES;
}
