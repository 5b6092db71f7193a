#include "worker/engine/flops.h"

#include "worker/engine/engine_internal.h"

double nj_engine_user_flops(const nj_engine *engine, uint32_t S)
{
    const nj_trie *trie = &engine->catalogue.trie;
    double rows[NJ_LEVELS_MAX];
    for (uint32_t l = 0; l < trie->level_count; l++) {
        rows[l] = l == 0                                 ? 1
                  : trie->node_count[l] < engine->plan.W ? trie->node_count[l]
                                                         : engine->plan.W;
    }
    return nj_generator_flops(&engine->config, engine->prefix_count, S, rows, trie->level_count);
}
