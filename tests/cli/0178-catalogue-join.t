# Embeddings of several origins are joined into one, and a join can be repeated on other items.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
python3 -c '
from forge import *
import random
random.seed(1)
npy("text.npy", "<f4", (40, 4), floats([random.random() for _ in range(160)]))
npy("people.npy", "<f4", (40, 2), floats([random.random() for _ in range(80)]))
npy("huge.npy", "<f4", (40, 2), floats([1e37] * 80))
npy("fewer.npy", "<f4", (39, 2), floats([random.random() for _ in range(78)]))'
expect_exit 0 '' -- nightjar catalogue join --embeddings text.npy,people.npy --shares 3,1 --out joined.npy
stdout_has "the same for other items: --scales "
expect_exit 0 '' -- nightjar catalogue join --embeddings text.npy,people.npy --out again.npy \
    --scales "$(sed -n 's/^the same.*--scales //p' out)"
check "... and give the same rows" cmp -s joined.npy again.npy
expect_exit 0 '' -- nightjar catalogue join --embeddings text.npy --out one.npy --json
stdout_is_json
expect_exit 0 '' -- nightjar catalogue fit --embeddings joined.npy --levels 2 --codes 8 --collisions leaves --out cat
expect_exit 65 'text.npy has 40 rows and fewer.npy 39' -- nightjar catalogue join --embeddings text.npy,fewer.npy --out no.npy
expect_exit 65 'huge.npy: row 0, column 0: times the scale' -- nightjar catalogue join --embeddings huge.npy --keep-lengths --scales 1e6 --out no.npy
expect_exit 2 '--shares is "1"' -- nightjar catalogue join --embeddings text.npy,people.npy --shares 1 --out no.npy
expect_exit 2 '--scales is "1,x"' -- nightjar catalogue join --embeddings text.npy,people.npy --scales 1,x --out no.npy
expect_exit 2 'both say' -- nightjar catalogue join --embeddings text.npy --scales 1 --shares 1 --out no.npy
expect_exit 2 '--embeddings is "text.npy,,people.npy"' -- nightjar catalogue join --embeddings text.npy,,people.npy --out no.npy

# Items that no training history has get the mean of their nearest by the first file; a held-out item is none of training's.
seq 0 39 >ids.txt
{ seq -s ' ' 0 37 | sed 's/^/u1 /; s/$/ 38 39/'; } >users.txt
expect_exit 0 '' -- nightjar catalogue join --embeddings text.npy,people.npy --unseen-from users.txt --ids ids.txt --nearest 1 --keep-lengths --scales 1,1 --out placed.npy --json
stdout_has '"unseen": 2'
stdout_is_valid catalogue-join
check "... in the second file alone, each as its nearest" python3 -c '
import math, struct
def rows(path, width):
    raw = open(path, "rb").read()[-160 * width:]
    return [struct.unpack_from(f"<{width}f", raw, 4 * width * i) for i in range(40)]
text, people, placed = rows("text.npy", 4), rows("people.npy", 2), rows("placed.npy", 6)
def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.hypot(*a) / math.hypot(*b)
for i in range(40):
    near = i if i < 38 else max(range(38), key=lambda j: cosine(text[i], text[j]))
    assert placed[i] == text[i] + people[near], i'
expect_exit 0 '' -- nightjar catalogue join --embeddings text.npy,people.npy --unseen-from users.txt --ids ids.txt --target none --out placed.npy --json
stdout_has '"unseen": 0'
expect_exit 2 '--unseen-from and --ids go together' -- nightjar catalogue join --embeddings text.npy --unseen-from users.txt --out no.npy
expect_exit 65 'text.npy has 40 rows and --ids 39 items' -- nightjar catalogue join --embeddings text.npy --unseen-from users.txt --ids <(head -n 39 ids.txt) --out no.npy
expect_exit 2 '--nearest is "0"' -- nightjar catalogue join --embeddings text.npy --unseen-from users.txt --ids ids.txt --nearest 0 --out no.npy
check "a refused join leaves nothing" test ! -e no.npy
done_testing
