# lib.sh: shared by the test scripts. A script sources it first, prints one TAP line for each test with the functions
# below, and ends with `finish`. It runs in the repository's root, with the tools of $BUILD. All its files go to $T,
# which is removed at the end.
set -u
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 99
. tests/patience.sh
BUILD=${BUILD:-build}
HELP=$BUILD/tests
T=$(mktemp -d "${TMPDIR:-/tmp}/iteris-test-XXXXXX") || exit 99
: >"$T/results"
trap 'rm -rf "$T"' EXIT
trap 'exit 130' INT TERM HUP

# Tests may run in a subshell, so their results are lines of a file.
ok()     { echo ok >>"$T/results"; echo "ok $(wc -l <"$T/results") - $1"; }
not_ok() { echo no >>"$T/results"; echo "not ok $(wc -l <"$T/results") - $1"; }
skip()   { echo ok >>"$T/results"; echo "ok $(wc -l <"$T/results") - $1 # SKIP $2"; }
say()    { sed 's/^/# /'; }
finish() { echo "1..$(wc -l <"$T/results")"; ! grep -q no "$T/results"; exit; }

# check NAME COMMAND…: the command succeeds. What it prints is shown when it does not.
check() {
	name=$1
	shift
	if "$@" >"$T/check.out" 2>&1; then ok "$name"; else
		not_ok "$name"
		{ echo "failed: $*"; tail -n 20 "$T/check.out"; } | say
	fi
}

# must COMMAND…: a step without which the rest has no meaning.
must() {
	"$@" >"$T/must.out" 2>&1 && return
	not_ok "preparation: $*"
	tail -n 20 "$T/must.out" | say
	finish
}

# cases COMMAND: a table of tests on stdin, with two lines each: NAME: CHANGES, and CHECKS. For each test it runs
# COMMAND NAME, the changes and the checks. A line that begins with # is a remark.
cases() {
	grep -v '^#' >"$T/cases"
	while read -r line <&3 && read -r checks <&3; do
		"$1" "${line%%: *}"
		eval "${line#*: }; $checks"
	done 3<"$T/cases"
}

# refuses NAME STATUS PATTERN COMMAND…: the command ends with STATUS and exactly one line on stderr, which matches
# PATTERN (grep -E). It leaves no file in $OUT, neither a final nor a temporary one.
OUT=$T/out
refuses() {
	name=$1 want=$2 pattern=$3
	shift 3
	rm -rf "$OUT"
	mkdir "$OUT"
	"$@" >"$T/stdout" 2>"$T/stderr" </dev/null
	verdict $?
}

# The rest of refuses: compares a status, $T/stderr and $OUT with $want and $pattern.
verdict() {
	found=$1 wrong=
	[ "$found" = "$want" ] || wrong="status $found, not $want"
	[ "$(wc -l <"$T/stderr")" = 1 ] || wrong="$wrong; $(wc -l <"$T/stderr") lines on stderr, not 1"
	grep -Eq -- "$pattern" "$T/stderr" || wrong="$wrong; stderr does not match '$pattern'"
	[ -z "$(find "$OUT" ! -type d)" ] || wrong="$wrong; left behind: $(find "$OUT" ! -type d | tr '\n' ' ')"
	if [ -z "$wrong" ]; then ok "$name"; else
		not_ok "$name"
		{ echo "$wrong"; head -n 5 "$T/stderr"; } | say
	fi
}

# The tiny case: $M model, $L adapters, $D texts. Every script makes it again, so that it can be broken.
TASKS=emoint,emotion-cause,tec,isear
tiny() {
	must "$HELP/tiny-model" -q -o "$T/tiny" "$@"
	M=$T/tiny/model L=$T/tiny/loras D=$T/tiny/data
}
# emotion NAME: the case in EMOTION_DIR, as $M, $L and $D. Without it, the test NAME is skipped.
emotion() {
	if [ ! -d "${EMOTION_DIR:-}/golden" ]; then
		skip "$1" 'EMOTION_DIR is not set'
		return 1
	fi
	M=$EMOTION_DIR/model L=$EMOTION_DIR/loras D=$EMOTION_DIR/data
}
lacks() { ! grep -Eq "$@"; } # lacks PATTERN FILE

