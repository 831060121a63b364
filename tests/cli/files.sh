#!/bin/sh
# Intermediate files that are missing, cut, damaged, of another kind or of another run. Each reader names the file,
# and says what it expected.
. "$(dirname "$0")/../lib.sh"
tiny
worked

# The readers: tool, the variable that names its input, the good file, its schema.
reader_samples="$W/samples/tec.h5" reader_own="$W/own/tec/enc01-self.h5" reader_merged="$W/merged/tec/enc01-self.h5" \
	reader_encoder_output="$W/own/tec/encoder-output.h5"
every() { # FUNCTION: calls it for every reader as FUNCTION TOOL VARIABLE GOOD SCHEMA
	"$1" extract_acts samples "$reader_samples" iteris-samples
	"$1" generate_tokens samples "$reader_samples" iteris-samples
	"$1" generate_tokens encoder_output "$reader_encoder_output" iteris-acts
	"$1" compute_grams own "$reader_own" iteris-acts
	"$1" compute_grams merged "$reader_merged" iteris-acts
	"$1" compute_grams norms "$W/norms/tec/enc01-self.h5" iteris-norms
	"$1" solve_layer grams "$W/grams/tec/enc01-self.h5" iteris-grams
	"$1" assemble_lora solutions "$W/solution/enc00-self.h5" iteris-solution
	"$1" extract_merged solutions "$W/solution/enc00-self.h5" iteris-solution
}
# bad TOOL VARIABLE FILE: makes the tool read FILE. Grams and solutions are given as folders of several files.
bad() {
	case $2 in
	grams)
		rm -rf "$T/grams"; cp -r "$W/grams" "$T/grams"
		rm "$T/grams/tec/enc01-self.h5"; [ ! -e "$3" ] || cp "$3" "$T/grams/tec/enc01-self.h5"
		grams="$T/grams/{task}/enc01-self.h5" file=grams/tec/enc01-self.h5 ;;
	solutions)
		rm -rf "$T/solution"; cp -r "$W/solution" "$T/solution"
		rm "$T/solution/enc00-self.h5"; [ ! -e "$3" ] || cp "$3" "$T/solution/enc00-self.h5"
		solutions=$T/solution file=solution/enc00-self.h5 ;;
	*) eval "$2=\$3"; file=$(basename "$3") ;;
	esac
}
missing() { (bad "$1" "$2" "$T/none.h5"; refuses "$1: no $2" 1 "cannot open '.*$file': No such file" "$1"); }
every missing

cut_short() { for keep in 0 100 1000; do
	head -c $keep "$3" >"$T/cut.h5"
	(bad "$1" "$2" "$T/cut.h5"
		refuses "$1: $2 of $keep bytes" 1 "'.*$file' is (not an HDF5 file|damaged)|cannot open '.*$file'" \
		"$1"); done
	head -c -20 "$3" >"$T/cut.h5"
	(bad "$1" "$2" "$T/cut.h5"
		refuses "$1: $2 without its last bytes" 1 \
		"'.*$file' is damaged|cannot open '.*$file'|of '.*$file' is damaged" "$1")
}
every cut_short

no_hdf5() { echo 'nothing of the kind' >"$T/text.h5"; (bad "$1" "$2" "$T/text.h5"
	refuses "$1: $2 is a text" 1 "'.*$file' is not an HDF5 file" "$1"); }
every no_hdf5

# Foreign: an HDF5 file that h5import makes.
echo '1 2 3 4' >"$T/numbers"
must h5import "$T/numbers" -d 2,2 -t TEXTFP -s 32 -o "$T/foreign.h5"
foreign() { (bad "$1" "$2" "$T/foreign.h5"
	refuses "$1: $2 of another program" 1 "$(basename "$file")' is an HDF5 file of another program" "$1"); }
every foreign

other_kind() {
	other=$W/tokens/tec.h5
	(bad "$1" "$2" "$other"; name=${file:-}
		refuses "$1: $2 of another kind" 1 "(tec|$name)(.h5)?': expected schema '$4', found 'iteris-tokens'" \
		"$1")
}
every other_kind

# One flipped byte, at fifteen places of the file. Either one line refuses it, or the tool does not read this byte,
# and the result is the same. (For a file without its attribute `complete` see tests/unit/test_h5.c.)
damaged() {
	size=$(wc -c <"$3") refused=0 wrong=
	rm -rf "$OUT"; mkdir "$OUT"
	"$1" -q 2>"$T/stderr" || wrong="does not even read the good file; "
	cp -r "$OUT" "$T/right"
	for k in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		rm -rf "$OUT"; mkdir "$OUT"
		cp "$3" "$T/flip.h5"
		flip "$T/flip.h5" $((size * k / 16))
		(bad "$1" "$2" "$T/flip.h5"; "$1" -q) 2>"$T/stderr"
		status=$?
		if [ $status = 0 ]; then
			diff -r "$OUT" "$T/right" >/dev/null ||
				wrong="${wrong}byte $((size * k / 16)): another result, in silence; "
		else
			refused=$((refused + 1))
			[ $status = 1 ] && [ "$(wc -l <"$T/stderr")" = 1 ] && [ -z "$(find "$OUT" ! -type d)" ] ||
				wrong="${wrong}byte $((size * k / 16)): status $status, $(head -c 200 "$T/stderr"); "
		fi
	done
	[ $refused -gt 0 ] || wrong="${wrong}none of 15 found"
	rm -rf "$T/right"
	if [ -z "$wrong" ]; then ok "$1: $2 damaged"; else not_ok "$1: $2 damaged"; echo "$wrong" | say; fi
}
every damaged

