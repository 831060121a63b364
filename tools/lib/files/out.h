/* out.h: files that appear under their final name complete, or not at all.
 *
 * An output is written to a unique temporary name beside the target (".NAME.tmp-PID-N"), then
 * synced, renamed, and its folder synced. Temporary files that were begun and not committed are
 * removed at exit and on INT, TERM and HUP. */
#ifndef OUT_H
#define OUT_H

/* Starts an output: makes the target's missing parent folders, and returns the temporary path
 * (owned by the module, valid until commit). The temporary file is created empty, exclusively. */
const char *out_begin(const char *target);

/* The caller has closed the file it wrote at the temporary path: fsync, rename, fsync of the
 * folder. */
void out_commit(const char *target);

/* `hook` is called with every finished file before its rename: `tmp` is about to become `target`.
 * NULL, as at first: nothing is called. */
void out_on_commit(void (*hook)(const char *tmp, const char *target));

/* Without fsync: for an output that is as good empty, which is what a power cut may leave of it. */
void out_replace(const char *target);

/* A finished file or folder gets another name in the same folder tree: rename, fsync of the new
 * name's folder. */
void out_move(const char *from, const char *to);

/* Removes the temporary file of a target, if begun. */
void out_abort(const char *target);

/* A whole text file in one call. */
void out_write_text(const char *target, const char *text);
/* What such a file holds (allocated); NULL: it is not there. */
char *out_read_text(const char *path);
/* The same as out_write_text(), but leaves the file (and its time) untouched if its text is already
 * this. Returns 1 if it was written. */
int out_update_text(const char *target, const char *text);

/* mkdir -p of a folder, or of the folder that a file is to lie in. */
void make_folder(const char *path);
void make_parent_folder(const char *path);

#endif
