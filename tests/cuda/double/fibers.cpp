/* fibers.cpp: runs a grid, one block after the other. Each CUDA thread is a fiber of this CPU
 * thread.
 *
 * A thread runs until it waits at a barrier or ends; then the next one runs. This is the largest
 * skew between threads that barriers allow. Threads and blocks run in ascending order (mode 0), in
 * descending order (1) or at random. A thread that never waits leaves its fiber to the next one, so
 * that kernels without barriers cost only a call per thread.
 *
 * Under the thread sanitizer every thread of the grid has its own fiber. Only the launch and the
 * barriers order what happens; switches of fibers do not. A fiber serves grid after grid, because a
 * new one costs the sanitizer a millisecond. What a fiber did happened before the next launch, so
 * this hides no race. */
#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include <sys/mman.h>

#include "emu_internal.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef EMU_TSAN
extern "C" {
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void __tsan_acquire(void *address);
void __tsan_release(void *address);
}
#endif

#ifndef __x86_64__
#error "the test double switches fibers in x86-64 assembly"
#endif

/* Saves on the current stack what a called function must preserve, and continues with the other
 * stack. */
extern "C" void emu_switch(void **save_sp, void *to_sp);
__asm__(".text\n.globl emu_switch\n.type emu_switch,@function\nemu_switch:\n"
        "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
        "movq %rsp, (%rdi)\nmovq %rsi, %rsp\n"
        "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n"
        ".size emu_switch,.-emu_switch\n");

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emu {
namespace {

const size_t STACK = 256 << 10;
const size_t SHARED_LIMIT = 48 << 10;

struct fiber {
	unsigned char *stack = nullptr;
	void *sp = nullptr, *fake = nullptr, *tsan = nullptr;
	size_t thread = 0;
	int line = 0;      /* source line of the barrier where it waits; 0: it runs, or has ended */
	size_t waits = 0;  /* barriers that the thread has reached */
};

struct shared_array {
	int line;
	size_t bytes;
	unsigned char *data;
};

/* The grid that is running. */
struct grid {
	const char *name;
	const thread *body;
	std::vector<size_t> order; /* of the block's threads */
	size_t begun, ended;
	std::vector<shared_array> arrays;
	int want_line;             /* an array that a thread asks for */
	size_t want_bytes;
	std::vector<unsigned char *> kept; /* arrays of earlier blocks */
	size_t block;
	char *clocks; /* for the thread sanitizer: the launch, the end, the shared arrays; and two for each block's barriers */
};

enum { LAUNCHED, FINISHED, ARRAYS, BARRIERS };

/* Never destroyed. */
grid &now = *new grid();
auto &fibers = *new std::vector<fiber *>, &idle = *new std::vector<fiber *>;
fiber *running;
void *main_sp, *main_tsan;
#if defined(__SANITIZE_ADDRESS__)
void *main_fake;
const void *main_bottom;
size_t main_size;
#endif

void set_thread(size_t t)
{
	threadIdx = dim3(unsigned(t % blockDim.x), unsigned(t / blockDim.x % blockDim.y), unsigned(t / blockDim.x / blockDim.y));
}

void happens(bool acquire, size_t clock)
{
#ifdef EMU_TSAN
	(acquire ? __tsan_acquire : __tsan_release)(now.clocks + clock);
#else
	(void)acquire, (void)clock;
#endif
}

void tsan_to(void *fiber)
{
#ifdef EMU_TSAN
	__tsan_switch_to_fiber(fiber, 1);
#else
	(void)fiber;
#endif
}

/* Returns to the scheduler. It comes back when the fiber is continued. */
void leave()
{
	fiber *f = running;

#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_start_switch_fiber(&f->fake, main_bottom, main_size);
#endif
	tsan_to(main_tsan);
	emu_switch(&f->sp, main_sp);
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(f->fake, &main_bottom, &main_size);
#endif
}

void enter(fiber *f)
{
	running = f;
	set_thread(f->thread);
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_start_switch_fiber(&main_fake, f->stack, STACK);
#endif
	tsan_to(f->tsan);
	emu_switch(&main_sp, f->sp);
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(main_fake, nullptr, nullptr);
#endif
	running = nullptr;
}

/* The life of a fiber: it runs the threads of whatever grid runs, one after the other. */
void fiber_main()
{
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(nullptr, &main_bottom, &main_size);
#endif
	for (;;) {
		fiber *f = running;

		while (now.begun < now.order.size()) {
			f->thread = now.order[now.begun++];
			f->waits = 0;
			set_thread(f->thread);
			happens(true, LAUNCHED);
			(*now.body)();
			happens(false, FINISHED);
			now.ended++;
#ifdef EMU_TSAN
			break;
#endif
		}
		leave();
	}
}

fiber *fiber_new()
{
	fiber *f = new fiber;
	void **top;

	f->stack = static_cast<unsigned char *>(mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	if (f->stack == MAP_FAILED || mprotect(f->stack, 4096, PROT_NONE)) /* a stack overflow faults */
		fail("cannot make a fiber");
	/* The form in which emu_switch leaves a stack: six registers, the address to continue at,
	 * and one word that aligns the stack as after a call. */
	top = reinterpret_cast<void **>(f->stack + STACK) - 8;
	std::memset(top, 0, 8 * sizeof(*top));
	top[6] = reinterpret_cast<void *>(fiber_main);
	f->sp = top;
#ifdef EMU_TSAN
	f->tsan = __tsan_create_fiber(0);
#endif
	fibers.push_back(f);
	return f;
}

fiber *fiber_take()
{
	fiber *f;

	if (idle.empty())
		idle.push_back(fiber_new());
	f = idle.back();
	idle.pop_back();
	return f;
}

/* Runs a fiber until it waits or ends. Gives it the shared arrays that it asks for, because only
 * the scheduler may allocate them. */
void resume(fiber *f)
{
	for (;;) {
		enter(f);
		if (!now.want_line)
			return;
		now.arrays.push_back({now.want_line, now.want_bytes, guarded_new(now.want_bytes)});
		happens(false, ARRAYS);
		now.want_line = 0;
	}
}

/* All running threads wait at the same barrier, and none has ended. */
void check_barrier(const std::vector<fiber *> &waiting)
{
	for (fiber *f : waiting)
		if (f->line != waiting[0]->line)
			fail("%s: thread %zu waits at line %d, thread %zu at line %d", now.name, waiting[0]->thread, waiting[0]->line, f->thread, f->line);
	if (!waiting.empty() && now.ended)
		fail("%s: %zu of %zu threads wait at line %d, the others have ended", now.name, waiting.size(), now.order.size(), waiting[0]->line);
}

/* Continues a fiber until it waits again, or until its thread and those that follow on this fiber
 * have ended. */
void go_on(fiber *f, std::vector<fiber *> &waiting, std::vector<fiber *> &ended)
{
	resume(f);
	if (f->line)
		waiting.push_back(f);
	else
		ended.push_back(f);
}

void run_block(std::vector<fiber *> &ended)
{
	std::vector<fiber *> waiting, before;

	now.begun = now.ended = 0;
	while (now.begun < now.order.size())
		go_on(fiber_take(), waiting, ended);
	while (!waiting.empty()) {
		check_barrier(waiting);
		before.swap(waiting);
		waiting.clear();
		for (fiber *f : before)
			go_on(f, waiting, ended);
	}
#ifndef EMU_TSAN
	idle.insert(idle.end(), ended.begin(), ended.end());
	ended.clear();
#endif
}

void release_arrays()
{
	for (const shared_array &a : now.arrays) {
		guarded_check(a.data, a.bytes, now.name);
#ifdef EMU_TSAN
		now.kept.push_back(a.data); /* other blocks' arrays must be elsewhere, or they would look shared */
#else
		guarded_free(a.data);
#endif
	}
	now.arrays.clear();
}

void put_in_order(std::vector<size_t> &v)
{
	std::iota(v.begin(), v.end(), size_t(0));
	if (mode == 1)
		std::reverse(v.begin(), v.end());
	else if (mode > 1)
		std::shuffle(v.begin(), v.end(), chance());
}

void end_grid(std::vector<fiber *> &ended)
{
	happens(true, FINISHED);
	idle.insert(idle.end(), ended.begin(), ended.end());
	for (unsigned char *p : now.kept)
		guarded_free(p);
	now.kept.clear();
	delete[] now.clocks;
	now.clocks = nullptr;
}

} // namespace

void barrier(int line)
{
	fiber *f = running;
	/* Two clocks in turn. With one clock, a thread that continues late would learn what others
	 * did after this barrier. */
	size_t clock = BARRIERS + 2 * now.block + f->waits++ % 2;

	f->line = line;
	happens(false, clock);
	leave();
	happens(true, clock);
	f->line = 0;
}

void *shared(int line, size_t bytes)
{
	for (;;) {
		size_t sum = bytes;

		for (const shared_array &a : now.arrays) {
			if (a.line == line) {
				happens(true, ARRAYS);
				return a.data;
			}
			sum += a.bytes;
		}
		if (sum > SHARED_LIMIT)
			fail("%s: %zu bytes of shared memory", now.name, sum);
		now.want_line = line;
		now.want_bytes = bytes;
		leave();
	}
}

void run_grid(const char *name, dim3 grid, dim3 block, const thread &body)
{
	std::vector<size_t> blocks(size_t(grid.x) * grid.y * grid.z);
	std::vector<fiber *> ended;

	now.name = name;
	now.body = &body;
	now.order.resize(size_t(block.x) * block.y * block.z);
	now.clocks = new char[BARRIERS + 2 * blocks.size()];
	gridDim = grid;
	blockDim = block;
#ifdef EMU_TSAN
	main_tsan = __tsan_get_current_fiber();
#endif
	happens(false, LAUNCHED);
	put_in_order(blocks);
	for (size_t b : blocks) {
		now.block = b;
		blockIdx = dim3(unsigned(b % grid.x), unsigned(b / grid.x % grid.y), unsigned(b / grid.x / grid.y));
		put_in_order(now.order);
		run_block(ended);
		release_arrays();
	}
	end_grid(ended);
}

} // namespace emu
