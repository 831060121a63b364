/* verify-work: re-reads everything under a WORK folder and names what is damaged or stale.
 *
 * damaged    its bytes are not those that were written (checksums.tsv, lib/sums.h)
 * stale      made from another version of one of its inputs, or its stage's stamp is newer: the next make makes it anew
 * unlisted   has no line in checksums.tsv: nothing can be said of it
 * left over  a temporary file of a process that was killed: the next run removes it
 * set aside  found damaged by a run
 * One line each on stdout, tab-separated; exit 1 if there is any. Not looked at: log.tsv and lock, which no tool reads. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/die.h"
#include "lib/digest.h"
#include "lib/h5.h"
#include "lib/opts.h"
#include "lib/sums.h"

static const char *work;

static const struct opt options[] = {
	{"work", 0, OPT_STRING, &work, true, 0, 0, "DIR", "the folder"},
	{.type = OPT_END},
};

static const struct tool tool = {"verify-work", "name what is damaged or stale in a WORK folder", NULL, options};

struct file {
	char *name; /* in the folder */
	uint64_t digest, size;
	struct timespec time;
};

struct verify {
	struct sums sums;
	struct file *file;
	int n, found; /* files; findings */
	uint64_t bytes;
};

static void finding(struct verify *v, const char *what, const char *name, const char *why, const char *of)
{
	printf("%s\t%s\t%s%s\n", what, name, why, of);
	v->found++;
}

/* ------------------------------------------------------------ reading */

static bool is_ours_alone(const char *name)
{
	static const char *const names[] = {"log.tsv", "lock", "checksums.tsv"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static void add_file(struct verify *v, const char *path, const struct stat *st)
{
	const char *name = path + strlen(work) + 1, *base = strrchr(path, '/') + 1;
	size_t n = strlen(name);

	if (is_ours_alone(name))
		return;
	if (*base == '.' && strstr(base, ".tmp-"))
		finding(v, "left over", name, "of a process that was killed", "");
	else if (n > 8 && !strcmp(name + n - 8, ".damaged"))
		finding(v, "set aside", name, "found damaged by a run", "");
	else {
		v->file = xrealloc(v->file, (size_t)(v->n + 1) * sizeof(*v->file));
		v->file[v->n++] = (struct file){.name = xstrdup(name), .time = st->st_mtim};
	}
}

static void walk(struct verify *v, const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	if (!d)
		die("cannot open '%s': %s", folder, strerror(errno));
	while (errno = 0, (e = readdir(d))) {
		char *path = xformat("%s/%s", folder, e->d_name);
		struct stat st;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) {
			free(path);
			continue;
		}
		if (lstat(path, &st))
			die("cannot stat '%s': %s", path, strerror(errno));
		if (S_ISDIR(st.st_mode))
			walk(v, path);
		else if (S_ISREG(st.st_mode))
			add_file(v, path, &st);
		free(path);
	}
	if (errno)
		die("cannot read '%s': %s", folder, strerror(errno));
	closedir(d);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static const struct file *file_find(const struct verify *v, const char *name)
{
	struct file key = {.name = (char *)name};

	return bsearch(&key, v->file, (size_t)v->n, sizeof(key), by_name);
}

/* ------------------------------------------------------------ what is stale */

/* Each "name=digest" that it was made of is to be that of the file in place; an input that is gone or spent says nothing. */
static void check_inputs(struct verify *v, const struct file *f, const struct sums_line *l)
{
	char *copy = xstrdup(l->inputs), *rest = copy, *word;

	while ((word = strsep(&rest, " "))) {
		char *equals = strrchr(word, '=');
		const struct file *in;

		if (!equals)
			continue;
		*equals = 0;
		in = file_find(v, word);
		if (in && in->size != strlen(H5_SPENT) && in->digest != strtoull(equals + 1, NULL, 16)) {
			finding(v, "stale", f->name, "made from another version of ", word);
			break;
		}
	}
	free(copy);
}

static bool check_stamp(struct verify *v, const struct file *f, const char *fmt, const char *task)
{
	char *name = xformat("stamps/%s%s", fmt, task);
	const struct file *s = file_find(v, name);
	bool newer = s && (s->time.tv_sec > f->time.tv_sec || (s->time.tv_sec == f->time.tv_sec && s->time.tv_nsec > f->time.tv_nsec));

	if (newer)
		finding(v, "stale", f->name, "older than ", name);
	free(name);
	return newer;
}

/* The stage by the folder, the task by the folder or file inside it. */
static void check_stamps(struct verify *v, const struct file *f)
{
	static const struct {
		const char *folder, *stage, *of_task;
	} table[] = {
		{"samples/", NULL, "draw-"},     {"lora/", "extract", "adapter-"}, {"merged/", "extract", NULL},
		{"tokens/", "tokens", "adapter-"}, {"grams/", "grams", "adapter-"},  {"solution/", "solve", NULL},
		{"adapter/", "assemble", NULL},  {"eval/", "eval", NULL},
	};

	/* Copies of stamps, which keep their time when a stamp is rewritten with the same text. */
	if (!strncmp(f->name, "eval/stamps/", strlen("eval/stamps/")))
		return;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		size_t n = strlen(table[i].folder);
		char *task;

		if (strncmp(f->name, table[i].folder, n))
			continue;
		task = xformat("%.*s", (int)strcspn(f->name + n, "/."), f->name + n);
		if (!(table[i].stage && check_stamp(v, f, table[i].stage, "")) && table[i].of_task)
			check_stamp(v, f, table[i].of_task, task);
		free(task);
	}
}

static void check_file(struct verify *v, const struct file *f)
{
	bool fits;
	const struct sums_line *l = sums_find(&v->sums, f->name, f->digest, f->size, &fits);

	if (!l)
		finding(v, "unlisted", f->name, "no line in checksums.tsv", "");
	else if (!fits)
		finding(v, "damaged", f->name, "its bytes are not those that were written", "");
	else {
		check_inputs(v, f, l);
		check_stamps(v, f);
	}
}

static void run(struct verify *v)
{
	char *sums = xformat("%s/checksums.tsv", work);

	walk(v, work);
	qsort(v->file, (size_t)v->n, sizeof(*v->file), by_name);
	sums_load(&v->sums, sums);
	if (!v->sums.n && !v->sums.bad)
		die("'%s' has no checksums: no merge was run here", work);
	for (int i = 0; i < v->n; i++) {
		char *path = xformat("%s/%s", work, v->file[i].name);

		v->file[i].digest = digest_contents(path, &v->file[i].size);
		v->bytes += v->file[i].size;
		free(path);
	}
	for (int i = 0; i < v->sums.bad; i++)
		finding(v, "damaged", "checksums.tsv", "a line that is not as it was written", "");
	for (int i = 0; i < v->n; i++)
		check_file(v, &v->file[i]);
	free(sums);
}

int main(int argc, char **argv)
{
	struct verify v = {0};

	opts_parse(&tool, argc, argv);
	run(&v);
	if (fflush(stdout))
		die("cannot write the findings: %s", strerror(errno));
	tool_done("%d files, %.1f MB: %d finding%s", v.n, (double)v.bytes / 1048576, v.found, v.found == 1 ? "" : "s");
	for (int i = 0; i < v.n; i++)
		free(v.file[i].name);
	free(v.file);
	sums_release(&v.sums);
	return v.found ? 1 : 0;
}
