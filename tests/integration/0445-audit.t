# store audit says who made a row, from what, over nights that copied it; replay decodes it again and has the same bytes, in each class and
# under policies, and says which input is not as it was.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
grep -q NJ_FAILPOINT "$bin/nightjar-worker" || {
    echo "SKIPPED: ${0##*/}: the programs are built without -DNIGHTJAR_FAILPOINTS=ON"
    exit 77
}

make_night 60
user() { # LINE
    sed -n "$1s/ .*//p" users.txt
}
identical() { # PATTERN OPTION...: replays
    local pattern=$1
    shift
    expect_exit 0 nightjar replay "$@"
    grep -qE "^identical: [0-9]+ bytes, $pattern" last.out || fail "replay $*: $(cat last.out)"
}

# A night whose sixth shard was halved around a user who cannot be decoded; rows have all that a row may have.
poison=$(user 22)
run=(nightjar run --bundle night.njb "${settings[@]}" --workers 1 --shard-users 4 --lease-ms 2000 --store store --json)
NJ_FAILPOINT=engine.user=nan:$poison expect_exit 3 "${run[@]}" --users users.txt --why --trace --reserve 5 --quarantine-max 1
first=$(cat store/CURRENT)
expect_exit 0 nightjar store verify --store store
expect_exit 0 nightjar store audit --store store "$(user 3)" --json
/usr/bin/python3 - last.out "$first" "$work" <<'P'
import json, sys
audit, first, work = json.load(open(sys.argv[1])), *sys.argv[2:]
record, night = audit["record"], audit["night"]
assert audit["generation"] == night["generation"] == first and audit["age"] == 0 and audit["ends"] is None, audit
assert (record["shard"], record["count"], record["rows"], record["attempt"], record["state"]) == (0, 0, 4, 1, "COMMITTED"), record
assert record["worker"] and record["finished_ms"] >= audit["created_ms"] - 60000, record
assert [s["name"] for s in night["sections"]] == ["catalogue", "counts", "items", "model", "sids", "trie", "weights"], night
assert night["numeric_class"] == "exact" and night["policy"] == "" and night["policy_digest"] is None and night["eligible_digest"] is None
inputs = {i["option"]: i["value"] for i in night["inputs"]}
assert inputs["bundle"] == work + "/night.njb" and inputs["users"] == work + "/users.txt", inputs
P
expect_exit 0 nightjar store audit --store store "$(user 23)"
grep -qx 'shard          5, its users 2 to 3' last.out || fail "no piece: $(cat last.out)"
expect_exit 5 nightjar store audit --store store "$poison"
expect_exit 5 nightjar replay --store store "$poison"
cold=$(nightjar store export --store store 2>>setup.log | grep -m1 '"cold"' | sed 's/^{"user": "\([^"]*\)".*/\1/')
for name in "$(user 3)" "$(user 21)" "$(user 23)" "$(user 60)" "$cold"; do
    identical '10 items, class exact, kernels [a-z0-9]+$' --store store "$name"
done
identical '10 items, class exact, kernels ref$' --store store --kernels ref "$(user 23)"

# A night behind it copies all but two: who was quarantined, and whose history grew.
sed "5s/\$/ $(sed -n 7p "$data/items.txt")/" users.txt >next.txt
mkdir moved
expect_exit 0 "${run[@]}" --users next.txt --why --trace --reserve 5 --since current
expect_json last.out copied 58
second=$(cat store/CURRENT)
expect_exit 0 "${run[@]}" --users next.txt --why --trace --reserve 5 --since current
third=$(cat store/CURRENT)
expect_exit 0 nightjar store audit --store store "$(user 23)"
grep -qx "decoded in     $first by nightjar .*" last.out || fail "the way back: $(cat last.out)"
grep -qx 'shard          5, its users 2 to 3' last.out || fail "the record of then: $(cat last.out)"
expect_exit 0 nightjar store audit --store store --gen current "$(user 5)" --json
/usr/bin/python3 - last.out "$third" "$second" <<'P'
import json, sys
audit = json.load(open(sys.argv[1]))
assert [link["generation"] for link in audit["chain"]] == sys.argv[2:] and [link["age"] for link in audit["chain"]] == [1, 0], audit["chain"]
assert audit["flags"] == ["copied"] and audit["night"]["generation"] == sys.argv[3], audit
P
identical '10 items, .*; the stored row is a copy, its flag and age aside$' --store store "$(user 23)"
identical '10 items, .*; the stored row is a copy' --store store --gen "$second" "$(user 3)"
identical '10 items, class exact, kernels [a-z0-9]+$' --store store --gen "$second" "$(user 5)"

