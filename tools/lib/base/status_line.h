/* status_line.h: one line at the bottom of a terminal that stays in its place and says how far
 * something is. */
#ifndef STATUS_LINE_H
#define STATUS_LINE_H

#include <stdbool.h>

/* Whether standard error is a terminal on which a line can be drawn again. TERM=dumb is none. */
bool status_possible(void);
/* Draws the line in place of the one before, cut at the terminal's width. `s`: one column for each
 * byte. Nothing is drawn while this process is in the background. */
void status_draw(const char *s);
/* Takes the line away, so that others may be written. */
void status_erase(void);

#endif
