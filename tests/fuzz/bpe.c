/* tokenizer.json with tokenizer_config.json and a text. The input has the two files and the text in
 * this order, with a line of "---" between. What is encoded is decoded again. A Unigram model is
 * turned into a sentencepiece model. */
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "model/tokenizer/tokenizer_json.h"
#include "model/tokenizer/tokenizer_settings.h"
#include "model/tokenizer/unigram_json.h"

static const char separator[] = "\n---\n";
static const char *text;
static size_t bytes;

static void use(const struct bpe_tokenizer *t)
{
	struct token_ids ids = {0};
	struct text back = {0};

	if (utf8_valid(text, bytes) == bytes)
		bpe_tokenizer_encode(t, text, bytes, true, &ids);
	for (int i = 0; i < ids.n; i++)
		BUG_IF(ids.id[i] < 0 || ids.id[i] > VOCAB_MOST_ID);
	bpe_tokenizer_decode(t, ids.id, ids.n, false, &back);
	BUG_IF(utf8_valid(text_get(&back), back.n) != back.n);
	text_release(&back);
	token_ids_release(&ids);
}

static void load_bpe(const char *path, const json_t *file)
{
	struct tokenizer_settings s;
	struct bpe_tokenizer t;

	tokenizer_settings_open(&s, fuzz_folder());
	tokenizer_json_read(&t, path, file);
	use(&t);
	tokenizer_settings_check(&s, &t);
	tokenizer_settings_close(&s);
	bpe_tokenizer_release(&t);
}

static void load_unigram(const char *path)
{
	struct text model = {0};

	unigram_json_read(path, &model);
	text_release(&model);
}

static void load(void)
{
	char *path = xformat("%s/tokenizer.json", fuzz_folder());
	json_t *file = tokenizer_json_load(path);
	const char *model = tokenizer_json_model(file);

	if (model && strcmp(model, "Unigram") == 0)
		load_unigram(path);
	else
		load_bpe(path, file);
	json_decref(file);
	free(path);
}

/* Oniguruma keeps what it allocates when first used. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char *why;

	(void)argc, (void)argv;
	regexp_free(regexp_compile("(?i:'s)|[\\w\u200c]|\\p{N}|\\p{L}(?!\\S)", &why));
	return 0;
}

/* Writes the file; returns what follows the separator. */
static const uint8_t *put_file(const char *name, const uint8_t *from, const uint8_t *end)
{
	size_t n = strlen(separator);
	const uint8_t *at = memmem(from, (size_t)(end - from), separator, n), *stop = at ? at : end;

	fuzz_file(name, from, (size_t)(stop - from));
	return at ? at + n : end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *end = data + n;
	const uint8_t *settings = put_file("tokenizer.json", data, end),
		      *words = put_file("tokenizer_config.json", settings, end);

	text = (const char *)words;
	bytes = (size_t)(end - words);
	SURVIVE(load());
	return 0;
}
