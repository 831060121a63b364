#!/bin/sh
# Merges whose steps Slurm starts (LAUNCH), on a cluster of one node that the test starts itself: equal bytes, and what
# happens when steps are cancelled or killed and when the run is ended. `make slurm-test` runs this alone.
. "$(dirname "$0")/../lib.sh"
. tests/slurm/cluster.sh
. tests/killer.sh
trap 'cluster_stop; rm -rf "$T"' EXIT
if ! cluster_start; then
	skip 'merges by Slurm' "$cluster_why"
	finish
fi
KEEP=
SMALL='SAMPLES_NUM=12 INNER_NUM=3 OUTER_NUM=4 MANUAL_CEOF=1'
LAUNCH='srun -n1 -c{cpus} --mem={mem} -Q -X -i none'
slurm() { # WORK TARGETS AND SETTINGS…: as `run`, by Slurm
	to=$1
	shift
	run "$to" -j4 LAUNCH="$LAUNCH" THREADS=1 "$@"
}
demo() { # t5 or llama: the demo's folders in $M, $L and $D
	case $1 in t5) D=data/demo ;; llama) D=data/demo-llama ;; esac
	M=$D/model L=$D/loras D=$D/data
}

# begin WORK …: the same in the background, in a process group of its own, as on a terminal. Each step takes a moment,
# so that one can be caught, and so that the run does not end before the last case.
printf '%s\n' '#!/bin/sh' 'sleep 0.5' 'exec "$@"' >"$T/slowly"
chmod +x "$T/slowly"
begin() {
	mkdir -p "$1"
	touch "$1/log.tsv"
	lines=$(wc -l <"$1/log.tsv")
	slurm_in_group "$@" >"$T/said" 2>&1 &
	make=$!
}
slurm_in_group() {
	to=$1
	shift
	# shellcheck disable=SC2086
	exec setsid env --default-signal=INT make --no-print-directory BUILD="$BUILD" MODEL="$M" LORAS="$L" DATA="$D" \
		WORK="$to" $SMALL -j4 LAUNCH="$LAUNCH $T/slowly" THREADS=1 "$@"
}
goes_on() { [ "$(wc -l <"$1/log.tsv")" -ge $((lines + 2)) ] || ! runs $make; } # a few steps are done
# until_ended COMMAND…: repeats it until make has ended; $status is make's.
until_ended() {
	turns=$(($(patience 20) * 5))
	while runs $make && [ $turns -gt 0 ]; do
		"$@" >/dev/null 2>&1
		turns=$((turns - 1))
		sleep 0.2
	done
	wait $make
	status=$?
}
# One step that runs is cancelled, or its processes are killed, as the kernel does when memory runs out.
running_one() { squeue -h -t R -o %i | head -n 1 | grep .; }
cancel_one() { id=$(running_one) && scancel "$id"; }
kill_one() { id=$(running_one) && scontrol listpids "$id" | awk 'NR > 1 { print $1 }' | xargs kill -9; }
lose_node() { running_one && scontrol update nodename=n0 state=down reason=test; }
ended() { # NAME PATTERN: make has failed, has said so, and no job is left
	check "$1: it ends with an error" [ "$status" != 0 ]
	if grep -Eq -- "$2" "$T/said"; then ok "$1: and says why"; else not_ok "$1: and says why"; say <"$T/said"; fi
	check "$1: no job is left" await "$(patience 10)" no_jobs
}

