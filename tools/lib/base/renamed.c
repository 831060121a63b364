/* renamed.c: see renamed.h. */
#include "base/renamed.h"

#include <stddef.h>
#include <string.h>

#include "base/die.h"

static const struct {
	const char *old, *now;
} words[] = {
	{.old = "sums", .now = "checksums"},
	{.old = "memory", .now = "encoder-output"},
	{.old = "lora", .now = "own"},
	{.old = "dense", .now = "full-weight"},
};

const char *renamed(const char *old)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(old, words[i].old) == 0)
			return words[i].now;
	return NULL;
}

void refuse_renamed(const char *option, const char *word)
{
	if (renamed(word))
		die_usage("%s '%s' is called '%s' now", option, word, renamed(word));
}
