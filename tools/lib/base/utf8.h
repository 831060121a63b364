/* utf8.h: characters of a text in UTF-8. */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at text, which has `left` bytes. At least 1, unless left is 0. */
size_t utf8_bytes(const char *text, size_t left);
/* The first position whose byte is no UTF-8 (RFC 3629); `bytes` if all are. */
size_t utf8_valid(const char *text, size_t bytes);
/* The message about a byte that is no UTF-8: "expected UTF-8, found the byte 0xe9: …"
 * (allocated). */
char *utf8_words(char byte);
/* The code point of the character at text, which is valid. */
int utf8_code(const char *text, size_t left);
/* Writes the character; returns its 1 to 4 bytes. */
size_t utf8_put(int code, char *to);

#endif
