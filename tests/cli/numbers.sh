#!/bin/sh
# NaN and infinity stop a run where they appear: in weights, rows, states, Grams or solutions. The message names
# task, site and row, or tensor and element.
. "$(dirname "$0")/../lib.sh"
SMALL="$SMALL KEEP_ACTS=1"
tiny
worked

# spoil FILE DATASET ROW COL VALUE: copies FILE with this number in it; the copy is $COPY.
spoil() { copy "$1" spoiled.h5; must "$HELP/poke" --file "$COPY" --dataset "$2" --row "$3" --col "$4" --value "$5"; }
q=/modules/encoder.block.1.layer.0.SelfAttention.q

for x in nan inf -inf; do
	# Weights: the last tensor's last element.
	for file in model/model loras/tec/adapter_model; do
		bytes='\000\000\200\177'
		[ $x = nan ] && bytes='\000\000\300\177'
		[ $x = -inf ] && bytes='\000\000\200\377'
		rm -rf "$T/bad"
		cp -r "$T/tiny" "$T/bad"
		end=$(wc -c <"$T/bad/$file.safetensors")
		printf "$bytes" | dd of="$T/bad/$file.safetensors" bs=1 seek=$((end - 4)) conv=notrunc status=none
		case $file in
		model/*) (model=$T/bad/model
		refuses "weights: $x in the model" 1 \
			"model.safetensors': tensor '[^']+': element [0-9]+ is (NaN|infinite)" eval_emotion) ;;
		*) (adapter=$T/bad/loras/tec
		refuses "weights: $x in an adapter" 1 \
			"adapter_model.safetensors': tensor '[^']+': element [0-9]+ is (NaN|infinite)" eval_emotion) ;;
		esac
	done

	# Every tensor that a tool computes with, where it is first read. With the tokens tied: the row of </s>,
	# which every text has.
	in_weights() { # TENSOR ELEMENT TOOL…
		tensor=$1 element=$2 file=$T/bad/model/model.safetensors
		shift 2
		rm -rf "$T/bad"; mkdir "$T/bad"; cp -r "$M" "$T/bad/model"
		begin=$(grep -ao "\"$tensor\":{[^}]*}" "$file" | sed 's/.*"data_offsets":\[\([0-9]*\),.*/\1/')
		printf "$bytes" |
			dd of="$file" bs=1 seek=$((8 + $(od -An -tu8 -N8 "$file") + begin + 4 * element)) conv=notrunc \
			status=none
		for tool in "$@"; do
			(model=$T/bad/model
				refuses "$tensor: $x ($tool)" 1 \
				"model.safetensors': tensor '$tensor': element $element is (NaN|infinite)" $tool)
		done
	}
	in_weights shared.weight 32 extract_acts extract_merged eval_emotion
	for tensor in layer.0.SelfAttention.k layer.0.SelfAttention.o layer.0.layer_norm \
		layer.0.SelfAttention.relative_attention_bias \
		layer.1.DenseReluDense.wi_0 layer.1.DenseReluDense.wi_1 layer.1.DenseReluDense.wo layer.1.layer_norm; do
		in_weights encoder.block.0.$tensor.weight 5 extract_acts extract_merged
	done
	in_weights encoder.block.1.layer.0.layer_norm.weight 5 extract_acts
	(site=encoder-output sites=enc00-self,enc01-self,encoder-output
		in_weights encoder.final_layer_norm.weight 5 extract_acts extract_merged)
	in_weights encoder.block.1.layer.0.SelfAttention.q.weight 5 compute_grams
	in_weights decoder.final_layer_norm.weight 5 generate_tokens eval_emotion
	in_weights lm_head.weight 5 generate_tokens eval_emotion
	for tensor in layer.0.SelfAttention.v layer.0.SelfAttention.relative_attention_bias layer.1.EncDecAttention.k \
		layer.1.EncDecAttention.o layer.1.layer_norm \
		layer.2.DenseReluDense.wo layer.2.layer_norm; do
		in_weights decoder.block.0.$tensor.weight 5 generate_tokens
	done

	spoil "$W/own/tec/enc00-self.h5" /state 7 3 $x
	refuses "state: $x" 3 "task '?tec'?,? site enc01-self,? row [0-9]+.* not finite" extract_acts --from "$COPY"
	spoil "$W/own/tec/enc01-self.h5" /rows 7 3 $x
	(own=$COPY; refuses "rows: $x" 3 "task tec, site enc01-self: row 7 .*not finite" compute_grams)
	spoil "$W/merged/tec/enc01-self.h5" /rows 9 0 $x
	(merged=$COPY
		refuses "rows of the merged side: $x" 3 "task tec, site enc01-self: row 9 .*not finite" compute_grams)

	rm -rf "$T/grams"
	cp -r "$W/grams" "$T/grams"
	must "$HELP/poke" --file "$T/grams/tec/enc01-self.h5" --dataset $q/H --row 4 --col 4 --value $x
	(grams="$T/grams/{task}/enc01-self.h5"
		refuses "Gram: $x in H" 3 "site enc01-self, task tec, .*row 4.* not finite" solve_layer)
	cp -r "$W/grams" "$T/" 2>/dev/null
	cp "$W/grams/tec/enc01-self.h5" "$T/grams/tec/enc01-self.h5"
	must "$HELP/poke" --file "$T/grams/tec/enc01-self.h5" --dataset $q/AC --row 1 --col 2 --value $x
	(grams="$T/grams/{task}/enc01-self.h5"
		refuses "Gram: $x in A G" 3 "site enc01-self, task tec, .*row 1.* not finite" solve_layer)

	rm -rf "$T/solution"
	cp -r "$W/solution" "$T/solution"
	must "$HELP/poke" --file "$T/solution/enc00-self.h5" \
		--dataset /modules/encoder.block.0.layer.0.SelfAttention.q/A --row 2 --col 5 --value $x
	(solutions=$T/solution
		refuses "solution: $x, read by assemble-lora" 3 "enc00-self.h5.*row 2 .*not finite" assemble_lora)
	(solutions=$T/solution
		refuses "solution: $x, read by the merged side" 3 \
		"(enc00-self.h5.*row 2|task '?tec'?,? site enc01-self,? row [0-9]+).* not finite" extract_merged)
