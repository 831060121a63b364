#!/bin/sh
# make plan says the most that WORK takes on the disk at once: within 5 % of what it takes, and MAX_DISK refuses by it.
. "$(dirname "$0")/../lib.sh"
megabytes() { # PATTERN of what stands before the figure; in the plan of the last run
	sed -n "s/.*$1\([0-9]*\) MB.*/\1/p" "$T/plan"
}
near() { # NAME PLANNED FOUND, in MB: the plan is at most 5 % off; it counts whole MB, one at least
	check "$1: planned $2 MB, found $3 MB" awk -v a="$2" -v b="$3" \
		'BEGIN { exit !(a > 0 && a - 1 <= 1.05 * b && a >= 0.95 * b) }'
}
takes() { # NAME SETTINGS…: plans, merges with -j1, and compares
	name=$1
	shift
	rm -rf "$T/work"
	must run "$T/work" plan -j1 "$@"
	cp "$T/must.out" "$T/plan"
	mkdir "$T/work"
	# shellcheck disable=SC2086
	must "$BUILD/bench/watch" "$T/work" "$T/most" make --no-print-directory -j1 BUILD="$BUILD" MODEL="$M" \
		LORAS="$L" DATA="$D" WORK="$T/work" $KEEP merge "$@"
	near "$name" "$(megabytes 'disk    at most ')" "$(sed -n 's/^disk	//p' "$T/most")"
}
KEEP=
M=data/demo/model L=data/demo/loras D=data/demo/data SMALL=
takes 'the demo'
check 'the plan of a finished merge: what it takes now' sh -c \
	"[ \"\$(make -s BUILD=$BUILD plan MODEL=$M LORAS=$L DATA=$D WORK=$T/work |
		sed -n 's/^disk    at most \([0-9]*\) .*/\1/p')\" -lt 5 ]"
takes 'the demo with float16 rows' USE_FP16=1
KEEP=KEEP_ACTS=1
takes 'the demo, nothing released'
KEEP=

# ---- refused beforehand
refused() { # SETTINGS…: the line that refuses
	rm -rf "$T/none"
	run "$T/none" merge "$@" >"$T/stdout" 2>"$T/stderr" && return 1
	grep '^plan-pipeline: ' "$T/stderr"
}
said=$(refused MAX_DISK=20M)
check 'MAX_DISK=20M: refused, with the figure and what to do' sh -c "echo \"\$1\" | grep -Eq \"\$2\"" - "$said" \
	"max_disk is 20 MB, but '.*' would take 4[0-9] MB at once: raise MAX_DISK, or take USE_FP16=1, a smaller"
check '… before anything runs' [ ! -e "$T/none/log.tsv" ]
said=$(refused MAX_DISK=20M KEEP_ACTS=1 -j2)
check '… it names what keeps or adds files' sh -c \
	"echo \"\$1\" | grep -Eq 'leave out KEEP_ACTS, leave out -j [(][0-9]+ MB[)]'" - "$said"
must run "$T/none" merge METHOD=regmean MAX_DISK=60G

# ---- a small file system
small='mount -t tmpfs -o size=10m tmpfs "$1" && shift && "$@"'
mkdir "$T/mount"
if unshare -rm sh -c "$small" - "$T/mount" true 2>/dev/null; then
	unshare -rm sh -c "$small" - "$T/mount" "$BUILD/plan-pipeline" --show --tools "$BUILD" --model $M --loras $L \
		--data $D --work "$T/mount/work" >"$T/plan" 2>&1
	check 'less is free than is needed: said' grep -Eq \
		'^ +only 1[01] MB are free there, and 4[0-9] MB more are needed$' "$T/plan"
else
	skip 'less is free than is needed: said' 'no file system can be mounted here'
fi

if emotion 'the real case'; then takes 'the real case'; fi
finish
