#!/bin/sh
# One run at a time in a WORK folder, and nothing of killed runs remains there (tools/with-lock.c).
. "$(dirname "$0")/../lib.sh"
W=$T/work
lock() { "$BUILD/with-lock" --folder "$W" -- "$@"; }
says() { # NAME PATTERN: the last command's stderr
	if grep -Eq -- "$2" "$T/err"; then ok "$1"; else not_ok "$1"; say <"$T/err"; fi
}

long=$(patience 20) short=$(patience 2) nap=$(patience 3)
"$BUILD/with-lock" --folder "$W" -- sleep "$long" &
holder=$!
while [ ! -s "$W/lock" ]; do sleep 0.05; done
if lock true 2>"$T/err"; then not_ok 'a second run is refused'; else ok 'a second run is refused'; fi
says 'the message names the first by number and command' "in use by process [0-9]+ sleep $long"
tiny --blocks 1
run "$W" merge >"$T/err" 2>&1 && not_ok 'make merge is refused' || ok 'make merge is refused'
says 'and says by whom' "in use by process [0-9]+ sleep $long"
run "$W" plan >"$T/out" 2>"$T/err" && ok 'make plan is answered all the same' ||
	not_ok 'make plan is answered all the same'
check 'with the plan on standard output' grep -q '^to do  *[0-9]* processes for the merge' "$T/out"
if [ -e "$W/plan.mk" ]; then not_ok 'a refused run writes nothing'; else ok 'a refused run writes nothing'; fi
kill "$holder"
wait "$holder" 2>/dev/null
check 'once the first has ended, by a signal too, the folder is free' lock true

# The holder is killed, and what it has started lives on for a while: a second run waits for it, and does not mix
# with it.
"$BUILD/with-lock" --folder "$W" -- sleep "$short" &
holder=$!
while ! grep -q "sleep $short" "$W/lock"; do sleep 0.05; done
kill -9 "$holder"
wait "$holder" 2>/dev/null
start=$(date +%s%N)
check 'what a killed run has left running is waited for' lock true
if [ $((($(date +%s%N) - start) / 1000000)) -ge 300 ]; then ok 'until it has ended'; else not_ok 'until it has ended'
	fi

# make -j above it shares no job tokens with the make below, which may outlive it. It ends at once, without waiting
# for them.
cat >"$T/above.mk" <<END
above:
	+@"$BUILD/with-lock" --folder "$W" -- \$(MAKE) -f "$T/above.mk" below
below: one two
one two:
	@sleep $nap; echo \$@ >>"$T/below"
END
start=$(date +%s%N)
make -j2 -f "$T/above.mk" >/dev/null 2>&1 &
above=$!
while ! grep -q 'above.mk below' "$W/lock"; do sleep 0.05; done
kill -9 "$(cut -d' ' -f1 "$W/lock")"
wait $above
if [ $((($(date +%s%N) - start) / 1000000)) -lt $((nap * 1000 - 500)) ]
	then ok 'make -j above a killed holder ends at once'
	else not_ok 'make -j above a killed holder ends at once'; fi
check 'and what runs below goes on, as many jobs side by side' await $((nap + nap / 3)) sh \
	-c 'grep -q one "$1" && grep -q two "$1"' - "$T/below"

mkdir -p "$W/own/tec" "$T/other"
touch "$W/own/tec/.enc00-self.h5.tmp-999999999-0" "$W/.plan.mk.tmp-999999998-3" "$W/.keep" \
	"$T/other/.x.json.tmp-999999999-0"
must "$BUILD/with-lock" --folder "$W" --also "$T/other" -- true
left=$(find "$W" "$T/other" -name '*.tmp-*')
if [ -z "$left" ] && [ -e "$W/.keep" ]; then ok 'temporary files of killed processes are removed, others stay'
	else not_ok "left: $left"; fi

lock sh -c 'exit 7' 2>/dev/null
if [ $? = 7 ]; then ok "the command's status is passed on"; else not_ok "the command's status is passed on"; fi
finish
