/* text.c: see text.h. */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

static const char TEXT_BLANKS[] = " \t\r\n\v\f";

/* Makes room for n more bytes and a zero. */
static void reserve(struct text *t, size_t n)
{
	if (t->n + n + 1 <= t->room)
		return;
	t->room = 2 * t->room + n + 1;
	t->s = xrealloc(t->s, t->room);
}

void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	/* Into the room that is there; again where it was too little. */
	va_start(ap, fmt);
	n = vsnprintf(t->s ? t->s + t->n : NULL, t->room - t->n, fmt, ap);
	va_end(ap);
	BUG_IF(n < 0);
	if (t->n + (size_t)n + 1 > t->room) {
		reserve(t, (size_t)n);
		va_start(ap, fmt);
		vsnprintf(t->s + t->n, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	t->n += (size_t)n;
}

void text_put(struct text *t, const char *s, size_t n)
{
	reserve(t, n);
	if (n > 0)
		memcpy(t->s + t->n, s, n);
	t->n += n;
	t->s[t->n] = 0;
}

const char *text_get(const struct text *t)
{
	return t->s ? t->s : "";
}

void text_release(struct text *t)
{
	free(t->s);
	*t = (struct text){0};
}

struct text_part text_trimmed(const char *s)
{
	struct text_part p = {s + strspn(s, TEXT_BLANKS), 0};
	for (size_t n = 1; p.s[n - 1]; n++)
		if (!strchr(TEXT_BLANKS, p.s[n - 1]))
			p.n = n;
	return p;
}

bool text_begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

bool text_same(const char *a, const char *b)
{
	struct text_part x = text_trimmed(a), y = text_trimmed(b);
	return x.n == y.n && memcmp(x.s, y.s, x.n) == 0;
}

/* Counts all bytes but the continuation bytes 10xxxxxx. */
long text_characters(const char *s)
{
	long n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

int text_shown(const char *s, size_t n, size_t most)
{
	if (n <= most)
		return (int)n;
	while (most > 0 && ((unsigned char)s[most] & 0xc0) == 0x80)
		most--;
	return (int)most;
}
