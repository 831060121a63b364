/* added.c: see added.h.
 *
 * T5Tokenizer keeps two dictionaries, id to token and text to id. It fills them in this order:
 * - the sentinels;
 * - the tokens of the files, which replace other tokens with the same id;
 * - the special tokens that the settings name. One that is neither there nor a piece of
 *   spiece.model gets the next free id.
 *
 * Here both dictionaries are JSON objects. */
#include "model/tokenizer/added.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/jsonx.h"

enum { MOST_SENTINELS = 65536, MOST_ID = 999999999 };

struct build {
	const struct tokenizer_files *f;
	const struct spm *spm;
	json_t *token_of;  /* "id" -> token */
	json_t *id_of;     /* text -> id */
	json_t *from_file; /* text -> token, for the tokens of the files */
	json_t *seen;      /* text -> true, for the special tokens of earlier keys */
	json_t *named;     /* list of the named special tokens: strings and tokens */
	int pieces;
};

static const char *text_of(const json_t *token)
{
	return json_string_value(json_is_string(token) ? token : json_object_get(token, "content"));
}

static void check_text(const char *path, const char *text)
{
	size_t n = strlen(text);
	if (n == 0 || n > ADDED_MOST_BYTES)
		die("'%s': an added token of %zu bytes ('%.20s'): expected 1 to %d", path, n, text,
		    ADDED_MOST_BYTES);
}

static json_t *token_new(const char *text, bool strips, bool special)
{
	return json_pack("{s:s, s:b, s:b, s:b, s:b}", "content", text, "lstrip", strips, "rstrip",
			 strips, "single_word", 0, "special", special);
}

/* Reads a token in the form of the files, {content, lstrip, …}. */
static json_t *token_read(const char *path, const json_t *v, bool special)
{
	const char *text = jsonx_string(v, path, "content");
	check_text(path, text);
	jsonx_bool_or(v, path, "normalized", false);
	return json_pack("{s:s, s:b, s:b, s:b, s:b}", "content", text, "lstrip",
			 jsonx_bool_or(v, path, "lstrip", false), "rstrip",
			 jsonx_bool_or(v, path, "rstrip", false), "single_word",
			 jsonx_bool_or(v, path, "single_word", false), "special",
			 special || jsonx_bool_or(v, path, "special", false));
}

/* ------------------------------------------------------------ the two dictionaries */

static json_t *token_at(const struct build *b, long id)
{
	char key[24];
	snprintf(key, sizeof key, "%ld", id);
	return json_object_get(b->token_of, key);
}

static long id_of(const struct build *b, const char *text)
{
	const json_t *id = json_object_get(b->id_of, text);
	return id ? (long)json_integer_value(id) : -1;
}

static void put(struct build *b, long id, json_t *token)
{
	char key[24];
	const json_t *old = token_at(b, id);
	if (old && strcmp(text_of(old), text_of(token)) != 0)
		json_object_del(b->id_of, text_of(old));
	snprintf(key, sizeof key, "%ld", id);
	json_object_set_new(b->id_of, text_of(token), json_integer(id));
	json_object_set_new(b->token_of, key, token);
}

/* Enters a token of a file. Files may repeat each other's tokens, but not contradict them. */
static void put_from_file(struct build *b, const char *path, long id, json_t *token)
{
	const char *text = text_of(token);
	const json_t *same_text = json_object_get(b->from_file, text), *same_id = token_at(b, id);
	if (same_text && id_of(b, text) != id)
		die("'%s': the token '%s' has the id %ld, but also %ld: one text can have one id",
		    path, text, id, id_of(b, text));
	if (same_id && json_object_get(b->from_file, text_of(same_id)) &&
	    strcmp(text_of(same_id), text) != 0)
		die("'%s': the id %ld is of the token '%s', but also of '%s'", path, id, text,
		    text_of(same_id));
	json_object_set(b->from_file, text, token);
	put(b, id, token);
}

/* ------------------------------------------------------------ the sentinels */

/* Appends a file's list of tokens to `all`. The keys of `have` are the strings so far; with `once`
 * they are not appended again. */
