#!/bin/sh
# Interruption: RUNS merges of a tiny model, by all methods in turn, each killed at a random moment and resumed. All
# files of WORK must then equal those of an undisturbed run, byte for byte. No temporary file may remain, and
# verify-work must find nothing wrong.
#
# What is killed changes at random: SIGKILL of one process (a tool, a make, the holder of the lock) or of the whole
# process group; SIGTERM and SIGINT of the group. SEED=N chooses. A failing run prints its number: RUN=n SEED=N
# repeats only this run, RUN="n m" two.
. "$(dirname "$0")/../lib.sh"
RUNS=${RUNS:-10} SEED=${SEED:-1}
tiny --blocks 1

# Run n is of kind n mod 9. Kinds 0 and 2 work with little disk, so that used files are released.
KINDS=9
settings() {
	echo "-j2 TASK_TARGETS=emoint,tec MANUAL_CEOF=1 $SMALL"
	case $(($1 % KINDS)) in
	0) echo merge SEQUENTIAL_LAYER_PROCESSING=1 ;;
	1) echo merge KEEP_ACTS=1 ;;
	2) echo merge METHOD=jacobi MAX_ITER=3 ;;
	3) echo merge METHOD=ties ;;
	4) echo merge eval KEEP_ACTS=1 SAVE=1 ;;
	5) echo merge KEEP_ACTS=1 WITH_PRETRAIN_MATRIX=1 ;;
	6) echo merge METHOD=dare SAVE=1 ;;
	7) echo merge KEEP_ACTS=1 METHOD=regmean USE_FP16=1 ;;
	8) echo merge SHARDS=2 ;;
	esac
}
# shellcheck disable=SC2046
merge() { exec make --no-print-directory BUILD="$BUILD" MODEL="$M" LORAS="$L" DATA="$D" WORK="$1" $(settings "$2"); }
# plan.mk holds WORK's own name, and the digests hold times. The adapter counts, and all files from which it was
# made.
manifest() { (cd "$1" && find . -type f ! -name log.tsv ! -name lock ! -name checksums.tsv ! -name plan.mk ! \
	-name digests -exec cksum {} + | sort -k3); }

# An undisturbed run of each kind: its files are in $T/all.KIND, and its time in ms in $T/took.KIND.
reference() { # KIND
	[ ! -e "$T/all.$1" ] || return 0
	start=$(date +%s%N)
	(merge "$T/reference" "$1") >"$T/must.out" 2>&1 || { not_ok "reference of kind $1"; tail "$T/must.out" | say
	finish; }
	echo $((($(date +%s%N) - start) / 1000000)) >"$T/took.$1"
	manifest "$T/reference" >"$T/all.$1"
	rm -rf "$T/reference"
}

# The run's draws: milliseconds to wait, kind 0…9, which process.
draw() { awk -v s="$SEED" -v n="$1" -v took="$(cat "$T/took.$(($1 % KINDS))")" \
	'BEGIN { srand(s * 100003 + n); rand(); print int(rand() * took), int(rand() * 10), int(rand() * 1000) }'; }

# All processes of the session that `setsid` has made: "PID NAME".
members() { ps -e -o pid=,sid=,comm= | awk -v s="$1" '$2 == s { print $1, $3 }'; }

strike() { # SESSION KIND WHICH
	case $2 in
	0 | 1 | 2) victims=$(members "$1" | awk '$2 !~ /^(make|sh|with-lock)$/ { print $1 }') ;;
	3 | 4) victims=$(members "$1" | awk '$2 == "make" { print $1 }') ;;
	5) victims=$(members "$1" | awk '$2 == "with-lock" { print $1 }') ;;
	6 | 7) kill -9 -"$1"; return ;;
	8) kill -TERM -"$1"; return ;;
	9) kill -INT -"$1"; return ;;
	esac
	# shellcheck disable=SC2086
	set -- $3 ${victims:-$1}
	which=$1
	shift
	shift $((which % $#))
	kill -9 "$1"
}

one() { # RUN
	w=$T/run all=$T/all.$(($1 % KINDS))
	rm -rf "$w" "$T/session"
	read -r wait kind which <<-END
	$(draw "$1")
	END
	(
		export M L D w BUILD # for the shell that leads the session
		# shellcheck disable=SC2046
		exec env --default-signal=INT setsid sh -c 'echo $$ >"$0";
			exec make --no-print-directory BUILD="$BUILD" MODEL="$M" LORAS="$L" DATA="$D" WORK="$w" "$@"' \
			"$T/session" $(settings "$1")
	) >"$T/first" 2>&1 &
	sleep "$((wait / 1000)).$(printf %03d $((wait % 1000)))"
	while [ ! -s "$T/session" ]; do sleep 0.01; done
	session=$(cat "$T/session")
	strike "$session" "$kind" "$which" 2>/dev/null && struck=$((struck + 1))
	wait $! 2>/dev/null
	# Ends what the killed process has left running; the lock would refuse us.
	while [ -n "$(members "$session")" ]; do sleep 0.1; done
	(merge "$w" "$1") >"$T/second" 2>&1 || { echo "resume failed"; tail -3 "$T/second"; return 1; }
	manifest "$w" | diff "$all" - || return 1
	"$BUILD/verify-work" -q --work "$w"
}

good=0 struck=0
for n in ${RUN:-$(seq "$RUNS")}; do
	reference $((n % KINDS))
	if one "$n" >"$T/why" 2>&1; then good=$((good + 1)); else
		echo "# RUN=$n SEED=$SEED failed ($(draw "$n"): milliseconds, kind, which)"
		say <"$T/why" | head -5
	fi
	[ $((n % 25)) = 0 ] && echo "# $good of $n"
done
[ -n "${RUN:-}" ] && RUNS=$(echo "$RUN" | wc -w)
if [ "$good" = "$RUNS" ]
	then ok "$good of $RUNS killed and resumed runs end with the reference bytes ($struck struck a live process)"
	else
	not_ok "$good of $RUNS killed and resumed runs end with the reference bytes (SEED=$SEED)"; fi
finish
