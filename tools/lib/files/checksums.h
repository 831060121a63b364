/* checksums.h: the checksums of a WORK folder: every finished file's digest, and the inputs it was
 * made of.
 *
 * WORK/checksums.tsv has one line per output, appended before the output gets its final name:
 * digest, bytes, name relative to WORK, "name=digest …" of the files of WORK that the process had
 * read before (but for other tasks' own), and the digest of the line itself. Of several lines of
 * one name any may be that of the file in place (a process killed between line and rename leaves
 * the older file); readers take the last that fits. A line that is damaged counts as absent. The
 * file grows by a line with every file made; checksums_compact() keeps one line of each file that
 * is there. A reader that meets a file of WORK whose bytes fit none of its lines names it, sets it
 * aside as NAME.damaged, and ends: the next make makes it anew. Files without a line are taken as
 * they are (HDF5's own checksums still hold); verify-work names them. */
#ifndef CHECKSUMS_H
#define CHECKSUMS_H

#include <stdbool.h>
#include <stdint.h>

/* Records and checks from here on by this file; NULL: neither. Recording is out.h's hook. */
void checksums_use(const char *path);

/* A process that makes files of several tasks says which are a task's own. path: a file, or a
 * folder and all in it. A file of a task is made of what was read of its own, and of what is
 * nobody's. A file that is nobody's is made of all. A path may be of several tasks. */
void checksums_own(const char *path, const char *task);
/* path_for_task(), of what is the task's own (allocated). */
char *checksums_task_path(const char *template, const char *task, int ntasks, const char *what);

/* `tmp` is complete and about to be renamed to `target`: what out_commit() calls. Nothing is done
 * for a target outside the folder of sums. */
void checksums_record(const char *tmp, const char *target);

/* An input is about to be read: die() if it is damaged. Nothing is done for a file outside the
 * folder of sums. */
void checksums_check(const char *path);

/* Leaves one line of each file in place: the last that fits it. Lines of files that are gone, and
 * damaged lines, are dropped. The folder's lock is held, so that nobody appends meanwhile; before
 * checksums_use(). The file is replaced whole, or not at all. */
void checksums_compact(const char *path);

/* The lines, for verify-work. */
struct checksums_line {
	uint64_t digest, size;
	char *name, *inputs;
};

struct checksums {
	struct checksums_line *line;
	int n, bad; /* whole lines; damaged ones */
};

void checksums_load(struct checksums *s, const char *path); /* a missing file has no lines */
void checksums_release(struct checksums *s);
/* The last line of that name that fits (digest, size), else the last of that name, *fits telling
 * which; NULL: none. */
const struct checksums_line *checksums_find(const struct checksums *s, const char *name,
					    uint64_t digest, uint64_t size, bool *fits);

#endif
