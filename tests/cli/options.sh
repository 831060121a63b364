#!/bin/sh
# Options of every tool: wrong, missing, out of range; help and version.
. "$(dirname "$0")/../lib.sh"
tiny
worked

for tool in $TOOLS plan_pipeline; do
	refuses "$tool: an unknown option, the nearest named" 2 \
		"^$(echo "$tool" | sed 's/extract_merged/extract_acts/' |
		tr _ -): unknown option '--modle'; did you mean '--model'\?" $tool --modle x
	refuses "$tool: no positional arguments" 2 "unexpected argument 'more'" $tool more
	refuses "$tool: an option without its value" 2 \
		"option '--threads' needs a value|option '-t' needs a value|'-t.*needs a value" $tool -t
	refuses "$tool: an option twice" 2 "'--model' is given twice" $tool --model x
	refuses "$tool: no number" 2 "'?-t.*expected an integer.*found '2x'" $tool -t 2x
	refuses "$tool: zero threads" 2 "'?-t.*expected an integer.*found '0'" $tool -t 0
	refuses "$tool: an unknown backend" 2 "expected cpu or cuda, found 'tpu'" $tool -b tpu
	refuses "$tool: no size" 2 "max-memory.*found '1Q'" $tool --max-memory 1Q
done
refuses 'report_eval: an unknown option' 2 "unknown option '--task'; did you mean '--tasks'" report_eval --task x

for tool in draw-samples extract-acts generate-tokens compute-grams solve-layer assemble-lora eval-emotion report-eval \
	plan-pipeline; do
	[ $tool = plan-pipeline ] ||
		refuses "$tool: a required option is missing" 2 "^$tool: option '--[a-z-]+' is required" "$BUILD/$tool"
	check "$tool --help names its options" sh \
		-c '"$1" --help | grep -q -- "--threads" && [ -z "$("$1" --help 2>&1 >/dev/null)" ]' - "$BUILD/$tool"
	check "$tool --version" sh -c '"$1" --version | grep -Eq "^$2 [0-9]+\.[0-9]"' - "$BUILD/$tool" $tool
done

number() { # NAME RANGE TOOL OPTIONS…: a value out of range
	name=$1 range=$2
	shift 2
	refuses "$name" 2 "$range" "$@"
}
(samples_num=0; number 'draw-samples: no samples' "samples-num.*from 1 to.*found '0'" draw_samples)
number 'draw-samples: a max-length of one' "max-length.*from 2 to.*found '1'" draw_samples --max-length 1
number 'draw-samples: no boolean' "shuffle.*found 'maybe'" draw_samples --shuffle maybe
number 'compute-grams: a share over 1' "reg-ceof.*from 0 to 1, found '1.5'" compute_grams --reg-ceof 1.5
number 'compute-grams: NaN' "reg-ceof.*found 'nan'" compute_grams --reg-ceof nan
number 'solve-layer: a negative ridge' "alpha-1.*found '-1'" solve_layer --alpha-1=-1
number 'solve-layer: too many weights' "manual-ceof '1,1,1'.*one for every task or one for all" solve_layer \
	--manual-ceof 1,1,1
number 'solve-layer: weights that sum to nothing' "manual-ceof '0,0'" solve_layer --manual-ceof 0,0
number 'solve-layer: an unknown method' "method 'sweeep'" solve_layer --method sweeep
number 'solve-layer: average takes no Grams' "average uses no Grams" solve_layer --method average
number 'generate-tokens: no new tokens' "max-new-tokens.*found '0'" generate_tokens --max-new-tokens 0
number 'generate-tokens: unknown features' "features 'pads'" generate_tokens --features pads
number 'extract-acts: unknown features' "features.*'pads'" extract_acts --features pads
number 'extract-acts: rows without a state' '--rows needs --from' extract_acts --rows x
number 'extract-acts: rounded rows' 'float32 rows of all positions' extract_acts --from x --rows x --use-fp16 1
number 'eval-emotion: a max-length over the limit' "max-length.*found '8193'" eval_emotion --max-length 8193
refuses 'assemble-lora: a scale, and a file of it' 2 '--scale and --scale-file exclude each other' assemble_lora \
	--scale 0.5 --scale-file x
must "$BUILD/solve-layer" -q --model "$M" --site enc01-self --tasks "$PAIR" --adapter "$L/{task}" \
	--grams "$W/grams/{task}/enc01-self.h5" \
	--manual-ceof 2,2 -o "$T/2.h5"
(out=$T/one.h5; must solve_layer -q --manual-ceof 2)
check 'solve-layer: one weight counts for all tasks' cmp "$T/2.h5" "$T/one.h5"
(site=enc02-self; number 'extract-acts: a site of another model' "'enc02-self'.* no site" extract_acts)
(site=enc00-cross; number 'compute-grams: cross-attention in the encoder' "'enc00-cross'.* no site" compute_grams)
(site=; number 'solve-layer: a nameless site' "'SELF'.* no site" "$BUILD/solve-layer" --model "$M" --site SELF \
	--tasks tec --adapter "$L/tec" --grams x -o "$OUT/x.h5")
(site=dec00-self; number 'extract-acts: a decoder site without tokens' '--(tokens|encoder-output)' extract_acts)
refuses 'extract-acts: an unknown side' 2 "'left'" "$BUILD/extract-acts" --model "$M" --side left --site enc00-self \
	--task tec --samples "$W/samples/tec.h5" -o "$OUT/x.h5"
refuses 'extract-acts: several tasks, one path' 2 'no \{task\} in it' "$BUILD/extract-acts" --model "$M" --side own \
	--site enc00-self --task tec,emoint \
	--samples "$W/samples/{task}.h5" --adapter "$L/{task}" -o "$OUT/x.h5"
refuses 'extract-acts: a task twice' 2 "'tec' is listed twice" "$BUILD/extract-acts" --model "$M" --side own \
	--site enc00-self --task tec,tec \
	--samples "$W/samples/{task}.h5" --adapter "$L/{task}" -o "$OUT/{task}.h5"
refuses 'eval-emotion: too little memory' 1 'max-memory.*at least [0-9]+ MB' eval_emotion --max-memory 1M
# Words that had other names in earlier versions.
(site=memory; refuses 'a site by its old name' 2 "--site 'memory' is called 'encoder-output' now" extract_acts)
(site=memory
	refuses 'a site by its old name, of the Grams' 2 "--site 'memory' is called 'encoder-output' now" compute_grams)
refuses 'an option by its old name' 2 "option '--lora' is called '--own' now" compute_grams --lora x
refuses 'a side by its old name' 2 "--side 'lora': expected own or merged" \
	"$BUILD/extract-acts" --model "$M" --side lora --site enc00-self --task tec \
	--samples "$W/samples/tec.h5" --adapter "$L/tec" -o "$OUT/x.h5"
finish
