/* manifest.h: the files that a plan uses, and the stamps of each. They are read from the rules in
 * WORK/plan.mk and, with method jacobi, in the iterations' plans. For verify-work: no make would
 * remake a file that the plan does not use. */
#ifndef MANIFEST_H
#define MANIFEST_H

/* Calls fn for each file. name: relative to WORK; the file need not exist. stamps: their names in
 * WORK, each followed by a blank. A name that ends with '/' stands for all files in that folder,
 * which is complete once its configuration exists. Without a plan fn is never called. */
void manifest_each(const char *work, void (*fn)(void *arg, const char *name, const char *stamps),
		   void *arg);

#endif
