# `nightjar baseline` writes the lists that its methods' definitions say, from nothing that is held out, and `eval` takes them.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
items=$data/items.txt
{
    sed -n 1,200p "$data/histories.txt"
    printf 'one-item kettle-01\nodd no-such-item kettle-03 kettle-04 gone kettle-01\n'
} >some.txt
baseline=(nightjar baseline --ids "$items" --users some.txt --threads 2)

# Not a power of two anywhere: sums of equal weights in another order could differ in their last bit, and swap two equal items.
agrees() { # METHOD TARGET masked|kept TOP SETTING...
    local method=$1 target=$2 mask=$3 top=$4 flags=() setting
    shift 4
    for setting; do
        flags+=("--${setting%=*}" "${setting#*=}")
    done
    if [[ $mask == masked ]]; then
        flags+=(--mask-history)
    fi
    expect_exit 0 "$method: " -- "${baseline[@]}" "$method" --target "$target" --top "$top" --out lists.jsonl "${flags[@]}"
    check "... and its lists are those of plain sums" \
        python3 -m baselines "$method" "$target" "$mask" "$top" "$items" some.txt lists.jsonl "$@"
}

agrees popularity test kept 10
agrees popularity none masked 7
agrees co-visitation test kept 10 distance=0 back=0.5 fading=0.5 neighbours=200
agrees co-visitation validation masked 20 distance=1 back=0 fading=0.25 neighbours=5
agrees item-knn test masked 10 shrink=3 fading=0.5 neighbours=200
agrees item-knn validation kept 10 shrink=0 fading=1 neighbours=3

# What eval makes of them.
expect_exit 0 '' -- "${baseline[@]}" co-visitation --top 20 --out lists.jsonl --json
stdout_has '"method": "co-visitation"'
stdout_is_json
expect_exit 0 '' -- nightjar eval --bundle b.njb --users some.txt --lists lists.jsonl --top 20 --json
check '... and they name held-out items' python3 -c '
import json
model = json.load(open("out"))["models"][0]
assert model["invalid"] == 0 and model["recall@10"] > 0.1, model'
expect_exit 65 'validation' -- nightjar eval --bundle b.njb --users some.txt --target validation --lists lists.jsonl

# The same bytes on any number of threads, and on standard output; other futures change nothing.
cp lists.jsonl first.jsonl
expect_exit 0 '' -- "${baseline[@]}" co-visitation --top 20 --out - --threads 1
check '... and the lists are the same' cmp -s out first.jsonl
awk '{ $NF = "skillet-02"; print }' some.txt >future.txt
expect_exit 0 '' -- "${baseline[@]}" co-visitation --top 20 --users future.txt --out -
check '... and no list depends on the held-out items' cmp -s out first.jsonl

# A split by time: training ends there.
printf 'user,item,timestamp\n' >events.csv
awk '{ for (i = 2; i <= NF; i++) print $1 "," $i "," i }' some.txt >>events.csv
expect_exit 0 '' -- "${baseline[@]}" popularity --users events.csv --split time --from 4 --top 5 --out timed.jsonl
check '... and says so in every line' test "$(grep -c '"held_out": "from 4"' timed.jsonl)" -eq "$(wc -l <timed.jsonl)"

# Clear words.
expect_exit 2 'must be popularity, co-visitation, item-knn or sasrec' -- "${baseline[@]}" best --out x
expect_exit 2 '--shrink is nothing that co-visitation has' -- "${baseline[@]}" co-visitation --shrink 1 --out x
expect_exit 2 '--model goes with the method sasrec' -- "${baseline[@]}" popularity --model m --out x
expect_exit 2 '--model goes with the method sasrec' -- "${baseline[@]}" sasrec --out x
expect_exit 2 '--fading is "0"' -- "${baseline[@]}" item-knn --fading 0 --out x
expect_exit 2 '--top is "10001"' -- "${baseline[@]}" popularity --top 10001 --out x
printf 'a kettle-01\nb\n' >short.txt
expect_exit 0 '1 users have no item to hold out' -- "${baseline[@]}" popularity --users short.txt --out short.jsonl
printf 'b\n' >short.txt
expect_exit 65 'short.txt: no list to make: 1 users have no item to hold out' -- \
    "${baseline[@]}" popularity --users short.txt --out x
expect_exit 5 'no-ids.txt' -- "${baseline[@]}" popularity --ids no-ids.txt --out x
expect_absent x
cp first.jsonl kept.jsonl
before=$(digest_of kept.jsonl)
expect_exit 74 'file.synced' -- env NJ_FAILPOINT=file.synced=fail "${baseline[@]}" popularity --out kept.jsonl
expect_untouched kept.jsonl "$before"
done_testing
