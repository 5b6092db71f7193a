#include "worker/engine/flops.h"

#include "common/base/checked.h"
#include "worker/engine/engine_internal.h"

// Beams of step t in a search for SIDs.
static double count_rows(const nj_engine *engine, uint32_t t)
{
    return (double)nj_min_size(engine->catalogue.trie.node_count[t], engine->plan.W);
}

double nj_engine_user_flops(const nj_engine *engine, uint32_t S)
{
    double rows[NJ_ANSWER_TOKENS_MAX];
    const bool strings = nj_engine_says_strings(engine);
    const uint32_t steps = engine->limits.steps_max;
    for (uint32_t t = 0; t < steps; t++) {
        rows[t] = t == 0 ? 1 : strings ? engine->plan.W : count_rows(engine, t);
    }
    return nj_generator_flops(&engine->config, engine->prefix_count, S, rows, steps);
}
