# The workers of `nightjar run` are killed again and again, far more often than one gives up on a night that gets no further.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 800
start busy nightjar run "${night[@]}" "${slow[@]}" "${shards[@]}" --store store --workers 2 --json
kills=0
while alive busy && [[ $kills -lt 30 ]]; do
    before=$(committed store)
    victim=$(worker_of busy $((kills % 2 + 1)))
    if [[ -n $victim ]] && kill -9 "$victim" 2>/dev/null; then
        kills=$((kills + 1))
    fi
    await "one more shard" eval "has_committed store $((before + 1)) || ended busy"
done
[[ $kills -ge 25 ]] || fail "the night was over after $kills kills: it needs more users"
expect_end busy 0
expect_rows store
expect_json busy.out quarantined 0
[[ $(count_said busy "starting another") -ge 20 ]] || fail "the log does not tell of 20 ends"
