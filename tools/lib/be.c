/* be.c: the choice of the backend. */
#include "be.h"

#include <string.h>

#include "die.h"

extern const struct backend be_cpu;

const struct backend *be = &be_cpu;

void be_select(const char *name)
{
	if (!strcmp(name, "cpu"))
		be = &be_cpu;
	else if (!strcmp(name, "cuda"))
		die("backend 'cuda': this build has the CPU backend only");
	else
		die_usage("unknown backend '%s': expected cpu or cuda", name);
}
