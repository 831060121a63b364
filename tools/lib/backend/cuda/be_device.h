/* be_device.h: the CUDA device as the backend uses it: its lock, streams and libraries, and its
 * memory.
 *
 * Two streams. Everything is computed on `compute`, in order; weights come in on `copy`, and
 * compute waits for a weight before its first product. What the host gives is copied to pinned
 * staging memory first, so that a transfer never waits for the host nor the host for it (beyond the
 * staging's size). Memory that is freed is kept for the next allocation of the same size (blocks of
 * a model are alike, and an allocation stops the device); kept memory is given back when the plan
 * of device_reserve() needs the room. */
#ifndef BE_DEVICE_H
#define BE_DEVICE_H

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cusolverDn.h>

#include "backend/be.h"

struct device {
	cudaStream_t compute, copy;
	cublasHandle_t blas;       /* by device_blas() */
	cusolverDnHandle_t solver; /* by device_solver() */
};
extern struct device device;

/* cuBLAS's workspace, ours so that it is counted: what NVIDIA recommends for sm_90, the largest. */
enum { DEVICE_BLAS_BYTES = 32 << 20 };
/* Of one staging buffer; each stream has two. */
enum { DEVICE_STAGE_BYTES = 4 << 20 };

/* Locks and opens the first device that is visible; die() when there is none, or one of before
 * sm_80. */
void device_open(const struct common_opts *how);
/* The libraries' handles, on the compute stream. */
cublasHandle_t device_blas(void);
cusolverDnHandle_t device_solver(void);

/* What an allocation of so many bytes takes. */
size_t device_round(size_t bytes);
void device_reserve(size_t bytes);
struct be_memory device_memory(void);

/* Memory that work on stream `by` may overwrite: what still uses it is waited for, on the device.
 * Not zeroed. */
void *device_take(size_t bytes, cudaStream_t by);
/* Work queued on the compute stream so far is the last to use it. NULL is fine. */
void device_give(void *p);

/* A staging buffer of DEVICE_STAGE_BYTES to fill, and its transfer on the stream (compute or copy)
 * that it was asked for. */
void *device_stage(cudaStream_t by);
void device_send(void *to, size_t bytes, cudaStream_t by);

/* A call that failed ends the program, with its name and the library's words. */
#define CUDA(call) device_check((call), #call)
#define BLAS(call) device_check_blas((call), #call)
#define SOLVER(call) device_check_solver((call), #call)
void device_check(cudaError_t status, const char *call);
void device_check_blas(cublasStatus_t status, const char *call);
void device_check_solver(cusolverStatus_t status, const char *call);

#endif
