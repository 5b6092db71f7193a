# --missing-users carry where users have groups: as many as a group lacks may be its own, tonight and the next night. A group that lacks more
# is refused, as where --groups was forgotten.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 60
printf '{"group": "north", "deny": ["%s"]}\n' "$(sed -n 7p "$data/items.txt")" >groups.jsonl
awk 'BEGIN { print "user,group" } NR <= 30 { print $1 ",north" }' users.txt >user-groups.csv
run=(nightjar run --bundle night.njb "${settings[@]}" --workers 1 --audit-users 0 --gate-least 10 --store store --json)
groups=(--groups groups.jsonl --user-groups user-groups.csv)
expect_exit 0 "${run[@]}" --users users.txt "${groups[@]}"
sed 1,3d users.txt >fewer.txt
expect_exit 4 "${run[@]}" --users fewer.txt --missing-users carry
expect_said last "group north: users: 3, and 30 in the current generation"
expect_exit 3 "${run[@]}" --users fewer.txt --missing-users carry "${groups[@]}"
expect_json "store/$(cat store/CURRENT)/GROUPS.json" groups "[{'group': 'north', 'users': 30}]"
expect_exit 0 "${run[@]}" --users users.txt "${groups[@]}" # all of them are back
