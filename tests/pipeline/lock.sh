#!/bin/sh
# One run at a time in a WORK folder, and nothing of killed runs remains there (tools/with-lock.c).
. "$(dirname "$0")/../lib.sh"
W=$T/work
lock() { "$BUILD/with-lock" --folder "$W" -- "$@"; }
says() { # NAME PATTERN: the last command's stderr
	if grep -Eq -- "$2" "$T/err"; then ok "$1"; else not_ok "$1"; say <"$T/err"; fi
}

# Nothing here takes a certain time: who must wait waits for a file, or for another.
until_is() { echo "for _ in \$(seq 6000); do [ -e $1 ] && break; sleep 0.05; done"; }
ended() { ! ps -o stat= -p "$1" | grep -qv Z; }
begun() { [ "$(wc -l <"$1")" = "$2" ]; } # so many have written their names

"$BUILD/with-lock" --folder "$W" -- sleep 600 &
holder=$!
while [ ! -s "$W/lock" ]; do sleep 0.05; done
if lock true 2>"$T/err"; then not_ok 'a second run is refused'; else ok 'a second run is refused'; fi
says 'the message names the first by number and command' 'in use by process [0-9]+ sleep 600'
tiny --blocks 1
run "$W" merge >"$T/err" 2>&1 && not_ok 'make merge is refused' || ok 'make merge is refused'
says 'and says by whom' 'in use by process [0-9]+ sleep 600'
run "$W" plan >"$T/out" 2>"$T/err" && ok 'make plan is answered all the same' ||
	not_ok 'make plan is answered all the same'
check 'with the plan on standard output' grep -q '^to do  *[0-9]* processes for the merge' "$T/out"
if [ -e "$W/plan.mk" ]; then not_ok 'a refused run writes nothing'; else ok 'a refused run writes nothing'; fi
kill "$holder"
wait "$holder" 2>/dev/null
check 'once the first has ended, by a signal too, the folder is free' lock true

# The holder is killed, and what it has started lives on for a while: a second run waits for it, and does not mix
# with it.
"$BUILD/with-lock" --folder "$W" -- sh -c "echo >$T/lives; $(until_is "$T/gate"); echo first >>$T/order" &
holder=$!
must await "$(patience 60)" test -e "$T/lives"
kill -9 "$holder"
wait "$holder" 2>/dev/null
lock sh -c "echo second >>$T/order" 2>"$T/err" &
second=$!
check 'a second run says what it waits for' await "$(patience 30)" grep -q \
	"waiting for what process $holder .* has left running in '$W'" "$T/err"
touch "$T/gate"
check 'what a killed run has left running is waited for' wait $second
check 'until it has ended' sh -c 'printf "first\nsecond\n" | diff - "$1"' - "$T/order"

# make -j above it shares no job tokens with the make below, which may outlive it. It ends at once, without waiting
# for them.
cat >"$T/above.mk" <<END
above:
	+@"$BUILD/with-lock" --folder "$W" -- \$(MAKE) -f "$T/above.mk" below
below: three four
three four: one two
one two:
	@echo \$@ >>"$T/begun"; $(until_is "$T/gate-below" | sed 's/\$/$$/g')
three four:
	@echo \$@ >>"$T/next"; $(until_is "$T/gate-next" | sed 's/\$/$$/g'); echo \$@ >>"$T/below"
END
make -j2 -f "$T/above.mk" >/dev/null 2>&1 &
above=$!
check 'below it, as many jobs side by side' await "$(patience 30)" begun "$T/begun" 2
kill -9 "$(cut -d' ' -f1 "$W/lock")"
check 'make -j above a killed holder ends at once' await "$(patience 30)" ended $above
wait $above
touch "$T/gate-below"
check 'and what runs below goes on, as many jobs side by side' await "$(patience 30)" begun "$T/next" 2
touch "$T/gate-next"
check '… to its end' await "$(patience 30)" begun "$T/below" 2

mkdir -p "$W/own/tec" "$T/other"
touch "$W/own/tec/.enc00-self.h5.tmp-999999999-0" "$W/.plan.mk.tmp-999999998-3" "$W/.keep" \
	"$T/other/.x.json.tmp-999999999-0"
