#!/bin/sh
# Wide sites: a d × d matrix that --max-memory does not hold. Grams are made in blocks of rows, to the same bytes. The
# system is factored in panels through files, to the same numbers. A solve that was killed goes on with its next panel.
. "$(dirname "$0")/../lib.sh"
tiny --d-ff 4000 --adapters pattern --tasks tec,isear --blocks 1
W=$T/whole
# Over 256 rows a task: X'Xm is not made whole.
SMALL='SAMPLES_NUM=28 INNER_NUM=4 OUTER_NUM=7'
wide() { work=$1; shift; run "$work" merge TASK_TARGETS=tec,isear "$@"; }
must wide "$W"
threads=1
grams() { # OUT OPTIONS…
	out=$1
	shift
	"$BUILD/compute-grams" -q -t$threads --model "$M" --site enc00-down --tasks tec,isear --task tec \
		--adapter "$L/{task}" --own "$W/own/{task}/enc00-down.h5" \
		--merged "$W/merged/{task}/enc00-down.h5" -o "$out" "$@"
}
# solver OUT OPTIONS…: takes the place of the shell, so that who kills the shell kills it.
solver() {
	out=$1
	shift
	exec "$BUILD/solve-layer" -t1 --method "${method-sweep}" --model "$M" --site enc00-down --tasks tec,isear \
		--adapter "$L/{task}" --grams "$W/grams/{task}/enc00-down.h5" -o "$out" "$@"
}
solve() { (solver "$@"); }
# least COMMAND…: the least memory with which it works, as its message says. peak FILE: MB of the last line.
least() { "$@" --max-memory 1M 2>&1 | sed -n 's/.*at least \([0-9]*\) MB are needed for site enc00-down$/\1/p'; }
peak() { sed -n 's/.* \([0-9.]*\) MB peak$/\1/p' "$1" | tail -n 1; }

few=$(least grams "$T/none.h5")
norms=$W/norms/tec/enc00-down.h5
must grams "$T/grams/tec.h5" --norms "$norms" --max-memory "${few}M"
check 'a Gram in blocks of rows: the bytes of one in memory' cmp "$T/grams/tec.h5" "$W/grams/tec/enc00-down.h5"
threads=2
must grams "$T/threads.h5" --norms "$norms"
threads=1
check 'with two threads too' cmp "$T/threads.h5" "$W/grams/tec/enc00-down.h5"
# With full weights X'Xm is made whole, and its norm is no estimate. Random rows have no largest directions: the
# estimate is worse than a model's.
must grams "$T/exact.h5" --full-weight 1
norm() { h5dump -m %.12g -a /modules/encoder.block.0.layer.1.DenseReluDense.wo/xxm_norm "$1" | sed -n 's/.*(0): //p'; }
check "the norm of X'Xm: $(norm "$T/threads.h5") from a sketch, $(norm "$T/exact.h5") exactly" \
	awk -v a="$(norm "$T/threads.h5")" -v b="$(norm "$T/exact.h5")" \
	'BEGIN { d = a / b - 1; exit !(b > 0 && d && d < 1e-3 && d > -1e-3) }'
for rows in whole blocks; do
	max=
	[ $rows = whole ] || max="--max-memory ${few}M"
	# shellcheck disable=SC2086
	must grams "$T/dcs/$rows.h5" --use-dcs 1 --full-weight 1 $max
done
check 'with DCS and whole weights too' cmp "$T/dcs/whole.h5" "$T/dcs/blocks.h5"
check 'and nothing else is left' [ "$(ls -A "$T/grams" "$T/dcs" | grep -c .)" = 5 ]

few=$(least solve "$T/none.h5" -q)
solve "$T/solved/whole.h5" 2>"$T/whole.err"
solve "$T/solved/panels.h5" --max-memory "${few}M" 2>"$T/panels.err"
check "solved in panels: $(peak "$T/panels.err") MB, planned $few MB, whole $(peak "$T/whole.err") MB" \
	awk -v a="$(peak "$T/panels.err")" -v b="$few" -v c="$(peak "$T/whole.err")" \
		'BEGIN { exit !(a && a <= b && b < c) }'
# The largest numbers are about 1.
A=/modules/encoder.block.0.layer.1.DenseReluDense.wo/A
check 'to the numbers of the whole system' h5diff -d 1e-10 "$T/solved/whole.h5" "$T/solved/panels.h5" $A
check 'no panel is left' [ "$(ls -A "$T/solved" | grep -c .)" = 2 ]

