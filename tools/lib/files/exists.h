/* exists.h: whether a file or folder exists; links are followed. */
#ifndef EXISTS_H
#define EXISTS_H

#include <stdbool.h>

bool file_exists(const char *path);
/* The same for DIR/NAME. */
bool file_is_in(const char *dir, const char *name);

#endif
