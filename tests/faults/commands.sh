# commands.sh: one command of each kind of process, from all merges and their evaluation, on one line each in
# $T/commands. The folders in which they work are finished, under $T/runs. A kind is the tool; for extract-acts also
# the side; for compute-grams and solve-layer also what they are given; and whether there is an adapter. A preloaded
# shim records the commands. Sourced after lib.sh. release-files, split-rows and keep-previous are cases for
# every-write.sh.
tiny --blocks 1
record() { # FOLDER SETTINGS… (of two tasks, unless $of says other ones)
	folder=$T/runs/$1
	shift
	must env LD_PRELOAD="$BUILD/tests/shim.so" FAULT_COMMANDS="$T/raw" FAULT_TOOLS="$BUILD" \
		make --no-print-directory BUILD="$BUILD" MODEL="$M" LORAS="$L" DATA="$D" WORK="$folder" $SMALL \
			KEEP_ACTS=1 ${of-TASK_TARGETS=emoint,tec MANUAL_CEOF=1} "$@"
}
W=$T/runs/sweep
record sweep merge eval SAVE=1
record shards merge SHARDS=2
record jacobi merge METHOD=jacobi MAX_ITER=2
record dense merge WITH_PRETRAIN_MATRIX=1
record whole merge METHOD=jacobi MAX_ITER=2 WITH_PRETRAIN_MATRIX=1
record ties merge eval METHOD=ties REFERENCE="$W/eval"
of='TASK=tec'
record statistics statistics
unset of
mkdir "$T/compared" # (logs that what runs later does not add to)
cp -a "$W" "$T/runs/ties" "$T/compared"
compare="'$BUILD/compare-methods' --tasks emoint,tec --reference '$W/eval' \
	--methods 'sweep=$T/compared/sweep,ties=$T/compared/ties'
	-o '$T/runs/compare.tsv' --pairs '$T/runs/compare-pairs.tsv' --markdown '$T/runs/compare.md'"
compare=$(echo "$compare" | tr '\n\t' '  ')
must sh -c "$compare"
report="'$BUILD/write-report' --tasks emoint,tec --sites '$(sed -n 's/^sites := //p' "$W/plan.mk" | tr ' ' ,)' \
	--reference '$W/eval' --merges 'sweep=$T/compared/sweep' --data '$D'
	-o '$T/runs/report.html' --table '$T/runs/report.tsv'"
report=$(echo "$report" | tr '\n\t' '  ')
must sh -c "PATH=/nowhere; $report"
{
	grep -vE "^'[^']*/(plan-pipeline|with-lock|show-progress|release-files|keep-previous)'" "$T/raw"
	echo "$compare"
	echo "$report"
} | awk '{
	key = $1
	for (i = 2; i <= NF; i++)
		if ($i ~ /^.--(adapter|grams|merged|previous|full-weight|solutions)/) key = key " " $i
		else if ($i ~ /^.--side/) key = key " " $(i + 1)
	if (!(key in seen)) { seen[key] = 1; print $0 " -q" }
}' >"$T/commands"