# A user whom the input lacks keeps his row, and so does who is not done at the deadline; who replays it is sent to the night before.
gone=$(user 30)
grep -v "^$gone " next.txt >fewer.txt
expect_exit 3 "${run[@]}" --users fewer.txt --why --trace --reserve 5 --since current --missing-users carry
expect_exit 0 nightjar store audit --store store "$gone" --json
/usr/bin/python3 - last.out "$(cat store/CURRENT)" "$third" "$second" "$first" <<'P'
import json, sys
audit = json.load(open(sys.argv[1]))
assert [link["generation"] for link in audit["chain"]] == sys.argv[2:], audit["chain"]
assert "carried" in audit["flags"] and audit["age"] == 3 and audit["night"]["generation"] == sys.argv[5], audit
P
expect_exit 5 nightjar replay --store store "$gone"
expect_said last "carried the row over from $third, .*: nightjar replay --store store --gen $third $gone"
identical '10 items' --store store --gen "$third" "$gone"
expect_exit 0 nightjar store publish --store store "$third"
cp -r store late
expect_exit 3 nightjar-coordinator --bind "tcp://127.0.0.1:*" --insecure --bundle night.njb --users next.txt "${settings[@]}" --store late \
    --deadline 1s --on-deadline carry --carry-max 100
grep -q '"state":3' "late/$(cat late/CURRENT)/ORIGIN" || fail "no piece is told to be carried"
expect_exit 0 nightjar store audit --store late "$(user 23)" --json
/usr/bin/python3 - last.out "$(cat late/CURRENT)" "$third" "$second" "$first" <<'P'
import json, sys
audit = json.load(open(sys.argv[1]))
assert [link["generation"] for link in audit["chain"]] == sys.argv[2:] and "carried" in audit["flags"], audit
P
expect_exit 5 nightjar replay --store late "$(user 23)"
expect_said last "carried the row over from $third"


# What came through a pipe is asked for, and a named one is not waited for; a list that lost an item to a scrub is no night's.
mkfifo pipe
timeout 30 cat users.txt >pipe &
expect_exit 0 "${run[@]}" --users pipe --gate-users off --store piped
expect_exit 5 timeout 20 nightjar replay --store piped "$(user 3)"
expect_said last "read --users from standard input or a pipe: give its file"
identical '10 items' --store piped --users users.txt "$(user 3)"
nightjar store get --store piped "$(user 3)" 2>>setup.log | sed 's/.*"items": \["\([^"]*\)".*/\1/' >gone-item
expect_exit 0 nightjar store scrub --store piped --items gone-item
expect_exit 5 nightjar replay --store piped --users users.txt "$(user 3)"
expect_said last "store scrub. took items out of it"

# Inputs that are not as they were are named, with both digests.
cp users.txt kept.txt
sed -i "3s/\$/ $(sed -n 9p "$data/items.txt")/" users.txt
expect_exit 4 nightjar replay --store store --gen "$first" "$(user 3)"
expect_said last "users.txt: the history of \"$(user 3)\" has the digest [0-9a-f]{16}, the row was made from [0-9a-f]{16}"
identical '10 items' --store store --gen "$first" "$(user 4)"
identical '10 items' --store store --gen "$first" --users kept.txt "$(user 3)"
sed -i 4d users.txt
expect_exit 5 nightjar replay --store store --gen "$first" "$(sed -n '4s/ .*//p' kept.txt)"
expect_said last "users.txt: has no user"
rm users.txt
expect_exit 5 nightjar replay --store store --gen "$first" "$(sed -n '6s/ .*//p' kept.txt)"
expect_said last "the users of $first \(--users\): .*users.txt"
mv kept.txt users.txt
expect_exit 4 nightjar replay --store store --eligible "$data/items.txt" "$(user 6)"
expect_said last "the masks of --eligible, --deny and --groups: the digest is [0-9a-f]{64}, $third was made with none"
mv night.njb moved/
expect_exit 5 nightjar replay --store store "$(user 6)"
expect_said last "night.njb: .*\(--bundle, whose digest was [0-9a-f]{64}\)"
identical '10 items' --store store --bundle moved/night.njb "$(user 6)"
nightjar bundle pack --model "$data/model" --catalogue cat --out night.njb >>setup.out 2>>setup.log
expect_exit 4 nightjar replay --store store "$(user 6)"
expect_said last "night.njb: the digest is [0-9a-f]{64}, $third was made with [0-9a-f]{64}"
mv moved/night.njb night.njb
expect_exit 2 nightjar replay --store store --kernels int8-ref "$(user 6)"

