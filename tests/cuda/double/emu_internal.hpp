/* emu_internal.hpp: what the parts of the test double share. */
#ifndef EMU_INTERNAL_HPP
#define EMU_INTERNAL_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>

#include "emu.h"
#include "emu.hpp"

namespace emu {

/* settings.cpp: the environment (emu.h), and random numbers. */
extern int mode;
size_t setting(const char *name, size_t otherwise);
bool injected();              /* whether this call is the one to fail */
std::mt19937_64 &chance();    /* seeded by the mode */

/* memory.cpp: memory behind handles. */
/* The bytes behind [handle, handle + bytes), which must all belong to one live allocation. what:
 * for the message. */
unsigned char *range(const void *handle, size_t bytes, const char *what);
bool is_device(const void *p); /* whether it is in the address range of handles */
bool is_pinned(const void *p);
void check_canaries(const char *after);

/* A block of host memory with guards. Under the address sanitizer these are the sanitizer's own. */
unsigned char *guarded_new(size_t bytes);
void guarded_check(const unsigned char *p, size_t bytes, const char *whose);
void guarded_free(unsigned char *p);
/* Sets bytes to 0xff: NaN in every float type, −1 in integers. With `by hand` the thread sanitizer
 * does not see it. */
void spoil(void *p, size_t bytes);

/* streams.cpp: queues the work. It runs now or later, depending on the mode. */
void enqueue(cudaStream_t stream, const char *what, std::function<void()> run);
void run_everything();

/* fibers.cpp */
void run_grid(const char *name, dim3 grid, dim3 block, const thread &body);

} // namespace emu

#endif