done

# A system that is not positive definite: the pivot is named. (One of 2 tasks is made such that the sum is not.)
rm -rf "$T/grams"
cp -r "$W/grams" "$T/grams"
must "$HELP/poke" --file "$T/grams/tec/enc01-self.h5" --dataset $q/H --row 3 --col 3 --value -1e9
(grams="$T/grams/{task}/enc01-self.h5"; refuses 'a system that is not positive definite' 3 \
	'site enc01-self, .*SelfAttention.q.*not positive definite at pivot 4 of 32' solve_layer)
for key in relative_residual condition; do
	check "$key is in the solution" sh -c 'h5dump -a "$1" "$2" | grep -Eq "\(0\): [0-9]"' \
		- "$q/$key" "$W/solution/enc01-self.h5"
done
numbers() { h5dump -y -w 0 -m %.17g -d "$1" "$W/solution/enc01-self.h5" | sed -n 's/^ *\([0-9.e-]*\),*$/\1/p'; }
check "each task's residual is in the solution" [ "$(numbers $q/task_residual | wc -l)" = 2 ]
check "the tasks' shares sum to 1" \
	[ "$(numbers $q/task_share | awk '{ s += $1 } END { printf "%d %.9f", NR, s }')" = '2 1.000000000' ]
for key in largest_row largest_row_norm largest_row_task; do
	check "$key is in the solution" sh -c 'h5dump -a "$1" "$2" | grep -Eq "\(0\): [0-9\"]"' \
		- "/$key" "$W/solution/enc01-self.h5"
done
finish
