/* status_line.h: one line at the bottom of a terminal that stays in its place and shows how far
 * something is. */
#ifndef STATUS_LINE_H
#define STATUS_LINE_H

#include <stdbool.h>

/* Whether standard error is a terminal on which a line can be redrawn. TERM=dumb is none. */
bool status_possible(void);
/* Draws the line over the previous one, cut at the terminal's width. `s`: one column per byte.
 * Nothing is drawn while this process is in the background. */
void status_draw(const char *s);
/* Removes the line, so that others can be written. */
void status_erase(void);

#endif
