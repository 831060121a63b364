#!/bin/sh
# Every tool once under valgrind's memcheck, on a tiny merge: no error, no block lost.
. "$(dirname "$0")/../lib.sh"
if ! command -v valgrind >/dev/null; then
	skip 'memcheck' 'there is no valgrind here'
	finish
fi
# The long unrolled blocks that oneDNN generates are more than valgrind takes at once: --vex-guest-max-insns.
. tests/faults/commands.sh
{
	echo "$BUILD/verify-work --work $W -q" # first: what the others write anew differs where valgrind has no such instructions
	cat "$T/commands"
	echo "$BUILD/plan-pipeline --tools $BUILD --model $M --loras $L --data $D --work $T/planned --set 'SAMPLES_NUM=12 INNER_NUM=3 OUTER_NUM=4' -q"
	echo "$BUILD/with-lock --folder $T/locked -- true"
} >"$T/all"
while read -r command; do
	check "$(echo "$command" | sed 's/ -t .*--side/ --side/' | cut -d' ' -f1-3)" \
		sh -c "exec valgrind -q --vex-guest-max-insns=25 --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite $command" </dev/null
done <"$T/all"
finish
