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

enum { TURN = 32 }; /* bytes: a word for each lane */

static const uint64_t odd[4] = {0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u, 0x94d049bb133111ebu,
				0xd6e8feb86659fd93u};

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

/* A digest that is being computed. */
struct digest_sum {
	uint64_t lane[4], seed;
	size_t n; /* bytes so far */
};

static struct digest_sum sum_begin(uint64_t seed)
{
	return (struct digest_sum){
		.lane = {seed + odd[0], seed + odd[1], seed + odd[2], seed + odd[3]}, .seed = seed};
}

static uint64_t mixed(uint64_t lane, const unsigned char *at, uint64_t factor)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return rotate(lane ^ word, 29) * factor;
}

/* Adds whole turns of four words. Lanes of an array would go through memory at every turn. */
static void add_turns(uint64_t lane[4], const unsigned char *p, size_t turns)
{
	uint64_t a = lane[0], b = lane[1], c = lane[2], d = lane[3];

	for (; turns; turns--, p += TURN) {
		a = mixed(a, p, odd[0]);
		b = mixed(b, p + 8, odd[1]);
		c = mixed(c, p + 16, odd[2]);
		d = mixed(d, p + 24, odd[3]);
	}
	lane[0] = a;
	lane[1] = b;
	lane[2] = c;
	lane[3] = d;
}

/* Only the last addition may end within a turn. That turn is padded with zeros. */
static void sum_add(struct digest_sum *s, const void *data, size_t n)
{
	const unsigned char *p = data;
	unsigned char last[TURN] = {0};

	add_turns(s->lane, p, n / TURN);
	s->n += n;
	if (n % TURN == 0)
		return;
	memcpy(last, p + n - n % TURN, n % TURN);
	add_turns(s->lane, last, 1);
}

static uint64_t sum_end(const struct digest_sum *s)
{
	uint64_t sum = s->seed ^ s->n;

	for (int l = 0; l < 4; l++)
		sum = rotate(sum ^ s->lane[l], 31) * odd[l];
	return sum ^ sum >> 32;
}

uint64_t digest_bytes(uint64_t seed, const void *data, size_t n)
{
	struct digest_sum s = sum_begin(seed);

	sum_add(&s, data, n);
	return sum_end(&s);
}

/* ------------------------------------------------------------ files */

/* A file is digested in pieces. A piece is read in slices, which stay in the processor's cache
 * until they are digested. Several threads read a slice each. */
enum { PIECE = 1 << 20, SLICE = 1 << 17, SLICES = 4 }; /* bytes; slices at a time, at most */

struct digest_reader {
	const char *path;
	int fd, slices; /* slices at a time: 1 where one thread reads */
	char *buffer;
	uint64_t at;
	long got[SLICES]; /* bytes of each slice */
};

/* Reads up to SLICE bytes at `at`; fewer only at the end of the file. −errno on failure. */
static long read_slice(int fd, char *buffer, uint64_t at)
{
	long have = 0;

	while (have < SLICE) {
		ssize_t n = pread(fd, buffer + have, (size_t)(SLICE - have), (off_t)at + have);

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

static void read_slices(struct digest_reader *r)
{
#pragma omp parallel for num_threads(r->slices) schedule(static, 1)
	for (int i = 0; i < r->slices; i++)
		r->got[i] = read_slice(r->fd, r->buffer + (size_t)i * SLICE,
				       r->at + (uint64_t)i * SLICE);
}

/* Adds the slices that were read. Returns whether the file goes on. */
static bool add_slices(struct digest_reader *r, struct digest_sum *s)
{
	for (int i = 0; i < r->slices; i++) {
		if (r->got[i] < 0)
			die("cannot read '%s': %s", r->path, strerror((int)-r->got[i]));
		sum_add(s, r->buffer + (size_t)i * SLICE, (size_t)r->got[i]);
		r->at += (uint64_t)r->got[i];
		if (r->got[i] < SLICE)
			return false;
	}
	return true;
}

/* Digests the next piece. Returns whether the file goes on. */
static bool add_piece(struct digest_reader *r, uint64_t *sum)
{
	struct digest_sum s = sum_begin(*sum);
	bool more = true;

	while (more && s.n < PIECE) {
		read_slices(r);
		more = add_slices(r, &s);
	}
	*sum = sum_end(&s);
	return more;
}

/* Slices at a time, one for each thread, so that a piece is a multiple. Threads are started only if
 * there is a second piece. */
static int slices_of(int fd)
{
	struct stat st;
	double n = fstat(fd, &st) == 0 ? (double)st.st_size : 0;
	int threads = n > PIECE ? threads_for(0.2 * SLICE) : 1;

	return threads >= SLICES ? SLICES : threads >= 2 ? 2 : 1;
}

/* Each piece is seeded with the digest so far. The last piece is shorter, or empty. */
uint64_t digest_contents(const char *path, uint64_t *size)
{
	struct digest_reader r = {.path = path, .fd = open(path, O_RDONLY | O_CLOEXEC)};
	uint64_t sum = 0;

	if (r.fd < 0)
		die("cannot open '%s': %s", path, strerror(errno));
	r.slices = slices_of(r.fd);
	r.buffer = xmalloc((size_t)r.slices * SLICE);
	while (add_piece(&r, &sum))
		;
	close(r.fd);
	free(r.buffer);
	*size = r.at;
	return sum;
}

/* ------------------------------------------------------------ digests that are kept */

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
