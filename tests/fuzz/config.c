/* The YAML config file; the last line, if it has '=', is an override as from the command line. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "fuzz.h"

static void load(const char *path, const char *override)
{
	static struct config c;

	memset(&c, 0, sizeof(c));
	config_load(&c, path, "EMOTION_t5_large");
	if (override)
		config_override(&c, override, NULL);
	config_check(&c);
	free(config_text(&c));
	config_release(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *path = fuzz_file("c.yaml", data, n);
	char line[256] = "";
	size_t k = 0;

	while (k < n && k < sizeof(line) - 1 && data[n - 1 - k] != '\n')
		k++;
	memcpy(line, data + n - k, k);
	SURVIVE(load(path, strchr(line, '=') ? line : NULL));
	return 0;
}
