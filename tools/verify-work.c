/* verify-work: re-reads everything under a WORK folder, and lists what is damaged or stale.
 * - damaged: its bytes are not those that were written (checksums.tsv, lib/files/checksums.h).
 * - stale: made from another version of one of its inputs, or its stage's stamp is newer. The
 *   next make makes it again. Only files that the plan uses can be stale (lib/plan/manifest.h), not
 *   those of an earlier plan.
 * - unlisted: it has no line in checksums.tsv, so nothing can be said about it.
 * - left over: a temporary file of a process that was killed. The next run removes it.
 * - set aside: found damaged by a run.
 *
 * One line each on stdout, separated by tabs; exit 1 if there is any. log.tsv, lock and .holder are
 * not examined, because no tool reads them. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/die.h"
#include "files/checksums.h"
#include "files/digest.h"
#include "files/h5/h5.h"
#include "files/start.h"
#include "plan/manifest.h"

static const char *work;

static const struct opt options[] = {
	{"work", 0, OPT_STRING, &work, true, 0, 0, "DIR", "the folder"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "verify-work",
	.summary = "name what is damaged or stale in a WORK folder",
	.opts = options,
	.example = "verify-work --work work",
};

struct work_file {
	char *name; /* relative to the folder */
	uint64_t digest, size;
	struct timespec time;
	const struct checksums_line *line; /* the line that fits its bytes; NULL: there is none */
	bool stale;                        /* reported already */
};

struct verify {
	struct checksums checksums;
	struct work_file *file;
	int n, found; /* files; findings */
	uint64_t bytes;
};

static void finding(struct verify *v, const char *what, const char *name, const char *why,
		    const char *of)
{
	printf("%s\t%s\t%s%s\n", what, name, why, of);
	v->found++;
}

/* ------------------------------------------------------------ reading */

static bool is_ours_alone(const char *name)
{
	static const char *const names[] = {"log.tsv", "lock", "checksums.tsv", "dag.svg",
					    ".holder"};

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
		v->file[v->n++] = (struct work_file){.name = xstrdup(name), .time = st->st_mtim};
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
	return strcmp(((const struct work_file *)a)->name, ((const struct work_file *)b)->name);
}

static struct work_file *file_find(const struct verify *v, const char *name)
{
	struct work_file key = {.name = (char *)name};

	return bsearch(&key, v->file, (size_t)v->n, sizeof(key), by_name);
}

/* ------------------------------------------------------------ what is stale */

static void stale(struct verify *v, struct work_file *f, const char *why, const char *of)
{
	if (!f->stale)
		finding(v, "stale", f->name, why, of);
	f->stale = true;
}

/* Each "name=digest" of its inputs must be the digest of the present file. An input that is missing
 * or released tells nothing. */
static void check_inputs(struct verify *v, struct work_file *f)
{
	char *copy = xstrdup(f->line->inputs), *rest = copy, *word;

	while ((word = strsep(&rest, " "))) {
		char *equals = strrchr(word, '=');
		const struct work_file *in;

		if (!equals)
			continue;
		*equals = 0;
		in = file_find(v, word);
		if (in && in->size != strlen(H5_RELEASED) &&
		    in->digest != strtoull(equals + 1, NULL, 16))
			stale(v, f, "made from another version of ", word);
	}
	free(copy);
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

/* A stamp's copy keeps its time when the stamp is rewritten with the same text. If the text
 * differs, the copy is stale itself. */
static void check_copy(struct verify *v, struct work_file *copy)
{
	const char *of = copy->name + strlen("eval/");
	const struct work_file *stamp = strncmp(copy->name, "eval/stamps/", strlen("eval/stamps/"))
						? NULL
						: file_find(v, of);

	if (stamp && stamp->digest != copy->digest)
		stale(v, copy, "another text than ", of);
}

static void check_stamps(struct verify *v, struct work_file *f, const char *stamps)
{
	char *copy = xstrdup(stamps), *save = NULL;

	for (char *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		struct work_file *s = file_find(v, name);

		if (s)
			check_copy(v, s);
		if (s && (s->stale || later(s->time, f->time)))
			stale(v, f, s->stale ? "goes by the stale " : "older than ", name);
	}
	free(copy);
}

static void check_stale(struct verify *v, struct work_file *f, const char *stamps)
{
	if (!f->line)
		return;
	check_inputs(v, f);
	check_stamps(v, f, stamps);
}

/* Called by manifest_each(). */
static void check_listed(void *arg, const char *name, const char *stamps)
{
	struct verify *v = arg;
	size_t n = strlen(name);
	struct work_file *f = file_find(v, name);

	if (f)
		check_stale(v, f, stamps);
	for (int i = 0; n && name[n - 1] == '/' && i < v->n; i++)
		if (!strncmp(v->file[i].name, name, n))
			check_stale(v, &v->file[i], stamps);
}

/* ------------------------------------------------------------ what is damaged */

static void check_bytes(struct verify *v, struct work_file *f)
{
	bool fits;
	const struct checksums_line *l =
		checksums_find(&v->checksums, f->name, f->digest, f->size, &fits);

	if (!l)
		finding(v, "unlisted", f->name, "no line in checksums.tsv", "");
	else if (!fits)
		finding(v, "damaged", f->name, "its bytes are not those that were written", "");
	else
		f->line = l;
}

static void run(struct verify *v)
{
	char *sums = xformat("%s/checksums.tsv", work);

	walk(v, work);
	qsort(v->file, (size_t)v->n, sizeof(*v->file), by_name);
	checksums_load(&v->checksums, sums);
	if (!v->checksums.n && !v->checksums.bad)
		die("'%s' has no checksums: no merge was run here", work);
	for (int i = 0; i < v->n; i++) {
		char *path = xformat("%s/%s", work, v->file[i].name);

		v->file[i].digest = digest_contents(path, &v->file[i].size);
		v->bytes += v->file[i].size;
		free(path);
	}
	for (int i = 0; i < v->checksums.bad; i++)
		finding(v, "damaged", "checksums.tsv", "a line that is not as it was written", "");
	for (int i = 0; i < v->n; i++)
		check_bytes(v, &v->file[i]);
	manifest_each(work, check_listed, v);
	free(sums);
}

int main(int argc, char **argv)
{
	struct verify v = {0};

	tool_start(&tool, argc, argv);
	run(&v);
	if (fflush(stdout))
		die("cannot write the findings: %s", strerror(errno));
	tool_done("%d files, %.1f MB: %d finding%s", v.n, (double)v.bytes / 1048576, v.found,
		  v.found == 1 ? "" : "s");
	for (int i = 0; i < v.n; i++)
		free(v.file[i].name);
	free(v.file);
	checksums_release(&v.checksums);
	return v.found ? 1 : 0;
}
