/* test_footprint.c: the plan that dry-run layouts give, against sums by hand: for arrays, passes
 * over two stacks and over one, and the tools of a site. Also on a device with its own memory, and
 * what a limit leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "child.h"
#include "math/baseline.h"
#include "math/cut.h"
#include "math/dense_cut.h"
#include "math/full_weight.h"
#include "math/grams.h"
#include "math/mats.h"
#include "math/solve.h"
#include "merge/normal_equations.h"
#include "model/t5.h"
#include "plan/footprint.h"

enum { MB = 1 << 20, FLOAT = sizeof(float), LOGITS = sizeof(struct be_logits) };
/* All widths differ. */
enum { D = 64, DI = 48, F = 160, NH = 4, V = 300, LINEARS = 3 * D * F };
static struct model t5 = {.m = {.family = &family_t5,
				.D = D,
				.F = F,
				.NH = NH,
				.HS = 12,
				.DI = DI,
				.V = V,
				.kv_heads = NH,
				.L = {2, 2},
				.gated = true}};
/* A single stack: biases of q, k and v, norms of heads, rotary positions. */
enum { LLAMA_KEYS = 2 * 16, LLAMA_F = 96, LLAMA_L = 3 };
static struct model llama = {.m = {.family = &family_llama,
				   .D = D,
				   .F = LLAMA_F,
				   .NH = NH,
				   .HS = 16,
				   .DI = D,
				   .V = V,
				   .kv_heads = 2,
				   .L = {LLAMA_L},
				   .gated = true,
				   .head_norms = true,
				   .biased = 7,
				   .rope = {.kind = ROPE_DEFAULT, .width = 16}}};
static const struct ranks no_ranks;

/* ------------------------------------------------------------ a device */

/* A device: its arrays take whole KB, its operations what is planned for them. The current
 * process's claim is kept. */
static size_t claimed;

static size_t whole_kb(size_t bytes)
{
	return (bytes + 1023) / 1024 * 1024;
}

static size_t weight_kb(int n, int k, enum be_precision p)
{
	return whole_kb((size_t)n * (size_t)k * (p == BE_BF16 ? 2 : FLOAT));
}

static size_t operations(const struct be_sizes *s)
{
	return (size_t)(s->n + s->k + s->T + s->keys + s->gram_m + s->solve_d + s->solve_r);
}

static void claim(size_t bytes)
{
	claimed = bytes;
}

static const struct backend *cpu;

static int use_device(void **state)
{
	static struct backend device;

	(void)state;
	device = *cpu;
	device.ahead = true;
	device.array_bytes = whole_kb;
	device.weight_bytes = weight_kb;
	device.work_bytes = operations;
	device.reserve = claim;
	be = &device;
	return 0;
}

static int use_cpu(void **state)
{
	(void)state;
	be = cpu;
	return 0;
}

/* ------------------------------------------------------------ layouts */

/* Counting takes no memory, and the sums are those of the real arrays. */
static void test_layout(void **state)
{
	static const float W[6] = {1, 2, 3, 4, 5, 6};
	struct layout l = {0};

	(void)state;
	assert_null(layout_array(&l, 1000));
	assert_null(layout_host(&l, 24));
	assert_null(layout_aligned(&l, 100));
	assert_int_equal(l.bytes, 1124);
	assert_null(layout_pack(&l, NULL, 2, 3, 3, false, BE_F32));
	assert_int_equal(l.bytes, 1124 + sizeof(W));
	assert_null(layout_pack(&l, NULL, 2, 3, 3, false, BE_BF16));
	assert_int_equal(l.bytes, 1124 + sizeof(W) + sizeof(W) / 2);
	assert_null(layout_pack(&l, NULL, 2, 3, 3, false, BE_INT8));
	assert_int_equal(l.bytes, 1124 + sizeof(W) + sizeof(W) / 2 + sizeof(W) / 4 + 2 * 8);
	assert_int_equal(l.device, 0);

	float *array = layout_array(NULL, sizeof(W)), *host = layout_host(NULL, 24),
	      *aligned = layout_aligned(NULL, 100);
	struct be_weight *w = layout_pack(NULL, W, 2, 3, 3, false, BE_F32);
	assert_true(array && host && aligned && w);
	assert_int_equal((uintptr_t)aligned % 64, 0);
	be->weight_free(w);
	be->free(array);
	free(host);
	free(aligned);
}

