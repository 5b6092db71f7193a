# Whatever is printed with --json, every line of lists and every document that is written is what schemas/json says; every command has a schema.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_store
python3 - <<'P'
from forge import *
import random
random.seed(5)
centres = [[random.uniform(-4, 4) for _ in range(6)] for _ in range(40)]
npy("E.npy", "<f4", (300, 6), floats([c + random.gauss(0, 0.4) for i in range(300) for c in centres[i % 40]]))
with open("ratings.item", "w") as out:
    out.write("item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n")
    out.writelines(f"{item}\tFilm {item} of shelf {item % 4}\t1990\tDrama\n" for item in range(1, 151))
with open("ratings.inter", "w") as out:
    out.write("user_id:token\titem_id:token\trating:float\ttimestamp:float\n")
    for user in range(1, 91):
        at = random.randrange(30)
        out.writelines(f"{user}\t{user % 4 + 4 * ((at + step) % 37) + 1}\t3\t{1000 + step}\n" for step in range(9))
P
mkdir ratings
mv ratings.item ratings/ml-100k.item
mv ratings.inter ratings/ml-100k.inter
items=$data/items.txt
documents=()

json() { # SCHEMA COMMAND...: runs it with --json and keeps what it prints
    local name=$1
    shift
    expect_exit 0 '' -- nightjar "$@" --json
    cp out "$name-${#documents[@]}.json"
    documents+=("$name" "$name-${#documents[@]}.json")
}
lines() { # SCHEMA COMMAND...: prints JSON lines
    json "$@"
    mv "${documents[-1]}" "${documents[-1]}l"
    documents[-1]+=l
}
json catalogue-import "${import[@]}" --out cat2
json catalogue-show catalogue show cat
json catalogue-check catalogue check cat
json catalogue-export catalogue export cat --to index-json --out index.json
json catalogue-fit catalogue fit --embeddings E.npy --levels 3 --codes 8 --collisions leaves --out fit
json catalogue-check catalogue check fit --embeddings E.npy --policies
json catalogue-assign catalogue assign --embeddings E.npy --codebooks fit --collisions leaves --out assigned
json catalogue-join catalogue join --embeddings E.npy --out joined.npy
json catalogue-refresh catalogue refresh --from cat --ids "$items" --dry-run
json catalogue-refresh catalogue refresh --from fit --ids fit/items.txt --embeddings E.npy --refit --out refit
json bundle-pack bundle pack --model "$data/model" --catalogue cat --out c.njb
json bundle-list bundle list c.njb
json bundle-verify bundle verify c.njb
json baseline baseline popularity --ids "$items" --users users.txt --out popular.jsonl
json eval eval --bundle b.njb --users users.txt
json eval eval --bundle b.njb --users users.txt --against popular.jsonl --per-user judged.jsonl
json policy-sweep policy sweep --bundle b.njb --users users.txt --against popular.jsonl --curves 'caps: fill.near=true'
json embed embed --items "$data/items.tsv" --quiet --dimensions 4 --out T.npy
json tokenize tokenize --tokenizer "$source_dir/tests/data/tokenizers/qwen2.json" --items "$data/items.tsv" --quiet --out T.jsonl
json embed embed --model "$source_dir/tests/data/sentence-encoder" --items "$data/items.tsv" --quiet --out M.npy
json keys keys --out key
json store-publish store publish "$generation" --store store
json store-rollback store rollback --to "$generation" --store store
json report report --store store
json store-list store list --store store
json store-stat store stat --store store
json report report --store store
json store-verify store verify --store store
json run run --bundle b.njb --users users.txt --store store --workers 1
json store-audit store audit alma --store store
json replay replay alma --store store
json bench-collisions bench collisions --items 500 --levels 2 --codes 64
json bench-engine bench engine --users 1 --rounds 1 --beams 2 --bundle b.njb
json bench-kernels bench kernels --kernels ref --shape 3,5,7 --rounds 1
json bench-policy bench policy --users 1 --rounds 1 --beams 10 --tokens 6 --bundle b.njb
json bench-quantizer bench quantizer --dims 8 --items 500 --levels 2 --codes 16 --rounds 1
json bench-store bench store --rows 200 --rounds 1
json bench-train bench train --layers 1 --decoder-layers 1 --batch 2 --rounds 1
json bench-trie bench trie --items 500 --rounds 1
json bench-wire bench wire --users 4 --shards 50
json bench-show bench show "${documents[-1]}"
json train-rqvae train rqvae --levels 2 --codes 8 --hidden 16 --latent 4 --batch 64 --epochs 2 --embeddings E.npy --out rqvae
json train-sasrec train sasrec --ids "$items" --users users.txt --layers 1 --d-model 16 --d-ff 16 --epochs 1 --history-max 6 --out sasrec
json train-t5 train t5 --catalogue cat --users users.txt --layers 1 --decoder-layers 1 --d-model 16 --heads 2 --d-kv 8 --d-ff 32 --epochs 1 --beam 4 --out t5
json config-show config show run
json man man
json lab-data lab data --data ratings --out forms
json lab lab --data ratings --out lab --quick --threads 1 --quiet
lines store-get store get alma --store store
lines decode decode --bundle b.njb --users users.txt --sids --why --top 8 --reserve 5
stdout_lines 20
lines store-export store export --store store
stdout_lines 20
expect_exit 0 '' -- nightjar run --bundle b.njb --users users.txt --store store --workers 1 --since current --log-format json
cp err log.jsonl
generation=$(<store/CURRENT)
documents+=(event log.jsonl manifest "store/$generation/MANIFEST.json" catalogue cat/catalogue.json catalogue fit/catalogue.json
    training t5/training.json training sasrec/training.json training rqvae/training.json lists popular.jsonl lists judged.jsonl
    lab-data lab/data.json eval lab/eval.json run lab/night.json catalogue-check lab/check.json)
