#!/bin/sh
# Merges of the small random models of tests/golden/merges against dense float64 ones: adapters with nothing in common.
# The bar set for the product is 1e-3; measured 9e-7. A solve magnifies the rows' float32 errors by up to 1 + 1/alpha_2,
# in directions that hold little of ΔW.
. "$(dirname "$0")/../lib.sh"
for model in llama qwen2; do
	golden=tests/golden/merges/$model
	for method in sweep regmean jacobi; do
		must make --no-print-directory BUILD="$BUILD" merge TASK_TYPE=SMALL \
			CONFIG=tests/golden/merges/config.yaml METHOD=$method \
			MODEL=tests/golden/families/$model LORAS=$golden/loras DATA=$golden/data \
			WORK="$T/$model-$method"
		check "$model, $method: every module's change within 1e-5 of the float64 merge" \
			"$HELP/compare-factors" --adapter "$T/$model-$method/adapter" \
			--reference "$golden/$method.safetensors" --max 1e-5
	done
done
finish
