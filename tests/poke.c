/* poke.c: writes one number (also nan, inf and -inf) into a dataset of an HDF5 file at (row,
 * column), and makes the checksum again. The file is then not damaged, but as a faulty computation
 * would leave it. */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/opts.h"

static const char *path, *dataset, *value;
static long row, col;

static const struct opt options[] = {
	{"file", 0, OPT_STRING, &path, true, 0, 0, "FILE", "HDF5 file"},
	{"dataset", 0, OPT_STRING, &dataset, true, 0, 0, "NAME", "of rank 1 or 2"},
	{"row", 0, OPT_LONG, &row, false, 0, 0, "N", "row"},
	{"col", 0, OPT_LONG, &col, false, 0, 0, "N", "column"},
	{"value", 0, OPT_STRING, &value, true, 0, 0, "X", "number"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "poke", .summary = "write one number into an HDF5 file", .opts = options};

int main(int argc, char **argv)
{
	opts_parse(&tool, argc, argv);
	double x = strtod(value, NULL);
	hid_t f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), d = H5Dopen2(f, dataset, H5P_DEFAULT),
	      file = H5Dget_space(d);
	hsize_t at[2] = {(hsize_t)row, (hsize_t)col}, one[2] = {1, 1};
	hid_t memory = H5Screate_simple(1, one, NULL);

	if (H5Sselect_hyperslab(file, H5S_SELECT_SET, at, NULL, one, NULL) < 0 ||
	    H5Dwrite(d, H5T_NATIVE_DOUBLE, memory, file, H5P_DEFAULT, &x) < 0)
		die("cannot write (%ld, %ld) of '%s' in '%s'", row, col, dataset, path);
	if (H5Sclose(memory) < 0 || H5Sclose(file) < 0 || H5Dclose(d) < 0 || H5Fclose(f) < 0)
		die("cannot write '%s'", path);
	return 0;
}
