#include "worker/engine/flops.h"

#include "worker/engine/engine_internal.h"

double nj_engine_user_flops(const nj_engine *engine, uint32_t S)
{
    const nj_t5_config *c = &engine->config;
    const nj_trie *trie = &engine->catalogue.trie;
    const double D = c->D;
    const double HE = (double)c->H * c->E;
    const double dense = 2 * (c->gated ? 3 : 2) * D * c->F;
    const double attention_products = 2 * (D * 3 * HE + HE * D);
    const double encoder = c->encoder_layers * S * (attention_products + dense + 4 * S * HE);
    const double cross = c->decoder_layers * 2.0 * S * D * 2 * HE;
    const double row =
        c->decoder_layers * (attention_products + 2 * (D * HE + HE * D) + dense + 4 * S * HE) +
        2 * D * c->V;
    double rows = 1;
    for (uint32_t l = 1; l < trie->level_count; l++) {
        rows += trie->node_count[l] < engine->plan.W ? trie->node_count[l] : engine->plan.W;
    }
    return encoder + cross + rows * row;
}
