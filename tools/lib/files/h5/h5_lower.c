/* h5_lower.c: see h5_lower.h. */
#include "files/h5/h5_lower.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

static int tiles_across(int d)
{
	return (d + LOWER_TILE - 1) / LOWER_TILE;
}

int lower_tile(int d)
{
	int across = tiles_across(d);

	return across ? (d + across - 1) / across : 1;
}

static size_t tile_at(int I, int J)
{
	return (size_t)I * ((size_t)I + 1) / 2 + (size_t)J;
}

static size_t rows_of(int d)
{
	return tile_at(tiles_across(d), 0) * (size_t)lower_tile(d);
}

size_t lower_bytes(int d)
{
	return rows_of(d) * (size_t)lower_tile(d) * sizeof(double);
}

void lower_dataset(struct h5 *f, const char *path, int d)
{
	h5_dataset(f, path, H5_F64, rows_of(d), (size_t)lower_tile(d));
}

void lower_expect(struct h5 *f, const char *path, int d)
{
	h5_expect_shape(f, path, rows_of(d), (size_t)lower_tile(d));
}

/* Rows or columns of tile row I that are in the matrix. */
static int inside(int d, int I)
{
	int b = lower_tile(d);

	return d - I * b < b ? d - I * b : b;
}

static double *new_tile(int d)
{
	size_t b = (size_t)lower_tile(d);

	return xcalloc(b * b, sizeof(double));
}

/* Which rows of tile row I are among rows [i0, i0+n) of the matrix. */
struct overlap {
	int first, n; /* within the tile */
	size_t at;    /* where the first of them is among the n rows */
};

static struct overlap overlap(int d, int I, int i0, int n)
{
	int b = lower_tile(d), from = i0 > I * b ? i0 : I * b, last = I * b + inside(d, I),
	    end = i0 + n < last ? i0 + n : last;

	return (struct overlap){from - I * b, end - from, (size_t)(from - i0)};
}

/* Writes the part of tile (I, J) that the rows have. */
static void write_part(struct h5 *f, const char *path, int d, int I, int J, const struct overlap *o,
		       const double *rows, double *tile)
{
	size_t b = (size_t)lower_tile(d);

	memset(tile, 0, b * b * sizeof(*tile));
	for (int i = 0; i < o->n; i++) {
		int row = o->first + i, n = J == I ? row + 1 : inside(d, J);

		memcpy(tile + (size_t)i * b, rows + (o->at + (size_t)i) * (size_t)d + (size_t)J * b,
		       (size_t)n * sizeof(*tile));
	}
	h5_write_double(f, path, tile_at(I, J) * b + (size_t)o->first, (size_t)o->n, tile);
}

void lower_write(struct h5 *f, const char *path, int d, int i0, int n, const double *rows)
{
	double *tile = new_tile(d);

	for (int I = 0; I < tiles_across(d); I++) {
		struct overlap o = overlap(d, I, i0, n);

		for (int J = 0; o.n > 0 && J <= I; J++)
			write_part(f, path, d, I, J, &o, rows, tile);
	}
	free(tile);
}

void lower_read_tile(struct h5 *f, const char *path, int d, int I, int J, double *tile)
{
	size_t b = (size_t)lower_tile(d);

	BUG_IF(J > I);
	h5_read_double(f, path, tile_at(I, J) * b, b, tile);
	for (size_t i = 0; J == I && i < b; i++)
		for (size_t j = i + 1; j < b; j++)
			tile[i * b + j] = tile[j * b + i];
}

/* Columns of tile (I, J), J ≤ I. */
static void copy_rows(const struct overlap *o, const double *tile, int d, int J, double *rows)
{
	size_t b = (size_t)lower_tile(d);

	for (int i = 0; i < o->n; i++)
		memcpy(rows + (o->at + (size_t)i) * (size_t)d + (size_t)J * b,
		       tile + (size_t)(o->first + i) * b, (size_t)inside(d, J) * sizeof(*tile));
}

/* Columns of tile (I, J), J > I: the transposed tile (J, I). */
static void copy_columns(const struct overlap *o, const double *tile, int d, int J, double *rows)
{
	size_t b = (size_t)lower_tile(d);

	for (int i = 0; i < o->n; i++)
		for (int j = 0; j < inside(d, J); j++)
			rows[(o->at + (size_t)i) * (size_t)d + (size_t)J * b + (size_t)j] =
				tile[(size_t)j * b + (size_t)(o->first + i)];
}

void lower_read(struct h5 *f, const char *path, int d, int i0, int n, double *rows)
{
	double *tile = new_tile(d);

	for (int I = 0; I < tiles_across(d); I++) {
		struct overlap o = overlap(d, I, i0, n);

		for (int J = 0; o.n > 0 && J < tiles_across(d); J++) {
			lower_read_tile(f, path, d, J > I ? J : I, J > I ? I : J, tile);
			(J > I ? copy_columns : copy_rows)(&o, tile, d, J, rows);
		}
	}
	free(tile);
}

/* The column of the matrix's diagonal in a row of the dataset; −1: the row's tile has none. */
static int diagonal_in(int d, size_t row)
{
	size_t b = (size_t)lower_tile(d), tile = row / b;
	int I = 0;

	while (tile_at(I, I) < tile)
		I++;
	return tile_at(I, I) == tile ? (int)(row % b) : -1;
}

/* Every cell below the diagonal stands for two. */
double lower_norm2(int d, size_t row0, size_t n, const double *cells)
{
	size_t b = (size_t)lower_tile(d);
	double sum = 0;

	for (size_t i = 0; i < n; i++, cells += b) {
		int at = diagonal_in(d, row0 + i);

		for (size_t j = 0; j < b; j++)
			sum += ((int)j == at ? 1 : 2) * cells[j] * cells[j];
	}
	return sum;
}
