#!/bin/sh
# Merges on one place and on two, against the time that the rehearsal of their graph gives (plan/rehearsal.h): each
# process takes the wall seconds of its line in log.tsv. So other programs may run beside them. LAUNCH starts the
# steps; tests/golden/nodes.sh has runs by Slurm.
. "$(dirname "$0")/../lib.sh"
M=data/demo/model L=data/demo/loras D=data/demo/data SMALL='' KEEP=''
STEP=0.01 # seconds of launch-step and `env`
rehearsed() { # JOBS STEP
	"$BUILD/bench/replay-graph" --model "$M" --loras "$L" --data "$D" --work "$T/none" --record "$T/run/log.tsv" \
		--jobs "$1" --launch "$2" >"$T/compared"
}
for jobs in 1 2; do
	# A program that comes or goes in the middle of a run may spoil it.
	for try in 1 2 3; do
		rm -rf "$T/run"
		must run "$T/run" -j$jobs merge THREADS=1 LAUNCH=env
		rehearsed $jobs $STEP && break
	done
	said=$(awk 'NR > 1 { print "rehearsed " $1 " s, took " $2 " s" }' "$T/compared")
	check "$jobs at once: $said, within 20 %" rehearsed $jobs $STEP
	rehearsed $jobs 1
	check "$jobs at once: a second too much for each step is found" [ $? = 1 ]
done
rehearsed 1 $STEP 2>"$T/err"
check 'the log of other jobs is found' grep -q 'compute-grams that is of no process' "$T/err"
finish
