/* address_space.h: the address space that the linear algebra libraries claim for themselves. */
#ifndef ADDRESS_SPACE_H
#define ADDRESS_SPACE_H

#include <stddef.h>

/* From here on OpenBLAS computes with one thread. Where addresses or data are limited (ulimit -v,
 * ulimit -d): die() unless there is room for what the libraries will map; then makes them map it
 * now. Later it would be too late. Without room for a work area OpenBLAS tries again for ever, and
 * oneDNN crashes without memory for its generated code.
 *
 * OpenBLAS maps 128 MB for each thread that calls it, and touches at most 8 MB. A limit on data
 * counts private pages whether they are touched or not. So the areas become shared memory, which
 * it does not count; the plan of a process's memory has what is touched of them. */
void address_space_claim(int threads);
/* What a limit on data leaves beside the libraries' mappings. SIZE_MAX: there is no limit. */
size_t address_space_data(int threads);

#endif
