#!/bin/sh
# The time that the rehearsal of a graph gives for one place and for two (make plan NODES=), against merges by LAUNCH
# with -j1 and -j2: their log.tsv is in nodes/, of each message what names the process. Each step had one thread. The
# runs were on two cores with AVX2 beside many other programs, 29 November 2026.
# - Order: each process takes its wall time, and the end is that of the run.
# - Costs, of the real case, which Slurm ran: each process counts with its processor time, and the rates are those that
#   the machine measured meanwhile. tests/golden/pace.sh and tests/pipeline/time.sh have other costs.
. "$(dirname "$0")/../lib.sh"
rates=7.206e10,7.206e10,2.235e10,5.482e9
replay() { # RECORD JOBS OPTIONS…
	record=$1 jobs=$2
	shift 2
	"$BUILD/bench/replay-graph" --model "$M" --loras "$L" --data "$D" ${SMALL:+--set "$SMALL"} --work "$T/none" \
		--record "tests/golden/nodes/$record-j$jobs.tsv" --jobs "$jobs" --rates $rates --launch $step "$@" \
		>"$T/compared"
}
replays() { # RECORD NAME
	for jobs in 1 2; do
		check "$2, $jobs at once: the order, within 20 %" replay "$1" $jobs
	done
}
# Blocks of flan-t5-large's size, 2 + 2 of them, 12 rows a task.
must "$BUILD/bench/make-large" -q --sparse --family t5 --d-model 1024 --d-ff 2816 --heads 16 --d-kv 64 --vocab 2000 \
	--layers 2 --rank 8 --targets q,v -o "$T/large"
cp data/demo/model/spiece.model "$T/large/model"
step=0.01
M=$T/large/model L=$T/large/loras D=data/demo/data SMALL=SAMPLES_NUM=12,INNER_NUM=3,OUTER_NUM=4
replays wide 'four blocks of flan-t5-large'
step=1
replay wide 2
check 'a second too much for each step is found' test "$?-$(wc -l <"$T/compared")" = 1-2
if [ -d "${EMOTION_DIR:-}/model" ]; then
	M=$EMOTION_DIR/model L=$EMOTION_DIR/loras D=$EMOTION_DIR/data SMALL= step=0.05
	replays emotion 'the real case'
	for jobs in 1 2; do
		check "the real case, $jobs at once: the costs, within 20 %" replay emotion $jobs --cpu
	done
else skip 'the real case' 'EMOTION_DIR is not set'; fi
finish
