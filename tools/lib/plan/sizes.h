/* sizes.h: bytes on the disk of the files that a merge makes, before anything is made. */
#ifndef SIZES_H
#define SIZES_H

#include "plan/schedule.h"

double sizes_samples(const struct plan *p, int t); /* samples/T.h5 */
/* tokens/T.h5, or of shard k (1 without shards) of task t */
double sizes_tokens(const struct plan *p, int t, int k);
/* Rows of a shard at a site, of one side, with the state where the file holds one (merge/acts.h).
 */
double sizes_rows(const struct plan *p, const struct extract_site *s, int t, int k);
double sizes_norms(void); /* norms/T/SITE.h5 */
/* Whether Gram files of a site have C (merge/gramfile.h): for full weights, or where a change
 * undoes the drift. */
bool sizes_stores_C(const struct plan *p, struct site at);
/* Grams of a task, and of one of its shards. sides: as for cost_grams(). */
double sizes_grams(const struct plan *p, const struct extract_site *s, int t);
double sizes_shard_grams(const struct plan *p, const struct extract_site *s, int t, int sides);
double sizes_most_grams(const struct plan *p, const struct extract_site *s); /* of any task */
/* The modules of a site. past: earlier iterations in the file's history (merge/history.h). */
double sizes_solution(const struct plan *p, const struct extract_site *s, int past);
double sizes_adapter(const struct plan *p);
double sizes_model(const struct plan *p); /* the full model, in float32 */
/* A task's evaluation and its predictions, each about as large as the texts that it reads. */
double sizes_evaluation(const struct plan *p, const char *task);
double sizes_released(void); /* a released file */

/* Rank of a module's merged change, after a cut. */
int sizes_rank(const struct plan *p, struct module q);
/* Full weights as in the solution files, once. 0: the method has factors. */
double sizes_full_weights(const struct plan *p);

#endif