static void test_layout_on_device(void **state)
{
	const struct be_sizes sizes = {.n = 5, .k = 7};
	struct layout l = {0}, larger;

	(void)state;
	layout_array(&l, 1000);
	layout_host(&l, 5000);
	layout_pack(&l, NULL, 2, 3, 3, false, BE_F32);
	layout_operations(&l, &sizes);
	assert_int_equal(l.device, 1024 + 1024 + 12);
	assert_int_equal(l.bytes, 1000 + 5000 + 24);
	larger = layout_larger(l, (struct layout){.bytes = 1, .device = 9999});
	assert_int_equal(larger.bytes, l.bytes);
	assert_int_equal(larger.device, 9999);
}

/* A Gram of width d: itself, two chunks of rows, their stages, a panel. */
static void test_gram(void **state)
{
	enum { d = 96 };
	struct layout l = {0};
	struct gram g;

	(void)state;
	gram_init(&g, &l, d, d);
	assert_int_equal(l.bytes, 8 * d * d + FLOAT * (2 * 960 * d + 2 * 240 * d) + 8 * 256 * d);
	gram_release(&g);
}

static size_t block_bytes(const struct model *model, int stack, const struct ranks *r,
			  enum be_precision p)
{
	struct layout l = {0};
	struct block b;

	block_load(&b, &l, model, stack, 0, way_between(STEP_SELF, STEP_END), p);
	block_deltas_count(&l, &b, r);
	block_release(&b);
	return l.bytes;
}

/* A block's weights, norms and biases; its ΔW, and the largest ΔW while it is read. */
static void test_block(void **state)
{
	enum {
		ENCODER = FLOAT * (4 * D * DI + LINEARS + 2 * D),
		DECODER = FLOAT * (8 * D * DI + LINEARS + 3 * D),
		LLAMA = FLOAT * (2 * D * D + 2 * D * LLAMA_KEYS + 3 * D * LLAMA_F + 2 * D +
				 (D + 2 * LLAMA_KEYS) + 2 * 16),
	};
	static const struct {
		const struct model *model;
		int stack;
		struct ranks ranks;
		enum be_precision p;
		size_t bytes;
	} CASE[] = {
		{&t5, 0, {{0}}, BE_F32, ENCODER},
		{&t5, 1, {{0}}, BE_F32, DECODER},
		{&t5, 0, {{0}}, BE_BF16, 2 * (4 * D * DI + LINEARS) + FLOAT * 2 * D},
		{&t5,
		 1,
		 {{[SELF_Q] = 3, [CROSS_K] = 2, [CROSS_V] = 1}},
		 BE_F32,
		 DECODER + FLOAT * (3 + 2 + 1 + 3) * (D + DI)},
		{&t5,
		 1,
		 {{[SELF_Q] = RANK_WHOLE, [CROSS_V] = RANK_WHOLE}},
		 BE_F32,
		 DECODER + FLOAT * 3 * D * DI},
		{&t5, 0, {{[CROSS_Q] = 3}}, BE_F32, ENCODER}, /* the encoder has none */
		{&llama, 0, {{0}}, BE_F32, LLAMA},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASE) / sizeof(*CASE); i++)
		assert_int_equal(
			block_bytes(CASE[i].model, CASE[i].stack, &CASE[i].ranks, CASE[i].p),
			CASE[i].bytes);
}

/* ------------------------------------------------------------ extract-acts */

enum { LIBRARIES = 36 * MB, FILES = 4 * MB, LARGEST = FLOAT * D * F };

/* A row's square, on the backend and on the host. */
enum { SQUARE = 8 };

/* Working arrays: four of rows × the widest, x Aᵀ, the bias; a batch from and to the files, and the
 * squares of its rows. */
static void test_encoder(void **state)
{
	enum { ROWS = 100, T = 30, R = 5 };
	const struct propagation a = {.model = &t5, .site = {.stack = 0}, .rows = ROWS};
	const struct ranks r = {{[SELF_Q] = R}};
	size_t arrays =
		block_bytes(&t5, 0, &r, BE_F32) +
		FLOAT * (D + 4 * ROWS * F + ROWS * R + NH * (2 * T - 1) + ROWS * D + ROWS * F) +
		2 * SQUARE * ROWS;

	(void)state;
	assert_int_equal(propagate_layout(&a, T, T, &r).bytes, arrays);
	assert_int_equal(footprint_extract(&a, T, T, &r, 1).process,
			 arrays + LARGEST + FILES + LIBRARIES);
	assert_int_equal(footprint_extract(&a, T, T, &r, 3).process,
			 arrays + LARGEST + 3 * FILES + LIBRARIES);
	assert_int_equal(footprint_extract(&a, T, T, &r, 1).device, 0);
}