# Tests of what a run does meanwhile hold the run, so that no machine is too fast or too slow for them.
#
# hold TOOL CONDITION: $HELD are the tools, of which this one waits, before it does anything, until the shell command
# CONDITION succeeds; `false`: until it is killed. After some minutes it goes on all the same.
HELD=$T/held
hold() {
	[ -d "$HELD" ] || cp -rs "$(realpath "$BUILD")" "$HELD"
	rm "$HELD/$1"
	cat >"$HELD/$1" <<-END
		#!/bin/sh
		. "$PWD/tests/patience.sh"
		await "\$(patience 120)" sh -c '$2'
		exec "$(realpath "$BUILD")/$1" "\$@"
	END
	chmod +x "$HELD/$1"
}
# let_go TOOL: it waits no more.
let_go() { ln -sf "$(realpath "$BUILD")/$1" "$HELD/$1"; }

# copy SOURCE NAME: copies a file or folder of the tiny case, to break it. The copy is $COPY.
copy() { COPY=$T/$2; rm -rf "$COPY"; cp -r "$1" "$COPY"; }

# The pipeline on the tiny case: run WORK TARGETS AND SETTINGS… (KEEP_ACTS=1: all files stay and can be examined).
SMALL='SAMPLES_NUM=12 INNER_NUM=3 OUTER_NUM=4'
run() {
	work=$1
	shift
	# shellcheck disable=SC2086
	make --no-print-directory BUILD="$BUILD" MODEL="$M" LORAS="$L" DATA="$D" WORK="$work" $SMALL \
		${KEEP-KEEP_ACTS=1} "$@"
}

# results WORK: the results of a run: every file under WORK, without the records of how it went and without what an
# earlier run has left (tests/pipeline/previous.sh). same NAME WORK WORK: two runs have the same results.
results() { (cd "$1" && find . -type f ! -path '*/stamps/*' ! -path './*.previous/*' ! -name log.tsv ! -name plan.mk ! \
	-name 'plan*.mk' ! -name checksums.tsv ! -name lock ! -name '.*' | sort); }
same() {
	results "$2" >"$T/list.a"
	results "$3" >"$T/list.b"
	{
		[ -s "$T/list.a" ] || echo 'no files at all'
		diff "$T/list.a" "$T/list.b"
		while read -r file; do cmp "$2/$file" "$3/$file"; done <"$T/list.a"
	} >"$T/same.diff" 2>&1
	if [ ! -s "$T/same.diff" ]; then ok "$1"; else
		not_ok "$1"
		head -n 20 "$T/same.diff" | say
	fi
}

# `mark WORK`, a run, then `remade WORK`: the sorted names of the results that the run has remade.
stat_results() { results "$1" | (cd "$1" && xargs -r stat -c '%n %i %Y %y') | sort; }
mark() { stat_results "$1" >"$T/mark"; cp "$1/log.tsv" "$T/mark.log"; }
remade() { stat_results "$1" | comm -13 "$T/mark" - | cut -d' ' -f1 | sed 's,^\./,,' | sort; }
# expect_remade NAME WORK FILES…: exactly these were remade. FILES are words that the shell expands; {a,b} is not for
# sh, so use `each`.
expect_remade() {
	name=$1 work=$2
	shift 2
	printf '%s\n' "$@" | sort >"$T/expected"
	remade "$work" >"$T/remade"
	if diff "$T/expected" "$T/remade" >"$T/remade.diff"; then ok "$name"; else
		not_ok "$name"
		{ echo "expected (<) and remade (>):"; cat "$T/remade.diff"; } | head -n 40 | say
	fi
}
# each PATTERN TASKS SITES: PATTERN for all combinations of T and S: each grams/T/S.h5 'tec isear' 'enc00-self
# encoder-output'
each() {
	for t in $2; do for s in ${3:-x}; do echo "$1" | sed "s/\bT\b/$t/g; s/\bS\b/$s/g"; done; done
}
# Nothing was run at all.
expect_nothing() {
	remade "$2" >"$T/remade"
	if cmp -s "$2/log.tsv" "$T/mark.log" && [ ! -s "$T/remade" ]; then ok "$1"; else
		not_ok "$1"
		{ diff "$T/mark.log" "$2/log.tsv"; echo 'remade:'; cat "$T/remade"; } | head -n 20 | say
	fi
}