static void append_tokens(json_t *all, json_t *have, bool once, const char *path, const char *key,
			  const json_t *list)
{
	size_t i;
	json_t *v;
	if (!json_is_array(list))
		die("'%s' key '%s': expected a list of tokens, found another type", path, key);
	json_array_foreach (list, i, v) {
		if (!json_is_string(v)) {
			json_array_append_new(all, token_read(path, v, false));
			continue;
		}
		check_text(path, json_string_value(v));
		if (!once || !json_object_get(have, json_string_value(v)))
			json_array_append(all, v);
		json_object_set_new(have, json_string_value(v), json_true());
	}
}

/* additional_special_tokens of the settings and of special_tokens_map.json, together. NULL: neither
 * names any. */
static json_t *additional(const struct tokenizer_files *f)
{
	const char *key = f->version5 ? "extra_special_tokens" : "additional_special_tokens";
	bool config_alone = f->version5 || json_object_get(f->config, "added_tokens_decoder");
	const json_t *ours = json_object_get(f->config, key),
		     *theirs = config_alone ? NULL : json_object_get(f->map, key);
	if (f->version5 && json_is_object(ours)) /* version 4's; tokenizer.json has them */
		ours = NULL;
	if (json_is_null(theirs) || ((!ours || json_is_null(ours)) && !theirs))
		return NULL;
	json_t *all = json_array(), *have = json_object();
	if (ours && !json_is_null(ours))
		append_tokens(all, have, false, f->config_path, key, ours);
	if (theirs)
		append_tokens(all, have, true, f->map_path, key, theirs);
	json_decref(have);
	return all;
}

static int count_sentinels(const json_t *list)
{
	int n = 0;
	size_t i;
	const json_t *v;
	json_array_foreach (list, i, v)
		n += strstr(text_of(v), "<extra_id_") != NULL;
	return n;
}

static long count_extra(const struct tokenizer_files *f)
{
	double n = jsonx_number_or(f->config, f->config_path, "extra_ids", 100);
	if (!(n >= 0 && n <= MOST_SENTINELS) || n != (long)n)
		die("'%s' key 'extra_ids': expected an integer from 0 to %d, found %g",
		    f->config_path, MOST_SENTINELS, n);
	return (long)n;
}

/* The sentinels count down from the highest id: <extra_id_0> has the last one. Where
 * additional_special_tokens names other tokens but no sentinel, the sentinels get no ids here. They
 * are appended to the named tokens. */
static void put_sentinels(struct build *b, json_t **list)
{
	const char *path = b->f->config_path;
	long extra = count_extra(b->f), n = *list ? count_sentinels(*list) : extra;
	if (*list && n > 0 && extra > 0 && extra != n)
		die("'%s': extra_ids is %ld, but additional_special_tokens has %ld of "
		    "<extra_id_…>: make them equal",
		    path, extra, n);
	if (n > b->pieces + extra)
		die("'%s': %ld sentinels <extra_id_…> are more than the pieces of spiece.model",
		    path, n);
	json_t *texts = json_array();
	for (long i = 0; i < (n > 0 ? n : extra); i++) {
		char text[40];
		snprintf(text, sizeof text, "<extra_id_%ld>", i);
		if (n > 0)
			put(b, b->pieces - 1 + extra - i, token_new(text, true, true));
		if (!*list || n == 0)
			json_array_append_new(texts, json_string(text));
	}
	*list = *list ? *list : json_array();
	json_array_extend(*list, texts);
	json_decref(texts);
}

/* ------------------------------------------------------------ the files */

static void read_decoder(struct build *b)
{
	const char *path = b->f->config_path, *key;
	const json_t *list = json_object_get(b->f->config, "added_tokens_decoder");
	json_t *v;
	if (!json_is_object(list))
		die("'%s' key 'added_tokens_decoder': expected an object, found another type",
		    path);
	json_object_foreach ((json_t *)list, key, v) {
		char *end;
		long id = strtol(key, &end, 10);
		if (*key < '0' || *key > '9' || *end || strlen(key) > 9)
			die("'%s' key 'added_tokens_decoder': expected ids from 0 to 999999999, "
			    "found '%.40s'",
			    path, key);
		put_from_file(b, path, id, token_read(path, v, false));
	}
}

