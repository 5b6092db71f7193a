// embed_round.h - the rows of `nightjar embed --model`: which are computed, where, and how they come to the file in order.
//
//   item without a text     ─► zeros ─────────────────────────┐
//   item that --from has    ─► its old row ───────────────────┼─► rows of the output, in item order
//   others ─► one round (worker/items/embed_work.h) ─► vector ─┘
#ifndef NJ_OPS_CLI_EMBED_ROUND_H
#define NJ_OPS_CLI_EMBED_ROUND_H

#include "common/cli/cli.h"
#include "common/math/kernels.h"
#include "ops/cli/embed_items.h"
#include "ops/cli/embed_keys.h"
#include "ops/cli/embed_output.h"
#include "worker/encoder/encoder.h"

// Everything is borrowed.
typedef struct {
    const nj_encoder_config *config;
    nj_slice weights;          // nj_encoder_weights_load
    const nj_kernels *kernels; // of this process, and of the numeric class that workers must have
    const nj_embed_items *items;
    nj_slice tokens;        // u32 of all texts, in file order
    const uint64_t *starts; // [texts + 1] where a text's begin
    const nj_embed_old *old;
    const nj_digest *keys;         // [items]
    const nj_arguments *arguments; // where rounds are computed (item_options.h), and --quiet
} nj_embed_rows;

typedef struct {
    size_t kept;     // rows that `old` had
    size_t computed; // rows of the round
} nj_embed_counts;

/// Writes all rows behind nj_embed_output_begin. Threads and workers change no byte of them; none are started where nothing is to be computed.
///
/// Errors  those of nj_item_place_open, the executor and the work; NJ_INPUT: an old row that is not finite; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_embed_rows_write(const nj_embed_rows *rows, nj_embed_output *output,
                                         nj_embed_counts *out, nj_error *err);

#endif
