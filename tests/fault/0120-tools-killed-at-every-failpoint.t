# `catalogue import`, `catalogue refresh`, `bundle pack` and `store publish` are killed at every step of putting their output in place: the old output or
# the new one is there, whole, and the next call needs no cleaning up.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
make_night 40
import=(nightjar catalogue import --sids "$data/sids.npy" --codes-per-level 16 --token-base 2 --ids "$data/items.txt" --out again)
pack=(nightjar bundle pack --model "$data/model" --catalogue cat --histories "$data/histories.txt" --out again.njb)

killed() { # RULE COMMAND...
    local rule=$1
    shift
    NJ_FAILPOINT=$rule expect_exit 137 "$@"
}

for point in $(failpoints TOOL); do
    rm -rf again
    killed "$point=kill" "${import[@]}"
    [[ ! -e again ]] || expect_exit 0 nightjar catalogue show again
    expect_exit 0 "${import[@]}" --overwrite
    expect_exit 0 nightjar catalogue show again
    diff -r cat again >&2 || fail "$point: another catalogue than before"
    # In the place of an older one.
    killed "$point=kill" "${import[@]}" --overwrite
    expect_exit 0 nightjar catalogue show again
    expect_exit 0 "${import[@]}" --overwrite
    diff -r cat again >&2 || fail "$point: another catalogue than before"
done

# A refresh leaves the old catalogue as it was, also where it takes its place, and there is no new one or a whole one.
sed 1d "$data/items.txt" >tonight.txt
refresh=(nightjar catalogue refresh --ids tonight.txt)
expect_exit 0 "${refresh[@]}" --from cat --out refreshed
for point in $(failpoints TOOL) file.written file.placed; do
    rm -rf again old
    cp -r cat old
    killed "$point=kill" "${refresh[@]}" --from old --out again
    diff -r cat old >&2 || fail "$point: the old catalogue is another"
    [[ ! -e again ]] || diff -r refreshed again >&2 || fail "$point: half a catalogue has the name"
    killed "$point=kill" "${refresh[@]}" --from old --out old --overwrite
    diff -r cat old >diff.out || diff -r refreshed old >diff.out || fail "$point: neither the old catalogue nor the new one"
    expect_exit 0 "${refresh[@]}" --from old --out old --overwrite
    diff -r refreshed old >&2 || fail "$point: another catalogue than without the kill"
done

expect_exit 0 nightjar run "${night[@]}" --store store --workers 1
first=$(cat store/CURRENT)
expect_exit 0 nightjar run "${night[@]}" --store store --workers 1
second=$(cat store/CURRENT)
for point in $(failpoints COORDINATOR | grep '^file\.'); do
    rm -f again.njb
    killed "$point=kill" "${pack[@]}"
    [[ ! -e again.njb ]] || cmp night.njb again.njb || fail "$point: half a bundle has the name"
    expect_exit 0 "${pack[@]}"
    cmp night.njb again.njb || fail "$point: another bundle than before"

    for hit in 1 2; do # HISTORY, then CURRENT
        killed "$point=kill@$hit" nightjar store publish --store store "$first"
        current=$(cat store/CURRENT)
        [[ $current == "$first" || $current == "$second" ]] || fail "$point: CURRENT is $current"
        expect_valid store
        expect_exit 0 nightjar store publish --store store "$first"
        expect_exit 0 nightjar store publish --store store "$second"
        expect_whole store
    done
done
for point in publish.due publish.done; do
    killed "$point=kill" nightjar store publish --store store "$first"
    expect_valid store
    expect_exit 0 nightjar store publish --store store "$second"
    expect_whole store
done
