/* footprint.c: see footprint.h. */
#include "plan/footprint.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "backend/address_space.h"
#include "backend/cpu/gemm.h"
#include "base/die.h"
#include "base/threads.h"
#include "files/h5/h5_lower.h"
#include "math/grams.h"
#include "math/sketch.h"
#include "merge/gramfile.h"
#include "merge/gramsum.h"
#include "merge/history.h"
#include "merge/normal_equations.h"

enum {
	/* Any process that computes: code, oneDNN's kernels, HDF5, OpenBLAS's buffers
	 * (measured). */
	LIBRARIES = 36 << 20,
	FILES = 4 << 20,  /* chunks of one task's open files */
	SOURCE = 2 << 20, /* an adapter's index, and its task's texts */
	PACKED = 8 << 20, /* the most that OpenBLAS packs (measured, on large pages) */
};

/* What a limit on data leaves to a process with all threads. */
static size_t data_limit(void)
{
	return address_space_data(threads_for(INFINITY));
}

static void need_memory(const struct common_opts *c, size_t need, const char *of)
{
	opts_need_memory(c, need, of);
	if (need > data_limit())
		die("the limit on data (ulimit -d) leaves %zu MB beside the libraries' own for %d "
		    "threads; at least %zu MB are needed%s: use fewer threads, or raise the limit",
		    data_limit() >> 20, threads_for(INFINITY), (need >> 20) + 1, of);
}

void footprint_claim(const struct common_opts *c, struct footprint f, const char *of)
{
	need_memory(c, f.process, of);
	be->reserve(f.device);
}

void footprint_claim_job(const struct job *j, struct footprint f)
{
	char *of = xformat(" for site %s", j->name);

	footprint_claim(j->common, f, of);
	free(of);
}

/* The most that a process may take; SIZE_MAX: there is no limit. */
static size_t limit_of(size_t max_memory)
{
	size_t usual = be->array_bytes(1) ? SIZE_MAX : FOOTPRINT_USUAL,
	       most = max_memory ? max_memory : usual, data = data_limit();

	return most < data ? most : data;
}

