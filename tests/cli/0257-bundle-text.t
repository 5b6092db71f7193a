# bundle pack: a model that is asked in text, with its items, adapter, projector and vectors; what does not fit each other is refused.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
llara=$source_dir/tests/data/llara p5=$source_dir/tests/data/p5
pack_llara=(nightjar bundle pack --model "$llara/model" --items "$llara/items.tsv" --out new.njb)
pack_p5=(nightjar bundle pack --model "$p5/model" --items "$p5/items.tsv" --out new.njb)
vectors=(--collaborative "$llara/vectors.npy" --projector "$llara/projector.safetensors")
movie=(--prompt "$llara/movie.yaml" "${vectors[@]}")

# The tokenizer is the model's where no other is given; without a catalogue the items are the table's.
expect_exit 0 '' -- "${pack_llara[@]}" "${movie[@]}" --lora "$llara/lora" --json
stdout_is_valid bundle-pack
check "every item of the table is one of the bundle" python3 -c '
import json, sys
said = json.load(open("out"))
items = len(open(sys.argv[1]).readlines()) - 1
assert said["items"] == items == said["leaves"] and said["levels"] == 1 and said["equal_answers"] == 2, said' "$llara/items.tsv"
check "... with the sections of a model that is asked in text" python3 -c '
from forge import Bundle
names = set(Bundle("new.njb").sections)
assert {"prompt", "strings", "answers", "collaborative"} <= names and "counts" not in names, names'
expect_exit 0 '' -- nightjar bundle verify new.njb
cp new.njb movie.njb
expect_exit 0 '' -- "${pack_llara[@]}" "${movie[@]}" --lora "$llara/lora" --tokenizer "$llara/model/tokenizer.json"
check "the same inputs give the same bytes" cmp movie.njb new.njb
expect_exit 0 '' -- "${pack_llara[@]}" "${movie[@]}"
check "... and without the adapter other weights" bash -c '! cmp -s movie.njb new.njb'

# Vectors find their items by id; who has none is cold.
python3 - "$llara" <<'P'
import sys
from forge import *
ids = [line.split("\t")[0] for line in open(sys.argv[1] + "/items.tsv")][1:]
npy("one.npy", "<f4", (2, 12), floats([3] * 12 + [4] * 12))
open("one.txt", "w").write("no-item\n" + ids[5] + "\n")
npy("wide.npy", "<f4", (len(ids), 13), floats([1] * 13 * len(ids)))
P
expect_exit 0 '' -- "${pack_llara[@]}" --prompt "$llara/movie.yaml" --projector "$llara/projector.safetensors" --collaborative one.npy --collaborative-ids one.txt
check "one item has a vector, as it was given" python3 -c '
import struct
from forge import Bundle
section = Bundle("new.njb").sections["collaborative"]
rows = struct.unpack(f"<{(len(section) - 64) // 4}f", section[64:])
assert rows[60:72] == (4.0,) * 12 and sum(map(bool, rows)) == 12'

# Sections for policies come and go beside it.
expect_exit 0 '' -- nightjar bundle pack --from movie.njb --item-vectors one.npy --item-vector-ids one.txt --out more.njb
check "a bundle keeps what it asks" python3 -c '
from forge import Bundle
old, new = Bundle("movie.njb").sections, Bundle("more.njb").sections
assert all(new[name] == old[name] for name in old) and set(new) - set(old) == {"vectors"}'
expect_exit 0 '' -- nightjar bundle pack --from more.njb --without vectors --out more.njb
check "... also when they go" cmp movie.njb more.njb

# Items that share their answer are counted, and told.
{ cat "$p5/items.tsv"; printf '990\tTwo of a kind\n991\tTwo of a kind\n'; } >twins.tsv
expect_exit 0 '4 items are answered with the same tokens as another' -- "${pack_p5[@]}" --items twins.tsv --prompt "$p5/direct.yaml" --json
stdout_is_valid bundle-pack
stdout_has '"equal_answers": 4'

# Tokens may be made elsewhere: the items are then those of that file.
printf '{"item": "b-1", "prompt": [7, 8], "answer": [9]}\n{"item": "22", "prompt": [7], "answer": [10, 11]}\n' >ids.jsonl
expect_exit 0 '' -- nightjar bundle pack --model "$llara/model" --prompt "$llara/list.yaml" --token-ids ids.jsonl --out new.njb --json
stdout_has '"items": 2,'

