/* replay.c: runs a fuzzing program once on each given file, and on each file of given folders, as
 * libFuzzer does with a corpus. So the corpus is a test wherever there is gcc. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static int runs;

static void run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	static uint8_t data[1 << 20];
	size_t n = f ? fread(data, 1, sizeof(data), f) : sizeof(data);
	uint8_t *exact = malloc(n + !n); /* so that a read of one byte too many is noticed */

	if (!f || n == sizeof(data) || !exact) {
		fprintf(stderr, "cannot read '%s', or it is too large\n", path);
		exit(1);
	}
	fclose(f);
	memcpy(exact, data, n);
	fprintf(stderr, "%s\n", path); /* the last name that is printed is the one that failed */
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	runs++;
}

static void run_path(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char name[4096];

	if (!d) {
		run_file(path);
		return;
	}
	while ((e = readdir(d)))
		if (*e->d_name != '.') {
			snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
			run_path(name);
		}
	closedir(d);
}

int main(int argc, char **argv)
{
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		run_path(argv[i]);
	printf("%d inputs\n", runs);
	return !runs;
}
