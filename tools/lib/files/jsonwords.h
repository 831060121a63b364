/* jsonwords.h: explains in our words why jansson refuses a text. */
#ifndef JSONWORDS_H
#define JSONWORDS_H

#include <jansson.h>
#include <stddef.h>

/* One phrase without file and line: what is expected, what was found, and what to do where this is
 * known. `text` (n bytes) is the text that json_loadb() refused with `e`. Allocated. */
char *json_words(const json_error_t *e, const char *text, size_t n);

#endif
