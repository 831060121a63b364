/* write-report: one page about a merge, or about several of the same adapters (lib/report/page.h),
 * and a table of the residuals of each task and module.
 *
 * It reads REFERENCE/base and REFERENCE/adapters, and from each merge's WORK folder eval/,
 * predictions/ and log.tsv. From the best merge by mean accuracy it also reads solution/, stamps/
 * and adapter/. gnuplot draws the pictures; without gnuplot the page has only its tables. */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/die.h"
#include "base/opts.h"
#include "config/config.h"
#include "files/exists.h"
#include "files/jsonx.h"
#include "files/out.h"
#include "files/start.h"
#include "report/page.h"

static const char *tasks_arg, *sites_arg, *reference, *merges, *data, *page_path, *table_path;

static const struct opt options[] = {
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "LIST", "the tasks, in order"},
	{"sites", 0, OPT_STRING, &sites_arg, true, 0, 0, "LIST",
	 "the sites, in the order of the computation"},
	{"reference", 0, OPT_STRING, &reference, true, 0, 0, "DIR",
	 "folder with base/ and adapters/"},
	{"merges", 0, OPT_STRING, &merges, true, 0, 0, "LIST",
	 "WORK folders of the merges, as NAME=DIR,NAME=DIR"},
	{"data", 0, OPT_STRING, &data, false, 0, 0, "DIR",
	 "folder of data folders, one per task; without: rows have numbers but no texts"},
	{"output", 'o', OPT_STRING, &page_path, true, 0, 0, "FILE", "page to write (HTML)"},
	{"table", 0, OPT_STRING, &table_path, true, 0, 0, "FILE",
	 "residuals of each task and module to write (tab-separated)"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "write-report",
	.summary = "one page about a merge: quality, losses by layer, time, memory",
	.opts = options,
	.example = "write-report --tasks tec,isear --sites enc00-self,enc01-self --reference "
		   "work/eval --merges sweep=work --data data -o mine/report.html "
		   "--table mine/report.tsv",
};

static double file_bytes(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (double)st.st_size : 0;
}

static struct page_adapter read_adapter(const char *work)
{
	char *config = xformat("%s/adapter/adapter_config.json", work),
	     *tensors = xformat("%s/adapter/adapter_model.safetensors", work);
	struct page_adapter a = {.there = file_exists(config)};

	if (a.there) {
		json_t *j = jsonx_load(config, 1 << 20);

		a.base = xstrdup(jsonx_string_or(j, config, "base_model_name_or_path", ""));
		a.causal = text_same(jsonx_string_or(j, config, "task_type", ""), "CAUSAL_LM");
		a.bytes = file_bytes(tensors);
		json_decref(j);
	}
	free(tensors);
	free(config);
	return a;
}

/* A setting of the evaluation; where there is none, its default. */
static const char *eval_setting(const struct page *p, enum config_key_number key)
{
	const char *value = settings_find(&p->settings, config_keys[key].name);

	return value && *value ? value : config_keys[key].dflt;
}

static void read_texts(struct page *p)
{
	const struct row_options o = {.prompt = eval_setting(p, KEY_prompt),
				      .answer = eval_setting(p, KEY_answer),
				      .label_key = eval_setting(p, KEY_label_key),
				      .label_names = eval_setting(p, KEY_label_names)};

	p->texts = xcalloc((size_t)p->results.tasks.n, sizeof(*p->texts));
	for (int t = 0; data && t < p->results.tasks.n; t++)
		texts_read(&p->texts[t], data, p->results.tasks.item[t], &o,
			   (int)p->results.model[p->results.shown].score[t].n);
}

static void page_read(struct page *p)
{
	struct strlist sites = strlist_split(sites_arg, "--sites");
	const char *work;
	char *log;

	results_read(&p->results, tasks_arg, reference, merges);
	work = p->results.model[p->results.shown].work;
	log = xformat("%s/log.tsv", work);
	layers_read(&p->layers, work, &sites, p->results.tasks.n);
	stages_read(&p->stages, log);
	settings_read(&p->settings, work, &p->results.tasks, &p->stages);
	p->adapter = read_adapter(work);
	read_texts(p);
	free(log);
	strlist_release(&sites);
}

static void page_release(struct page *p)
{
	for (int t = 0; t < p->results.tasks.n; t++)
		texts_release(&p->texts[t]);
	free(p->texts);
	free(p->adapter.base);
	settings_release(&p->settings);
	stages_release(&p->stages);
	layers_release(&p->layers);
	results_release(&p->results);
}

int main(int argc, char **argv)
{
	struct page p = {.version = MERGE_LORA_VERSION};
	char *page, *table;

	tool_start(&tool, argc, argv);
	page_read(&p);
	page = page_write(&p);
	table = layers_table(&p.layers, &p.results.tasks);
	out_write_text(table_path, table);
	out_write_text(page_path, page);
	tool_done("'%s': %d tasks, %d modules", page_path, p.results.tasks.n, p.layers.n);
	free(table);
	free(page);
	page_release(&p);
	return 0;
}
