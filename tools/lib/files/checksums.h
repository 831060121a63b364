/* checksums.h: the checksums of a WORK folder: the digest of every finished file, and the inputs
 * from which it was made.
 *
 * WORK/checksums.tsv has one line per output, appended before the output gets its final name. A
 * line holds:
 * - digest, bytes, and the name relative to WORK;
 * - "name=digest …" of the files of WORK that the process had read before, without other tasks'
 *   own files;
 * - the digest of the line itself.
 *
 * A name can have several lines, and each may be the one that fits the file: a process killed
 * between line and rename leaves the older file. Readers use the last line that fits. A damaged
 * line counts as absent. Every file that is made adds a line. checksums_compact() keeps one line
 * for each existing file.
 *
 * Where a file's bytes fit none of its lines, the reader names the file, renames it to
 * NAME.damaged, and ends. The next make then makes it again. Files without a line are accepted,
 * because HDF5's own checksums still protect them; verify-work lists them. */
#ifndef CHECKSUMS_H
#define CHECKSUMS_H

#include <stdbool.h>
#include <stdint.h>

/* From here on, records and checks with this file; NULL: neither. Recording uses out.h's hook. */
void checksums_use(const char *path);

/* Says that a path belongs to a task, for processes that make files of several tasks. path: a file,
 * or a folder with all its contents. A path may belong to several tasks. A task's file has as
 * inputs the files of the same task and the files of no task. A file of no task has all inputs. */
void checksums_own(const char *path, const char *task);
/* path_for_task(), for a path that belongs to the task (allocated). */
char *checksums_task_path(const char *template, const char *task, int ntasks, const char *what);

/* Called by out_commit(): `tmp` is complete and will be renamed to `target`. Does nothing for a
 * target outside the folder of checksums. */
void checksums_record(const char *tmp, const char *target);

/* Call it before reading an input: die() if the input is damaged. Does nothing for a file outside
 * the folder of checksums. */
void checksums_check(const char *path);

/* A file in the folder of checksums that another machine may have just made. checksums_expect()
 * waits until it is there, for as long as checksums_wait() says, and then die()s (visible.h).
 * Without such a time, or outside the folder, it does nothing. checksums_check() begins with it. */
void checksums_wait(int seconds);
void checksums_expect(const char *path);

/* Keeps one line for each existing file: the last that fits it. Lines of missing files and damaged
 * lines are dropped. Call it before checksums_use(), with the folder locked, so that no other
 * process appends. The file is replaced whole, or not at all. */
void checksums_compact(const char *path);

/* The lines, for verify-work. */
struct checksums_line {
	uint64_t digest, size;
	char *name, *inputs;
};

struct checksums {
	struct checksums_line *line;
	int n, bad; /* lines that are whole, and damaged lines */
};

void checksums_load(struct checksums *s, const char *path); /* a missing file has no lines */
void checksums_release(struct checksums *s);
/* The last line of this name that fits (digest, size). If none fits: the last line of this name,
 * with *fits false. NULL: there is no line. */
const struct checksums_line *checksums_find(const struct checksums *s, const char *name,
					    uint64_t digest, uint64_t size, bool *fits);

#endif
