/* sums.c: see sums.h.
 *
 * The digest of a file is taken by reading it back from the page cache, once when it is finished and once by each process that reads
 * it: 3.6 GB/s a core, a small part of what HDF5's own checksums cost. One changed bit always changes the digest: every step of it can be undone. */
#include "sums.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "die.h"
#include "digest.h"
#include "out.h"
#include "text.h"

static char *sums_path;   /* NULL: no sums */
static size_t folder_len; /* of its folder, with the slash */
static struct sums known; /* as last read */
static bool loaded;

/* What was checked so far. */
struct input {
	char *name, *scope;
	uint64_t digest;
};

static struct input *input;
static int ninputs;
static char *scope;

static void forget_inputs(void)
{
	for (int i = 0; i < ninputs; i++) {
		free(input[i].name);
		free(input[i].scope);
	}
	free(input);
	input = NULL;
	ninputs = 0;
}

void sums_use(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	free(sums_path);
	sums_path = path ? xstrdup(path) : NULL;
	folder_len = slash ? (size_t)(slash + 1 - path) : 0;
	if (loaded)
		sums_release(&known);
	loaded = false;
	forget_inputs();
	sums_scope(NULL);
}

void sums_scope(const char *name)
{
	char *copy = name ? xstrdup(name) : NULL;

	free(scope);
	scope = copy;
}

/* The name inside the folder of sums, or NULL. */
static const char *inside(const char *path)
{
	if (!sums_path || strncmp(path, sums_path, folder_len) || (!folder_len && *path == '/'))
		return NULL;
	return path + folder_len;
}

static uint64_t text_digest(const char *s)
{
	return digest_bytes(1, s, strlen(s));
}

/* A line, its own digest at the end (allocated). */
static char *format(uint64_t digest, uint64_t size, const char *name, const char *made_of)
{
	char *text = xformat("%016" PRIx64 "\t%" PRIu64 "\t%s\t%s", digest, size, name, made_of);
	char *line = xformat("%s\t%016" PRIx64 "\n", text, text_digest(text));

	free(text);
	return line;
}

