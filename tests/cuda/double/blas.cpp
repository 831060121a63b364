/* blas.cpp: the calls of cuBLAS and cuSOLVER that are used, by OpenBLAS and LAPACKE, on the stream
 * of the handle. Every operand is checked whole against its allocation. It is written from the
 * documentation. What the documentation leaves open (other triangles, workspaces) is filled with
 * NaN. */
#include <cblas.h>
#include <cmath>
#include <cstring>
#include <lapacke.h>
#include <limits>
#include <vector>

#include <cublas_v2.h>
#include <cusolverDn.h>

#include "emu_internal.hpp"

struct cublasContext {
	cudaStream_t stream = nullptr;
	void *workspace = nullptr;
	size_t workspace_bytes = 0;
};

struct cusolverDnContext {
	cudaStream_t stream = nullptr;
};

namespace {

/* A column-major matrix on the device. */
struct matrix {
	const void *p;
	cudaDataType type;
	int rows, cols, ld;

	size_t element() const { return type == CUDA_R_32F ? 4 : 2; }
	unsigned char *data(const char *what) const
	{
		return emu::range(p, rows && cols ? (size_t(cols - 1) * size_t(ld) + size_t(rows)) * element() : 0, what);
	}
	bool valid() const { return ld >= (rows > 1 ? rows : 1) && (type == CUDA_R_32F || type == CUDA_R_16BF); }
};

matrix operand(const void *p, cudaDataType type, cublasOperation_t op, int rows, int cols, int ld)
{
	return op == CUBLAS_OP_N ? matrix{p, type, rows, cols, ld} : matrix{p, type, cols, rows, ld};
}

/* Converts to dense float32: bfloat16 is its upper half. */
std::vector<float> widened(const matrix &m, const char *what)
{
	std::vector<float> out(size_t(m.rows) * size_t(m.cols));
	const unsigned char *data = m.data(what);

	for (int j = 0; j < m.cols; j++)
		for (int i = 0; i < m.rows; i++) {
			size_t from = size_t(j) * size_t(m.ld) + size_t(i);
			uint32_t bits = 0;

			if (m.type == CUDA_R_32F) {
				std::memcpy(&bits, data + 4 * from, 4);
			} else {
				uint16_t half;

				std::memcpy(&half, data + 2 * from, 2);
				bits = uint32_t(half) << 16;
			}
			std::memcpy(&out[size_t(j) * size_t(m.rows) + size_t(i)], &bits, 4);
		}
	return out;
}

CBLAS_TRANSPOSE cblas_op(cublasOperation_t op)
{
	return op == CUBLAS_OP_N ? CblasNoTrans : CblasTrans;
}

/* C (m, n) = alpha op(A) op(B) + beta C. */
void multiply(cublasOperation_t opA, cublasOperation_t opB, int k, float alpha, const matrix &A, const matrix &B, float beta, const matrix &C)
{
	const char *const what = "cuBLAS product";
	float *c = reinterpret_cast<float *>(C.data(what));

	if (A.type == CUDA_R_32F && B.type == CUDA_R_32F) {
		cblas_sgemm(CblasColMajor, cblas_op(opA), cblas_op(opB), C.rows, C.cols, k, alpha, reinterpret_cast<float *>(A.data(what)), A.ld,
		            reinterpret_cast<float *>(B.data(what)), B.ld, beta, c, C.ld);
		return;
	}
	std::vector<float> a = widened(A, what), b = widened(B, what);
	cblas_sgemm(CblasColMajor, cblas_op(opA), cblas_op(opB), C.rows, C.cols, k, alpha, a.data(), A.rows, b.data(), B.rows, beta, c, C.ld);
}

cublasStatus_t submit(cublasHandle_t handle, cublasOperation_t opA, cublasOperation_t opB, int k, float alpha, matrix A, matrix B, float beta, matrix C)
{
	if (!handle)
		return CUBLAS_STATUS_NOT_INITIALIZED;
	if (C.rows < 0 || C.cols < 0 || k < 0 || !A.valid() || !B.valid() || !C.valid())
		return CUBLAS_STATUS_INVALID_VALUE;
	if (A.type != B.type || C.type != CUDA_R_32F)
		return CUBLAS_STATUS_NOT_SUPPORTED;
	A.data("cuBLAS A"), B.data("cuBLAS B"), C.data("cuBLAS C");
	emu::enqueue(handle->stream, "cuBLAS product", [=] {
		if (handle->workspace) /* its former contents are lost */
			emu::spoil(emu::range(handle->workspace, handle->workspace_bytes, "cuBLAS workspace"), 256);
		multiply(opA, opB, k, alpha, A, B, beta, C);
	});
	return CUBLAS_STATUS_SUCCESS;
}

const float *step(const float *p, long long stride, int i)
{
	return reinterpret_cast<const float *>(reinterpret_cast<uintptr_t>(p) + size_t(stride) * size_t(i) * sizeof(float));
}

double *doubles(const void *p, size_t n, const char *what)
{
	return reinterpret_cast<double *>(emu::range(p, n * sizeof(double), what));
}

char lapack_uplo(cublasFillMode_t uplo)
{
	return uplo == CUBLAS_FILL_MODE_UPPER ? 'U' : 'L';
}

void factorise(char uplo, int n, double *A, int lda, int *info)
{
	*info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, uplo, n, A, lda);
	for (int j = 0; j < n; j++)
		for (int i = 0; i < n; i++)
			if (uplo == 'U' ? i > j : i < j)
				A[size_t(j) * size_t(lda) + size_t(i)] = std::numeric_limits<double>::quiet_NaN();
}

} // namespace

