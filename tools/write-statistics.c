/* write-statistics: ends the folder of a task's statistics (lib/merge/statistics.h). It copies the
 * adapter into the folder that has the Gram files, and writes statistics.json last. A folder with
 * that file is complete, and can be handed on. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/strlist.h"
#include "files/checksums.h"
#include "files/h5/h5.h"
#include "files/jsonx.h"
#include "files/out.h"
#include "files/start.h"
#include "merge/gramfile.h"
#include "merge/statistics.h"

static const char *model_dir, *task, *adapter_dir, *sites_arg, *settings_arg, *digests_file,
	*folder;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model_dir, true, 0, 0, "DIR", "base model folder"},
	{"task", 0, OPT_STRING, &task, true, 0, 0, "TASK", "the task"},
	{"adapter", 0, OPT_STRING, &adapter_dir, true, 0, 0, "DIR", "its adapter's folder"},
	{"sites", 0, OPT_STRING, &sites_arg, true, 0, 0, "SITE[,…]",
	 "all sites; DIR/grams/SITE.h5 is the Gram file of each"},
	{"settings", 0, OPT_STRING, &settings_arg, true, 0, 0, "JSON",
	 "the settings that the rows depend on: an object of texts"},
	{"digests", 0, OPT_STRING, &digests_file, false, 0, 0, "FILE",
	 "digests of large files that plan-pipeline has computed (WORK/stamps/digests)"},
	{"output", 'o', OPT_STRING, &folder, true, 0, 0, "DIR",
	 "folder of the statistics; statistics.json is written into it"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "write-statistics",
	.summary = "end the folder of a task's statistics",
	.opts = options,
	.example = "write-statistics --model model --task tec --adapter loras/tec --sites "
		   "enc00-self,enc01-self --settings '{\"max_length\": \"100\"}' "
		   "-o work/statistics/tec",
};

static void copy(const char *name)
{
	char *from = xformat("%s/%s", adapter_dir, name), *to = xformat("%s/%s", folder, name);

	out_copy(from, to);
	free(to);
	free(from);
}

static void add_module(const char *name, void *list)
{
	json_array_append_new(list, json_string(name));
}

/* The digest and the modules of a Gram file. */
static json_t *site_entry(const char *site)
{
	char *path = xformat("%s/grams/%s.h5", folder, site);
	json_t *modules = json_array();
	uint64_t size;

	checksums_check(path);
	struct h5 *f = h5_open(path, "iteris-grams", GRAMFILE_VERSION);
	h5_expect_string(f, "site", site);
	h5_expect_string(f, "task", task);
	h5_expect_int(f, "use_dcs", 0);
	h5_each(f, "/modules", add_module, modules);
	h5_close(f);
	json_t *entry = json_pack("{s:o, s:o}", "digest",
				  json_sprintf("%016" PRIx64, digest_contents(path, &size)),
				  "modules", modules);
	free(path);
	return entry;
}

static json_t *read_settings(void)
{
	json_t *o = json_loads(settings_arg, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(o))
		die_usage("--settings '%s': expected a JSON object of texts", settings_arg);
	return o;
}

int main(int argc, char **argv)
{
	tool_start(&tool, argc, argv);
	struct strlist sites = strlist_split(sites_arg, "--sites");
	struct digest_cache *digests = digest_cache_open(digests_file ? digests_file : "");
	json_t *o = json_pack("{s:s, s:o, s:o, s:o, s:{}}", "task", task, "model",
			      statistics_model(digests, model_dir), "adapter",
			      statistics_adapter(digests, adapter_dir), "settings", read_settings(),
			      "sites");

	copy("adapter_config.json");
	copy("adapter_model.safetensors");
	for (int i = 0; i < sites.n; i++)
		json_object_set_new(json_object_get(o, "sites"), sites.item[i],
				    site_entry(sites.item[i]));
	statistics_write(folder, o);
	tool_done("%s: statistics of task %s, %d sites", folder, task, sites.n);
	json_decref(o);
	digest_cache_close(digests, false);
	strlist_release(&sites);
	return 0;
}
