#!/bin/sh
# A fault at every write. Each tool of tiny merges runs again and again, while its 1st, 2nd, … n-th write-like call
# fails (tests/faults/shim.c): by EIO (only this call) and by ENOSPC (all calls from there on). Each run must end
# with an error and one line. The files under their final names must be unchanged; a run that gets as far as the
# rename writes the same bytes. No temporary file may remain. STEP=k tries only every k-th call.
. "$(dirname "$0")/../lib.sh"
STEP=${STEP:-1}
. tests/faults/commands.sh
manifest() { find "$T/runs" -type f ! -name log.tsv ! -name lock ! -name checksums.tsv -exec cksum {} + | sort -k3; }
manifest >"$T/before"

# What a run says on stderr beyond the lines of a run without a fault, in $T/hints.
own_lines() { grep -vxFf "$T/hints" "$T/err" | wc -l; }
total=0 silent=0 damaged=0 untidy=0 n_tools=0
# No tool finds another program: write-report would start gnuplot, whose own writes are not looked at here.
alone='PATH=/nowhere; export PATH; exec'
faulty() { # KIND N COMMAND: runs it, and looks at how it ends
	LD_PRELOAD="$BUILD/tests/shim.so" FAULT_AT=$2 FAULT_KIND=$1 sh -c "$alone $3" >/dev/null 2>"$T/err" </dev/null
	rc=$?
	total=$((total + 1))
	if [ $rc = 0 ]; then silent=$((silent + 1)); echo "# silent success: call $2, $1: $3"; fi
	if [ $rc -gt 3 ]; then untidy=$((untidy + 1)); echo "# ended with $rc: call $2, $1: $3"; fi
	if [ $rc != 0 ] && [ "$(own_lines)" != 1 ]; then untidy=$((untidy + 1))
		echo "# not one line: call $2, $1: $3"; say <"$T/err"; fi
}
differs() { # KIND N COMMAND: $T/diff says in what
	damaged=$((damaged + 1))
	echo "# files differ: call $2, $1: $3"
	head -5 "$T/diff" | say
}
try() { # KIND N COMMAND
	faulty "$@"
	manifest >"$T/after"
	diff "$T/before" "$T/after" >"$T/diff" || differs "$@"
}
# A line that a fault has cut is ended by the next run, which is then one write more.
end_cut_lines() {
	for lines in "$T"/*/log.tsv "$T"/*/*/log.tsv "$T"/*/checksums.tsv "$T"/*/*/checksums.tsv
		do [ ! -s "$lines" ] || [ -z "$(tail -c 1 "$lines")" ] || echo >>"$lines"; done
}
# COMMAND, without a fault.
counted() {
	end_cut_lines
	FAULT_COUNT="$T/count" LD_PRELOAD="$BUILD/tests/shim.so" sh -c "$alone $1" >/dev/null 2>"$T/hints" </dev/null
}
while read -r command; do
	n_tools=$((n_tools + 1))
	if ! counted "$command"; then
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
	echo "# $count calls: $(echo "$command" | tr -d "'" |
		sed "s,^$BUILD/,,; s, -t .* --checksums [^ ]*,,; s,$T/,,g" | cut -c1-110)"
done <"$T/commands"

# release-files deletes what is there, so every run begins with the files of a finished merge, in its own folder.
# Then each file is either unchanged or released, and another run releases the rest.
P=$T/release
command="'$BUILD/release-files' --log '$P/log.tsv' --checksums '$P/checksums.tsv' --tasks emoint,tec \
	--files '$P/own/{task}/enc00-self.h5,$P/grams/{task}/enc00-self.h5' -q"
fresh() {
	rm -rf "$P"
	mkdir "$P"
	cp -a "$W/own" "$W/grams" "$W/checksums.tsv" "$P"
}
contents() { (cd "$P" && find . -type f -name '*.h5' ! -size -64c -exec cksum {} + | sort -k3
	find . -name '*.h5' -size -64c -exec head -n 1 {} +; find . -name '.?*'); }
fresh
contents >"$T/all"
counted "$command"
contents >"$T/released"
count=$(cat "$T/count") n=1
while [ "$n" -le "$count" ]; do
	for kind in EIO ENOSPC; do
		fresh
		faulty $kind $n "$command"
		{ (cd "$P" && find . -type f -name '*.h5' ! -size -64c -exec cksum {} + | grep -vxFf "$T/all")
		find "$P" -name '.?*'; } >"$T/diff"
		[ ! -s "$T/diff" ] || differs $kind $n "$command"
		sh -c "exec $command" 2>&1 | say
		contents | diff "$T/released" - >"$T/diff" || differs $kind $n "$command"
	done
	n=$((n + STEP))
done
n_tools=$((n_tools + 1))
echo "# $count calls: release-files"

# split-rows writes several files, and leaves those that are right. After a fault each is whole or not there, and
# another run ends like one without a fault.
P=$T/split
command="'$BUILD/split-rows' --tasks tec --data '$D' --held 4 -o '$P' -q"
counted "$command" || untidy=$((untidy + 1))
count=$(cat "$T/count") n=1
(cd "$P" && find . -type f -exec cksum {} + | sort -k3) >"$T/all"
while [ "$n" -le "$count" ]; do
	for kind in EIO ENOSPC; do
		rm -rf "$P"
		faulty $kind $n "$command"
		(cd "$P" 2>/dev/null && find . -type f -exec cksum {} + | grep -vxFf "$T/all") >"$T/diff"
		[ ! -s "$T/diff" ] || differs $kind $n "$command"
		sh -c "exec $command" 2>&1 | say
		(cd "$P" && find . -type f -exec cksum {} + | sort -k3) | diff "$T/all" - >"$T/diff" ||
			differs $kind $n "$command"
	done
	n=$((n + STEP))