# From another run: the right kind, the wrong contents.
(samples=$W/samples/emoint.h5
	refuses 'extract_acts: samples of another task' 1 "emoint.h5': expected task 'tec', found 'emoint'" \
	extract_acts)
(own=$W/own/emoint/enc01-self.h5
	refuses 'compute_grams: rows of another task' 1 "expected task 'tec', found 'emoint'" compute_grams)
(own=$W/own/tec/enc00-self.h5
	refuses 'compute_grams: rows of another site' 1 "expected site 'enc01-self', found 'enc00-self'" compute_grams)
(own=$W/merged/tec/enc01-self.h5
	refuses 'compute_grams: rows of the other side' 1 "expected side 'own', found 'merged'" compute_grams)
(merged=$W/own/tec/enc01-self.h5
	refuses 'compute_grams: rows of the other side as merged' 1 "expected side 'merged', found 'own'" compute_grams)
(norms=$W/norms/tec/enc00-self.h5
	refuses 'compute_grams: norms of another site' 1 "expected site 'enc01-self', found 'enc00-self'" compute_grams)
(norms=$W/norms/emoint/enc01-self.h5
	refuses 'compute_grams: norms of another task' 1 "expected task 'tec', found 'emoint'" compute_grams)
(encoder_output=$W/own/tec/enc01-self.h5
	refuses 'generate_tokens: another site as its output' 1 "expected site 'encoder-output', found 'enc01-self'" \
	generate_tokens)
(grams=$W/grams/{task}/enc00-self.h5
	refuses 'solve_layer: Grams of another site' 1 "expected site 'enc01-self', found 'enc00-self'" solve_layer)
(sites=enc01-self solutions=$T/wrong; mkdir "$T/wrong"; cp "$W/solution/enc00-self.h5" "$T/wrong/enc01-self.h5"
	refuses 'assemble_lora: a solution of another site' 1 "expected site 'enc01-self', found 'enc00-self'" \
		assemble_lora)
must run "$T/other" merge TASK_TARGETS=tec MANUAL_CEOF=1
(rm -rf "$T/wrong"; cp -r "$W/solution" "$T/wrong"; cp "$T/other/solution/enc01-self.h5" "$T/wrong/"; solutions=$T/wrong
	refuses 'assemble_lora: solutions of two merges' 1 "enc01-self.h5': expected tasks 'emoint,tec', found 'tec'" \
		assemble_lora)
refuses 'extract_acts: a state of later on' 1 "enc01-self.h5.*: site 'enc01-self' is not before 'enc01-self'" \
	extract_acts --from "$W/own/tec/enc01-self.h5"
refuses 'extract_acts: rows that are no input on the way' 1 \
	"enc00-self.h5.*: the rows of site 'enc00-self' are no input on the way from 'enc00-self' to 'enc01-self'" \
	extract_acts --from "$W/own/tec/enc00-self.h5" --rows "$W/own/tec/enc00-self.h5"

for pair in enc01-self:enc00-self dec00-self:enc01-self enc01-self:enc01-self; do
	of=${pair%:*} site=${pair#*:}
	(refuses "extract_acts: norms of $of, which is not on the way to $site" 2 \
		"--norms-of $of: the way to $site does not run its linears" \
		extract_acts --norms-of "$of" --norms-output "$OUT/n.h5")
done
for option in --norms-of=enc00-self "--norms-output=$OUT/n.h5"; do
	refuses "extract_acts: ${option%%=*} alone" 2 '--norms-of and --norms-output go together, on side own' \
		extract_acts "$option"
done
refuses 'extract_acts: norms of the merged side' 2 '--norms-of and --norms-output go together, on side own' \
	extract_merged --norms-of enc00-self --norms-output "$OUT/n.h5"
refuses 'extract_acts: norms of no site' 2 "--norms-of 'enc9': no site of this model" \
	extract_acts --norms-of enc9 --norms-output "$OUT/n.h5"

# Another adapter than the one of the Grams, or samples of other lengths than the rows.
cp -r "$L" "$T/scaled"
sed -i 's/"lora_alpha": 8/"lora_alpha": 9/' "$T/scaled/tec/adapter_config.json"
(adapter=$T/scaled/{task}
	refuses 'solve_layer: Grams of another adapter' 1 \
	"grams/tec/enc01-self.h5': .*made with an adapter of rank 4 and scale 2, but this one has 4 and 2.25" \
	solve_layer)
must "$BUILD/draw-samples" -q --model "$M" --train "$D/tec/train.json" --task tec --samples-num 11 -o "$T/eleven.h5"
(samples=$T/eleven.h5
	refuses 'generate_tokens: an output of other samples' 1 "encoder-output.h5': expected shape" generate_tokens)

(reference=$T/nowhere; refuses 'report_eval: no results' 1 "'.*nowhere/" report_eval)
finish
