// flops.h - how much arithmetic a user is: the denominator of every speed that nightjar prints.
#ifndef NJ_WORKER_ENGINE_FLOPS_H
#define NJ_WORKER_ENGINE_FLOPS_H

#include "worker/engine/engine.h"

/// Floating-point operations (a multiply and an add are two) of one user with S encoder tokens: encoder products and attention, cross
/// keys and values, then 1 row at the first step and min(W, nodes of the level) rows at each later one: products, cross-attention,
/// logits. Norms, softmax and the decoder's self-attention over at most L positions are not counted. A language model: the prompt, of
/// whose last layer only keys, values and the last token are computed; the first step is the head alone, later rows are as T5's.
///
/// Proof   tests/unit/engine/test_engine.c, test_generator.c
double nj_engine_user_flops(const nj_engine *engine, uint32_t S);

#endif
