/* address_space.h: the address space that the linear algebra libraries claim for themselves. */
#ifndef ADDRESS_SPACE_H
#define ADDRESS_SPACE_H

/* From here on OpenBLAS computes with one thread. Where addresses are limited (ulimit -v): die()
 * unless there is room for what the libraries will map; then makes them map it now. Later it would
 * be too late. Without room for a work area OpenBLAS tries again for ever, and oneDNN crashes
 * without memory for its generated code. */
void address_space_claim(int threads);

#endif
