# catalogue refresh --refit: codes learned anew and numbered after the old ones; what changed stands beside the catalogue and in a table.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# 64 clusters of 8 items, 8 coarse and in each 8 fine; tonight they are moved a little, two items are gone and one is new.
python3 - <<'P'
from forge import *
import random
random.seed(7)
point = lambda a, b: [a * 100.0, b * 10.0, -a * 50.0, b * 5.0]
near = lambda v, d: [x + random.uniform(-d, d) for x in v]
items = [near(point(a, b), 1) for a in range(8) for b in range(8) for _ in range(8)]
flat = lambda rows: floats([x for row in rows for x in row])
codes = lambda values: floats([x for value in values for x in value])
npy("E.npy", "<f4", (512, 4), flat(items))
npy("C.npy", "<f4", (2, 8, 4), codes([point(a, 3.5) for a in range(8)] + [point(0, b - 3.5) for b in range(8)]))
npy("C-other.npy", "<f4", (2, 8, 4), codes([point(7 - a, 3.5) for a in range(8)] + [point(0, (b + 3) % 8 - 3.5) for b in range(8)]))
open("ids.txt", "w").write("".join("i%d\n" % i for i in range(512)))
tonight = [near(v, 0.5) for v in items[:510]] + [point(5, 5)]
npy("T.npy", "<f4", (511, 4), flat(tonight))
open("tonight.txt", "w").write("".join("i%d\n" % i for i in range(510)) + "new\n")
P
assign=(nightjar catalogue assign --embeddings E.npy --ids ids.txt --suffix-codes 32)
expect_exit 0 '' -- "${assign[@]}" --codebooks C.npy --out cat
expect_exit 0 '' -- "${assign[@]}" --codebooks C-other.npy --out other
before=$(digest_of cat)
refit=(nightjar catalogue refresh --from cat --ids tonight.txt --embeddings T.npy --refit)

judge() { # WHAT PYTHON
    check "$1" python3 -c "
import json, struct
report = json.load(open('out'))
refit = report['refit']
def sids(path):
    raw = open(path, 'rb').read()[-513 * 12:]
    return [tuple(struct.unpack_from('<3i', raw, 12 * row)) for row in range(513)]
$2"
}

# Other numbers for the same codes come out under the old numbers: nobody moves, the new item counts on.
expect_exit 0 '' -- "${refit[@]}" --codebooks other --churn churn.tsv --out new --json
judge "codebooks in another order keep every code" "
assert refit['kept'] == [1, 1] and refit['kept_before_alignment'][0] == 0, refit
assert refit['changed_sids'] == 0 and refit['followed'] == 2, refit
assert report['drift'] is None and report['added'] == 1 and report['retired'] == 2, report
old, new = sids('new/old_sids.npy'), sids('new/sids.npy')
assert old[512] == (-1, -1, -1) and new[512] == (5, 5, 8), (old[512], new[512])
assert old[:512] == new[:512]
origin = json.load(open('new/refit.json'))
assert origin['old_items'] == 512 and origin['sids_fingerprint'] == report['fingerprints']['sids']
assert [level['items'] for level in origin['levels']] == [[64] * 8] * 2 == [level['kept'] for level in origin['levels']]"
check "... and the table of changes is empty" test ! -s churn.tsv
expect_exit 0 '' -- nightjar catalogue show new

# Learned from tonight's embeddings: at least nine tenths of the first codes stay (here: all but a few).
expect_exit 0 '' -- "${refit[@]}" --churn churn.tsv --out learned --json
judge "codebooks learned from tonight's embeddings keep nine tenths of the first codes" "
assert refit['kept'][0] >= 0.9, refit
old, new = sids('learned/old_sids.npy'), sids('learned/sids.npy')
changed = [row for row in range(512) if old[row] != new[row]]
table = [line.rstrip('\n').split('\t') for line in open('churn.tsv')]
assert len(changed) == refit['changed_sids'] == len(table)
assert table == [['i%d' % row, ' '.join(map(str, old[row])), ' '.join(map(str, new[row]))] for row in changed]
assert len(set(new)) == 513"
expect_exit 0 '' -- "${refit[@]}" --out again
check "the same night gives the same catalogue" diff -r learned again

# A catalogue without codebooks, codebooks of another form, and a dry run that writes nothing.
nightjar catalogue import --sids "$data/sids.npy" --codes-per-level 16 --out bare >out 2>err
expect_exit 65 'bare: is a catalogue without codebooks' -- "${refit[@]}" --codebooks bare --out x
python3 -c 'from forge import *; npy("C4.npy", "<f4", (2, 4, 4), floats(range(32)))'
nightjar catalogue assign --embeddings E.npy --ids ids.txt --codebooks C4.npy --no-suffix --out four >out 2>err
expect_exit 65 'level 0 has 4 codes, in the old codebooks 8' -- "${refit[@]}" --codebooks four --out x
expect_exit 2 '--refit needs --embeddings' -- nightjar catalogue refresh --from cat --ids tonight.txt --refit --max-retired 100 --out x
expect_exit 0 '' -- "${refit[@]}" --churn dry.tsv --dry-run
stdout_has 'new codebooks, aligned by 510 items; codes kept: level 0:'
expect_absent x dry.tsv
expect_untouched cat "$before"
done_testing