/* In the decoder also the encoder's rows, and the queries and sums of all heads over them. */
static void test_decoder(void **state)
{
	enum { ROWS = 100, STEPS = 5, KEYS = 80 };
	const struct propagation a = {.model = &t5, .site = {.stack = 1}, .rows = ROWS};

	(void)state;
	assert_int_equal(propagate_layout(&a, STEPS, KEYS, &no_ranks).bytes,
			 block_bytes(&t5, 1, &no_ranks, BE_F32) +
				 FLOAT * (D + 4 * ROWS * F + KEYS * NH + NH * (2 * KEYS - 1) +
					  2 * KEYS * NH * D + 3 * ROWS * D + ROWS * F) +
				 2 * SQUARE * ROWS);
}

/* The device holds no rows on their way to the files. It has its own operations: the widest
 * linears, attention. */
static void test_extract_on_device(void **state)
{
	enum { ROWS = 128, T = 32 };
	const struct propagation a = {.model = &t5, .site = {.stack = 0}, .rows = ROWS};
	size_t weights = FLOAT * (4 * D * DI + LINEARS), norms = 3 * 1024;
	size_t work = FLOAT * (4 * ROWS * F + ROWS * D) + SQUARE * ROWS + 1024 + 1024;

	(void)state;
	assert_int_equal(footprint_extract(&a, T, T, &no_ranks, 1).device,
			 weights + norms + work + (F + F + T + T));
}

/* ------------------------------------------------------------ passes over texts */

static size_t forward_bytes(struct model *model, const struct ranks *r, struct passes n)
{
	const struct forward f = {.model = model, .precision = BE_F32};

	return forward_layout(&f, r, &n).bytes;
}

/* Batches of 480 rows. Here the decoder takes the most. */
static void test_two_stacks(void **state)
{
	enum { T0 = 30, T1 = 4, ROWS = 200, STEPS = 40 };
	enum {
		WORK = 4 * 480 * F + 480 + NH * (2 * T1 - 1) + 2 * 64 * NH * D,
		BLOCK = 8 * D * DI + LINEARS + 3 * D,
	};
	const struct passes none = {.T = {T0, T1}}, some = {{ROWS, STEPS}, {T0, T1}};

	(void)state;
	assert_int_equal(forward_bytes(&t5, &no_ranks, none), FLOAT * (WORK + BLOCK));
	assert_int_equal(forward_bytes(&t5, &no_ranks, some),
			 FLOAT * (WORK + BLOCK + ROWS * D + STEPS * D));
}

/* With a large vocabulary the output embedding takes the most: HEAD_ROWS of it, as read and packed,
 * and their logits; and one figure per row, on both sides. */
static void test_head(void **state)
{
	enum { STEPS = 40, MOST = 2048 };
	struct model large = t5;

	(void)state;
	large.m.V = 4000;
	assert_int_equal(
		forward_bytes(&large, &no_ranks, (struct passes){.rows = {0, STEPS}, .T = {30, 4}}),
		FLOAT * (2 * MOST * D + 480 * MOST + STEPS * D) + 2 * STEPS * LOGITS);
}

/* The prompts' keys and values of all blocks stay. The answers' pass reads them with its own, block
 * by block. */
static void test_single_stack(void **state)
{
	enum { T0 = 600, T1 = 10, ROWS = 900, STEPS = 20, ALL = T0 + T1 };
	enum {
		BATCH = 4 * 480 * LLAMA_F + 480,
		WORK = BATCH + ALL * 16 + 2 * ALL * LLAMA_KEYS,
		KEPT = 2 * LLAMA_L * LLAMA_KEYS, /* of a row, prompt or answer */
		H = ROWS * KEPT,
	};
	size_t block = block_bytes(&llama, 0, &no_ranks, BE_F32);
	const struct passes n = {{ROWS, STEPS}, {T0, T1}}, few = {{1, STEPS}, {T0, T1}};

	(void)state;
	/* The prompts' stream, in batches of 600 rows, takes the most; or the answers' keys do. */
	assert_int_equal(forward_bytes(&llama, &no_ranks, n),
			 block + FLOAT * (4 * 600 * LLAMA_F + 600 + T0 * 16 + ROWS * D + H));
	assert_int_equal(forward_bytes(&llama, &no_ranks, few),
			 block + FLOAT * (4 * 600 * LLAMA_F + 600 + T0 * 16 + D + KEPT));
	assert_int_equal(
		forward_bytes(&llama, &no_ranks, (struct passes){{1, 100 * STEPS}, {T0, T1}}),
		block + FLOAT * (WORK + 100 * STEPS * (D + KEPT) + KEPT));
}

