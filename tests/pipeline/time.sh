#!/bin/sh
# make plan says how long a merge takes. Processor time is compared, because other programs may run beside this. They
# slow the processor itself, so a factor of 2 is allowed here; tests/bench/README.md has the figures of a quiet machine.
. "$(dirname "$0")/../lib.sh"
if [ "$BUILD" != build ]; then
	skip 'the planned time' 'only the usual build has the times that the plan knows'
	finish
fi
takes() { # NAME SETTINGS…: the planned processor seconds of the merge, and those of its log
	name=$1
	shift
	rm -rf "$T/work"
	must "$BUILD/plan-pipeline" -q --tools "$BUILD" --model "$M" --loras "$L" --data "$D" --work "$T/work" \
		--jobs 2 --todo "$T/todo" --goals merge
	planned=$(awk '$1 == "work" { n += $2 } END { print n + 0 }' "$T/todo")
	must run "$T/work" -j2 merge "$@"
	took=$(awk -F'\t' '{ n += $4 } END { print n + 0 }' "$T/work/log.tsv")
	check "$name: planned $planned s of processor time, took $took s" awk -v a="$planned" -v b="$took" \
		'BEGIN { exit !(b > 0 && a <= 2 * b && a >= b / 2) }'
}
KEEP= SMALL=
M=data/demo/model L=data/demo/loras D=data/demo/data
must run "$T/none" plan
line=$(grep '^time' "$T/must.out")
check "$line" sh -c 'echo "$1" | grep -Eq "$2"' - "$line" \
	'^time    about [0-9:]+ (s|min) for the merge [(][0-9]+ s of processor time[)], then [0-9:]+ (s|min) for'
check 'the machine is measured once' [ "$(grep -c "	cpu	" "$BUILD/rate.tsv")" = 1 ]
cp -p "$BUILD/rate.tsv" "$T/rate.tsv"
must run "$T/none" plan METHOD=jacobi MAX_ITER=3
check '… not at every plan' [ ! "$BUILD/rate.tsv" -nt "$T/rate.tsv" ]
check 'jacobi: an iteration, and all of them' grep -Eq \
	'^time    about [0-9]+ s for iteration 1, [0-9]+ s for all 3$' "$T/must.out"
takes 'the demo'
must run "$T/work" plan
check 'a finished merge: the time of the evaluation' grep -Eq '^time    about [0-9:]+ (s|min) for the evaluation$' \
	"$T/must.out"
if emotion 'the real case'; then takes 'the real case'; fi
finish
