/* print-ids MODEL TEXTS: for bpe.py. TEXTS is a JSON list of strings. For each string it prints one
 * line of JSON: [ids, ids without the tokens before and behind, text of the first ids, the same
 * text without special tokens]. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/die.h"
#include "model/tokenizer/tokenizer.h"

static json_t *ids_of(const struct token_ids *ids)
{
	json_t *list = json_array();
	for (int i = 0; i < ids->n; i++)
		json_array_append_new(list, json_integer(ids->id[i]));
	return list;
}

static json_t *text_of(const struct tokenizer *t, const struct token_ids *ids, bool skip)
{
	size_t bytes;
	char *text = tokenizer_decode(t, ids->id, ids->n, skip, &bytes);
	json_t *v = json_stringn(text, bytes);
	if (!v)
		die("decoding gave no UTF-8");
	free(text);
	return v;
}

int main(int argc, char **argv)
{
	prog_name = "print-ids";
	if (argc != 3)
		die_usage("usage: print-ids MODEL TEXTS");
	struct tokenizer *t = tokenizer_open(argv[1]);
	json_t *texts = json_load_file(argv[2], JSON_ALLOW_NUL, NULL), *v;
	size_t i;
	if (!json_is_array(texts))
		die("'%s': expected a JSON list of texts", argv[2]);
	json_array_foreach (texts, i, v) {
		struct token_ids framed = {0}, bare = {0};
		const char *s = json_string_value(v);
		size_t bytes = json_string_length(v);
		if (!tokenizer_encode(t, s, bytes, true, &framed) ||
		    !tokenizer_encode(t, s, bytes, false, &bare))
			die("text %zu is no UTF-8", i);
		json_t *line = json_array();
		json_array_append_new(line, ids_of(&framed));
		json_array_append_new(line, ids_of(&bare));
		json_array_append_new(line, text_of(t, &framed, false));
		json_array_append_new(line, text_of(t, &framed, true));
		json_dumpf(line, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(line);
		token_ids_release(&framed);
		token_ids_release(&bare);
	}
	json_decref(texts);
	tokenizer_close(t);
	return 0;
}