valid "${documents[@]}"

# Every command takes --json, has a schema, and is run above or by a test of its own; but one prints a script. No document names an event
# that is not there.
nightjar --help | sed -n 's/^  \([a-z][a-z0-9-]*\( [a-z][a-z0-9-]*\)\?\)  .*/\1/p' >commands
while read -ra words; do
    name=${words[*]}
    name=${name// /-}
    if [[ $name == completion ]]; then
        continue
    fi
    nightjar "${words[@]}" --help >out
    stdout_has '--json'
    check "$name has a schema" test -e "$source_dir/schemas/json/$name.json"
    check "... and is validated" grep -rqE "^ *(json|lines|stdout_is_valid) $name( |\$)" "$source_dir/tests/cli"
done <commands
grep -o '^NJ_EVENT([A-Z_]*' "$source_dir/schemas/event.def" | sed 's/.*(//' | tr '[:upper:]' '[:lower:]' | sort >events
python3 -c 'import json, sys; print(*sorted(json.load(open(sys.argv[1]))["properties"]["event"]["enum"]), sep="\n")' \
    "$source_dir/schemas/json/event.json" >known
check "the schema of a log line knows every event" diff events known

# Ids that need escapes.
printf '"quoted"\nback\\slash\nta b\nümlaut\n\xf0\x9f\x98\x80\n</script>\n%%s%%n\n7\n' >ids.txt
python3 -c 'from forge import *; npy("s.npy", "<i2", (8, 3), ints("h", [b for i in range(8) for b in (i // 4, i // 2 % 2, i % 2)]))'
expect_exit 0 '' -- nightjar catalogue import --sids s.npy --ids ids.txt --codes-per-level 16 --out odd
expect_exit 0 '' -- nightjar bundle pack --model "$data/model" --catalogue odd --out odd.njb
printf '%s\n' '{"user": "a\"b\\c", "items": ["\"quoted\""]}' '{"user": "\u2028", "items": [7]}' >odd.jsonl
expect_exit 0 '' -- nightjar decode --bundle odd.njb --users odd.jsonl --top 8 --keep-history
stdout_lines 2
check "every line is an object with its items" python3 - <<'P'
import json
ids = open("ids.txt", encoding="utf-8").read().split("\n")[:-1]
rows = [json.loads(line) for line in open("out", encoding="utf-8")]
assert [row["user"] for row in rows] == ['a"b\\c', "\u2028"], rows
assert all(set(row["items"]) == set(ids) and len(row["items"]) == len(row["scores"]) for row in rows), rows
P
done_testing
