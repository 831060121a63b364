# killer.sh: steps of a merge that are killed. A script sources it after lib.sh.
#
# killer FILE KILLS: makes FILE, a launcher for LAUNCH. Every second step that it starts is killed by SIGKILL a moment
# after it has begun, until KILLS steps were. FILE.killed.N are those, and FILE.step.N all steps. FILE.missed.N are
# steps that ended before: where there are four, the machine is fast, and steps are killed at once.
killer() {
	cat >"$1" <<-END
		#!/bin/sh
		next() { number=1; until mkdir "$1.\$1.\$number" 2>/dev/null; do number=\$((number + 1)); done; }
		next step
		step=\$number
		[ \$((step % 2)) = 0 ] || exec "\$@"
		next killed
		[ \$number -le $2 ] || { rmdir "$1.killed.\$number"; exec "\$@"; }
		"\$@" &
		[ -d "$1.missed.4" ] || sleep 0.0\$((step % 3 * 2))
		kill -9 \$! 2>/dev/null
		wait \$!
		status=\$?
		[ \$status = 137 ] || { rmdir "$1.killed.\$number"; next missed; }
		exit \$status
	END
	chmod +x "$1"
}
killed() { find "$(dirname "$1")" -maxdepth 1 -name "$(basename "$1").killed.*" | wc -l; } # FILE: how many

# resumes FILE COMMAND…: runs it again after each kill, to its end. $ends: how often it had none.
resumes() {
	file=$1 ends=0 known=0
	shift
	until "$@" >"$T/resumed" 2>&1; do
		ends=$((ends + 1))
		if [ "$(killed "$file")" = $known ]; then # something else has ended it
			say <"$T/resumed"
			return 1
		fi
		known=$(killed "$file")
	done
}
