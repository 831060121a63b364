/* threads.c: see threads.h.
 *
 * libgomp reads GOMP_SPINCOUNT when it is loaded, before main(), so setenv() in main() comes too
 * late. Starting the program a second time would take as long as loading the libraries (25 ms), and
 * valgrind would not follow.
 *
 * But a function in .preinit_array runs before the libraries' constructors, and may change the
 * environment that they will see. It can replace entries, but not add any, because the array is on
 * the stack between other data. So two variables that no library reads while loading (such as PWD)
 * lend their places. This program's own constructor, which runs after all of the libraries',
 * restores them.
 *
 * The second place is for OpenBLAS. It is called from one thread at a time. The threads that it
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

/* This code runs before the sanitizers are ready. It must not use anything that they watch, nor a C
 * library function that they replace. */
#ifdef __clang__
#define BARE __attribute__((disable_sanitizer_instrumentation))
#else
#define BARE __attribute__((no_sanitize("address,undefined,thread")))
#endif

/* Long enough for the rest of a product's tile and for a thread to wake up; short beside a loop
 * that is worth sharing. */
enum { WAIT_NS = 50000 };

enum { LENT = 2 };
static struct loan {
	char text[32]; /* NAME=value, for the libraries */
	char *own;     /* the entry that it replaces; NULL: nothing is lent */
} loan[LENT] = {{.text = "GOMP_SPINCOUNT="}, {.text = "OPENBLAS_NUM_THREADS=1"}};

BARE static bool begins(const char *s, const char *with)
{
	while (*with && *s == *with)
		s++, with++;
	return *with == '\0';
}

/* The place of the first variable with one of these names; NULL: there is none. */
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

/* One turn of libgomp's loop: 20 to 50 ns on x86-64, where `pause` depends on the processor; about
 * 1 ns elsewhere. */
BARE static void poll_once(void)
{
	static volatile int word;

	(void)word;
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

/* How many turns take WAIT_NS. The fastest of several batches counts, because another program may
 * run in between. */
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

/* The user's own settings stay. */
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

/* A library may have moved the environment, so the entry is searched. */
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
}; /* nanoseconds; a sleeping thread takes 5 to 50 microseconds to wake up */

static int team = 1;

/* The first number of a list such as "4,2". It is the count of the outermost level, the only level
 * here. */
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
