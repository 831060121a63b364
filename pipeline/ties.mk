# ties (Yadav et al., NeurIPS 2023): trim, elect a sign, average what agrees; per module, then cut to low rank and scaled.

include pipeline/scale.mk
include pipeline/combine.mk