/* One write of one line, so that processes side by side may append. A line that a crash has cut gets its end first. */
static void append(const char *line)
{
	int fd = open(sums_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	size_t n = strlen(line);
	struct stat st;
	char last = '\n';

	if (fd < 0 || fstat(fd, &st))
		die("cannot append to '%s': %s", sums_path, strerror(errno));
	if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n' && write(fd, "\n", 1) != 1)
		die("cannot append to '%s': %s", sums_path, strerror(errno));
	errno = ENOSPC; /* what a short write means */
	if (write(fd, line, n) != (ssize_t)n || close(fd))
		die("cannot append to '%s': %s", sums_path, strerror(errno));
}

/* An output of this scope is made of it. */
static bool in_scope(const struct input *i)
{
	return !scope || !i->scope || !strcmp(i->scope, scope);
}

/* "name=digest …" of what an output of this scope is made of. */
static struct text made_of(void)
{
	struct text t = {0};

	for (int i = 0; i < ninputs; i++)
		if (in_scope(&input[i]))
			text_add(&t, "%s%s=%016" PRIx64, *text_get(&t) ? " " : "", input[i].name, input[i].digest);
	return t;
}

void sums_record(const char *tmp, const char *target)
{
	const char *name = inside(target);
	uint64_t size;

	if (!name)
		return;
	uint64_t digest = digest_contents(tmp, &size);
	struct text from = made_of();
	char *line = format(digest, size, name, text_get(&from));

	append(line);
	free(line);
	text_release(&from);
}

static bool looks_right(const char *name, uint64_t digest, uint64_t size, bool *listed)
{
	bool fits;

	*listed = sums_find(&known, name, digest, size, &fits) != NULL;
	return *listed && fits;
}

static void reload(void)
{
	if (loaded)
		sums_release(&known);
	sums_load(&known, sums_path);
	loaded = true;
}

_Noreturn static void set_aside(const char *path)
{
	char *aside = xformat("%s.damaged", path);

	if (rename(path, aside))
		die("'%s' is damaged: its bytes are not those that were written; it cannot be renamed to '%s': %s", path, aside, strerror(errno));
	die("'%s' is damaged: its bytes are not those that were written; now '%s', and the next run makes the file anew", path, aside);
}

static void note_input(const char *name, uint64_t digest)
{
	input = xrealloc(input, sizeof(*input) * (size_t)(ninputs + 1));
	input[ninputs++] = (struct input){xstrdup(name), scope ? xstrdup(scope) : NULL, digest};
}

/* Files under their final names do not change while a process runs: once is enough, in whatever scope. */
static bool checked(const char *name)
{
	for (int i = 0; i < ninputs; i++) {
		if (strcmp(input[i].name, name))
			continue;
		for (int j = i; j < ninputs; j++)
			if (!strcmp(input[j].name, name) && (!input[j].scope || (scope && !strcmp(input[j].scope, scope))))
				return true;
		note_input(name, input[i].digest);
		return true;
	}
	return false;
}

void sums_check(const char *path)
{
	const char *name = inside(path);
	struct stat st;
	uint64_t size;
	bool listed;

	if (!name || checked(name) || stat(path, &st) || !S_ISREG(st.st_mode)) /* what is not there, or no file, the reader says in its own words */
		return;
	uint64_t digest = digest_contents(path, &size);
	if (!loaded)
		reload();
	if (!looks_right(name, digest, size, &listed)) {
		reload(); /* another process may have finished it meanwhile */
		if (!looks_right(name, digest, size, &listed) && listed)
			set_aside(path);
	}
	note_input(name, digest);
}

/* ------------------------------------------------------------ lines */

/* Takes the line apart in place; false: damaged. */
static bool parse(char *line, struct sums_line *l)
{
	char *field[5] = {line}, want[17];
	int n = 1;
	char *check = strrchr(line, '\t');

	if (!check)
		return false;
	*check = 0;
	snprintf(want, sizeof(want), "%016" PRIx64, text_digest(line));
	if (strcmp(check + 1, want)) /* as text: a and A are one number, but not the same bits */
		return false;
	for (char *s = line; (s = strchr(s, '\t')) && n < 5;) {
		*s++ = 0;
		field[n++] = s;
	}
	if (n != 4)
		return false;
	*l = (struct sums_line){strtoull(field[0], NULL, 16), strtoull(field[1], NULL, 10), xstrdup(field[2]), xstrdup(field[3])};
	return true;
}

void sums_load(struct sums *s, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	memset(s, 0, sizeof(*s));
	if (!f && errno == ENOENT)
		return;
	if (!f)
		die("cannot open '%s': %s", path, strerror(errno));
	while ((n = getline(&line, &room, f)) > 0) {
		struct sums_line l;

		if (line[n - 1] == '\n')
			line[--n] = 0;
		if (strlen(line) != (size_t)n || !parse(line, &l)) {
			s->bad++;
			continue;
		}
		if (!(s->n & (s->n - 1))) /* room is the next power of two */
			s->line = xrealloc(s->line, (s->n ? 2 * (size_t)s->n : 1) * sizeof(*s->line));
		s->line[s->n++] = l;
	}
	if (ferror(f))
		die("cannot read '%s': %s", path, strerror(errno));
	free(line);
	fclose(f);
}

void sums_release(struct sums *s)
{
	for (int i = 0; i < s->n; i++) {
		free(s->line[i].name);
		free(s->line[i].inputs);
	}
	free(s->line);
	memset(s, 0, sizeof(*s));
}

const struct sums_line *sums_find(const struct sums *s, const char *name, uint64_t digest, uint64_t size, bool *fits)
{
	const struct sums_line *last = NULL;

	*fits = false;
	for (int i = s->n - 1; i >= 0; i--) {
		const struct sums_line *l = &s->line[i];

		if (strcmp(l->name, name))
			continue;
		if (l->digest == digest && l->size == size) {
			*fits = true;
			return l;
		}
		last = last ? last : l;
	}
	return last;
}

/* ------------------------------------------------------------ one line of each file */

static int by_name(const void *a, const void *b)
{
	const struct sums_line *p = *(struct sums_line *const *)a, *q = *(struct sums_line *const *)b;
	int order = strcmp(p->name, q->name);

	return order ? order : p < q ? -1 : p > q;
}

/* Of n lines of one file, oldest first, the one to keep; NULL: the file is gone. Only where two of its size differ is it read. Where none fits,
 * one stays, so that readers say what is wrong with the file. */
static struct sums_line *choose(const char *folder, struct sums_line **line, int n)
{
	char *path = xformat("%s%s", folder, line[0]->name);
	struct sums_line *last = NULL, *kept = line[n - 1];
	bool differ = false;
	uint64_t digest, size;
	struct stat st;

	if (stat(path, &st)) {
		free(path);
		return NULL;
	}
	for (int i = n - 1; i >= 0; i--)
		if (line[i]->size == (uint64_t)st.st_size) {
			last = last ? last : line[i];
			differ |= line[i]->digest != last->digest;
		}
	kept = last ? last : kept;
	if (differ) {
		digest = digest_contents(path, &size);
		for (int i = 0; i < n; i++)
			if (line[i]->digest == digest && line[i]->size == size)
				kept = line[i];
	}
	free(path);
	return kept;
}

/* Which of the lines stay: a mark for each, allocated; *n is how many. */
static bool *mark(const struct sums *s, const char *folder, int *n)
{
	struct sums_line **sorted = xarray((size_t)s->n, sizeof(*sorted));
	bool *stays = xcalloc((size_t)s->n, sizeof(*stays));

	for (int i = 0; i < s->n; i++)
		sorted[i] = &s->line[i];
	qsort(sorted, (size_t)s->n, sizeof(*sorted), by_name);
	*n = 0;
	for (int i = 0, next; i < s->n; i = next) {
		struct sums_line *kept;

		for (next = i + 1; next < s->n && !strcmp(sorted[next]->name, sorted[i]->name);)
			next++;
		kept = choose(folder, sorted + i, next - i);
		if (kept) {
			stays[kept - s->line] = true;
			++*n;
		}
	}
	free(sorted);
	return stays;
}

void sums_compact(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = xformat("%.*s", slash ? (int)(slash + 1 - path) : 0, path);
	struct sums s;
	struct text t = {0};
	bool *stays;
	int n;

	sums_load(&s, path);
	stays = mark(&s, folder, &n);
	for (int i = 0; i < s.n; i++)
		if (stays[i]) {
			char *line = format(s.line[i].digest, s.line[i].size, s.line[i].name, s.line[i].inputs);

			text_add(&t, "%s", line);
			free(line);
		}
	if (n < s.n || s.bad)
		out_write_text(path, text_get(&t));
	text_release(&t);
	free(stays);
	sums_release(&s);
	free(folder);
}
