/* tokenizer_files.c: see tokenizer_files.h. */
#include "model/tokenizer/tokenizer_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/exists.h"
#include "files/jsonx.h"

const char *const tokenizer_file_names[] = {
	"spiece.model",      "tokenizer_config.json", "special_tokens_map.json",
	"added_tokens.json", "tokenizer.json",        NULL};

/* The largest published files: 20 KB of settings, 17 MB of tokenizer.json. */
enum { MOST_SETTINGS = 4 << 20, MOST_FAST = 64 << 20 };

static json_t *read_fast(const char *path)
{
	if (!file_exists(path))
		return NULL;
	json_t *v = jsonx_load_member(path, MOST_FAST, "added_tokens");
	if (!json_is_array(v))
		die("'%s': expected a list 'added_tokens', found none", path);
	return v;
}

static void check_class(const struct tokenizer_files *f)
{
	const char *name =
		jsonx_string_or(f->config, f->config_path, "tokenizer_class", "T5Tokenizer");
	if (strcmp(name, "T5Tokenizer") != 0 && strcmp(name, "T5TokenizerFast") != 0)
		die("'%s': tokenizer_class: expected 'T5Tokenizer', found '%s': only T5's "
		    "tokenizer (spiece.model) is read",
		    f->config_path, name);
}

static void check_settings(const struct tokenizer_files *f)
{
	const char *path = f->config_path;
	const json_t *sampling = json_object_get(f->config, "sp_model_kwargs");
	if (jsonx_bool_or(f->config, path, "do_lower_case", false))
		die("'%s': do_lower_case is true, which T5's tokenizer ignores: remove the key",
		    path);
	if (sampling && !json_is_null(sampling) && json_object_size(sampling) > 0)
		die("'%s': sp_model_kwargs: expected {}, found settings of sampling: a text then "
		    "has no fixed ids",
		    path);
	if (strcmp(jsonx_string_or(f->config, path, "truncation_side", "right"), "right") != 0)
		die("'%s': truncation_side: expected 'right', found '%s': an over-long text only "
		    "loses its end here",
		    path, jsonx_string(f->config, path, "truncation_side"));
}

/* The text of a special token in the files: a string, or an object with `content`. NULL:
 * neither. */
static const char *text_of(const json_t *v)
{
	return json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
}

static const char *const special_keys[] = {"bos_token", "eos_token", "unk_token",  "sep_token",
					   "pad_token", "cls_token", "mask_token", NULL};

static void check_map(const struct tokenizer_files *f)
{
	const char *key;
	json_t *v;
	json_object_foreach (f->map, key, v) {
		bool known = strcmp(key, "additional_special_tokens") == 0;
		for (int i = 0; special_keys[i]; i++)
			known = known || strcmp(key, special_keys[i]) == 0;
		if (!known)
			die("'%s': the key '%s' names no special token of T5's tokenizer",
			    f->map_path, key);
		const char *ours = text_of(v), *theirs = text_of(json_object_get(f->config, key));
		if (ours && theirs && strcmp(ours, theirs) != 0)
			die("'%s': %s is '%s', but '%s' in tokenizer_config.json: make them equal",
			    f->map_path, key, ours, theirs);
	}
}

const json_t *tokenizer_files_special(const struct tokenizer_files *f, const char *key)
{
	bool config_alone = f->version5 || json_object_get(f->config, "added_tokens_decoder");
	const json_t *v = config_alone ? NULL : json_object_get(f->map, key);
	return v ? v : json_object_get(f->config, key);
}

void tokenizer_files_read(struct tokenizer_files *f, const char *dir)
{
	*f = (struct tokenizer_files){.config_path = xformat("%s/%s", dir, tokenizer_file_names[1]),
				      .map_path = xformat("%s/%s", dir, tokenizer_file_names[2]),
				      .added_path = xformat("%s/%s", dir, tokenizer_file_names[3]),
				      .fast_path = xformat("%s/%s", dir, tokenizer_file_names[4])};
	f->config = jsonx_optional_object(f->config_path, MOST_SETTINGS, jsonx_load_reals);
	f->map = jsonx_optional_object(f->map_path, MOST_SETTINGS, jsonx_load);
	f->added = jsonx_optional_object(f->added_path, MOST_SETTINGS, jsonx_load);
	f->fast = read_fast(f->fast_path);
	f->version5 = json_is_array(json_object_get(f->config, "extra_special_tokens")) ||
		      json_object_get(f->config, "backend") ||
		      (f->fast && !file_is_in(dir, tokenizer_file_names[0]));
	f->legacy = f->version5 || jsonx_bool_or(f->config, f->config_path, "legacy", true);
	if (f->version5 && !f->fast)
		die("'%s' was written by transformers 5, but the tokenizer.json that belongs to it "
		    "is missing: copy it, too",
		    f->config_path);
	check_class(f);
	check_settings(f);
	check_map(f);
}

void tokenizer_files_release(struct tokenizer_files *f)
{
	json_decref(f->config);
	json_decref(f->map);
	json_decref(f->added);
	json_decref(f->fast);
	free(f->config_path);
	free(f->map_path);
	free(f->added_path);
	free(f->fast_path);
	*f = (struct tokenizer_files){0};
}
