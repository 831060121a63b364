/* textfile.h: a text file, byte by byte, in bounded memory.
 *
 * Every failure is die(), naming the file. A file over max_bytes is refused before it is read. A
 * file that is no text (looks.h) and a zero byte are refused too. A byte order mark of UTF-8 is
 * skipped. */
#ifndef TEXTFILE_H
#define TEXTFILE_H

#include <stddef.h>

struct textfile;

/* `expected`: what the file should be, for messages: "CSV". */
struct textfile *textfile_open(const char *path, size_t max_bytes, const char *expected);
int textfile_next(struct textfile *t);       /* the next byte, or EOF */
int textfile_line(const struct textfile *t); /* from 1, of the last byte that was read */
const char *textfile_path(const struct textfile *t);
void textfile_close(struct textfile *t); /* NULL is fine */

#endif
