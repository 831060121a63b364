/* be.c: chooses the backend. */
#include "backend/be.h"

#include <string.h>

#include "backend/address_space.h"
#include "base/die.h"
#include "base/opts.h"

extern const struct backend be_cpu;
/* Set only where the program was linked with it (tools/cuda.mk). */
extern const struct backend be_cuda __attribute__((weak));

const struct backend *be = &be_cpu;

void be_select(const struct common_opts *how)
{
	const char *name = how->backend;

	if (!strcmp(name, "cpu"))
		be = &be_cpu;
	else if (strcmp(name, "cuda"))
		die_usage("unknown backend '%s': expected cpu or cuda", name);
	else if (!&be_cuda)
		die("backend 'cuda': this build has the CPU backend only");
	else
		be = &be_cuda;
	address_space_claim(how->threads);
	be->open(how);
}

enum be_precision be_beside(enum be_precision p)
{
	return p == BE_INT8 ? BE_F32 : p;
}

void be_need_int8(void)
{
	if (!be->int8)
		die("eval_int8: backend '%s' has no products of 8-bit integers: leave eval_int8 "
		    "out, or take the backend cpu",
		    be->name);
}
