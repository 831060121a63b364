/* wanted.h: the files that a plan (WORK/plan.mk) has a use for, and the stamps that each goes by: the rules of pipeline/main.mk and what it
 * includes, without their edges between files. For verify-work: what the plan has no use for, no make would make anew. */
#ifndef WANTED_H
#define WANTED_H

/* Calls fn for each: name (in WORK), which need not be there, and its stamps (names in WORK, a blank after each). A name that ends with '/' stands for
 * all files in that folder. Nothing is called where there is no plan. */
void wanted_each(const char *work, void (*fn)(void *arg, const char *name, const char *stamps), void *arg);

#endif
