/* figure.h: files of lines "name value", as peak and watch write them. */
#ifndef FIGURE_H
#define FIGURE_H

#include <stdio.h>
#include <string.h>

#include "base/die.h"

/* The value of this name; die() where there is none. */
static inline double figure(const char *path, const char *name)
{
	FILE *f = fopen(path, "r");
	double v, found = -1;
	char key[64];

	while (f && found < 0 && fscanf(f, "%63s %lf", key, &v) == 2)
		if (strcmp(key, name) == 0)
			found = v;
	if (f)
		fclose(f);
	if (found < 0)
		die("'%s': no figure '%s'", path, name);
	return found;
}

#endif
