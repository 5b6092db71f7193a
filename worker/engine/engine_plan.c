// engine_plan.c - how much memory one batch takes, and how wide a search may become.
#include "worker/engine/engine_internal.h"

#include "common/base/checked.h"

// Enough rows for the products to run at speed, few enough that their activations stay in L2.
#define CHUNK_ROWS 192

// True when no wider search can find another leaf.
static bool covers_trie(const nj_engine *engine, uint32_t W)
{
    const nj_trie *trie = &engine->catalogue.trie;
    for (uint32_t l = 1; l < trie->level_count; l++) {
        if (trie->node_count[l] > W) {
            return false;
        }
    }
    return W >= nj_min_size(engine->settings.top, nj_trie_width(trie));
}

static nj_t5_limits limits_for(const nj_engine *engine, uint32_t B, uint32_t W)
{
    size_t rows = nj_max_size(nj_beam_rows_max(&engine->catalogue.trie, B, W), B);
    return (nj_t5_limits){
        .users_max = B,
        .tokens_max = B * engine->plan.S,
        .sequence_max = engine->plan.S,
        .rows_max = (uint32_t)nj_min_size(rows, UINT32_MAX),
        .chunk_rows_max = engine->chunk_rows,
        .steps_max = engine->catalogue.trie.level_count,
    };
}

static size_t search_bytes(const nj_engine *engine, const nj_t5_limits *limits, uint32_t B,
                           uint32_t W)
{
    size_t model = nj_t5_scratch_bytes(&engine->config, limits);
    size_t beam = nj_beam_scratch_bytes(&engine->catalogue.trie, B, W, engine->config.V,
                                        limits->chunk_rows_max);
    size_t results = nj_arena_cost(B * sizeof(nj_beam_result));
    size_t total;
    if (!nj_add_size(model, beam, &total) || !nj_add_size(total, results, &total)) {
        return SIZE_MAX;
    }
    return total;
}

static size_t batch_bytes(const nj_engine *engine)
{
    size_t B = engine->plan.B;
    size_t top = engine->settings.top;
    size_t tokens = nj_arena_cost(B * engine->plan.S * sizeof(uint32_t)) +
                    nj_arena_cost((B + 1) * sizeof(uint32_t));
    size_t exclusions = nj_arena_cost(B * sizeof(nj_exclusions)) +
                        B * nj_arena_cost(engine->settings.exclusions_max * sizeof(uint32_t));
    size_t lists =
        nj_arena_cost(B * sizeof(list_slot)) + 2 * B * nj_arena_cost(top * sizeof(uint32_t));
    size_t batch = nj_arena_cost(B * sizeof(size_t));
    return tokens + exclusions + lists + batch;
}

// W beams lose at most `exclusions_max` leaves, so top + exclusions_max beams always leave `top` items, or reach every leaf. So a
// user's list does not depend on how wide others may have to go, unless NJ_ENGINE_WIDE_BYTES_MAX ends the widening.
static void plan_wide_search(nj_engine *engine)
{
    const uint32_t enough = engine->settings.top + engine->settings.exclusions_max;
    uint32_t W = engine->plan.W;
    while (!engine->settings.keep_history && W < enough && !covers_trie(engine, W)) {
        nj_t5_limits limits = limits_for(engine, 1, 2 * W);
        if (search_bytes(engine, &limits, 1, 2 * W) > NJ_ENGINE_WIDE_BYTES_MAX) {
            break;
        }
        W *= 2;
    }
    engine->plan.W_wide = W;
    engine->wide_limits = limits_for(engine, 1, W);
}

nj_status nj_engine_make_plan(nj_engine *engine, nj_error *err)
{
    const uint32_t batch_users = engine->options.batch_users;
    const nj_settings *settings = &engine->settings;
    uint32_t history = settings->history > 0 ? settings->history : engine->catalogue.history_max;
    engine->history_max = (uint32_t)nj_min_size(history, engine->catalogue.history_max);
    engine->chunk_rows = CHUNK_ROWS;
    engine->beam = (nj_beam_config){.W = (uint32_t)nj_max_size(settings->beam, settings->top),
                                    .start_token = engine->config.start_token,
                                    .temperature = settings->temperature,
                                    .renormalise = settings->renormalise};
    const bool bounded = (engine->options.savings & NJ_SAVING_LAST_STEP) != 0;
    engine->beam.leaves = bounded ? settings->top : engine->beam.W;
    for (uint32_t l = 0; l < engine->catalogue.sids.level_count; l++) {
        engine->beam.token_base[l] = engine->catalogue.token_base[l];
    }
    uint32_t items =
        (uint32_t)nj_max_size(1, nj_min_size(engine->history_max, settings->history_items_max));
    engine->plan.B = batch_users;
    engine->plan.W = engine->beam.W;
    engine->plan.S = (uint32_t)nj_template_tokens_max(&engine->catalogue.template,
                                                      engine->catalogue.sids.level_count, items);
    engine->limits = limits_for(engine, batch_users, engine->plan.W);
    plan_wide_search(engine);
    engine->batch_bytes = batch_bytes(engine);
    engine->search_bytes =
        nj_max_size(search_bytes(engine, &engine->limits, batch_users, engine->plan.W),
                    search_bytes(engine, &engine->wide_limits, 1, engine->plan.W_wide));
    engine->plan.model_bytes =
        nj_t5_model_bytes(&engine->config, engine->options.kernels, engine->options.savings);
    if (engine->plan.model_bytes > SIZE_MAX / 4 ||
        !nj_add_size(engine->batch_bytes, engine->search_bytes, &engine->plan.scratch_bytes)) {
        return nj_fail(err, NJ_CONFIG,
                       "a batch of %u users with %u beams and %u tokens does not fit in memory",
                       batch_users, engine->plan.W, engine->plan.S);
    }
    return NJ_OK;
}