bool footprint_fits(size_t max_memory, struct footprint f)
{
	return f.process <= limit_of(max_memory) && f.device <= limit_of(max_memory);
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static int larger_int(int a, int b)
{
	return a > b ? a : b;
}

struct footprint footprint_larger(struct footprint a, struct footprint b)
{
	return (struct footprint){larger(a.process, b.process), larger(a.device, b.device)};
}

/* Arrays, files of `tasks` tasks, and the libraries. */
static struct footprint with_files(const struct layout *l, int tasks)
{
	return (struct footprint){l->bytes + (size_t)tasks * FILES + LIBRARIES, l->device};
}

/* ------------------------------------------------------------ sites */

struct footprint footprint_extract(const struct propagation *a, int T, int keys,
				   const struct ranks *ranks, int tasks)
{
	struct layout l = propagate_layout(a, T, keys, ranks);

	layout_host(&l, model_weight_floats(&a->model->m, a->model->streamed) * sizeof(float));
	return with_files(&l, tasks);
}

/* Halves the rows until they fit, or are the least. */
static bool rows_fit(struct propagation *a, size_t max_memory, int rows, int least, int T, int keys,
		     const struct ranks *ranks, int tasks)
{
	for (a->rows = rows; a->rows > least; a->rows = larger_int(a->rows / 2, least))
		if (footprint_fits(max_memory, footprint_extract(a, T, keys, ranks, tasks)))
			return true;
	return footprint_fits(max_memory, footprint_extract(a, T, keys, ranks, tasks));
}

void footprint_choose(struct propagation *a, size_t max_memory, int rows, int least, int T,
		      int keys, const struct ranks *ranks, int tasks)
{
	enum { MORE = 4 }; /* beyond it, reading takes a small part of the time */

	rows = larger_int(rows, least);
	a->model->streamed = false;
	if (rows_fit(a, max_memory, rows, least, T, keys, ranks, tasks))
		return;
	a->model->streamed = true;
	rows_fit(a, max_memory, MORE * rows, least, T, keys, ranks, tasks);
}

/* Without row weights, the task's own factors are held. With row weights, those of all tasks are.
 * Both sides' files are open, and one for a Gram in blocks. */
struct footprint footprint_grams(const struct site_sizes *s, int threads)
{
	int rank = s->weighted && s->R > s->own ? s->R : s->own;
	const struct be_sizes sizes = {.n = s->sketched ? larger_int(s->own, SKETCH_SIZE) : 0,
				       .k = s->sketched ? s->d : 0,
				       .gram_m = s->d,
				       .gram_n = s->d};
	struct layout l = {0};
	struct sketch sketch;
	struct gram g;

	gram_init(&g, &l, s->d, s->block ? s->block : s->d);
	if (s->sketched)
		sketch_init(&sketch, &l, s->d, s->own);
	gramfile_weight_rows(&l, s->d);
	layout_host(&l, factors_bytes(rank, s->d, s->d_out));
	layout_host(&l, gemm_gram_bytes(s->d, threads) + PACKED);
	layout_operations(&l, &sizes);
	return with_files(&l, s->block && s->block < s->d ? 3 : 2);
}

/* The Gram files and the files of the pairs are open. With low rank two tasks' files stand for all,
 * because one matrix of each is read. MATS's pairs (R × d) are not counted, because the other
 * modules' factors are already freed. */
struct footprint footprint_solve(const struct site_sizes *s)
{
	bool whole = s->full_weight || s->drift_rank; /* W0 K: d more right-hand sides, and C */
	const struct be_sizes sizes = {.solve_d = s->d,
				       .solve_r = whole && s->d > s->R ? s->d : s->R};
	int files = whole && s->tasks > 2 ? s->tasks : 2;
	struct layout l = {0};
	struct solve_arrays a;

	solve_arrays_init(&a, &l, s);
	layout_host(&l, equations_bytes(s->d) + factors_bytes(s->R, s->d, s->d_out));
	if (s->pairs)
		layout_host(&l, mats_bytes(PAST_ROWS, s->d, s->pairs));
	layout_operations(&l, &sizes);
	return with_files(&l, files + s->pairs);
}

/* The blocks are as equal as multiples of GRAM_BLOCK can be. */
int footprint_block(const struct site_sizes *s, int threads, size_t max_memory)
{
	struct site_sizes try = *s;

	for (int blocks = 1;; blocks++) {
		int rows = (s->d + blocks - 1) / blocks;

		try.block = (rows + GRAM_BLOCK - 1) / GRAM_BLOCK * GRAM_BLOCK;
		if (blocks == 1 || try.block > s->d)
			try.block = s->d;
		if (rows <= GRAM_BLOCK ||
		    footprint_fits(max_memory, footprint_grams(&try, threads)))
			return try.block;
	}
}

/* Wider panels are read less often; beyond four tiles it saves little. A full weight has no
 * panels: it would need as many right-hand sides as the system has rows. */
int footprint_panel(const struct site_sizes *s, size_t max_memory)
{
	struct site_sizes try = *s;

	if (s->full_weight || s->drift_rank || footprint_fits(max_memory, footprint_solve(&try)))
		return 0;
	for (int tiles = 4; tiles; tiles /= 2) {
		try.panel = tiles * lower_tile(s->d);
		if (footprint_fits(max_memory, footprint_solve(&try)))
			break;
	}
	return try.panel < s->d ? try.panel : 0;
}

size_t footprint_sum(int shards)
{
	enum { FILE_OF_SHARD = 1 << 20 }; /* a chunk of one dataset, and the library's part */

	return LIBRARIES + FILES + (size_t)shards * FILE_OF_SHARD +
	       2 * GRAMSUM_CELLS * sizeof(double);
}

struct footprint footprint_combine(const struct site_sizes *s)
{
	struct layout l = {0};
	struct combine_arrays a;

	combine_arrays_init(&a, &l, s);
	layout_host(&l, factors_bytes(s->R, s->d, s->d_out));
	return with_files(&l, 2);
}

/* ------------------------------------------------------------ groups of texts */

/* The keys and values that a single stack keeps take more than an encoder's output, and every group
 * needs passes over all weights. So it gets KEPT, or twice a block's weights if that is more. */
size_t footprint_group(const struct geometry *m, enum footprint_group of)
{
	enum { SAMPLES = 32 << 20, TEST_ROWS = 96 << 20, KEPT = 192 << 20 };

	if (m->family->nstacks == 2)
		return of == GROUP_OF_SAMPLES ? SAMPLES : TEST_ROWS;
	return larger(2 * block_elements(m, 0) * sizeof(float), KEPT);
}

size_t footprint_texts(const struct forward *f, const struct ranks *ranks, int sources,
		       const int T[2])
{
	struct layout l = forward_layout(f, ranks, &(struct passes){.T = {T[0], T[1]}});

	layout_host(&l, model_weight_floats(&f->model->m, f->model->streamed) * sizeof(float));
	layout_host(&l, (size_t)sources * SOURCE);
	return with_files(&l, 2).process;
}

/* Bytes of the longest text. */
static size_t one_text(const struct forward *f, const int T[2])
{
	return ((size_t)T[0] + (size_t)T[1]) * prompt_peak(&f->model->m) * sizeof(float);
}

size_t footprint_choose_texts(const struct forward *f, size_t max_memory, const struct ranks *ranks,
			      int sources, const int T[2], enum footprint_group of, size_t *fixed)
{
	size_t usual = footprint_group(&f->model->m, of), limit = limit_of(max_memory), left;

	for (int streamed = 0; streamed < 2; streamed++) {
		f->model->streamed = streamed;
		*fixed = footprint_texts(f, ranks, sources, T);
		if (*fixed + one_text(f, T) <= limit)
			break;
	}
	left = limit > *fixed + one_text(f, T) ? limit - *fixed : one_text(f, T);
	return (of == GROUP_OF_SAMPLES || !max_memory) && usual < left ? usual : left;
}

size_t footprint_claim_texts(const struct common_opts *c, const struct forward *f,
			     const struct texts *texts, enum footprint_group of)
{
	const struct geometry *m = &f->model->m;
	const struct ranks ranks = forward_ranks(f);
	struct passes p = texts_passes(texts, 0);
	size_t fixed,
		bytes = footprint_choose_texts(f, c->max_memory, &ranks, f->nsources, p.T, of,
					       &fixed),
		most = bytes / (prompt_peak(m) * sizeof(float));

	need_memory(c, fixed + one_text(f, p.T), "");
	p = texts_passes(texts, most);
	be->reserve(forward_layout(f, &ranks, &p).device);
	return most;
}
