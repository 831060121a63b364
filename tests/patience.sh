# patience.sh: how long a test waits on this machine, as it is now. Every time limit of the tests is made by it.

# patience SECONDS: prints so many for a machine that is otherwise idle; more in proportion to the programs that run for
# each processor.
patience() {
	{ read -r load _ _ running _ </proc/loadavg; } 2>/dev/null || load=0 running=0/0
	load=${load%.*} running=${running%/*}
	[ "$load" -ge "$running" ] || load=$running
	echo $(($1 * (1 + load / $(nproc))))
}

# limited SECONDS COMMAND…: ends it after so long.
limited() {
	given=$(patience "$1")
	shift
	timeout -k 10 "$given" "$@"
}

# await SECONDS COMMAND…: until the command succeeds; fails after so long.
await() {
	turns=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		turns=$((turns - 1))
		[ $turns -gt 0 ] || return 1
		sleep 0.05
	done
}
