/* textfile.h: a text file, byte after byte, in bounded memory.
 *
 * Every failure is die(), naming the file. A file over max_bytes is refused before it is read; so
 * is what is no text at all (looks.h), and a zero byte. A byte order mark of UTF-8 is passed over.
 */
#ifndef TEXTFILE_H
#define TEXTFILE_H

#include <stddef.h>

struct textfile;

/* `expected`: what the file should be, for messages: "CSV". */
struct textfile *textfile_open(const char *path, size_t max_bytes, const char *expected);
int textfile_next(struct textfile *t);       /* the next byte, or EOF */
int textfile_line(const struct textfile *t); /* from 1, of the byte that came last */
const char *textfile_path(const struct textfile *t);
void textfile_close(struct textfile *t); /* NULL is fine */

#endif
