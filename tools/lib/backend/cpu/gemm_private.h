/* gemm_private.h: packed weights, and oneDNN's kernels for them. gemm_pack.c makes them, gemm.c
 * multiplies. */
#ifndef GEMM_PRIVATE_H
#define GEMM_PRIVATE_H

#include <oneapi/dnnl/dnnl.h>
#include <stddef.h>

#include "backend/cpu/gemm.h"

/* GEMM_PANEL outputs of a weight, or those that are left. */
struct panel {
	int n;
	void *data;
	size_t bytes;
	dnnl_memory_t packed; /* over data */
};

struct be_weight {
	int n, k, npanels;
	enum be_precision precision;
	struct panel *panel;
	float *step, *sum; /* BE_INT8: of each output (int8.h); else NULL */
};

/* A compiled product of one shape: (m, k) × packed (k, n), both dense. */
struct gemm_kernel {
	int m, n, k;
	enum be_precision precision;
	char *implementation; /* oneDNN's name for it */
	dnnl_primitive_t primitive;
	dnnl_memory_desc_t src, dst, weights, scratch;
	struct gemm_kernel *next;
};

/* The kernel of this shape. The first call makes it, and must not be inside a parallel region. The
 * layout of packed weights is the same for all m. */
const struct gemm_kernel *gemm_kernel(int m, int n, int k, enum be_precision p);
/* The kernel's rows for a tile of `rows` rows: the least height whose kernel gives the same bits as
 * the kernel of whole tiles. */
int gemm_tile_height(const struct be_weight *W, int rows);
/* One (tile, panel) product y (m, n) = x (m, k) × packed, both dense. x: float32, bfloat16 or
 * uint8_t, by the kernel's precision. y: float32; int32_t for BE_INT8. */
void gemm_kernel_run(const struct gemm_kernel *g, void *y, const void *x, dnnl_memory_t packed);
/* Scratch memory of a thread, kept between calls and aligned to 64. The pieces:
 * - [0] the kernel's own;
 * - [1] a gathered tile of X, or a panel's integers; in gram_cpu.c columns of X;
 * - [2] a tile of Y; in gram_cpu.c a tile of G, or columns of Y;
 * - [3] a tile of the gate;
 * - [4] all of X as bfloat16 or as integers, in the calling thread;
 * - [5] the steps of X's rows, in the calling thread;
 * - [6] a tile of Y as integers, or a row of a weight. */
void *gemm_scratch(int piece, size_t bytes);

#endif
