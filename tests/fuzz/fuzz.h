/* fuzz.h: what the fuzzing programs share. die() returns to the program instead of ending it
 * (survive.c replaces die.c). */
#ifndef FUZZ_H
#define FUZZ_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

extern jmp_buf fuzz_back;
/* Not 0: everything that was allocated since fuzz_begin() and still exists at the end is freed,
 * including the libraries' memory. 0: only what came from xmalloc() and similar functions. For
 * libraries that keep memory between calls (HDF5). */
extern int fuzz_free_all;
extern void (*fuzz_cleanup)(
	void); /* called by fuzz_end() first, to close what a library has open; NULL: nothing */

void fuzz_begin(void);
void fuzz_end(void); /* frees memory, closes files that die() has left open */
#define SURVIVE(statement)              \
	do {                            \
		fuzz_begin();           \
		if (!setjmp(fuzz_back)) \
			statement;      \
		fuzz_end();             \
	} while (0)

const char *fuzz_folder(void); /* a temporary folder, removed at exit */
/* Writes the input as a file with this name in the folder. Returns its path, valid until the next
 * call. */
const char *fuzz_file(const char *name, const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#endif
