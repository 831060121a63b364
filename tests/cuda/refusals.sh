#!/bin/sh
# On the CUDA backend, one line says what ends a run: no device, an old one, too little memory, calls that fail, a
# build without CUDA. Processes wait for each other's use of the device. All on the CPU test double.
. "$(dirname "$0")/../lib.sh"
export XDG_RUNTIME_DIR="$T"
tiny
worked
PLAIN=$BUILD
refuses 'a build without CUDA' 1 "extract-acts: backend 'cuda': this build has the CPU backend only" extract_acts \
	-b cuda
BUILD=$PLAIN/double

on_double() { # on_double WHAT SAID SETTING: every tool that computes is refused
	what=$1 said=$2
	export "$3"
	for tool in extract_acts generate_tokens compute_grams solve_layer eval_emotion; do
		command=$(echo $tool | tr _ -)
		refuses "$command: $what" 1 "^$command: $said" $tool -b cuda
	done
	unset CUDAEMU_DEVICES CUDAEMU_CAPABILITY CUDAEMU_MEMORY
}
on_double 'no device' "backend 'cuda': there is no device to compute on: no CUDA-capable device is detected" \
	CUDAEMU_DEVICES=0
on_double 'a device of before sm_80' "backend 'cuda': the device has compute capability 7.5, and 8.0 is needed" \
	CUDAEMU_CAPABILITY=75
on_double 'not enough memory free' 'the CUDA device has 0 MB of memory free, of 0 MB, and [1-9][0-9]* MB are needed' \
	CUDAEMU_MEMORY=5000
refuses 'eval_int8' 1 "^eval-emotion: eval_int8: backend 'cuda' has no products of 8-bit integers: leave" \
	eval_emotion -b cuda --eval-int8 1
(set=EVAL_INT8=1; refuses 'eval_int8, in the plan' 1 "^plan-pipeline: eval_int8: backend 'cuda' has no products" \
	plan_pipeline -b cuda)
refuses 'more than --max-memory' 1 '^extract-acts: --max-memory [0-9]+ MB is too little' extract_acts -b cuda \
	--max-memory 20M

# The N-th call that can fail does fail. The run then ends with one line of error, status 1 and no file; or, if the
# call only frees memory, with the whole file. It never crashes.
out=$T/whole.h5
must extract_acts -b cuda -q
unset out
whole_or_none() { [ -z "$(find "$OUT" ! -type d ! -name x.h5)" ] && { [ ! -e "$OUT/x.h5" ] ||
	cmp "$OUT/x.h5" "$T/whole.h5"; }; }
last=0 failed=0 wrong=
for n in $(seq 1 40) $(seq 45 7 400) 100000; do
	rm -rf "$OUT"; mkdir "$OUT"
	(export CUDAEMU_FAIL="$n"; extract_acts -b cuda -q) >"$T/stdout" 2>"$T/stderr"
	status=$?
	if [ $status = 0 ]; then last=$n; continue; fi
	failed=$((failed + 1))
	[ $status = 1 ] && [ "$(wc -l <"$T/stderr")" = 1 ] && whole_or_none || wrong="$wrong $n"
done
check "each of $failed calls that fail is one line of error (wrong:$wrong)" test -z "$wrong" -a $failed -gt 50
check 'and with none failing there is none' test $last = 100000

# The lock.
lock=$T/iteris-cuda-$(id -u)-FFFF-FF-00-0.lock
mkfifo "$T/gate"
flock "$lock" sh -c 'echo >"$1"; read -r _ <"$1"' - "$T/gate" &
read -r _ <"$T/gate" # it has the lock
rm -rf "$OUT"; mkdir "$OUT"
extract_acts -b cuda -v >"$T/stdout" 2>"$T/stderr" &
check 'another process uses the device: it waits' await "$(patience 30)" \
	grep -q 'waiting for the CUDA device' "$T/stderr"
check '… and nothing is written yet' test -z "$(find "$OUT" ! -type d)"
echo >"$T/gate"
wait
check 'and when it has ended there is the result' test -s "$OUT/x.h5"
finish
