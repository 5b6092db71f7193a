# A catalogue folder in which one file is missing, empty, cut, of another kind or edited is refused by every reader of it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

python3 - <<'P'
from forge import *
npy("E.npy", "<f4", (8, 4), floats([i % 4 + 0.1 * j for i in range(8) for j in range(4)]))
npy("C.npy", "<f4", (2, 4, 4), floats([k + 0.1 * j for _ in range(2) for k in range(4) for j in range(4)]))
P
expect_exit 0 '' -- nightjar catalogue assign --embeddings E.npy --codebooks C.npy --out good

fresh() {
    rm -rf cat
    cp -r good cat
}
refuse() { # CODE TEXT
    expect_exit "$1" "$2" -- nightjar catalogue show cat
}

for file in catalogue.json items.txt sids.npy codebooks.safetensors; do
    fresh && rm cat/$file
    refuse 5 "cat/$file: cannot open: No such file or directory"
    mkdir cat/$file
    refuse 65 "cat/$file: "
    fresh && : >cat/$file
    refuse 65 "cat/$file: "
    for bytes in 1 7 9 12; do
        head -c $bytes good/$file >cat/$file
        refuse 65 "cat/$file"
    done
    fresh && echo x >>cat/$file
    refuse 65 "cat/$file"
done

# Sound files that are not those of catalogue.json.
fresh && sed -i 's/^3$/three/' cat/items.txt
refuse 4 'cat/items.txt: fingerprint is '
stderr_has 'catalogue.json says '
python3 - <<'P'
from forge import *
books = pathlib.Path("good/codebooks.safetensors").read_bytes()
sids = pathlib.Path("good/sids.npy").read_bytes()
pathlib.Path("other-sids.npy").write_bytes(replace(sids, 128, b"\1"))
pathlib.Path("other.safetensors").write_bytes(books[:-4] + floats([7.0]))
pathlib.Path("nan.safetensors").write_bytes(books[:-4] + floats([NAN]))
P
fresh && cp other-sids.npy cat/sids.npy
refuse 4 'cat/sids.npy: fingerprint is '
fresh && cp other.safetensors cat/codebooks.safetensors
refuse 4 'cat/codebooks.safetensors: fingerprint is '
fresh && cp nan.safetensors cat/codebooks.safetensors
refuse 65 'cat/codebooks.safetensors: tensor "codebook.1": element 15 of 16 is not a number (NaN)'
fresh && sed -i 's/^3$/2/' cat/items.txt
refuse 65 'cat/items.txt: line 4: id "2" stands on line 3 too'

# A line: exit code, what is done to catalogue.json (f), what the error says.
cat >table <<'L'
65|f["version"] = 3|cat/catalogue.json: "version" is 3, must be 1 to 2
65|f["version"] = "1"|"version" is not a whole number
65|del f["version"]|"version" is missing
65|f["items"] = 9|cat/sids.npy: 2 dimensions that begin [8, 3], catalogue.json says [9, 3]
65|f["items"] = 2147483647|cat/sids.npy: 2 dimensions that begin [8, 3], catalogue.json says [2147483647, 3]
65|f["items"] = 0|"items" is 0, must be 1 to 2147483647
65|f["items"] = -1|"items" is -1, must be 1 to 2147483647
65|f["items"] = 1e3|"items" is not a whole number
65|f["levels"] = 2|"codes_per_level" has 3 numbers, "levels" says 2
65|f["levels"] = 99|"levels" is 99, must be 1 to 8
65|f["codes_per_level"] = [4, 4, 1]|"codes_per_level", level 2: is not a whole number of 2 to 65536
65|f["codes_per_level"] = [4, "4", 4]|"codes_per_level", level 1: is not a whole number
65|f["codes_per_level"] = [2, 4, 4]|cat/sids.npy: row 
4|f["codes_per_level"] = [4, 4, 5]|cat/sids.npy: fingerprint is 
65|f["token_base"] = -2|"token_base" is -2, must be 0 to 2147483647
65|f["token_base"] = 2147483640|the highest token is 2147483647
65|f["suffix"] = 1|"suffix" is not true or false
65|f["suffix"] = False|tensor "codebook.2": is missing, expected with shape [4, 4]
65|f["embedding_width"] = 5|tensor "codebook.0": has shape [4, 4], expected [4, 5]
65|f["embedding_width"] = 65537|"embedding_width" is 65537, must be 1 to 65536
65|del f["fingerprints"]["sids"]|fingerprint "sids" is not 64 hexadecimal digits
65|f["fingerprints"]["items"] = "xyz"|fingerprint "items" is not 64 hexadecimal digits
65|del f["fingerprints"]|"fingerprints" is missing
65|f["template"]["before"] = 3|"before" is not a list
65|f["template"]["before"] = [1, -1]|"before", element 1: is not a whole number of 0 to 2147483647
65|f["template"]["after"] = [1] * 1025|"after" has 1025 tokens, the limit is 1024
65|f["template"] = {"user_token_base": 2147483647, "user_token_count": 2147483647}|user tokens end at 4294967293, the highest token is 2147483647
0|f["unknown_key"] = {"deep": [[[]]]}|
0|f["template"] = {"before": [3], "after": [1]}|
L
python3 - <<'P'
import json
for number, line in enumerate(open("table"), 1):
    facts = json.load(open("good/catalogue.json"))
    exec(line.split("|")[1], {"f": facts})
    json.dump(facts, open("edited.%d.json" % number, "w"))
P
number=0
while IFS='|' read -r code change text; do
    number=$((number + 1))
    fresh && cp edited.$number.json cat/catalogue.json
    refuse "$code" "$text"
done <table
check "there were as many as there are lines" test $number -eq 29

fresh && sed -i 's/"version": 1,/"version": 1, "version": 1,/' cat/catalogue.json
refuse 65 'duplicate object key'
expect_exit 5 'missing/catalogue.json: cannot open' -- nightjar catalogue show missing
expect_exit 65 'E.npy/catalogue.json: cannot open: Not a directory' -- nightjar catalogue show E.npy
fresh && : >cat/sids.npy
expect_exit 65 'cat/sids.npy: not a .npy file (0 bytes)' -- nightjar bundle pack --model "$data/model" --catalogue cat --out b.njb
expect_exit 65 'cat/sids.npy: not a .npy file (0 bytes)' -- nightjar catalogue assign --embeddings E.npy --codebooks cat --out new
expect_absent b.njb new
done_testing
