#!/bin/sh
# show-progress: what it leaves out of a command's standard error, and that it ends as the command does.
. "$(dirname "$0")/../lib.sh"
one="$LIMIT $BUILD/show-progress"
said() { # NAME STATUS STDERR SCRIPT
	$one -- sh -c "$4" >"$T/stdout" 2>"$T/stderr"
	status=$?
	sed -i '/^Terminated$/d' "$T/stderr" # by the shell that runs this
	printf "$3" >"$T/want"
	check "$1" sh -c '[ "$1" = "$2" ] && diff "$3" "$4"' - "$status" "$2" "$T/want" "$T/stderr"
}
said 'a failure: the lines of the makes below are left out' 2 'tool: no\n' \
	'echo "tool: no" >&2; echo "make[12]: *** [pipeline/main.mk:89: work/x.h5] Error 1" >&2;
		echo "make[1]: *** Waiting for unfinished jobs...." >&2; exit 2'
said 'interrupted: so are these' 1 '' 'echo "make[2]: *** [a.mk:1: x] Interrupt" >&2; exit 1'
said 'what make itself has to say stays' 2 \
	'make[1]: *** No rule to make target x.  Stop.\nmake: *** [x] Error 2\nmake[1]: Entering\n' \
	'echo "make[1]: *** No rule to make target x.  Stop." >&2; echo "make: *** [x] Error 2" >&2;
		echo "make[1]: Entering" >&2; exit 2'
said 'a line without an end' 0 'half' 'printf half >&2'
said 'many lines' 0 "$(seq 20000 | tr '\n' '#' | sed 's/#/\\n/g')" 'seq 20000 >&2'
said 'killed by a signal' 143 '' 'kill -TERM $$'
said 'standard output is left alone' 0 '' 'echo "make[1]: *** [x] Error 1"'
check '… all of it' grep -qx 'make\[1\]: \*\*\* \[x\] Error 1' "$T/stdout"
start=$(date +%s)
$one -- sh -c 'sleep 30 & echo $! >"$0"; echo done >&2' "$T/left" 2>"$T/stderr" >"$T/stdout"
kill "$(cat "$T/left")"
check 'what is left running is not waited for' sh -c '[ $(($(date +%s) - $1)) -lt 20 ] && grep -qx done "$2"' \
	- "$start" "$T/stderr"
$one -- "$T/no-such-command" 2>"$T/stderr"
check 'no such command' [ $? = 127 ]
refuses 'no command' 2 'no command: expected -- COMMAND' "$BUILD/show-progress"
# A signal sent to it alone goes on to the command, also one that comes as soon as the command runs.
signalled() {
	rm -f "$T/stdout"
	"$BUILD/show-progress" -- sh -c 'trap "echo got >&2; exit 5" TERM; echo ready; while :; do sleep 0.05; done' \
		>"$T/stdout" 2>"$T/stderr" &
	pid=$!
	while ! [ -s "$T/stdout" ]; do :; done
	kill -TERM $pid
	for _ in $(seq 200); do [ -s "$T/stderr" ] && break; sleep 0.05; done
	kill -KILL $pid 2>"$T/gone"
	[ "$(cat "$T/stderr")" = got ]
}
lost=0
for _ in $(seq 20); do signalled || lost=$((lost + 1)); done
check 'a signal is passed on, twenty times' [ $lost = 0 ]
rm -f "$T/stdout"
"$BUILD/show-progress" -- sh -c 'trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done' \
	>"$T/stdout" 2>"$T/stderr" &
pid=$!
for _ in $(seq 200); do [ -s "$T/stdout" ] && break; sleep 0.05; done
kill -TERM $pid
wait $pid
check '… and the status is what the command makes of it' [ $? = 5 ]
finish
