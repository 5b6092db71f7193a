// encode_rows.h - the codes of every row of an array: one round over items.
//
//   rows [N, D_in] ─► shards ─► [transform] ─► encoder ─► codes [N, L], squared errors added up shard after shard
//             └─► fingerprint of the values, on a thread beside
//
// Sections besides "rows", all of this round: codebook.<l> f32, offset.<l> u32 (hierarchical), mean, scale, matrix, weight.<i>, bias.<i>
// f32. Answer, little-endian: f64 [L] squared errors of the shard, u16 [rows, L] codes.
#ifndef NJ_CATALOGUE_ENCODE_ROWS_H
#define NJ_CATALOGUE_ENCODE_ROWS_H

#include <stdbool.h>

#include "common/base/digest.h"
#include "common/catalogue/item_round.h"
#include "common/quant/encoder.h"

#define NJ_ENCODE_SHARD_BYTES (4u << 20) // of rows as float32: 20 ms of a core at D = 768
#define NJ_ENCODE_SHARD_ROWS_MIN 256
#define NJ_ENCODE_SHARD_ROWS_MAX 65536

typedef struct {
    const nj_npy *rows; // [N, D_in]
    const char *path;   // the file that `rows` was opened from
    const nj_codebooks *codebooks;
    const nj_transform *transform;    // nullable
    nj_encoder_options options;       // kernels are those of this process; workers choose their own
    const nj_item_executor *executor; // NULL: this thread
    bool quiet;                       // no progress on stderr
} nj_encode_job;

/// Finds the codes of all rows. They, the error's bits and the digest do not depend on the executor.
///
///   codes         [N, codes_stride]  out  the first L of every row; codes_stride >= L
///   out_error                        out  over all rows
///   out_digest                       out  of N, D_in and the values as float32 in row order, however they are stored
///
/// Errors  NJ_INPUT: a value that is not finite (row and column), and what nj_encoder_new and nj_encoder_encode say; what the executor
///         says
/// Memory  an encoder a thread, and the answers that wait
/// Proof   tests/unit/catalogue/test_encode_rows.c
NJ_CHECKED nj_status nj_encode_rows(const nj_encode_job *job, uint16_t *codes, size_t codes_stride,
                                    nj_quant_error *out_error, nj_digest *out_digest,
                                    nj_error *err);

extern const nj_item_work nj_item_work_encode_rows;

#endif
