/* Regular expressions of adapter_config.json. The first byte gives the kind, the rest is the text.
 * Each is matched with two names. */
#include <stdlib.h>
#include <string.h>

#include "adapter/pattern.h"
#include "base/die.h"
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	return 0;
}

static void match(const struct pattern *p, enum pattern_kind kind, const char *name)
{
	if (pattern_match(p, name) == PATTERN_YES && kind >= PATTERN_LAYER &&
	    pattern_index(p, name) > 11)
		abort();
}

static void compile(const char *text, enum pattern_kind kind)
{
	const char *why = NULL;
	int at;
	struct pattern *p = pattern_compile(text, kind, &why, &at);

	if (!p == !why || at < 0 || at > (int)strlen(text) + 1)
		abort();
	if (!p)
		return;
	match(p, kind, "encoder.block.11.layer.0.SelfAttention.q");
	match(p, kind, "decoder.block.0.layer.1.EncDecAttention.v");
	pattern_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char text[4096];

	if (n < 1 || n > sizeof(text))
		return 0;
	memcpy(text, data + 1, n - 1);
	text[n - 1] = '\0';
	SURVIVE(compile(text, (enum pattern_kind)(data[0] & 3)));
	return 0;
}
