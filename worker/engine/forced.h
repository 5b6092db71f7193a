// forced.h - teacher forcing: how probable a model finds items that are given to it, token by token.
//
//   tokens of B users ──► model ──► step t gets the given token t-1, whatever the model would have chosen
//                                        log p(token t | tokens before, history), over all V tokens
//
// The search does not need it; judging whether a model knows a catalogue does (pairing.h).
#ifndef NJ_WORKER_ENGINE_FORCED_H
#define NJ_WORKER_ENGINE_FORCED_H

#include <stdint.h>

#include "common/base/error.h"
#include "common/input/safetensors.h"
#include "worker/engine/generator.h"

#define NJ_FORCED_BATCH 16 // users computed together, at the most

typedef struct nj_forced nj_forced;

/// Opens a model with the fastest kernels of class "exact" and takes all the memory that it will need.
///
///   weights  a "weights" section; borrowed until nj_forced_close
///   S        the longest sequence of a user, in tokens; 1 or more
///   L        tokens of an item, 1..NJ_LEVELS_MAX
///
/// Errors  those of nj_generator_open; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_forced_open(const nj_generator_config *config, const nj_tensor_set *weights,
                                    uint32_t S, uint32_t L, nj_forced **out, nj_error *err);
/// Accepts NULL in *forced and leaves NULL.
void nj_forced_close(nj_forced **forced);

/// Scores one given item for each of B users. Shapes, offsets and tokens are the caller's own: what breaks them asserts.
///
///   tokens   [offset[B]]  a user's tokens, each below V
///   offset   [B + 1]      user b's are offset[b] .. offset[b+1], 1 to S of them; offset[0] = 0; B is 1..NJ_FORCED_BATCH
///   targets  [B, L]       tokens of the given items, each below V
///   out      [B, L]       natural logarithms of probabilities; NaN or infinity where the model gives them
///
/// Order   a user's bits do not depend on the other users of the batch
/// Proof   tests/parity/test_forced.c against Transformers' logits
void nj_forced_score(nj_forced *forced, const uint32_t *tokens, const uint32_t *offset, uint32_t B,
                     const uint32_t *targets, float *out);

#endif