static const char *const special_keys[] = {"bos_token", "eos_token", "unk_token", "sep_token",
					   "pad_token", "cls_token", "mask_token"};
enum { SPECIAL_KEYS = sizeof special_keys / sizeof *special_keys };

/* The texts of the special tokens that a file names, as a set. added_tokens.json does not say which
 * are special. */
static json_t *special_texts(const struct build *b, const json_t *list)
{
	json_t *set = json_object();
	size_t i;
	const json_t *v;
	for (int k = 0; k < SPECIAL_KEYS; k++) {
		const char *text = text_of(tokenizer_files_special(b->f, special_keys[k]));
		if (text)
			json_object_set_new(set, text, json_true());
	}
	json_array_foreach (list, i, v)
		json_object_set_new(set, text_of(v), json_true());
	return set;
}

static void read_added(struct build *b, const json_t *list)
{
	const char *path = b->f->added_path, *text;
	json_t *v, *special = special_texts(b, list);
	json_object_foreach (b->f->added, text, v) {
		check_text(path, text);
		long id = jsonx_int(b->f->added, path, text, 0, MOST_ID);
		put_from_file(b, path, id,
			      token_new(text, false, json_object_get(special, text) != NULL));
	}
	json_decref(special);
}

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 128)
			return false;
	return true;
}

static bool has_blank_edge(const char *text)
{
	return strchr(" \t\r\n", text[0]) || strchr(" \t\r\n", text[strlen(text) - 1]);
}

/* transformers 5 finds such tokens by other rules than version 4: beside letters, in the normalised
 * text, before blanks are stripped. */
static void check_version5(const char *path, const json_t *v)
{
	const char *text = jsonx_string(v, path, "content");
	check_text(path, text);
	if (has_blank_edge(text))
		die("'%s': the token '%s' begins or ends with a blank, which is not read in files "
		    "of transformers 5",
		    path, text);
	if (jsonx_bool_or(v, path, "single_word", false))
		die("'%s': the token '%s' is set to single_word, which is not read in files of "
		    "transformers 5",
		    path, text);
	if (jsonx_bool_or(v, path, "normalized", false) && !is_ascii(text))
		die("'%s': the token '%s' is set to normalized, which is not read beyond ASCII in "
		    "files of transformers 5",
		    path, text);
}

static void read_fast(struct build *b)
{
	size_t i;
	const json_t *v;
	json_array_foreach (b->f->fast, i, v) {
		if (b->f->version5)
			check_version5(b->f->fast_path, v);
		long id = jsonx_int(v, b->f->fast_path, "id", 0, MOST_ID);
		put_from_file(b, b->f->fast_path, id, token_read(b->f->fast_path, v, false));
	}
}

static void read_files(struct build *b, const json_t *list)
{
	if (!b->f->version5 && json_object_get(b->f->config, "added_tokens_decoder")) {
		read_decoder(b);
		return;
	}
	if (!b->f->version5)
		read_added(b, list);
	read_fast(b);
}

/* ------------------------------------------------------------ the named special tokens */

/* Appends the token, and releases it. */
static void name_token(struct build *b, json_t *token)
{
	if (!json_object_get(b->seen, text_of(token)))
		json_array_append(b->named, token);
	json_decref(token);
}

/* eos, unk and pad become tokens even where the settings have a string or nothing. The others stay
 * strings. A token of the same text in a file replaces the one in the settings. */
static void name_special(struct build *b, const char *key, const char *fallback)
{
	const char *path = b->f->config_path;
	const json_t *v = tokenizer_files_special(b->f, key);
	if (v ? json_is_null(v) && !fallback : !fallback)
		return;
	if (v && !json_is_string(v) && !json_is_object(v))
		die("'%s': %s: expected a token's text, found another type", path, key);
	json_t *token = v && json_is_object(v) ? token_read(path, v, false)
					       : json_string(v ? json_string_value(v) : fallback);
	const char *text = text_of(token);
	check_text(path, text);
	bool describes = v && (b->f->fast || json_object_get(b->f->config, "added_tokens_decoder"));
	json_t *described = describes ? json_object_get(b->from_file, text) : NULL;
	if (described)
		name_token(b, json_incref(described));
	else if (fallback && json_is_string(token))
		name_token(b, token_new(text, false, true));
	else
		name_token(b, json_incref(token));
	json_object_set_new(b->seen, text, json_true());
	json_decref(token);
}

