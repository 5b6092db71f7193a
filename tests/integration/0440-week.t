# A week of nights of a synthetic shop: users and items come, go and change; one night is late, one partial, one wrong. After each night
# week_check.py counts again what the store says, and a second store has the same bytes by deltas alone.
# $WEEK_USERS: how many users (the soak has more than gates judge by default). $WEEK_KEEP: a folder that gets the reports of the week.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export PYTHONDONTWRITEBYTECODE=1
PATH=$bin:$(dirname "$(python3 -c 'import sys; print(sys.executable)')"):$PATH # itself, not a wrapper: it is started a hundred times
here=$source_dir/tests/integration
users=${WEEK_USERS:-160}
least=()
((users >= 2000)) || least=(--gate-least $((users / 2)))
WAIT_S=${WEEK_WAIT_S:-60}
python3 "$here/week.py" make week "$users" 20261122
nightjar catalogue assign --embeddings week/mon/emb.npy --ids week/mon/ids.txt --codebooks week/books.npy --no-suffix --out cat \
    >setup.out 2>setup.log

declare -A number=([mon]=13 [tue]=14 [wed]=15 [thu]=16 [fri]=17 [sat]=18 [sun]=19) before=([tue]=mon [wed]=tue [thu]=wed [fri]=thu [sat]=fri [sun]=sat)
as_of() { # DAY: three in the morning
    printf '2024-05-%dT03:00' "${number[$1]}"
}

use() { # DAY: `night` is the command for what has arrived by then, `facts` what the coordinator takes of it, `undated` as of now
    local from=week/$1
    facts=(--groups "$from/groups.jsonl" --user-groups "$from/user-groups.csv" --beam 16 --top 10 --reserve 6 --trace --store store --since current
        --gate-event-age 24h --valid-for 30h --controls 50% --json "${least[@]}")
    undated=(nightjar run --catalogue cat --model "$data/model" --embeddings "$from/emb.npy" --ids "$from/ids.txt" "${facts[@]}")
    facts+=(--as-of "$(as_of "$1")")
    night=("${undated[@]}" --as-of "$(as_of "$1")")
}

tree() { # one number for all stores and the feed: names and bytes. store/night is the catalogue at work, which no reader sees
    local places=()
    for place in store copy feed other; do
        [[ ! -e $place ]] || places+=("$place")
    done
    {
        find "${places[@]}" -path store/night -prune -o ! -name lock -print | sort
        find "${places[@]}" -path store/night -prune -o -type f ! -name lock -print0 | sort -z | xargs -0 sha256sum
    } | sha256sum
}

expect_nothing_changed() { # EXIT WORDS COMMAND...
    local code=$1 words=$2 was
    shift 2
    was=$(tree)
    expect_exit "$code" "$@"
    expect_said last "$words"
    [[ $(tree) == "$was" ]] || fail "something has changed: $*"
}

check() { # WHAT...
    python3 "$here/week_check.py" "$@" >>week.log 2>check.log || fail "$* after $day: $(tail -n 3 check.log)"
}

night_is_over() { # DAY [EVENTS]: the store holds, and so does its copy. Names that are in the notes are never any others.
    day=$1
    cp last.out "$day.json"
    check night week "$day" "$day.json" "${@:2}"
    follow
}

follow() { # by deltas alone the copy comes to what CURRENT names
    expect_exit 0 nightjar store export --store store --feed feed
    expect_exit 0 nightjar store apply --store copy feed
    check copy copy
}

grade_yesterday() { # DAY: what users have done since, and what the report says of it
    local yesterday=${before[$1]}
    expect_exit 0 nightjar grade --store store --events "week/$1/events.csv" --from "2024-05-${number[$yesterday]}" --keep --json
    cp last.out grade.json
    check grade week "$yesterday" grade.json
}

# ---- Monday: the first night decodes everybody ----
use mon
expect_exit 0 "${night[@]}" --users week/mon/events.csv
expect_json last.out copied 0
night_is_over mon

# ---- Tuesday: who has not changed is copied ----
use tue
grade_yesterday tue
expect_exit 0 "${night[@]}" --users week/tue/events.csv
night_is_over tue
(($(json_of tue.json copied) > users / 2)) || fail "hardly anybody is copied: $(json_of tue.json copied)"

# ---- Wednesday: items come and go; events of the day before are late, and then they are there ----
use wed
expect_nothing_changed 75 "tonight's input is late" "${night[@]}" --users week/tue/events.csv
grade_yesterday wed
expect_exit 0 "${night[@]}" --users week/wed/events.csv
night_is_over wed
(($(json_of wed.json copied) > 0)) || fail "nobody is copied over the refresh"

