/* address_space.h: the address space that the linear algebra libraries take for themselves. */
#ifndef ADDRESS_SPACE_H
#define ADDRESS_SPACE_H

/* OpenBLAS computes with one thread from here on. Where addresses are limited (ulimit -v): die()
 * unless there is room for what the libraries will map, and has them map it. OpenBLAS tries again
 * for ever where it gets no work area, and oneDNN crashes where it gets no memory for the code that
 * it generates, so that must not come up later. */
void address_space_claim(int threads);

#endif
