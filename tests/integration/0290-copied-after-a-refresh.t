# run --since --since-bundle: after items came and went, the rows whose search met none of that are copied, the others are decoded; the
# night has the lists of one that decodes everybody.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 400
settings=(--beam 6 --top 6 --trace)
run=(nightjar run "${settings[@]}" --workers 2 --shard-users 16 --json)

# Fewer and other items under other row numbers: every 97th is gone, and every 89th has a neighbour with a code that nobody had.
python3 - "$data/sids.npy" "$data/items.txt" <<'P'
import ast, struct, sys
raw = open(sys.argv[1], "rb").read()
(size,) = struct.unpack("<H", raw[8:10])
header = ast.literal_eval(raw[10:10 + size].decode())
n, levels = header["shape"]
kind = {"<i2": "h", "<i4": "i", "<i8": "q", "<u2": "H", "|u1": "B"}[header["descr"]]
flat = struct.unpack(f"<{n * levels}{kind}", raw[10 + size:])
rows = [flat[i * levels:(i + 1) * levels] for i in range(n)]
ids = open(sys.argv[2]).read().split()
taken = set(rows)
kept = [(ids[i], rows[i]) for i in range(n) if i % 97 != 5]
for i in range(0, n, 89):
    free = next(c for c in range(16) if rows[i][:-1] + (c,) not in taken)
    taken.add(rows[i][:-1] + (free,))
    kept.append((f"new-{i}", rows[i][:-1] + (free,)))
text = str({"descr": "<i4", "fortran_order": False, "shape": (len(kept), levels)})
text += " " * (-(len(text) + 11) % 64) + "\n"
with open("next.npy", "wb") as out:
    out.write(b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode())
    for _, row in kept:
        out.write(struct.pack(f"<{levels}i", *row))
open("next-items.txt", "w").writelines(f"{name}\n" for name, _ in kept)
P
nightjar catalogue import --sids next.npy --codes-per-level 16 --token-base 2 --ids next-items.txt --out next-cat >>setup.out 2>>setup.log
nightjar bundle pack --model "$data/model" --catalogue next-cat --out next.njb >>setup.out 2>>setup.log

expect_exit 0 "${run[@]}" --bundle night.njb --users users.txt --store store
first=$(cat store/CURRENT)

# Without the bundle of then nothing can be told; with another than the generation's it is refused, and nothing is begun.
expect_exit 0 nightjar run "${settings[@]}" --workers 2 --json --bundle next.njb --users users.txt --store full --since current
expect_exit 2 "${run[@]}" --bundle next.njb --users users.txt --store store --since-bundle night.njb
expect_exit 4 "${run[@]}" --bundle next.njb --users users.txt --store store --since current --since-bundle next.njb
expect_said last 'is bundle .*, but the generation was made with'
expect_exit 5 "${run[@]}" --bundle next.njb --users users.txt --store store --since current --since-bundle none.njb
[[ ! -e store/staging && $(cat store/CURRENT) == "$first" ]] || fail "a refused night has left something"

expect_exit 0 "${run[@]}" --bundle next.njb --users users.txt --store store --since current --since-bundle night.njb
expect_said last '7 items came, 6 went'
copied=$(json_of last.out copied)
((copied >= 40 && copied <= 360)) || fail "$copied of 400 rows were copied: the test shows nothing"
nightjar store export --store store --to jsonl 2>export.log >delta.jsonl
[[ $(grep -c '"copied"' delta.jsonl) -eq $copied ]] || fail "another number of rows is flagged"
nightjar store export --store full --to jsonl 2>export.log >full.jsonl
lists delta.jsonl >delta.lists
cmp delta.lists full.jsonl >&2 || fail "the night after a refresh has other lists than one that decodes all"
nightjar store verify --store store >verify.out 2>&1 || fail "$(cat verify.out)"

# Its copies have their traces still: the next night copies everybody, and back to the first catalogue those whom neither change met.
expect_exit 0 "${run[@]}" --bundle next.njb --users users.txt --store store --since current
expect_json last.out copied 400
expect_exit 0 "${run[@]}" --bundle night.njb --users users.txt --store store --since current --since-bundle next.njb
back=$(json_of last.out copied)
((back >= copied / 2)) || fail "$back of $copied rows were copied back"
nightjar store export --store store --to jsonl 2>export.log >back.jsonl
nightjar store export --store store --gen "$first" --to jsonl 2>export.log >first.jsonl
lists back.jsonl >back.lists
cmp back.lists first.jsonl >&2 || fail "back under the first catalogue, the lists are not the first ones"

# Rows without traces, another model, or other settings: everybody is decoded, and it says why.
expect_exit 0 nightjar run --beam 6 --top 6 --workers 2 --json --bundle night.njb --users users.txt --store plain
expect_exit 0 nightjar run --beam 6 --top 6 --workers 2 --json --bundle next.njb --users users.txt --store plain --since current --since-bundle night.njb
expect_json last.out copied 0
nightjar bundle pack --model "$data/model" --catalogue next-cat --history-max 3 --out other.njb >>setup.out 2>>setup.log
expect_exit 0 "${run[@]}" --bundle other.njb --users users.txt --store store --since current --since-bundle night.njb
expect_said last 'encoder template or history limit'
expect_json last.out copied 0
