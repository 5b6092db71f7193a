// catalogue_assign.h - a catalogue from item embeddings and codebooks that exist.
//
//   embeddings [N, D] ──► [transform] ──► codes, level by level ──► SID [ + counter among equal codes, in row order ]
//
// A library of its own (nj_catalogue_assign): it needs the kernels, and who only reads catalogues must not link them.
#ifndef NJ_CATALOGUE_CATALOGUE_ASSIGN_H
#define NJ_CATALOGUE_CATALOGUE_ASSIGN_H

#include "common/catalogue/catalogue_make.h"
#include "common/catalogue/collisions.h"
#include "common/catalogue/quant_model.h"
#include "common/math/kernels.h"
#include "common/quant/encoder.h"

#define NJ_ASSIGN_BLOCK_BYTES (16u << 20) // embeddings that are in memory at a time

typedef struct {
    const char *embeddings_path; // .npy [N, D] float16 or float32
    // .npy [L, K, width], .safetensors (quant_model.h), or the folder of a catalogue that has codebooks
    const char *codebooks_path;
    nj_quant_model *
        model; // codebooks in memory, in place of the path; empty afterwards. NULL: the path counts
    bool has_kind;                   // kind was given; a catalogue knows its own, and must agree
    nj_quant_kind kind;              // of the codebooks in a file: 0 is residual
    uint32_t beam;                   // of residual codes over levels (encoder.h); 0 and 1: greedy
    nj_collision_options collisions; // of items whose codes are the same
    const nj_kernels *kernels;       // they do not change the codes (quant.h)
} nj_assign_config;

/// Assigns. The counter's level has as many codes as the last codebook. `out_error` (nullable): what the codebooks leave of the
/// embeddings.
///
/// Errors  NJ_INPUT with file, rule and both numbers: shapes that do not fit, D of the embeddings and of the codebooks, NaN or
///         infinity (row and column), a folder without codebooks, what
///         nj_quant_model_read says of a file of tensors, a counter that would reach K (names the prefix, how many
///         items share it, and K), more than NJ_LEVELS_MAX levels, and what catalogue_make.h says of ids and tokens
/// Memory  codes, ids, codebooks twice (read and packed), NJ_ASSIGN_BLOCK_BYTES, what encoder.h says, and a trie at the end
/// Proof   tests/unit/catalogue/test_assign.c
NJ_CHECKED nj_status nj_catalogue_assign(const nj_assign_config *config,
                                         const nj_catalogue_options *options,
                                         nj_quant_error *out_error, nj_catalogue **out,
                                         nj_error *err);

#endif