must "$BUILD/with-lock" --folder "$W" --also "$T/other" -- true
left=$(find "$W" "$T/other" -name '*.tmp-*')
if [ -z "$left" ] && [ -e "$W/.keep" ]; then ok 'temporary files of killed processes are removed, others stay'
	else not_ok "left: $left"; fi

# ---- other machines that share the folder (files/holder.h)
echo 'node7/4711/1.0 make merge' >"$W/.holder"
if lock true 2>"$T/err"; then not_ok 'another machine is refused'; else ok 'another machine is refused'; fi
says 'and named, with what to do' \
	"'$W' is in use by process 4711 make merge on node7; if it has ended there, remove '$W/.holder'"
rm "$W/.holder"
check 'then the folder is free' lock true
check 'and nothing says that it is held' [ ! -e "$W/.holder" ]
echo "$(uname -n)/999999999/1.0 make merge" >"$W/.holder"
check 'what a killed run of this machine has left is replaced' lock true
: >"$W/.holder"
check 'and what a run left that ended before it wrote' lock true

# A step that outlives its run writes nothing, once another run has begun, or when its own has ended.
lock sh -c 'echo node7/1/1.0 >"$1/.holder"; exec "$2/copy-output" --from "$3" -o "$1/late"' - \
	"$W" "$BUILD" "$PWD/README.md" 2>"$T/err"
says 'a step of an earlier run writes nothing' "'$W/late' is not written: the run that began this step has ended"
rm -f "$W/.holder"
lock sh -c 'rm "$1/.holder"; exec "$2/copy-output" --from "$3" -o "$1/late"' - \
	"$W" "$BUILD" "$PWD/README.md" 2>"$T/err"
says 'nor when its run has ended' 'is not written: the run that began this step has ended'
check 'there is no such file, and no temporary one' test -z "$(find "$W" -name '*late*')"

mkdir -p "$W/own" "$T/other"
touch "$W/own/.a.tmp-1-0-node7" "$T/other/.b.tmp-1-0-node7" "$W/own/.c.tmp-999999999-0-$(uname -n)"
touch -d '2 days ago' "$T/other/.old.tmp-1-0-node-7"
must "$BUILD/with-lock" --folder "$W" --also "$T/other" -- true
check "other machines' temporary files: those of the locked folder go, and others after a day" \
	test "$(find "$W" "$T/other" -name '*.tmp-*')" = "$T/other/.b.tmp-1-0-node7"

# A file system whose locks do not reach other machines, and that does not append in one piece (other-machine.so).
case $BUILD in
*san*) skip 'locks of one machine' 'the sanitizers come first in LD_PRELOAD' ;;
*)
	there() {
		OTHER_MACHINE=$1 LD_PRELOAD=$PWD/$HELP/other-machine.so "$BUILD/with-lock" --folder "$W" -- "$2" "$3"
	}
	there node1 sleep 1000 &
	check 'a run of another machine' await "$(patience 30)" test -s "$W/.holder"
	if there node2 true 1 2>"$T/err"; then not_ok 'two machines'; else ok 'two machines'; fi
	says 'exclude each other without flock()' 'in use by process [0-9]+ sleep [0-9]+ on node1'
	kill "$(cut -d/ -f2 "$W/.holder")"
	wait
	for n in 1 2 3 4; do
		export OTHER_MACHINE=node$n
		for i in 1 2 3 4 5; do
			LD_PRELOAD=$PWD/$HELP/other-machine.so "$BUILD/copy-output" --checksums "$T/sums.tsv" \
				--from README.md -o "$T/copy$n.$i"
		done &
	done
	wait
	check 'lines that machines append at the same time are all there' \
		test "$(cut -f3 "$T/sums.tsv" | sort -u | grep -c '^copy[1-4][.][1-5]$')-$(wc -l <"$T/sums.tsv")" \
		= 20-20
	;;
esac

lock sh -c 'exit 7' 2>/dev/null
if [ $? = 7 ]; then ok "the command's status is passed on"; else not_ok "the command's status is passed on"; fi
finish
