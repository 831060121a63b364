/* shard-model.c: writes a model's one safetensors file as shards with an index, as Hugging Face
 * stores large models. Tensors keep their types and bytes. Every second tensor goes into the second
 * shard.
 *
 * DIR/model-0000K-of-00002.safetensors, K = 1 and 2, DIR/model.safetensors.index.json. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/die.h"
#include "base/opts.h"
#include "files/jsonx.h"

#define SHARDS 2

static const char *model, *output;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model, true, 0, 0, "FILE", "safetensors file"},
	{"output", 'o', OPT_STRING, &output, true, 0, 0, "DIR", "folder that is there"},
	{.type = OPT_END},
};

static const struct tool tool = {.name = "shard-model",
				 .summary = "a model's safetensors file in two shards",
				 .opts = options};

struct shard {
	json_t *header;
	char *data;
	size_t bytes;
};

static char *shard_name(int k)
{
	return xformat("model-%05d-of-%05d.safetensors", k + 1, SHARDS);
}

static void add_tensor(struct shard *s, const char *name, json_t *tensor, const char *data)
{
	json_t *offsets = json_object_get(tensor, "data_offsets");
	size_t from = (size_t)json_integer_value(json_array_get(offsets, 0)),
	       bytes = (size_t)json_integer_value(json_array_get(offsets, 1)) - from;

	memcpy(s->data + s->bytes, data + from, bytes);
	json_object_set_new(s->header, name,
			    json_pack("{s:O, s:O, s:[I,I]}", "dtype",
				      json_object_get(tensor, "dtype"), "shape",
				      json_object_get(tensor, "shape"), "data_offsets",
				      (json_int_t)s->bytes, (json_int_t)(s->bytes + bytes)));
	s->bytes += bytes;
}

static void write_shard(const struct shard *s, const char *name)
{
	char *path = xformat("%s/%s", output, name), *text = json_dumps(s->header, JSON_COMPACT);
	uint64_t n = strlen(text); /* little-endian, as the machines that run this */
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(&n, sizeof(n), 1, f) != 1 || fwrite(text, 1, n, f) != n ||
	    fwrite(s->data, 1, s->bytes, f) != s->bytes || fclose(f) != 0)
		die("cannot write '%s'", path);
	free(text);
	free(path);
}

int main(int argc, char **argv)
{
	opts_parse(&tool, argc, argv);
	size_t n;
	uint64_t header;
	char *file = jsonx_read(model, SIZE_MAX, &n),
	     *index = xformat("%s/model.safetensors.index.json", output);
	memcpy(&header, file, sizeof(header));
	const char *text = file + sizeof(header), *data = text + header;
	json_t *all = jsonx_parse(model, text, header), *where = json_object(), *tensor;
	struct shard shard[SHARDS];
	const char *key;
	int i = 0;

	for (int k = 0; k < SHARDS; k++)
		shard[k] = (struct shard){.header = json_object(), .data = xarray(n, 1)};
	json_object_foreach (all, key, tensor) {
		if (strcmp(key, "__metadata__") == 0)
			continue;
		char *name = shard_name(i % SHARDS);
		add_tensor(&shard[i++ % SHARDS], key, tensor, data);
		json_object_set_new(where, key, json_string(name));
		free(name);
	}
	for (int k = 0; k < SHARDS; k++) {
		char *name = shard_name(k);
		write_shard(&shard[k], name);
		json_decref(shard[k].header);
		free(shard[k].data);
		free(name);
	}
	json_t *whole = json_pack("{s:{s:I}, s:o}", "metadata", "total_size",
				  (json_int_t)(n - sizeof(header) - header), "weight_map", where);
	if (json_dump_file(whole, index, JSON_INDENT(1)) != 0)
		die("cannot write '%s'", index);
	json_decref(whole);
	json_decref(all);
	free(index);
	free(file);
	return 0;
}
