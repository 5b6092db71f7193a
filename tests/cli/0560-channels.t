# Channels beside CURRENT: publish, promote, rollback, drop; what gc keeps; what list says of age and validity.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_store
first=$generation
expect_exit 0 '' -- nightjar run --bundle b.njb --users users.txt --store store --workers 1 --top 3 --valid-for 30h
second=$(<store/CURRENT)
expect_exit 0 '' -- nightjar run --bundle b.njb --users users.txt --store store --workers 1 --top 4 --valid-for 1s
third=$(<store/CURRENT)
sleep 1.1

expect_exit 0 '' -- nightjar store list --store store
check "the newest is stale" grep -qE "^\* $third  20 rows  .* old  STALE$" out
check "the second says until when" grep -qE "^  $second  20 rows  .* old  until 20..-..-.. ..:.. UTC$" out
check "the first says nothing" grep -qE "^  $first  20 rows  .* old$" out
id=$(<store/ID)
expect_exit 0 '' -- nightjar store stat --store store
stdout_has "store          $id"
stdout_has 'STALE '

# A canary: CURRENT stays, until it is promoted.
expect_exit 0 "CURRENT names $first, named $third" -- nightjar store rollback --store store --to "$first"
expect_exit 0 "canary names $second" -- nightjar store publish --store store --channel canary "$second" --json
stdout_is_valid store-publish
check "CURRENT is as it was" test "$(<store/CURRENT)" = "$first"
check "the channel is one line" test "$(<store/CHANNELS/canary)" = "$second"
expect_exit 0 '' -- nightjar store list --store store
check "list names the channel" grep -qE "^  $second  .*  canary$" out
expect_exit 0 "canary names $third" -- nightjar store publish --store store --channel canary "$third"
expect_exit 0 "canary would name $second, named $third" -- nightjar store rollback --store store --channel canary --dry-run
expect_exit 0 "canary names $second, named $third" -- nightjar store rollback --store store --channel canary --json
stdout_is_valid store-rollback
expect_exit 0 "CURRENT names $second, named $first" -- nightjar store promote --store store canary --json
stdout_is_valid store-promote
expect_exit 0 "CURRENT names $first, named $second" -- nightjar store rollback --store store --quick
check "the channel is as it was" test "$(<store/CHANNELS/canary)" = "$second"

# Wherever a generation is named, its channel may be.
for at in "$second canary" "$first current"; do
    read -r name channel <<<"$at"
    expect_exit 0 '' -- nightjar store stat --store store --gen "$channel" --json
    stdout_has "$name"
    expect_exit 0 "$name: every byte" -- nightjar store verify --store store --gen "$channel"
    nightjar store export --store store --gen "$name" >named.jsonl
    nightjar store export --store store --gen "$channel" >by-channel.jsonl
    check "$channel is exported" cmp named.jsonl by-channel.jsonl
done
expect_exit 0 "$first to $second" -- nightjar store export --store store --to delta --gen canary --since current

# What is not there, and what is no name.
before=$(digest_of store)
expect_exit 5 'has no channel "beta"; it has current, canary' -- nightjar store promote --store store beta
for command in get export stat verify; do
    user=()
    [[ $command != get ]] || user=(u1)
    expect_exit 5 'has no channel "beta"; it has current, canary' -- nightjar store $command --store store --gen beta "${user[@]}"
done
expect_exit 5 'has no channel "beta"' -- nightjar store export --store store --to delta --since beta
expect_exit 5 'has no channel "beta"' -- nightjar store rollback --store store --to beta
expect_exit 5 'has no channel "beta"' -- nightjar report --store store beta
expect_exit 5 'has no channel "beta"' -- nightjar run --bundle b.njb --users users.txt --store store --since beta
expect_exit 5 'has no channel "beta"' -- nightjar store rollback --store store --channel beta
expect_exit 5 'has no channel "beta"' -- nightjar store rollback --store store --channel beta --to "$first"
expect_exit 5 'has no channel "beta"' -- nightjar store drop --store store beta
expect_exit 5 'canary.history: names no earlier generation' -- nightjar store rollback --store store --channel canary
for name in Beta ../x 1 a.b; do
    expect_exit 65 "\"$name\" is no channel's name" -- nightjar store publish --store store --channel "$name" "$first"
    expect_exit 65 "\"$name\" is no channel's name" -- nightjar store promote --store store "$name"
done
expect_exit 65 '"current" cannot be promoted' -- nightjar store promote --store store current
expect_exit 65 '"current" cannot be removed' -- nightjar store drop --store store current
expect_exit 5 'missing: no such folder' -- nightjar store promote --store missing canary
expect_exit 2 '--keep' -- nightjar store gc --store store
expect_exit 2 '--keep' -- nightjar store gc --store store --keep 0
expect_exit 5 'missing: no such folder' -- nightjar store gc --store missing --keep 1
for text in 30 h -1h 30h5d ''; do
    expect_exit 2 '--valid-for' -- nightjar run --bundle b.njb --users users.txt --store store --valid-for="$text"
done
expect_untouched store "$before"

# Two that drop it at once: both find it, and then wait for the lock.
expect_exit 0 '' -- nightjar store publish --store store --channel twice "$first"
exec 9>>store/lock
flock 9
code=0
nightjar store drop --store store twice 2>drop.err 9>&- &
dropped=$!
sleep 0.1
nightjar store drop --store store twice 2>drop.err 9>&- &
other=$!
sleep 0.1
exec 9>&-
wait "$dropped" || code=$?
wait "$other" || code=$((code + $?))
check "one drops it, the other does not find it" test "$code" = 5

# gc: CURRENT (first), the canary (second) and its way back; the newest.
expect_exit 0 '0 of 3 generations would be removed' -- nightjar store gc --store store --keep 1 --dry-run
check "the reasons" diff <(printf '%s\n' "newest    $third" "channel   $second" "current   $first") out
expect_exit 0 'there is no channel canary any more' -- nightjar store drop --store store canary --json
stdout_is_valid store-drop
check "no file of it is left" test -z "$(ls store/CHANNELS)"
expect_exit 0 '1 of 3 generations would be removed' -- nightjar store gc --store store --keep 1 --dry-run
check "all are there" test "$(ls -d store/gen-* | wc -l)" = 3
expect_exit 0 '1 of 3 generations removed' -- nightjar store gc --store store --keep 1 --json
stdout_is_valid store-gc
check "the second is gone" test ! -e "store/$second"
expect_exit 0 '' -- nightjar store verify --store store --gen "$third"
expect_exit 0 '' -- nightjar store verify --store store --gen "$first"
printf 'gen-' >store/CHANNELS/broken
expect_exit 0 'channel broken names no generation: its file is garbled' -- nightjar store list --store store
done_testing
