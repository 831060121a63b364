/* bytelevel.h: GPT-2's alphabet of bytes: one printable character for each byte.
 *
 * ! … ~, U+00A1 … U+00AC and U+00AE … U+00FF stand for the bytes with the same numbers. The other
 * 68 bytes are U+0100, U+0101, …, in their order. A blank is U+0120. */
#ifndef BYTELEVEL_H
#define BYTELEVEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* GPT-2's expression, which cuts a text before its bytes become characters. */
extern const char bytelevel_pattern[];

/* Appends the characters that stand for the bytes. */
void bytelevel_put(const void *unused, const char *bytes, size_t n, struct text *to);
/* Appends the bytes that the characters stand for. A text with any other character is appended
 * unchanged. */
void bytelevel_take(const char *text, size_t n, struct text *to);

#endif
