/* h5form.h: whether an HDF5 file has the form that h5 writes, byte for byte where nothing varies.
 *
 * The HDF5 library believes what a file says about itself: with right checksums and wrong contents
 * it divides by zero, reads beyond its memory, runs in circles. So what it is to read is looked at
 * here first, and nothing else passes: the superblock, headers of groups and datasets with just the
 * messages and the fixed settings that h5 makes, chunks with fletcher32 in files of their exact
 * length. Checksums are the library's business. */
#ifndef H5FORM_H
#define H5FORM_H

/* die() when the file, which begins with HDF5's signature, is of another form: another program's,
 * truncated, or damaged. */
void h5form_check(const char *path);

#endif
