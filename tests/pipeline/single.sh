#!/bin/sh
# Merging one adapter gives it back, whatever its kind and the method: scales, ranks and targets are read and written as PEFT means them.
. "$(dirname "$0")/../lib.sh"
deltas() { check "$1" "$HELP/compare-deltas" --model "$M" --a "$2" --b "$3" --max "$4"; }
for model in gated relu; do
	flag=
	[ $model = gated ] || flag=--relu
	for kind in plain rslora pattern; do
		must "$HELP/tiny-model" -q $flag --adapters $kind --tasks tec -o "$T/$model-$kind"
		M=$T/$model-$kind/model L=$T/$model-$kind/loras D=$T/$model-$kind/data
		for method in sweep regmean average; do
			[ $model = gated ] || [ $method = sweep ] || continue
			W=$T/$model-$kind/$method
			must run "$W" -j2 merge TASK_TARGETS=tec MANUAL_CEOF=1 METHOD=$method
			deltas "$model, $kind, $method: the adapter comes back" "$W/adapter" "$L/tec" 1e-5
		done
	done
done

# The comparison can tell: another adapter, one with another scale, one with a module less.
must "$HELP/tiny-model" -q --adapters plain --tasks tec --seed 2 -o "$T/other"
M=$T/gated-plain/model W=$T/gated-plain/sweep L=$T/gated-plain/loras
check 'another adapter is another' sh -c '! "$@"' - "$HELP/compare-deltas" --model "$M" --a "$W/adapter" --b "$T/other/loras/tec" --max 0.5
copy "$L/tec" scaled; sed -i 's/"lora_alpha": 8/"lora_alpha": 8.001/' "$COPY/adapter_config.json"
check 'a scale that differs by 1e-4 is seen' sh -c '! "$@"' - "$HELP/compare-deltas" --model "$M" --a "$W/adapter" --b "$COPY"
check 'other modules are seen' sh -c '! "$@"' - "$HELP/compare-deltas" --model "$T/gated-pattern/model" --a "$T/gated-pattern/loras/tec" --b "$T/gated-plain/loras/tec" --max 9

# The average of two adapters is the mean of their changes: an average with itself is the adapter.
must "$HELP/tiny-model" -q --tasks tec,isear -o "$T/twins"
M=$T/twins/model L=$T/twins/loras D=$T/twins/data
cp "$L/tec/"* "$L/isear/"
must run "$T/twins/average" -j2 merge TASK_TARGETS=tec,isear MANUAL_CEOF=1 METHOD=average
deltas 'the average of an adapter and itself' "$T/twins/average/adapter" "$L/tec" 1e-5
finish
