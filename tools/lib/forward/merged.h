/* merged.h: the merged model so far: the solution files of a run's sites.
 *
 * A file is opened when it is first needed, and stays open. An open HDF5 file takes 0.6 MB, so at
 * most MERGED_OPEN files stay open: those used last. */
#ifndef MERGED_H
#define MERGED_H

#include "forward/ranks.h"
#include "forward/solution.h"
#include "model/site.h"

enum { MERGED_OPEN = 8 };

struct merged;

/* folder: holds the files SITE.h5. sites: the text of option --sites, all sites of the run; each
 * has a file. A name that is no site of the model is a usage error. No file is opened yet. The
 * model must outlive the result. */
struct merged *merged_open(const struct geometry *m, const char *folder, const char *sites);
void merged_close(struct merged *g); /* NULL is fine */

/* Closes the open files. A file that is needed again is opened again. */
void merged_rest(struct merged *g);

int merged_count(const struct merged *g);
struct site merged_site(const struct merged *g, int i);
/* The solution of site i, valid until the next call. */
struct solution *merged_solution(struct merged *g, int i);
/* The same by site; NULL: the site is not one of the run's. */
struct solution *merged_find(struct merged *g, struct site s);
/* The ranks of all sites. Only the first call opens the files. */
const struct ranks *merged_ranks(struct merged *g);

#endif