demo t5
must run "$T/here" -j2 merge TASK_TARGETS=tec,isear
W=$T/there
begin "$W" merge TASK_TARGETS=tec,isear
await "$(patience 30)" goes_on "$W"
until_ended cancel_one
ended 'a step is cancelled' 'STEP [0-9]+\.0 ON n0 CANCELLED|StepId=[0-9]+|[Jj]ob [0-9]+'
check 'and the file that was not made is named' grep -Eq "launch-step: '.*' was not made: 'srun' ended" "$T/said"
begin "$W" merge TASK_TARGETS=tec,isear
await "$(patience 30)" goes_on "$W"
until_ended kill_one
ended 'a step is killed' 'n0: task 0: Killed'
begin "$W" merge TASK_TARGETS=tec,isear
await "$(patience 30)" goes_on "$W"
until_ended kill -TERM $make
ended 'TERM to make' 'interrupted: what is finished is kept, and this goes on: make .*LAUNCH='
begin "$W" merge TASK_TARGETS=tec,isear
await "$(patience 30)" goes_on "$W"
kill -INT -$make
until_ended true
ended 'one Ctrl-C' 'interrupted: what is finished is kept, and this goes on: make .*LAUNCH='
begin "$W" merge TASK_TARGETS=tec,isear
await "$(patience 30)" goes_on "$W"
kill -KILL -$make
until_ended true
scancel --user="$(id -un)" # the jobs of a killed srun stay
must slurm "$W" merge TASK_TARGETS=tec,isear
check 'the next run goes on, to the end' [ -s "$W/adapter/adapter_config.json" ]
check 'nothing half-written is left' [ -z "$(find "$W" -name '.*.tmp-*')" ]
same 'the T5, a sweep: the bytes of a run without Slurm' "$T/here" "$W"
mark "$W"
must slurm "$W" merge TASK_TARGETS=tec,isear
expect_nothing 'and then there is nothing to do' "$W"

# The machine of a step is lost. srun may then end without an error.
lost() { exec "$BUILD/launch-step" --wait 1 -- srun -n1 --mem=50M -Q -X -i none sh -c 'sleep 300' - -o "$T/lost"; }
lost >"$T/said" 2>&1 &
make=$!
await "$(patience 10)" running_one
until_ended lose_node
ended 'a machine is lost' 'Node failure on n0'
check 'and the file that was not made is named' grep -Eq "launch-step: '$T/lost' was not made" "$T/said"
timeout 5 scontrol update nodename=n0 state=resume 2>/dev/null # it may have come back by itself
check 'and the machine comes back' await "$(patience 10)" cluster_idle

# The same merge in steps that are killed on their machine.
killer "$T/killer" 6
killing() { run "$T/killed" -j4 merge TASK_TARGETS=tec,isear LAUNCH="$LAUNCH $T/killer" THREADS=1; }
check 'after each killed step the run goes on' resumes "$T/killer" killing
check "six steps were killed, in $ends runs" test "$(killed "$T/killer")" = 6
same 'and the bytes are those of a run without Slurm' "$T/here" "$T/killed"

demo llama
settings='TASK_TYPE=demo-llama CONFIG=data/demo-llama/config.yaml TASK_TARGETS=mood SHARDS=3'
# shellcheck disable=SC2086
must run "$T/llama" -j2 merge $settings
# shellcheck disable=SC2086
must slurm "$T/llama.slurm" merge $settings
same 'the Llama, a sweep, in three shards' "$T/llama" "$T/llama.slurm"

# The run itself is a job, and its steps share what it was given.
tiny --blocks 1 --tasks a,b
settings='METHOD=jacobi MAX_ITER=2 TASK_TARGETS=a,b'
# shellcheck disable=SC2086
must run "$T/jacobi" -j2 merge $settings
{
	echo '#!/bin/sh'
	echo "make --no-print-directory -j4 merge BUILD='$BUILD' MODEL='$M' LORAS='$L' DATA='$D' \\"
	echo "  WORK='$T/jacobi.slurm' \\"
	echo "  $SMALL $settings THREADS=1 LAUNCH='srun --exact -n1 -c{cpus} --mem={mem} -Q -X -i none'"
} >"$T/job"
must limited 120 sbatch -Q -W --ntasks=4 --mem=1200 --output="$T/job.out" "$T/job"
same 'a small T5, two iterations, in a batch job' "$T/jacobi" "$T/jacobi.slurm"
check 'and no job is left' await "$(patience 10)" no_jobs
finish
