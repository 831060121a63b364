/* merged.h: the merged model as far as it has come: the solution files of a run's sites.
 *
 * A file is opened when it is first asked for, and then stays open. An open HDF5 file takes 0.6 MB,
 * so of many files only the last MERGED_OPEN ones that were asked for are open. */
#ifndef MERGED_H
#define MERGED_H

#include "forward/ranks.h"
#include "forward/solution.h"
#include "model/site.h"

enum { MERGED_OPEN = 8 };

struct merged;

/* folder: of the files SITE.h5. sites: the text of option --sites, all sites of the run, each with
 * a file there. A name that is no site of the model is a usage error. Opens no file yet. The model
 * outlives this. */
struct merged *merged_open(const struct geometry *m, const char *folder, const char *sites);
void merged_close(struct merged *g); /* NULL is fine */

/* Closes the files that are open; one that is asked for again is opened again. */
void merged_rest(struct merged *g);

int merged_count(const struct merged *g);
struct site merged_site(const struct merged *g, int i);
/* The solution of site i, valid until the next call. */
struct solution *merged_solution(struct merged *g, int i);
/* The same of a site; NULL: it is none of the run's. */
struct solution *merged_find(struct merged *g, struct site s);
/* The ranks of all sites; each file is opened for the first call only. */
const struct ranks *merged_ranks(struct merged *g);

#endif
