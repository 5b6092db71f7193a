// fuzz_trie.c - any bytes as the trie of a catalogue: the first byte says how many rows the catalogue has. What is accepted
// is walked whole.
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
    nj_trie_children_span span = nj_trie_children(trie, level, node, scratch);
    fuzz_check(span.count > 0, "a node has a child");
    for (uint32_t i = 0; i < span.count; i++) {
        fuzz_check(span.codes[i] < trie->codes_per_level[level], "codes are below K");
        fuzz_check(nj_trie_step(trie, level, node, span.codes[i]) == span.first + i,
                   "a step leads to the child");
        fuzz_check(span.first + i < trie->node_count[level + 1], "a child is on the next level");
    }
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
    free(bytes);
    return 0;
}
