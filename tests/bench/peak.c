/* peak: this machine's own matrix-product rate, to which all other figures are compared: oneDNN at
 * 2400 × 1024 × 2816, all cores, float32 and bfloat16.
 *
 * Prints GFLOP/s, "f32<TAB>x" and "bf16<TAB>x". A processor without products of bfloat16 computes
 * them in float32, so there both are the same. A burst is faster than what a machine can sustain,
 * so the figure is the median of many products over some seconds. Processor time counts, so other
 * programs hardly change it. */
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cpus.h"
#include "base/die.h"

enum { M = 2400, K = 1024, N = 2816, RUNS = 61 };

#define CHECK(call)                              \
	do {                                     \
		if ((call) != dnnl_success)      \
			die("%s failed", #call); \
	} while (0)

/* Seconds of processor time, for each core. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return ((double)t.tv_sec + 1e-9 * (double)t.tv_nsec) / cpus_available();
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static dnnl_memory_t matrix(dnnl_engine_t engine, const dnnl_memory_desc_t *md)
{
	dnnl_memory_t m;
	void *p;

	CHECK(dnnl_memory_create(&m, md, engine, DNNL_MEMORY_ALLOCATE));
	CHECK(dnnl_memory_get_data_handle(m, &p));
	for (size_t i = 0; i < dnnl_memory_desc_get_size(md) / 2;
	     i++) /* small numbers in either type */
		((unsigned short *)p)[i] = 0x3c00;
	return m;
}

/* 0: this processor has no such products. */
static double rate(dnnl_engine_t engine, dnnl_stream_t stream, dnnl_data_type_t type)
{
	dnnl_dims_t a = {M, K}, b = {K, N}, c = {M, N};
	dnnl_memory_desc_t src, any, dst;
	dnnl_matmul_desc_t desc;
	dnnl_primitive_desc_t pd;
	dnnl_primitive_t product;
	double seconds[RUNS];

	CHECK(dnnl_memory_desc_init_by_tag(&src, 2, a, type, dnnl_ab));
	CHECK(dnnl_memory_desc_init_by_tag(&any, 2, b, type, dnnl_format_tag_any));
	CHECK(dnnl_memory_desc_init_by_tag(&dst, 2, c, dnnl_f32, dnnl_ab));
	CHECK(dnnl_matmul_desc_init(&desc, &src, &any, NULL, &dst));
	if (dnnl_primitive_desc_create(&pd, &desc, NULL, engine, NULL) != dnnl_success)
		return 0;
	CHECK(dnnl_primitive_create(&product, pd));
	dnnl_exec_arg_t args[] = {
		{DNNL_ARG_SRC, matrix(engine, &src)},
		{DNNL_ARG_WEIGHTS,
		 matrix(engine, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0))},
		{DNNL_ARG_DST, matrix(engine, &dst)}};
	for (int i = 0; i < RUNS; i++) {
		double begun = now();

		CHECK(dnnl_primitive_execute(product, stream, 3, args));
		CHECK(dnnl_stream_wait(stream));
		seconds[i] = now() - begun;
	}
	qsort(seconds, RUNS, sizeof(*seconds), by_value);
	for (int i = 0; i < 3; i++)
		dnnl_memory_destroy(args[i].memory);
	dnnl_primitive_destroy(product);
	dnnl_primitive_desc_destroy(pd);
	return 2e-9 * M * K * N / seconds[RUNS / 2];
}

int main(void)
{
	dnnl_engine_t engine;
	dnnl_stream_t stream;

	prog_name = "peak";
	CHECK(dnnl_engine_create(&engine, dnnl_cpu, 0));
	CHECK(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
	double f32 = rate(engine, stream, dnnl_f32), bf16 = rate(engine, stream, dnnl_bf16);
	printf("f32\t%.1f\nbf16\t%.1f\n", f32, bf16 > 0 ? bf16 : f32);
	dnnl_stream_destroy(stream);
	dnnl_engine_destroy(engine);
	return 0;
}
