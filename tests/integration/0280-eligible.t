# A night with --deny and groups: two workers give the rows of decode, each user what his group may get; --since copies who may get the
# same items as before, whatever changed for others; an interrupted night goes on with its own masks alone.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 90
sed -n '1~4p' "$data/items.txt" >deny.txt
{
    echo user,group
    awk 'NR % 3 == 1 { print $1 ",de" } NR % 3 == 2 { print $1 ",kids" }' users.txt
} >ug.csv
write_groups() { # FILE STEP: the items of "kids", every STEP-th
    /usr/bin/python3 - "$data/items.txt" "$2" >"$1" <<'P'
import json
import sys
ids = open(sys.argv[1]).read().split("\n")[:-1]
print(json.dumps({"group": "de", "deny": ids[1::5]}))
print(json.dumps({"group": "kids", "items": ids[:: int(sys.argv[2])]}))
P
}
write_groups groups.jsonl 3
write_groups other.jsonl 2
masks=(--deny deny.txt --groups groups.jsonl --user-groups ug.csv)
others=(--deny deny.txt --groups other.jsonl --user-groups ug.csv)
run=(nightjar run --bundle night.njb --users users.txt "${settings[@]}" --workers 2 --shard-users 8 --json)

expect_lists() { # MASK OPTIONS...: of the store, copies counted as what they are copies of
    nightjar decode --bundle night.njb --users users.txt "${settings[@]}" "$@" 2>>setup.log | sort >wanted.jsonl
    nightjar store export --store store --to jsonl 2>export.log | tee export.jsonl |
        sed -E 's/, "age": [0-9]+//; s/, "copied"\]/]/; s/, "flags": \["copied"\]//' >found.jsonl
    cmp found.jsonl wanted.jsonl >&2 || fail "the store has other lists than decode with $*"
}

# One night, two workers, three masks.
expect_exit 0 "${run[@]}" --store store "${masks[@]}"
expect_lists "${masks[@]}"
expect_json last.out eligible "{'items': 414, 'of': 552, 'unknown': 0, 'groups': {'de': 330, 'kids': 138}}"
expect_said last "fetching .* MB: catalogue, counts, eligible, items"
if cmp -s wanted.jsonl expected.jsonl; then
    fail "the masks changed no list"
fi
nightjar store stat --store store --json 2>>setup.log >stat.json
! grep -q '"eligible_digest": "0000' stat.json || fail "the generation does not say which items were eligible"

# The same night again: everybody is copied. With other items for "kids", all but its users; who is in no group never had a reason.
expect_exit 0 "${run[@]}" --store store "${masks[@]}" --since current
expect_json last.out copied 90
expect_lists "${masks[@]}"
expect_exit 0 "${run[@]}" --store store "${others[@]}" --since current
expect_json last.out copied 60
expect_said last "fetching .* MB: eligible$"
expect_lists "${others[@]}"
sed '2s/,de/,kids/' ug.csv >moved.csv # and one user moves to "kids"
expect_exit 0 "${run[@]}" --store store --deny deny.txt --groups other.jsonl --user-groups moved.csv --since current
expect_json last.out copied 89
expect_lists --deny deny.txt --groups other.jsonl --user-groups moved.csv
expect_exit 0 "${run[@]}" --store store --since current # without masks
expect_json last.out copied 0
expect_lists
cmp wanted.jsonl expected.jsonl || fail "a night without masks after nights with them has other lists"

# An interrupted night is not taken up with other masks. It has no workers, so that it cannot be over before.
start one nightjar-coordinator --insecure --bind 'tcp://127.0.0.1:*' --bundle night.njb --users users.txt "${settings[@]}" \
    --shard-users 8 --store second "${masks[@]}"
await "the night to begin" said one "listening on"
kill -9 "${pid[one]}"
expect_end one 137
expect_exit 78 "${run[@]}" --store second "${others[@]}" --resume
expect_said last "eligible, --deny or --groups changed"
expect_exit 78 "${run[@]}" --store second --deny deny.txt --groups groups.jsonl --user-groups moved.csv --resume
expect_said last "the users or --shard-users changed"
expect_exit 0 "${run[@]}" --store second "${masks[@]}" --resume
nightjar store export --store second --to jsonl 2>export.log >second.jsonl
nightjar decode --bundle night.njb --users users.txt "${settings[@]}" "${masks[@]}" 2>>setup.log | sort >wanted.jsonl
cmp second.jsonl wanted.jsonl || fail "the resumed night has other lists than decode"
