/* hub.c: see hub.h. In the cache, models--OWNER--NAME/refs/main contains the name of a folder in
 * models--OWNER--NAME/snapshots. */
#include "plan/hub.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/die.h"

#define HUB_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

bool hub_looks_like(const char *path)
{
	size_t owner = strspn(path, HUB_LETTERS), name;

	if (owner == 0 || path[0] == '.' || path[owner] != '/')
		return false;
	name = strspn(path + owner + 1, HUB_LETTERS);
	return name > 0 && path[owner + 1] != '.' && path[owner + 1 + name] == 0;
}

static char *cache_folder(void)
{
	static const struct {
		const char *variable, *below;
	} places[] = {
		{"HF_HUB_CACHE", ""},
		{"HUGGINGFACE_HUB_CACHE", ""},
		{"HF_HOME", "/hub"},
		{"XDG_CACHE_HOME", "/huggingface/hub"},
		{"HOME", "/.cache/huggingface/hub"},
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const char *at = getenv(places[i].variable);

		if (at && *at)
			return xformat("%s%s", at, places[i].below);
	}
	return xstrdup(".");
}

/* SNAPSHOTS/NAME if it has a config.json (allocated), else NULL. */
static char *snapshot(const char *snapshots, const char *name)
{
	char *folder = xformat("%s/%s", snapshots, name),
	     *config = xformat("%s/config.json", folder);
	struct stat st;

	if (stat(config, &st) != 0) {
		free(folder);
		folder = NULL;
	}
	free(config);
	return folder;
}

static char *main_snapshot(const char *model, const char *snapshots)
{
	char *ref = xformat("%s/refs/main", model), name[64] = "";
	FILE *f = fopen(ref, "r");

	free(ref);
	if (!f)
		return NULL;
	if (!fgets(name, sizeof(name), f))
		name[0] = 0;
	fclose(f);
	name[strspn(name, HUB_LETTERS)] = 0;
	return *name ? snapshot(snapshots, name) : NULL;
}

static char *last_snapshot(const char *snapshots)
{
	DIR *d = opendir(snapshots);
	char *last = NULL;

	for (struct dirent *e; d && (e = readdir(d));) {
		char *at = e->d_name[0] == '.' ? NULL : snapshot(snapshots, e->d_name);

		if (at && (!last || strcmp(at, last) > 0)) {
			free(last);
			last = at;
		} else {
			free(at);
		}
	}
	if (d)
		closedir(d);
	return last;
}

char *hub_cached(const char *id)
{
	const char *slash = strchr(id, '/');
	int owner = slash ? (int)(slash - id) : 0;
	char *cache = cache_folder();
	char *model = slash ? xformat("%s/models--%.*s--%s", cache, owner, id, slash + 1)
			    : xformat("%s/models--%s", cache, id);
	char *snapshots = xformat("%s/snapshots", model), *found = main_snapshot(model, snapshots);

	if (!found)
		found = last_snapshot(snapshots);
	free(snapshots);
	free(model);
	free(cache);
	return found;
}
