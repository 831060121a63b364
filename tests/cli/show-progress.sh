#!/bin/sh
# show-progress: what it leaves out of a command's standard error, that it ends as the command does, how far it is.
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
$one -- sh -c 'sleep 600 & echo $! >"$0"; echo done >&2' "$T/left" 2>"$T/stderr" >"$T/stdout"
check 'what is left running is not waited for' kill "$(cat "$T/left")"
check '… and what came before is passed on' grep -qx done "$T/stderr"
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
	for _ in $(seq "$(patience 200)"); do [ -s "$T/stderr" ] && break; sleep 0.05; done
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
for _ in $(seq "$(patience 200)"); do [ -s "$T/stdout" ] && break; sleep 0.05; done
kill -TERM $pid
wait $pid
check '… and the status is what the command makes of it' [ $? = 5 ]

# ---- how far it is: a run that tells its work as plan-pipeline does, and whose processes end as the log says
cat >"$T/run" <<END
log=$T/log.tsv
# tell ITERATION ITERATIONS SITES-DONE
tell() {
	printf 'begin\ntitle sweep\nlog %s %s\n' \$(wc -c <\$log) \$log >"\$MERGE_LORA_SHOWN"
	printf 'iteration %s %s\nsites %s 4\n' \$1 \$2 \$3 >"\$MERGE_LORA_SHOWN"
	printf 'work 1 extract-acts\nwork 1 solve-layer\nwork 8 assemble-lora\nend\n' >"\$MERGE_LORA_SHOWN"
}
# ended TOOL SECONDS
ended() { printf '%s\ttext\t%s\t1.0\t20.0\n' \$1 \$2 >>\$log; sleep 1; }
END
cat >"$T/sweep" <<END
. "$T/run"
printf 'solve-layer\tan earlier one\t9\t9\t9\n' >\$log
tell 0 0 1
ended extract-acts 0.4
ended solve-layer 0.4
echo 'tool: a warning' >&2
echo 'a result'
ended assemble-lora 1
exit 3
END
cat >"$T/jacobi" <<END
. "$T/run"
: >\$log
tell 2 24 0
ended extract-acts 1
END
# On a terminal of so many columns: on_terminal COLUMNS COMMAND…; what comes there goes to $T/screen.
on_terminal() {
	columns=$1
	shift
	TERM=xterm script -qec "stty cols $columns; $*" /dev/null >"$T/screen" 2>&1 </dev/null
	status=$?
	tr '\r' '\n' <"$T/screen" >"$T/lines" # each state of the line that stays in place
	return $status
}
if command -v script >/dev/null; then
	on_terminal 100 "$BUILD/show-progress -- sh $T/sweep"
	check 'on a terminal: the status is the command'"'"'s' [ $? = 3 ]
	check '… sites done of all, time gone, memory' grep -Eq '^sweep: 2 of 4 sites, 0:0[1-9] gone, .*[0-9] MB' \
		"$T/lines"
	check '… those of before count as done' grep -Eq '^sweep: 1 of 4 sites, ' "$T/lines"
	check '… an earlier line of the log does not count' lacks '3 of 4' "$T/lines"
	check '… time left' grep -Eq '2 of 4 sites, 0:0[0-9] gone, about 0:[0-9][0-9] left' "$T/lines"
	check '… a warning has a line of its own' grep -Eq '^(.\[K)?tool: a warning$' "$T/lines"
	check '… so has a result' grep -Eq '^(.\[K)?a result$' "$T/lines"
	check '… the line is gone at the end' sh -c 'tail -c 4 "$1" | od -An -c | grep -q "33   \[   K"' - "$T/screen"
	on_terminal 30 "$BUILD/show-progress -- sh $T/sweep"
	grep '^sweep' "$T/lines" | sed 's/.\[K.*//' >"$T/cut"
	check '30 columns: the line is cut at 29' awk \
		'length > 29 { bad = 1 } length == 29 { cut = 1 } END { exit bad || !cut }' "$T/cut"
	on_terminal 120 "$BUILD/show-progress -- sh $T/jacobi"
	check 'an iteration says which of how many, and the most that is left' grep -Eq \
		'^sweep: iteration 2 of at most 24, 0 of 4 sites, 0:0[0-9] gone, at most [0-9:]+ left' "$T/lines"
	on_terminal 100 "TERM=dumb $BUILD/show-progress -- sh $T/sweep"
	check 'TERM=dumb: nothing is drawn in place' lacks 'K' "$T/screen"
else skip 'on a terminal' 'there is no script(1)'; fi
"$BUILD/show-progress" -- sh "$T/sweep" >"$T/stdout" 2>"$T/stderr"
check 'elsewhere: the status is the command'"'"'s' [ $? = 3 ]
check '… a line for a tenth' grep -Eq '^sweep: [1-9]0 % done, [12] of 4 sites, 0:0[0-9] gone, about 0:[0-9]+ left, ' \
	"$T/stderr"
check '… each once' sh -c '[ -z "$(grep -o "^sweep: [0-9]*" "$1" | uniq -d)" ]' - "$T/stderr"
check '… and no control characters' sh -c '! LC_ALL=C grep -q "[[:cntrl:]]" "$1"' - "$T/stderr"
"$BUILD/show-progress" --terminal-only -- sh "$T/sweep" >"$T/stdout" 2>"$T/stderr"
check '--terminal-only: no line but the command'"'"'s' sh -c 'echo "tool: a warning" | diff - "$1"' - "$T/stderr"
$one -- sh -c '[ -n "$MERGE_LORA_SHOWN" ] && : >"$MERGE_LORA_SHOWN"' 2>"$T/stderr"
check 'the command finds the pipe by MERGE_LORA_SHOWN' [ $? = 0 ]
$one -- sh -c 'printf "begin\nwork nothing\nend\n\377\n" >"$MERGE_LORA_SHOWN"; sleep 1' 2>"$T/stderr"
check 'what is no list is passed over' sh -c '[ $1 = 0 ] && [ ! -s "$2" ]' - $? "$T/stderr"
finish
