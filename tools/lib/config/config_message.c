/* config_message.c: errors in settings: where the value is, what is expected, what was found. */
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

/* Makes a text from outside safe for a message: short, and without control characters for a
 * terminal. */
struct shown config_shown(const char *s)
{
	struct shown r;
	size_t n = strlen(s), max = sizeof(r.text) - 1, keep = n <= max ? n : max - 3;

	while (keep < n && keep > 0 && ((unsigned char)s[keep] & 0xc0) == 0x80)
		keep--; /* removes a cut UTF-8 character */
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
	const char *words[CONFIG_KEYS], *near;
	char small[64];

	for (int i = 0; i < CONFIG_KEYS; i++)
		words[i] = config_keys[i].name;
	config_fold(small, sizeof(small), name, tolower);
	near = nearest_word(small, words, CONFIG_KEYS);
	if (near)
		config_fail(w, "unknown key '%s'; did you mean '%s'?", config_shown(name).text,
			    near);
	config_fail(w, "unknown key '%s'", config_shown(name).text);
}

/* A key as the command line writes it. */
static int capital(int letter)
{
	return letter == '-' ? '_' : toupper(letter);
}

_Noreturn void config_fail_typed(const char *name, const struct config_word *words)
{
	struct config_word known[CONFIG_KEYS + CONFIG_MAX_WORDS];
	const char *typed[CONFIG_KEYS + CONFIG_MAX_WORDS], *near;
	char keys[CONFIG_KEYS][64], capitals[64];
	int n = 0;

	for (; n < CONFIG_KEYS; n++) {
		config_fold(keys[n], sizeof(keys[n]), config_keys[n].name, capital);
		known[n] = (struct config_word){keys[n], keys[n]};
	}
	for (; words && words->typed; words++)
		known[n++] = *words;
	BUG_IF(n > CONFIG_KEYS + CONFIG_MAX_WORDS);
	for (int i = 0; i < n; i++)
		typed[i] = known[i].typed;
	config_fold(capitals, sizeof(capitals), name, capital);
	near = nearest_word(capitals, typed, n);
	for (int i = 0; near && i < n; i++)
		if (strcmp(known[i].typed, near) == 0)
			config_fail((struct where){NULL, 0}, "unknown key '%s'; did you mean '%s'?",
				    config_shown(name).text, known[i].meant);
	config_fail((struct where){NULL, 0},
		    "unknown key '%s'; make help or merge-lora help lists the keys",
		    config_shown(name).text);
}
