# A value that an option cannot have is named with its limits, before anything is read.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

refuse() { # TEXT OPTION...
    local text=$1
    shift
    expect_exit 2 "$text" -- nightjar decode --bundle missing.njb --users missing.txt "$@"
}

for value in 0 -1 1e9 1000000000 100001 abc '' ' 5' 5x 0x10 99999999999999999999; do
    refuse "--beam is \"$value\", must be a whole number from 1 to 100000" --beam "$value"
done
for value in 0 1001 -5 nan; do
    refuse "--top is \"$value\", must be a whole number from 1 to 1000" --top "$value"
done
for value in nan inf -inf 0 -1 1e9 1x ''; do
    refuse "--temperature is \"$value\", must be a number from 0.001 to 1000" --temperature "$value"
done
refuse '--history is "-1", must be a whole number from 0 to 1000000' --history -1
refuse '--batch is "0", must be a whole number from 1 to 256' --batch 0
refuse '--batch is "257"' --batch 257
refuse 'kernels "bogus" are not known; known are auto, ref' --kernels bogus
refuse '--cold-users is "warm", must be popular, skip or fail' --cold-users warm
for flag in keep-history renormalise sids; do
    refuse "--$flag is \"maybe\", must be true or false" --$flag=maybe
done
expect_exit 2 '"xml" is not a form of histories: sequence, jsonl, csv, inter or parquet' -- decode users.txt --format xml

# The limits themselves.
for option in --beam=1 --beam=100000 --top=1000 --history=1000000 --batch=256 --temperature=0.001 --temperature=1000; do
    expect_exit 0 '' -- decode users.txt "$option"
    stdout_lines 20
done

expect_exit 2 '--workers is "0", must be a whole number from 1 to 1024' -- \
    nightjar run --bundle b.njb --users users.txt --store store --workers 0
expect_exit 2 'kernels "bogus" are not known' -- \
    nightjar run --bundle b.njb --users users.txt --store store --kernels bogus
expect_exit 2 '--shard-users is "1e9"' -- nightjar run --bundle b.njb --users users.txt --store store --shard-users 1e9
expect_absent store
for value in 0 1, , x 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17; do
    expect_exit 2 "--beams is \"$value\", must be at most 16 numbers" -- nightjar bench engine --beams "$value"
done
expect_exit 2 '--before is "1,x", must be at most 1024 numbers from 0 to' -- \
    nightjar bundle pack --model "$data/model" --catalogue cat --out c.njb --before 1,x
expect_exit 2 '--user-tokens is "5", must be FIRST,COUNT' -- \
    nightjar bundle pack --model "$data/model" --catalogue cat --out c.njb --user-tokens 5
expect_exit 2 '--history-max is "100001"' -- \
    nightjar bundle pack --model "$data/model" --catalogue cat --out c.njb --history-max 100001
expect_exit 2 '--to is "tsv", must be one of jsonl|csv|resp|parquet|delta' -- nightjar store export --store store --to tsv
expect_absent c.njb
done_testing
