#!/bin/sh
# The layout of the sources is that of .clang-format. `make format` applies it. Scripts, and recipes in the tests'
# .mk files, have at most 120 columns.
. "$(dirname "$0")/../lib.sh"

# long FILE…: lists lines over 120 columns. A tab at the start of a line counts eight. In a .mk file only recipes are
# checked. (Bytes are counted, so that every awk gives the same result.)
long() {
	awk '{ indent = match($0, /[^\t]/) - 1 } (FILENAME !~ /\.mk$/ || indent > 0) && length($0) + 7 * indent > 120 {
		print FILENAME ":" FNR }' "$@" >"$T/long"
	cat "$T/long"
	! [ -s "$T/long" ]
}
find tests pipeline -name '*.sh' >"$T/scripts"
find tests -name '*.mk' ! -name demo-plan.mk >>"$T/scripts" # that one is as plan-pipeline writes it
check 'there are scripts' [ "$(wc -l <"$T/scripts")" -gt 50 ]
# shellcheck disable=SC2046
check 'no line of a script is over 120 columns' long $(cat "$T/scripts")
printf '\t%0113d\n%0120d\n' 0 0 >"$T/long.sh"
check 'a line that is is found' sh -c '[ "$1" = "$2/long.sh:1" ]' - "$(long "$T/long.sh")" "$T"

sources() { git ls-files '*.c' '*.h' '*.cc' '*.cu' 2>"$T/stderr" ||
	find tools tests -name '*.[ch]' -o -name '*.cc' -o -name '*.cu'; }
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
