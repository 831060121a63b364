/* fuzz.h: what the fuzzing programs share. die() comes back to the program instead of ending it
 * (survive.c takes die.c's place). */
#ifndef FUZZ_H
#define FUZZ_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

extern jmp_buf fuzz_back;
/* Everything that was allocated since fuzz_begin() and is still there at the end is freed, the
 * libraries' memory included; for libraries that keep memory from call to call (HDF5) set to 0:
 * then only what came from xmalloc() and its like. */
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
/* The input as a file of that name in the folder; its path, valid until the next call. */
const char *fuzz_file(const char *name, const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#endif
