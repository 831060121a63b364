/* shard.h: a task's samples can be cut into shards, each with files of its own.
 *
 * A shard has a name like a task's: `tec/03` is the third shard of task tec. A task's name has no
 * slash. Names of tasks and shards stand in the same lists and attributes of files, and
 * path_for_task() (strlist.h) takes both. */
#ifndef SHARD_H
#define SHARD_H

#include <stdbool.h>

#include "base/strlist.h"

enum { SHARDS_MOST = 99 }; /* numbers have two digits */

/* "tec/03" of ("tec", 3), 1 ≤ number ≤ SHARDS_MOST (allocated). */
char *shard_name(const char *task, int number);
/* "tec" of "tec/03" and of "tec" (allocated). */
char *shard_task(const char *name);
/* 3 of "tec/03"; 0: the name is a task's. */
int shard_number(const char *name);

/* Each task where shards is 1, else each task's shards, in order. */
struct strlist shard_names(const struct strlist *tasks, int shards);

/* A usage error unless the names of option --task fit --shards: tasks where it is 1, shards where
 * it is more, either where it is SHARDS_ANY. `output`: the path that is written; a shard needs
 * {shard} in it. */
enum { SHARDS_ANY = 0 };
void shard_check(const struct strlist *names, int shards, const char *output);

#endif
