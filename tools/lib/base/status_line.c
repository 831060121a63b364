/* status_line.c: see status_line.h. */
#include "base/status_line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_UNKNOWN = 80, WIDTH_MOST = 500 };

/* Moves to the first column; from there, clears to the end of the line. */
#define HOME "\r"
#define CLEAR "\033[K"

static bool drawn;

static void put(const char *s)
{
	for (size_t n = strlen(s); n;) {
		ssize_t k = write(STDERR_FILENO, s, n);

		if (k < 0 && errno != EINTR)
			return; /* nobody looks */
		s += k > 0 ? k : 0;
		n -= k > 0 ? (size_t)k : 0;
	}
}

bool status_possible(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

static int width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return WIDTH_UNKNOWN;
	return size.ws_col < WIDTH_MOST ? size.ws_col : WIDTH_MOST;
}

/* The last column stays free, because some terminals then continue on the next line. */
void status_draw(const char *s)
{
	char line[WIDTH_MOST + 16];

	if (tcgetpgrp(STDERR_FILENO) != getpgrp())
		return;
	snprintf(line, sizeof(line), HOME "%.*s" CLEAR, width() - 1, s);
	put(line);
	drawn = true;
}

void status_erase(void)
{
	if (drawn)
		put(HOME CLEAR);
	drawn = false;
}
