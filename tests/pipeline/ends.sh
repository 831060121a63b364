#!/bin/sh
# make demo, make compare and make tune, ended while their second method merges: by TERM to the outer make alone, and by
# one Ctrl-C. One line says how to go on, nothing is left running, and the next run goes on to the bytes of an
# undisturbed one.
. "$(dirname "$0")/../lib.sh"
tiny --blocks 1
# Results of the demo are in work/ where make runs: in a folder of links, whose demo is the tiny case.
mkdir -p "$T/tree/data/demo"
for name in Makefile config pipeline tools tests; do ln -s "$PWD/$name" "$T/tree/$name"; done
ln -s "$M" "$L" "$D" "$T/tree/data/demo/"
BUILD=$(realpath "$BUILD")
hold compute-grams false # the first method has none
printf '%s: METHOD=%s\n' average average regmean regmean >"$T/grid.yaml"

# goal demo|compare|tune BUILD [COMMAND…]: COMMAND starts make.
goal() {
	kind=$1 tools=$2
	shift 2
	case $kind in
	demo) set -- "$@" make -C "$T/tree" demo ;;
	compare)
		set -- "$@" make compare METHODS=average,regmean MODEL="$M" LORAS="$L" DATA="$D" WORK="$T/compare"
		;;
	tune)
		set -- "$@" make tune GRID="$T/grid.yaml" TUNE_ROWS=4 MODEL="$M" LORAS="$L" DATA="$D" WORK="$T/search"
		;;
	esac
	# shellcheck disable=SC2086
	"$@" --no-print-directory -j2 BUILD="$tools" $SMALL
}
left() { ps -o stat= --sid $make | grep -q '^[^Z]'; }
gone() { ! left; }
held() { ps -o args= --sid $make | grep -q '/compute-grams '; }
# ends KIND SIGNAL WHOM: WHOM is - for the whole group, else empty.
ends() {
	(goal "$1" "$HELD" exec setsid env --default-signal=INT) >"$T/said" 2>&1 </dev/null &
	make=$!
	await "$(patience 60)" held
	check "$1, $2: the second method merges" held
	kill "-$2" "$3$make"
	wait $make 2>/dev/null
	check "$1, $2: make ends with an error" test $? != 0
	check "$1, $2: nothing is left running" await "$(patience 2)" gone
	check "$1, $2: one line says how to go on" test \
		"$(grep -c "interrupted: what is finished is kept, and this goes on: make .*$1 " "$T/said")" = 1
}
# place KIND: $at is the folder of its merges, and $whole that of an undisturbed run.
place() {
	whole=$T/whole table=compare
	case $1 in
	demo) at=$T/tree/work/demo ;;
	compare) at=$T/compare ;;
	tune) at=$T/search/tune whole=$T/whole-tune table=tune ;;
	esac
}
for kind in compare tune; do
	place $kind
	must goal $kind "$BUILD"
	mv "$at" "$whole"
done
for kind in compare demo tune; do
	place $kind
	ends $kind TERM ''
	[ $kind != compare ] || ends $kind INT -
	must goal $kind "$BUILD"
	for method in average regmean; do
		check "$kind: the next run goes on, $method has the bytes of an undisturbed one" \
			diff -r "$whole/$method/adapter" "$at/$method/adapter"
	done
	check "$kind: to the end" test "$at/$table.tsv" -nt "$at/regmean/eval.tsv"
	check "$kind: nothing half-written is left" test -z "$(find "$at" -name '.*.tmp-*')"
done
finish