# The prompts that are ready fit a P5, and a Llama whose tokenizer has bytes.
for prompt in "$source_dir"/schemas/prompts/p5-*.yaml; do
    expect_exit 0 '' -- "${pack_p5[@]}" --prompt "$prompt"
done
expect_exit 0 '' -- "${pack_llara[@]}" "${vectors[@]}" --prompt "$source_dir/schemas/prompts/llara-movie.yaml" \
    --tokenizer "$source_dir/tests/data/tokenizers/llama2-new.json"

# What a folder of a model lacks, or says twice.
cp -r "$p5/model" bare
rm bare/tokenizer_config.json
expect_exit 0 'bare/spiece.model: there is no tokenizer_config.json beside it' -- "${pack_p5[@]}" --model bare --prompt "$p5/direct.yaml"
cp -r "$p5/model" ends
printf '{"eos_token_id": [1, 7]}' >ends/generation_config.json
expect_exit 0 'names 2 tokens that end a text; answers end at token 1 alone' -- "${pack_p5[@]}" --model ends --prompt "$p5/explanation.yaml"

# A prompt of semantic IDs is the catalogue's template, and no section.
python3 - "$llara" <<'P'
import sys
from forge import *
ids = [line.split("\t")[0] for line in open(sys.argv[1] + "/items.tsv")][1:]
open("ids.txt", "w").writelines(f"{id}\n" for id in ids)
npy("sids.npy", "<i4", (len(ids), 2), b"".join(struct.pack("<ii", row // 10, row % 10) for row in range(len(ids))))
open("long.yaml", "w").write('prompt: "{history} ' + "x " * 3000 + '"\nitem: "{title}"\nanswer:\n  kind: item\n')
P
expect_exit 0 '' -- nightjar catalogue import --sids sids.npy --ids ids.txt --codes-per-level 10 --token-base 500 --out cat
sid=(--prompt "$source_dir/schemas/prompts/sid-stream.yaml")
expect_exit 0 '' -- nightjar bundle pack --model "$llara/model" --catalogue cat "${sid[@]}" --out sid.njb
check "a prompt of semantic IDs is the template" python3 -c '
import json
from forge import Bundle
sections = Bundle("sid.njb").sections
template = json.loads(sections["catalogue"])["template"]
assert "prompt" not in sections and template["before"] and template["between"] and template["after"], template'
{ cat "$source_dir/schemas/prompts/sid-stream.yaml"; echo 'tokens: 80'; } >tokens.yaml
expect_exit 0 '' -- nightjar bundle pack --model "$llara/model" --catalogue cat --prompt tokens.yaml --out few.njb --json
check "... with as many items as its tokens have room for" python3 -c '
import json
from forge import Bundle
whole, few = (json.loads(Bundle(name).sections["catalogue"]) for name in ("sid.njb", "few.njb"))
template = few["template"]
around, between = len(template["before"]) + len(template["after"]), len(template["between"])
most = few["history_max"]
assert whole["template"] == template and whole["history_max"] > most, (whole, few)
assert around + most * (2 + between) - between <= 80 < around + (most + 1) * (2 + between) - between, few'
expect_exit 78 'tokens.yaml: tokens is 80, a prompt with 40 items has' -- nightjar bundle pack --model "$llara/model" --catalogue cat \
    --prompt tokens.yaml --history-max 40 --out few.njb
expect_exit 0 '' -- nightjar bundle pack --model "$llara/model" --catalogue cat "${sid[@]}" --lora "$llara/lora" --out merged.njb
check "an adapter goes into a model of semantic IDs too" python3 -c '
from forge import Bundle
old, new = Bundle("sid.njb").sections, Bundle("merged.njb").sections
assert {name for name in old if old[name] != new[name]} == {"weights"}'

# What does not fit is refused, and what was there stays.
cp movie.njb new.njb
before=$(digest_of new.njb)
refuse() { # CODE TEXT COMMAND...
    local code=$1 text=$2
    shift 2
    expect_exit "$code" "$text" -- "$@"
}
plain=(nightjar bundle pack --model "$llara/model" --out new.njb)
refuse 2 '--items needs --prompt' "${pack_llara[@]}" --catalogue cat
refuse 2 '--tokenizer needs --prompt' "${plain[@]}" --tokenizer "$llara/model" --catalogue cat
refuse 2 '--token-ids needs --prompt' "${plain[@]}" --token-ids ids.jsonl --catalogue cat
refuse 2 '--collaborative needs --prompt' "${plain[@]}" --collaborative one.npy --catalogue cat
refuse 2 '--collaborative-ids needs --collaborative' "${pack_llara[@]}" --prompt "$llara/list.yaml" --collaborative-ids one.txt
refuse 2 '--projector needs --collaborative' "${pack_llara[@]}" --prompt "$llara/list.yaml" --projector "$llara/projector.safetensors"
refuse 2 '--prompt says all that users are asked' "${pack_llara[@]}" --prompt "$llara/list.yaml" --after 1
refuse 2 '--items is read twice' "${pack_llara[@]}" --prompt "$llara/list.yaml" --items -
refuse 2 'give --catalogue, --items or --token-ids' "${plain[@]}" --prompt "$llara/list.yaml"
refuse 2 "leave --prompt out" nightjar bundle pack --from movie.njb --prompt "$llara/list.yaml" --out new.njb
refuse 2 "leave --lora out" nightjar bundle pack --from movie.njb --lora "$llara/lora" --out new.njb
refuse 78 'line 2: {vector} wants a vector of each item' "${pack_llara[@]}" --prompt "$llara/movie.yaml"
refuse 78 'no prompt has {vector}' "${pack_llara[@]}" --prompt "$llara/list.yaml" "${vectors[@]}"
refuse 78 'give --projector' "${pack_llara[@]}" --prompt "$llara/movie.yaml" --collaborative "$llara/vectors.npy"
refuse 78 'are 13 wide, the projector reads 12' "${pack_llara[@]}" "${movie[@]}" --collaborative wide.npy
refuse 65 'vectors.npy: has 80 rows' "${pack_llara[@]}" "${movie[@]}" --items twins.tsv
refuse 5 'missing' "${pack_llara[@]}" "${movie[@]}" --lora missing
{ cat "$llara/items.tsv"; sed -n 2p "$llara/items.tsv"; } >twice.tsv
refuse 65 'stands at 1 and again at 81' "${pack_llara[@]}" --prompt "$llara/list.yaml" --items twice.tsv
# The vocabulary, the context, and what stands where there are no semantic IDs.
refuse 78 "the model's vocabulary ends at 525" "${pack_p5[@]}" --prompt "$p5/direct.yaml" --tokenizer "$llara/model"
refuse 78 'long.yaml' "${pack_llara[@]}" --prompt long.yaml
refuse 78 'sid-stream.yaml' "${pack_llara[@]}" "${sid[@]}"
mkdir trained
cp "$llara"/model/* trained
python3 - <<'P'
import json
config = json.load(open("trained/config.json"))
config["nightjar"] = {"sids": "0" * 64, "items": 3, "token_base": 2}
json.dump(config, open("trained/config.json", "w"))
P
refuse 4 'was trained on the SIDs of a catalogue' "${pack_llara[@]}" --model trained --prompt "$llara/list.yaml"
printf 'version: 1\ncandidates:\n  search: diverse\n  diverse: {groups: 4, penalty: 0.5}\n' >policy.yaml
refuse 78 'policy.yaml: the policy wants a diverse search' nightjar bundle pack --from movie.njb --policy policy.yaml --out new.njb
expect_untouched new.njb "$before"

# A bundle whose sections do not fit each other is found by verify, though each has its digest.
python3 - <<'P'
from forge import *
movie = Bundle("movie.njb")
movie.write("cold.njb", collaborative=None)
movie.write("odd.njb", answers=replace(movie.sections["answers"], len(movie.sections["answers"]) - 4, b"\xff\xff\xff\x7f"))
movie.write("infinite.njb", collaborative=replace(movie.sections["collaborative"], 64, b"\x00\x00\x80\x7f"))
P
expect_exit 78 'there are no vectors' -- nightjar bundle verify cold.njb
expect_exit 65 'odd.njb' -- nightjar bundle verify odd.njb
expect_exit 65 'row 0 has length inf' -- nightjar bundle verify infinite.njb
done_testing
