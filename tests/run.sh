#!/bin/sh
# Runs test programs (TAP on stdout) one after the other, or with -j N side by side. It prints one line per program;
# of failing programs everything but the passed tests; the skipped tests with their reasons; and finally the counts
# of single tests: "N passed, N failed, N skipped". A program that ends badly counts as a failed test of its own. So
# does a program with more or fewer results than its plan line (1..N) announces. usage: tests/run.sh [-j N] PROGRAM…
set -u
. "$(dirname "$0")/patience.sh"
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES # of the make that may have started us: tests run their own
export CMOCKA_MESSAGE_OUTPUT=TAP LC_ALL=C

# One program: its results go to $results/NAME.{out,count,skip}.
if [ "${1-}" = --one ]; then
	results=$2 program=$3
	to=$results/$(echo "$program" | tr / _)
	case $program in *.sh) set -- sh "$program" ;; *) set -- "$program" ;; esac
	start=$(date +%s.%N)
	limited "${TEST_TIMEOUT:-900}" "$@" </dev/null >"$to.out" 2>&1
	status=$?
	awk -v status=$status -v program="$program" -v start="$start" -v end="$(date +%s.%N)" -v skips="$to.skip" '
	/^(ok|not ok) .*# SKIP/ {
		skipped++
		test = $0; sub(/ *# SKIP.*/, "", test); sub(/^(not )?ok *[0-9]*[ -]*/, "", test)
		text = $0; sub(/.*# SKIP */, "", text)
		# cmocka prints the reason before, and the name where TAP has the reason.
		if (reason) text = (test == "" ? text : test) ": " reason
		else if (test != "") text = test ": " text
		print program ": " text > skips; reason = ""; next
	}
	/^skip(ped)?: / { reason = $0; sub(/^skip(ped)?: */, "", reason); next }
	/^ok / { passed++; next }
	/^not ok / { failed++; next }
	/^1\.\.[0-9]+/ { planned = substr($1, 4); has_plan = 1; next }
	END {
		seen = passed + failed + skipped
		if (status == 124 || status == 137) why = "; ran out of time or was killed"
		else if (status && !failed) why = "; ended with status " status
		else if (!has_plan || planned != seen)
			why = "; " seen " results, " (has_plan ? planned : "none") " announced"
		else if (!seen) why = "; no results"
		if (why != "") failed++
		printf "%d %d %d %s %s: %d passed, %d failed, %d skipped%s (%.1f s)\n",
			passed, failed, skipped, failed ? "FAIL" : "ok  ", program,
		       passed, failed, skipped, why, end - start
	}' "$to.out" >"$to.count"
	cut -d' ' -f4- "$to.count"
	exit 0
fi

jobs=1
if [ "${1-}" = -j ]; then jobs=$2; shift 2; fi
results=$(mktemp -d "${TMPDIR:-/tmp}/iteris-run-XXXXXX") || exit 1
trap 'rm -rf "$results"' EXIT
trap 'exit 130' INT TERM HUP
[ $# -gt 0 ] && printf '%s\n' "$@" | xargs -P "$jobs" -n 1 sh "$0" --one "$results"

for program in "$@"; do
	to=$results/$(echo "$program" | tr / _)
	read -r _ failed _ <"$to.count" && [ "$failed" = 0 ] && continue
	echo "---- $program"
	grep -Ev '^ok [0-9]+ - [^#]*$' "$to.out"
done
if ls "$results"/*.skip >/dev/null 2>&1; then
	echo '---- skipped'
	cat "$results"/*.skip
fi
cat /dev/null "$results"/*.count 2>/dev/null | awk '{ p += $1; f += $2; s += $3 }
	END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 || p == 0 }'
