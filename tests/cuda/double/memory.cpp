/* memory.cpp: device memory. A device pointer is an address in a reserved range that cannot be read
 * or written: a host that follows one faults at that line. The bytes are elsewhere, in a block of
 * their own with guards on both sides. */
#include <cstdlib>
#include <cstring>
#include <map>

#include <sys/mman.h>

#include "emu_internal.hpp"

namespace emu {
namespace {

struct allocation {
	size_t bytes;
	unsigned char *data;
};

const size_t RESERVED = size_t(1) << 37; /* size of the address space; handles are never used twice */
const size_t APART = 1 << 16;            /* gap between two allocations */
const size_t GUARD = 64;
const unsigned char GUARD_BYTE = 0xa5;

uintptr_t base, next;
/* Never destroyed, because programs may end with memory still allocated. */
auto &live = *new std::map<uintptr_t, allocation>;
auto &pinned = *new std::map<const void *, size_t>;
size_t live_bytes, peak_bytes;

size_t device_bytes()
{
	static const size_t bytes = setting("CUDAEMU_MEMORY", size_t(16) << 30);

	return bytes;
}

void reserve()
{
	void *p = mmap(nullptr, RESERVED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		fail("cannot reserve address space for device memory");
	base = next = reinterpret_cast<uintptr_t>(p);
}

/* The live allocation that contains an address (or ends just before it), or end. */
std::map<uintptr_t, allocation>::iterator find(const void *handle)
{
	uintptr_t at = reinterpret_cast<uintptr_t>(handle);
	auto it = live.upper_bound(at);

	if (it == live.begin())
		return live.end();
	--it;
	return at <= it->first + it->second.bytes ? it : live.end();
}

#if defined(__SANITIZE_ADDRESS__)
const bool GUARDED = false; /* the sanitizer's own redzones are exact to the byte */
#else
const bool GUARDED = true;
#endif

} // namespace

void spoil(void *p, size_t bytes)
{
	/* Writes through a volatile pointer where the thread sanitizer would take memset for an
	 * access of the kernel. */
#ifdef EMU_TSAN
	for (size_t i = 0; i < bytes; i++)
		static_cast<volatile unsigned char *>(p)[i] = 0xff;
#else
	std::memset(p, 0xff, bytes);
#endif
}

unsigned char *guarded_new(size_t bytes)
{
	unsigned char *p = static_cast<unsigned char *>(std::malloc(bytes + (GUARDED ? 2 * GUARD : 0)));

	if (!p)
		fail("out of host memory");
	if (GUARDED) {
		std::memset(p, GUARD_BYTE, GUARD);
		std::memset(p + GUARD + bytes, GUARD_BYTE, GUARD);
		p += GUARD;
	}
	spoil(p, bytes);
	return p;
}

void guarded_check(const unsigned char *p, size_t bytes, const char *whose)
{
	for (size_t i = 0; GUARDED && i < GUARD; i++) {
		if (p[i - GUARD] != GUARD_BYTE)
			fail("%s: written before the beginning of an array of %zu bytes", whose, bytes);
		if (p[bytes + i] != GUARD_BYTE)
			fail("%s: written past the end of an array of %zu bytes", whose, bytes);
	}
}

void guarded_free(unsigned char *p)
{
	std::free(GUARDED ? p - GUARD : p);
}

bool is_device(const void *p)
{
	uintptr_t at = reinterpret_cast<uintptr_t>(p);

	return base && at >= base && at < base + RESERVED;
}

bool is_pinned(const void *p)
{
	auto it = pinned.upper_bound(p);

	if (it == pinned.begin())
		return false;
	--it;
	return static_cast<const char *>(p) < static_cast<const char *>(it->first) + it->second;
}

unsigned char *range(const void *handle, size_t bytes, const char *what)
{
	if (!is_device(handle))
		fail("%s: %p is no device memory", what, handle);
	auto it = find(handle);
	if (it == live.end())
		fail("%s: %p is device memory that is not allocated, or no longer", what, handle);
	size_t offset = reinterpret_cast<uintptr_t>(handle) - it->first;
	if (offset + bytes > it->second.bytes)
		fail("%s: %zu bytes at %zu of an allocation of %zu", what, bytes, offset, it->second.bytes);
	return it->second.data + offset;
}

void *behind(const void *handle, const char *kernel)
{
	return handle ? range(handle, 0, kernel) : nullptr;
}

void check_canaries(const char *after)
{
	for (const auto &a : live)
		guarded_check(a.second.data, a.second.bytes, after);
}

} // namespace emu

using namespace emu;

extern "C" {

size_t emu_live(void)
{
	return live_bytes;
}

size_t emu_peak(void)
{
	return peak_bytes;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total)
{
	if (injected())
		return cudaErrorUnknown;
	*total = device_bytes();
	*free_bytes = *total - live_bytes;
	return cudaSuccess;
}

cudaError_t cudaMalloc(void **p, size_t bytes)
{
	if (!base)
		reserve();
	if (injected() || bytes > device_bytes() - live_bytes)
		return cudaErrorMemoryAllocation;
	if (!bytes)
		fail("cudaMalloc of nothing");
	if (next + bytes + 2 * APART > base + RESERVED)
		fail("the range of handles is used up");
	live[next] = {bytes, guarded_new(bytes)};
	*p = reinterpret_cast<void *>(next);
	next += (bytes + 2 * APART - 1) / APART * APART;
	live_bytes += bytes;
	peak_bytes = live_bytes > peak_bytes ? live_bytes : peak_bytes;
	return cudaSuccess;
}

cudaError_t cudaFree(void *p)
{
	if (injected())
		return cudaErrorUnknown;
	if (!p)
		return cudaSuccess;
	run_everything();
	auto it = live.find(reinterpret_cast<uintptr_t>(p));
	if (it == live.end())
		fail("cudaFree: %p is no allocation, or was freed before", p);
	guarded_check(it->second.data, it->second.bytes, "cudaFree");
	guarded_free(it->second.data);
	live_bytes -= it->second.bytes;
	live.erase(it);
	return cudaSuccess;
}

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
	if (injected())
		return cudaErrorMemoryAllocation;
	*p = std::malloc(bytes);
	if (!*p)
		fail("out of host memory");
	spoil(*p, bytes);
	pinned[*p] = bytes;
	return cudaSuccess;
}

cudaError_t cudaFreeHost(void *p)
{
	run_everything();
	if (!pinned.erase(p))
		fail("cudaFreeHost: %p is no pinned memory", p);
	std::free(p);
	return cudaSuccess;
}

} // extern "C"
