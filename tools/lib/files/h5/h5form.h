/* h5form.h: checks that an HDF5 file has the form that h5 writes, byte for byte where nothing
 * varies.
 *
 * The HDF5 library believes what a file says about itself. With correct checksums and wrong
 * contents it divides by zero, reads beyond its memory, or never ends. So a file is checked here
 * before the library reads it. Allowed are only:
 * - the superblock;
 * - headers of groups and datasets, with exactly the messages and fixed settings that h5 makes;
 * - chunks with fletcher32, in files of exactly the right length.
 *
 * The library itself checks the checksums. */
#ifndef H5FORM_H
#define H5FORM_H

/* The file begins with HDF5's signature. die() when it has another form: from another program,
 * truncated, or damaged. */
void h5form_check(const char *path);

#endif
