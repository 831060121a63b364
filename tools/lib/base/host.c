/* host.c: see host.h. */
#include "base/host.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *host_name(void)
{
	static char name[HOST_NAME_MAX + 1];

	if (*name)
		return name;
	if (gethostname(name, sizeof(name) - 1) || !*name)
		strcpy(name, "localhost");
	for (char *s = name; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '.' && *s != '-')
			*s = '_';
	return name;
}

const char *host_job(void)
{
	static char said[128 + HOST_NAME_MAX];
	const char *job = getenv("SLURM_JOB_ID"), *step = getenv("SLURM_STEP_ID"),
		   *node = getenv("SLURMD_NODENAME");

	if (!job || !step)
		return NULL;
	snprintf(said, sizeof(said), "job %.32s.%.32s on %s", job, step, node ? node : host_name());
	return said;
}
