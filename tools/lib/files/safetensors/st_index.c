/* st_index.c: opens and closes one safetensors file, or an index and its shards. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"
#include "files/checksums.h"
#include "files/exists.h"
#include "files/jsonx.h"
#include "files/safetensors/st_private.h"

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), k = strlen(tail);
	return n >= k && strcmp(s + n - k, tail) == 0;
}

static struct shard shard_open(const char *path)
{
	struct shard f = {.path = xstrdup(path)};
	struct stat sb;
	checksums_check(path);
	f.fd = open(path,
		    O_RDONLY | O_CLOEXEC |
			    O_NONBLOCK); /* does not wait for a fifo; a plain file ignores it */
	if (f.fd < 0)
		die("cannot open '%s': %s", path, strerror(errno));
	if (fstat(f.fd, &sb) != 0)
		die("cannot stat '%s': %s", path, strerror(errno));
	if (!S_ISREG(sb.st_mode))
		die("'%s': expected a safetensors file, found a folder or a device", path);
	f.size = (uint64_t)sb.st_size;
	return f;
}

static void open_single(struct st *s, const char *file)
{
	s->file = xcalloc(1, sizeof(*s->file));
	s->file[0] = shard_open(file);
	s->nfiles = 1;
	st_add_tensors(s, 0);
	if (s->n > 0)
		qsort(s->tensor, (size_t)s->n, sizeof(*s->tensor), st_by_name);
}

/* The number of the shard DIR/NAME, which is opened if it is new. */
static int shard_add(struct st *s, const char *dir, const char *index, const char *name)
{
	if (strchr(name, '/') || name[0] == '.' || !ends_with(name, ".safetensors"))
		die("'%s': weight_map: expected the plain name of a .safetensors file of the same "
		    "folder, found '%.200s'",
		    index, name);
	char *path = xformat("%s/%s", dir, name);
	for (int i = s->nfiles - 1; i >= 0; i--) {
		if (strcmp(s->file[i].path, path) == 0) {
			free(path);
			return i;
		}
	}
	s->file = xrealloc(s->file, ((size_t)s->nfiles + 1) * sizeof(*s->file));
	s->file[s->nfiles] = shard_open(path);
	free(path);
	return s->nfiles++;
}

/* Every name of the index must be in the shard that the index gives, and every tensor of the shards
 * in the index. */
static void check_index(const struct st *s, const char *index, const json_t *map, const int *shard)
{
	const char *name;
	json_t *value;
	int i = 0;
	for (int k = 1; k < s->n; k++)
		if (strcmp(s->tensor[k - 1].name, s->tensor[k].name) == 0)
			die("'%s': tensor '%s' is in two shards, '%s' and '%s'", index,
			    s->tensor[k].name, s->file[s->tensor[k - 1].file].path,
			    s->file[s->tensor[k].file].path);
	json_object_foreach ((json_t *)map, name, value) {
		const struct st_tensor *t = st_find(s, name);
		if (!t || t->file != shard[i])
			die("'%s' says that tensor '%s' is in '%s', but it is not", index, name,
			    s->file[shard[i]].path);
		i++;
	}
	for (int k = 0; k < s->n; k++)
		if (!json_object_get(map, s->tensor[k].name))
			die("'%s' does not list tensor '%s' of '%s'", index, s->tensor[k].name,
			    s->file[s->tensor[k].file].path);
}

static void open_index(struct st *s, const char *dir, const char *index)
{
	json_t *o = jsonx_load(index, HEADER_MAX), *value;
	const json_t *map = json_object_get(o, "weight_map");
	const char *name;
	int i = 0;
	if (!json_is_object(map) || json_object_size(map) == 0)
		die("'%s': weight_map: expected an object of tensor names and file names", index);
	int *shard = xarray(json_object_size(map), sizeof(*shard));
	json_object_foreach ((json_t *)map, name, value) {
		if (!json_is_string(value))
			die("'%s': weight_map: '%s': expected a file name", index, name);
		shard[i++] = shard_add(s, dir, index, json_string_value(value));
	}
	for (int f = 0; f < s->nfiles; f++)
		st_add_tensors(s, f);
	if (s->n > 0)
		qsort(s->tensor, (size_t)s->n, sizeof(*s->tensor), st_by_name);
	check_index(s, index, map, shard);
	free(shard);
	json_decref(o);
}

