/* bytelevel.h: GPT-2's alphabet of bytes: each byte has one printable character.
 *
 * ! … ~, U+00A1 … U+00AC and U+00AE … U+00FF stand for the bytes of the same number. The other 68
 * bytes are, in their order, U+0100, U+0101, …: a blank is U+0120. */
#ifndef BYTELEVEL_H
#define BYTELEVEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* The expression that cuts a text before its bytes are mapped, from GPT-2's encoder. */
extern const char bytelevel_pattern[];

/* Appends the characters of the bytes. */
void bytelevel_put(const void *unused, const char *bytes, size_t n, struct text *to);
/* Appends the bytes of the characters; a text with any other character is appended as it is. */
void bytelevel_take(const char *text, size_t n, struct text *to);

#endif
