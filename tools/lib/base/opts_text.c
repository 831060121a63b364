/* opts_text.c: reads strict values, and finds the known word nearest to a wrong one. */
#include "base/opts.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ------------------------------------------------------------ values */

bool text_to_bool(const char *s, bool *v)
{
	static const char *const yes[] = {"true", "yes", "1"}, *const no[] = {"false", "no", "0"};
	for (int i = 0; i < 3; i++) {
		if (!strcasecmp(s, yes[i]))
			return *v = true, true;
		if (!strcasecmp(s, no[i]))
			return *v = false, true;
	}
	return false;
}

bool text_to_long(const char *s, long *v)
{
	/* strtol skips leading blanks, which a strict number must not have. */
	const char *digits = s + (*s == '-' || *s == '+');
	if (!*digits || digits[strspn(digits, "0123456789")])
		return false;
	errno = 0;
	long x = strtol(s, NULL, 10);
	if (errno == ERANGE)
		return false;
	*v = x;
	return true;
}

bool text_to_double(const char *s, double *v)
{
	/* This alphabet excludes nan, inf, hexadecimal and blanks, which strtod accepts. */
	if (!*s || s[strspn(s, "+-.0123456789eE")])
		return false;
	char *end;
	double x = strtod(s, &end);
	if (end == s || *end || !isfinite(x))
		return false;
	*v = x;
	return true;
}

bool text_to_bytes(const char *s, size_t *v)
{
	static const char units[] = "KMGT";
	size_t n = strlen(s);
	if (!n || n > 40)
		return false;
	char last = s[n - 1];
	if (last >= 'a' && last <= 'z')
		last = (char)(last - 'a' + 'A');
	const char *unit = strchr(units, last); /* last is not 0: s is not empty */
	char number[48];
	size_t digits = unit ? n - 1 : n;
	memcpy(number, s, digits);
	number[digits] = 0;
	/* A fraction makes sense only with a unit; an exponent or a sign never does. */
	if (!digits || number[strspn(number, unit ? "0123456789." : "0123456789")])
		return false;
	int shift = unit ? 10 * (int)(unit - units + 1) : 0;
	if (!strchr(number, '.')) {
		errno = 0;
		unsigned long long x = strtoull(number, NULL, 10);
		if (errno == ERANGE || x > SIZE_MAX >> shift)
			return false;
		*v = (size_t)x << shift;
		return true;
	}
	double x;
	if (!text_to_double(number, &x) || (x = ldexp(x, shift)) >= (double)SIZE_MAX)
		return false;
	*v = (size_t)x;
	return true;
}

bool text_to_rank(const char *s, struct rank_limit *v)
{
	static const char automatic[] = "auto:";
	size_t n = sizeof(automatic) - 1;
	double share;
	long rank;
	if (strncmp(s, automatic, n) == 0) {
		if (!text_to_double(s + n, &share) || share <= 0 || share >= 1)
			return false;
		*v = (struct rank_limit){.share = share};
		return true;
	}
	if (!text_to_long(s, &rank) || rank < 0 || rank > INT_MAX)
		return false;
	*v = (struct rank_limit){.rank = (int)rank};
	return true;
}

/* ------------------------------------------------------------ names */

static int min3(int a, int b, int c)
{
	int m = a < b ? a : b;
	return m < c ? m : c;
}

/* Edit distance in which swapping two neighbours counts one (optimal string alignment). Long words
 * always count as far. */
static int edit_distance(const char *a, const char *b)
{
	enum { LONGEST = 64 };
	int n = (int)strnlen(a, LONGEST), m = (int)strnlen(b, LONGEST);
	int row[3][LONGEST + 1];
	if (n == LONGEST || m == LONGEST)
		return INT_MAX / 4;
	for (int j = 0; j <= m; j++)
		row[0][j] = j;
	for (int i = 1; i <= n; i++) {
		int *now = row[i % 3], *up = row[(i + 2) % 3], *upup = row[(i + 1) % 3];
		now[0] = i;
		for (int j = 1; j <= m; j++) {
			now[j] =
				min3(up[j] + 1, now[j - 1] + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    upup[j - 2] + 1 < now[j])
				now[j] = upup[j - 2] + 1;
		}
	}
	return row[n % 3][m];
}

const char *nearest_word(const char *s, const char *const *words, int n)
{
	const char *best = NULL;
	int least = (int)(strnlen(s, 1024) / 3) + 1;
	for (int i = 0; i < n; i++) {
		int k = edit_distance(s, words[i]);
		if (k < least) {
			least = k;
			best = words[i];
		}
	}
	return best;
}