/* Two blocks; the one that is loaded ahead has no ΔW. */
static void test_ahead(void **state)
{
	const struct forward f = {.model = &t5, .precision = BE_F32};
	const struct ranks r = {{[WO] = RANK_WHOLE}};
	const struct passes n = {.T = {30, 4}};
	struct model one_block = t5;
	size_t both, one;

	(void)state;
	both = forward_layout(&f, &r, &n).device;
	one_block.m.L[0] = one_block.m.L[1] = 1;
	one = forward_layout(&(struct forward){.model = &one_block}, &r, &n).device;
	assert_int_equal(both - one, FLOAT * (8 * D * DI + LINEARS) + 3 * 1024);
}

/* Groups of texts: as many texts as have this many rows. */
static void test_groups(void **state)
{
	static const int length[] = {5, 7, 3, 9}, draft[] = {2, 1, 6, 1};
	static const struct {
		int pad_to;
		const int *draft;
		size_t most;
		struct passes want;
	} CASE[] = {
		{0, NULL, 0, {{9, 2}, {9, 2}}},       {0, NULL, 1000, {{24, 8}, {9, 2}}},
		{0, draft, 1000, {{24, 12}, {9, 6}}}, {10, draft, 1000, {{40, 12}, {10, 6}}},
		{0, NULL, 16, {{12, 4}, {9, 2}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASE) / sizeof(*CASE); i++) {
		const struct texts t = {4, length, CASE[i].pad_to, CASE[i].draft, 2};
		struct passes p = texts_passes(&t, CASE[i].most);

		assert_memory_equal(&p, &CASE[i].want, sizeof(p));
	}
	assert_int_equal(texts_within(&(struct texts){.n = 4, .length = length}, 1, 12), 2);
}

/* Groups of an encoder. Groups of a single stack take twice a block where that is more. */
static void test_group_bytes(void **state)
{
	struct model wide = llama;

	(void)state;
	assert_int_equal(footprint_group(&t5.m, GROUP_OF_SAMPLES), 32 * MB);
	assert_int_equal(footprint_group(&t5.m, GROUP_OF_ROWS), 96 * MB);
	assert_int_equal(footprint_group(&llama.m, GROUP_OF_SAMPLES), 192 * MB);
	wide.m.D = wide.m.DI = 4096;
	wide.m.F = 11008;
	assert_int_equal(footprint_group(&wide.m, GROUP_OF_ROWS),
			 2 * FLOAT * 4096u * (2u * 4096 + 2 * LLAMA_KEYS + 3u * 11008));
}

/* ------------------------------------------------------------ limits */

static const int lengths[] = {30, 20, 30, 10};
static const struct texts texts = {.n = 4, .length = lengths, .max_new = 5};
static const struct delta_source sources[2];
static const struct forward passes_of_two = {.model = &t5, .nsources = 2, .source = sources};

/* What exists beside the rows is the same, whatever the limit. */
static size_t fixed(void)
{
	return footprint_texts(&passes_of_two, &no_ranks, 2, (int[2]){30, 5});
}

static size_t rows_within(size_t limit, enum footprint_group of)
{
	const struct common_opts c = {.threads = 1, .max_memory = limit};

	return footprint_claim_texts(&c, &passes_of_two, &texts, of);
}

/* A row has D floats. */
static void test_limited_groups(void **state)
{
	enum { ROW = FLOAT * D };

	(void)state;
	assert_int_equal(fixed(), forward_bytes(&t5, &no_ranks, (struct passes){.T = {30, 5}}) +
					  LARGEST + 2 * 2 * MB + 2 * FILES + LIBRARIES);
	assert_int_equal(rows_within(0, GROUP_OF_SAMPLES), 32 * MB / ROW);
	assert_int_equal(rows_within(0, GROUP_OF_ROWS), 96 * MB / ROW);
	for (int of = GROUP_OF_SAMPLES; of <= GROUP_OF_ROWS; of++)
		assert_int_equal(rows_within(fixed() + 50 * ROW, (enum footprint_group)of), 50);
	assert_int_equal(rows_within(fixed() + 500u * MB, GROUP_OF_SAMPLES), 32 * MB / ROW);
	assert_int_equal(rows_within(fixed() + 500u * MB, GROUP_OF_ROWS), 500 * MB / ROW);
}

/* The device's claim is for the groups that are left. */
static void test_claim(void **state)
{
	const struct passes all = {{90, 20}, {30, 5}}, one = {{30, 5}, {30, 5}};

	(void)state;
	rows_within(0, GROUP_OF_ROWS);
	assert_int_equal(claimed, forward_layout(&passes_of_two, &no_ranks, &all).device);
	rows_within(fixed() + FLOAT * D * 36, GROUP_OF_ROWS);
	assert_int_equal(claimed, forward_layout(&passes_of_two, &no_ranks, &one).device);
	footprint_claim(&(struct common_opts){.threads = 1}, (struct footprint){1, 77}, "");
	assert_int_equal(claimed, 77);
}

static void text_in_too_little(void *arg)
{
	(void)arg;
	rows_within(1 * MB, GROUP_OF_ROWS);
}

static void job_in_too_little(void *arg)
{
	const struct common_opts c = {.max_memory = 5 * MB};
	struct job j = {.common = &c, .name = "enc00-self"};

	(void)arg;
	footprint_claim_job(&j, (struct footprint){.process = 7 * MB});
}

static void test_too_little(void **state)
{
	struct child text = child_run(text_in_too_little, NULL),
		     job = child_run(job_in_too_little, NULL);

	(void)state;
	assert_int_equal(text.code, 1);
	assert_true(child_said(&text, "MB is too little: at least"));
	assert_int_equal(job.code, 1);
	assert_true(child_said(&job, "--max-memory 5 MB is too little: at least 8 MB are needed "
				     "for site enc00-self"));
}

static void test_fits(void **state)
{
	static const struct {
		size_t limit;
		struct footprint f;
		bool fits;
	} CASE[] = {
		{0, {FOOTPRINT_USUAL, 0}, true},  {0, {FOOTPRINT_USUAL + 1, 0}, false},
		{5 * MB, {5 * MB, 5 * MB}, true}, {5 * MB, {5 * MB + 1, 0}, false},
		{5 * MB, {1, 5 * MB + 1}, false},
	};
	const struct footprint most =
		footprint_larger((struct footprint){1, 4}, (struct footprint){3, 2});

	(void)state;
	for (size_t i = 0; i < sizeof(CASE) / sizeof(*CASE); i++)
		assert_int_equal(footprint_fits(CASE[i].limit, CASE[i].f), CASE[i].fits);
	assert_true(most.process == 3 && most.device == 4);
}

/* Weights are held where a batch of the least rows fits beside a block. Else they are read as they
 * are multiplied, and what remains is for more rows. */
static void test_choice(void **state)
{
	enum { T = 100 };
	struct propagation a = {.model = &llama};
	size_t held, streamed;

	(void)state;
	footprint_choose(&a, 0, 480, T, T, T, &no_ranks, 1);
	assert_true(a.rows == 480 && !llama.streamed);
	a.rows = T;
	held = footprint_extract(&a, T, T, &no_ranks, 1).process;
	footprint_choose(&a, held, 480, T, T, T, &no_ranks, 1);
	assert_true(a.rows == T && !llama.streamed);
	llama.m.F = a.model->m.F = 4000; /* a block of 3 MB */
	held = footprint_extract(&a, T, T, &no_ranks, 1).process;
	footprint_choose(&a, held - 1, 480, T, T, T, &no_ranks, 1);
	assert_true(a.rows >= T && llama.streamed);
	streamed = footprint_extract(&a, T, T, &no_ranks, 1).process;
	assert_true(streamed < held);
	footprint_choose(&a, 1, 480, T, T, T, &no_ranks, 1);
	assert_true(a.rows == T && llama.streamed);
	llama.streamed = false;
	llama.m.F = LLAMA_F;
}

/* ------------------------------------------------------------ sites */

enum { SITE = LIBRARIES + 2 * FILES, d = 64, d_out = 48, R = 8 };

/* Beside the Gram: 512 rows of a weight, the factors of the task or of all tasks, a thread's few
 * rows in float64 and its tile. Also one packed chunk, and what OpenBLAS packs. */
static void test_grams(void **state)
{
	enum {
		THREAD = 8 * 256 * (d + 256) + FLOAT * 96 * (960 + 128),
		GRAM = 8 * d * d + FLOAT * (2 * 960 + 2 * 240) * d + 8 * 256 * d,
		REST = FLOAT * (512 + 960) * d + 8 * MB,
	};
	struct site_sizes s = {.tasks = 4, .d = d, .R = R, .d_out = d_out, .own = 3};

	(void)state;
	assert_int_equal(footprint_grams(&s, 2).process,
			 SITE + GRAM + REST + 2 * THREAD + FLOAT * 3 * (d + d_out));
	s.weighted = true;
	assert_int_equal(footprint_grams(&s, 1).process,
			 SITE + GRAM + REST + THREAD + FLOAT * R * (d + d_out));
	s.weighted = false;
	s.sketched = true; /* 32 + 16 vectors, and the task's factors; each also packed */
	assert_int_equal(footprint_grams(&s, 1).process,
			 SITE + GRAM + REST + THREAD + FLOAT * 3 * (d + d_out) +
				 FLOAT * (2 * (48 + 3) * d + 960 * 48) + 8 * (3 * 48 + 3) * d);
}

/* The system and the factors. For a full weight also its own arrays, its tasks' files and its
 * pairs' files. */
static void test_solve(void **state)
{
	struct site_sizes s = {.tasks = 4, .d = d, .R = R, .d_out = d_out};
	size_t low = SITE + solve_bytes(d, R) + equations_bytes(d) + FLOAT * R * (d + d_out),
	       full = low + 2 * FILES + full_weight_bytes(d, R) + FLOAT * (128 + d_out) * d;

	(void)state;
	assert_int_equal(footprint_solve(&s).process, low);
	s.full_weight = true;
	assert_int_equal(footprint_solve(&s).process, full);
	s.pairs = 3;
	assert_int_equal(footprint_solve(&s).process, full + 3 * FILES + mats_bytes(32, d, 3));
}

/* A cut takes its own arrays, and the factors of its rank. A share may need every rank. */
static void test_solve_cut(void **state)
{
	struct site_sizes s = {
		.tasks = 4, .d = d, .R = R, .d_out = d_out, .merge_rank = {.rank = 3}};
	size_t low = SITE + solve_bytes(d, R) + equations_bytes(d) + FLOAT * R * (d + d_out),
	       cut = low + cut_bytes(d_out, d, R);

	(void)state;
	assert_int_equal(footprint_solve(&s).process, cut + 8 * 3 * d + FLOAT * 3 * d_out);
	s.merge_rank = (struct rank_limit){.share = 0.9};
	assert_int_equal(footprint_solve(&s).process, cut + 8 * R * d + FLOAT * R * d_out);
}

/* Whole where it fits; else blocks of rows, as equal as can be, and panels of a few tiles. */
static void test_parts(void **state)
{
	struct site_sizes s = {.tasks = 4, .d = 14336, .R = 64, .d_out = 4096, .own = 16}, t = s;

	(void)state;
	assert_int_equal(footprint_block(&s, 2, (size_t)4 << 30), 14336);
	assert_int_equal(footprint_panel(&s, (size_t)4 << 30), 0);
	t.block = footprint_block(&s, 2, 0);
	assert_true(t.block < s.d && t.block % GRAM_BLOCK == 0);
	assert_true(footprint_grams(&t, 2).process <= FOOTPRINT_USUAL);
	assert_int_equal(footprint_block(&s, 2, 1), GRAM_BLOCK);
	t.panel = footprint_panel(&s, 0);
	assert_int_equal(t.panel, 1024);
	assert_true(footprint_solve(&t).process <= FOOTPRINT_USUAL);
	assert_int_equal(footprint_panel(&s, 1), 256);
	s.full_weight = true;
	assert_int_equal(footprint_panel(&s, 1), 0);
	s = (struct site_sizes){.tasks = 1, .d = 200, .R = 8, .d_out = 48, .own = 8};
	assert_int_equal(footprint_block(&s, 1, 1), 200);
}

/* A change against the drift: the arrays of a full weight, but for a panel of its rows; the cut,
 * and what it leaves. The system is whole, however little memory there is. */
static void test_solve_drift(void **state)
{
	struct site_sizes s = {.tasks = 4, .d = d, .R = R, .d_out = d_out, .drift_rank = 5};
	size_t low = SITE + solve_bytes(d, R) + equations_bytes(d) + FLOAT * R * (d + d_out);

	(void)state;
	assert_int_equal(footprint_solve(&s).process,
			 low + 2 * FILES + full_weight_bytes(d, R) + FLOAT * 2 * 128 * d +
				 dense_cut_bytes(d_out, d, 5) + 8 * 5 * d + FLOAT * 5 * d_out);
	assert_int_equal(footprint_panel(&s, 1), 0);
}

/* As many right-hand sides as there are rows, or columns of the full weight. */
static void test_solve_on_device(void **state)
{
	struct site_sizes s = {.tasks = 2, .d = d, .R = R, .d_out = d_out};

	(void)state;
	assert_int_equal(footprint_solve(&s).device, d + R);
	s.drift_rank = 1;
	assert_int_equal(footprint_solve(&s).device, d + d);
	s.drift_rank = 0;
	s.full_weight = true;
	assert_int_equal(footprint_solve(&s).device, d + d);
	s.R = 100;
	assert_int_equal(footprint_solve(&s).device, d + 100);
	assert_int_equal(footprint_grams(&s, 1).device,
			 8 * d * d + 2 * FLOAT * 960 * d + d); /* gram_m */
	s.own = 3;
	s.sketched = true;
	assert_int_equal(footprint_grams(&s, 1).device,
			 8 * d * d + 2 * FLOAT * 960 * d + d + FLOAT * 960 * 48 +
				 (8 + FLOAT) * 48 * d + whole_kb(8 * 3 * d) +
				 whole_kb(FLOAT * 3 * d) + 48 + d);
}

/* The rank of the cut is at most the weight's. The arrays are those that are allocated. */
static void test_combine(void **state)
{
	struct site_sizes s = {.tasks = 4, .d = d, .R = R, .d_out = d_out};
	struct combine_arrays a;
	struct layout l = {0};

	(void)state;
	assert_int_equal(combine_rank((struct rank_limit){0}, 8, 64, 48), 8);
	assert_int_equal(combine_rank((struct rank_limit){.rank = 5}, 8, 64, 48), 5);
	assert_int_equal(combine_rank((struct rank_limit){.rank = 99}, 8, 64, 48), 48);
	assert_int_equal(combine_rank((struct rank_limit){.share = 0.5}, 8, 64, 48), 48);
	combine_arrays_init(&a, &l, &s);
	assert_int_equal(l.bytes, FLOAT * (d_out * d + 4 * 64 * d + R * d_out) + 8 * R * d +
					  8 * truncate_doubles(d_out, d, R) +
					  sizeof(int) * truncate_ints(d_out, d));
	assert_int_equal(footprint_combine(&s).process, SITE + l.bytes + FLOAT * R * (d + d_out));
	combine_arrays_init(&a, NULL, &s);
	assert_true(a.M && a.panel && a.A && a.B && a.work && a.iwork);
	combine_arrays_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test_setup_teardown(test_layout_on_device, use_device, use_cpu),
		cmocka_unit_test(test_gram),
		cmocka_unit_test(test_block),
		cmocka_unit_test(test_encoder),
		cmocka_unit_test(test_decoder),
		cmocka_unit_test_setup_teardown(test_extract_on_device, use_device, use_cpu),
		cmocka_unit_test(test_two_stacks),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_single_stack),
		cmocka_unit_test_setup_teardown(test_ahead, use_device, use_cpu),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_group_bytes),
		cmocka_unit_test(test_limited_groups),
		cmocka_unit_test_setup_teardown(test_claim, use_device, use_cpu),
		cmocka_unit_test(test_too_little),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_grams),
		cmocka_unit_test(test_solve),
		cmocka_unit_test(test_solve_drift),
		cmocka_unit_test_setup_teardown(test_solve_on_device, use_device, use_cpu),
		cmocka_unit_test(test_solve_cut),
		cmocka_unit_test(test_combine),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_choice),
	};

	be_select(&(struct common_opts){.backend = "cpu", .threads = 1});
	cpu = be;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
