/* html.c: see html.h. The ranges are those of The Unicode Standard, 15.0, table 3-7 (well-formed
 * UTF-8), and of Unicode Standard Annex 9 (marks of direction). */
#include "report/html.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The character at s (n bytes, at least one): its code point and length; length 0: no UTF-8. */
static size_t decode(const unsigned char *s, size_t n, uint32_t *point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = *s < 0x80   ? 1
			: *s < 0xc2 ? 0
			: *s < 0xe0 ? 2
			: *s < 0xf0 ? 3
			: *s < 0xf5 ? 4
				    : 0;

	if (length == 0 || length > n)
		return 0;
	*point = length == 1 ? *s : *s & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*point = *point << 6 | (s[i] & 0x3fu);
	}
	if (*point < least[length] || *point > 0x10ffff || (*point >= 0xd800 && *point < 0xe000))
		return 0;
	return length;
}

static bool in(uint32_t c, uint32_t first, uint32_t last)
{
	return c >= first && c <= last;
}

/* Controls beyond ASCII, what moves other text about, and what is no character at all. */
static bool is_unseen(uint32_t c)
{
	return in(c, 0x80, 0x9f) || c == 0x061c || in(c, 0x200e, 0x200f) || in(c, 0x2028, 0x202e) ||
	       in(c, 0x2060, 0x206f) || c == 0xfeff || in(c, 0xfdd0, 0xfdef) ||
	       in(c, 0xfff9, 0xfffb) || (c & 0xfffe) == 0xfffe || in(c, 0xe0000, 0xe007f);
}

static const char *reference(uint32_t c)
{
	switch (c) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	case '\'': return "&#39;";
	}
	return NULL;
}

static void put_character(struct text *page, const char *s, size_t length, uint32_t c)
{
	const char *ref = reference(c);

	if (ref)
		text_add(page, "%s", ref);
	else if (c < 0x20 || c == 0x7f) /* U+2400 … U+241F, U+2421 */
		text_add(page, "\xe2\x90%c", (int)(0x80 + (c == 0x7f ? 0x21 : c)));
	else if (is_unseen(c))
		text_add(page, "⟨U+%04X⟩", (unsigned)c);
	else
		text_put(page, s, length);
}

void html_put(struct text *page, const char *s, size_t n)
{
	for (size_t i = 0, length; i < n; i += length) {
		uint32_t c = 0;

		length = decode((const unsigned char *)s + i, n - i, &c);
		if (length > 0) {
			put_character(page, s + i, length, c);
		} else {
			text_add(page, "⟨%02X⟩", (unsigned)(unsigned char)s[i]);
			length = 1;
		}
	}
}

void html_text(struct text *page, const char *s)
{
	html_put(page, s, strlen(s));
}

void html_isolated(struct text *page, const char *s, size_t most)
{
	size_t n = strlen(s), shown = (size_t)text_shown(s, n, most);

	if (n == 0) {
		text_add(page, "<i>empty</i>");
		return;
	}
	text_add(page, "<bdi>");
	html_put(page, s, shown);
	text_add(page, "%s</bdi>", shown < n ? "…" : "");
}
