#!/bin/sh
# What a run prints: the model that an evaluation belongs to, the memory of this run only, and after an interruption
# how to continue.
. "$(dirname "$0")/../lib.sh"
tiny --blocks 1
W=$T/w
two() { run "$W" "$@" TASK_TARGETS=emoint,tec MANUAL_CEOF=1; }

# ---- interrupted: the whole group gets SIGINT, as from a terminal
hold compute-grams false
env --default-signal=INT setsid make --no-print-directory BUILD="$HELD" MODEL="$M" LORAS="$L" DATA="$D" WORK="$W" \
	TASK_TARGETS=emoint,tec MANUAL_CEOF=1 SAMPLES_NUM=12 \
	INNER_NUM=3 OUTER_NUM=4 -j2 merge >"$T/out" 2>&1 </dev/null &
leader=$!
must await "$(patience 60)" test -e "$W/samples/tec.h5"
kill -INT "-$leader"
wait $leader
status=$?
while [ -n "$(ps -o pid= --sid $leader)" ]; do sleep 0.05; done
check "it ends badly (here: $status)" test $status -ne 0
check 'and is not finished' test ! -e "$W/adapter/adapter_config.json"
check 'it says once how to go on' test \
	"$(grep -c '^with-lock: interrupted: what is finished is kept, and this goes on: make ' "$T/out")" = 1
again=$(sed -n 's/^with-lock: interrupted: .* goes on: //p' "$T/out")
check 'with what was typed' sh -c 'for w in -j2 merge "WORK=$2" MANUAL_CEOF=1; do
	case " $1 " in *" $w "*) ;; *) echo "no $w in: $1"; exit 1 ;; esac; done' - "$again" "$W"
let_go compute-grams
check 'which goes on' sh -c "$again"
check 'to the end' test -e "$W/adapter/adapter_config.json"
two merge >"$T/out" 2>&1
check 'a run that ends by itself says nothing of it' lacks interrupted "$T/out"

# ---- memory: of the processes of this run
check 'a run that runs nothing names no memory' lacks 'Max memory usage' "$T/out"
printf 'extract-acts\tan earlier run\t1.0\t1.0\t99999.0\n' >>"$W/log.tsv"
two merge ALPHA_1=1e-3 V=1 >"$T/out" 2>&1
most=$(sed -n 's/^Max memory usage: \(.*\) MB$/\1/p' "$T/out")
check "the largest process of this run ($most MB), not of an earlier one" awk \
	-v m="$most" 'BEGIN { exit !(m > 1 && m < 9999) }'
check 'as its own line says' grep -q " $(echo "$most" | sed 's/.$//') MB peak" "$T/out"
J=$T/j
run "$J" merge METHOD=jacobi MAX_ITER=1 TASK_TARGETS=tec MANUAL_CEOF=1 >"$T/out" 2>&1
printf 'extract-acts\tan earlier run\t1.0\t1.0\t99999.0\n' >>"$J/log.tsv"
run "$J" merge METHOD=jacobi MAX_ITER=2 TASK_TARGETS=tec MANUAL_CEOF=1 >"$T/out" 2>&1
check 'jacobi: the same of its iterations' sh \
	-c 'grep -q "^iteration 2: .*Max memory usage: [0-9]*[.]" "$1" && ! grep -q "usage: 99999" "$1"' - "$T/out"

# ---- evaluations
two eval ALPHA_1=1e-3 V=1 >"$T/out" 2>&1
for model in base 'adapter tec' 'merge sweep'; do
	check "an evaluation says which model: $model" grep \
		-Eq "^eval-emotion: $model on tec: accuracy [01]\.[0-9]{4} on [0-9]+ rows" "$T/out"
done
check 'by hand: the folder' sh -c '"$@" 2>&1 | grep -q "^eval-emotion: $3 on tec"' - "$BUILD/eval-emotion" \
	--adapter "$L/tec" --model "$M" --test "$D/tec/test.json" --task tec -o "$T/x.json"
finish
