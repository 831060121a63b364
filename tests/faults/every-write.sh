#!/bin/sh
# A fault at every write: each tool of a tiny merge runs again and again, its 1st, 2nd, … n-th write-like call failing (tests/faults/shim.c) by EIO
# (that call alone) and by ENOSPC (all from there on). Each run must end with an error and one line; the files under their final names must be what
# they were (a run that gets as far as the rename writes the same bytes), and no temporary file may be left.
# STEP=k tries every k-th call only.
. "$(dirname "$0")/../lib.sh"
STEP=${STEP:-1}
. tests/faults/commands.sh
manifest() { find "$W" -type f ! -name log.tsv ! -name lock ! -name checksums.tsv -exec cksum {} + | sort -k3; }
manifest >"$T/before"

total=0 silent=0 damaged=0 untidy=0 n_tools=0
try() { # KIND N COMMAND
	LD_PRELOAD="$BUILD/tests/shim.so" FAULT_AT=$2 FAULT_KIND=$1 sh -c "exec $3" >/dev/null 2>"$T/err" </dev/null
	rc=$?
	total=$((total + 1))
	if [ $rc = 0 ]; then silent=$((silent + 1)); echo "# silent success: call $2, $1: $3"; fi
	if [ $rc -gt 3 ]; then untidy=$((untidy + 1)); echo "# ended with $rc: call $2, $1: $3"; fi
	if [ $rc != 0 ] && [ "$(wc -l <"$T/err")" != 1 ]; then untidy=$((untidy + 1)); echo "# not one line: call $2, $1: $3"; say <"$T/err"; fi
	manifest >"$T/after"
	if ! cmp -s "$T/before" "$T/after"; then
		damaged=$((damaged + 1))
		echo "# files differ: call $2, $1: $3"
		diff "$T/before" "$T/after" | head -5 | say
	fi
}
while read -r command; do
	n_tools=$((n_tools + 1))
	if ! FAULT_COUNT="$T/count" LD_PRELOAD="$BUILD/tests/shim.so" sh -c "exec $command" >/dev/null 2>&1 </dev/null; then
		echo "# fails without a fault: $command"
		untidy=$((untidy + 1))
		continue
	fi
	count=$(cat "$T/count") n=1
	while [ "$n" -le "$count" ]; do
		try EIO $n "$command"
		try ENOSPC $n "$command"
		n=$((n + STEP))
	done
	echo "# $count calls: $(echo "$command" | cut -c1-100)"
done <"$T/commands"

# plan-pipeline writes only what changes, so each run starts in an empty folder; what a run without fault then completes must be the same.
P=$T/plan
planned() { (cd "$P" && find . -type f ! -name checksums.tsv ! -name digests -exec cksum {} + | sort -k3); }
out=$P
count=999999 n=0
while [ "$n" -le "$count" ]; do
	for kind in EIO ENOSPC; do
		rm -rf "$P"
		(export LD_PRELOAD="$BUILD/tests/shim.so" FAULT_AT=$n FAULT_KIND=$kind FAULT_COUNT="$T/count"; LIMIT=; plan_pipeline --quiet) >/dev/null 2>"$T/err"
		rc=$?
		if [ "$n" = 0 ]; then
			count=$(cat "$T/count")
			planned >"$T/plan.before"
			continue
		fi
		total=$((total + 1))
		if [ $rc = 0 ]; then silent=$((silent + 1)); echo "# silent success: call $n, $kind: plan-pipeline"; fi
		if [ $rc != 0 ] && [ "$(wc -l <"$T/err")" != 1 ]; then untidy=$((untidy + 1)); echo "# not one line: call $n, $kind: plan-pipeline"; fi
		plan_pipeline --quiet >/dev/null
		planned >"$T/plan.after"
		if ! cmp -s "$T/plan.before" "$T/plan.after"; then damaged=$((damaged + 1)); echo "# files differ: call $n, $kind: plan-pipeline"; fi
	done
	n=$((n ? n + STEP : 1))
done
echo "# $count calls: plan-pipeline"

count_is() { if [ "$1" = "$2" ]; then ok "$3"; else not_ok "$3"; fi; }
count_is "$((n_tools >= 9))" 1 "$n_tools commands of all tools were tried"
count_is $silent 0 "$total faults, $silent silent successes"
count_is $damaged 0 "$total faults, $damaged with damaged or left-over files"
count_is $untidy 0 "$total faults, $untidy without one clear line"
finish
