# nightjar train t5: a model folder that packs and evaluates as training said, the same weights however often it is killed, and clear
# words where it cannot go on.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_catalogue
sed -n 4,123p "$data/histories.txt" >users.txt
train=(nightjar train t5 --catalogue cat --users users.txt --layers 1 --decoder-layers 1 --d-model 16 --heads 2 --d-kv 8 --d-ff 32
    --batch 64 --warmup 5 --rate 0.01 --beam 10 --history-max 6 --validate-every 1 --threads 2)
small=("${train[@]}" --epochs 3 --user-tokens 7 --after 1)

log_has() { # FOLDER PYTHON_EXPRESSION
    check "... and $1/training.json has $2" python3 -c 'import json, sys
log = json.load(open(sys.argv[1])); sys.exit(0 if eval(sys.argv[2]) else 1)' "$1/training.json" "$2"
}
same_model() { # FOLDER FOLDER
    check "... and the weights are those of $1" cmp -s "$1/model.safetensors" "$2/model.safetensors"
}
same_log() { # FOLDER FOLDER: but for how long it took
    check "... and so is what training.json says" \
        diff -q <(grep -v second "$1/training.json") <(grep -v second "$2/training.json")
}

# A whole training, and what others make of it.
expect_exit 0 'users have fewer than the 4 known items that make one' -- "${small[@]}" --out whole --json
stdout_is_json
expect_absent whole/checkpoint.nj
log_has whole 'log["finished"] and log["kind"] == "t5" and len(log["epochs"]) == 3'
log_has whole 'log["best"] == max(e["ndcg@10"] for e in log["epochs"])'
check '... and the page has its curves' grep -q '<svg' whole/report.html
check '... and config.json has the users as tokens behind the items' \
    grep -q '"user_token_base": 50' whole/config.json
check '... and room for them' grep -q '"vocab_size": 57' whole/config.json
nightjar bundle pack --model whole --catalogue cat --out whole.njb >out 2>err
expect_exit 0 '' -- nightjar eval --bundle whole.njb --users users.txt --target validation --beam 10 --top 10 --json
check '... and NDCG is what training said' python3 -c 'import json
best = json.load(open("whole/training.json"))["best"]
assert abs(json.load(open("out"))["models"][0]["ndcg@10"] - best) < 1e-9 and best > 0'
expect_exit 0 '' -- "${small[@]}" --threads 1 --quiet --out alone --users - < <(gzip -c users.txt) # read twice, so spooled
same_model whole alone
same_log whole alone
expect_exit 0 '' -- "${small[@]}" --out whole --resume
stdout_has 'complete since an earlier run'
expect_exit 78 'begun with rate 0.01, now it is 0.02' -- "${small[@]}" --out whole --resume --rate 0.02
cp -r whole again
expect_exit 65 'again: has a model whose training is complete; --overwrite would train another' -- "${small[@]}" --out again
same_model whole again
expect_exit 0 '' -- "${small[@]}" --seed 2 --overwrite --quiet --out again
check '... and then another is there' test "$(digest_of again/model.safetensors)" != "$(digest_of whole/model.safetensors)"
expect_exit 2 'give one of them' -- "${small[@]}" --resume --overwrite --out again
expect_exit 0 '' -- "${small[@]}" --seed 1 --quiet --out other
check '... and another seed gives other weights' test "$(digest_of other/model.safetensors)" != "$(digest_of whole/model.safetensors)"

# Killed again and again, at checkpoints, models and logs: the same weights in the end.
deaths=0
for at in 3 9 10 22 11 4; do
    if NJ_FAILPOINT=file.synced=kill@$at "${small[@]}" --checkpoint-every 0 --resume --quiet --out killed >out 2>err; then
        break
    fi
    deaths=$((deaths + 1))
done
check "a training was killed $deaths times" test "$deaths" -eq 6
expect_exit 78 'killed/checkpoint.nj: the training was begun with beam 10, now it is 11' -- \
    "${small[@]}" --resume --beam 11 --out killed
cp users.txt kept.txt
echo 'somebody foxglove-01 kettle-01 foxglove-02 foxglove-03' >>users.txt
expect_exit 78 'killed/checkpoint.nj: the training was begun with users "' -- "${small[@]}" --resume --out killed
mv kept.txt users.txt
expect_exit 75 'go on with --resume' -- "${small[@]}" --out killed
expect_exit 0 '' -- "${small[@]}" --resume --quiet --out killed
same_model whole killed
same_log whole killed
check '... and nothing temporary is left' test -z "$(find killed -name '*.tmp*')"

rm killed/model.safetensors
expect_exit 65 'killed/model.safetensors is gone' -- "${small[@]}" --resume --out killed

# A disk that is full when a checkpoint, a model or a log is due.
for at in 14 17 20; do # a checkpoint, the weights, training.json
    rm -rf full
    expect_exit 74 'file.written: fails on purpose' -- env NJ_FAILPOINT=file.written=fail@$at "${small[@]}" --checkpoint-every 0 --quiet --out full
    check '... and a checkpoint is there' test -s full/checkpoint.nj
    expect_exit 0 '' -- "${small[@]}" --resume --quiet --out full
    same_model whole full
