#!/bin/sh
# The time left that a merge shows (lib/plan/pace.h, cost.h), against runs that have ended: their log.tsv is in pace/,
# without the messages. At each tenth but the last two it is within 30 % of what was left. The runs were on two cores
# with AVX2, 29 November 2026, beside other programs. So each process counts with its processor time, on as many places
# as the run had jobs.
. "$(dirname "$0")/../lib.sh"
# The plan goes by that machine's rates (lib/plan/rate.h), not by this one's.
cp -rs "$(realpath "$BUILD")" "$T/tools"
rm -f "$T/tools/rate.tsv"
for jobs in 1 2; do
	must "$BUILD/plan-pipeline" --tools "$T/tools" --model data/demo/model --loras data/demo/loras \
		--data data/demo/data --work "$T/demo" --jobs $jobs
done
awk -F'\t' '{ print $1, $2, $3, "6e10", "6e10", "2.5e10", "2e9" }' OFS='\t' "$T/tools/rate.tsv" >"$T/rates"
cp "$T/rates" "$T/tools/rate.tsv"
# replays NAME RECORD JOBS GOALS SETTINGS…: against the list of a run in an empty folder.
replays() {
	name=$1 record=$2 jobs=$3 goals=$4
	shift 4
	must "$BUILD/plan-pipeline" --tools "$T/tools" --work "$T/$record" --goals "$goals" --jobs "$jobs" \
		--todo "$T/$record.list" "$@"
	check "$name: within 30 %" "$BUILD/bench/replay-pace" --list "$T/$record.list" \
		--record "tests/golden/pace/$record.tsv" --jobs "$jobs"
}

# flan-t5-large's size: 24 + 24 blocks, 12 rows a task.
must "$BUILD/bench/make-large" -q --sparse --family t5 --d-model 1024 --d-ff 2816 --heads 16 --d-kv 64 --vocab 32128 \
	--layers 24 --rank 8 --targets q,v -o "$T/large"
cp data/demo/model/spiece.model "$T/large/model"
replays flan-t5-large flan-t5-large 2 merge --model "$T/large/model" --loras "$T/large/loras" --data data/demo/data \
	--set 'SAMPLES_NUM=12 INNER_NUM=3 OUTER_NUM=4'

if emotion 'the real case'; then
	real="--model $M --loras $L --data $D"
	# shellcheck disable=SC2086
	replays 'the real case' emotion-j2 2 merge $real
	# shellcheck disable=SC2086
	replays 'the real case and its evaluation' emotion-eval 1 'merge eval' $real
fi

# A list and a record that do not belong together are found.
sed 's/^\(work\) .* extract-acts/\1 0.001 extract-acts/' "$T/flan-t5-large.list" >"$T/wrong"
"$BUILD/bench/replay-pace" --list "$T/wrong" --record tests/golden/pace/flan-t5-large.tsv --jobs 2 >"$T/out"
check 'a wrong plan is found' [ $? = 1 ]
check 'the rates were taken as they were given' cmp "$T/rates" "$T/tools/rate.tsv"
finish
