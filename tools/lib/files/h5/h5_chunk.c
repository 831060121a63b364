/* h5_chunk.c: the chunks of an open dataset, one in memory at a time.
 *
 * They do not go through the library's cache. Its checksum would take more time than all other work
 * on rows. And it would read a chunk back from disk before the first portion is written.
 *
 * Chunks are written and read whole, past the filters (H5Dwrite_chunk, H5Dread_chunk). They have
 * the checksum that the fletcher32 filter would make, so other programs read the file as any
 * other. */
#include <fcntl.h>
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/fletcher.h"
#include "files/h5/h5.h"
#include "files/h5/h5_private.h"

enum { SUM_BYTES = 4 };

static const size_t NONE = (size_t)-1;

void h5_chunks_init(struct chunks *c, size_t dataset_rows, size_t rows, size_t row_bytes,
		    bool fresh)
{
	*c = (struct chunks){.rows = rows,
			     .row_bytes = row_bytes,
			     .n = (dataset_rows + rows - 1) / rows,
			     .held = NONE};
	if (fresh)
		c->unwritten = xcalloc(c->n + 1, 1);
	for (size_t i = 0; fresh && i < c->n; i++)
		c->unwritten[i] = 1;
}

static size_t chunk_bytes(const struct chunks *c)
{
	return c->rows * c->row_bytes;
}

static void put_sum(unsigned char *at, uint32_t sum)
{
	for (int i = 0; i < SUM_BYTES; i++)
		at[i] = (unsigned char)(sum >> 8 * i);
}

enum { START_BYTES = 4 << 20 }; /* a start for each chunk would take a tenth of the time */

/* Has the system begin to write the file to the disk, while more rows are computed. The sync at the
 * end (out_commit) then waits for less. A failure also shows in the sync. */
static void start_writing(struct h5 *f, size_t bytes)
{
	void *fd;

	f->unstarted += bytes;
	if (f->unstarted < START_BYTES)
		return;
	f->unstarted = 0;
	if (H5Fget_vfd_handle(f->file, H5P_DEFAULT, &fd) >= 0)
		sync_file_range(*(int *)fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static void write_held(struct h5 *f, struct dataset *d)
{
	struct chunks *c = &d->chunks;
	hsize_t offset[2] = {c->held * c->rows, 0};

	put_sum(c->data + chunk_bytes(c), fletcher32(c->data, chunk_bytes(c)));
	if (H5Dwrite_chunk(d->id, H5P_DEFAULT, 0, offset, chunk_bytes(c) + SUM_BYTES, c->data) < 0)
		h5_fail(f, "write", "dataset", d->path);
	start_writing(f, chunk_bytes(c));
	if (c->unwritten)
		c->unwritten[c->held] = 0;
	c->changed = false;
}

/* Reads chunk `which` with its checksum. */
static void read_chunk(struct h5 *f, struct dataset *d, size_t which, unsigned char *to)
{
	const struct chunks *c = &d->chunks;
	hsize_t offset[2] = {which * c->rows, 0}, stored;
	unsigned char sum[SUM_BYTES];
	uint32_t skipped = 0;

	if (H5Dget_chunk_storage_size(d->id, offset, &stored) < 0)
		h5_fail(f, "read", "dataset", d->path);
	if (stored != chunk_bytes(c) + SUM_BYTES)
		die("dataset '%s' of '%s' is damaged: expected %zu bytes in a chunk, found %llu",
		    d->path, f->path, chunk_bytes(c) + SUM_BYTES, (unsigned long long)stored);
	if (H5Dread_chunk(d->id, H5P_DEFAULT, offset, &skipped, to) < 0)
		h5_fail(f, "read", "dataset", d->path);
	put_sum(sum, fletcher32(to, chunk_bytes(c)));
	if (skipped || memcmp(sum, to + chunk_bytes(c), SUM_BYTES))
		die("dataset '%s' of '%s' is damaged: a chunk has another checksum than its data",
		    d->path, f->path);
}

/* Gets chunk `which` into memory. `contents`: with what it holds on disk, because it is not
 * overwritten whole. */
static void hold(struct h5 *f, struct dataset *d, size_t which, bool contents)
{
	struct chunks *c = &d->chunks;

	if (c->held == which)
		return;
	if (c->changed)
		write_held(f, d);
	if (!c->data)
		c->data = xmalloc(chunk_bytes(c) + SUM_BYTES);
	c->held = which;
	if (c->unwritten && c->unwritten[which])
		memset(c->data, 0, chunk_bytes(c));
	else if (contents)
		read_chunk(f, d, which, c->data);
}

/* Called after a portion that ends before row `end`. Rows mostly go from first to last, so at the
 * end of the dataset its memory is freed. Files can then stay open at no cost. */
static void passed(struct h5 *f, struct dataset *d, size_t end)
{
	struct chunks *c = &d->chunks;

	if (end < d->rows)
		return;
	if (c->changed)
		write_held(f, d);
	free(c->data);
	c->data = NULL;
	c->held = NONE;
}

/* How many of rows [row0, row0+nrows) are in the chunk of row0. *first: row0 within this chunk. */
static size_t rows_in_chunk(const struct chunks *c, size_t row0, size_t nrows, size_t *first)
{
	*first = row0 % c->rows;
	return nrows < c->rows - *first ? nrows : c->rows - *first;
}

void h5_chunks_write(struct h5 *f, struct dataset *d, size_t row0, size_t nrows,
		     const struct conversion *how, const void *from)
{
	struct chunks *c = &d->chunks;
	const unsigned char *p = from;

	for (size_t n, first; nrows; nrows -= n, row0 += n) {
		n = rows_in_chunk(c, row0, nrows, &first);
		hold(f, d, row0 / c->rows, n < c->rows);
		c->changed = true;
		how->convert(c->data + first * c->row_bytes, p, n * how->row);
		p += n * how->row * how->bytes;
		passed(f, d, row0 + n);
	}
}

/* Whether the chunk of row0 can be read to where it is wanted: whole, unchanged, and with room for
 * the checksum behind it, where the next rows will be. */
static bool goes_straight(const struct chunks *c, size_t row0, size_t nrows,
			  const struct conversion *how)
{
	return how->plain && row0 % c->rows == 0 && nrows > c->rows && c->row_bytes >= SUM_BYTES &&
	       c->held != row0 / c->rows && !c->unwritten;
}

void h5_chunks_read(struct h5 *f, struct dataset *d, size_t row0, size_t nrows,
		    const struct conversion *how, void *to)
{
	struct chunks *c = &d->chunks;
	unsigned char *p = to;

	for (size_t n, first; nrows; nrows -= n, row0 += n) {
		n = rows_in_chunk(c, row0, nrows, &first);
		if (goes_straight(c, row0, nrows, how)) {
			read_chunk(f, d, row0 / c->rows, p);
		} else {
			hold(f, d, row0 / c->rows, true);
			how->convert(p, c->data + first * c->row_bytes, n * how->row);
		}
		p += n * how->row * how->bytes;
		passed(f, d, row0 + n);
	}
}

/* Rows that were never written read as zeros. */
void h5_chunks_close(struct h5 *f, struct dataset *d)
{
	struct chunks *c = &d->chunks;

	if (c->changed)
		write_held(f, d);
	for (size_t i = 0; c->unwritten && i < c->n; i++)
		if (c->unwritten[i]) {
			hold(f, d, i, false);
			write_held(f, d);
		}
	free(c->unwritten);
	free(c->data);
	*c = (struct chunks){.held = NONE};
}
