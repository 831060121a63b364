/* flip-bits.c: flips one random bit of one random file under WORK, runs verify-work, and flips it
 * back; many times. Each flip must be named: the file itself, or checksums.tsv if that is the file.
 * A file is drawn first, so that small files get their share. log.tsv and lock are left out,
 * because no tool reads them.
 *
 * It also reads each damaged HDF5 file as the tools do (h5_open with checksums): the file must be
 * refused. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"
#include "base/opts.h"
#include "base/rng.h"

static const char *work, *verify;
static int count = 500;
static long seed = 1;

static const struct opt options[] = {
	{"work", 0, OPT_STRING, &work, true, 0, 0, "DIR",
	 "a WORK folder that verify-work finds whole"},
	{"verify", 0, OPT_STRING, &verify, true, 0, 0, "FILE", "the verify-work tool"},
	{"count", 0, OPT_INT, &count, false, 1, 1000000, "N", "how many bits"},
	{"seed", 0, OPT_LONG, &seed, false, 0, 0, "N", "seed of the choice"},
	{.type = OPT_END},
};

static const struct tool tool = {.name = "flip-bits",
				 .summary = "flip bits in a WORK folder and see that each is found",
				 .opts = options};

static char **file;
static int nfiles;

static void walk(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	if (!d)
		die("cannot open '%s': %s", folder, strerror(errno));
	while ((e = readdir(d))) {
		char *path = xformat("%s/%s", folder, e->d_name);
		struct stat st;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || lstat(path, &st))
			continue;
		if (S_ISDIR(st.st_mode))
			walk(path);
		else if (st.st_size > 0 && strcmp(e->d_name, "log.tsv") &&
			 strcmp(e->d_name, "lock")) {
			file = xrealloc(file, (size_t)(nfiles + 1) * sizeof(*file));
			file[nfiles++] = path;
		}
	}
	closedir(d);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Flips a bit and keeps the file's times, as a failing disk does. */
static void flip(const char *path, uint64_t bit)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned char byte;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || pread(fd, &byte, 1, (off_t)(bit / 8)) != 1)
		die("cannot read '%s': %s", path, strerror(errno));
	byte ^= (unsigned char)(1u << bit % 8);
	if (pwrite(fd, &byte, 1, (off_t)(bit / 8)) != 1 ||
	    futimens(fd, (struct timespec[]){st.st_atim, st.st_mtim}) || close(fd))
		die("cannot write '%s': %s", path, strerror(errno));
}

/* Whether verify-work fails and has a "damaged" line for `name`. */
static bool found(const char *name)
{
	char *command = xformat("'%s' -q --work '%s'", verify, work),
	     *want = xformat("damaged\t%s\t", name), line[4096];
	FILE *p = popen(command, "r");
	bool named = false;

	if (!p)
		die("cannot run %s", command);
	while (fgets(line, sizeof(line), p))
		named |= !strncmp(line, want, strlen(want));
	int status = pclose(p);
	free(command);
	free(want);
	return named && status != 0;
}

int main(int argc, char **argv)
{
	struct rng r;
	int missed = 0;

	opts_parse(&tool, argc, argv);
	rng_seed(&r, (uint64_t)seed);
	walk(work);
	qsort(file, (size_t)nfiles, sizeof(*file), compare);
	if (!nfiles)
		die("'%s' holds no files", work);
	for (int i = 0; i < count; i++) {
		const char *path = file[rng_below(&r, (uint64_t)nfiles)];
		struct stat st;

		if (stat(path, &st))
			die("cannot stat '%s': %s", path, strerror(errno));
		uint64_t bit = rng_below(&r, 8 * (uint64_t)st.st_size);
		flip(path, bit);
		bool ok = found(path + strlen(work) + 1);
		flip(path, bit);
		if (!ok) {
			printf("# not found: bit %llu of %s\n", (unsigned long long)bit, path);
			missed++;
		}
	}
	printf("%sok 1 - %d of %d flipped bits in %d files were found (seed %ld)\n",
	       missed ? "not " : "", count - missed, count, nfiles, seed);
	for (int i = 0; i < nfiles; i++)
		free(file[i]);
	free(file);
	return missed > 0;
}
