/* schedule.h: from which site each site starts, and when a site's rows are no longer needed. Both
 * depend only on the order of the sites. */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include "plan/plan.h"

enum { NO_SITE = -1, GIVEN_SITES = 3 };

/* A place where rows are taken: a site of targeted modules, or the encoder's output, which the
 * decoder always needs. */
struct extract_site {
	struct site site;
	char name[24];
	bool solved;        /* it has targeted modules */
	bool reads_answers; /* its rows include those of the decoder's tokens */
	bool holds_state;   /* a later site starts from its file */
	bool reads_encoder; /* it needs the encoder's output and the decoder's tokens */
	int from; /* the extract_site whose file holds the state to start from, or the rows;
		     NO_SITE: the embeddings */
	/* The extract_sites whose rows are taken, not computed again: `from` alone, where one
	 * operation leads from its rows to these; else those in `from`'s block and before this one,
	 * where x is no norm. */
	int given[GIVEN_SITES], ngiven;
	int norms_of;  /* the solved extract_site before this one, if the way from there runs its
			  linears; else NO_SITE */
	int before;    /* the last solved extract_site before this one, or NO_SITE */
	int last_user; /* the solved extract_site after which its rows are not needed */
};

struct schedule {
	int n;
	int stacks;                        /* of the family */
	struct extract_site *extract_site; /* in the order of the computation */
};

/* The extract_site whose norms_of is i; NULL: none. */
const struct extract_site *schedule_measures(const struct schedule *s, int i);
struct schedule schedule_make(const struct plan *p);
void schedule_release(struct schedule *s);

#endif
