# run --since: who is unchanged since a generation is copied from it, flagged; everybody else is decoded. Whoever is copied, lists and
# scores are those of a night that decodes all.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 200
run=(nightjar run --bundle night.njb "${settings[@]}" --workers 2 --shard-users 16 --json)
some_item=$(sed -n 7p "$data/items.txt")

# Rows without what tells a copy from its original: the flag "copied" and the age.
lists() { # FILE
    sed -E 's/, "age": [0-9]+//; s/, "copied"\]/]/; s/, "flags": \["copied"\]//' "$1"
}

# The store's current generation has the lists that a night that decodes all of USERS gives.
expect_lists() { # STORE USERS OPTION...
    local store=$1 users=$2
    shift 2
    nightjar decode --bundle night.njb --users "$users" "${settings[@]}" "$@" 2>>setup.log | sort >wanted.jsonl
    nightjar store export --store "$store" --to jsonl 2>export.log >export.jsonl
    lists export.jsonl >found.jsonl
    cmp found.jsonl wanted.jsonl >&2 || fail "$store has other lists than a night that decodes all"
    nightjar store verify --store "$store" >verify.out 2>&1 || fail "$store does not verify: $(cat verify.out)"
}

expect_copied() { # COUNT USERS
    expect_json last.out copied "$1"
    expect_json last.out rows "$2"
    nightjar store export --store store --to jsonl 2>export.log >export.jsonl
    [[ $(grep -c '"copied"' export.jsonl || true) -eq $1 ]] || fail "$(grep -c '"copied"' export.jsonl) rows are flagged, should be $1"
}

# In a new store there is nothing to copy from: all are decoded, and it says why.
expect_exit 0 "${run[@]}" --users users.txt --store store --since current
expect_said last "nothing has been published in store yet: every user is decoded"
expect_json last.out since_differs "no generation"
expect_copied 0 200
first=$(cat store/CURRENT)

# Nothing changed: all are copied, no worker is started, cold users among them.
expect_exit 0 "${run[@]}" --users users.txt --store store --since current
expect_not_said last "joins"
expect_json last.out since "$first"
expect_json last.out leases 0
expect_copied 200 200
expect_lists store users.txt
grep -q '"flags": \["cold", "copied"\], "age": 1' export.jsonl || fail "no cold user was copied"
nightjar store stat --store store --json 2>>setup.log >stat.json
expect_json stat.json since "$first"
expect_json stat.json copied_count 200
[[ ! -e store/staging ]] || fail "a staging area was left"

# One history grew, another has one more unknown item, one user went, one is new, a cold one is new: these alone are decoded.
sed -e "3s/\$/ $some_item/" -e '20s/$/ nothing-that-is-sold/' -e 50d users.txt >next.txt
printf 'zz-new %s\nzz-cold\n' "$some_item" >>next.txt
expect_exit 0 "${run[@]}" --users next.txt --store store --since current
expect_copied 197 201
expect_lists store next.txt
expect_exit 0 nightjar store get --store store "$(sed -n 3s/\ .*//p users.txt)"
! grep -q copied last.out || fail "a user whose history grew was copied"
expect_exit 5 nightjar store get --store store "$(sed -n 50s/\ .*//p users.txt)"

# Back to an older generation by name: the users of the first night.
expect_exit 0 "${run[@]}" --users users.txt --store store --since "$first"
expect_copied 200 200
grep -q '"age": 1}' export.jsonl || fail "a row copied from where it was decoded is not one night old"

# A row may be copied so many nights in a row, and is decoded then.
expect_exit 0 "${run[@]}" --users users.txt --store store --since current --max-age 2
expect_copied 200 200
expect_exit 0 "${run[@]}" --users users.txt --store store --since current --max-age 2
expect_copied 0 200
expect_exit 0 "${run[@]}" --users users.txt --store store --since current --max-age 2
expect_copied 200 200

# Flags are told of the lists that were decoded, and it says of how many.
cp users.txt colder.txt
echo zz-cold >>colder.txt
expect_exit 0 "${run[@]:0:${#run[@]}-1}" --users colder.txt --store store --since current
grep -qx "lists with flags, of 1 decoded now: 1 cold" last.out || fail "flags are told without what they are of"

# Other settings, another bundle: everybody is decoded, and both values are named.
expect_exit 0 "${run[@]}" --users users.txt --store store --since current --top 9
expect_said last "made with the settings \"beam 20, top 10, .*\", tonight's is \"beam 20, top 9,"
expect_json last.out since_differs settings
expect_copied 0 200
expect_lists store users.txt --top 9
head -n 150 "$data/histories.txt" >fewer.txt
nightjar bundle pack --model "$data/model" --catalogue cat --histories fewer.txt --out night.njb >>setup.out 2>>setup.log
expect_exit 0 "${run[@]}" --users users.txt --store store --since current --top 9
expect_json last.out since_differs bundle
expect_copied 0 200
current=$(cat store/CURRENT)

# What is named must be there and sound; otherwise nothing is begun.
expect_exit 5 "${run[@]}" --users users.txt --store store --since gen-01JD2K8Z6Q3V9W5X7Y1A4B8C2E
expect_exit 5 "${run[@]}" --users users.txt --store store --since yesterday
expect_exit 2 "${run[@]}" --users users.txt --store store --since current --max-age 0
printf x | dd of="store/$current/data.mdb" bs=1 seek=20000 conv=notrunc status=none
expect_exit 4 "${run[@]}" --users users.txt --store store --since current --top 9
expect_said last "--since current: .*its digest is"
[[ ! -e store/staging && $(cat store/CURRENT) == "$current" ]] || fail "a night that was refused has begun"
