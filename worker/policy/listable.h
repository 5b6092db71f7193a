// listable.h - whether an item may stand in a list of this user at all: it is sold, no rule denies it, he is eligible for it, and it is
// not one that he must not get.
#ifndef NJ_WORKER_POLICY_LISTABLE_H
#define NJ_WORKER_POLICY_LISTABLE_H

#include "common/base/bits.h"
#include "common/sid/trie_build.h"
#include "worker/beam/beam.h"

// Borrowed.
typedef struct {
    const uint64_t *rows; // [N bits] in the trie, and not denied
    const nj_exclusions *exclusions;
    const nj_trie *trie;
    const nj_sids *sids;
} nj_listable;

static inline bool nj_listable_has(const nj_listable *listable, uint32_t row)
{
    return nj_bits_has(listable->rows, row) && !nj_excluded(listable->exclusions, row);
}

/// The leaf of a row that is in the trie.
static inline uint32_t nj_listable_leaf(const nj_listable *listable, uint32_t row)
{
    return nj_trie_find(listable->trie,
                        listable->sids->codes + (size_t)row * listable->sids->level_count);
}

#endif
