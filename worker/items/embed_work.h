// embed_work.h - the vectors of texts as one round over items: on threads of this process, or on the workers of the night.
//
//   tokens of all texts, end to end ─┐
//   rows [N, 2]: first token, count ─┼─► shards ─► encoder ─► vectors [rows, width], little-endian float32
//   weights, config ─────────────────┘
//
// Sections: "rows" u64, "tokens" u32, "weights" (nj_encoder_weights_load); parameters: nj_embed_parameters. A vector depends on its text's tokens
// alone, so neither shards nor workers change a bit; a worker whose kernels are of another numeric class refuses the round.
#ifndef NJ_WORKER_ITEMS_EMBED_WORK_H
#define NJ_WORKER_ITEMS_EMBED_WORK_H

#include "common/catalogue/item_round.h"
#include "worker/encoder/encoder.h"

#define NJ_EMBED_TOKENS "tokens"
#define NJ_EMBED_WEIGHTS "weights"
#define NJ_EMBED_COLUMNS 2             // of rows
#define NJ_EMBED_WORKERS_CLASS "exact" // what workers compute rounds over items in
#define NJ_EMBED_SHARD_ROWS 64         // a third of a second of a core for a model of 22 M weights

/// Appends what workers are told beside the sections. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_embed_parameters(const nj_encoder_config *config, const char *numeric_class,
                                         nj_buffer *out, nj_error *err);

/// Proof  tests/unit/items/test_embed_work.c, tests/integration/0380-embed-on-workers.t
extern const nj_item_work nj_item_work_embed_texts;

#endif
