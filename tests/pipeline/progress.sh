#!/bin/sh
# What a merge shows while it runs: on a terminal one line in place, and no line for each process; elsewhere a line for
# each tenth. `make plan` answers meanwhile. Ctrl-C says how to go on.
. "$(dirname "$0")/../lib.sh"
tiny
W=$T/w
case="MODEL=$M LORAS=$L DATA=$D $SMALL TASK_TARGETS=emoint,tec MANUAL_CEOF=1"
small="BUILD=$BUILD $case"
held="BUILD=$HELD $case"
two() { run "$W" "$@" TASK_TARGETS=emoint,tec MANUAL_CEOF=1; }
# on_terminal COMMAND…: what comes there goes to $T/screen.
on_terminal() { TERM=xterm env --default-signal=INT script -qec "stty cols 100; $*" /dev/null >"$T/screen" 2>&1; }
lines() { tr '\r' '\n' <"$T/screen" | sed 's/.\[K//'; } # each state of the line that stays in place
shows() { # NAME PATTERN
	if lines | grep -Eq "$2"; then ok "$1"; else not_ok "$1"; lines | tail -5 | say; fi
}
hides() { # NAME PATTERN
	if lines | grep -E "$2" >"$T/found"; then not_ok "$1"; say <"$T/found"; else ok "$1"; fi
}

if command -v script >/dev/null; then
	hold solve-layer "grep -q \"gone.*, solve-layer\" $T/screen"
	hold eval-emotion "grep -q \"of 6 evaluations\" $T/screen"
	on_terminal "make --no-print-directory -j2 merge eval WORK=$W $held" </dev/null
	check 'on a terminal: a merge' [ $? = 0 ]
	shows '… how far it is' '^sweep: [0-9]+ of [0-9]+ sites, [0-9]+:[0-9]{2} gone'
	shows '… and which tools run' ', solve-layer'
	shows '… so in the evaluation' '^sweep: [0-9]+ of 6 evaluations'
	hides '… no line of a process' 'MB peak'
	shows '… the memory of the largest one, at the end' '^Max memory usage: [0-9.]+ MB'
	shows '… and the table, whole' '^sweep .* [01]\.[0-9]{4} '
	check '… the processes are in the log' grep -q "^solve-layer${tab:=$(printf '\t')}" "$W/log.tsv"

	on_terminal "make --no-print-directory merge WORK=$T/v V=1 $small" </dev/null
	shows 'V=1: a line for each process' '^solve-layer: enc00-self: .* s real, .* MB peak'
	hides '… and no other' 'sites, [0-9]+:[0-9]{2} gone'

	# Ctrl-C: the terminal's character for it, once the merge is under way.
	mkfifo "$T/keys"
	hold compute-grams false
	on_terminal "make --no-print-directory -j2 merge WORK=$T/c $held" <"$T/keys" &
	terminal=$!
	exec 3>"$T/keys"
	check 'Ctrl-C: the merge has begun' await "$(patience 30)" test -e "$T/c/samples/tec.h5"
	printf '\003' >&3
	wait $terminal
	check "… it ends badly (here: $?)" test ! -e "$T/c/adapter/adapter_config.json"
	exec 3>&-
	shows '… and says how to go on' '^(\^C)?with-lock: interrupted: .* this goes on: make -j2 merge '
	check '… no temporary file is left by the next run' sh -c "make merge WORK=$T/c $small &&
		[ -z \"\$(find $T/c -name '.*.tmp-*')\" ]"

	# An error: the tool's line and one of make's, whole.
	cp -r "$D" "$T/data"
	printf '[' >"$T/data/tec/train.json"
	on_terminal "make --no-print-directory merge WORK=$T/e $small DATA=$T/data" </dev/null
	check 'an error: the status is what make makes of it' [ $? = 2 ]
	check '… two lines' [ "$(lines | grep -Ecv '^$|^sweep: ')" = 2 ]
	shows '… of the tool' "^[a-z-]+: .*$T/data/tec/train.json"

	printf 'include Makefile\nDEMO_WORK = %s\n' "$T/demo" >"$T/demo.mk"
	on_terminal "make --no-print-directory -j2 -f $T/demo.mk demo BUILD=$BUILD" </dev/null
	check "the demo fits on a screen of 24 lines ($(grep -c '' "$T/screen"))" [ "$(grep -c '' "$T/screen")" -le 23 ]
	shows '… its table' '^sweep .*%'
else skip 'on a terminal' 'there is no script(1)'; fi

# ---- under tmux, at three moments: while a site is solved, while a model is evaluated, at the end
if command -v tmux >/dev/null; then
	unset TMUX
	server() { tmux -S "$T/tmux" -f /dev/null "$@"; }
	# captured PATTERN: the screen has such a line, and no other of the run.
	captured() {
		server capture-pane -p | grep . >"$T/screen"
		grep -Eq "$1" "$T/screen" && [ "$(grep -Ec '^sweep: ' "$T/screen")" = 1 ]
	}
	let_go compute-grams
	hold solve-layer "test -e $T/first"
	hold eval-emotion "test -e $T/second"
	must server new-session -d -x 100 -y 24 \
		"make --no-print-directory -j2 merge eval WORK=$T/t $held; touch $T/third; sleep 600"
	check 'tmux, first: one line, of the sites' await "$(patience 60)" captured \
		'^sweep: 0 of 7 sites, [0-9]+:[0-9]{2} gone, about [0-9:]+ left, [0-9]+ MB, .*solve-layer'
	touch "$T/first"
	check '… second: one line, of the evaluations' await "$(patience 60)" captured \
		'^sweep: 0 of 6 evaluations, [0-9]+:[0-9]{2} gone, (about [0-9:]+ left, )?[0-9]+ MB, eval-emotion'
	touch "$T/second"
	check '… third: the end' await "$(patience 60)" test -e "$T/third"
	server capture-pane -p | grep . >"$T/screen"
	check '… nothing is left of the line' lacks '^sweep: ' "$T/screen"
	check '… and the table is there, whole' grep -Eq '^sweep .* [01]\.[0-9]{4} ' "$T/screen"
	server kill-server
else skip 'under tmux' 'there is no tmux; make deps installs it'; fi

# ---- no terminal
rm -rf "$W"
hold compute-grams "test -e $T/planned"
hold solve-layer "grep -q \"% done\" $T/out"
two merge BUILD="$HELD" >"$T/out" 2>&1 &
merge=$!
check 'a merge runs' await "$(patience 30)" test -e "$W/samples/tec.h5"
two plan >"$T/plan" 2>"$T/err"
touch "$T/planned"
check 'make plan answers meanwhile' grep -Eq '^to do  *[0-9]+ processes for the merge' "$T/plan"
check '… and why each kind of file is to be made' grep -Eq '^why +[A-Za-z ]+ [0-9]+ of [0-9]+: ' "$T/plan"
wait $merge
check 'the merge ends well' test -e "$W/adapter/adapter_config.json"
check 'no line of a process' lacks 'MB peak' "$T/out"
check 'a line for a tenth' grep -Eq '^sweep: [1-9]0 % done, [0-9]+ of 7 sites, [0-9]+:[0-9]{2} gone, ' "$T/out"
check 'tenths, in their order and each once' sh -c \
	'sed -n "s/^sweep: \([0-9]*\) % done, .*/\1/p" "$1" >"$2" && sort -nu "$2" | diff - "$2"' - "$T/out" "$T/tenths"
check 'nothing in place' lacks "$(printf '\r')|$(printf '\033')" "$T/out"
finish
