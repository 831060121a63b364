/* settings.cpp: the double's settings and messages, and the calls about the device as a whole. */
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "emu_internal.hpp"

namespace emu {

void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	std::fflush(stdout);
	std::fputs("cudaemu: ", stderr);
	std::vfprintf(stderr, format, args);
	std::fputc('\n', stderr);
	va_end(args);
	std::abort();
}

size_t setting(const char *name, size_t otherwise)
{
	const char *value = std::getenv(name);

	return value && *value ? std::strtoull(value, nullptr, 10) : otherwise;
}

int mode = static_cast<int>(setting("CUDAEMU", 0));

bool injected()
{
	static const size_t at = setting("CUDAEMU_FAIL", 0);
	static size_t calls;

	return ++calls == at;
}

std::mt19937_64 &chance()
{
	static std::mt19937_64 generator(static_cast<unsigned>(mode));

	return generator;
}

static void write_log()
{
	const char *path = std::getenv("CUDAEMU_LOG");
	FILE *f = path && *path ? std::fopen(path, "a") : nullptr;

	if (!f)
		return;
	std::fprintf(f, "%s\t%zu\t%zu\n", program_invocation_short_name, emu_peak(), emu_live());
	std::fclose(f);
}

} // namespace emu

extern "C" {

cudaError_t cudaGetDeviceCount(int *count)
{
	*count = static_cast<int>(emu::setting("CUDAEMU_DEVICES", 1));
	if (emu::injected())
		return cudaErrorUnknown;
	if (*count)
		std::atexit(emu::write_log);
	return *count ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t cudaSetDevice(int device)
{
	return emu::injected() || device ? cudaErrorInvalidValue : cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attr, int device)
{
	int capability = static_cast<int>(emu::setting("CUDAEMU_CAPABILITY", 80));

	if (emu::injected() || device)
		return cudaErrorInvalidValue;
	*value = attr == cudaDevAttrComputeCapabilityMajor ? capability / 10 : capability % 10;
	return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char *id, int len, int device)
{
	if (emu::injected() || device)
		return cudaErrorInvalidValue;
	std::snprintf(id, static_cast<size_t>(len), "FFFF:FF:00.0"); /* the name of no real device */
	return cudaSuccess;
}

const char *cudaGetErrorString(cudaError_t error)
{
	switch (static_cast<int>(error)) {
	case cudaSuccess: return "no error";
	case cudaErrorInvalidValue: return "invalid argument";
	case cudaErrorMemoryAllocation: return "out of memory";
	case cudaErrorInvalidConfiguration: return "invalid configuration argument";
	case cudaErrorNoDevice: return "no CUDA-capable device is detected";
	default: return "unknown error";
	}
}

cudaError_t cudaGetLastError(void)
{
	return cudaSuccess; /* errors are returned by the calls themselves here */
}

} // extern "C"