done
if can_mount; then
    expect_exit 74 'No space left on device' -- on_disk 60k "${small[@]}" --quiet --out disk/m
else
    skip "a small disk cannot be mounted here: $(head -n 1 mount.err)"
fi

# Time is up, or somebody says stop.
expect_exit 75 'the same command goes on with --resume' -- "${train[@]}" --epochs 100000 --patience 0 --time-limit 1 --quiet --out limited
check '... and a checkpoint is there' test -s limited/checkpoint.nj
"${train[@]}" --epochs 100000 --resume --checkpoint-every 0 --quiet --out stopped >stopped.out 2>stopped.err &
trained=$!
while [[ ! -s stopped/checkpoint.nj ]]; do
    sleep 0.05
done
expect_exit 75 'stopped' -- "${train[@]}" --epochs 100000 --resume --out stopped
stderr_has 'train'
kill -TERM "$trained"
code=0
wait "$trained" || code=$?
check 'SIGTERM ends a training with 143' test "$code" -eq 143
check '... and it says how to go on' grep -q 'ended by SIGTERM behind step .* goes on with --resume' stopped.err

# Early stopping; the best weights are kept and not the last.
expect_exit 0 '' -- "${train[@]}" --epochs 50 --rate 0 --patience 2 --quiet --out still
log_has still 'log["ended_by"] == "patience" and len(log["epochs"]) == 3 and log["best_epoch"] == 1'
expect_exit 0 '' -- "${train[@]}" --epochs 1000 --rate 0.05 --schedule constant --patience 3 --quiet --out wild
log_has wild 'log["ended_by"] == "patience" and log["best_epoch"] == len(log["epochs"]) - 3'
log_has wild 'log["best"] > max(e["ndcg@10"] for e in log["epochs"][-3:])'
nightjar bundle pack --model wild --catalogue cat --out wild.njb >out 2>err
nightjar eval --bundle wild.njb --users users.txt --target validation --beam 10 --top 10 --json >out 2>err
check '... and the model is that of the best epoch' python3 -c 'import json
assert abs(json.load(open("out"))["models"][0]["ndcg@10"] - json.load(open("wild/training.json"))["best"]) < 1e-9'
expect_exit 0 'the weights of the last epoch are kept' -- "${train[@]}" --epochs 1 --validate-every 0 --out blind
check '... and a model is there' test -s blind/model.safetensors
expect_exit 0 'nothing is validated' -- "${train[@]}" --epochs 1 --hold-out 0 --out all

expect_exit 0 '' -- "${train[@]}" --epochs 1 --hold-out 1 --quiet --out nearly
nightjar bundle pack --model nearly --catalogue cat --out nearly.njb >out 2>err
nightjar eval --bundle nearly.njb --users users.txt --beam 10 --top 10 --json >out 2>err
check '... and is judged by the last item' python3 -c 'import json
assert abs(json.load(open("out"))["models"][0]["ndcg@10"] - json.load(open("nearly/training.json"))["best"]) < 1e-9'

# A loss that is no number.
expect_exit 1 'try a lower rate' -- "${train[@]}" --epochs 3 --rate 1000 --clip 0 --warmup 0 --quiet --out broken
stderr_has 'of it, users "'

# What cannot be learned from.
printf 'a foxglove-01\nb kettle-01 kettle-02 kettle-01\nc\n' >short.txt
expect_exit 65 'short.txt: none of 3 users has the 4 known items' -- "${train[@]}" --users short.txt --out never
printf 'a one two three four\nb five\n' >unknown.txt
expect_exit 65 'knows none of the 5 items' -- "${train[@]}" --users unknown.txt --out never
{
    cat users.txt
    printf 'single foxglove-01\nnew nothing-01 foxglove-01 foxglove-02 foxglove-03 kettle-01 kettle-02\n'
} >mixed.txt
expect_exit 0 ' 1 unknown ones left out' -- "${train[@]}" --users mixed.txt --epochs 1 --out mixed
stderr_has '1 of them a single one'
printf 'a foxglove-01 foxglove-02 foxglove-03 kettle-01 gone kettle-02\n' >blind.txt
expect_exit 0 'nobody can be validated' -- "${train[@]}" --users blind.txt --epochs 1 --out unseen
expect_absent never
expect_exit 65 'standard input: holds no history' -- "${train[@]}" --users - --out never </dev/null
expect_exit 2 '--dropout is "1"' -- "${train[@]}" --dropout 1 --out never
expect_exit 2 '--activation is "silu"' -- "${train[@]}" --activation silu --out never
expect_exit 65 '"num_heads" 65536 times "d_kv" 65536' -- "${train[@]}" --heads 65536 --d-kv 65536 --out never
nightjar "${import[@]}" --token-base 0 --out zero >out 2>err
expect_exit 78 'zero: its tokens begin at 0' -- "${train[@]}" --catalogue zero --out never
expect_exit 65 'users.txt' -- "${train[@]}" --out users.txt
done_testing
