/* exists.c: see exists.h. */
#include "files/exists.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/die.h"

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

bool file_is_in(const char *dir, const char *name)
{
	char *path = xformat("%s/%s", dir, name);
	bool there = file_exists(path);

	free(path);
	return there;
}
