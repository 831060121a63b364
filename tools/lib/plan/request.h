/* request.h: the folders of a merge: as typed, else as in the config. Where a folder is not what it
 * should be, a message tells what was probably meant, before anything is opened. */
#ifndef REQUEST_H
#define REQUEST_H

#include "config/config.h"

struct request {
	const char *typed; /* MODEL=…, or NULL */
	enum config_key_number key;
	const char *word; /* "MODEL" */
};

/* The path (allocated): with ~ expanded; it must be one plain word for make and the shell.
 * die_usage() when there is none, or when both the word and its key are typed. */
char *request_path(const struct config *c, struct request r);
/* The same for a path that has no key in the config. */
char *request_plain(const char *path, const char *word);

/* die() where a folder is something else than its word stands for. `stands`: the folder where the
 * user is; NULL: this one. */
void request_check_model(const char *model, const char *stands);
void request_check_loras(const char *loras, const char *data, const struct strlist *tasks,
			 const char *stands);
void request_check_data(const char *data, const struct strlist *tasks, const char *stands);
void request_check_work(const char *work, const char *model, const char *loras, const char *data);
/* die() where a task has no rows called `name` (train, test); `why` says what needs them. */
void request_check_files(const char *data, const struct strlist *tasks, const char *name,
			 const char *why);
/* One line where the user is in another folder (make -C) and typed paths that do not begin at the
 * root. */
void request_say_stands(const char *stands, const char *const *words, const char *const *typed,
			int n);

/* Before config_check(): takes samples_num from the tasks' samples.json, if it was not asked for.
 * Returns a line for the user (allocated), or NULL. die() where the files differ in length. */
char *request_rows(struct config *c, const char *data);

#endif
