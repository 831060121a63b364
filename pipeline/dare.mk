# dare (Yu et al., ICML 2024): drop entries at random, make up for them, and sum; then cut to low rank and scaled.

include pipeline/scale.mk
include pipeline/combine.mk
