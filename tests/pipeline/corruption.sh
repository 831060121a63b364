#!/bin/sh
# Damaged, stale and unlisted files: make verify finds them. A run that meets one names it, sets it aside, and makes
# it again.
. "$(dirname "$0")/../lib.sh"
FLIPS=${FLIPS:-500} SEED=${SEED:-1}
tiny --blocks 1
W=$T/work
merge() { run "$W" merge KEEP_ACTS=1 TASK_TARGETS=emoint,tec MANUAL_CEOF=1; }
verify() { make --no-print-directory BUILD="$BUILD" verify WORK="$W" >"$T/found" 2>"$T/err"; }
finds() { # NAME LINE (grep -E)
	if verify; then not_ok "$1: nothing found"; elif grep -Eq -- "$2" "$T/found"; then ok "$1"; else not_ok "$1"
		say <"$T/found"; fi
}
must run "$W" merge eval KEEP_ACTS=1 TASK_TARGETS=emoint,tec MANUAL_CEOF=1
check 'a finished merge is whole' verify
must cp -a "$W" "$T/sound"
if "$HELP/flip-bits" --work "$W" --verify "$BUILD/verify-work" --count "$FLIPS" --seed "$SEED" >"$T/flips"
	then ok "$(sed -n 's/^ok 1 - //p' "$T/flips")"; else
	not_ok 'every flipped bit is found'
	head -5 "$T/flips" | say
fi

: >"$W/stray.h5"
finds 'a file without a line' '^unlisted	stray.h5'
rm "$W/stray.h5"
touch "$W/stamps/solve"
finds 'files older than the stamp of their stage' '^stale	solution/enc00-self.h5	older than stamps/solve'
must merge

# Changed and changed back: the stamps are newer, but files that use copies of them (eval.mk) are unchanged.
two() { run "$W" "$@" KEEP_ACTS=1 TASK_TARGETS=emoint,tec MANUAL_CEOF=1; }
# Only the plan is written: `make plan` only reads.
replan() { (out=$W set="TASK_TARGETS=emoint,tec MANUAL_CEOF=1 $*"; plan_pipeline --keep-acts 1); }
must replan MAX_LENGTH=50
finds 'a setting changed' '^stale	eval/base/tec.json	goes by the stale eval/stamps/eval'
finds 'and what it changes of the merge' '^stale	samples/tec.h5	older than stamps/draw-tec'
must two eval
check 'the setting changed back: nothing is stale' verify
must replan
check 'nor after the plan alone' verify
# Files that the plan does not use are not stale: another task's files, another method's stage.
must run "$W" merge eval KEEP_ACTS=1 TASK_TARGETS=emoint MANUAL_CEOF=1
check 'a task less: the files that it left are not stale' verify
must two eval
check 'and back' verify
# checksums.tsv does not grow with the number of runs. At the start of a run one line per file remains. Checked on
# files with several lines; the plan has just written its own.
lines() { cut -f3 "$W/checksums.tsv" | sort | uniq -d | grep -Ev '^(stamps/|plan.mk$)'; }
must two merge ALPHA_1=1e-3
check 'a run adds lines' sh -c '[ "$1" ]' - "$(lines)"
must two eval
must replan
check 'the next leaves one of each file' sh -c '[ -z "$1" ]' - "$(lines)"
check 'by which nothing is damaged or stale' verify
W=$T/ties
must two merge METHOD=ties SCALE=1
must two merge METHOD=ties SCALE=1 ALPHA_1=1e-3
check 'a setting of another method makes nothing stale' verify
must replan METHOD=ties SCALE=1 DENSITY=0.3
finds 'one of its own does' '^stale	solution/encoder-output.h5	older than stamps/combine'

# Iterations have folders of their own.
W=$T/jacobi
must two merge METHOD=jacobi MAX_ITER=3
check 'jacobi: a finished merge is whole' verify
must replan METHOD=jacobi MAX_ITER=3 REG_CEOF=0.2
finds 'jacobi: Grams of an iteration older than their stamp' \
	'^stale	iter02/grams/tec/encoder-output.h5	older than stamps/grams'
must replan METHOD=jacobi MAX_ITER=3 MATS_HISTORY_SIZE=2
finds 'jacobi: solutions older than the stamp of MATS' \
	'^stale	iter03/solution/encoder-output.h5	older than stamps/mats'
check 'but not the first, which has none' sh -c '! grep -q iter01/solution "$1"' - "$T/found"
cp -a "$W/iter02/solution/encoder-output.h5" "$T/keep.h5"
printf x >>"$W/iter02/solution/encoder-output.h5"
finds 'jacobi: a file that has grown' '^damaged	iter02/solution/encoder-output.h5'
cp -a "$T/keep.h5" "$W/iter02/solution/encoder-output.h5"
must two merge METHOD=jacobi MAX_ITER=2 ALPHA_1=1e-3
check 'jacobi: an iteration that an earlier run has left is not stale' verify
W=$T/work
cp "$W/samples/emoint.h5" "$W/samples/keep"
cp "$W/samples/tec.h5" "$T/other.h5"
printf x >>"$W/samples/emoint.h5"
finds 'a file that has grown' '^damaged	samples/emoint.h5'
mv "$W/samples/keep" "$W/samples/emoint.h5"

# A run meets damage, because what was made from the file is missing and must be made again.
for pair in own/tec/enc00-self.h5:grams samples/emoint.h5:own/emoint tokens/tec.h5:own/tec/dec00-self.h5 \
	solution/enc00-self.h5:merged/tec/encoder-output.h5 \
	grams/tec/encoder-output.h5:solution/encoder-output.h5; do
	victim=${pair%:*} gone=${pair#*:}
	rm -rf "$W"
	cp -a "$T/sound" "$W"
	size=$(stat -c %s "$W/$victim")
	touch -r "$W/$victim" "$T/time"
	flip "$W/$victim" $((size * 2 / 3))
	touch -r "$T/time" "$W/$victim"
	rm -rf "${W:?}/$gone" "$W/adapter"
	if merge >"$T/out" 2>"$T/err"; then ok "$victim damaged: the run goes on"
		else not_ok "$victim damaged: the run goes on"; tail -4 "$T/err" | say; fi
	if [ "$(grep -c "$victim' is damaged" "$T/err")" = 1 ]; then ok 'after naming the file, once'
		else not_ok 'after naming the file, once'; tail -4 "$T/err" | say; fi
	check 'and has remade it' cmp "$W/$victim" "$T/sound/$victim"
	check 'and ends with the same adapter' cmp "$W/adapter/adapter_model.safetensors" \
		"$T/sound/adapter/adapter_model.safetensors"
	if [ -z "$(find "$W" -name '*.damaged')" ]; then ok 'nothing is left of it'
		else not_ok 'nothing is left of it'; fi
done
finish
