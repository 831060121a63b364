#!/bin/sh
# Threads that wait leave the processor to others: on a machine that other programs keep busy, two threads take hardly more processor time than one.
# (Their time by the clock would say more of the machine than of the tools.)
. "$(dirname "$0")/../lib.sh"

M=data/demo/model L=data/demo/loras D=data/demo/data W=$T/work PAIR=emoint,tec
SMALL='SAMPLES_NUM=48 INNER_NUM=24 OUTER_NUM=2'
must run "$W" merge TASK_TARGETS=$PAIR MANUAL_CEOF=1

# ---- beside four busy loops: the median of five runs by two threads against that of five by one, in turns
loops=
for _ in 1 2 3 4; do
	timeout 600 sh -c 'while :; do :; done' &
	loops="$loops $!"
done
# shellcheck disable=SC2086
trap 'kill $loops 2>/dev/null; rm -rf "$T"' EXIT

median() { cut -f4 "$1" | sort -n | sed -n 3p; } # of the seconds of processor time in a log of five runs
for tool in extract_acts extract_merged generate_tokens compute_grams solve_layer eval_emotion; do
	for _ in 1 2 3 4 5; do
		for t in 1 2; do
			rm -rf "$OUT"; mkdir "$OUT"
			must $tool -q -t $t --log "$T/$tool.$t"
		done
	done
	one=$(median "$T/$tool.1") two=$(median "$T/$tool.2")
	check "$tool beside busy programs: $two s of processor time by two threads, $one s by one" \
		awk -v one="$one" -v two="$two" 'BEGIN { exit !(two <= 1.5 * one + 0.02) }'
done
# shellcheck disable=SC2086
kill $loops; loops=

# ---- what the user set stays in force: libgomp shows how many processors it found when it was loaded
unset OMP_NUM_THREADS OMP_WAIT_POLICY GOMP_SPINCOUNT
found() { env OMP_DISPLAY_ENV=true "$@" "$BUILD/extract-acts" --version 2>&1 | sed -n "s/.*OMP_NUM_THREADS = '\(.*\)'/\1/p"; }
cores=$(nproc)
check 'waiting is brief where nothing is set' test "$(found)" = 1
for setting in GOMP_SPINCOUNT=5 OMP_WAIT_POLICY=active OMP_WAIT_POLICY=passive OMP_PROC_BIND=true OMP_PLACES=cores; do
	check "$setting: the runtime is left alone" test "$(found $setting)" = "$cores"
done

# ---- the processors are all there once the libraries are loaded
check 'a command below a tool may use all processors' test "$("$BUILD/with-lock" --folder "$T/lock" -- nproc)" = "$cores"

# ---- threads by default
default_threads() { "$@" "$BUILD/extract-acts" --help | sed -n 's/.*--threads.*(default \([0-9]*\))/\1/p'; }
first=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
check 'on one processor: one thread' test "$(default_threads taskset -c "$first")" = 1
check 'OMP_NUM_THREADS=3: three threads' test "$(default_threads env OMP_NUM_THREADS=3)" = 3
check 'at most as many threads as processors' test "$(default_threads)" -le "$cores"
finish
