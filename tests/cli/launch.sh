#!/bin/sh
# LAUNCH: which steps it starts, what it is filled with, and what happens when a step ends elsewhere (plan/launch.h,
# tools/launch-step.c). The launchers here are scripts; tests/slurm/merge.sh has a Slurm.
. "$(dirname "$0")/../lib.sh"
tiny
plan() { # LAUNCH OPTIONS…: its words in $T/plan, as plan.mk has them
	launch=$1
	shift
	plan_pipeline --launch "$launch" "$@" >/dev/null 2>"$T/err" && grep '_launch := ' "$OUT/work/plan.mk" >"$T/plan"
}
words() { sed -n "s/^$1_launch := //p" "$T/plan"; }

must plan 'srun -c{cpus} --mem={mem}M -Q' --step-threads 3
check 'the stages that compute are launched, and no other' test "$(cut -d_ -f1 "$T/plan" | sort | tr '\n' ' ')" = \
	'combine eval extract grams search solve tokens '
check '{cpus} is the number of threads' grep -q '^extract_launch := srun -c3 --mem=[0-9]*M -Q$' "$T/plan"
check 'and the tools get as many' grep -qx 'threads := 3' "$OUT/work/plan.mk"
# The planned peak, and 64 MiB for what a scheduler counts beside the process.
plan_pipeline --show --step-threads 3 >"$T/shown" 2>/dev/null
for stage in grams=compute-grams solve=solve-layer tokens=generate-tokens eval=eval-emotion; do
	mb=$(grep -oE "${stage#*=} [0-9]+ MB" "$T/shown" | tr -dc 0-9)
	check "{mem} of ${stage#*=}: $mb MB and 64" test "$(words "${stage%=*}")" = "srun -c3 --mem=$((mb + 64))M -Q"
done
set=MAX_MEMORY=60M
must plan 'x {mem}'
set=
check 'MAX_MEMORY bounds {mem}' test "$(words eval)" = 'x 125'
must plan "srun -w n[1-4] --constraint=a|b&c #x ~ %j  end"
check 'characters of make and of the shell are quoted' test "$(words solve)" = \
	"srun -w 'n[1-4]' '--constraint=a|b&c' '\$(hash)x' '~' %j end"
must plan_pipeline
check 'without LAUNCH the plan has none' lacks '_launch|^wait' "$OUT/work/plan.mk"
refuses 'another word in braces' 2 "LAUNCH='srun \{node\}': expected \{mem\} or \{cpus\}, found '\{node\}'" \
	plan_pipeline --launch 'srun {node}'
refuses 'a brace that does not end' 2 "found '\{mem'" plan_pipeline --launch 'srun {mem x'
refuses 'a quotation mark' 2 'found a quotation mark: .* put the command into a script' \
	plan_pipeline --launch "sh -c 'x'"
refuses 'a dollar' 2 'found a backslash or a dollar' plan_pipeline --launch 'srun $x'
refuses 'only blanks' 2 'LAUNCH is empty' plan_pipeline --launch '  '
refuses 'THREADS=0' 2 "'--step-threads': expected an integer from 1" plan_pipeline --step-threads 0

# A whole run. The launcher notes what it starts.
printf '%s\n' '#!/bin/sh' 'shift' "basename \"\$1\" >>'$T/launched'" 'exec "$@"' >"$T/elsewhere"
chmod +x "$T/elsewhere"
must run "$T/here" merge eval
must run "$T/there" -j2 merge eval LAUNCH="$T/elsewhere {mem}"
check 'the steps that compute go through LAUNCH' test "$(sort -u "$T/launched" | tr '\n' ' ')" = \
	'compute-grams eval-emotion extract-acts generate-tokens solve-layer '
same 'and make the same bytes' "$T/here" "$T/there"
check 'the log has the same tools' test "$(cut -f1 "$T/here/log.tsv" | sort -u | tr '\n' ' ')" = \
	"$(cut -f1 "$T/there/log.tsv" | sort -u | tr '\n' ' ')"
mark "$T/there"
must run "$T/there" merge eval LAUNCH="$T/elsewhere again" THREADS=1
expect_nothing 'another LAUNCH makes nothing again' "$T/there"

# launch-step: what is said of a step that has ended.
step() { $LIMIT "$BUILD/launch-step" "$@"; }
refuses 'no command' 2 'no command' step --wait 1
refuses 'a launcher that is not there' 127 "cannot run 'srunn'" step -- srunn x -o "$OUT/x"
refuses 'a tool that was killed' 137 "'$OUT/x' was not made: 'sh' ended with status 137" \
	step -- sh -c 'exit 137' - -o "$OUT/x"
refuses 'no error, and no file' 1 "'$T/b' was not made, or has not become visible on .* within 1 s" \
	step --wait 1 -- sh -c 'touch "$1"' - "$T/a" --task a,b -o "$T/{task}"
touch "$T/rows"
refuses 'no error, and no second file' 1 "'$T/norms' was not made" \
	step --wait 1 -- sh -c 'rm "$1"; touch "$1"' - "$T/rows" -o "$T/rows" --norms-output "$T/norms"
echo old >"$T/old"
refuses 'no error, but the file is the old one' 1 "'$T/old' was not made" step --wait 1 -- true -o "$T/old"
step -- sh -c 'echo tool: why >&2; exit 3' - -o "$T/old" 2>"$T/err"
check "a tool's own line is the only one" test "$?-$(cat "$T/err")" = '3-tool: why'
check 'a file that becomes visible later' step --wait "$(patience 5)" -- sh -c \
	'(sleep 0.5; echo new >"$2.new"; mv "$2.new" "$2") >/dev/null 2>&1 &' - -o "$T/old"
check 'is waited for' grep -qx new "$T/old"
step -- sh -c 'kill -TERM $PPID; exec sleep 60' - -o "$T/old" 2>"$T/err"
check 'TERM ends the step' test $? = 143

# An input of WORK that another machine has made: not visible yet, or never.
worked
mv "$W/own/tec/enc01-self.h5" "$T/late.h5"
(sleep 0.5; mv "$T/late.h5" "$W/own/tec/enc01-self.h5") &
check 'an input that becomes visible later is waited for' \
	compute_grams --wait "$(patience 10)" --checksums "$W/checksums.tsv"
wait
mv "$W/own/tec/enc01-self.h5" "$T/late.h5"
refuses 'an input that does not' 1 \
	"own/tec/enc01-self.h5' has not become visible on .* within 1 s: an earlier step has made it, on another ma" \
	compute_grams --wait 1 --checksums "$W/checksums.tsv"
refuses 'without --wait it is missing at once' 1 'No such file' compute_grams --checksums "$W/checksums.tsv"

SLURM_JOB_ID=17 SLURM_STEP_ID=0 SLURMD_NODENAME=n3
export SLURM_JOB_ID SLURM_STEP_ID SLURMD_NODENAME
refuses "in a step of Slurm the tool's line names the job" 1 '^compute-grams \(job 17\.0 on n3\): ' compute_grams
finish
