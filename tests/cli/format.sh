#!/bin/sh
# The layout of the sources: what .clang-format says. `make format` brings it about.
. "$(dirname "$0")/../lib.sh"
sources() { git ls-files '*.c' '*.h' '*.cc' '*.cu' 2>"$T/stderr" || find tools tests -name '*.[ch]' -o -name '*.cc' -o -name '*.cu'; }
if ! command -v clang-format >"$T/stdout"; then
	skip 'the layout of the sources' 'clang-format is not installed (make deps)'
	finish
fi
sources >"$T/sources"
check 'there are sources' [ "$(wc -l <"$T/sources")" -gt 200 ]
check 'every source is as clang-format has it' sh -c 'xargs clang-format --dry-run -Werror <"$1"' - "$T/sources"
sed 's/^{$/ {/' tools/lib/base/alloc.c >"$T/alloc.c"
cp .clang-format "$T"
check 'a source that is not is found' sh -c '! clang-format --dry-run -Werror "$1" 2>"$2"' - "$T/alloc.c" "$T/stderr"
finish
