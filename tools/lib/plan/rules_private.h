/* rules_private.h: what the sources of rules share.
 * - rules.c: a pass, an iteration, what must be done;
 * - rules_rows.c: samples, rows, tokens;
 * - rules_solutions.c: Grams, solutions, and which files are released;
 * - rules_results.c: the adapter or model, and the evaluation.
 *
 * The variables in recipes are those of pipeline/stages.mk. */
#ifndef RULES_PRIVATE_H
#define RULES_PRIVATE_H

#include "base/shard.h"
#include "plan/rules.h"
#include "plan/schedule.h"

/* State while the rules are added. */
struct book {
	const struct plan *p;
	const struct strlist *tasks;
	int shards;           /* of each task; 1: none */
	struct strlist names; /* of tasks, or of all their shards (base/shard.h) */
	const char *mark;     /* "", or "/{shard}": behind {task} in the paths of shards' files */
	struct graph *g;
	const struct changes *changed;
	struct schedule s;
	int iteration;       /* 0: none */
	bool two_sided;      /* rows of the merged model are used */
	char *pass, *before; /* folder of this pass, and of the pass whose solutions its merged side
				uses */
	char *merged_tokens; /* folder of the decoder's tokens on the merged side */
};

/* rules.c */
const char *book_task(const struct book *b, int t);
/* Rules of which the files are each a shard's, or (without shards) a task's: number i has this
 * name, task and shard. */
const char *book_name(const struct book *b, int i);
int book_task_of(const struct book *b, int i);
int book_shard_of(const struct book *b, int i); /* from 1 */
/* Whether item i of n begins one of `processes` groups. */
bool book_begins_group(int i, int n, int processes);
void book_needs_solutions(const struct book *b, struct rule *r, const char *folder);
/* The Gram file of a task, or of {task}, at an extract site (allocated); and of a shard. */
char *book_grams(const struct book *b, const char *task, const struct extract_site *s);
char *book_shard_grams(const struct book *b, const char *name, const struct extract_site *s);
void book_needs_adapters(const struct book *b, struct rule *r);

/* rules_rows.c */
void book_add_samples(struct book *b);
void book_add_own_rows(struct book *b, const struct extract_site *s);
void book_add_own_tokens(struct book *b);
void book_add_merged_rows(struct book *b, const struct extract_site *s);
void book_add_merged_tokens(struct book *b);

/* rules_solutions.c */
void book_add_grams(struct book *b, const struct extract_site *s);
void book_add_fit(struct book *b, int i);
void book_add_combination(struct book *b, const struct extract_site *s);
void book_release_rest(const struct book *b, struct rule *r);
void book_release_handed(const struct book *b, struct rule *r);

/* rules_results.c */
void book_add_statistics(struct book *b);
struct rule *book_add_result(struct book *b);
void book_finish_result(const struct book *b, struct rule *r);
void book_add_saved_model(struct book *b);
void book_add_cards(struct book *b);
void book_add_table(struct book *b);

#endif
