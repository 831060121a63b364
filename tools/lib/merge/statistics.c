/* statistics.c: see statistics.h. */
#include "merge/statistics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/exists.h"
#include "files/jsonx.h"
#include "files/out.h"
#include "files/safetensors/st.h"

static const char FORMAT[] = "merge-lora statistics";

enum { VERSION = 1, MOST_BYTES = 64 << 20 };

/* ------------------------------------------------------------ digests */

static json_t *hex(uint64_t digest)
{
	return json_sprintf("%016" PRIx64, digest);
}

/* The digest of all members but `digest`, whatever their order. */
static json_t *digest_of(const json_t *o)
{
	json_t *rest = json_copy((json_t *)o), *digest;

	json_object_del(rest, "digest");
	char *text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS);
	if (!text)
		die("out of memory");
	digest = hex(digest_bytes(0, text, strlen(text)));
	free(text);
	json_decref(rest);
	return digest;
}

static void add_file(json_t *files, struct digest_cache *digests, const char *path)
{
	json_object_set_new(files, strrchr(path, '/') + 1, hex(digest_file(digests, path)));
}

static void add_file_of(json_t *files, struct digest_cache *digests, const char *dir,
			const char *name)
{
	char *path = xformat("%s/%s", dir, name);

	if (file_exists(path))
		add_file(files, digests, path);
	free(path);
}

json_t *statistics_model(struct digest_cache *digests, const char *dir)
{
	json_t *files = json_object();
	struct st *st = st_open(dir);

	add_file_of(files, digests, dir, "config.json");
	add_file_of(files, digests, dir, "generation_config.json");
	for (int i = 0; i < st_count(st); i++)
		add_file(files, digests, st_file(st, st_at(st, i)));
	st_close(st);
	return files;
}

json_t *statistics_adapter(struct digest_cache *digests, const char *dir)
{
	json_t *files = json_object();

	add_file_of(files, digests, dir, "adapter_config.json");
	add_file_of(files, digests, dir, "adapter_model.safetensors");
	return files;
}

/* ------------------------------------------------------------ reading */

static const json_t *need_object(const struct statistics *s, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_object(v))
		die("'%s': %s: expected an object", s->path, key);
	return v;
}

static void check_format(const struct statistics *s)
{
	const char *format = jsonx_string_or(s->json, s->path, "format", "");

	if (strcmp(format, FORMAT) != 0)
		die("'%s': format: expected '%s', found '%s'", s->path, FORMAT, format);
	long version = jsonx_int(s->json, s->path, "version", 0, INT32_MAX);
	if (version != VERSION)
		die("'%s': version: expected %d, found %ld: made by another release", s->path,
		    VERSION, version);
	json_t *digest = digest_of(s->json);
	if (!json_equal(digest, json_object_get(s->json, "digest")))
		die("'%s' is damaged: its digest is not that of its members", s->path);
	json_decref(digest);
}

/* Names of sites and files go into paths. */
static void check_members(const struct statistics *s)
{
	static const char *const members[] = {"model", "adapter", "settings", "sites"};
	const char *name;
	json_t *v;

	jsonx_string(s->json, s->path, "task");
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		json_object_foreach ((json_t *)need_object(s, s->json, members[i]), name, v)
			if (strchr(name, '/'))
				die("'%s': %s: '%s' is no plain name", s->path, members[i], name);
	json_object_foreach (json_object_get(s->json, "sites"), name, v)
		if (!json_is_string(json_object_get(v, "digest")) ||
		    !json_is_array(json_object_get(v, "modules")))
			die("'%s': sites: %s: expected digest and modules", s->path, name);
}

struct statistics *statistics_open(const char *dir)
{
	struct statistics *s = xcalloc(1, sizeof(*s));

	s->dir = xstrdup(dir);
	s->path = xformat("%s/statistics.json", dir);
	if (!file_exists(s->path))
		die("'%s' has no statistics.json: expected a folder that make statistics wrote, "
		    "WORK/statistics/TASK",
		    dir);
	s->json = jsonx_load(s->path, MOST_BYTES);
	if (!json_is_object(s->json))
		die("'%s': expected an object", s->path);
	check_format(s);
	check_members(s);
	return s;
}

