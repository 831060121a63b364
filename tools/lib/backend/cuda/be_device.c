/* be_device.c: see be_device.h. */
#include "backend/cuda/be_device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/die.h"
#include "base/opts.h"

struct device device;

static int name_length(const char *call)
{
	return (int)strcspn(call, "(");
}

void device_check(cudaError_t status, const char *call)
{
	if (status != cudaSuccess)
		die("CUDA: %.*s: %s", name_length(call), call, cudaGetErrorString(status));
}

void device_check_blas(cublasStatus_t status, const char *call)
{
	if (status != CUBLAS_STATUS_SUCCESS)
		die("cuBLAS: %.*s: %s", name_length(call), call, cublasGetStatusString(status));
}

void device_check_solver(cusolverStatus_t status, const char *call)
{
	if (status != CUSOLVER_STATUS_SUCCESS)
		die("cuSOLVER: %.*s: status %d", name_length(call), call, (int)status);
}

/* ------------------------------------------------------------ the device */

static const struct common_opts *options; /* of device_open() */

/* One process at a time, so that each can plan with all free memory. The lock is a file of this
 * user, named after the device. The kernel releases it when the process ends, however it ends.
 * Other users' processes are not kept off, so free memory is asked for and not assumed. */
static void lock_device(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	char id[32] = "", *path;
	int fd;

	CUDA(cudaDeviceGetPCIBusId(id, (int)sizeof(id), 0));
	for (char *c = id; *c; c++)
		if (*c == ':' || *c == '.')
			*c = '-';
	path = xformat("%s/iteris-cuda-%ld-%s.lock", dir && *dir ? dir : "/tmp", (long)getuid(),
		       id);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		die("cannot open '%s', the lock of the CUDA device: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) && options->verbose)
		note("waiting for the CUDA device: another process uses it");
	while (flock(fd, LOCK_EX))
		if (errno != EINTR)
			die("cannot lock '%s': %s", path, strerror(errno));
	free(path); /* fd stays open, because it holds the lock */
}

void device_open(const struct common_opts *how)
{
	int count = 0, major = 0, minor = 0;
	cudaError_t status = cudaGetDeviceCount(&count);

	if (status != cudaSuccess || count < 1)
		die("backend 'cuda': there is no device to compute on: %s",
		    status == cudaSuccess ? "none is visible" : cudaGetErrorString(status));
	CUDA(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
	CUDA(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0));
	if (major < 8)
		die("backend 'cuda': the device has compute capability %d.%d, and 8.0 is needed",
		    major, minor);
	options = how;
	lock_device();
	CUDA(cudaSetDevice(0));
	CUDA(cudaStreamCreateWithFlags(&device.compute, cudaStreamNonBlocking));
	CUDA(cudaStreamCreateWithFlags(&device.copy, cudaStreamNonBlocking));
}

cublasHandle_t device_blas(void)
{
	if (device.blas)
		return device.blas;
	BLAS(cublasCreate(&device.blas));
	BLAS(cublasSetStream(device.blas, device.compute));
	BLAS(cublasSetWorkspace(device.blas, device_take(DEVICE_BLAS_BYTES, device.compute),
				DEVICE_BLAS_BYTES));
	/* Float32 products stay float32 (no TF32). 16-bit products are summed in float32, also
	 * across threads. */
	BLAS(cublasSetMathMode(device.blas,
			       (cublasMath_t)(CUBLAS_DEFAULT_MATH |
					      CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION)));
	return device.blas;
}

cusolverDnHandle_t device_solver(void)
{
	if (device.solver)
		return device.solver;
	SOLVER(cusolverDnCreate(&device.solver));
	SOLVER(cusolverDnSetStream(device.solver, device.compute));
	return device.solver;
}

/* ------------------------------------------------------------ memory */

struct device_span {
	void *p;
	size_t bytes;
	bool used;
	cudaEvent_t given; /* recorded on the compute stream, when the span was last given back */
	struct device_span *next;
};

static struct device_span *spans;
static struct be_memory memory;
static size_t held, limit;

size_t device_round(size_t bytes)
{
	enum { GRAIN = 256 }; /* cudaMalloc's alignment */

	return bytes ? (bytes + GRAIN - 1) / GRAIN * GRAIN : GRAIN;
}

void device_reserve(size_t bytes)
{
	size_t free_bytes, total;

	CUDA(cudaMemGetInfo(&free_bytes, &total));
	opts_need_memory(options, bytes, ", of the device's memory");
	if (bytes > free_bytes)
		die("the CUDA device has %zu MB of memory free, of %zu MB, and %zu MB are needed",
		    free_bytes >> 20, total >> 20, (bytes >> 20) + 1);
	limit = bytes;
}

struct be_memory device_memory(void)
{
	return memory;
}

/* Frees kept spans until `bytes` more fit the limit. 0: frees all of them. */
static void trim(size_t bytes)
{
	CUDA(cudaStreamSynchronize(device.copy));
	CUDA(cudaStreamSynchronize(device.compute));
	for (struct device_span **at = &spans; *at;) {
		struct device_span *s = *at;

		if (s->used || (bytes && held + bytes <= limit)) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		held -= s->bytes;
		CUDA(cudaFree(s->p));
		CUDA(cudaEventDestroy(s->given));
		free(s);
	}
}

static struct device_span *span_new(size_t bytes)
{
	struct device_span *s = xcalloc(1, sizeof(*s));
	cudaError_t status;

	if (limit && held + bytes > limit)
		trim(bytes);
	if (limit && held + bytes > limit)
		BUG("%zu bytes of device memory planned, %zu held, %zu asked for", limit, held,
		    bytes);
	status = cudaMalloc(&s->p, bytes);
	if (status == cudaErrorMemoryAllocation) {
		cudaGetLastError(); /* clears it, so that no later launch reports it */
		trim(0);
		status = cudaMalloc(&s->p, bytes);
	}
	if (status == cudaErrorMemoryAllocation)
		die("out of device memory: %zu MB held, %zu bytes more asked for", held >> 20,
		    bytes);
	CUDA(status);
	CUDA(cudaEventCreateWithFlags(&s->given, cudaEventDisableTiming));
	s->bytes = bytes;
	held += bytes;
	memory.peak = held > memory.peak ? held : memory.peak;
	s->next = spans;
	spans = s;
	return s;
}

void *device_take(size_t bytes, cudaStream_t by)
{
	struct device_span *s = spans;

	bytes = device_round(bytes);
	while (s && (s->used || s->bytes != bytes))
		s = s->next;
	if (s && by != device.compute)
		CUDA(cudaStreamWaitEvent(by, s->given, 0));
	if (!s)
		s = span_new(bytes);
	s->used = true;
	memory.in_use += bytes;
	return s->p;
}

void device_give(void *p)
{
	struct device_span *s = spans;

	if (!p)
		return;
	while (s && (s->p != p || !s->used))
		s = s->next;
	if (!s)
		BUG("%p is no device memory in use", p);
	CUDA(cudaEventRecord(s->given, device.compute));
	s->used = false;
	memory.in_use -= s->bytes;
}

/* ------------------------------------------------------------ staging */

struct stage {
	void *p;
	cudaEvent_t sent;
};

/* By stream: compute, copy. */
static struct stage stages[2][2];
static int turn[2];

static struct stage *present(cudaStream_t by)
{
	int which = by == device.copy;

	return &stages[which][turn[which]];
}

void *device_stage(cudaStream_t by)
{
	struct stage *s = present(by);

	if (s->p) {
		CUDA(cudaEventSynchronize(s->sent));
		return s->p;
	}
	CUDA(cudaMallocHost(&s->p, DEVICE_STAGE_BYTES));
	CUDA(cudaEventCreateWithFlags(&s->sent, cudaEventDisableTiming));
	return s->p;
}

void device_send(void *to, size_t bytes, cudaStream_t by)
{
	struct stage *s = present(by);

	BUG_IF(bytes > DEVICE_STAGE_BYTES);
	CUDA(cudaMemcpyAsync(to, s->p, bytes, cudaMemcpyHostToDevice, by));
	CUDA(cudaEventRecord(s->sent, by));
	turn[by == device.copy] ^= 1;
}
