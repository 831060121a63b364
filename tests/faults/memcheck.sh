#!/bin/sh
# Every tool once under valgrind's memcheck, on a tiny merge: no error, no block lost.
. "$(dirname "$0")/../lib.sh"
if ! command -v valgrind >/dev/null; then
	skip 'memcheck' 'there is no valgrind here'
	finish
fi
# oneDNN generates long unrolled blocks, more than valgrind takes at once: --vex-guest-max-insns.
. tests/faults/commands.sh
{
	# This comes first: what the others write differs where valgrind lacks instructions.
	for f in sweep jacobi dense ties; do echo "$BUILD/verify-work --work $T/runs/$f -q"; done
	cat "$T/commands"
	echo "$BUILD/plan-pipeline --tools $BUILD --model $M --loras $L --data $D --work $T/planned \
--set 'SAMPLES_NUM=12 INNER_NUM=3 OUTER_NUM=4' -q"
	echo "$BUILD/release-files --tasks emoint,tec --files $T/runs/sweep/grams/{task}/encoder-output.h5 -q"
	echo "$BUILD/keep-previous --in $T/runs/sweep --checksums $T/runs/sweep/checksums.tsv -q"
	echo "$BUILD/with-lock --folder $T/locked -- true"
} >"$T/all"
while read -r command; do
	check "$(echo "$command" | tr -d "'" | sed "s,$T/,,g; s, -t .* --checksums [^ ]*,," | cut -c1-110)" \
		sh -c "exec valgrind -q --vex-guest-max-insns=25 --error-exitcode=99 --leak-check=full \
			--errors-for-leak-kinds=definite --show-leak-kinds=definite $command" </dev/null
done <"$T/all"
finish
