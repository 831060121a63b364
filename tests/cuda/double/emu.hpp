/* emu.hpp: the test double as kernels see it: the words of CUDA C++ that be_kernels.cu uses, for
 * g++.
 *
 * Every CUDA thread runs as a fiber on one CPU thread (fibers.cpp). Device pointers are handles
 * that cannot be followed. A launch turns each pointer argument into the memory behind it. The
 * double is stricter than a device: a block must be whole warps; no thread may end before a barrier
 * at which others wait; all must wait at the same barrier. */
#ifndef EMU_HPP
#define EMU_HPP

#include <cuda_runtime_api.h>

#include <functional>
#include <tuple>
#include <type_traits>

extern dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emu {

/* Ends the program, where a device's behaviour would be undefined or an error. */
[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

using thread = std::function<void()>;                /* the kernel, with its arguments bound */
using threads = std::function<void(const thread &)>; /* runs the kernel once for every CUDA thread */

void *behind(const void *handle, const char *kernel);
cudaError_t enqueue_kernel(const char *name, dim3 grid, dim3 block, cudaStream_t stream, std::function<void(const threads &)> run);
void barrier(int line);
void *shared(int line, size_t bytes);

template <typename T> T argument(T value, const char *kernel)
{
	static_assert(!std::is_class<T>::value, "a struct may hide pointers: pass its members");
	if constexpr (std::is_pointer<T>::value)
		return static_cast<T>(behind(value, kernel));
	else
		return value;
}

/* The kernel's own parameter types decide. The pointers are followed when the kernel runs. */
template <typename... P, typename... A>
cudaError_t launch(const char *name, void (*kernel)(P...), dim3 grid, dim3 block, cudaStream_t stream, A... given)
{
	std::tuple<P...> handles(static_cast<P>(given)...);

	return enqueue_kernel(name, grid, block, stream, [=](const threads &each) {
		std::tuple<P...> real = std::apply([&](P... p) { return std::tuple<P...>(argument(p, name)...); }, handles);

		each([&] { std::apply(kernel, real); });
	});
}

} // namespace emu

#define LAUNCH(kernel, grid, block, stream, ...) emu::launch(#kernel, kernel, (grid), (block), (stream), __VA_ARGS__)
#define SHARED(T, name, n) T *const name = static_cast<T *>(emu::shared(__LINE__, sizeof(T) * (n)))
#define __syncthreads() emu::barrier(__LINE__)

#endif
