/* handed.h: statistics that are handed on (merge/statistics.h): those of a task that are made, and
 * those of several tasks that are merged in place of texts (STATISTICS). */
#ifndef HANDED_H
#define HANDED_H

#include "files/digest.h"
#include "plan/plan.h"

/* Opens the folders of a list, one for each task of the config, in the config's order (allocated).
 * die() where the tasks differ, or where the settings cannot merge statistics. */
struct statistics **handed_open(const struct config *c, const char *list);

/* After plan_open(): die() where a module of the merge is missing in a task's statistics, or where
 * TARGETS names no linear of the model. */
void handed_check_modules(const struct plan *p);
/* die() where the statistics are of another base model or adapter, were made with other settings,
 * or are damaged. */
void handed_check(const struct plan *p, struct digest_cache *digests);
/* Makes the links WORK/given/TASK to the folders. */
void handed_link(const struct plan *p);

/* The settings that a task's rows depend on, {key: value}; the caller decrefs. */
json_t *handed_settings(const struct plan *p);

/* Whether all statistics of a merge have the same value of a key. Which texts are drawn, and how
 * they are worded, is each task's own matter; their number and length are not. */
bool handed_agrees(const struct config_key *k);

/* For statistics that are made: the settings must be possible for one task alone. */
void handed_check_config(const struct config *c);

#endif
