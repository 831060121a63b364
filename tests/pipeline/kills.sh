#!/bin/sh
# Twenty steps killed by SIGKILL in one merge, in steps that LAUNCH starts. After each the same command goes on, and at
# the end all bytes are those of an undisturbed run. tests/slurm/merge.sh kills steps of Slurm.
. "$(dirname "$0")/../lib.sh"
. tests/killer.sh
tiny --blocks 1
KEEP=
merge() { run "$T/$1" -j2 merge eval TASK_TARGETS=emoint,tec,isear MANUAL_CEOF=1 LAUNCH="$2" THREADS=1; }
must merge whole env
killer "$T/killer" 20
check 'after each killed step the run goes on' resumes "$T/killer" merge killed "$T/killer"
check "twenty steps were killed, in $ends runs" test "$(killed "$T/killer")" = 20
same 'and the bytes are those of an undisturbed run' "$T/whole" "$T/killed"
check 'nothing half-written is left' test -z "$(find "$T/killed" -name '.*.tmp-*')"
check 'and nothing is damaged' "$BUILD/verify-work" -q --work "$T/killed"
mark "$T/killed"
must merge killed env
expect_nothing 'then there is nothing to do' "$T/killed"
finish
