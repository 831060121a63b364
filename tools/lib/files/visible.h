/* visible.h: files that another machine has just made. A network file system may show them late:
 * NFS keeps the names in a folder for up to a minute. Opening the folder makes it look again. */
#ifndef VISIBLE_H
#define VISIBLE_H

#include <stdbool.h>

/* Looks at the file again until it is there, for so many seconds. false: it is not. */
bool visible_within(const char *path, double seconds);

/* The same with die() in place of false. Without seconds it does nothing. */
void visible_await(const char *path, int seconds);

#endif
