#!/bin/sh
# A full disk, a folder in the way, signals: only whole files have final names, no temporary file remains, and the
# old result stays.
. "$(dirname "$0")/../lib.sh"
tiny
worked
must run "$W" eval TASK_TARGETS=emoint,tec MANUAL_CEOF=1 # for report-eval

# ---- a full disk: a small file system of our own, in a mount namespace of our own
if unshare -m true 2>/dev/null; then apart='unshare -m'; elif unshare -rm true 2>/dev/null; then apart='unshare -rm'
	else apart=; fi
mkdir "$T/disk"
if [ -n "$apart" ] && ! $apart mount -t tmpfs -o size=64k none "$T/disk" 2>/dev/null; then apart=; fi
# on_full_disk TOOL LEFT: the tool's output folder is a disk with LEFT bytes free. Afterwards $T/left lists its
# files.
cat >"$T/on-full-disk" <<'END'
mount -t tmpfs -o size=64k none "$OUT" || exit 99
head -c $((65536 - left)) /dev/zero >"$OUT/filler" 2>/dev/null
"$@"
status=$?
ls -A "$OUT" >"$T/left"
exit $status
END
full_disk() {
	if [ -z "$apart" ]; then skip "$1: a full disk, $2 bytes left" 'no file system of our own can be mounted here'
		return; fi
	rm -rf "$OUT"; mkdir "$OUT"
	# shellcheck disable=SC2046
	(LIMIT="env left=$2 OUT=$OUT T=$T $apart sh $T/on-full-disk"; [ "$1" = assemble_lora ] && out=$OUT
		[ "$1" = eval_emotion ] && predictions=$T/p.jsonl; "$1") \
		>"$T/stdout" 2>"$T/stderr"
	status=$? want=1 pattern="No space left on device"
	grep -vx filler "$T/left" | while read -r name; do touch "$OUT/$name"; done
	name="$1: a full disk, $2 bytes left"
	verdict $status
}
for tool in $TOOLS report_eval; do full_disk $tool 0; done
for tool in extract_acts extract_merged compute_grams solve_layer assemble_lora; do full_disk $tool 4096; done

# ---- the target is in the way, or must not be written
for tool in $TOOLS; do
	(out=$T/in-the-way predictions=$T/p.jsonl; rm -rf "$out"; mkdir -p "$out/adapter_model.safetensors"
		refuses "$tool: a folder where the output should be" 1 \
		"cannot create '.*in-the-way.*': Is a directory" $tool)
	(out=/proc/self/x.h5; predictions=$T/p.jsonl
		refuses "$tool: no such place" 1 "cannot (create|make folder) '/proc/" $tool)
done
# root may write anywhere, unless it gives this up.
humble=
[ "$(id -u)" != 0 ] ||
	humble='setpriv --bounding-set -dac_override,-dac_read_search --inh-caps -dac_override,-dac_read_search'
mkdir "$T/closed"
chmod 555 "$T/closed"
if $humble sh -c 'touch "$1/x"' - "$T/closed" 2>/dev/null || ! $humble true
	then skip 'a folder without write permission' 'this user may write anywhere'; else
	for tool in $TOOLS report_eval; do
		(LIMIT="$humble"; out=$T/closed/x.h5; [ $tool = assemble_lora ] && out=$T/closed; predictions=$T/p.jsonl
			refuses "$tool: a folder without write permission" 1 \
				"cannot create '.*closed.*': Permission denied" $tool)
	done
	chmod 000 "$T/closed"
	(LIMIT="$humble"; model=$T/closed
		refuses 'extract_acts: a model without read permission' 1 "closed.*: Permission denied" extract_acts)
fi
chmod 755 "$T/closed"

# ---- a file size limit
for tool in $TOOLS report_eval; do
	limit=1000
	case $tool in eval_emotion | report_eval) limit=200 ;; esac
	(LIMIT="prlimit --fsize=$limit --"; [ $tool = assemble_lora ] && out=$OUT
		refuses "$tool: no file may be larger than $limit bytes" 1 "File too large" $tool)
done

# ---- little memory: a run succeeds with the same bytes, or says in one line that there is too little. Messages of
# the loader and the libraries before main() do not count: the least memory with which all tools start is found
# first.
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
least=64
while [ $least -lt 4096 ] && ! prlimit --as=$((least << 20)) -- "$BUILD/extract-acts" --version >/dev/null 2>&1
	do least=$((least + 8)); done
little_memory() { # TOOL
	said=0 worked=0 wrong=
	rm -rf "$OUT" "$T/right"; mkdir "$OUT"
	"$1" -q -t 1 2>/dev/null || wrong="does not even run with much; "
	cp -r "$OUT" "$T/right"
	for more in 8 64 120 132 150 180 190 195 200 210 230 400; do
		rm -rf "$OUT"; mkdir "$OUT"
		(LIMIT="limited 20 prlimit --as=$(((least + more) << 20)) --"
			"$1" -q -t 1) >/dev/null 2>"$T/stderr" </dev/null
		status=$?
		if [ $status = 0 ] && diff -r "$OUT" "$T/right" >/dev/null; then worked=$((worked + 1))
		elif [ $status = 1 ] && [ "$(wc -l <"$T/stderr")" = 1 ] && [ -z "$(find "$OUT" ! -type d)" ]
		then said=$((said + 1))
		else wrong="$wrong$((least + more)) MB: status $status, $(head -c 300 "$T/stderr" |
			tr '\n' '|') left: $(find "$OUT" ! -type d | tr '\n' ' '); "; fi
	done
	[ $worked -gt 0 ] || wrong="${wrong}never enough; "
	if [ -z "$wrong" ]; then ok "$1: little memory: $said times refused in a line, $worked times enough"
		else not_ok "$1: little memory"; echo "$wrong" | say; fi
}
case $BUILD in *san*) skip 'little memory' 'the sanitizers take terabytes of addresses' ;; *) for tool in $TOOLS
	do little_memory $tool; done ;; esac
