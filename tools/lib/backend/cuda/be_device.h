/* be_device.h: the CUDA device for the backend: its lock, streams, libraries and memory.
 *
 * There are two streams. `compute` computes everything, in order. `copy` brings in weights, and
 * `compute` waits for a weight before its first product. What the host gives is first copied to
 * pinned staging memory. So neither a transfer nor the host waits for the other, within the size of
 * the staging memory.
 *
 * Freed memory is kept for the next allocation of the same size, because a model's blocks are alike
 * and an allocation stops the device. Kept memory is returned when the plan of device_reserve()
 * needs the room. */
#ifndef BE_DEVICE_H
#define BE_DEVICE_H

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cusolverDn.h>

#include "backend/be.h"

struct device {
	cudaStream_t compute, copy;
	cublasHandle_t blas;       /* from device_blas() */
	cusolverDnHandle_t solver; /* from device_solver() */
};
extern struct device device;

/* cuBLAS's workspace. It is ours, so that it is counted. The size is NVIDIA's recommendation for
 * sm_90, the largest one. */
enum { DEVICE_BLAS_BYTES = 32 << 20 };
/* Size of one staging buffer; each stream has two. */
enum { DEVICE_STAGE_BYTES = 4 << 20 };

/* Locks and opens the first visible device. die() where there is none, or it is older than
 * sm_80. */
void device_open(const struct common_opts *how);
/* The libraries' handles, on the compute stream. */
cublasHandle_t device_blas(void);
cusolverDnHandle_t device_solver(void);

/* What an allocation of this many bytes takes. */
size_t device_round(size_t bytes);
void device_reserve(size_t bytes);
struct be_memory device_memory(void);

/* Memory that work on stream `by` may overwrite. The device waits for work that still uses it. Not
 * zeroed. */
void *device_take(size_t bytes, cudaStream_t by);
/* Gives memory back. The work queued on the compute stream so far is the last to use it. NULL is
 * allowed. */
void device_give(void *p);

/* A staging buffer of DEVICE_STAGE_BYTES to fill; then its transfer, on the stream (compute or
 * copy) for which it was asked. */
void *device_stage(cudaStream_t by);
void device_send(void *to, size_t bytes, cudaStream_t by);

/* A failed call ends the program, with the call's name and the library's message. */
#define CUDA(call) device_check((call), #call)
#define BLAS(call) device_check_blas((call), #call)
#define SOLVER(call) device_check_solver((call), #call)
void device_check(cudaError_t status, const char *call);
void device_check_blas(cublasStatus_t status, const char *call);
void device_check_solver(cusolverStatus_t status, const char *call);

#endif
