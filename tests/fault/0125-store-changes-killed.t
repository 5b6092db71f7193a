# `store gc`, `promote` and `drop` are killed at every step: readers have a whole generation, what is needed stays, and the same command goes on.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
make_night 20
nightly=(nightjar run "${night[@]}" --workers 1 --gate-users off --audit-users 0)
for n in 1 2 3 4; do
    expect_exit 0 "${nightly[@]}" --store made
    names[n]=$(cat made/CURRENT)
done
# CURRENT names the third, and the first before; the canary the second. The fourth is nobody's, and the newest.
expect_exit 0 nightjar store rollback --store made --to "${names[1]}"
expect_exit 0 nightjar store publish --store made "${names[3]}"
expect_exit 0 nightjar store publish --store made --channel canary "${names[1]}"
expect_exit 0 nightjar store publish --store made --channel canary "${names[2]}"

killed() { # RULE COMMAND...
    rm -rf store && cp -a made store
    NJ_FAILPOINT=$1 expect_exit 137 nightjar store "${@:2}"
    expect_valid store
    expect_exit 0 nightjar store verify --store store --gen "$(cat made/CHANNELS/canary)"
    expect_exit 0 nightjar store verify --store store --gen "${names[1]}"
}

expect_exit 0 "${nightly[@]}" --store made # a fifth, so that the fourth goes
expect_exit 0 nightjar store publish --store made "${names[3]}"
rm made/HISTORY
expect_exit 0 nightjar store publish --store made "${names[1]}"
expect_exit 0 nightjar store publish --store made "${names[3]}"
for point in $(failpoints GC) remove.renamed; do
    killed "$point=kill" gc --store store --keep 1
    expect_exit 0 nightjar store gc --store store --keep 1
    [[ ! -e store/${names[4]} && $(find store -maxdepth 1 -name 'gen-*' | wc -l) -eq 4 ]] || fail "$point: gc has left $(ls store)"
    expect_exit 0 nightjar store rollback --store store
    [[ $(cat store/CURRENT) == "${names[1]}" ]] || fail "$point: the way back is lost"
done
for point in publish.due=kill publish.done=kill file.{written,synced,renamed,placed}=kill{,@2}; do # HISTORY, then CURRENT
    killed "$point" promote --store store canary
    expect_exit 0 nightjar store promote --store store canary
    [[ $(cat store/CURRENT) == "${names[2]}" ]] || fail "$point: CURRENT is $(cat store/CURRENT)"
    expect_exit 0 nightjar store rollback --store store
    [[ $(cat store/CURRENT) == "${names[3]}" ]] || fail "$point: the way back is lost"
done
for point in $(failpoints DROP); do
    killed "$point=kill" drop --store store canary
    [[ ! -e store/CHANNELS/canary ]] || expect_exit 0 nightjar store drop --store store canary
    expect_exit 0 nightjar store publish --store store --channel canary "${names[1]}"
    expect_exit 5 nightjar store rollback --store store --channel canary
done
