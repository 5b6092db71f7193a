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
check "a refused join leaves nothing" test ! -e no.npy
done_testing
