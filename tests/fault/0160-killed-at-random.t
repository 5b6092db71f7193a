# Coordinator and workers are killed again and again at moments that nobody chose, some of them at a failpoint, and started again each
# time: no committed shard is lost on the way, and the bytes are those of a night without faults.
#
#   tests/fault/soak [KILLS] [SEED]     the same for longer; a seed repeats the choices, not the timing
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

KILLS=${FAULT_KILLS:-24}
SEED=${FAULT_SEED:-$$}
KILLS_A_NIGHT=12
WORKERS=3
echo "seed $SEED"
RANDOM=$SEED

make_fleet 600 # 75 shards: more than a fast machine decodes between two kills
mapfile -t coordinator_points < <(failpoints COORDINATOR)
mapfile -t worker_points < <(failpoints WORKER '\(PLACE\|STEP\)')

# Sets `rules`: for one start in three a failpoint at which the process kills itself.
choose_rules() { # POINT...
    rules=
    if ((RANDOM % 3 == 0)); then
        rules="${*:RANDOM % $# + 1:1}=kill@$((RANDOM % 8 + 1))"
    fi
}

begin_coordinator() {
    choose_rules "${coordinator_points[@]}"
    NJ_FAILPOINT=$rules start_coordinator coordinator "$where" "$store" --resume
}

begin_worker() { # NUMBER
    choose_rules "${worker_points[@]}"
    NJ_FAILPOINT=$rules start_worker "worker$1" "$where"
}

killed=0
night_kills=0
# Whoever is dead is started again; a coordinator that ended well ends the night.
tend() {
    local code i
    if ended coordinator; then
        code=0
        wait "${pid[coordinator]}" || code=$?
        unset "pid[coordinator]"
        [[ $code -ne 0 ]] || return 1
        [[ $code -eq 137 ]] || fail "the coordinator ended with exit $code"
        note_kill
        expect_progress
        begin_coordinator
    fi
    for ((i = 1; i <= WORKERS; i++)); do
        if ended "worker$i"; then
            code=0
            wait "${pid[worker$i]}" || code=$?
            unset "pid[worker$i]"
            [[ $code -eq 137 || $code -eq 0 ]] || fail "worker $i ended with exit $code"
            [[ $code -eq 0 ]] || note_kill
            begin_worker "$i"
        fi
    done
}

note_kill() {
    killed=$((killed + 1))
    night_kills=$((night_kills + 1))
}

# What is committed stays committed.
before=0
expect_progress() {
    local after
    expect_valid "$store"
    [[ -d $store/staging ]] || return 0
    after=$(committed "$store")
    [[ $after -ge $before ]] || fail "$store: $before shards were committed, now $after"
    before=$after
}

kill_somebody() {
    local victim=coordinator
    ((RANDOM % 3 == 0)) || victim=worker$((RANDOM % WORKERS + 1))
    kill -9 "${pid[$victim]}" 2>/dev/null || true
}

run_night() {
    local i
    where=tcp://127.0.0.1:$(free_port)
    before=0
    night_kills=0
    begin_coordinator
    for ((i = 1; i <= WORKERS; i++)); do
        begin_worker "$i"
    done
    while tend; do
        sleep "0.$((RANDOM % 250 + 100))"
        if [[ $night_kills -lt $KILLS_A_NIGHT ]]; then
            kill_somebody
        fi
    done
    for ((i = 1; i <= WORKERS; i++)); do
        reap "worker$i"
    done
    expect_whole "$store"
}

nights=0
while [[ $killed -lt $KILLS ]]; do
    store=store$nights
    run_night
    rm -rf "$store"
    nights=$((nights + 1))
done
echo "killed $killed times in $nights nights, seed $SEED"