# ---- Thursday: half of the users are missing; then all are there. Two workers of their own behind a coordinator ----
use thu
grade_yesterday thu
awk -F, 'NR == 1 || $1 ~ /[02468]$/' week/thu/events.csv >partial.csv
expect_nothing_changed 4 "fewer; --gate-users allows 2 %" "${night[@]}" --users partial.csv
expect_nothing_changed 4 "are not in tonight's input, .* % of all; --carry-max is 10 %" "${night[@]}" --users partial.csv --missing-users carry
expect_exit 3 "${night[@]}" --users partial.csv --missing-users carry --carry-max 60
night_is_over thu partial.csv
(($(json_of thu.json carried) > users / 3)) || fail "hardly anybody is carried over: $(json_of thu.json carried)"
make_keys server worker
cp worker.key.pub allowed
cp store/night/bundle/night.njb thu.njb
coordinator=(nightjar-coordinator --bind 'tcp://127.0.0.1:*' --key server.key --workers allowed --bundle thu.njb "${facts[@]}" --shard-users 16)
expect_nothing_changed 4 "fewer; --gate-users allows 2 %" "${coordinator[@]}" --users partial.csv
start thursday "${coordinator[@]}" --users week/thu/events.csv
for worker in one two; do
    start "$worker" nightjar-worker --connect "$(endpoint thursday)" --server-key server.key.pub --key worker.key --cache cache
done
expect_end thursday 0
cp thursday.out last.out
night_is_over thu

# ---- Friday: another shop's items, then a model that has learned something else; then the right ones ----
use fri
grade_yesterday fri
expect_nothing_changed 4 "items that the catalogue does not know: " "${night[@]}" --users week/wrong.csv
expect_said last "users none of whose items it knows: "
expect_nothing_changed 4 "items that may be recommended: 520, and 551 in the current generation" \
    "${night[@]}" --embeddings week/short/emb.npy --ids week/short/ids.txt --users week/fri/events.csv --gate-least 100
python3 "$here/week.py" scramble scrambled
expect_held() { # WORDS COMMAND...: a generation is packed and verified, and nobody reads it
    local words=$1 was
    shift
    was=$(cat store/CURRENT)
    expect_exit 4 "$@"
    expect_said last "is packed and verified, and not published; a gate does not hold: $words"
    [[ $(cat store/CURRENT) == "$was" ]] || fail "CURRENT names what a gate has held back"
    held=$(json_of last.out held)
    cp last.out held.json
    expect_exit 0 nightjar store verify --store store --gen "$held"
    check note "$held" held
}
expect_held "first 10 places as in the current generation" "${night[@]}" --model scrambled --users week/fri/events.csv --gate-overlap 50
echo "$held" >held.fri
expect_exit 0 "${night[@]}" --users week/fri/events.csv --gate-overlap 50
night_is_over fri

# ---- Saturday: the only worker stops answering. At the deadline who is not done keeps the row of Friday ----
use sat
grade_yesterday sat
start saturday "${night[@]}" --users week/sat/events.csv --workers 1 "${slow[@]}" --shard-users 4 --deadline 5s --on-deadline carry \
    --carry-max 90 --quarantine-max "$((users / 50))"
await_committed store 2
kill -STOP "$(worker_of saturday 1)"
expect_end saturday 3
cp saturday.out last.out
night_is_over sat
check audit
(($(json_of sat.json carried) > 0)) || fail "nobody is carried over"
grep -q "^sat: .*'refilled': [1-9]" week.log || fail "no carried list has changed: the test shows nothing of the reserve"

# ---- The whole night again, by other workers: its lists are seen through a channel first, then by all, then taken back, then they stay ----
fri=$(cat store/CURRENT)
expect_held "first 10 places as in the current generation" "${night[@]}" --users week/sat/events.csv --gate-overlap 99
cp held.json sat.json
sat=$held
expect_exit 0 nightjar store publish --store store --channel canary "$sat"
expect_names() { # CHANNEL GENERATION
    local file=store/CHANNELS/$1
    [[ $1 != current ]] || file=store/CURRENT
    [[ $(cat "$file") == "$2" ]] || fail "$1 names $(cat "$file"), should be $2"
}
expect_names current "$fri"
expect_names canary "$sat"
expect_exit 0 nightjar store diff --store store --from current --to canary
expect_exit 0 nightjar store promote --store store canary
expect_names current "$sat"
cp sat.json last.out
night_is_over sat
expect_exit 0 nightjar store rollback --store store
expect_names current "$fri"
expect_names canary "$sat"
follow
expect_exit 0 nightjar store promote --store store canary
follow
expect_names current "$sat"
expect_exit 0 nightjar store drop --store store canary
[[ ! -e store/CHANNELS/canary ]] || fail "there is a canary still"

# ---- what is refused, and changes nothing: deadlines of yesterday, channels that are not there, events of tomorrow, foreign deltas ----
for deadline in 2024-05-18T05:00 -5m 0s 24:30; do
    expect_nothing_changed 2 "deadline is \"$deadline\", must be a time such as 05:00 \(the next one\)" \
        "${night[@]}" --users week/sat/events.csv --deadline "$deadline" --on-deadline carry