extern "C" {

cublasStatus_t cublasCreate(cublasHandle_t *handle)
{
	if (emu::injected())
		return CUBLAS_STATUS_ALLOC_FAILED;
	openblas_set_num_threads(1); /* the sums of a device do not depend on the host's threads */
	*handle = new cublasContext;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream)
{
	if (emu::injected())
		return CUBLAS_STATUS_NOT_INITIALIZED;
	handle->stream = stream;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void *workspace, size_t bytes)
{
	if (emu::injected())
		return CUBLAS_STATUS_INVALID_VALUE;
	emu::range(workspace, bytes, "cublasSetWorkspace");
	handle->workspace = workspace;
	handle->workspace_bytes = bytes;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t, cublasMath_t mode)
{
	if (emu::injected())
		return CUBLAS_STATUS_INVALID_VALUE;
	if ((mode & 0xf) == CUBLAS_TF32_TENSOR_OP_MATH)
		emu::fail("cublasSetMathMode: TF32");
	return CUBLAS_STATUS_SUCCESS;
}

const char *cublasGetStatusString(cublasStatus_t status)
{
	switch (status) {
	case CUBLAS_STATUS_SUCCESS: return "success";
	case CUBLAS_STATUS_NOT_INITIALIZED: return "not initialised";
	case CUBLAS_STATUS_ALLOC_FAILED: return "allocation failed";
	case CUBLAS_STATUS_INVALID_VALUE: return "invalid value";
	case CUBLAS_STATUS_NOT_SUPPORTED: return "not supported";
	default: return "execution failed";
	}
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k, const void *alpha,
                            const void *A, cudaDataType Atype, int lda, const void *B, cudaDataType Btype, int ldb, const void *beta, void *C,
                            cudaDataType Ctype, int ldc, cublasComputeType_t compute, cublasGemmAlgo_t)
{
	if (emu::injected())
		return CUBLAS_STATUS_EXECUTION_FAILED;
	if (compute != CUBLAS_COMPUTE_32F)
		return CUBLAS_STATUS_NOT_SUPPORTED;
	return submit(handle, transa, transb, k, *static_cast<const float *>(alpha), operand(A, Atype, transa, m, k, lda),
	              operand(B, Btype, transb, k, n, ldb), *static_cast<const float *>(beta), matrix{C, Ctype, m, n, ldc});
}

cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k,
                                         const float *alpha, const float *A, int lda, long long int strideA, const float *B, int ldb,
                                         long long int strideB, const float *beta, float *C, int ldc, long long int strideC, int count)
{
	cublasStatus_t status = CUBLAS_STATUS_SUCCESS;

	if (emu::injected())
		return CUBLAS_STATUS_EXECUTION_FAILED;
	for (int i = 0; i < count && status == CUBLAS_STATUS_SUCCESS; i++)
		status = submit(handle, transa, transb, k, *alpha, operand(step(A, strideA, i), CUDA_R_32F, transa, m, k, lda),
		                operand(step(B, strideB, i), CUDA_R_32F, transb, k, n, ldb), *beta, matrix{step(C, strideC, i), CUDA_R_32F, m, n, ldc});
	return status;
}

cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t *handle)
{
	if (emu::injected())
		return CUSOLVER_STATUS_ALLOC_FAILED;
	openblas_set_num_threads(1);
	*handle = new cusolverDnContext;
	return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t handle, cudaStream_t stream)
{
	if (emu::injected())
		return CUSOLVER_STATUS_NOT_INITIALIZED;
	handle->stream = stream;
	return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnDpotrf_bufferSize(cusolverDnHandle_t handle, cublasFillMode_t, int n, double *, int lda, int *lwork)
{
	if (emu::injected() || !handle || n < 1 || lda < n)
		return CUSOLVER_STATUS_INVALID_VALUE;
	*lwork = 32 * n + 7;
	return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnDpotrf(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n, double *A, int lda, double *work, int lwork, int *info)
{
	const char *const what = "cusolverDnDpotrf";
	size_t all = n > 0 ? size_t(n - 1) * size_t(lda) + size_t(n) : 0;

	if (emu::injected() || !handle || n < 1 || lda < n)
		return CUSOLVER_STATUS_INVALID_VALUE;
	if (lwork < 32 * n + 7)
		emu::fail("%s: a workspace of %d for n = %d", what, lwork, n);
	doubles(A, all, what), doubles(work, size_t(lwork), what), emu::range(info, sizeof(*info), what);
	emu::enqueue(handle->stream, what, [=] {
		emu::spoil(doubles(work, size_t(lwork), what), size_t(lwork) * sizeof(double));
		factorise(lapack_uplo(uplo), n, doubles(A, all, what), lda, reinterpret_cast<int *>(emu::range(info, sizeof(*info), what)));
	});
	return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnDpotrs(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n, int nrhs, const double *A, int lda, double *B, int ldb,
                                  int *info)
{
	const char *const what = "cusolverDnDpotrs";
	size_t all = n > 0 ? size_t(n - 1) * size_t(lda) + size_t(n) : 0, right = nrhs > 0 ? size_t(nrhs - 1) * size_t(ldb) + size_t(n) : 0;

	if (emu::injected() || !handle || n < 1 || nrhs < 0 || lda < n || ldb < n)
		return CUSOLVER_STATUS_INVALID_VALUE;
	doubles(A, all, what), doubles(B, right, what), emu::range(info, sizeof(*info), what);
	emu::enqueue(handle->stream, what, [=] {
		int status = LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, lapack_uplo(uplo), n, nrhs, doubles(A, all, what), lda, doubles(B, right, what), ldb);

		std::memcpy(emu::range(info, sizeof(*info), what), &status, sizeof(status));
	});
	return CUSOLVER_STATUS_SUCCESS;
}

} // extern "C"
