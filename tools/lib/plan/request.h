/* request.h: the folders that a merge was asked for with: as typed, else as the config says. What
 * is no such folder is answered with what was probably meant, before anything is opened. */
#ifndef REQUEST_H
#define REQUEST_H

#include "config/config.h"

struct request {
	const char *typed; /* MODEL=…, or NULL */
	enum config_key_number key;
	const char *word; /* "MODEL" */
};

/* The path (allocated): ~ expanded, and one plain word for make and the shell. die_usage() when
 * there is none, or both the word and its key are typed. */
char *request_path(const struct config *c, struct request r);
/* As above, for a path that has no key in the config. */
char *request_plain(const char *path, const char *word);

/* die() where a folder is another thing than its word stands for. `stands`: the folder that the
 * user stands in, NULL: this one. */
void request_check_model(const char *model, const char *stands);
void request_check_loras(const char *loras, const char *data, const struct strlist *tasks,
			 const char *stands);
void request_check_data(const char *data, const struct strlist *tasks, const char *stands);
void request_check_work(const char *work, const char *model, const char *loras, const char *data);
/* die() where a task has no FILE (train.json, test.json), which `why` needs. */
void request_check_files(const char *data, const struct strlist *tasks, const char *file,
			 const char *why);
/* One line where the user stands elsewhere (make -C) and typed paths that do not begin at the root.
 */
void request_say_stands(const char *stands, const char *const *words, const char *const *typed,
			int n);

/* Before config_check(): samples_num from the tasks' samples.json, where it was not asked for.
 * Returns what is to be said of it (allocated), or NULL. die() where they differ. */
char *request_rows(struct config *c, const char *data);

#endif
