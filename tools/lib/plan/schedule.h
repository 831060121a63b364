/* schedule.h: which site goes on from which, and when a site's rows are of no further use: what
 * depends on the order of the sites alone. */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include "plan/plan.h"

enum { NO_SITE = -1 };

/* A place of the computation where rows are taken: a site of targeted modules, or the encoder's
 * output, which the decoder needs in any case. */
struct extract_site {
	struct site site;
	char name[24];
	bool solved;        /* it has targeted modules */
	bool reads_answers; /* its rows are of the decoder's tokens too */
	bool reads_encoder; /* it needs the encoder's output and the decoder's tokens */
	int from;      /* the extract_site whose file holds the state to go on from; NO_SITE: the
			  embeddings */
	int before;    /* the last solved extract_site before it, or NO_SITE */
	int last_user; /* the solved extract_site after which nothing needs its rows */
};

struct schedule {
	int n;
	int stacks;                        /* the family's */
	struct extract_site *extract_site; /* in the order of the computation */
};

struct schedule schedule_make(const struct plan *p);
void schedule_release(struct schedule *s);

#endif
