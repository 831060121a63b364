/* html.h: texts from outside, inside a page. Such a text cannot end an element, begin one, or
 * change the direction of the text beside it. */
#ifndef HTML_H
#define HTML_H

#include <stddef.h>

#include "base/text.h"

/* The n bytes of s as text of an element or of a quoted attribute. & < > " ' become references.
 * Invisible characters are shown: ASCII control characters by their pictures (from U+2400 on);
 * others, line separators and marks of direction as ⟨U+202E⟩; a byte that is no UTF-8 as ⟨FF⟩. */
void html_put(struct text *page, const char *s, size_t n);
void html_text(struct text *page, const char *s); /* of a whole string */
/* The same as an isolated piece of text. It is cut to `most` bytes between characters, and … marks
 * a cut. For an empty text it says that it is empty. */
void html_isolated(struct text *page, const char *s, size_t most);

#endif
