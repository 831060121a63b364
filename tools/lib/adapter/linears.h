/* linears.h: linears of a model by their names, or by the ends of their names. */
#ifndef LINEARS_H
#define LINEARS_H

#include "base/opts.h"
#include "model/geometry.h"

/* Whether the list has the module's name, or the end of it behind a dot: "q", "SelfAttention.q". */
bool linear_named(const struct strlist *names, const char *module);
/* Calls fn(module, arg) for each module of the model that the list names, by stack, block and
 * slot. */
void linears_each(const struct geometry *m, const struct strlist *names,
		  void (*fn)(struct module q, void *arg), void *arg);

#endif