unset OPENBLAS_NUM_THREADS OMP_NUM_THREADS

# ---- an error leaves the old result alone
for tool in extract_acts compute_grams solve_layer generate_tokens; do
	mkdir -p "$T/old"
	echo precious >"$T/old/x.h5"
	(out=$T/old/x.h5 site=enc99-self samples=$T/none.h5; $tool -q) 2>/dev/null
	check "$tool: an error leaves the old result" sh \
		-c '[ "$(cat "$1/x.h5")" = precious ] && [ "$(ls -A "$1")" = x.h5 ]' - "$T/old"
done

# ---- signals at the moment when the output is written but has no final name yet (slow-fsync.so delays the tool)
case $BUILD in *san*) slow= ;; *) slow=$PWD/$HELP/slow-fsync.so ;; esac
# stopped TOOL SIGNAL: starts the tool, waits for the temporary file, sends the signal. Sets status, and seen if
# there was a temporary file.
stopped() {
	rm -rf "$OUT"; mkdir "$OUT"
	# exec: the signal must reach the tool, not a shell around it.
	(LIMIT="exec env LD_PRELOAD=$slow"; $1) >"$T/stdout" 2>"$T/stderr" </dev/null &
	pid=$! seen= turn=0 turns=$(patience 400)
	while [ $turn -lt "$turns" ] && kill -0 $pid 2>/dev/null; do
		seen=$(find "$OUT" -name '.*.tmp-*' -size +0)
		[ -z "$seen" ] || break
		sleep 0.02
		turn=$((turn + 1))
	done
	kill -s "$2" $pid
	wait $pid 2>/dev/null
	status=$?
}
gone() { # NAME: a temporary file was there, and nothing is now
	if [ -n "$seen" ] && [ "$status" = "$want" ] && [ -z "$(find "$OUT" ! -type d)" ]; then ok "$1"; else
		not_ok "$1"
		{ echo "status $status, not $want; there was: $seen; left: $(find "$OUT" ! -type d | tr '\n' ' ')"
		head -3 "$T/stderr"; } | say
	fi
}
for tool in $TOOLS; do
	for signal in TERM INT HUP; do
		if [ -z "$slow" ]; then skip "$tool: SIG$signal" 'the sanitizers come first in LD_PRELOAD'; continue; fi
		[ $signal = TERM ] || [ $tool = solve_layer ] || continue
		# A shell starts background commands with SIGINT ignored, and it stays ignored. Only another parent
		# could test it.
		if [ $signal = INT ]; then
			want=130
			(LIMIT="setsid env --default-signal=INT LD_PRELOAD=$slow"; rm -rf "$OUT"; mkdir "$OUT"
				$tool >"$T/stdout" 2>"$T/stderr" </dev/null; echo $? >"$T/status") &
			turn=0 seen= turns=$(patience 400)
			while [ $turn -lt "$turns" ] && [ -z "$seen" ]; do sleep 0.02
				seen=$(find "$OUT" -name '.*.tmp-*' -size +0); turn=$((turn + 1)); done
			kill -s INT "$(basename "$seen" | sed 's/.*tmp-\([0-9]*\)-.*/\1/')"
			wait
			status=$(cat "$T/status")
		else
			stopped $tool $signal
			number=$(kill -l $signal 2>/dev/null | grep -x '[0-9]*' ||
				case $signal in TERM) echo 15 ;; HUP) echo 1 ;; esac)
			want=$((128 + number))
		fi
		gone "$tool: SIG$signal removes what is not finished"
	done
	if [ -z "$slow" ]; then skip "$tool: kill -9" 'the sanitizers come first in LD_PRELOAD'; continue; fi
	stopped $tool KILL
	final=$(find "$OUT" ! -type d ! -name '.*.tmp-*')
	(LIMIT=; $tool -q) 2>"$T/stderr" # beside what the first has left
	again=$?
	left=$(find "$OUT" -name '.*.tmp-*' | wc -l)
	rm -rf "$T/first"; cp -r "$OUT" "$T/first"; find "$T/first" -name '.*.tmp-*' -delete
	rm -rf "$OUT"; mkdir "$OUT"; $tool -q 2>/dev/null
	if [ "$status" = 137 ] && [ -n "$seen" ] && [ -z "$final" ] && [ $again = 0 ] && [ "$left" -le 1 ] &&
		diff -r "$T/first" "$OUT" >"$T/diff"; then
		ok "$tool: killed, and run again"
	else
		not_ok "$tool: killed, and run again"
		{ echo "status $status, then $again; final names after the kill: $final"
			echo "temporary files after the second run: $left"; cat "$T/stderr" "$T/diff"; } | say
	fi
done
finish
