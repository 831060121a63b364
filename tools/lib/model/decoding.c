/* decoding.c: see decoding.h. */
#include "model/decoding.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"
#include "files/exists.h"
#include "files/jsonx.h"

/* Keys that make generate() choose other tokens than greedy ones, each with the JSON values that
 * change nothing. null always changes nothing. do_sample and num_beams stand for the keys that only
 * tune sampling or beams. */
static const struct {
	const char *key, *neutral;
} NOT_FOLLOWED[] = {
	{"num_beams", "1"},
	{"do_sample", "false"},
	{"min_length", "0"},
	{"min_new_tokens", "0"},
	{"forced_bos_token_id", "null"},
	{"forced_eos_token_id", "null"},
	{"forced_decoder_ids", "null"},
	{"repetition_penalty", "1"},
	{"encoder_repetition_penalty", "1"},
	{"no_repeat_ngram_size", "0"},
	{"encoder_no_repeat_ngram_size", "0"},
	{"bad_words_ids", "[]"},
	{"force_words_ids", "[]"},
	{"constraints", "[]"},
	{"sequence_bias", "{}"},
	{"suppress_tokens", "[]"},
	{"begin_suppress_tokens", "[]"},
	{"exponential_decay_length_penalty", "null"},
	{"guidance_scale", "1"},
	{"penalty_alpha", "0"},
	{"dola_layers", "null"},
	{"stop_strings", "null"},
	{"watermarking_config", "null"},
};

/* DIR/generation_config.json, or NULL if there is none. *path is allocated. */
static json_t *load_generation(const char *dir, char **path)
{
	*path = xformat("%s/generation_config.json", dir);
	if (!file_exists(*path))
		return NULL;
	json_t *o = jsonx_load(*path, CONFIG_MAX_BYTES);
	if (!json_is_object(o))
		die("'%s': expected a JSON object", *path);
	return o;
}

static int token_or(int V, const json_t *o, const char *path, const char *key, int dflt)
{
	return (int)jsonx_int_or(o, path, key, 0, V - 1, dflt);
}

/* eos_token_id: a token, a list of tokens, or null for none. `absent` is used where the key is not
 * there (-1: none). */
static void read_eos(struct decoding *d, int V, const json_t *o, const char *path, int absent)
{
	const json_t *v = json_object_get(o, "eos_token_id");
	size_t n = json_array_size(v);
	d->neos = 0;
	if (n > EOS_MAX)
		die("'%s' key 'eos_token_id': expected at most %d tokens, found %zu", path, EOS_MAX,
		    n);
	for (size_t i = 0; i < n; i++)
		d->eos[d->neos++] = (int)jsonx_item_int(v, path, "eos_token_id", i, 0, V - 1);
	if (json_is_array(v) || json_is_null(v))
		return;
	int one = token_or(V, o, path, "eos_token_id", absent);
	if (one >= 0)
		d->eos[d->neos++] = one;
}

/* The first of two keys that is present. */
static int start_of(int V, const json_t *o, const char *path)
{
	int start = token_or(V, o, path, "decoder_start_token_id", -1);
	return start >= 0 ? start : token_or(V, o, path, "bos_token_id", -1);
}

static void read_generation(struct decoding *d, int V, int pad, bool starts, const json_t *o,
			    const char *path)
{
	read_eos(d, V, o, path, -1);
	d->start = starts ? start_of(V, o, path) : -1;
	if (starts && d->start < 0)
		die("'%s' has neither decoder_start_token_id nor bos_token_id, so generate() "
		    "cannot start an answer; T5 starts with the pad "
		    "token: set \"decoder_start_token_id\": %d",
		    path, pad);
	d->pad = token_or(V, o, path, "pad_token_id", d->neos ? d->eos[0] : pad);
}

struct decoding decoding_read(const char *dir, const json_t *config, const char *path, int V,
			      bool starts, int eos)
{
	struct decoding d = {.pad = token_or(V, config, path, "pad_token_id", 0)};
	char *file;
	json_t *generation = load_generation(dir, &file);
	/* T5 was trained to start its output with the pad token; old configs do not say so. */
	d.start = starts ? token_or(V, config, path, "decoder_start_token_id", d.pad) : -1;
	read_eos(&d, V, config, path, eos);
	if (generation)
		read_generation(&d, V, d.pad, starts, generation, file);
	json_decref(generation);
	free(file);
	return d;
}

bool decoding_ends(const struct decoding *d, int id)
{
	for (int i = 0; i < d->neos; i++)
		if (d->eos[i] == id)
			return true;
	return false;
}

/* ---- What is not supported ---- */

static bool changes_nothing(const json_t *v, const char *neutral)
{
	json_t *same = json_loads(neutral, JSON_DECODE_ANY, NULL);
	bool equal = !v || json_is_null(v) || json_equal(v, same) ||
		     (json_is_number(v) && json_is_number(same) &&
		      json_number_value(v) == json_number_value(same)) ||
		     (json_is_array(v) && json_array_size(v) == 0);
	json_decref(same);
	return equal;
}

/* Appends "num_beams 4, …" for the keys of o that change the answers. */
static void add_not_followed(struct text *list, const json_t *o)
{
	for (size_t i = 0; i < sizeof(NOT_FOLLOWED) / sizeof(*NOT_FOLLOWED); i++) {
		const json_t *v = json_object_get(o, NOT_FOLLOWED[i].key);
		if (changes_nothing(v, NOT_FOLLOWED[i].neutral))
			continue;
		char *value =
			json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));
		text_add(list, "%s%s %.40s", list->n ? ", " : "", NOT_FOLLOWED[i].key,
			 value ? value : "");
		free(value);
	}
}

static void note_not_followed(const json_t *o, const char *path)
{
	struct text list = {0};
	add_not_followed(&list, o);
	if (list.n)
		note("'%s' asks for %s: not followed, answers here are greedy", path,
		     text_get(&list));
	text_release(&list);
}

/* transformers reads config.json where there is no generation_config.json. transformers 4 also
 * reads it beside one that was made from it. */
static bool config_counts(const json_t *generation)
{
	return !generation || json_is_true(json_object_get(generation, "_from_model_config"));
}

void decoding_note(const struct decoding *d, const char *dir)
{
	char *path = xformat("%s/config.json", dir), *file;
	json_t *generation = load_generation(dir, &file),
	       *config = jsonx_load(path, CONFIG_MAX_BYTES);
	if (generation)
		note_not_followed(generation, file);
	if (config_counts(generation))
		note_not_followed(config, path);
	if (!d->neos)
		note("'%s' names no eos_token_id, so generated answers end at their length alone, "
		     "as in generate()",
		     generation ? file : path);
	json_decref(config);
	json_decref(generation);
	free(file);
	free(path);
}
