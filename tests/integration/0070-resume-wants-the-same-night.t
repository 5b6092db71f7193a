# --resume with other inputs than the interrupted night's is refused with exit 78 and what changed, and changes nothing; not even
# for a process that runs the night meanwhile.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 300
head -n 299 users.txt >fewer.txt
sed '5s/ [^ ]*$//' users.txt >shorter.txt # one history
nightjar catalogue import --sids "$data/sids.npy" --codes-per-level 16 --token-base 2 --ids "$data/items.txt" --out cat2 \
    >>setup.out 2>>setup.log
nightjar bundle pack --model "$data/model" --catalogue cat2 --out other.njb >>setup.out 2>>setup.log # no histories: no counts

start runs nightjar run "${night[@]}" "${slow[@]}" "${shards[@]}" --store store --workers 2 --json
await_committed store 3

inputs=(--bundle night.njb --users users.txt)
resume=(nightjar run --store store --workers 1 --resume)
expect_exit 78 "${resume[@]}" "${inputs[@]}" --shard-users 8 --beam 21 --top 10
expect_said last "the settings changed"
expect_exit 78 "${resume[@]}" "${inputs[@]}" --shard-users 8 --beam 20 --top 11
expect_said last "the settings changed"
expect_exit 78 "${resume[@]}" --bundle night.njb --users fewer.txt --shard-users 8 "${settings[@]}"
expect_said last "the users or --shard-users changed"
expect_exit 78 "${resume[@]}" --bundle night.njb --users shorter.txt --shard-users 8 "${settings[@]}"
expect_said last "the users or --shard-users changed"
expect_exit 78 "${resume[@]}" "${inputs[@]}" --shard-users 9 "${settings[@]}"
expect_said last "the users or --shard-users changed"
expect_exit 78 "${resume[@]}" --bundle other.njb --users users.txt --shard-users 8 "${settings[@]}"
expect_said last "the bundle changed"
expect_exit 78 "${resume[@]}" "${inputs[@]}" --shard-users 8 "${settings[@]}" --numeric-class openblas-Haswell
expect_said last 'numeric class "exact", not "openblas-Haswell"'

expect_middle store
expect_end runs 0 # the night itself went on
expect_json runs.out resumed_shards 0
expect_rows store
