# cluster.sh - a Slurm cluster of this machine: munged, slurmctld and a slurmd for each node, on loopback, in the test's folder.
#
#   . "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
#   start_cluster 4                      nodes n1 to n4, of 4 processors each; SLURM_CONF says where
#   kill_node n3                         as with its power: everything that runs on it is gone at once
#   start_node n3
#
# Every node has a PID namespace of its own. Key, sockets, state and logs are in the test's folder; nothing of /etc is read or
# written. Needs root (slurmd starts jobs), an address besides loopback (Slurm asks for those that resolve) and the packages munge, slurmctld,
# slurmd and slurm-client.
. "$(dirname "${BASH_SOURCE[0]}")/../support/namespace.sh"
enter_namespace_of_root
. "$(dirname "${BASH_SOURCE[0]}")/../integration/lib.sh"
trap 'end_cluster $?' EXIT

end_cluster() { # EXIT CODE
    cp nights/*/*.log . 2>/dev/null || true # shown where the test fails
    end_test "$1"
}

skip() { # REASON
    echo "SKIPPED: ${0##*/}: $1"
    exit 77
}

require_slurm() {
    local program
    for program in munged slurmctld slurmd sbatch squeue scontrol scancel unshare; do
        PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || skip "$program is not there (packages munge, slurmctld, slurmd, slurm-client)"
    done
    getent ahostsv4 127.0.0.1 >/dev/null || skip "no network: without an address besides loopback Slurm resolves no node"
    PATH=$PATH:/usr/sbin
}

start_munge() {
    mkdir munge
    chmod 711 . munge
    head -c 1024 /dev/urandom >munge/key
    chmod 400 munge/key
    munge=(munged --foreground --force --key-file="$work/munge/key" --socket="$work/munge/socket"
        --pid-file="$work/munge/pid" --log-file="$work/munge/log" --seed-file="$work/munge/seed")
    start munged "${munge[@]}"
    await "munge's socket" test -S munge/socket
}

# 5 s is the least that Slurm takes for cred_expire, which is also how long a requeued job waits.
write_configuration() { # NODES
    local i port
    mkdir state
    cat >slurm.conf <<END
ClusterName=night
SlurmctldHost=$(uname -n)(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket,cred_expire=5
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool.%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
BatchStartTimeout=2
SlurmctldTimeout=5
SlurmdTimeout=3
ReturnToService=2
MessageTimeout=5
KillWait=20
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0
END
    for ((i = 1; i <= $1; i++)); do
        port=$(free_port)
        echo "NodeName=n$i NodeHostname=n$i NodeAddr=127.0.0.1 Port=$port CPUs=4 RealMemory=1000" >>slurm.conf
        mkdir "spool.n$i"
    done
    echo "PartitionName=night Nodes=n[1-$1] Default=YES State=UP MaxTime=INFINITE" >>slurm.conf
    export SLURM_CONF=$work/slurm.conf
}

start_node() { # NODE
    start "$1" unshare --fork --pid --mount-proc --kill-child=KILL slurmd -D -N "$1" -f "$SLURM_CONF"
}

kill_node() { # NODE
    kill -9 "${pid[$1]}"
    wait "${pid[$1]}" 2>/dev/null || true
    unset "pid[$1]"
}

is_idle() { # NODES
    [[ $(sinfo --noheader --Node --states=idle --format=%N 2>/dev/null | sort -u | wc -l) -eq $1 ]]
}

start_cluster() { # NODES
    local i
    require_slurm
    start_munge
    write_configuration "$1"
    start slurmctld slurmctld -D -f "$SLURM_CONF"
    for ((i = 1; i <= $1; i++)); do
        start_node "n$i"
    done
    await "$1 idle nodes" is_idle "$1"
}

job_state() { # JOB
    scontrol --oneliner show job "$1" 2>/dev/null | sed -n 's/.* JobState=\([^ ]*\).*/\1/p' | head -n 1
}

has_state() { # JOB STATE
    [[ $(job_state "$1") == "$2" ]]
}

await_state() { # JOB STATE
    await "job $1 to be $2" has_state "$1" "$2"
}

expect_state() { # JOB STATE
    has_state "$1" "$2" || fail "job $1 is $(job_state "$1"), should be $2: $(scontrol show job "$1")"
}
