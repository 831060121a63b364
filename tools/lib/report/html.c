/* html.c: see html.h. Marks of direction are those of Unicode Standard Annex 9. */
#include "report/html.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

static bool in(uint32_t c, uint32_t first, uint32_t last)
{
	return c >= first && c <= last;
}

/* Controls beyond ASCII, characters that move other text, and code points that are no
 * characters. */
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
	for (size_t i = 0, end; i < n; i++) {
		for (end = i + utf8_valid(s + i, n - i); i < end;) {
			size_t length = utf8_bytes(s + i, n - i);

			put_character(page, s + i, length, (uint32_t)utf8_code(s + i, n - i));
			i += length;
		}
		if (i < n)
			text_add(page, "⟨%02X⟩", (unsigned)(unsigned char)s[i]);
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