# One file of every kind, for tools run by hand: $W has samples, acts, tokens, grams, solution, adapter.
worked() {
	W=$T/work
	must run "$W" merge TASK_TARGETS=emoint,tec MANUAL_CEOF=1
	PAIR=emoint,tec
}

# Every tool with all that it needs. A test changes one thing, as in (train=x.json; refuses … draw_samples).
LIMIT="limited 60"
draw_samples() { $LIMIT "$BUILD/draw-samples" --model "${model:-$M}" --train "${train:-$D/tec/train.json}" --task tec \
	--samples-num "${samples_num:-12}" -o "${out:-$OUT/x.h5}" "$@"; }
extract_acts() {
	$LIMIT "$BUILD/extract-acts" --model "${model:-$M}" --side own --site "${site:-enc01-self}" --task tec \
		--samples "${samples:-$W/samples/tec.h5}" \
		--adapter "${adapter:-$L/tec}" -o "${out:-$OUT/x.h5}" "$@"
}
extract_merged() {
	$LIMIT "$BUILD/extract-acts" --model "${model:-$M}" --side merged --site "${site:-enc01-self}" --task tec \
		--samples "${samples:-$W/samples/tec.h5}" \
		--solutions "${solutions:-$W/solution}" --sites "${sites:-enc00-self,enc01-self}" \
			-o "${out:-$OUT/x.h5}" "$@"
}
generate_tokens() {
	$LIMIT "$BUILD/generate-tokens" --model "${model:-$M}" --task tec --adapter "${adapter:-$L/tec}" \
		--samples "${samples:-$W/samples/tec.h5}" \
		--encoder-output "${encoder_output:-$W/own/tec/encoder-output.h5}" -o "${out:-$OUT/x.h5}" "$@"
}
compute_grams() {
	$LIMIT "$BUILD/compute-grams" --model "${model:-$M}" --site "${site:-enc01-self}" --task tec --tasks "$PAIR" \
		--adapter "${adapter:-$L/{task\}}" \
		--own "${own:-$W/own/tec/enc01-self.h5}" --merged "${merged:-$W/merged/tec/enc01-self.h5}" \
		--norms "${norms:-$W/norms/tec/enc01-self.h5}" -o "${out:-$OUT/x.h5}" "$@"
}
solve_layer() {
	$LIMIT "$BUILD/solve-layer" --model "${model:-$M}" --site "${site:-enc01-self}" --tasks "$PAIR" \
		--adapter "${adapter:-$L/{task\}}" \
		--grams "${grams:-$W/grams/{task\}/enc01-self.h5}" -o "${out:-$OUT/x.h5}" "$@"
}
assemble_lora() {
	$LIMIT "$BUILD/assemble-lora" --model "${model:-$M}" --model-name tiny \
		--sites "${sites:-enc00-self,enc01-self}" --solutions "${solutions:-$W/solution}" \
		-o "${out:-$OUT/adapter}" "$@"
}
eval_emotion() {
	$LIMIT "$BUILD/eval-emotion" --model "${model:-$M}" --adapter "${adapter:-$L/tec}" \
		--test "${test_file:-$D/tec/test.json}" --task tec \
		--predictions "${predictions:-$OUT/p.jsonl}" -o "${out:-$OUT/x.json}" "$@"
}
plan_pipeline() {
	$LIMIT "$BUILD/plan-pipeline" --tools "$BUILD" --config "${config:-config/iteris-plus.yaml}" \
		--model "${model:-$M}" --loras "${loras:-$L}" --data "${data:-$D}" \
		--work "${out:-$OUT/work}" --set "$SMALL${set:+ $set}" "$@"
}
report_eval() { $LIMIT "$BUILD/report-eval" --tasks "${tasks:-emoint,tec}" --reference "${reference:-$W/eval}" \
	--merged "sweep=${merged:-$W/eval}" -o "${out:-$OUT/x.tsv}" "$@"; }
# The tools that write a file.
TOOLS='draw_samples extract_acts extract_merged generate_tokens compute_grams solve_layer assemble_lora eval_emotion'

# flip FILE OFFSET: inverts the byte there. put FILE OFFSET TEXT: overwrites.
flip() {
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf "\\$(printf %03o $((255 - byte)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
put() { printf %s "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
