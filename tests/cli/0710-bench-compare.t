# --compare sets a run beside a saved one: rows by their keys, ratios, what is beyond the noise, and a gate for scripts.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Two runs: row 64 is a quarter faster, beyond the noise; row 128 a tenth slower, within it; each has a row that the other lacks.
row() { # DIM ITEMS-PER-S SPREAD NOISY
    printf '{"bench": "quantizer", "dim": %d, "levels": 3, "codes": 256, "kernels": "avx2", "items_per_s": %s, "spread": %s, "noisy": %s}' "$@"
}
saved() { # CPU ROW...
    local cpu=$1
    shift
    printf '{"machine": {"cpu": "%s"}, "results": [%s]}' "$cpu" "$(IFS=,; echo "$*")"
}
saved one "$(row 64 1000 0.05 false)" "$(row 128 500.0 0.2 false)" "$(row 7 1 0 false)" >old.json
saved one "$(row 128 450 0.01 true)" "$(row 64 1250 0.02 false)" "$(row 8 1 0 false)" >new.json

expect_exit 0 '' -- nightjar bench show new.json --compare old.json
check "... and says of each row what changed" python3 - <<'P'
lines = [line.split() for line in open("out").read().split("against old.json")[1].splitlines() if line.startswith("quantizer")]
assert [line[-6:] for line in lines] == [["450", "0.900", "20.0", "%", "same,", "disturbed"], ["1000", "1250", "1.250", "5.0", "%", "better"]], lines
assert "dim=128" in lines[0] and "dim=64" in lines[1], lines
P
expect_exit 0 '' -- nightjar bench show new.json --compare old.json --json
check "... and in JSON, with both runs' numbers" python3 - <<'P'
import json
rows = {row["dim"]: row for row in json.load(open("out"))["compare"]}
assert sorted(rows) == [64, 128], rows
assert (rows[64]["old"], rows[64]["new"], rows[64]["ratio"], rows[64]["noise"], rows[64]["verdict"]) == (1000, 1250, 1.25, 0.05, "better"), rows
assert (rows[128]["ratio"], rows[128]["verdict"], rows[128]["noisy"]) == (0.9, "same", True), rows
P

# A cost that falls is better, and a size has little noise.
trie() { # BUILD-S BYTES
    printf '{"bench": "trie", "items": 9, "levels": 4, "codes": 256, "build_s": %s, "bytes_per_item": %s, "spread": 0.1}' "$@"
}
saved one "$(trie 2.0 100)" >old-trie.json
saved one "$(trie 1.0 103)" >new-trie.json
expect_exit 0 '' -- nightjar bench show new-trie.json --compare old-trie.json --json
check "a cost that falls is better, a size that grows worse" python3 - <<'P'
import json
verdicts = {row["result"]: (row["ratio"], row["verdict"]) for row in json.load(open("out"))["compare"]}
assert verdicts == {"build_s": (0.5, "better"), "bytes_per_item": (1.03, "worse")}, verdicts
P

# The gate.
expect_exit 4 'dim=128 levels=3 codes=256 kernels=avx2: items_per_s is 0.900 times as good as in old.json, below 0.95' -- \
    nightjar bench show new.json --compare old.json --fail-below 0.95
expect_exit 0 '' -- nightjar bench show new.json --compare old.json --fail-below 0.89
expect_exit 4 'bytes_per_item is 0.971 times as good' -- nightjar bench show new-trie.json --compare old-trie.json --fail-below 0.98

# Another machine is said, not refused; so is a run that has nothing in common.
sed 's/"one"/"another"/' old.json >other.json
expect_exit 0 'other.json was measured on "another", the new results on "one"' -- nightjar bench show new.json --compare other.json
expect_exit 0 'old-trie.json has no row that was measured now' -- nightjar bench show new.json --compare old-trie.json
expect_exit 4 'nothing was compared: old-trie.json' -- nightjar bench show new.json --compare old-trie.json --fail-below 0.5
sed 's/"items_per_s": [0-9.]*/"items_per_s": null/g' old.json >empty.json
expect_exit 4 'nothing was compared: empty.json' -- nightjar bench show new.json --compare empty.json --fail-below 0.5

# A key that the older run did not have yet.
sed 's/"kernels": "avx2", //' old.json >older.json
expect_exit 0 '' -- nightjar bench show new.json --compare older.json
stdout_has 'kernels=avx2'

# What a bench saves, a later one compares with; with itself it is the same.
expect_exit 0 '' -- nightjar bench trie --items 50 --rounds 1 --json
mv out self.json
expect_exit 0 '' -- nightjar bench show self.json --compare self.json --fail-below 1
expect_exit 0 '' -- nightjar bench trie --items 50 --rounds 1 --compare self.json
stdout_has 'against self.json'

# Files that are no saved run.
expect_exit 5 'missing.json' -- nightjar bench trie --items 50 --compare missing.json
echo '{}' >bad.json
expect_exit 65 'bad.json: has no "results"' -- nightjar bench show bad.json
echo '{"results": [7]}' >bad.json
expect_exit 65 'bad.json: result 0 is of no known bench' -- nightjar bench show bad.json
echo '{"results": [{"bench": "trie", "items": 1, "levels": 1.5}]}' >bad.json
expect_exit 65 'bad.json: "levels" of result 0 of bench trie is neither text nor a whole number' -- nightjar bench show bad.json
expect_exit 2 '--fail-below goes with --compare' -- nightjar bench show self.json --fail-below 1
expect_exit 2 '--fail-below is "nan", must be a number' -- nightjar bench show self.json --compare self.json --fail-below nan
done_testing
