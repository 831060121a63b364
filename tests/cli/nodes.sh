#!/bin/sh
# make plan NODES=M: the time of a merge on one machine and on more, as a table (plan/forecast_time.c). Its figures are
# compared with each other and with the plan; tests/golden/nodes.sh and tests/pipeline/nodes.sh compare them with runs.
. "$(dirname "$0")/../lib.sh"
tiny
plan() { run "$T/none" plan MANUAL_CEOF=1 TASK_TARGETS=emoint,tec "$@"; } # in an empty folder
# The table, a line per number of nodes: NODES PROCESSES TIME CHAIN TOGETHER SPEED-UP. Times in seconds.
table() {
	sed -n '/^nodes  /,/^chain/p' "$1" | awk '
		function seconds(number, unit, part) {
			if (unit == "s") return number
			split(number, part, ":")
			return unit == "min" ? 60 * part[1] + part[2] : 3600 * part[1] + 60 * part[2] }
		/^[0-9]/ { print $1, $2, seconds($3, $4), seconds($5, $6), $7, $9 }'
}
holds() { awk "$1 { bad = 1 } END { exit bad || !NR }" "$T/table"; } # CONDITION: no line of the table has it

# Ten seconds a step, so that the figures have digits.
must plan -j2 NODES=5 LAUNCH_SECONDS=10
table "$T/must.out" >"$T/table"
check 'a line for 1, 2, 4 and 5 machines, each with two processes' test \
	"$(cut -d' ' -f1,2 "$T/table" | tr '\n' ' ')" = '1 2 2 4 4 8 5 10 '
check 'the first line is one machine' test "$(sed -n '1s/.* //p' "$T/table")" = 1.0
check 'no run is shorter than its chain' holds '$3 < $4'
check 'the speed-up is the first time by this one' holds 'NR == 1 { one = $3 } ($6 - one / $3) ^ 2 > 0.01'
check 'more machines take no longer' sh -c 'cut -d" " -f3 "$1" | sort -c -r -n' - "$T/table"
check 'with a process for each task, a chain: more machines do not help' test \
	"$(awk 'NR > 2 { print $3, $4 }' "$T/table" | sort -u | wc -l)" = 1
check 'a part of the time is side by side' holds '$5 < 10 || $5 > 100'
check 'what the chain is' grep -Eq '^chain   of 5 nodes: solution 3[0-9] %, Grams 3[0-9] %, merged rows' "$T/must.out"

# What LAUNCH starts is what plan.mk has it start.
launched() { sed -n 's/^launch  \([0-9]*\) of .*/\1/p' "$T/must.out"; }
for settings in METHOD=sweep METHOD=regmean METHOD=ties 'METHOD=sweep ANSWERS=given'; do
	# shellcheck disable=SC2086
	must plan -j2 NODES=2 LAUNCH_SECONDS=10 $settings
	check "$settings: LAUNCH takes 10 s for each of $(launched) steps" grep -Eq \
		"^launch  $(launched) of [0-9]+ processes .* each in 10 s: $(launched)0 s, [0-9]+ %" "$T/must.out"
	rm -rf "$T/planned"
	"$BUILD/plan-pipeline" -q --tools "$BUILD" --model "$M" --loras "$L" --data "$D" --work "$T/planned" \
		--jobs 4 --step-threads 1 --launch elsewhere \
		--set "$SMALL MANUAL_CEOF=1 TASK_TARGETS=emoint,tec $settings" >/dev/null
	make --no-print-directory -n -f pipeline/main.mk PLAN="$T/planned/plan.mk" log_from=0 merge >"$T/commands"
	check '… and plan.mk starts as many' test "$(launched)" = \
		"$(grep -c 'launch-step.* elsewhere ' "$T/commands")"
done

iterate() { must plan NODES=1 METHOD=jacobi MAX_ITER="$1"; launched; }
three=$(iterate 3) five=$(iterate 5) seven=$(iterate 7)
check 'jacobi: each iteration more counts as the one before it' test $((five - three)) = $((seven - five))
check '… with its steps' test $((five - three)) -gt 10

# The time of a run by LAUNCH has them, too.
time_of() { sed -n 's/^time    about \(.*\) for the merge .*/\1/p' "$T/must.out"; }
must plan LAUNCH=elsewhere LAUNCH_SECONDS=100 THREADS=1
launched=$(time_of)
must plan THREADS=1
check "by LAUNCH, 100 s a step, about $launched; without, about $(time_of)" test \
	"$(echo "$launched" | grep -c min)-$(time_of | grep -c ' s')" = 1-1

must run "$T/done" merge MANUAL_CEOF=1 TASK_TARGETS=emoint,tec
must run "$T/done" plan MANUAL_CEOF=1 TASK_TARGETS=emoint,tec NODES=4
check 'a merge that is there' grep -qx 'nodes   the merge has nothing to do' "$T/must.out"
run "$T/none" merge NODES=2 >"$T/out" 2>&1
check 'NODES with merge' grep -q 'NODES= is for make plan; a run takes its machines from LAUNCH=' "$T/out"
refuses 'NODES=0' 2 "'--nodes': expected an integer from 1" plan_pipeline --show --nodes 0
refuses 'LAUNCH_SECONDS without LAUNCH' 2 'LAUNCH_SECONDS=2: there is no LAUNCH and no NODES' \
	plan_pipeline --launch-seconds 2
finish
