/* manifest.h: the files that a plan has a use for, and the stamps that each goes by: read from the
 * rules of WORK/plan.mk and, of method jacobi, those of its iterations. For verify-work: what the
 * plan has no use for, no make would make anew. */
#ifndef MANIFEST_H
#define MANIFEST_H

/* Calls fn for each: name (in WORK), which need not be there, and its stamps (names in WORK, a
 * blank after each). A name that ends with '/' stands for all files in that folder: what is
 * complete once its configuration is there. Nothing is called where there is no plan. */
void manifest_each(const char *work, void (*fn)(void *arg, const char *name, const char *stamps),
		   void *arg);

#endif
