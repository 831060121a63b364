/* statistics.h: a folder with the statistics of one task (make statistics). It holds all that
 * regmean needs of the task, so that somebody without the texts can merge:
 * - statistics.json: of what they are, written last;
 * - adapter_config.json and adapter_model.safetensors: copies of the adapter;
 * - grams/SITE.h5: the Gram files of the own side (gramfile.h).
 *
 * statistics.json is an object:
 * - format "merge-lora statistics", version 1;
 * - task: its name;
 * - model, adapter: {file name: digest} of the base model's config files and weights, and of the
 *   adapter's two files;
 * - settings: {key: value} as the tools' options have them;
 * - sites: {SITE: {digest, modules: [name, …]}}, the digest of the Gram file;
 * - digest: of all other members.
 *
 * A digest (files/digest.h) shows damage and exchanged files. It is no defence against forgery. */
#ifndef STATISTICS_H
#define STATISTICS_H

#include <jansson.h>

#include "files/digest.h"
#include "model/geometry.h"

struct statistics {
	char *dir, *path; /* of statistics.json */
	json_t *json;
};

/* Opens a folder; die() where it has no statistics.json, or one of another format or version, or a
 * damaged one. */
struct statistics *statistics_open(const char *dir);
void statistics_close(struct statistics *s); /* NULL is fine */
const char *statistics_task(const struct statistics *s);

/* {file name: digest} of a base model: config.json, generation_config.json where it is there, and
 * the weights. Of an adapter folder. The caller decrefs. */
json_t *statistics_model(struct digest_cache *digests, const char *dir);
json_t *statistics_adapter(struct digest_cache *digests, const char *dir);

/* die(), naming the file, where the member "model" or "adapter" is not `files`, which `dir` has;
 * `what` says in words what it is. */
void statistics_expect_files(const struct statistics *s, const char *member, const json_t *files,
			     const char *what, const char *dir);
/* die() where a setting has another value; value: NULL where it is not given. */
void statistics_expect_setting(const struct statistics *s, const char *key, const char *value);
/* die() where a Gram file, or a file of the adapter, is missing or has other bytes. */
void statistics_check_files(const struct statistics *s, struct digest_cache *digests);
/* Whether the Gram file of a site has the module. */
bool statistics_has(const struct statistics *s, const char *site, const char *module);

/* Adds the members format, version and digest, and writes FOLDER/statistics.json. */
void statistics_write(const char *dir, json_t *o);

#endif
