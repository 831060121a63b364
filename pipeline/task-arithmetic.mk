# task-arithmetic (Ilharco et al., ICLR 2023): the sum of the adapters' changes, scaled.

include pipeline/scale.mk
