/* append.h: lines that processes of several machines append to one file. */
#ifndef APPEND_H
#define APPEND_H

/* Appends the line, which ends with '\n', in a single write. A line that a crash has cut is ended
 * first. die() where it fails.
 *
 * On a network file system O_APPEND is not enough: the machine computes the end of the file itself
 * (open(2)). So the file is locked meanwhile, by fcntl(), which network file systems know. One that
 * has no locks can hold no WORK: tools/with-lock.c refuses it. */
void append_line(const char *path, const char *line);

#endif
