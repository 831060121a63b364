/* text.h: a string that grows. Zero-initialised is empty. */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>

struct text {
	char *s;
	size_t n, room;
};

void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for n bytes, zero bytes among them. */
void text_put(struct text *t, const char *s, size_t n);
const char *text_get(const struct text *t); /* "" when empty */
void text_release(struct text *t);

/* How many of the n bytes of s (UTF-8) a message shows: at most `most`, cut between characters. */
int text_shown(const char *s, size_t n, size_t most);

#endif