done
n_tools=$((n_tools + 1))
echo "# $count calls: split-rows"

# keep-previous renames a finished merge. After a fault the merge is whole under one of the two names, and another
# run ends like one without a fault.
P=$T/keep
command="'$BUILD/keep-previous' --in '$P' --checksums '$P/checksums.tsv' -q"
fresh() {
	rm -rf "$P"
	mkdir -p "$P/eval"
	cp -a "$W/adapter" "$W/model" "$W/eval.tsv" "$W/predictions" "$W/checksums.tsv" "$P"
	cp -a "$W"/eval/*.json "$P/eval"
	cp -a "$W/adapter" "$P/adapter.previous"
	echo older >"$P/adapter.previous/README"
}
contents() { (cd "$P" && find . -type f ! -name checksums.tsv -exec cksum {} + | sort -k3); }
whole() {
	kept=$P/adapter
	[ -e "$kept/adapter_config.json" ] || kept=$P/adapter.previous
	diff -q "$W/adapter" "$kept" 2>&1 | grep -v "^Only in $kept"
}
fresh
counted "$command"
contents >"$T/kept"
count=$(cat "$T/count") n=1
while [ "$n" -le "$count" ]; do
	for kind in EIO ENOSPC; do
		fresh
		faulty $kind $n "$command"
		whole >"$T/diff"
		[ ! -s "$T/diff" ] || differs $kind $n "$command"
		sh -c "exec $command" 2>&1 | say
		contents | diff "$T/kept" - >"$T/diff" || differs $kind $n "$command"
	done
	n=$((n + STEP))
done
n_tools=$((n_tools + 1))
echo "# $count calls: keep-previous"

# plan-pipeline writes only what changes, so each run starts in an empty folder. A run without fault must then
# complete it to the same files.
P=$T/plan
planned() { (cd "$P" && find . -type f ! -name checksums.tsv ! -name digests -exec cksum {} + | sort -k3); }
out=$P
count=999999 n=0
while [ "$n" -le "$count" ]; do
	for kind in EIO ENOSPC; do
		rm -rf "$P"
		(export LD_PRELOAD="$BUILD/tests/shim.so" FAULT_AT=$n FAULT_KIND=$kind FAULT_COUNT="$T/count"; LIMIT=
			plan_pipeline --quiet) >/dev/null 2>"$T/err"
		rc=$?
		if [ "$n" = 0 ]; then
			count=$(cat "$T/count")
			planned >"$T/plan.before"
			continue
		fi
		total=$((total + 1))
		if [ $rc = 0 ]; then silent=$((silent + 1)); echo "# silent success: call $n, $kind: plan-pipeline"; fi
		if [ $rc != 0 ] && [ "$(wc -l <"$T/err")" != 1 ]; then untidy=$((untidy + 1))
			echo "# not one line: call $n, $kind: plan-pipeline"; fi
		plan_pipeline --quiet >/dev/null
		planned >"$T/plan.after"
		if ! cmp -s "$T/plan.before" "$T/plan.after"; then damaged=$((damaged + 1))
			echo "# files differ: call $n, $kind: plan-pipeline"; fi
	done
	n=$((n ? n + STEP : 1))
done
count_is() { if [ "$1" = "$2" ]; then ok "$3"; else not_ok "$3"; fi; }
n_tools=$((n_tools + 1))
echo "# $count calls: plan-pipeline"

# Power loss: a file with its final name is on disk. Every rename comes after a sync of the file, and before a sync
# of its folder.
run "$T/traced" merge TASK_TARGETS=tec MANUAL_CEOF=1 >/dev/null 2>&1 || not_ok 'preparation: a merge'
rm -rf "$T/traced/solution" "$T/traced/adapter"
export FAULT_TRACE="$T/trace"
(export LD_PRELOAD="$PWD/$BUILD/tests/shim.so"
	run "$T/traced" -j1 merge SAVE=1 TASK_TARGETS=tec MANUAL_CEOF=1 >/dev/null 2>&1) ||
	not_ok 'preparation: a traced merge'
unset FAULT_TRACE
check 'every rename follows a sync of the file, and a sync of its folder follows' awk '
	$1 == "fsync" { synced[$2] = 1; if ($2 == wanted) wanted = "" }
	$1 == "rename" {
		n++
		if (wanted != "" || !synced[$2]) { print; bad = 1 }
		wanted = $3
		sub(/\/[^\/]*$/, "", wanted)
	}
	END { print n " renames"; exit bad || wanted != "" || n < 10 }' "$T/trace"

tools() { sed -E "s,^'[^']*/([a-z-]+)'.*,\\1," "$T/commands"; echo release-files; echo split-rows; echo keep-previous
	echo plan-pipeline; }
for tool in "$BUILD"/*-*; do
	[ -x "$tool" ] && [ ! -d "$tool" ] || continue
	case $tool in # these write no results
	*/with-lock | */launch-step | */show-progress | */verify-work | */show-tokens) continue ;;
	esac
	tools | grep -qx "$(basename "$tool")" || { echo "# no run of $(basename "$tool")"; missing=1; }
done
count_is "${missing:-0}" 0 "$n_tools kinds of runs, of every tool that writes"
count_is $silent 0 "$total faults, $silent silent successes"
count_is $damaged 0 "$total faults, $damaged with damaged or left-over files"
count_is $untidy 0 "$total faults, $untidy without one clear line"
finish
