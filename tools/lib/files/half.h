/* half.h: float16 (IEEE half) from and to float. Rounds to nearest even; values out of range become
 * infinity; a NaN becomes quiet. */
#ifndef HALF_H
#define HALF_H

#include <stddef.h>
#include <stdint.h>

void halves_from_floats(uint16_t *h, const float *x, size_t n);
void floats_from_halves(float *x, const uint16_t *h, size_t n);

#endif
