// fuzz_token_trie.c - any bytes as the strings of a catalogue: the first byte says how many rows the catalogue has. What is accepted is
// walked whole.
#include "common/sid/token_trie.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static void check_node(const nj_token_trie *trie, uint32_t node, uint32_t row_count)
{
    const nj_token_trie_range children = nj_token_trie_children(trie, node);
    const nj_token_trie_range items = nj_token_trie_items(trie, node);
    fuzz_check(children.first > node && children.end <= trie->node_count, "children come later");
    fuzz_check(children.end - children.first <= trie->span_max, "no more than are announced");
    fuzz_check(children.first < children.end || items.first < items.end, "a node leads to an item");
    for (uint32_t child = children.first; child < children.end; child++) {
        fuzz_check(trie->token[child] < trie->V, "tokens are in the vocabulary");
        fuzz_check(nj_token_trie_step(trie, node, trie->token[child]) == child,
                   "a step leads to the child");
        fuzz_check(nj_token_trie_parent(trie, child) == node, "and there is a way back");
    }
    for (uint32_t i = items.first; i < items.end; i++) {
        fuzz_check(trie->items[i] < row_count && trie->row_node[trie->items[i]] == node,
                   "items are rows of the catalogue and name their node");
    }
}

// A set of all rows folds up to all nodes.
static void check_fold(const nj_token_trie *trie, uint32_t row_count)
{
    uint64_t *rows = malloc(nj_bits_words(row_count) * sizeof *rows);
    uint64_t *nodes = malloc(nj_bits_words(trie->node_count) * sizeof *nodes);
    memset(rows, 0xff, nj_bits_words(row_count) * sizeof *rows);
    nj_token_trie_fold(trie, rows, nodes);
    fuzz_check(nj_bits_count(nodes, trie->node_count) == trie->node_count,
               "every beginning leads to a row");
    free(rows);
    free(nodes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_token_trie trie;
    nj_error err;
    if (size == 0) {
        return 0;
    }
    const uint32_t row_count = data[0];
    void *bytes = fuzz_copy_aligned(data + 1, size - 1);
    const nj_status status = nj_token_trie_open(bytes, size - 1, row_count, &trie, &err);
    fuzz_check(status == NJ_OK || status == NJ_INPUT, "a trie is accepted or malformed");
    for (uint32_t node = 0; status == NJ_OK && node < trie.node_count; node++) {
        check_node(&trie, node, row_count);
    }
    if (status == NJ_OK) {
        fuzz_check(nj_token_trie_width(&trie) < trie.node_count, "the root is one level");
        check_fold(&trie, row_count);
    }
    free(bytes);
    return 0;
}
