# Who has not the right key is not welcomed: it gives up with exit 75 when its patience ends. Encryption is off only on purpose.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 60
make_keys server worker unknown wrong
cp worker.key.pub allowed
patience=(--cache strangers --give-up-ms 2000)

start_coordinator coordinator "tcp://127.0.0.1:*" store
where=$(endpoint coordinator)
start unknown nightjar-worker --connect "$where" --server-key server.key.pub --key unknown.key "${patience[@]}"
start misled nightjar-worker --connect "$where" --server-key wrong.key.pub --key worker.key "${patience[@]}"
start plain nightjar-worker --connect "$where" --insecure "${patience[@]}"
start open nightjar-coordinator --bind "tcp://127.0.0.1:*" --insecure "${night[@]}" "${shards[@]}" --store open-store --json
open_at=$(endpoint open)
start careful nightjar-worker --connect "$open_at" --server-key server.key.pub --key worker.key "${patience[@]}"

for stranger in unknown misled plain careful; do
    expect_end $stranger 75
    expect_said $stranger "no coordinator took this worker for 2000 ms"
    expect_not_said $stranger "bundle:"
done
[[ $(committed store) -eq 0 && $(committed open-store) -eq 0 ]] || fail "a stranger has computed a shard"
[[ -z $(ls -A strangers) ]] || fail "a stranger has fetched a section"
expect_not_said coordinator "joins"
expect_said coordinator "127.0.0.1 is not let in: its public key \"$(head -c 40 unknown.key.pub | sed 's/[][\\.*^$(){}?+|]/\\&/g')\" is not in the list"

# The nights are not the worse for it.
start_worker one "$where"
start bare nightjar-worker --connect "$open_at" --insecure --cache cache
expect_end coordinator 0
expect_end one 0
expect_end open 0
expect_end bare 0
expect_rows store
expect_rows open-store
expect_said open "without encryption"

# A secret key that others may read is refused by both programs, and half of the keys is a wrong command line.
chmod 640 worker.key server.key
expect_exit 78 nightjar-worker --connect "$where" --server-key server.key.pub --key worker.key
expect_said last "worker.key: mode 640 lets others at a secret key: chmod 600"
expect_exit 78 nightjar-coordinator --bind "tcp://127.0.0.1:*" --key server.key --workers allowed "${night[@]}" --store refused
expect_said last "server.key: mode 640"
chmod 600 worker.key server.key
expect_exit 2 nightjar-worker --connect "$where" --key worker.key
expect_exit 2 nightjar-worker --connect "$where" --insecure --key worker.key --server-key server.key.pub
expect_exit 2 nightjar-coordinator --bind "tcp://127.0.0.1:*" --key server.key "${night[@]}" --store refused
expect_exit 2 nightjar-coordinator --bind "tcp://127.0.0.1:*" --insecure --workers allowed "${night[@]}" --store refused
expect_exit 65 nightjar-worker --connect "$where" --server-key cat/items.txt --key worker.key
[[ ! -e refused ]] || fail "a refused coordinator has made a store"
