/* checksums_lines.c: see checksums.h. Reads the lines of a file of checksums, and reduces them to
 * one line per file. */
#include "files/checksums_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/die.h"
#include "base/text.h"
#include "files/digest.h"
#include "files/out.h"

static uint64_t text_digest(const char *s)
{
	return digest_bytes(1, s, strlen(s));
}

char *checksums_format(uint64_t digest, uint64_t size, const char *name, const char *made_of)
{
	char *text = xformat("%016" PRIx64 "\t%" PRIu64 "\t%s\t%s", digest, size, name, made_of);
	char *line = xformat("%s\t%016" PRIx64 "\n", text, text_digest(text));

	free(text);
	return line;
}

/* Splits the line in place. false: it is damaged. */
static bool parse(char *line, struct checksums_line *l)
{
	char *field[5] = {line}, want[17];
	int n = 1;
	char *check = strrchr(line, '\t');

	if (!check)
		return false;
	*check = 0;
	snprintf(want, sizeof(want), "%016" PRIx64, text_digest(line));
	if (strcmp(check + 1, want)) /* as text: a and A are not the same bits */
		return false;
	for (char *s = line; (s = strchr(s, '\t')) && n < 5;) {
		*s++ = 0;
		field[n++] = s;
	}
	if (n != 4)
		return false;
	*l = (struct checksums_line){strtoull(field[0], NULL, 16), strtoull(field[1], NULL, 10),
				     xstrdup(field[2]), xstrdup(field[3])};
	return true;
}

void checksums_load(struct checksums *s, const char *path)
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
		struct checksums_line l;

		if (line[n - 1] == '\n')
			line[--n] = 0;
		if (strlen(line) != (size_t)n || !parse(line, &l)) {
			s->bad++;
			continue;
		}
		if (!(s->n & (s->n - 1))) /* the room is the next power of two */
			s->line =
				xrealloc(s->line, (s->n ? 2 * (size_t)s->n : 1) * sizeof(*s->line));
		s->line[s->n++] = l;
	}
	if (ferror(f))
		die("cannot read '%s': %s", path, strerror(errno));
	free(line);
	fclose(f);
}

void checksums_release(struct checksums *s)
{
	for (int i = 0; i < s->n; i++) {
		free(s->line[i].name);
		free(s->line[i].inputs);
	}
	free(s->line);
	memset(s, 0, sizeof(*s));
}

const struct checksums_line *checksums_find(const struct checksums *s, const char *name,
					    uint64_t digest, uint64_t size, bool *fits)
{
	const struct checksums_line *last = NULL;

	*fits = false;
	for (int i = s->n - 1; i >= 0; i--) {
		const struct checksums_line *l = &s->line[i];

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

/* ------------------------------------------------------------ one line per file */

static int by_name(const void *a, const void *b)
{
	const struct checksums_line *p = *(struct checksums_line *const *)a,
				    *q = *(struct checksums_line *const *)b;
	int order = strcmp(p->name, q->name);

	return order ? order : p < q ? -1 : p > q;
}

/* Of a file's n lines, oldest first, the one to keep; NULL: the file does not exist. The file is
 * read only if two different lines have its size. If no line fits, one is kept, so that readers
 * report what is wrong with the file. */
static struct checksums_line *choose(const char *folder, struct checksums_line **line, int n)
{
	char *path = xformat("%s%s", folder, line[0]->name);
	struct checksums_line *last = NULL, *kept = line[n - 1];
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

/* Which lines to keep: a mark for each line, allocated. *n: how many are kept. */
static bool *mark(const struct checksums *s, const char *folder, int *n)
{
	struct checksums_line **sorted = xarray((size_t)s->n, sizeof(*sorted));
	bool *stays = xcalloc((size_t)s->n, sizeof(*stays));

	for (int i = 0; i < s->n; i++)
		sorted[i] = &s->line[i];
	qsort(sorted, (size_t)s->n, sizeof(*sorted), by_name);
	*n = 0;
	for (int i = 0, next; i < s->n; i = next) {
		struct checksums_line *kept;

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

void checksums_compact(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = xformat("%.*s", slash ? (int)(slash + 1 - path) : 0, path);
	struct checksums s;
	struct text t = {0};
	bool *stays;
	int n;

	checksums_load(&s, path);
	stays = mark(&s, folder, &n);
	for (int i = 0; i < s.n; i++)
		if (stays[i]) {
			char *line = checksums_format(s.line[i].digest, s.line[i].size,
						      s.line[i].name, s.line[i].inputs);

			text_add(&t, "%s", line);
			free(line);
		}
	if (n < s.n || s.bad)
		out_write_text(path, text_get(&t));
	text_release(&t);
	free(stays);
	checksums_release(&s);
	free(folder);
}
