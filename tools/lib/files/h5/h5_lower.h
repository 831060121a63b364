/* h5_lower.h: a symmetric matrix in a file, as tiles of its lower triangle: half the disk, and no
 * part of the matrix is needed in memory beyond a tile.
 *
 * The dataset (tiles · b, b) has the tiles (I, J), J ≤ I, row by row: tile (I, J) is number
 * I (I+1)/2 + J and has b rows, b ≤ LOWER_TILE. What lies above the diagonal, or beyond the
 * matrix's edge, is zero in the file. */
#ifndef H5_LOWER_H
#define H5_LOWER_H

#include "files/h5/h5.h"

enum { LOWER_TILE = 256 }; /* 512 KB of float64: a chunk of a dataset */

/* The rows b of a tile. They are as few as the number of tiles permits. */
int lower_tile(int d);
size_t lower_bytes(int d); /* of the dataset */
/* Creates the dataset of a matrix (d, d); die() unless a file has such a one. */
void lower_dataset(struct h5 *f, const char *path, int d);
void lower_expect(struct h5 *f, const char *path, int d);

/* Writes rows [i0, i0+n), given as (n, d). What they have right of the diagonal is not used. */
void lower_write(struct h5 *f, const char *path, int d, int i0, int n, const double *rows);
/* Reads rows [i0, i0+n) whole, (n, d). */
void lower_read(struct h5 *f, const char *path, int d, int i0, int n, double *rows);
/* What rows [row0, row0+n) of the dataset, (n, b), add to ‖·‖²_F of the matrix. */
double lower_norm2(int d, size_t row0, size_t n, const double *cells);
/* Reads tile (I, J), J ≤ I, into (b, b). A tile on the diagonal gets both of its triangles. */
void lower_read_tile(struct h5 *f, const char *path, int d, int I, int J, double *tile);

#endif
