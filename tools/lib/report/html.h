/* html.h: texts from outside, inside a page. Nothing that such a text holds can end an element,
 * begin one, or change the direction of what stands beside it. */
#ifndef HTML_H
#define HTML_H

#include <stddef.h>

#include "base/text.h"

/* The n bytes of s as text of an element or of a quoted attribute. & < > " ' become references.
 * What cannot be seen is shown: control characters of ASCII by their pictures (U+2400 on), others,
 * line separators and marks of direction as ⟨U+202E⟩, a byte that is no UTF-8 as ⟨FF⟩. */
void html_put(struct text *page, const char *s, size_t n);
void html_text(struct text *page, const char *s); /* of a whole string */
/* The same as an isolated piece of text, cut to `most` bytes between characters, with … where
 * something was cut; of an empty one, that it is empty. */
void html_isolated(struct text *page, const char *s, size_t most);

#endif