# Another list than the stored one: the last bit of a score, damaged in the file.
cp -r store damaged
/usr/bin/python3 - "damaged/$second/data.mdb" "$(nightjar store get --store store --gen "$second" "$(user 5)")" <<'P'
import json, struct, sys
score = struct.pack(">f", json.loads(sys.argv[2])["scores"][4])
bytes_ = open(sys.argv[1], "rb").read()
at = bytes_.index(score, 8192)
with open(sys.argv[1], "r+b") as file:
    file.seek(at + 3)
    file.write(bytes([score[3] ^ 1]))
P
expect_exit 4 nightjar replay --store damaged --gen "$second" "$(user 5)"
expect_said last "$second has another row of \"$(user 5)\": score 4 is -[0-9.]+, replayed -[0-9.]+"
expect_exit 4 nightjar replay --store damaged --gen "$second" "$(user 5)" --json
expect_json last.out identical False

# Where the way ends: a generation that is gone, one without ORIGIN, a damaged one, a store of deltas.
rm -r "damaged/$first"
expect_exit 5 nightjar store audit --store damaged "$(user 6)"
expect_said last "the row was taken from $first, which is not kept here"
grep -qx "taken from     $third, age 2" last.out || fail "nothing is told of a way that ends: $(cat last.out)"
rm "damaged/$third/ORIGIN"
expect_exit 0 nightjar store verify --store damaged
expect_exit 5 nightjar replay --store damaged "$(user 6)"
expect_said last "$third has no ORIGIN"
sed -i '2s/"attempt":1/"attempt":2/' "damaged/$second/ORIGIN"
expect_exit 4 nightjar store audit --store damaged --gen "$second" "$(user 5)"
expect_said last "ORIGIN: its digest is"
nightjar store export --store store --gen "$second" --to delta >all.delta 2>>setup.log
expect_exit 0 nightjar store apply --store copy all.delta
expect_exit 5 nightjar store audit --store copy "$(user 5)"
expect_said last "no ORIGIN"

# int8, by the fastest set and by the law.
expect_exit 0 nightjar run "${night[@]}" --workers 1 --store int8 --precision int8
identical '10 items, class int8, kernels int8-' --store int8 "$(user 3)"
identical '10 items, class int8, kernels int8-ref$' --store int8 --kernels int8-ref "$(user 21)"

# Policies: draws that depend on the user alone, and stages behind the search.
printf 'version: 1\ncandidates: {search: stochastic, pool: 30}\nfill: {widen: true, near: true, popular: true}\n' >draws.yaml
printf 'version: 1\ncandidates: {pool: 30}\nconstraints: {pins: [{item: %s, place: 3}]}\nrerank: {method: mmr, alike: prefix, relevance: 0.6}\n' \
    "$(sed -n 30p "$data/items.txt")" >mmr.yaml
sed -n 1,200p "$data/items.txt" >some.txt
for policy in draws mmr; do
    nightjar bundle pack --from night.njb --policy "$policy.yaml" --out "$policy.njb" >>setup.out 2>>setup.log || fail "$(tail -n 3 setup.log)"
    expect_exit 0 nightjar run --bundle "$policy.njb" --users users.txt "${settings[@]}" --workers 1 --store "$policy" --why --eligible some.txt \
        --unknown-items skip
    for line in 3 21 60; do
        identical '10 items, class exact' --store "$policy" "$(user $line)"
    done
done
expect_exit 0 nightjar store audit --store mmr "$(user 3)"
grep -qE '^policy         1 pinned places, mmr at relevance 0.6; [0-9a-f]{64}$' last.out || fail "the policy: $(cat last.out)"
grep -qE '^masks          [0-9a-f]{64}$' last.out || fail "the masks: $(cat last.out)"
