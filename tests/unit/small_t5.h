/* small_t5.h: the widths of a small T5, all different, for several tests. */
#ifndef SMALL_T5_H
#define SMALL_T5_H

#include "model/t5.h"

#define SMALL_T5 .family = &family_t5, .D = 8, .F = 12, .NH = 2, .HS = 3, .DI = 6, .V = 50

/* The geometry with this many encoder and decoder blocks, gated. 2 + 1 blocks have 25 linears. */
#define SMALL_T5_OF(encoder, decoder) \
	((struct geometry){SMALL_T5, .L = {encoder, decoder}, .gated = true})

#endif
