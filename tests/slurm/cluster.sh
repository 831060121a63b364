# cluster.sh: a Slurm of one node on this machine, as the user who runs the test, on 127.0.0.1 alone. A script sources
# it after lib.sh. It needs no root, no systemd, and nothing in /etc.
#
# cluster_start: 0 = it is up, and SLURM_CONF is set. Otherwise it cannot be, and $cluster_why says why.
# cluster_stop: cancels its jobs and ends its programs, by their numbers. It may be called at any time.
C=$T/slurm
cluster_pids=

# Whether a process with this number runs. A zombie does not, however slow its parent is.
runs() { grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status" 2>/dev/null; }

cluster_cannot() { cluster_why=$1; return 1; }

cluster_port() { # a port that is free, as is the next one
	port=$((20000 + $$ % 20000))
	while grep -qiE ":($(printf '%04X|%04X' $port $((port + 1)))) " /proc/net/tcp /proc/net/tcp6 2>/dev/null; do
		port=$((port + 2))
		[ $port -lt 60000 ] || return 1
	done
}

# All paths are in the folder, so nothing of an installed Slurm is used. The node has four processors, whatever the
# machine has.
cluster_settings() {
	cat <<-END
		ClusterName=test
		SlurmctldHost=$host(127.0.0.1)
		SlurmUser=$(id -un)
		SlurmdUser=$(id -un)
		SlurmctldPort=$port
		SlurmdPort=$((port + 1))
		CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
		AuthType=auth/munge
		CredType=cred/munge
		AuthInfo=socket=$C/munge/socket
		StateSaveLocation=$C/state
		SlurmdSpoolDir=$C/spool
		SlurmctldPidFile=$C/slurmctld.pid
		SlurmdPidFile=$C/slurmd.pid
		SlurmctldLogFile=$C/slurmctld.log
		SlurmdLogFile=$C/slurmd.log
		SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,bf_interval=1
		SelectType=select/cons_tres
		SelectTypeParameters=CR_CPU_Memory
		ProctrackType=proctrack/linuxproc
		TaskPlugin=task/none
		SwitchType=switch/none
		MpiDefault=none
		JobAcctGatherType=jobacct_gather/none
		AccountingStorageType=accounting_storage/none
		JobCompType=jobcomp/none
		MailProg=/bin/true
		ReturnToService=2
		InactiveLimit=0
		KillWait=5
		MinJobAge=300
		SlurmctldTimeout=30
		SlurmdTimeout=60
		SlurmdParameters=config_overrides
		NodeName=n0 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=4 RealMemory=$megabytes
		PartitionName=test Nodes=n0 Default=YES MaxTime=10 State=UP
	END
}

cluster_start() {
	for program in munged slurmctld slurmd srun scancel squeue sinfo setpriv; do
		PATH=$PATH:/usr/sbin:/sbin command -v $program >/dev/null ||
			cluster_cannot "there is no $program, which make deps installs" || return
	done
	host=$(hostname -s)
	case $(getent ahostsv4 "$host" | awk 'NR == 1 { print $1 }') in
	127.*) ;;
	*)
		cluster_cannot "the name $host is no address of 127.*: put '127.0.0.1 $host' into /etc/hosts"
		return
		;;
	esac
	cluster_port || cluster_cannot 'there are no two free ports' || return
	megabytes=$(awk '/^MemTotal/ { print int($2 / 1024 * 0.8) }' /proc/meminfo)
	mkdir -p "$C/munge" "$C/state" "$C/spool"
	chmod 755 "$T" "$C" "$C/munge"
	cluster_settings >"$C/slurm.conf"
	(umask 077; head -c 128 /dev/urandom >"$C/munge/key")
	for name in $(env | sed -n 's/^\(SLURM[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
	cluster_run munged --foreground --key-file="$C/munge/key" --socket="$C/munge/socket" \
		--log-file="$C/munged.log" --pid-file="$C/munge/munged.pid" --seed-file="$C/munge/seed" --num-threads=2
	await 5 test -S "$C/munge/socket" || cluster_failed munged || return
	cluster_run slurmctld -D -c -i -f "$C/slurm.conf"
	cluster_run slurmd -D -N n0 -f "$C/slurm.conf"
	export SLURM_CONF="$C/slurm.conf"
	await "$(patience 10)" cluster_idle || cluster_failed slurmctld
}

# A daemon beside this script. It ends with the script, even if that is killed.
cluster_run() {
	PATH=$PATH:/usr/sbin:/sbin setpriv --pdeathsig TERM "$@" </dev/null >"$C/$1.out" 2>&1 &
	cluster_pids="$! $cluster_pids"
}

cluster_idle() { timeout 2 sinfo -h -o %t | grep -qx idle; }

cluster_failed() { # PROGRAM: the last error that it or a later one has said
	cluster_stop
	cluster_cannot "$1 does not start here: $(cat "$C"/*.log "$C"/*.out 2>/dev/null |
		grep -iE 'error|fatal' | tail -n 1)"
}

no_jobs() { [ -z "$(timeout 5 squeue -h)" ]; }

cluster_stop() {
	if [ -n "${SLURM_CONF-}" ] && [ -n "$cluster_pids" ]; then
		timeout 5 scancel --user="$(id -un)" 2>/dev/null
		await 10 no_jobs
	fi
	for pid in $cluster_pids; do kill "$pid" 2>/dev/null; done
	for pid in $cluster_pids; do
		turns=100
		while runs "$pid" && [ $turns -gt 0 ]; do turns=$((turns - 1)); sleep 0.05; done
		kill -9 "$pid" 2>/dev/null
	done
	cluster_pids=
}
