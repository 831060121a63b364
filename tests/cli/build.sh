#!/bin/sh
# What the build prints: how many files it makes, and the compiler's messages; with V=1 the commands. A script takes
# the compiler's place.
. "$(dirname "$0")/../lib.sh"
cat >"$T/cc" <<'END'
#!/bin/sh
case "$*" in *copy-output.c*) echo 'copy-output.c:1:1: warning: a warning' >&2 ;; esac
case "$*" in *"$BROKEN".c*) echo "$BROKEN.c:1:1: error: an error" >&2; exit 1 ;; esac
while [ $# -gt 0 ]; do [ "$1" = -o ] && : >"$2"; shift; done
END
chmod +x "$T/cc"
build() { BROKEN=${BROKEN:-none} make --no-print-directory BUILD="$T/build" CC="$T/cc" CXX="$T/cc" "$@" >"$T/out" \
	2>&1; }
sources=$(find tools -name '*.c' ! -path '*/cuda/*' -o -name '*.cc' | wc -l)
programs=$(find tools -maxdepth 1 -name '*.c' | wc -l)

check 'a build' build
check 'one line says of how many files: objects, the library, programs' grep \
	-qx "building $((sources + 1 + programs)) files" "$T/out"
check 'a warning shows' grep -q 'warning: a warning' "$T/out"
check 'and nothing else' test "$(wc -l <"$T/out")" = 2
check 'nothing to build' build
check 'nothing is said then' test ! -s "$T/out"
rm "$T/build/tools/copy-output.o" "$T/build/copy-output"
check 'one file less' build
check 'two files: the object and the program' grep -qx 'building 2 files' "$T/out"
rm "$T/build/tools/copy-output.o" "$T/build/copy-output"
check 'V=1' build V=1
check 'V=1 shows the commands' grep -q -- '-c -o .*/copy-output.o tools/copy-output.c' "$T/out"
rm "$T/build/tools/copy-output.o" "$T/build/copy-output"
BROKEN=copy-output
if build; then not_ok 'an error ends it'; else ok 'an error ends it'; fi
check 'and shows' grep -q 'error: an error' "$T/out"
finish
