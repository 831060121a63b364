#!/bin/sh
# Which lines of tools/lib run: `make coverage` calls it with the programs built by gcc --coverage.
# usage: tests/coverage.sh BUILD PROGRAM…
set -u
. "$(dirname "$0")/patience.sh"
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES EMOTION_DIR SMOLLM2_DIR SMOLLM2_MODEL REAL_CACHE
export LC_ALL=C BUILD="$1" OMP_NUM_THREADS=2
shift
work=$(mktemp -d "${TMPDIR:-/tmp}/iteris-coverage-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
find "$BUILD" -name '*.gcda' -exec rm {} +

# run NAME COMMAND…: a failure is reported, and its lines count like others. (The counts are files, and gcov prints
# messages. Some tests of full disks and of printed text notice both.)
run() {
	name=$1
	shift
	echo "coverage: $name" >&2
	limited 900 "$@" </dev/null >"$work/log" 2>&1 && return
	tail -n 20 "$work/log" >&2
	echo "coverage: failed: $name" >&2
}

# demo NAME GOALS AND SETTINGS…
demo() {
	name=$1
	shift
	run "the demo: $*" make --no-print-directory BUILD="$BUILD" MODEL=data/demo/model \
		LORAS=data/demo/loras DATA=data/demo/data WORK="$work/$name" "$@"
}

for program in "$@"; do run "$program" "$program"; done
demo sweep -j2 merge eval
demo sweep verify
demo sweep plan METHOD=sweep ALPHA_1=1e-3
demo jacobi merge METHOD=jacobi MAX_ITER=4 USE_CAMR=1 USE_DCS=1
demo whole merge METHOD=jacobi MAX_ITER=3 WITH_PRETRAIN_MATRIX=1
demo ties merge METHOD=ties
demo average merge METHOD=average

# "FILE LINES-RUN LINES" of every source file, from "File 'F'", "Lines executed:P% of N".
for object in "$BUILD"/lib/*.o; do gcov -n "$object"; done >"$work/gcov" 2>"$work/errors"
sed -n "s/^File '\(.*\)'$/\1/p; s/^Lines executed:\(.*\)% of \(.*\)$/\1 \2/p" "$work/gcov" |
	awk '
	/^[0-9.]+ [0-9]+$/ {
		if (file ~ /^tools\/lib\/.*\.cc?$/) print file, int($1 * $2 / 100 + 0.5), $2
		file = ""
		next
	}
	{ file = $0 }' | sort >"$BUILD/coverage.txt"
awk -v files="$BUILD/coverage.txt" '
	{ split($1, part, "/"); room = part[3]; run[room] += $2; all[room] += $3 }
	END {
		for (room in all)
			printf "%-8s %5d of %5d lines, %5.1f %%\n", room, run[room], all[room],
				100 * run[room] / all[room] | "sort"
		close("sort")
		print "each file: " files
	}' "$BUILD/coverage.txt"
