/* case.h: shared by the tests of readers of folders: small text files, and the real case
 * (EMOTION_DIR, optional). Include it after cmocka.h and cmocka's own headers. */
#ifndef CASE_H
#define CASE_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static inline void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static char case_folder[PATH_MAX]; /* absolute; empty: not set */

/* Call it before the test moves to another folder. */
static inline void case_find(void)
{
	const char *dir = getenv("EMOTION_DIR");
	if (dir && !realpath(dir, case_folder))
		*case_folder = 0;
}

/* The folder. Without it the test is skipped, and says so. */
static inline const char *case_need(void)
{
	if (!*case_folder) {
		print_message("skipped: EMOTION_DIR is not set\n");
		skip();
	}
	return case_folder;
}

#endif
