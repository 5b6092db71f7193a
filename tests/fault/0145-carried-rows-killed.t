# A coordinator that carries rows over at the deadline is killed wherever it can be. Who resumes the night with the same words gets the same
# generation: what is carried stays carried, and everybody is in it once.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
make_fleet 40
sed -i '2~9d' users.txt # users of the second night whom the first does not have
expect_exit 0 nightjar run "${night[@]}" --workers 1 --store base --audit-users 0
head -n 40 "$data/histories.txt" >users.txt
late=(--deadline 1s --on-deadline carry --carry-max 100 --quarantine-max 5)
alone=(nightjar-coordinator --bind "tcp://127.0.0.1:*" --insecure "${night[@]}" --shard-users 8 "${late[@]}")
cp -a base whole
expect_exit 3 "${alone[@]}" --store whole --json
expect_json last.out carried 35
expect_json last.out quarantined 5
nightjar store export --store whole --to jsonl >whole.jsonl 2>export.log

resumed=0
kill_at() { # POINT HIT
    local store="$1@$2"
    cp -a base "$store"
    NJ_FAILPOINT="$1=kill@$2" start "$store" "${alone[@]}" --store "$store"
    expect_end "$store" 137
    expect_valid "$store"
    [[ ! -d $store/staging ]] || resumed=$((resumed + 1))
    # At once: the deadline has passed.
    expect_exit 3 "${alone[@]}" --store "$store" --resume --json
    expect_json last.out carried 35
    expect_json last.out quarantined 5
    nightjar store export --store "$store" --to jsonl 2>export.log | cmp - whole.jsonl >&2 || fail "$store has other lists"
    expect_valid "$store"
    expect_listed "$store" reader-0008 reader-0035
    [[ ! -e $store/staging && -z $(find "$store" -maxdepth 1 -name '.draft-*') ]] || fail "$store has leftovers: $(ls -A "$store")"
}

for point in $(failpoints DEADLINE) commit.rows commit.done pack.due; do
    kill_at "$point" 1
done
kill_at carry.staged 6
[[ $resumed -eq 6 ]] || fail "$resumed nights were resumed: not 6"

# A step that fails once is made again, or ends the night with 74; either way the next try ends it.
cp -a base failed
code=0
NJ_FAILPOINT=commit.put=fail@1 timeout 60 "${alone[@]}" --store failed >failed.out 2>failed.log || code=$?
[[ $code -eq 3 ]] || fail "a commit that failed once ended the night with $code"
nightjar store export --store failed --to jsonl 2>export.log | cmp - whole.jsonl >&2 || fail "another generation"
