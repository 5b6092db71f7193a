# A night of a language model: prompts with a template, two workers, the rows of `decode` and of one worker; what `bundle list` says of it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
model=$source_dir/tests/data/decoder-only/qwen2-yarn

# 200 items of three codes below 16: with the token base 2 they are the model's 50 tokens.
awk 'BEGIN { printf "{"
    for (i = 0; i < 200; i++)
        printf "%s\"%d\": [\"<a_%d>\", \"<b_%d>\", \"<c_%d>\"]", i ? ", " : "", i, i * 7 % 16, int(i / 16) % 16, (i * 5 + int(i / 16)) % 16
    print "}" }' >index.json
nightjar catalogue import --index-json index.json --codes-per-level 16,16,16 --token-base 2 --out cat >setup.out 2>setup.log ||
    nightjar catalogue import --index-json index.json --token-base 2 --out cat >setup.out 2>setup.log
awk 'BEGIN { for (u = 0; u < 120; u++) { printf "user-%d", u; for (i = 0; i <= u % 30; i++) printf " %d", (u * 31 + i * i * 17) % 200; print "" } }' >users.txt
echo '{"before": [1, 49, 7, 3], "between": [1], "after": [5, 6]}' >template.json
nightjar bundle pack --model "$model" --catalogue cat --template template.json --history-max 25 --out night.njb >>setup.out 2>>setup.log
[[ $(nightjar bundle list night.njb) == *'qwen2, 50 vocabulary, 512 positions'* ]] || fail "bundle list: $(nightjar bundle list night.njb)"

nightjar decode --bundle night.njb --users users.txt "${settings[@]}" >expected.jsonl 2>>setup.log
expect_exit 0 nightjar run --bundle night.njb --users users.txt --store store --workers 2 --shard-users 8 "${settings[@]}"
expect_exit 0 nightjar run --bundle night.njb --users users.txt --store other --workers 1 --batch 3 --shard-users 50 "${settings[@]}"
nightjar store export --store store --to jsonl | sort >rows.jsonl
sort expected.jsonl | cmp - rows.jsonl >&2 || fail 'the rows are not those of decode'
nightjar store export --store other --to jsonl | sort | cmp - rows.jsonl >&2 || fail 'the rows depend on the workers'

# int8: other scores, as every precision has its own, and the same on one worker and two.
expect_exit 0 nightjar run --bundle night.njb --users users.txt --store small --workers 2 --precision int8 "${settings[@]}"
nightjar store export --store small --to jsonl | sort >int8.jsonl
cmp -s int8.jsonl rows.jsonl && fail 'int8 gives the scores of float32'

# What does not fit the model is refused when the bundle is packed.
awk 'BEGIN { printf "{\"before\": [" ; for (i = 0; i < 510; i++) printf "%s1", i ? ", " : ""; print "]}" }' >long.json
expect_exit 78 nightjar bundle pack --model "$model" --catalogue cat --template long.json --out no.njb
expect_said last 'prompts of 513 tokens, the model has room for 510'
