#!/bin/sh
# Hostile input: a program built by gcc runs every parser over its corpus, which includes inputs that once failed.
# Where there is clang, libFuzzer runs each parser for FUZZ_SECONDS, with a fixed seed.
. "$(dirname "$0")/../lib.sh"
FUZZ_SECONDS=${FUZZ_SECONDS:-20}
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
for path in tests/fuzz/corpus/*; do
	parser=${path##*/}
	check "$parser: its corpus" "$BUILD/replay/$parser" "$path"
	if [ ! -x "$BUILD/fuzz/$parser" ]; then
		skip "$parser: $FUZZ_SECONDS s of fuzzing" 'there is no clang here (make deps-fuzz)'
	elif make --no-print-directory BUILD="$BUILD" fuzz FUZZERS="$parser" FUZZ_SECONDS="$FUZZ_SECONDS" FUZZ_SEED=1 \
		>"$T/fuzz" 2>&1; then
		ok "$(tail -n 1 "$T/fuzz" | sed 's/^fuzz: //; s/  */ /g')"
	else
		not_ok "$parser: $FUZZ_SECONDS s of fuzzing"
		tail -n 40 "$T/fuzz" | say
	fi
done
check 'each has one' test "$(ls tests/fuzz/corpus | tr '\n' ' ')" = \
	"$(ls "$BUILD/replay" | grep -vE '^lib|log$' | tr '\n' ' ')"
finish