/* The form of version 4: {key: token}. */
static void name_extra(struct build *b)
{
	const char *path = b->f->config_path, *key;
	const json_t *extra = json_object_get(b->f->config, "extra_special_tokens");
	json_t *v;
	if (extra && !json_is_object(extra) && !json_is_null(extra))
		die("'%s' key 'extra_special_tokens': expected an object, found another type",
		    path);
	json_object_foreach ((json_t *)extra, key, v) {
		if (!json_is_string(v) && !json_is_object(v))
			die("'%s' key 'extra_special_tokens': '%.40s': expected a token, found "
			    "another type",
			    path, key);
		json_t *token = json_is_object(v) ? token_read(path, v, false) : json_incref(v);
		check_text(path, text_of(token));
		name_token(b, json_incref(token));
		json_object_set_new(b->seen, text_of(token), json_true());
		json_decref(token);
	}
}

static void name_all(struct build *b, const json_t *list)
{
	size_t i;
	json_t *v;
	name_special(b, "bos_token", NULL);
	name_special(b, "eos_token", "</s>");
	name_special(b, "unk_token", "<unk>");
	name_special(b, "sep_token", NULL);
	name_special(b, "pad_token", "<pad>");
	name_special(b, "cls_token", NULL);
	name_special(b, "mask_token", NULL);
	json_array_foreach (list, i, v)
		name_token(b, json_incref(v));
	json_array_foreach (list, i, v)
		json_object_set_new(b->seen, text_of(v), json_true());
	if (!b->f->version5)
		name_extra(b);
}

/* The id of a piece of spiece.model; -1: there is none, or an added token has taken it. */
static int piece_id(const struct build *b, const char *text)
{
	int id = spm_find(b->spm, text);
	return id >= 0 && token_at(b, id) ? -1 : id;
}

/* How many texts have an id, pieces and added tokens together. The next named token gets this
 * id. */
static long count_texts(const struct build *b)
{
	long n = b->pieces;
	const char *key;
	json_t *v;
	json_object_foreach (b->token_of, key, v)
		n -= strtol(key, NULL, 10) < b->pieces;
	json_object_foreach (b->id_of, key, v)
		n += piece_id(b, key) < 0;
	return n;
}

static void put_named(struct build *b)
{
	long next = count_texts(b);
	size_t i;
	json_t *v;
	json_array_foreach (b->named, i, v) {
		const char *text = text_of(v);
		long id = id_of(b, text);
		if (json_is_string(v) && id >= 0)
			continue;
		if (id < 0 && (id = piece_id(b, text)) < 0) {
			if (b->f->version5)
				die("'%s' names the special token '%s', which tokenizer.json has "
				    "no id for",
				    b->f->config_path, text);
			id = next++;
		}
		if (token_at(b, id) && strcmp(text_of(token_at(b, id)), text) != 0)
			die("'%s' names the special token '%s': its id %ld is that of '%s'",
			    b->f->config_path, text, id, text_of(token_at(b, id)));
		put(b, id, json_is_string(v) ? token_new(text, false, true) : json_incref(v));
		if (!json_is_string(v))
			json_object_set_new(v, "special", json_true());
	}
}

/* ------------------------------------------------------------ do the files agree? */

static void check_id(const struct build *b, const char *path, const char *text, long id)
{
	long ours = id_of(b, text);
	if (ours < 0)
		die("'%s' has the token '%s', which '%s' does not have: delete the older file",
		    path, text, b->f->config_path);
	if (ours != id)
		die("'%s': the token '%s' has the id %ld, but %ld by '%s': delete the older file",
		    path, text, id, ours, b->f->config_path);
}

