#!/bin/sh
# Shards: each task's samples are cut into K parts, which are extracted and summed apart. The same K gives the same
# bytes; another K the same merge to rounding. What cannot be cut is refused.
. "$(dirname "$0")/../lib.sh"
tiny --blocks 1

# Sums in float32 are over other groups of rows, so the Grams differ by about 1e-7; the solve makes more of it.
compare() { # NAME WORK WORK [MAX]
	check "$1" "$HELP/compare-deltas" --model "$M" --a "$2/adapter" --b "$3/adapter" --max "${4:-2e-5}"
}
# A number of every Gram file of a WORK folder's tasks: numbers WORK ATTRIBUTE
numbers() {
	for t in $(echo $TASKS | tr , ' '); do
		for s in "$1/grams/$t"/*.h5; do
			echo "$t $(basename "$s") $(h5dump -a "$2" "$s" | sed -n 's/.*(0): //p')"
		done
	done
}

# One shard is a merge as ever: no folder more. Each method with three shards ends at the same merge.
must run "$T/one" -j2 merge
check 'one shard: files of tasks only' [ -z "$(find "$T/one/own" "$T/one/grams" -mindepth 2 -type d)" ]
must run "$T/three" -j1 merge SHARDS=3
compare 'sweep: three shards as one' "$T/three" "$T/one"
numbers "$T/one" P >"$T/P.one"
numbers "$T/three" P >"$T/P.three"
check 'Grams of all rows of the task' cmp "$T/P.one" "$T/P.three"
numbers "$T/one" largest_row >"$T/largest.one"
numbers "$T/three" largest_row >"$T/largest.three"
check "the largest row has its number in the task" cmp "$T/largest.one" "$T/largest.three"
must run "$T/four" -j4 merge SHARDS=3 INNER_NUM=1 OUTER_NUM=12
same 'three shards, -j1 and -j4, another batch' "$T/three" "$T/four"
check 'nothing is damaged or stale' run "$T/three" verify SHARDS=3
mark "$T/three"
must run "$T/three" merge SHARDS=3
expect_nothing 'a second make does nothing' "$T/three"

# twice NAME SETTINGS…: by one shard and by three.
twice() {
	name=$1
	shift
	must run "$T/a-$name" -j2 merge "$@"
	must run "$T/b-$name" -j2 merge SHARDS=3 "$@"
}
twice regmean METHOD=regmean
compare 'regmean' "$T/b-regmean" "$T/a-regmean"
twice jacobi METHOD=jacobi MAX_ITER=3 FEATURES=tokens USE_FP16=1 REG_CEOF=0.3
compare 'jacobi, rows of 16 bits, mixed sides' "$T/b-jacobi" "$T/a-jacobi"
twice reference METHOD=jacobi MAX_ITER=2
# Of a task's 1200 rows 1070 are the same pad. Sums of equal rows in float32 err to one side: H of enc00-self is off by
# 1.2e-6 of its norm with one shard, by 1.0e-6 with three. The solve makes 3e-4 of it.
compare 'jacobi with published features: batches stay whole' "$T/b-reference" "$T/a-reference" 1e-3
twice drift DRIFT=1 CORRECT=wi_0 USE_CAMR=1
compare 'drift and a corrected linear: C is added' "$T/b-drift" "$T/a-drift"
twice full WITH_PRETRAIN_MATRIX=1
check 'full weights' "$HELP/compare-deltas" --model "$M" --a "$T/b-full/model/model.safetensors" \
	--b "$T/a-full/model/model.safetensors" --max 1e-6

# Used files are released, and a killed run goes on.
(KEEP=; must run "$T/released" -j2 merge SHARDS=3)
check 'without KEEP_ACTS: the same adapter' diff -r -x README.md "$T/three/adapter" "$T/released/adapter"
check 'and no data of shards stay' [ -z "$(find "$T/released/own" "$T/released/merged" "$T/released/grams" \
	-name '*.h5' -size +64c)" ]
hold add-grams false
setsid make --no-print-directory BUILD="$HELD" MODEL="$M" LORAS="$L" DATA="$D" WORK="$T/killed" $SMALL KEEP_ACTS=1 \
	-j2 merge SHARDS=3 >"$T/killed.out" 2>&1 &
must await "$(patience 60)" test -e "$T/killed/grams/isear/03/enc00-self.h5"
kill -9 -$!
let_go add-grams
must run "$T/killed" -j2 merge SHARDS=3
same 'killed where shards are added, and resumed' "$T/three" "$T/killed"

# Another number of shards in the same folder; and back to one.
must run "$T/killed" -j2 merge SHARDS=2
must run "$T/two" -j2 merge SHARDS=2
for part in solution adapter; do
	check "from three shards to two: $part as from scratch" diff -r -x README.md "$T/killed/$part" "$T/two/$part"
done
must run "$T/killed" -j2 merge
check 'from two shards to one: the adapter as from scratch' diff -r -x README.md "$T/killed/adapter" "$T/one/adapter"
check 'nothing is damaged or stale after it' run "$T/killed" verify

# A task more: the others' shards stay.
three=emoint,tec,isear
(KEEP=KEEP_ACTS=own
must run "$T/more" -j2 merge SHARDS=2 TASK_TARGETS=$three MANUAL_CEOF=1
mark "$T/more"
must run "$T/more" -j2 merge SHARDS=2 MANUAL_CEOF=1 TASK_TARGETS=$three,emotion-cause)
remade "$T/more" >"$T/remade"
check 'a task more: the own rows and answers of the others stay' lacks '^(own|tokens|samples)/(emoint|tec|isear)' \
	"$T/remade"
check 'and those of the new task are made' grep -q '^own/emotion-cause/02/enc00-self.h5' "$T/remade"

# Statistics are those of the whole task. They do not depend on how its rows were shared out.
for t in emoint tec; do
	(KEEP=; must run "$T/part-$t" statistics TASK=$t SHARDS=$((1 + $(expr $t : tec))))
done
check 'no rows and Grams of shards stay beside statistics' [ -z "$(find "$T/part-tec/own" "$T/part-tec/grams" \
	-name '*.h5' -size +64c)" ]
must make --no-print-directory BUILD="$BUILD" MODEL="$M" WORK="$T/given" $SMALL METHOD=regmean MANUAL_CEOF=1 \
	TASK_TARGETS=emoint,tec \
	STATISTICS="$T/part-emoint/statistics/emoint,$T/part-tec/statistics/tec" merge
must run "$T/whole" merge METHOD=regmean MANUAL_CEOF=1 TASK_TARGETS=emoint,tec
compare 'statistics of one shard and of four together' "$T/given" "$T/whole"

# What cannot be cut.
never() { # NAME STATUS PATTERN SETTINGS
	refuses "$1" "$2" "$3" "$BUILD/plan-pipeline" --tools "$BUILD" --model "$M" --loras "$L" --data "$D" \
		--work "$T/never" --set "SAMPLES_NUM=12 $4"
}
never 'more shards than samples' 1 "shards: the config says 13, but task 'emoint' has 12 samples: take" SHARDS=13
never 'more shards than published batches' 1 "shards: .* 5, but task 'emoint' has 12 samples in batches of 3" \
	'SHARDS=5 METHOD=jacobi'
never 'DCS weighs a row among all rows' 2 'shards is 2, but use_dcs weighs' 'SHARDS=2 USE_DCS=1'
never 'no shard' 2 "shards: expected an integer from 1 to 99, found '0'" SHARDS=0
W=$T/three PAIR=$TASKS site=enc00-self
of_shard() { # TOOL OPTIONS…: shard tec/02
	tool=$1
	shift
	"$BUILD/$tool" --model "$M" --site enc00-self --task tec/02 "$@"
}
own="--side own --samples $W/samples/tec.h5 --adapter $L/tec"
sums="--tasks $TASKS --adapter $L/{task} --own $W/own/tec/02/enc00-self.h5"
# shellcheck disable=SC2086
{
refuses 'a shard by its name alone' 2 "'tec/02' is a shard of task 'tec': --shards says" of_shard extract-acts $own \
	-o "$OUT/x.h5"
refuses 'a file for all shards' 2 "--output '.*x.h5' stands for shards but has no \{shard\}" \
	of_shard compute-grams $sums -o "$OUT/x.h5"
refuses 'DCS of a shard' 2 "--use-dcs weighs a row among all rows of its task" \
	of_shard compute-grams $sums --use-dcs 1 -o "$OUT/{shard}.h5"
}
refuses 'a task among shards' 2 "--task 'tec': with --shards 3 expected 'tec/01' to 'tec/03'" \
	extract_acts --shards 3
refuses 'the state of another shard' 1 "expected task 'tec/02', found 'tec/03'" \
	"$BUILD/extract-acts" --model "$M" --side own --site encoder-output --task tec/02 --shards 3 \
	--adapter "$L/tec" --samples "$W/samples/tec.h5" --from "$W/own/tec/03/enc00-self.h5" -o "$OUT/{shard}.h5"
refuses 'one shard has nothing to add' 2 "--shards 1: expected from 2 on" \
	"$BUILD/add-grams" --task tec --site enc00-self --from "$W/grams/{task}/{shard}/enc00-self.h5" -o "$OUT/x.h5"
refuses 'a shard twice' 1 "02/enc00-self.h5': expected task 'tec/01', found 'tec/02'" "$BUILD/add-grams" --task tec \
	--shards 3 --site enc00-self --from "$W/grams/tec/02/enc00-self.h5" -o "$OUT/x.h5"
finish
