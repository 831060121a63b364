/* tokenizer.model: a sentencepiece model file as Llama 2's tokenizer. Its pieces are joined and
 * encoded again. */
#include <string.h>

#include "base/die.h"
#include "fuzz.h"
#include "model/tokenizer/piece_file.h"
#include "model/tokenizer/tokenizer_model.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	return 0;
}

static void join(const char *path, struct text *text)
{
	struct piece_file f;

	piece_file_read(&f, path);
	for (int i = 0; i < f.n && i < 64; i++)
		text_add(text, "%s ", f.piece[i].text);
	piece_file_release(&f);
}

static void load(const char *path)
{
	struct tokenizer_settings s;
	struct bpe_tokenizer t;
	struct token_ids ids = {0};
	struct text text = {0};

	join(path, &text);
	tokenizer_settings_open(&s, fuzz_folder());
	tokenizer_model_read(&t, path, &s);
	bpe_tokenizer_encode(&t, text_get(&text), text.n, true, &ids);
	for (int i = 0; i < ids.n; i++)
		BUG_IF(ids.id[i] < 0 || ids.id[i] >= bpe_tokenizer_end(&t));
	text_release(&text);
	token_ids_release(&ids);
	bpe_tokenizer_release(&t);
	tokenizer_settings_close(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char path[4096];

	strcpy(path, fuzz_file("tokenizer.model", data, n));
	SURVIVE(load(path));
	return 0;
}
