#!/bin/sh
# Killed at a random moment, whatever process dies, and run again: the bytes of an undisturbed run. SEED=N repeats
# the moments.
. "$(dirname "$0")/../lib.sh"
tiny
SEED=${SEED:-$$}
must run "$T/whole" -j2 eval
count() { results "$1" 2>/dev/null | wc -l; }
total=$(count "$T/whole")

# The k-th moment. It comes when a random share, up to 0.8, of the results that WORK still lacks exists; and up to
# 0.1 s later.
moment() {
	awk -v seed="$SEED" -v k="$1" -v have="$(count "$2")" -v total="$total" \
		'BEGIN { srand(seed * 100 + k); rand();
			print int(have + 1 + rand() * 0.8 * (total - have)), rand() * 0.1 }'
}
alive() { ps -o stat= -p "$1" | grep -qv Z; }
# Kills one tool of the session. It is stopped first, because a tool that is just ending can still get a signal, but
# would not be killed.
kill_tool() {
	victim=$(ps -o pid=,stat=,comm= --sid "$1" |
		awk '$2 !~ /Z/ && $3 ~ /^(extract|compute|solve|draw|gener|assem|eval-)/ { print $1; exit }')
	[ -n "$victim" ] && kill -STOP "$victim" 2>/dev/null || return 1
	for look in 1 2 3 4 5; do
		case $(ps -o stat= -p "$victim") in T*) kill -9 "$victim" && return 0 ;; esac
	done
	kill -CONT "$victim" 2>/dev/null
	return 1
}
# disturb WORK HOW RESULTS SECONDS: starts the run in a session of its own. At the given moment it kills the whole
# group, only make, or one tool.
disturb() {
	# shellcheck disable=SC2086
	setsid make --no-print-directory BUILD="$BUILD" MODEL="$M" LORAS="$L" DATA="$D" WORK="$1" $SMALL KEEP_ACTS=1 \
		-j2 eval >"$T/run.out" 2>&1 </dev/null &
	leader=$!
	while [ "$(count "$1")" -lt "$3" ] && alive $leader; do sleep 0.02; done
	sleep "$4"
	case $2 in
	group) kill -9 "-$leader" ;; # (dash knows no `--` here)
	term) kill -TERM "-$leader" ;;
	make) kill -9 "$leader" ;;
	tool) until kill_tool $leader || ! alive $leader; do :; done ;;
	esac
	wait $leader 2>/dev/null
	[ $? = 0 ] || disturbed=$((disturbed + 1))
	# If only make was killed, its children end by themselves.
	while [ -n "$(ps -o pid= --sid $leader)" ]; do sleep 0.05; done
}
k=0
for how in group group term make tool group; do
	k=$((k + 1))
	W=$T/w$k moments= disturbed=0 turn=0
	# A run may end before this looks. If none of two was killed, two others begin at the beginning.
	while [ $disturbed = 0 ] && [ $turn -lt 8 ]; do
		rm -rf "$W"
		for again in 1 2; do
			turn=$((turn + 1))
			# Only make was killed, and its last processes were all that remained to be done.
			[ "$(count "$W")" -lt $total ] || break
			at=$(moment $((10 * k + turn)) "$W")
			moments="$moments, ${at% *} of $total results"
			# shellcheck disable=SC2086
			disturb "$W" $how $at
		done
	done
	if [ $disturbed -gt 0 ]; then ok "$how killed: $disturbed runs came to no end"
		else not_ok "$how killed: nothing was killed (SEED=$SEED, at${moments#,})"; fi
	# No result is incomplete: a file with its final name equals that of the undisturbed run.
	wrong=$(results "$W" 2>/dev/null | while read -r file; do cmp -s "$W/$file" "$T/whole/$file" || echo "$file"
		done)
	if [ -z "$wrong" ]; then ok "$how killed: what is there is whole"; else
		not_ok "$how killed: what is there is whole"; echo "SEED=$SEED, at${moments#,}: $wrong" | say; fi
	if run "$W" -j2 eval >"$T/resumed" 2>&1
		then same "$how killed, run again (SEED=$SEED, at${moments#,})" "$W" "$T/whole"; else
		not_ok "$how killed, run again (SEED=$SEED, at${moments#,})"; tail -n 20 "$T/resumed" | say; fi
	mark "$W"
	must run "$W" -j2 eval
	expect_nothing "$how killed, run again: then it is finished" "$W"
done

# The disk fills up on the way, and then there is room again. On a small file system of our own.
if unshare -m true 2>/dev/null; then own='unshare -m'; elif unshare -rm true 2>/dev/null; then own='unshare -rm'
	else own=; fi
mkdir "$T/disk"
if [ -n "$own" ] && ! $own mount -t tmpfs -o size=64k none "$T/disk" 2>/dev/null; then own=; fi
cat >"$T/fill" <<'END'
mount -t tmpfs -o "size=$1k" none "$T/disk" || exit 99
run() {
	make --no-print-directory BUILD="$BUILD" MODEL="$M" LORAS="$L" DATA="$D" WORK="$T/disk/w" $SMALL \
		KEEP_ACTS=1 -j2 eval
}
run >"$T/full.out" 2>&1 && exit 98
find "$T/disk" -name '.*.tmp-*' >"$T/full.left"
mount -o remount,size=1g "$T/disk" && run >"$T/room.out" 2>&1 || exit 97
cp -r "$T/disk/w" "$T/filled"
END
whole=$(du -sk "$T/whole" | cut -f1)
for percent in 15 40 65 90; do
	full="a disk that is full after $percent % of the run"
	if [ -z "$own" ]; then skip "$full" 'no file system of our own can be mounted here'; continue; fi
	rm -rf "$T/filled"
	if (export T M L D BUILD SMALL; $own sh "$T/fill" $((whole * percent / 100))); then
		check "$full: said" grep -Eq '^[a-z-]+: .*No space left on device' "$T/full.out"
		check "$full: no temporary file stays" test ! -s "$T/full.left"
		same "$full: with room it goes on to the same bytes" "$T/filled" "$T/whole"
	else
		not_ok "$full: ended with $?"
		tail -n 5 "$T/full.out" "$T/room.out" | say
	fi
done
finish