/* Weights in other formats, by the end of the file's name. */
static const struct {
	const char *tail, *what;
} OTHER_FORMAT[] = {
	{".gguf", "quantised weights of llama.cpp"},
	{"tf_model.h5", "TensorFlow weights"},
	{".msgpack", "Flax weights"},
	{".onnx", "an ONNX graph"},
	{"rust_model.ot", "a file of rust-bert"},
	{".npz", "NumPy arrays"},
};

static const char *other_format(const char *name)
{
	for (size_t i = 0; i < sizeof(OTHER_FORMAT) / sizeof(*OTHER_FORMAT); i++)
		if (ends_with(name, OTHER_FORMAT[i].tail))
			return OTHER_FORMAT[i].what;
	return NULL;
}

static bool is_pickle(const char *name)
{
	return ends_with(name, ".bin") || ends_with(name, ".pth") || ends_with(name, ".pt") ||
	       ends_with(name, ".ckpt");
}

/* A safetensors file is missing: says so, and why a pickle file beside it cannot be used. */
static _Noreturn void die_missing(const char *dir, const char *wanted)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char *other = NULL;
	if (!d)
		die("cannot open '%s': %s", dir, strerror(errno));
	while ((e = readdir(d))) {
		if (!other && other_format(e->d_name))
			other = xstrdup(e->d_name);
		if (is_pickle(e->d_name))
			die("'%s' has no %s, and pickle files such as its '%s' are not read, "
			    "because unpickling runs code from the file; convert it "
			    "in Python: save_pretrained(folder, safe_serialization=True)",
			    dir, wanted, e->d_name);
	}
	closedir(d);
	if (other)
		die("'%s' has no %s, and its '%s' (%s) is not read; take the model's safetensors "
		    "files, or load it in Python and save_pretrained(folder)",
		    dir, wanted, other, other_format(other));
	die("'%s' has no %s", dir, wanted);
}

static void open_folder(struct st *s, const char *dir)
{
	char *single = xformat("%s/model.safetensors", dir);
	char *index = xformat("%s/model.safetensors.index.json", dir);
	if (file_exists(single))
		open_single(s, single);
	else if (file_exists(index))
		open_index(s, dir, index);
	else
		die_missing(dir, "model.safetensors or model.safetensors.index.json");
	free(single);
	free(index);
}

/* A missing file may have a pickle file beside it. */
static _Noreturn void die_missing_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		die_missing(".", path);
	char *dir = xstrdup(path);
	dir[slash == path ? 1 : slash - path] = '\0';
	die_missing(dir, slash + 1);
}

struct st *st_open(const char *path)
{
	struct stat sb;
	struct st *s = xcalloc(1, sizeof(*s));
	s->path = xstrdup(path);
	if (stat(path, &sb) != 0) {
		if (errno == ENOENT && ends_with(path, ".safetensors"))
			die_missing_file(path);
		die("cannot open '%s': %s", path, strerror(errno));
	}
	if (S_ISDIR(sb.st_mode))
		open_folder(s, path);
	else if (is_pickle(path))
		die("'%s': pickle files are not read, because unpickling runs code from the file; "
		    "expected safetensors",
		    path);
	else
		open_single(s, path);
	return s;
}

void st_close(struct st *s)
{
	if (!s)
		return;
	for (int i = 0; i < s->n; i++)
		free((char *)s->tensor[i].name);
	for (int i = 0; i < s->nfiles; i++) {
		close(s->file[i].fd);
		free(s->file[i].path);
	}
	free(s->tensor);
	free(s->file);
	free(s->path);
	free(s);
}
