/* threads.c: see threads.h.
 *
 * How libgomp is told to wait briefly: it reads GOMP_SPINCOUNT when it is loaded, before main(), so
 * that setenv() in main() comes too late. To start the program again takes as long as loading the
 * libraries (25 ms), and loses valgrind. But a function in .preinit_array runs before the
 * libraries' constructors, and may change the environment that these will see: not its length,
 * which lies on the stack between other things, but its entries. So two variables that no library
 * reads when it is loaded (such as PWD) lend their places. This program's own constructor, which
 * runs after all of the libraries', puts them back.
 *
 * The other place goes to OpenBLAS, which is called from one thread at a time: the threads that it
 * starts in every process would spin for a tenth of a second. Where no variable can lend its place
 * (env -i), the libraries' defaults stay. */
#include "base/threads.h"

#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cpus.h"

extern char **environ;

/* ------------------------------------------------------------ before main() */

/* Runs before the sanitizers are ready: nothing that they watch, and no function of the C library's
 * that they replace. */
#ifdef __clang__
#define BARE __attribute__((disable_sanitizer_instrumentation))
#else
#define BARE __attribute__((no_sanitize("address,undefined,thread")))
#endif

/* Long enough for what is left of a tile of a product, and for a thread to wake up; little beside a
 * loop that is worth sharing. */
enum { WAIT_NS = 50000 };

enum { LENT = 2 };
static struct loan {
	char text[32]; /* NAME=value, for the libraries */
	char *own;     /* what stood in its place; NULL: nothing is lent */
} loan[LENT] = {{.text = "GOMP_SPINCOUNT="}, {.text = "OPENBLAS_NUM_THREADS=1"}};

BARE static bool begins(const char *s, const char *with)
{
	while (*with && *s == *with)
		s++, with++;
	return *with == '\0';
}

/* The place of the first variable with such a name; NULL: there is none. */
BARE static char **find(char **environment, const char *name)
{
	for (; *environment; environment++)
		if (begins(*environment, name))
			return environment;
	return NULL;
}

BARE static long clock_ns(void)
{
	struct timespec t;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

/* One turn of libgomp's loop: 20 to 50 ns on x86-64, where `pause` depends on the processor, and
 * about one elsewhere. */
BARE static void poll_once(void)
{
	static volatile int word;

	(void)word;
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

/* So many turns take WAIT_NS: the quickest of some batches, as another program may run in between.
 */
BARE static long polls(void)
{
	enum { BATCHES = 4, BATCH = 64 };
	long least = WAIT_NS;

	for (int b = 0; b < BATCHES; b++) {
		long start = clock_ns(), took;

		for (int i = 0; i < BATCH; i++)
			poll_once();
		took = clock_ns() - start;
		least = took < least ? took : least;
	}
	return (long)WAIT_NS * BATCH / (least > 0 ? least : 1);
}

BARE static void append_number(char *s, long n)
{
	long unit = 1;

	while (*s)
		s++;
	while (n / unit >= 10)
		unit *= 10;
	for (; unit; unit /= 10)
		*s++ = (char)('0' + n / unit % 10);
	*s = '\0';
}

BARE static void lend(char **environment, struct loan *l)
{
	static const char *const lenders[] = {
		"PWD=",  "OLDPWD=",   "SHLVL=", "_=",    "MAKELEVEL=", "MAKEFLAGS=", "LOGNAME=",
		"USER=", "HOSTNAME=", "SHELL=", "TERM=", "PATH=",      "HOME="};

	for (size_t i = 0; i < sizeof(lenders) / sizeof(*lenders) && !l->own; i++) {
		char **place = find(environment, lenders[i]);

		if (place) {
			l->own = *place;
			*place = l->text;
		}
	}
}

/* What the user has set stays. */
BARE static void before_libraries(int argc, char **argv, char **environment)
{
	(void)argc, (void)argv;
	if (!find(environment, "GOMP_SPINCOUNT=") && !find(environment, "OMP_WAIT_POLICY=")) {
		append_number(loan[0].text, polls());
		lend(environment, &loan[0]);
	}
	if (!find(environment, "OPENBLAS_NUM_THREADS="))
		lend(environment, &loan[1]);
}

__attribute__((section(".preinit_array"),
	       used)) static void (*const preinit)(int, char **, char **) = before_libraries;

/* A library may have moved the environment: it is searched. */
__attribute__((constructor)) static void after_libraries(void)
{
	for (char **e = environ; e && *e; e++)
		for (int i = 0; i < LENT; i++)
			if (*e == loan[i].text)
				*e = loan[i].own;
	omp_set_num_threads(1);
}

/* ------------------------------------------------------------ how many */

enum {
	WORTH_SHARING = 20000
}; /* nanoseconds: a thread that sleeps takes 5 to 50 microseconds to wake up */

static int team = 1;

/* The first number of a list such as "4,2": the count of the outermost level, and there is but one.
 */
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