# kill_behind FILE PANEL OPTIONS…: ends a solve once this panel is complete.
kill_behind() {
	target=$1 panel=$T/solved/.${1##*/}.factor-00-$2
	shift 2
	solver "$target" -q --max-memory "${few}M" "$@" &
	solver=$!
	while [ ! -e "$panel" ] && kill -0 $solver 2>/dev/null; do sleep 0.01; done
	kill -9 $solver 2>/dev/null
	wait $solver 2>/dev/null
	[ -e "$panel" ] && [ ! -e "$target" ]
}
check 'a solve is killed' kill_behind "$T/solved/killed.h5" 003
made=$(find "$T/solved" -name '.killed.h5.factor-*' | wc -l)
must solve "$T/solved/killed.h5" --max-memory "${few}M"
check "and goes on behind its $made panels" grep -q "goes on behind $made of 16 panels" "$T/must.out"
check 'to the same bytes' cmp "$T/solved/killed.h5" "$T/solved/panels.h5"
check 'panels of another system are not used' kill_behind "$T/solved/other.h5" 001 --alpha-2 1e-2
must solve "$T/solved/other.h5" --max-memory "${few}M"
check 'but made again' cmp "$T/solved/other.h5" "$T/solved/panels.h5"

# A panel whose bytes have changed is set aside, as any other file of WORK.
use="--checksums $T/solved/checksums.tsv"
# shellcheck disable=SC2086
check 'again, with checksums' kill_behind "$T/solved/damaged.h5" 003 $use
printf 'x' | dd of="$T/solved/.damaged.h5.factor-00-002" bs=1 seek=9000 conv=notrunc 2>/dev/null
# shellcheck disable=SC2086
solve "$T/solved/damaged.h5" --max-memory "${few}M" $use 2>"$T/err"
check 'a damaged panel is named and set aside' \
	grep -q "factor-00-002' is damaged: .*now '.*factor-00-002.damaged'" "$T/err"
# shellcheck disable=SC2086
must solve "$T/solved/damaged.h5" --max-memory "${few}M" $use
check 'and made again' grep -q 'goes on behind 2 of 16 panels' "$T/must.out"
check 'to the same bytes' cmp "$T/solved/damaged.h5" "$T/solved/panels.h5"

# Weights that memory does not hold are read as they are multiplied.
rows() { # OUT OPTIONS…
	out=$1
	shift
	"$BUILD/extract-acts" -t1 --model "$M" --site encoder-output --side own --task tec --adapter "$L/tec" \
		--samples "$W/samples/tec.h5" -o "$out" "$@"
}
evaluate() { # OUT OPTIONS…
	out=$1
	shift
	"$BUILD/eval-emotion" -t1 --model "$M" --adapter "$L/tec" --task tec --test "$D/tec/test.json" -o "$out" "$@"
}
for what in rows evaluate; do
	few=$($what "$T/none" -q --max-memory 1M 2>&1 | sed -n 's/.*at least \([0-9]*\) MB are needed$/\1/p')
	must $what "$T/$what.held" -v
	must $what "$T/$what.read" -v --max-memory "${few}M"
	check "$what: $(peak "$T/must.out") MB, planned $few MB" \
		awk -v a="$(peak "$T/must.out")" -v b="$few" 'BEGIN { exit !(a && a <= 1.05 * b) }'
	check "$what: the same bytes" cmp "$T/$what.held" "$T/$what.read"
done
check 'and those of the merge' cmp "$T/rows.read" "$W/own/tec/encoder-output.h5"

# The whole merge, within the least that compute-grams takes with all processors.
most=$(threads=$(nproc) && least grams "$T/none.h5")
must wide "$T/small" MAX_MEMORY="${most}M"
check 'the same merge' "$HELP/compare-factors" -q --adapter "$T/small/adapter" --reference "$W/adapter" --max 1e-7
check 'every process within MAX_MEMORY' awk -F'\t' -v most="$most" '$5 > most { exit 1 }' \
	"$T/small/log.tsv"
# A limit on data, which counts what OpenBLAS maps for each thread, touched or not: 128 MB.
limited() { (ulimit -d $((236 << 10)); OMP_NUM_THREADS=2; export OMP_NUM_THREADS; "$@"); }
case $BUILD in
*san*) skip 'a limit on data' 'the sanitizers map more' ;;
*)
	must limited wide "$T/limited"
	check 'the same merge under a limit on data' \
		"$HELP/compare-factors" -q --adapter "$T/limited/adapter" --reference "$W/adapter" --max 1e-7
	check 'with the wide sites in panels' awk -F'\t' '$1 == "solve-layer" { n++; whole += $5 > 120 }
		END { exit whole || !n }' "$T/limited/log.tsv" # whole, it takes 163 MB
	must limited evaluate "$T/evaluate.limited"
	check 'the same evaluation' cmp "$T/evaluate.limited" "$T/evaluate.held"
	;;
esac
# The cut to a rank measures with the factor.
few=$(least solve "$T/none.h5" -q --merge-rank 4)
for max in 1000 "$few"; do must solve "$T/cut/$max.h5" --merge-rank 4 --max-memory "${max}M"; done
check 'a cut to a rank, in panels' h5diff -d 1e-9 "$T/cut/1000.h5" "$T/cut/$few.h5" $A
# So do CAMR's ridge, and MATS with the iterations before it. Each iteration has another ridge, so that it has another
# fit.
few=$(least solve "$T/none.h5" -q --use-camr 1)
for max in 1000 "$few"; do must solve "$T/camr/$max.h5" --use-camr 1 --max-memory "${max}M"; done
check 'CAMR, in panels' h5diff -d 1e-9 "$T/camr/1000.h5" "$T/camr/$few.h5" $A
method=jacobi
iterate() { # FOLDER MEMORY
	for k in 1 2 3 4; do
		previous=
		[ $k = 1 ] || previous="--previous $T/$1/$((k - 1)).h5"
		# shellcheck disable=SC2086
		must solve "$T/$1/$k.h5" -v --iteration $k $previous --alpha-2 1e-$k --max-memory "$2"
	done
}
iterate mats 1000M
iterate mats-panels "$(least solve "$T/none.h5" -q --iteration 3 --previous "$T/mats/2.h5")M"
check 'MATS was used' grep -q ': accelerated' "$T/must.out"
check 'jacobi with MATS, in panels' h5diff -d 1e-9 "$T/mats/4.h5" "$T/mats-panels/4.h5" $A
method=sweep
# What needs the whole system says how much memory it takes.
few=$(least solve "$T/none.h5" -q)
refuses 'the drift, in little memory' 1 'at least [0-9]+ MB are needed for site enc00-down$' \
	solve "$OUT/none.h5" -q --drift 1 --max-memory "${few}M"
finish
