// cold_parts.h - what the cold pool is made of. Private to cold*.c.
//
//   rows, leaves [count]      the pool in the trie's order
//     groups                  runs of it that begin with the same borrow_levels codes, and all the leaves below that prefix
//     scored [scored_count]   those with a vector; where no places are kept, none
//       blocks                their vectors, transposed: [D, NJ_COLD_BLOCK] each, the last one narrower, filled up with zeros
#ifndef NJ_WORKER_POLICY_COLD_PARTS_H
#define NJ_WORKER_POLICY_COLD_PARTS_H

#include "worker/policy/cold.h"

#define NJ_COLD_BLOCK 512      // items of one product: B rows of scores stay in the first cache
#define NJ_COLD_COLUMN_UNIT 16 // a product of so many columns copies nothing

typedef struct {
    nj_trie_range leaves;
    uint32_t first; // of the pool; the next group's is the end
} nj_cold_group;

struct nj_cold {
    nj_cold_inputs inputs; // what it points at is borrowed
    uint32_t count;
    uint32_t *rows;    // owned, as all below
    uint32_t *leaves;  // [count] ascending
    uint64_t *in_pool; // [N bits]
    uint32_t scored_count;
    uint32_t *scored; // [scored_count] numbers in the pool
    float *blocks;
    uint32_t group_count; // 0 where nothing is borrowed
    nj_cold_group
        *groups; // [group_count + 1] ascending; the last one is empty and has first = count
};

/// Items of block `block`, filled up to a multiple of NJ_COLD_COLUMN_UNIT.
static inline uint32_t nj_cold_block_columns(uint32_t scored_count, uint32_t block)
{
    const uint32_t left = scored_count - block * NJ_COLD_BLOCK;
    const uint32_t items = left < NJ_COLD_BLOCK ? left : NJ_COLD_BLOCK;
    return (items + NJ_COLD_COLUMN_UNIT - 1) / NJ_COLD_COLUMN_UNIT * NJ_COLD_COLUMN_UNIT;
}

static inline uint32_t nj_cold_block_count(uint32_t scored_count)
{
    return scored_count / NJ_COLD_BLOCK + (scored_count % NJ_COLD_BLOCK != 0);
}

#endif
