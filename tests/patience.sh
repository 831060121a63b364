# patience.sh: how long a test waits on this machine in its present state. All time limits of the tests use it.

# patience SECONDS: prints the same number on an idle machine, and proportionally more if several programs run per
# processor.
patience() {
	{ read -r load _ _ running _ </proc/loadavg; } 2>/dev/null || load=0 running=0/0
	load=${load%.*} running=${running%/*}
	[ "$load" -ge "$running" ] || load=$running
	echo $(($1 * (1 + load / $(nproc))))
}

# limited SECONDS COMMAND…: ends the command after this time.
limited() {
	given=$(patience "$1")
	shift
	timeout -k 10 "$given" "$@"
}

# await SECONDS COMMAND…: repeats the command until it succeeds; fails after this time.
await() {
	turns=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		turns=$((turns - 1))
		[ $turns -gt 0 ] || return 1
		sleep 0.05
	done
}
