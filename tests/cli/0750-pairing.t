# A model and SIDs that do not belong together: every item that such a bundle names is valid, and the lists are nonsense. So
# `bundle pack` asks the model.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
unset NIGHTJAR_NO_PAIRING_CHECK
pack() { # MODEL CATALOGUE OPTION...
    nightjar bundle pack --model "$1" --catalogue "$2" --out b.njb "${@:3}"
}
ask=(--histories "$data/histories.txt")

make_catalogue
# Histories may come through a pipe: they are read once.
head -n 150 "$data/histories.txt" >some.txt # all of them take a sanitizer most of a minute
expect_exit 0 'the model knows these SIDs: over 149 held-out transitions its loss is 1.' -- \
    pack "$data/model" cat --histories - --format sequence --json <some.txt
stdout_is_json
stdout_has '"loss": 1.'
rm b.njb

# Catalogues that are wrong in the two ways that happen: other rows, and other names of codes (a new fit).
python3 - <<'P'
import pathlib
import random
import struct
from forge import *
raw = (MODEL.parent / "sids.npy").read_bytes()
codes = struct.unpack("<1656h", raw[-3312:])
rows = [codes[i:i + 3] for i in range(0, 1656, 3)]
order = random.Random(7)
shuffled = order.sample(rows, 552)
npy("rows.npy", "<i2", (552, 3), ints("h", sum(shuffled, ())))
names = [order.sample(range(16), 16) for _ in range(3)]
npy("names.npy", "<i2", (552, 3), ints("h", [names[l][c] for row in rows for l, c in enumerate(row)]))
# A model that was never trained: the numbers of every tensor in another order.
untrained = Safetensors()
for name in untrained.names:
    values = list(struct.unpack("<%de" % (len(untrained.tensor(name)) // 2), untrained.tensor(name)))
    if "norm" not in name:
        order.shuffle(values)
    at = untrained.header[name]["data_offsets"][0]
    untrained.data = replace(untrained.data, at, struct.pack("<%de" % len(values), *values))
model("untrained", untrained)
P
for wrong in rows names; do
    nightjar catalogue import --sids $wrong.npy --codes-per-level 16 --ids "$data/items.txt" --out $wrong >out 2>err
    expect_exit 4 'the model does not know these SIDs: over 500 held-out transitions its loss is ' -- pack "$data/model" $wrong "${ask[@]}"
    stderr_has "/model and $wrong: "
    expect_absent b.njb
done
stderr_has 'with its codes renamed it is '
expect_exit 4 'with its SIDs dealt out to other items it is ' -- pack untrained cat "${ask[@]}"
stderr_has 'the model does not know these SIDs'
expect_absent b.njb

# Told not to ask, nothing to ask with, too little to ask with.
expect_exit 0 'it is not asked whether the model knows these SIDs' -- pack "$data/model" rows "${ask[@]}" --no-pairing-check
expect_exit 0 'without --histories it is not asked' -- pack untrained cat
head -n 50 "$data/histories.txt" >few.txt # one of them has no item
expect_exit 0 'warning: the histories have 49 transitions between known items: too few (50)' -- pack untrained cat --histories few.txt
head -n 51 "$data/histories.txt" >enough.txt
expect_exit 4 'over 50 held-out transitions' -- pack untrained cat --histories enough.txt

# A checkpoint that says which SIDs it was trained on is not asked: it is held to what it says.
trained_on() { # MODEL JSON: the demo's model with the key "nightjar"
    python3 -c 'import json, sys; from forge import *; model(sys.argv[1], None, config(nightjar=json.loads(sys.argv[2])))' "$1" "$2"
}
map_of() { # CATALOGUE
    nightjar catalogue show "$1" --json | python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["nightjar"]))'
}
trained_on pledged "$(map_of cat)"
expect_exit 0 'the catalogue has the SIDs that the checkpoint says it was trained on' -- pack pledged cat "${ask[@]}"
rm b.njb
expect_exit 4 'pledged was trained on the SIDs ' -- pack pledged rows "${ask[@]}" --no-pairing-check
stderr_has ", the first 552 items of rows have the SIDs $(map_of rows | cut -c 11-74): "
stderr_has " $(map_of cat | cut -c 11-74), "
expect_exit 4 'pledged was trained on the SIDs ' -- pack pledged names
nightjar catalogue import --sids "$data/sids.npy" --codes-per-level 16 --ids "$data/items.txt" --token-base 1 --out moved >out 2>err
expect_exit 4 'pledged was trained with tokens from 2, those of moved begin at 1' -- pack pledged moved
expect_absent b.njb

# More items behind those, as a refresh gives: still the same SIDs. Fewer items are another catalogue.
python3 - <<'P'
from forge import *
raw = (MODEL.parent / "sids.npy").read_bytes()[-3312:]
npy("more.npy", "<i2", (553, 3), raw + ints("h", (15, 15, 15)))
npy("fewer.npy", "<i2", (551, 3), raw[:-6])
P
{ cat "$data/items.txt"; echo new; } >more.txt
head -n 551 "$data/items.txt" >fewer.txt
for form in more fewer; do
    nightjar catalogue import --sids $form.npy --codes-per-level 16 --ids $form.txt --out $form >out 2>err
done
expect_exit 0 'the catalogue has the SIDs' -- pack pledged more
rm b.njb
expect_exit 4 'pledged was trained on a catalogue of 552 items, fewer has 551' -- pack pledged fewer
for bad in '"text"' '{"items": 552}' '{"sids": "12", "items": 552}' '{"sids": 5, "items": 552}' "$(map_of cat | sed 's/552/0/')" \
    "$(map_of cat | sed 's/2}/-1}/')"; do
    trained_on bad "$bad"
    expect_exit 65 'bad/config.json: ' -- pack bad cat
done
expect_absent b.njb
done_testing
