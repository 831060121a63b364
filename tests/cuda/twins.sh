#!/bin/sh
# Every operation of the CUDA backend, and of its CPU twin, against float64. It runs on the CPU test double, never on
# a GPU. Work is done at once (mode 0), as late as possible (1), and at random (2, 3). It runs under the address and
# undefined-behaviour sanitizers, and under the thread sanitizer.
. "$(dirname "$0")/../lib.sh"
# A lock of our own, because the thread sanitizer does not understand OpenMP's barriers.
export XDG_RUNTIME_DIR="$T" OMP_NUM_THREADS=1

twins() { check "$1, mode $2" env CUDAEMU="$2" "$BUILD/$3/test_twins"; }
for mode in 0 1 2 3; do twins 'CPU test double' $mode double; done
for mode in 0 1; do twins 'CPU test double with address and undefined-behaviour sanitizers' $mode double-asan; done
twins 'CPU test double with the thread sanitizer' 0 double-tsan
finish
