# Users without a known item: the popular list, no row, or no night; and a store that existed is not touched by a night that fails.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 100
cold=$(awk 'NF == 1' users.txt | wc -l)
sed -i '50s/ .*//; 60s/ .*/ nothing-that-is-sold/' users.txt
cold=$((cold + 2))

for word in popular skip; do
    nightjar decode "${night[@]}" --cold-users $word 2>>setup.log | sort >expected.jsonl
    expect_exit 0 nightjar run "${night[@]}" --cold-users $word --store "$word" --workers 2 --shard-users 16 --json
    expect_rows "$word"
done
expect_json last.out rows $((100 - cold))
expect_json last.out skipped $cold
expect_exit 5 nightjar store get --store skip noor
expect_exit 0 nightjar store get --store popular noor
grep -q '"flags": \["cold"\]' last.out || fail "the cold user's row is not flagged: $(cat last.out)"

# fail: before anything is staged, in a new store and in one that is in use.
expect_exit 65 nightjar run "${night[@]}" --cold-users fail --store fresh --workers 1
expect_said last "noor"
[[ ! -e fresh/staging && ! -e fresh/CURRENT ]] || fail "a night that failed has begun a store"

snapshot() { # STORE: everything a reader could see
    (cd "$1" && find . -type f ! -name lock -print0 | sort -z | xargs -0 sha256sum)
}
snapshot skip >before
expect_exit 65 nightjar run "${night[@]}" --cold-users fail --store skip --workers 1
expect_exit 65 nightjar run --bundle night.njb --users /dev/null "${settings[@]}" --store skip --workers 1
printf 'a item-1\na item-2\n' >twice.txt
expect_exit 65 nightjar run --bundle night.njb --users twice.txt "${settings[@]}" --store skip --workers 1
head -c 100000 night.njb >cut.njb
expect_exit 65 nightjar run --bundle cut.njb --users users.txt "${settings[@]}" --store skip --workers 1
expect_exit 5 nightjar run --bundle none.njb --users users.txt "${settings[@]}" --store skip --workers 1
expect_exit 2 nightjar run "${night[@]}" --store skip --workers 0
expect_exit 2 nightjar run "${night[@]}" --store skip --shard-users 0
expect_exit 2 nightjar run "${night[@]}" --store skip --lease-ms 10
snapshot skip >after
cmp before after || fail "a night that failed has touched the store"
# One that fails after it began: the workers cannot do what the plan wants. The readers' files stay as they are.
expect_exit 78 nightjar run "${night[@]}" --store skip --workers 2 --kernels openblas --numeric-class exact
[[ ! -e skip/staging ]] || fail "a night that came to nothing is in the way of the next"
snapshot skip >after
cmp before after || fail "a night that failed has touched what readers see"
