/* The JSON files of a tokenizer, and a text: tokenizer_config.json, special_tokens_map.json,
 * added_tokens.json, tokenizer.json and the text, in this order, with a line of "---" between. A
 * file with no text is left out. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/die.h"
#include "fuzz.h"
#include "model/tokenizer/added.h"
#include "model/tokenizer/split.h"

static const char separator[] = "\n---\n";
static struct spm *spm;

/* The demo's model, which LLVMFuzzerTestOneInput() leaves open. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	spm = spm_open("data/demo/model/spiece.model", true, NULL);
	return spm ? 0 : (abort(), 1);
}

/* Writes the file, or removes it; returns what follows the separator. */
static const uint8_t *put_file(const char *name, const uint8_t *from, const uint8_t *end)
{
	size_t n = strlen(separator);
	const uint8_t *at = memmem(from, (size_t)(end - from), separator, n), *stop = at ? at : end;
	const char *path = fuzz_file(name, from, (size_t)(stop - from));

	if (stop == from)
		unlink(path);
	return at ? at + n : end;
}

/* The text, which follows the files in the input. */
static const char *text;
static size_t bytes;

static void load(void)
{
	struct tokenizer_files f;
	struct added a;

	tokenizer_files_read(&f, fuzz_folder());
	added_init(&a, &f, spm);
	if (split_needed(&a, text, bytes)) {
		struct parts p = split_text(&a, text, bytes);

		parts_release(&p);
	}
	for (int i = 0; i < a.n; i++)
		BUG_IF(added_find(&a, a.token[i].text, strlen(a.token[i].text)) != &a.token[i]);
	added_release(&a);
	tokenizer_files_release(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *end = data + n, *from = data;

	for (int i = 1; tokenizer_file_names[i]; i++)
		from = put_file(tokenizer_file_names[i], from, end);
	text = (const char *)from;
	bytes = (size_t)(end - from);
	SURVIVE(load());
	return 0;
}
