#!/bin/sh
# The whole demo on the CUDA backend, on the CPU test double: the same merge as on the CPU, and the same predictions
# of the base, the adapters and the merge.
. "$(dirname "$0")/../lib.sh"
export XDG_RUNTIME_DIR="$T"
M=data/demo/model L=data/demo/loras D=data/demo/data SMALL=

on() { # on BACKEND WORK TARGETS AND SETTINGS…
	backend=$1
	shift
	case $backend in cuda) run "$@" CUDA=double BACKEND=cuda ;; *) run "$@" ;; esac
}
close() { "$HELP/compare-deltas" --model "$M" --a "$1/adapter" --b "$2/adapter" --max 1e-4; }
# The first token of every row as a label. The logits themselves may differ in their last digits.
labels() { (cd "$1" && find . -name '*.jsonl' | sort | xargs sed 's/,"logit_gap":[^,}]*//'); }
same_labels() {
	labels "$1" >"$T/labels.a"
	labels "$2" >"$T/labels.b"
	[ "$(wc -l <"$T/labels.a")" -ge 3000 ] && cmp "$T/labels.a" "$T/labels.b"
}

for backend in cpu cuda; do must on $backend "$T/sweep-$backend" -j2 merge eval; done
check 'sweep: every module of the merge within 1e-4 of the CPU backend'"'"'s' close "$T/sweep-cuda" "$T/sweep-cpu"
check 'and the same label for every test row of base, adapters and merge' same_labels "$T/sweep-cuda" "$T/sweep-cpu"
for backend in cpu cuda; do must on $backend "$T/jacobi-$backend" -j2 merge METHOD=jacobi MAX_ITER=2; done
check 'jacobi: every module of the second iteration within 1e-4 of the CPU backend'"'"'s' close "$T/jacobi-cuda" \
	"$T/jacobi-cpu"
must on cuda "$T/again" merge
# (The card of the first one tells of its evaluation.)
for part in tokens solution adapter; do
	check "the same bytes with -j1 and -j2: $part" diff -r -x README.md "$T/sweep-cuda/$part" "$T/again/$part"
done
finish
