#!/bin/sh
# The rooms of tools/lib. A file includes only files of its own room and of lower rooms. Modules do not include each
# other in a circle.
. "$(dirname "$0")/../lib.sh"

# The table of tools/lib/README.md. A room may also include what the rooms that it lists may include.
cat >"$T/table" <<'END'
base
files base
backend base
math base backend
model files backend math
adapter model
forward adapter
merge forward
config base files
plan config merge
report merge
END

# includes FOLDER: "path:#include …" of every quoted include. emu.hpp is the CUDA test double's.
includes() {
	grep -r --include='*.[ch]' --include='*.cc' --include='*.cu' '^ *# *include "' "$1" |
		sed "s,^$1/,,; /\"emu\.hpp\"/d"
}

# wrong FOLDER: the includes that the table does not allow.
wrong() {
	includes "$1" |
		sed -E 's,^(([^/:]*)/[^:]*):.*"([^"/]*)(/[^"]*)?".*,\1 \2 \3,' >"$T/arrows"
	awk '
	NR == FNR {
		sees[$1, $1] = 1
		rooms[++n] = $1
		for (i = 2; i <= NF; i++)
			for (j = 1; j <= n; j++)
				if (($i, rooms[j]) in sees) sees[$1, rooms[j]] = 1
		next
	}
	!(($2, $3) in sees) { print $1 ": " $2 " may not include " $3 }' "$T/table" "$T/arrows"
}

# circles FOLDER: tsort's messages about the includes between modules. A module is x.h with x.c, x_*.c and
# x_private.h. Two pairs of headers count as one module each, because each needs the other: die and alloc (no memory
# is an error, and an error's text needs memory), be and gemm (packed weights).
circles() {
	find "$1" -name '*.h' ! -name '*_private.h' | sed 's,.*/,,; s,\.h$,,' >"$T/heads"
	includes "$1" | sed -E 's,^[^:]*/([^/:.]*)\.[a-z]+:.*"([^"]*/)?([^/".]*)\.[a-z]+".*,\1 \3,' |
		awk '
		function module(s) {
			if (s ~ /^((be|gemm)(_.*)?|gram_cpu)$/) return "be"
			while (!(s in head) && sub(/_[^_]*$/, "", s));
			return s == "alloc" ? "die" : s
		}
		NR == FNR { head[$1] = 1; next }
		{ a = module($1); b = module($2); if (a != b) print a, b }' "$T/heads" - |
		sort -u >"$T/modules"
	tsort "$T/modules" 2>&1 >/dev/null
}

empty() { ! grep . "$1"; }
says() { printf '%s\n' "$@" | diff - "$T/found"; }

wrong tools/lib >"$T/found"
check 'no include leads to a room above' empty "$T/found"
check 'includes were read' [ "$(wc -l <"$T/arrows")" -gt 300 ]
cut -d' ' -f1 "$T/table" | sort >"$T/rooms"
find tools/lib -mindepth 1 -maxdepth 1 -type d | sed 's,.*/,,' | sort >"$T/found"
check 'the rooms are those of the table' diff "$T/rooms" "$T/found"
find tools/lib -name '*.c*' | sed 's,.*/,,' | sort | uniq -d >"$T/found"
check 'no two modules have one name' empty "$T/found"
circles tools/lib >"$T/found"
check 'no circle of modules' empty "$T/found"

# The test finds what it should: two includes upwards, and the circle of text and h5.
mkdir -p "$T/lib/base" "$T/lib/files/h5" "$T/lib/math"
touch "$T/lib/base/text.h" "$T/lib/files/h5/h5.h"
echo '#include "files/h5/h5.h"' >"$T/lib/base/text.c"
echo '#  include "files/h5/h5.h"' >"$T/lib/math/solve.c"
echo '#include "base/text.h"' >"$T/lib/files/h5/h5.c"
wrong "$T/lib" | sort >"$T/found"
check 'an arrow upwards is found' \
	says 'base/text.c: base may not include files' 'math/solve.c: math may not include files'
circles "$T/lib" >"$T/found"
check 'a circle is found' grep -q loop "$T/found"
finish
