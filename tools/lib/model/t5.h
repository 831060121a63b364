/* t5.h: the linears of T5's blocks, by their numbers in the family's table. */
#ifndef T5_H
#define T5_H

enum t5_slot {
	SELF_Q,
	SELF_K,
	SELF_V,
	SELF_O,
	CROSS_Q,
	CROSS_K,
	CROSS_V,
	CROSS_O,
	WI,
	WI_0,
	WI_1,
	WO
};

#endif
