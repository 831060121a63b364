/* config_message.c: the errors of settings: where a value stands, what is expected, what was found. */
#include "config/config_private.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

_Noreturn void config_fail(struct where w, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (w.path)
		die("%s:%d: %s", w.path, w.line, text);
	die_usage("command line: %s", text);
}

/* A text from outside as a message may hold it: short, and nothing that a terminal would obey. */
struct shown config_shown(const char *s)
{
	struct shown r;
	size_t n = strlen(s), max = sizeof(r.text) - 1, keep = n <= max ? n : max - 3;

	while (keep < n && keep > 0 && ((unsigned char)s[keep] & 0xc0) == 0x80)
		keep--; /* no half of a UTF-8 character */
	for (size_t i = 0; i < keep; i++)
		r.text[i] = iscntrl((unsigned char)s[i]) ? '?' : s[i];
	strcpy(r.text + keep, keep < n ? "..." : "");
	return r;
}

_Noreturn void config_fail_value(struct where w, const struct config_key *k, const char *found)
{
	char *values = config_key_values(k);

	config_fail(w, "%s: expected %s, found %s", k->name, values, found);
}

_Noreturn void config_fail_unknown(struct where w, const char *name)
{
	const char *words[CONFIG_MAX_KEYS], *near;
	char small[64];

	for (int i = 0; i < config_nkeys; i++)
		words[i] = config_keys[i].name;
	config_lower(small, sizeof(small), name);
	near = nearest_word(small, words, config_nkeys);
	if (near)
		config_fail(w, "unknown key '%s'; did you mean '%s'?", config_shown(name).text, near);
	config_fail(w, "unknown key '%s'", config_shown(name).text);
}
