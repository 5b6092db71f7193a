// bench_trie_items.h - made-up SIDs for `nightjar bench trie`, and where to look in what is built of them.
#ifndef NJ_OPS_CLI_BENCH_TRIE_ITEMS_H
#define NJ_OPS_CLI_BENCH_TRIE_ITEMS_H

#include "common/sid/trie_build.h"

// Looks at one level's nodes that are measured in one go.
#define NJ_BENCH_LOOKS 200000
// Looks whose nodes are known before the first is taken: the beams of a user.
#define NJ_BENCH_LOOKS_A_STEP 20

typedef struct {
    nj_sids random;    // as a catalogue has them: in no order
    nj_sids sorted;    // the same SIDs in order
    uint16_t *codes;   // [N, L] owned, random's
    uint16_t *ordered; // [N, L] owned, sorted's
    // A sample of each level's nodes, all equally likely.
    uint32_t *nodes[NJ_LEVELS_MAX];    // [NJ_BENCH_LOOKS] numbers; owned
    uint16_t *prefixes[NJ_LEVELS_MAX]; // [NJ_BENCH_LOOKS, L] their first l codes; owned
} nj_bench_items;

/// Makes SIDs with K codes on each of L levels, the same at every call, and looks.
///
/// clustered  false: all codes of all levels are equally likely; true: the codes under a prefix are of very different likelihood, and the
///            last level is a counter of the items that share a prefix, as a quantizer with a collision code gives them;
///            items beyond K share a leaf
/// Errors     NJ_NO_MEMORY; nj_bench_items_fini afterwards, whatever the status
NJ_CHECKED nj_status nj_bench_items_init(uint32_t N, uint32_t L, uint32_t K, bool clustered,
                                         nj_bench_items *out, nj_error *err);
void nj_bench_items_fini(nj_bench_items *items);

#endif
