/* text.h: a string that grows. Zero-initialised is empty. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *s;
	size_t n, room;
};

void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for n bytes, which may include zero bytes. */
void text_put(struct text *t, const char *s, size_t n);
const char *text_get(const struct text *t); /* "" when empty */
void text_release(struct text *t);

/* A text without the blanks at its ends, as a part of `s`. */
struct text_part {
	const char *s;
	size_t n;
};
struct text_part text_trimmed(const char *s);
bool text_begins(const char *s, const char *with);
/* Whether two texts are equal apart from blanks at their ends. */
bool text_same(const char *a, const char *b);

/* Code points of a text in UTF-8. */
long text_characters(const char *s);

/* How many of the n bytes of s (UTF-8) a message shows: at most `most`, and only whole
 * characters. */
int text_shown(const char *s, size_t n, size_t most);

#endif
