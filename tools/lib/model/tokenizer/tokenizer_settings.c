/* tokenizer_settings.c: see tokenizer_settings.h. */
#include "model/tokenizer/tokenizer_settings.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/opts.h"
#include "files/jsonx.h"
#include "model/tokenizer/tokenizer_json.h"

enum { MOST_BYTES = 4 << 20 }; /* the largest published files have 200 KB */

/* Classes that use a tokenizer.json as it is. */
static const char *const class_names[] = {
	"PreTrainedTokenizerFast", "TokenizersBackend", "PreTrainedTokenizer", "GPT2Tokenizer",
	"GPT2TokenizerFast",       "LlamaTokenizer",    "LlamaTokenizerFast",  "Qwen2Tokenizer",
	"Qwen2TokenizerFast",      "GemmaTokenizer",    "GemmaTokenizerFast",
};

static void check_class(const struct tokenizer_settings *s)
{
	size_t n = sizeof class_names / sizeof *class_names, i = 0;
	while (s->class_name && i < n && strcmp(s->class_name, class_names[i]) != 0)
		i++;
	if (i == n)
		die("'%s': tokenizer_class '%.60s' is not known; known are those of "
		    "Llama, Qwen2, Gemma and GPT2, and PreTrainedTokenizerFast",
		    s->config_path, s->class_name);
}

static void need_false(const struct tokenizer_settings *s, const char *key)
{
	if (jsonx_bool_or(s->config, s->config_path, key, false))
		die("'%s': %s is true, which is not followed: remove the key", s->config_path, key);
}

void tokenizer_settings_open(struct tokenizer_settings *s, const char *dir)
{
	*s = (struct tokenizer_settings){
		.config_path = xformat("%s/tokenizer_config.json", dir),
		.map_path = xformat("%s/special_tokens_map.json", dir),
		.added_path = xformat("%s/added_tokens.json", dir),
	};
	s->config = jsonx_optional_object(s->config_path, MOST_BYTES, jsonx_load_reals);
	s->map = jsonx_optional_object(s->map_path, MOST_BYTES, jsonx_load);
	s->added = jsonx_optional_object(s->added_path, MOST_BYTES, jsonx_load);
	s->class_name = jsonx_string_or(s->config, s->config_path, "tokenizer_class", NULL);
	check_class(s);
	need_false(s, "do_lower_case");
	need_false(s, "split_special_tokens");
}

void tokenizer_settings_close(struct tokenizer_settings *s)
{
	json_decref(s->config);
	json_decref(s->map);
	json_decref(s->added);
	free(s->config_path);
	free(s->map_path);
	free(s->added_path);
	*s = (struct tokenizer_settings){0};
}

bool tokenizer_settings_llama(const struct tokenizer_settings *s)
{
	return s->class_name && (strcmp(s->class_name, "LlamaTokenizer") == 0 ||
				 strcmp(s->class_name, "LlamaTokenizerFast") == 0);
}

/* ------------------------------------------------------------ named tokens */

/* The text of a token: a string, or an object with `content`. */
static const char *text_of(const json_t *v)
{
	return json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
}

const char *tokenizer_settings_named(const struct tokenizer_settings *s, const char *key)
{
	const char *ours = text_of(json_object_get(s->config, key));
	const char *theirs = text_of(json_object_get(s->map, key));
	if (ours && theirs && strcmp(ours, theirs) != 0)
		die("'%s': %s is '%.60s', but '%.60s' in tokenizer_config.json: make them equal",
		    s->map_path, key, theirs, ours);
	return ours ? ours : theirs;
}

static void check_token(const char *path, const char *key, const char *text,
			const struct bpe_tokenizer *t)
{
	if (text && !token_set_find(&t->added, text))
		die("'%s': %s names '%.60s', which is no added token of '%s': add it "
		    "there, or remove the name",
		    path, key, text, t->path);
}

static void check_list(const char *path, const json_t *o, const char *key,
		       const struct bpe_tokenizer *t)
{
	size_t i;
	json_t *v;
	json_array_foreach (json_object_get(o, key), i, v)
		check_token(path, key, text_of(v), t);
}

