// fuzz_trie.c - any bytes as the trie of a catalogue: the first byte says how many rows the catalogue has. What is accepted
// is walked whole.
#include <stdlib.h>
#include <string.h>

#include "common/sid/trie.h"
#include "tests/fuzz/fuzz.h"

static void check_leaf(const nj_trie *trie, uint32_t leaf, uint32_t row_count)
{
    uint32_t count;
    const uint32_t *items = nj_trie_leaf_items(trie, leaf, &count);
    fuzz_check(count > 0, "a leaf has an item");
    for (uint32_t i = 0; i < count; i++) {
        fuzz_check(items[i] < row_count, "items are rows of the catalogue");
    }
}

static void check_node(const nj_trie *trie, uint32_t level, uint32_t node)
{
    static uint16_t scratch[NJ_CODES_MAX];
    nj_trie_prefetch(trie, level, node);
    nj_trie_children_span span = nj_trie_children(trie, level, node, scratch);
    nj_trie_range leaves = nj_trie_node_range(trie, level, node);
    fuzz_check(span.count > 0, "a node has a child");
    fuzz_check(leaves.first < leaves.end && leaves.end <= nj_trie_width(trie), "and leaves");
    for (uint32_t i = 0; i < span.count; i++) {
        fuzz_check(i == 0 || span.codes[i - 1] < span.codes[i], "codes rise");
        fuzz_check(span.codes[i] < trie->codes_per_level[level], "codes are below K");
        fuzz_check(nj_trie_step(trie, level, node, span.codes[i]) == span.first + i,
                   "a step leads to the child");
        fuzz_check(span.first + i < trie->node_count[level + 1], "a child is on the next level");
    }
}

// The walk meets every leaf, and its SID leads there and back.
static void check_walk(const nj_trie *trie)
{
    nj_trie_walk walk;
    uint32_t leaf = 0;
    nj_trie_walk_begin(trie, &walk);
    do {
        uint16_t codes[NJ_LEVELS_MAX];
        nj_trie_leaf_codes(trie, leaf, codes);
        fuzz_check(memcmp(codes, walk.codes, trie->level_count * sizeof *codes) == 0,
                   "walks down and up meet the same codes");
        fuzz_check(nj_trie_find(trie, walk.codes) == leaf, "a leaf is found by its SID");
        leaf++;
    } while (nj_trie_walk_next(&walk));
    fuzz_check(leaf == nj_trie_width(trie), "the walk meets every leaf");
}

// A set of all rows folds up to all nodes.
static void check_folds(const nj_trie *trie, uint32_t row_count)
{
    uint32_t L = trie->level_count;
    size_t words = (row_count + 63u) / 64; // no level has more nodes than there are rows
    uint64_t *below = malloc(words * sizeof *below);
    uint64_t *above = malloc(words * sizeof *above);
    memset(below, 0xff, words * sizeof *below);
    nj_trie_fold_rows(trie, below, above);
    for (uint32_t l = L; l-- > 0;) {
        uint64_t *folded = below;
        below = above;
        nj_trie_fold(trie, l, below, folded);
        above = folded;
    }
    fuzz_check(above[0] == 1, "every prefix leads to a row");
    free(below);
    free(above);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_trie trie;
    nj_error err;
    if (size == 0) {
        return 0;
    }
    uint32_t row_count = data[0];
    void *bytes = fuzz_copy_aligned(data + 1, size - 1);
    nj_status status = nj_trie_open(bytes, size - 1, row_count, &trie, &err);
    fuzz_check(status == NJ_OK || status == NJ_INPUT, "a trie is accepted or malformed");
    for (uint32_t l = 0; status == NJ_OK && l < trie.level_count; l++) {
        for (uint32_t node = 0; node < trie.node_count[l]; node++) {
            check_node(&trie, l, node);
        }
    }
    for (uint32_t leaf = 0; status == NJ_OK && leaf < nj_trie_width(&trie); leaf++) {
        check_leaf(&trie, leaf, row_count);
    }
    if (status == NJ_OK) {
        check_walk(&trie);
        check_folds(&trie, row_count);
    }
    free(bytes);
    return 0;
}
