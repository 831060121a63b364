/* out.h: files that appear under their final name complete, or not at all.
 *
 * An output is written under a unique temporary name beside the target (".NAME.tmp-PID-N-HOST"). It
 * is then synced and renamed, and its folder synced. Temporary files that are not committed are
 * removed at exit and on INT, TERM and HUP. */
#ifndef OUT_H
#define OUT_H

#include <stdbool.h>

/* Begins an output: creates the target's missing parent folders and an empty temporary file,
 * exclusively. Returns the temporary path, which is owned by the module and valid until commit. */
const char *out_begin(const char *target);

/* Call it after closing the file at the temporary path: fsync, rename, fsync of the folder. */
void out_commit(const char *target);

/* `hook` is called for every finished file before the rename of `tmp` to `target`. NULL, as at
 * first: no hook. */
void out_on_commit(void (*hook)(const char *tmp, const char *target));

/* Without fsync. For an output whose loss does no harm: a power cut may leave it empty. */
void out_replace(const char *target);

/* Renames a finished file or folder within the same folder tree, and syncs the folder of the new
 * name. */
void out_move(const char *from, const char *to);

/* Removes a target's temporary file, if it was begun. */
void out_abort(const char *target);

/* Copies a whole file. */
void out_copy(const char *from, const char *target);
/* Whether a file's name (without its folder) is such a temporary one, and which process of which
 * machine began it. host: a part of the name. */
struct out_writer {
	long pid;
	const char *host;
};
bool out_is_temporary(const char *name, struct out_writer *by);

/* Writes a whole text file in one call. */
void out_write_text(const char *target, const char *text);
/* Reads such a file (allocated); NULL: it does not exist. */
char *out_read_text(const char *path);
/* The same as out_write_text(), but a file that has this text already is not touched, and keeps its
 * time. Returns 1 if it was written. */
int out_update_text(const char *target, const char *text);

/* mkdir -p for a folder, or for the folder of a file. */
void make_folder(const char *path);
void make_parent_folder(const char *path);

#endif
