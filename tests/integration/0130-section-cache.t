# Sections travel once: a second night on the same bundle fetches nothing, a changed catalogue fetches what changed, and a damaged
# file in the cache is noticed and fetched again.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 60
one_night() { # NAME BUNDLE
    start "$1" nightjar run --bundle "$2" --users users.txt "${settings[@]}" --store "$1-store" --workers 1 --cache cache
    expect_end "$1" 0
}

one_night first night.njb
expect_said first "bundle: 7 sections of .* MB; fetching .* MB: .*weights"
one_night again night.njb
expect_said again "bundle: 7 sections of .* MB, all in the cache"
expect_not_said again "fetching"

# A day later one item is called something else.
sed '100s/$/-renamed/' "$data/items.txt" >items.txt
nightjar catalogue import --sids "$data/sids.npy" --codes-per-level 16 --token-base 2 --ids items.txt --out cat2 >>setup.out 2>>setup.log
nightjar bundle pack --model "$data/model" --catalogue cat2 --histories "$data/histories.txt" --out night2.njb >>setup.out 2>>setup.log
one_night changed night2.njb
expect_said changed "bundle: 7 sections of .* MB; fetching .* MB: .*items"
expect_not_said changed "fetching.*weights"
expect_not_said changed "fetching.*trie"
expect_not_said changed "fetching.*sids"

# Damage: a flipped byte, a file cut short, an empty one. The rows do not suffer.
weights=$(find cache -type f -size +100k)
[[ $(wc -w <<<"$weights") -eq 1 ]] || fail "the cache has other large files than the weights: $weights"
printf '\125' | dd of="$weights" bs=1 seek=100000 conv=notrunc status=none
one_night flipped night.njb
expect_said flipped "$weights.* is damaged: it is fetched again"
expect_said flipped "fetching 0.7 MB: weights$"
expect_rows flipped-store
truncate -s 1000 "$weights"
one_night short night.njb
expect_said short "fetching 0.7 MB: weights$"
: >"$weights"
one_night empty night.njb
expect_said empty "fetching 0.7 MB: weights$"
expect_rows empty-store
one_night healed night.njb
expect_not_said healed "fetching"
[[ -z $(find cache -name '*.tmp.*') ]] || fail "drafts stay in the cache: $(find cache -name '*.tmp.*')"
[[ $(stat -c %a cache) == 700 ]] || fail "the cache folder has mode $(stat -c %a cache)"

# A cache that cannot be: refused before anything is asked of the coordinator, with the path.
make_keys server worker
keys=(--server-key server.key.pub --key worker.key)
expect_exit 65 nightjar-worker --connect tcp://127.0.0.1:1 "${keys[@]}" --cache users.txt/cache
expect_said last "users.txt: is not a folder"
expect_exit 74 nightjar-worker --connect tcp://127.0.0.1:1 "${keys[@]}" --cache /proc/nightjar
expect_said last "/proc/nightjar"
# One that fills up while a section is written; `nightjar run` passes the worker's exit code on.
full_disk() {
    ulimit -f 300 # blocks of 1024 bytes: the weights do not fit, the store's first map does
    trap '' XFSZ
    exec nightjar-worker "$@"
}
cp worker.key.pub allowed
start_coordinator coordinator "tcp://127.0.0.1:*" full-store
where=$(endpoint coordinator)
start full full_disk --connect "$where" "${keys[@]}" --cache full-cache
expect_end full 74
expect_said full "full-cache/.*: cannot write"
start_worker sound "$where"
expect_end coordinator 0
expect_end sound 0
expect_rows full-store
