#!/bin/sh
# Merging one adapter gives it back, whatever its kind and the method. So scales, ranks and targets are read and
# written as PEFT means them. The expected change is not read from the adapter by the tools' own reader, which could
# be wrong both times: tiny-model writes it (deltas/).
. "$(dirname "$0")/../lib.sh"
BIG='--rank 8 --alpha 32' # s = 4, or 11.3 with use_rslora; of a pattern adapter only alpha is this
deltas() { check "$1" "$HELP/compare-deltas" --model "$M" --a "$2" --b "$3" --max "$4"; }
for model in gated relu; do
	flag=
	[ $model = gated ] || flag=--relu
	for kind in plain rslora pattern; do
		# shellcheck disable=SC2086
		must "$HELP/tiny-model" -q $flag $BIG --adapters $kind --tasks tec -o "$T/$model-$kind"
		M=$T/$model-$kind/model L=$T/$model-$kind/loras D=$T/$model-$kind/data
		for method in sweep regmean average; do
			[ $model = gated ] || [ $method = sweep ] || continue
			W=$T/$model-$kind/$method
			must run "$W" -j2 merge TASK_TARGETS=tec MANUAL_CEOF=1 METHOD=$method
			deltas "$model, $kind, $method: the adapter comes back" "$W/adapter" \
				"$T/$model-$kind/deltas/tec.safetensors" 1e-5
		done
	done
done

# The comparison can fail: with another adapter, another scale, or one module less.
must "$HELP/tiny-model" -q --adapters plain --tasks tec --seed 2 -o "$T/other"
M=$T/gated-plain/model W=$T/gated-plain/sweep L=$T/gated-plain/loras
check 'another adapter is another' sh -c '! "$@"' - "$HELP/compare-deltas" --model "$M" --a "$W/adapter" \
	--b "$T/other/loras/tec" --max 0.5
differs() { # NAME KIND SED: a merge of the adapter with that edit of its config is not the adapter's change
	copy "$T/gated-$2/loras" edited; sed -i "$3" "$COPY/tec/adapter_config.json"
	cmp -s "$COPY/tec/adapter_config.json" "$T/gated-$2/loras/tec/adapter_config.json" && { \
		not_ok "$1: nothing edited"; return; }
	L=$COPY
	must run "$T/edited-work" -j2 merge TASK_TARGETS=tec MANUAL_CEOF=1 METHOD=average
	check "$1" sh -c '! "$@" && "$1" --model "$3" --a "$5" --b "$7" --max 100' - \
		"$HELP/compare-deltas" --model "$T/gated-$2/model" --a "$T/edited-work/adapter" \
			--b "$T/gated-$2/deltas/tec.safetensors"
}
differs 'a scale that differs by 3e-5 is seen' plain 's/"lora_alpha": 32/"lora_alpha": 32.001/'
differs 'alpha taken for r is seen' plain 's/"lora_alpha": 32/"lora_alpha": 8/'
differs 'use_rslora overlooked is seen' rslora 's/"use_rslora": true/"use_rslora": false/'
differs 'alpha_pattern overlooked is seen' pattern 's/, "alpha_pattern": {[^}]*}//'
L=$T/gated-plain/loras
check 'other modules are seen' sh -c '! "$@"' - "$HELP/compare-deltas" --model "$T/gated-pattern/model" \
	--a "$T/gated-pattern/loras/tec" --b "$T/gated-plain/loras/tec" --max 9

# The average of two adapters is the mean of their changes. The average of an adapter with itself is the adapter.
must "$HELP/tiny-model" -q --tasks tec,isear -o "$T/twins"
M=$T/twins/model L=$T/twins/loras D=$T/twins/data
cp "$L/tec/"* "$L/isear/"
must run "$T/twins/average" -j2 merge TASK_TARGETS=tec,isear MANUAL_CEOF=1 METHOD=average
deltas 'the average of an adapter and itself' "$T/twins/average/adapter" "$L/tec" 1e-5
finish
