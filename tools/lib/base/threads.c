/* threads.c: see threads.h.
 *
 * How to make libgomp wait briefly: it reads its variables when it is loaded, before main(), so that setenv() comes too late. To start the
 * program again with the variables set takes as long as loading the libraries (25 ms), and loses valgrind. But libgomp's manual says
 * (GOMP_SPINCOUNT): with more threads than available processors, a thread spins 100 times only. It counts the processors when it is
 * loaded, by the affinity mask. So the mask holds one processor while libraries are loaded: from .preinit_array, which runs before
 * any library's constructor, to this program's own constructor, which runs after all of them. OpenBLAS counts in the same way, and
 * starts no threads of its own (they would spin for a tenth of a second in every process). */
#include "base/threads.h"

#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cpus.h"

/* ------------------------------------------------------------ before main() */

/* Runs before the sanitizers are ready: nothing that they watch, and no function of the C library's that they replace. */
#ifdef __clang__
#define BARE __attribute__((disable_sanitizer_instrumentation))
#else
#define BARE __attribute__((no_sanitize("address,undefined,thread")))
#endif

enum { MASK_WORDS = 1024, BITS = 8 * sizeof(unsigned long) }; /* 65536 processors */

static unsigned long mask[MASK_WORDS]; /* the process's own, to be restored */
static long mask_bytes;                /* 0: nothing to restore */

BARE static bool begins(const char *s, const char *with)
{
	while (*with && *s == *with)
		s++, with++;
	return *with == '\0';
}

/* The user has said how threads wait, or where they run: libgomp finds its places by the mask. */
BARE static bool user_decides(char **environment)
{
	static const char *const names[] = {"GOMP_SPINCOUNT=", "OMP_WAIT_POLICY=", "OMP_PROC_BIND=", "OMP_PLACES=", "GOMP_CPU_AFFINITY="};

	for (; *environment; environment++)
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			if (begins(*environment, names[i]))
				return true;
	return false;
}

BARE static void narrow(int argc, char **argv, char **environment)
{
	static unsigned long one[MASK_WORDS];
	unsigned cpu = 0;
	long bytes;

	(void)argc, (void)argv;
	if (user_decides(environment) || syscall(SYS_getcpu, &cpu, NULL, NULL) || cpu >= MASK_WORDS * BITS)
		return;
	bytes = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	one[cpu / BITS] = 1ul << cpu % BITS;
	if (bytes > 0 && syscall(SYS_sched_setaffinity, 0, bytes, one) == 0)
		mask_bytes = bytes;
}

__attribute__((section(".preinit_array"), used)) static void (*const before_libraries)(int, char **, char **) = narrow;

__attribute__((constructor)) static void widen(void)
{
	if (mask_bytes > 0)
		syscall(SYS_sched_setaffinity, 0, mask_bytes, mask);
	omp_set_num_threads(1);
}

/* ------------------------------------------------------------ how many */

enum { WORTH_SHARING = 20000 }; /* nanoseconds: a thread that sleeps takes 5 to 50 microseconds to wake up */

static int team = 1;

/* The first number of a list such as "4,2": the count of the outermost level, and there is but one. */
static int asked_for(const char *text)
{
	long n = text ? strtol(text, NULL, 10) : 0;

	return n < 1 ? 0 : n < THREADS_MOST ? (int)n : THREADS_MOST;
}

int threads_default(void)
{
	int asked = asked_for(getenv("OMP_NUM_THREADS")), n = asked ? asked : cpus_available();

	return n < THREADS_MOST ? n : THREADS_MOST;
}

void threads_use(int n)
{
	team = n;
}

int threads_for(double nanoseconds)
{
	return nanoseconds < WORTH_SHARING ? 1 : team;
}
