# commands.sh: one command of each tool that a merge and its evaluation run, on one line each into $T/commands (two of extract-acts, by side, and of
# eval-emotion); $W is the finished WORK folder. Sourced after lib.sh.
tiny --blocks 1
W=$T/work
must run "$W" merge eval V=1 KEEP_ACTS=1 TASK_TARGETS=emoint,tec MANUAL_CEOF=1
cp "$T/must.out" "$T/made"
tr -d '\\' <"$T/made" | awk -v bin="$BUILD/" '
	function end() { if (line != "" && !(key in seen)) { seen[key] = 1; print line } line = "" }
	index($0, bin) == 1 || /^[^ ]/ { end() }
	index($0, bin) == 1 { key = $1; line = " " }
	line != "" { line = line " " $0; if (match($0, /--side [a-z]+|--adapter/)) key = key substr($0, RSTART, RLENGTH) }
	END { end() }' | tr -s ' ' | sed 's/$/ -q/' >"$T/commands"
