// synthetic.h - a bundle in memory with random weights and random SIDs: for benchmarks and tests that need a shape, not a meaning.
#ifndef NJ_WORKER_ENGINE_SYNTHETIC_H
#define NJ_WORKER_ENGINE_SYNTHETIC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/bundle/bundle.h"

typedef struct {
    const char *model_type; // of config.json: "llama" or "qwen3"; NULL: T5
    uint32_t D, H, E, F, encoder_layers, decoder_layers;
    uint32_t G;          // heads of keys and values; of language models alone
    uint32_t L, K;       // levels, codes of each
    uint32_t item_count; // ids are row numbers
    uint64_t seed;
} nj_synthetic_shape;

/// TIGER as in Rajput et al. 2023, section 4, and on Amazon Beauty: 12,101 items, L=4, K=256, D=128, 6 heads of 64, F=1024, 4+4 layers.
nj_synthetic_shape nj_synthetic_tiger(void);
/// A small language model (17 M weights) over the same items with L=3: D=512, 8 heads of 64 over 2 of keys, F=1536, 6 layers.
nj_synthetic_shape nj_synthetic_llama(void);
/// The same with norms of queries and keys.
nj_synthetic_shape nj_synthetic_qwen3(void);

#define NJ_SYNTHETIC_NAMES "tiger, llama, qwen3"
/// The shape of one of NJ_SYNTHETIC_NAMES. False: none of them.
bool nj_synthetic_named(const char *name, nj_synthetic_shape *out);

typedef struct {
    nj_sections sections; // borrows from the buffers below
    nj_buffer model, weights, catalogue, items, sids, trie, counts;
} nj_synthetic;

/// Errors  NJ_NO_MEMORY, or the refusals of the parts for a shape that cannot be
NJ_CHECKED nj_status nj_synthetic_make(const nj_synthetic_shape *shape, nj_synthetic *out,
                                       nj_error *err);
void nj_synthetic_free(nj_synthetic *synthetic);

#endif
