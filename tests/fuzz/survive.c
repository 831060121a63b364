/* survive.c: replaces die.c. Errors jump back into the fuzzing program, which then frees what they
 * left. BUG() still aborts, because no input may reach it. */
#include "fuzz.h"

#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/die.h"

const char *prog_name = "fuzz";
int note_quiet = 1;
jmp_buf fuzz_back;
int fuzz_free_all = 1;
void (*fuzz_cleanup)(void);

/* A function of the sanitizers; gcc does not come with the header that declares it. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
					      void (*on_free)(const volatile void *));

/* ------------------------------------------------------------ live blocks, by open addressing; a
 * removed one leaves a mark */

enum { SLOTS = 1 << 20 };
static const void *slot[SLOTS];
static const char removed_mark;
static size_t used[SLOTS], nused; /* which slots are in use or marked */
static _Thread_local bool
	recording; /* libFuzzer's own threads allocate too; their memory must not be freed here */

static size_t place(const void *p)
{
	return (size_t)(((uintptr_t)p >> 4) * 0x9e3779b97f4a7c15u >> 44);
}

static void remember(const void *p)
{
	size_t i = place(p);

	while (slot[i] && slot[i] != &removed_mark)
		i = (i + 1) % SLOTS;
	if (!slot[i]) {
		if (nused == SLOTS / 2)
			abort(); /* half a million blocks for one small input */
		used[nused++] = i;
	}
	slot[i] = p;
}

static void on_malloc(const volatile void *p, size_t size)
{
	(void)size;
	if (recording && fuzz_free_all && p)
		remember((const void *)p);
}

static void on_free(const volatile void *p)
{
	if (!recording || !p)
		return;
	for (size_t i = place((const void *)p); slot[i]; i = (i + 1) % SLOTS) {
		if (slot[i] == p) {
			slot[i] = &removed_mark;
			return;
		}
	}
}

static FILE *stream[64];
static int first_fd;

FILE *__real_fopen(const char *path, const char *mode);
int __real_fclose(FILE *f);
FILE *__wrap_fopen(const char *path, const char *mode);
int __wrap_fclose(FILE *f);

FILE *__wrap_fopen(const char *path, const char *mode)
{
	FILE *f = __real_fopen(path, mode);

	for (int i = 0; f && i < 64; i++)
		if (!stream[i]) {
			stream[i] = f;
			break;
		}
	return f;
}

int __wrap_fclose(FILE *f)
{
	for (int i = 0; i < 64; i++)
		if (stream[i] == f)
			stream[i] = NULL;
	return __real_fclose(f);
}

void fuzz_begin(void)
{
	static bool hooked;

	if (!hooked) {
		__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
		first_fd = dup(2);
		close(first_fd);
		hooked = true;
	}
	recording = true;
}

void fuzz_end(void)
{
	if (fuzz_cleanup)
		fuzz_cleanup();
	for (int i = 0; i < 64; i++)
		if (stream[i])
			__wrap_fclose(stream[i]);
	recording = false;
	for (size_t i = 0; i < nused; i++) {
		if (slot[used[i]] != &removed_mark)
			free((void *)slot[used[i]]);
		slot[used[i]] = NULL;
	}
	nused = 0;
	for (int fd = first_fd; fd < first_fd + 16; fd++)
		close(fd);
}

/* ------------------------------------------------------------ die.h */

static _Noreturn void jump(void)
{
	if (getenv("FUZZ_SAY"))
		fputc('\n', stderr);
	longjmp(fuzz_back, 1);
}

/* The message is formatted, because its arguments may be what is wrong. */
#define FORMAT(fmt)                                          \
	do {                                                 \
		char text_[4096];                            \
		va_list ap_;                                 \
		va_start(ap_, fmt);                          \
		vsnprintf(text_, sizeof(text_), (fmt), ap_); \
		va_end(ap_);                                 \
		if (getenv("FUZZ_SAY"))                      \
			fputs(text_, stderr);                \
	} while (0)

void die(const char *fmt, ...)
{
	FORMAT(fmt);
	jump();
}
void die_usage(const char *fmt, ...)
{
	FORMAT(fmt);
	jump();
}
void die_data(const char *fmt, ...)
{
	FORMAT(fmt);
	jump();
}
void warn(const char *fmt, ...)
{
	FORMAT(fmt);
}
void note(const char *fmt, ...)
{
	FORMAT(fmt);
}

void bug_at(const char *file, int line, const char *fmt, ...)
{
	fprintf(stderr, "bug at %s:%d: %s\n", file, line, fmt);
	abort();
}

static void *got(void *p)
{
	if (!p)
		jump();
	if (recording && !fuzz_free_all)
		remember(p);
	return p;
}

void *xmalloc(size_t size)
{
	return got(malloc(size ? size : 1));
}
void *xcalloc(size_t n, size_t size)
{
	return got(calloc(n ? n : 1, size ? size : 1));
}
void *xrealloc(void *p, size_t size)
{
	return got(realloc(p, size ? size : 1));
}

/* ------------------------------------------------------------ files */

static char folder[PATH_MAX];

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
	(void)st, (void)flag, (void)f;
	return remove(path);
}

static void remove_folder(void)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_folder(void)
{
	if (!*folder) {
		snprintf(folder, sizeof(folder), "%s/iteris-fuzz-XXXXXX",
			 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
		if (!mkdtemp(folder))
			abort();
		atexit(remove_folder);
	}
	return folder;
}

const char *fuzz_file(const char *name, const uint8_t *data, size_t n)
{
	static char path[PATH_MAX + 64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", fuzz_folder(), name);
	f = __real_fopen(path, "wb");
	if (!f || fwrite(data, 1, n, f) != n || __real_fclose(f))
		abort();
	return path;
}