static void check_files(const struct build *b)
{
	const struct tokenizer_files *f = b->f;
	const char *text;
	json_t *v;
	size_t i;
	json_object_foreach (f->added, text, v)
		check_id(b, f->added_path, text,
			 jsonx_int(f->added, f->added_path, text, 0, MOST_ID));
	json_array_foreach (f->fast, i, v)
		check_id(b, f->fast_path, jsonx_string(v, f->fast_path, "content"),
			 jsonx_int(v, f->fast_path, "id", 0, MOST_ID));
	json_array_foreach (json_object_get(f->map, "additional_special_tokens"), i, v)
		if (text_of(v) && id_of(b, text_of(v)) < 0)
			die("'%s' has the token '%s', which '%s' does not have: delete the older "
			    "file",
			    f->map_path, text_of(v), f->config_path);
}

/* ------------------------------------------------------------ the table */

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct added_token *)a)->text, ((const struct added_token *)b)->text);
}

static struct added_token token_make(const struct build *b, const json_t *v, long id)
{
	const char *text = text_of(v);
	return (struct added_token){.text = xstrdup(text),
				    .id = (int)id,
				    .lstrip = json_is_true(json_object_get(v, "lstrip")),
				    .rstrip = json_is_true(json_object_get(v, "rstrip")),
				    .single_word = json_is_true(json_object_get(v, "single_word")),
				    .special = json_is_true(json_object_get(v, "special")),
				    .named = json_object_get(b->seen, text) != NULL};
}

static void fill_table(struct added *a, const struct build *b)
{
	const char *text;
	json_t *id;
	a->token = xarray(json_object_size(b->id_of), sizeof *a->token);
	json_object_foreach (b->id_of, text, id) {
		long number = (long)json_integer_value(id);
		a->token[a->n++] = token_make(b, token_at(b, number), number);
		a->begins[(unsigned char)*text] = true;
	}
	qsort(a->token, (size_t)a->n, sizeof *a->token, by_text);
}

static const char *special_text(const struct build *b, const char *key, const char *fallback)
{
	const char *text = text_of(tokenizer_files_special(b->f, key));
	return text ? text : fallback;
}

static void release_build(struct build *b)
{
	json_decref(b->token_of);
	json_decref(b->id_of);
	json_decref(b->from_file);
	json_decref(b->seen);
	json_decref(b->named);
}

void added_init(struct added *a, const struct tokenizer_files *f, const struct spm *spm)
{
	struct build b = {.f = f,
			  .spm = spm,
			  .token_of = json_object(),
			  .id_of = json_object(),
			  .from_file = json_object(),
			  .seen = json_object(),
			  .named = json_array(),
			  .pieces = spm_vocab(spm)};
	json_t *list = additional(f);
	*a = (struct added){0};
	if (!f->version5)
		put_sentinels(&b, &list);
	read_files(&b, list);
	name_all(&b, list);
	put_named(&b);
	check_files(&b);
	fill_table(a, &b);
	a->unknown = xstrdup(special_text(&b, "unk_token", "<unk>"));
	a->eos = (int)id_of(&b, special_text(&b, "eos_token", "</s>"));
	a->pad = (int)id_of(&b, special_text(&b, "pad_token", "<pad>"));
	json_decref(list);
	release_build(&b);
}

void added_release(struct added *a)
{
	for (int i = 0; i < a->n; i++)
		free(a->token[i].text);
	free(a->token);
	free(a->unknown);
	*a = (struct added){0};
}

static int compare(const char *text, size_t bytes, const char *with)
{
	size_t n = strlen(with);
	int c = memcmp(text, with, bytes < n ? bytes : n);
	return c ? c : (bytes > n) - (bytes < n);
}

const struct added_token *added_find(const struct added *a, const char *text, size_t bytes)
{
	if (bytes == 0 || !a->begins[(unsigned char)*text])
		return NULL;
	for (int lo = 0, hi = a->n; lo < hi;) {
		int mid = (lo + hi) / 2, c = compare(text, bytes, a->token[mid].text);
		if (c == 0)
			return &a->token[mid];
		*(c < 0 ? &hi : &lo) = c < 0 ? mid : mid + 1;
	}
	return NULL;
}

const struct added_token *added_of_id(const struct added *a, int id)
{
	for (int i = 0; i < a->n; i++)
		if (a->token[i].id == id)
			return &a->token[i];
	return NULL;
}