static void check_named(const struct tokenizer_settings *s, const struct bpe_tokenizer *t)
{
	static const char *const key[] = {"bos_token", "eos_token", "unk_token", "sep_token",
					  "pad_token", "cls_token", "mask_token"};
	for (size_t i = 0; i < sizeof key / sizeof *key; i++)
		check_token(s->config_path, key[i], tokenizer_settings_named(s, key[i]), t);
	check_list(s->config_path, s->config, "additional_special_tokens", t);
	check_list(s->config_path, s->config, "extra_special_tokens", t);
	check_list(s->map_path, s->map, "additional_special_tokens", t);
}

/* ------------------------------------------------------------ added tokens */

static bool same_flags(const struct set_token *a, const struct set_token *b)
{
	return a->lstrip == b->lstrip && a->rstrip == b->rstrip &&
	       a->single_word == b->single_word && a->normalized == b->normalized &&
	       a->special == b->special;
}

static void check_id(const char *path, const char *text, long id, const struct bpe_tokenizer *t)
{
	const struct set_token *token = token_set_find(&t->added, text);
	if (!token)
		die("'%s' has the token '%.60s', which is no added token of '%s': "
		    "delete the older file or entry",
		    path, text, t->path);
	if (token->id != id)
		die("'%s': the token '%.60s' has the id %ld, but %d in '%s': delete "
		    "the older file or entry",
		    path, text, id, token->id, t->path);
}

static void check_decoder(const struct tokenizer_settings *s, const struct bpe_tokenizer *t)
{
	const char *key;
	json_t *v;
	json_object_foreach (json_object_get(s->config, "added_tokens_decoder"), key, v) {
		struct jsonpart p = {s->config_path, "added_tokens_decoder", v};
		struct set_token token = tokenizer_json_token(p);
		long id;
		if (!text_to_long(key, &id))
			die("'%s' added_tokens_decoder: expected ids as keys, found '%.40s'",
			    s->config_path, key);
		check_id(s->config_path, token.text, id, t);
		if (!same_flags(&token, token_set_find(&t->added, token.text)))
			die("'%s' added_tokens_decoder: '%.60s' has other flags than in "
			    "'%s': make them equal",
			    s->config_path, token.text, t->path);
	}
}

static void check_added(const struct tokenizer_settings *s, const struct bpe_tokenizer *t)
{
	const char *text;
	json_t *v;
	check_decoder(s, t);
	json_object_foreach (s->added, text, v)
		check_id(s->added_path, text, jsonx_int(s->added, s->added_path, text, 0, INT_MAX),
			 t);
}

/* ------------------------------------------------------------ before and behind a text */

/* `found` must be the one token that `key` names, or none. */
static void check_frame(const struct tokenizer_settings *s, const struct bpe_tokenizer *t,
			const char *switch_key, bool dflt, const char *key,
			const struct token_ids *found)
{
	const json_t *v = json_object_get(s->config, switch_key);
	bool known = (v && !json_is_null(v)) || tokenizer_settings_llama(s);
	bool wanted = jsonx_bool_or(s->config, s->config_path, switch_key, dflt);
	const char *name = tokenizer_settings_named(s, key);
	int id = name ? bpe_tokenizer_find(t, name) : -1;
	bool is_so = wanted ? found->n == 1 && found->id[0] == id : found->n == 0;
	if (known && !is_so)
		die("'%s': %s is %s%s, but the post_processor of '%s' puts %d "
		    "token%s there: make them equal",
		    s->config_path, switch_key, wanted ? "true" : "false", v ? "" : " by default",
		    t->path, found->n, found->n == 1 ? "" : "s");
}

/* transformers 4 uses add_prefix_space where the pre-tokenizer is a single ByteLevel. */
static void check_prefix(const struct tokenizer_settings *s, const struct bpe_tokenizer *t)
{
	const json_t *v = json_object_get(s->config, "add_prefix_space");
	bool prefix =
		normaliser_prepends(&t->normaliser) || pretokenizer_prepends(&t->pretokenizer);
	if (v && !json_is_null(v) &&
	    jsonx_bool_or(s->config, s->config_path, "add_prefix_space", true) != prefix)
		die("'%s': add_prefix_space is %s, but '%s' puts %s blank before a "
		    "text: make them equal",
		    s->config_path, prefix ? "false" : "true", t->path, prefix ? "a" : "no");
}

void tokenizer_settings_check(const struct tokenizer_settings *s, const struct bpe_tokenizer *t)
{
	check_added(s, t);
	check_named(s, t);
	check_frame(s, t, "add_bos_token", true, "bos_token", &t->post.before);
	check_frame(s, t, "add_eos_token", false, "eos_token", &t->post.behind);
	check_prefix(s, t);
}
