/* exists.h: whether there is a file or folder, a link's target looked at. */
#ifndef EXISTS_H
#define EXISTS_H

#include <stdbool.h>

bool file_exists(const char *path);
/* The same of DIR/NAME. */
bool file_is_in(const char *dir, const char *name);

#endif
