#!/bin/sh
# Waiting threads leave the processor to others. On a machine that other programs keep busy, two threads take hardly
# more processor time than one. (Wall time would tell more about the machine than about the tools.)
. "$(dirname "$0")/../lib.sh"

M=data/demo/model L=data/demo/loras D=data/demo/data W=$T/work PAIR=emoint,tec
SMALL='SAMPLES_NUM=48 INNER_NUM=24 OUTER_NUM=2'
must run "$W" merge TASK_TARGETS=$PAIR MANUAL_CEOF=1

# ---- beside four busy loops: the median of five runs with two threads against that of five with one, in turns
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

# ---- what the libraries see while they are loaded, as libgomp shows
unset OMP_NUM_THREADS OMP_WAIT_POLICY GOMP_SPINCOUNT
export OMP_DISPLAY_ENV=verbose
spins() { env "$@" "$BUILD/extract-acts" --version 2>&1 | sed -n "s/.*GOMP_SPINCOUNT = '\(.*\)'/\1/p"; }
brief() { test "$1" -ge 200 -a "$1" -le 60000; } # turns of some nanoseconds each; OpenMP's default is 300000
check "a wait is brief where nothing is set: $(spins) turns" brief "$(spins)"
check 'and with hardly anything in the environment' brief "$(spins -i OMP_DISPLAY_ENV=verbose PATH="$PATH")"
check 'GOMP_SPINCOUNT=5 stays' test "$(spins GOMP_SPINCOUNT=5)" = 5
check 'OMP_WAIT_POLICY=passive stays' test "$(spins OMP_WAIT_POLICY=passive)" = 0
check 'OMP_WAIT_POLICY=active stays' test "$(spins OMP_WAIT_POLICY=active)" -gt 1000000
unset OMP_DISPLAY_ENV
check 'with an empty environment a tool runs' env -i "$BUILD/extract-acts" --version

# ---- afterwards the environment is whole again
env | grep -v '^_=' | sort >"$T/mine"
"$BUILD/with-lock" --folder "$T/lock" -- env | grep -v '^_=\|^MERGE_LORA_RUN=' | sort >"$T/below"
check 'a command below a tool finds the environment as it was, and the run'"'"'s token' diff "$T/mine" "$T/below"

# ---- threads by default
default_threads() { "$@" "$BUILD/extract-acts" --help | sed -n 's/.*--threads.*(default \([0-9]*\))/\1/p'; }
first=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
check 'on one processor: one thread' test "$(default_threads taskset -c "$first")" = 1
check 'OMP_NUM_THREADS=3: three threads' test "$(default_threads env OMP_NUM_THREADS=3)" = 3
check 'at most as many threads as processors' test "$(default_threads)" -le "$(nproc)"
finish
