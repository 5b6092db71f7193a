# A whole night whose process is killed within and between its phases: `--resume` goes on, makes nothing twice that was made, and the
# store is that of a night that nobody disturbed.
. "$(dirname "${BASH_SOURCE[0]}")/../fault/lib.sh"
need_failpoints
make_whole_night 40
make_expected one cat emb1.npy ids1.txt
make_expected two cat.one emb2.npy ids2.txt
first=("${whole[@]}" --embeddings emb1.npy --ids ids1.txt --shard-users 8)
second=("${whole[@]}" --embeddings emb2.npy --ids ids2.txt --shard-users 8)
expect_exit 0 "${first[@]}" --store undisturbed
expect_no_drafts() { # STORE
    ! compgen -G "$1/night/.draft-*" >/dev/null || fail "$1 keeps a draft"
}

# What is whole when a process is killed there, in the second night: 0 nothing, 1 the catalogue, 2 the bundle too, 3 the generation too.
# The phases' points are hit once a phase: by the catalogue, the bundle, and at the end by what notes the users' phase.
points=(
    catalogue.drafted=kill:0 catalogue.placed=kill:0 file.renamed=kill@3:0
    phase.drafted=kill@1:0 phase.exchanged=kill@1:1 phase.placed=kill@1:1
    phase.drafted=kill@2:1 phase.exchanged=kill@2:2 phase.placed=kill@2:2
    staging.created=kill:2 commit.done=kill@2:2 publish.due=kill:2 publish.done=kill:2
    phase.drafted=kill@3:2 phase.exchanged=kill@3:3 phase.placed=kill@3:3 remove.renamed=kill:3 remove.done=kill:3
)
for point in "${points[@]}"; do
    rm -rf store
    cp -r undisturbed store
    NJ_FAILPOINT=${point%:*} expect_exit 137 "${second[@]}" --store store
    expect_exit 0 nightjar store verify --store store
    expect_exit 0 "${second[@]}" --store store --resume
    whole_phases=${point##*:}
    if [[ $whole_phases -lt 1 ]]; then expect_said last 'catalogue: refreshing'; else expect_said last 'catalogue: skipped'; fi
    if [[ $whole_phases -lt 2 ]]; then expect_said last 'bundle: packing'; else expect_said last 'bundle: skipped'; fi
    expect_rows store two.jsonl
    expect_generations store 2
    expect_no_drafts store
    cmp cat.two/sids.npy store/night/catalogue/catalogue/sids.npy >&2 || fail "$point: other SIDs"
    expect_exit 0 "${second[@]}" --store store
    expect_said last 'users: skipped'
done

# A night that was interrupted among its users keeps what it was begun with: other items must not take it away.
rm -rf store
cp -r undisturbed store
NJ_FAILPOINT=commit.done=kill@2 expect_exit 137 "${second[@]}" --store store
before=$(find store/night -type f ! -name lock -exec sha256sum {} + | sort)
expect_exit 75 "${second[@]}" --store store
expect_exit 78 "${first[@]}" --store store --resume
expect_said last 'the interrupted night was begun with another catalogue \(embeddings\)'
[[ $(find store/night -type f ! -name lock -exec sha256sum {} + | sort) == "$before" ]] || fail "a refused resume changes phases"
expect_exit 0 "${second[@]}" --store store --resume
expect_rows store two.jsonl

# A delta night that is killed among its users finds the bundle of before again, and copies the same rows. What it copies, and that it keeps
# traces, need not be said again.
delta_resumed=("${whole[@]}" --beam 6 --top 6 --shard-users 8 --json --store delta)
delta=("${delta_resumed[@]}" --since current)
expect_exit 0 "${delta[@]}" --embeddings emb1.npy --ids ids1.txt
NJ_FAILPOINT=commit.done=kill@2 expect_exit 137 "${delta[@]}" --embeddings corner.npy --ids corner.txt
expect_exit 0 "${delta_resumed[@]}" --embeddings corner.npy --ids corner.txt --resume
expect_said last '28 items came, 28 went'
[[ $(json_of last.out copied) -ge 3 ]] || fail "nobody was copied"

# Two nights that are given up: what is kept is still the bundle of the generation that is there, not that of the first of them.
for items in emb1.npy:ids1.txt emb2.npy:ids2.txt; do
    NJ_FAILPOINT=commit.done=kill@2 expect_exit 137 "${delta[@]}" --embeddings "${items%:*}" --ids "${items#*:}"
    rm -r delta/staging
done
expect_exit 0 "${delta[@]}" --embeddings emb1.npy --ids ids1.txt
expect_said last 'since: the catalogue has changed since .*: 28 items came, 28 went'
[[ $(json_of last.out copied) -ge 3 ]] || fail "nobody was copied behind nights that were given up"