done
expect_nothing_changed 2 "on-deadline goes with --deadline" "${night[@]}" --users week/sat/events.csv --on-deadline carry
for command in "promote nobody" "drop nobody" "rollback --channel nobody" "diff --to nobody"; do
    read -ra words <<<"$command"
    expect_nothing_changed 5 'has no channel "nobody"' nightjar store "${words[@]}" --store store
done
expect_nothing_changed 65 "no channel's name" nightjar store publish --store store --channel No "$fri"
expect_nothing_changed 5 "no such generation" nightjar store publish --store store --channel canary gen-01ARZ3NDEKTSV4RRFFQ69G5FAV
sed '$s/,[0-9]*$/,4102444800/' week/sat/events.csv >tomorrow.csv
expect_nothing_changed 4 "h in the future" "${undated[@]}" --users tomorrow.csv
expect_nothing_changed 75 "has an event since" nightjar grade --store store --events week/sat/events.csv --from 2024-05-20 --keep
expect_nothing_changed 65 "" nightjar grade --store store --events thu.njb --from 2024-05-17 --format csv --keep
expect_exit 0 nightjar run --bundle thu.njb --users week/mon/events.csv --store other --workers 1
expect_exit 0 nightjar store export --store other --to delta
cp last.out foreign.delta
expect_nothing_changed 4 "is of store $(cat other/ID)" nightjar store apply --store copy foreign.delta
expect_nothing_changed 4 "is a feed of store $(cat store/ID)" nightjar store export --store other --feed feed
expect_nothing_changed 4 "resync" nightjar store apply --store other feed/0000000003.delta
head -c -1 feed/0000000003.delta >cut.delta
expect_nothing_changed 65 "cut.delta: delta segment" nightjar store apply --store copy cut.delta
check stays

# ---- Sunday: after a week of copies of copies the lists are those of a night that decodes everybody ----
expect_exit 0 nightjar store gc --store store --keep 2
[[ ! -e store/$(cat held.fri) ]] || fail "what Friday's gate held back is kept for nobody"
check removed
use sun
grade_yesterday sun
expect_exit 0 "${night[@]}" --users week/sun/events.csv
night_is_over sun
(($(json_of sun.json copied) > users / 2)) || fail "hardly anybody is copied: $(json_of sun.json copied)"
nightjar store export --store store 2>>setup.log >export.jsonl
nightjar decode --bundle store/night/bundle/night.njb --users week/sun/events.csv --beam 16 --top 10 --reserve 6 --trace \
    --groups week/sun/groups.jsonl --user-groups week/sun/user-groups.csv 2>>setup.log | sort >decoded.jsonl
lists export.jsonl | sort | cmp - decoded.jsonl >&2 || fail "the lists of Sunday are not those that decode gives"

[[ -z ${WEEK_KEEP:-} ]] || cp -r store/reports "$WEEK_KEEP"

# ---- Sunday, later: three users and an item are to be forgotten ----
check choose
echo nobody-here >>forget.users
printf 'a\n\nb\n' >bad.users
expect_nothing_changed 5 '1 of 5 ids are in no generation, the first is user "nobody-here"' \
    nightjar store scrub --store store --users forget.users --items forget.items --strict --drop-night
expect_nothing_changed 65 'bad.users: line 2: ' nightjar store scrub --store store --users bad.users
expect_nothing_changed 5 "no-feed" nightjar store scrub --store store --users forget.users --feed no-feed
sun=$(cat store/CURRENT)
cp -r "store/$sun" .
expect_exit 0 nightjar store scrub --store store --users forget.users --items forget.items --feed feed --drop-night --receipt receipt.json
expect_said last 'user "nobody-here" is in no generation'
check anew
check forgotten store
expect_exit 0 nightjar store apply --store copy feed # whose deletes name them
check copy copy
expect_exit 0 nightjar store scrub --store copy --users forget.users --items forget.items
check copy copy
expect_exit 0 nightjar store scrub --store store --users forget.users --items forget.items --feed feed
check stays
check forgotten store feed copy

# Nobody goes back to what it was before, also where somebody has put it back.
expect_nothing_changed 4 "$sun: SCRUBBED names it" nightjar store rollback --store store --to "$sun"
cp -r "$sun" store/
expect_nothing_changed 4 "$sun" nightjar store rollback --store store --to "$sun"
expect_nothing_changed 4 "$sun" nightjar store publish --store store "$sun"
expect_nothing_changed 4 "$sun" nightjar store publish --store store --channel canary "$sun"
rm -r "store/$sun"
scrubbed=$(cat store/CURRENT)
expect_exit 0 nightjar store rollback --store store
expect_exit 0 nightjar store publish --store store "$scrubbed"
check stays

# The next night reads them no more, and lists the item for nobody.
awk -F, 'NR == FNR { forgotten[$1]; next } !($1 in forgotten)' forget.users week/sun/events.csv >left.csv
expect_exit 0 "${night[@]}" --users left.csv --deny forget.items
follow
check forgotten feed

cat week.log