void statistics_close(struct statistics *s)
{
	if (!s)
		return;
	json_decref(s->json);
	free(s->path);
	free(s->dir);
	free(s);
}

const char *statistics_task(const struct statistics *s)
{
	return json_string_value(json_object_get(s->json, "task"));
}

/* ------------------------------------------------------------ comparing */

static const char *digest_in(const json_t *files, const char *name)
{
	const char *digest = json_string_value(json_object_get(files, name));

	return digest ? digest : "no such file";
}

static void expect_file(const struct statistics *s, const char *name, const json_t *made_of,
			const json_t *files, const char *what, const char *dir)
{
	const char *expected = digest_in(made_of, name), *found = digest_in(files, name);

	if (strcmp(expected, found) != 0)
		die("statistics '%s' are of another %s than '%s': %s: expected the digest %s, "
		    "found %s",
		    s->dir, what, dir, name, expected, found);
}

void statistics_expect_files(const struct statistics *s, const char *member, const json_t *files,
			     const char *what, const char *dir)
{
	json_t *made_of = json_object_get(s->json, member), *v;
	const char *name;

	json_object_foreach (made_of, name, v)
		expect_file(s, name, made_of, files, what, dir);
	json_object_foreach ((json_t *)files, name, v)
		expect_file(s, name, made_of, files, what, dir);
}

void statistics_expect_setting(const struct statistics *s, const char *key, const char *value)
{
	const json_t *settings = json_object_get(s->json, "settings");
	const char *made = json_string_value(json_object_get(settings, key));

	if (strcmp(made ? made : "", value ? value : "") != 0)
		die("statistics '%s' were made with %s %s, but this merge has %s: both must be the "
		    "same",
		    s->dir, key, made ? made : "not given", value ? value : "none");
}

static void check_file(const char *path, struct digest_cache *digests, const char *expected,
		       const struct statistics *s)
{
	if (!file_exists(path))
		die("'%s' is missing: '%s' lists it", path, s->path);
	json_t *found = hex(digest_file(digests, path));
	if (strcmp(json_string_value(found), expected) != 0)
		die("'%s' is damaged or exchanged: expected the digest %s of statistics.json, "
		    "found %s",
		    path, expected, json_string_value(found));
	json_decref(found);
}

void statistics_check_files(const struct statistics *s, struct digest_cache *digests)
{
	const char *name;
	json_t *v;

	json_object_foreach (json_object_get(s->json, "sites"), name, v) {
		char *path = xformat("%s/grams/%s.h5", s->dir, name);

		check_file(path, digests, json_string_value(json_object_get(v, "digest")), s);
		free(path);
	}
	json_object_foreach (json_object_get(s->json, "adapter"), name, v) {
		char *path = xformat("%s/%s", s->dir, name);

		check_file(path, digests, json_is_string(v) ? json_string_value(v) : "", s);
		free(path);
	}
}

bool statistics_has(const struct statistics *s, const char *site, const char *module)
{
	const json_t *of = json_object_get(json_object_get(s->json, "sites"), site),
		     *modules = json_object_get(of, "modules");

	for (size_t i = 0; i < json_array_size(modules); i++) {
		const char *name = json_string_value(json_array_get(modules, i));

		if (name && strcmp(name, module) == 0)
			return true;
	}
	return false;
}

/* ------------------------------------------------------------ writing */

void statistics_write(const char *dir, json_t *o)
{
	char *path = xformat("%s/statistics.json", dir), *text, *line;

	json_object_set_new(o, "format", json_string(FORMAT));
	json_object_set_new(o, "version", json_integer(VERSION));
	json_object_set_new(o, "digest", digest_of(o));
	text = json_dumps(o, JSON_INDENT(1));
	if (!text)
		die("out of memory");
	line = xformat("%s\n", text);
	out_write_text(path, line);
	free(line);
	free(text);
	free(path);
}
