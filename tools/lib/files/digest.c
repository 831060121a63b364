/* digest.c: see digest.h. Four lanes multiply and rotate 64-bit words, so that the processor can
 * work on four products at once. At the end the lanes are folded together with the length. */
#include "files/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"
#include "base/threads.h"
#include "files/out.h"

struct cached_digest {
	char *path;
	uint64_t digest, size, mtime, inode;
	int used;
	struct cached_digest *next;
};

struct digest_cache {
	char *path;
	struct cached_digest *entries;
	int changed;
};

static const uint64_t odd[4] = {0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u, 0x94d049bb133111ebu,
				0xd6e8feb86659fd93u};

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void mix(uint64_t lane[4], const uint64_t word[4])
{
	for (int l = 0; l < 4; l++)
		lane[l] = rotate(lane[l] ^ word[l], 29) * odd[l];
}

uint64_t digest_bytes(uint64_t seed, const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t lane[4], word[4] = {0}, sum = seed ^ n;
	size_t left = n;

	for (int l = 0; l < 4; l++)
		lane[l] = seed + odd[l];
	for (; left >= sizeof(word); left -= sizeof(word), p += sizeof(word)) {
		memcpy(word, p, sizeof(word));
		mix(lane, word);
	}
	if (left) { /* padded with zeros */
		memset(word, 0, sizeof(word));
		memcpy(word, p, left);
		mix(lane, word);
	}
	for (int l = 0; l < 4; l++)
		sum = rotate(sum ^ lane[l], 31) * odd[l];
	return sum ^ sum >> 32;
}

enum { PIECE = 1 << 20, PIECES = 4 }; /* bytes of a piece; pieces are read side by side */

/* Reads up to PIECE bytes at `at`; fewer only at the end of the file. −errno on failure. */
static long read_piece(int fd, char *buffer, uint64_t at)
{
	long have = 0;

	while (have < PIECE) {
		ssize_t n = pread(fd, buffer + have, (size_t)(PIECE - have), (off_t)at + have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += n;
	}
	return have;
}

/* A thread is started only if there is a second piece. */
static int readers(int fd, uint64_t at)
{
	struct stat st;
	double left = fstat(fd, &st) == 0 ? (double)st.st_size - (double)at : 0;

	return left > PIECE ? threads_for(0.2 * left) : 1;
}

/* Digests piece by piece; each piece is seeded with the digest so far. The last piece is shorter,
 * or empty. */
uint64_t digest_contents(const char *path, uint64_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *buffer = xmalloc((size_t)PIECES * PIECE);
	long got[PIECES] = {PIECE, PIECE, PIECE, PIECE};
	uint64_t sum = 0;

	if (fd < 0)
		die("cannot open '%s': %s", path, strerror(errno));
	*size = 0;
	while (got[PIECES - 1] == PIECE) {
#pragma omp parallel for num_threads(readers(fd, *size)) schedule(static, 1)
		for (int i = 0; i < PIECES; i++)
			got[i] = read_piece(fd, buffer + (size_t)i * PIECE,
					    *size + (uint64_t)i * PIECE);
		for (int i = 0; i < PIECES && (!i || got[i - 1] == PIECE); i++) {
			if (got[i] < 0)
				die("cannot read '%s': %s", path, strerror((int)-got[i]));
			sum = digest_bytes(sum, buffer + (size_t)i * PIECE, (size_t)got[i]);
			*size += (uint64_t)got[i];
		}
	}
	close(fd);
	free(buffer);
	return sum;
}

struct digest_cache *digest_cache_open(const char *path)
{
	struct digest_cache *c = xcalloc(1, sizeof(*c));
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;

	c->path = xstrdup(path);
	while (f && getline(&line, &room, f) > 0) {
		struct cached_digest e = {0};
		int at = 0;

		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%" SCNx64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %n", &e.digest,
			   &e.size, &e.mtime, &e.inode, &at) != 4 ||
		    !at)
			continue;
		e.path = xstrdup(line + at);
		e.next = c->entries;
		c->entries = xmalloc(sizeof(e));
		*c->entries = e;
	}
	free(line);
	if (f)
		fclose(f);
	return c;
}

uint64_t digest_file(struct digest_cache *c, const char *path)
{
	struct stat st;
	struct cached_digest *e;
	uint64_t mtime;

	if (stat(path, &st))
		die("cannot open '%s': %s", path, strerror(errno));
	mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	for (e = c->entries; e && strcmp(e->path, path); e = e->next)
		;
	if (!e) {
		e = xcalloc(1, sizeof(*e));
		e->path = xstrdup(path);
		e->next = c->entries;
		c->entries = e;
		e->size = UINT64_MAX;
	}
	if (e->size != (uint64_t)st.st_size || e->mtime != mtime || e->inode != st.st_ino) {
		e->digest = digest_contents(path, &e->size);
		e->mtime = mtime;
		e->inode = st.st_ino;
		c->changed = 1;
	}
	e->used = 1;
	return e->digest;
}

void digest_cache_close(struct digest_cache *c, bool write)
{
	char *text = xstrdup("");

	for (struct cached_digest *e = c->entries, *next; e; e = next) {
		next = e->next;
		if (e->used) {
			char *more =
				xformat("%s%016" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n",
					text, e->digest, e->size, e->mtime, e->inode, e->path);

			free(text);
			text = more;
		}
		free(e->path);
		free(e);
	}
	if (c->changed && write)
		out_write_text(c->path, text);
	free(text);
	free(c->path);
	free(c);
}
