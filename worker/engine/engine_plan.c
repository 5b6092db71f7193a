// engine_plan.c - how much memory one batch takes, and how wide a search may become.
#include "worker/engine/engine_internal.h"

#include "common/base/checked.h"

// Enough rows for the products to run at speed, few enough that their activations stay in L2.
#define CHUNK_ROWS 192

// A search for items finds at most W of them. A list is said by one beam, and so is a text.
uint32_t nj_engine_beam(const nj_engine *engine)
{
    const nj_settings *settings = &engine->settings;
    const nj_prompt_answer says = engine->prompt.answer;
    return says == NJ_SAYS_LIST || says == NJ_SAYS_TEXT || settings->beam > settings->top
               ? settings->beam
               : settings->top;
}

static nj_beam_config beam_of_width(const nj_engine *engine, uint32_t W)
{
    nj_beam_config config = engine->beam;
    config.W = W;
    return config;
}

uint32_t nj_engine_reach(const nj_engine *engine, uint32_t W)
{
    const nj_beam_config config = beam_of_width(engine, W);
    return nj_beam_group_width(&config);
}

static bool covers_trie(const nj_engine *engine, const uint32_t node_count[NJ_LEVELS_MAX + 1],
                        uint32_t W)
{
    const uint32_t L = engine->catalogue.trie.level_count;
    const uint32_t width = nj_engine_reach(engine, W);
    for (uint32_t l = 1; l < L; l++) {
        if (node_count[l] > width) {
            return false;
        }
    }
    return width >= nj_min_size(engine->wanted, node_count[L]);
}

bool nj_engine_covers(const nj_engine *engine, const nj_eligible *eligible, uint32_t W)
{
    return nj_engine_says_strings(engine)
               ? nj_engine_answer_covers(engine, eligible, W)
               : covers_trie(engine,
                             eligible != NULL ? eligible->node_count
                                              : engine->catalogue.trie.node_count,
                             W);
}

static size_t rows_max(const nj_engine *engine, uint32_t B, uint32_t W)
{
    const nj_beam_config config = beam_of_width(engine, W);
    return nj_engine_says_strings(engine) ? nj_engine_answer_rows(engine, W, B)
                                          : nj_beam_rows_max(&engine->catalogue.trie, &config, B);
}

static nj_model_limits limits_for(const nj_engine *engine, uint32_t B, uint32_t W, uint32_t S)
{
    const size_t rows = nj_max_size(rows_max(engine, B, W), B);
    return (nj_model_limits){
        .users_max = B,
        .tokens_max = B * S,
        .sequence_max = S,
        .rows_max = (uint32_t)nj_min_size(rows, UINT32_MAX),
        .chunk_rows_max = engine->chunk_rows,
        .steps_max = nj_engine_says_strings(engine) ? nj_engine_answer_steps(engine)
                                                    : engine->catalogue.trie.level_count,
    };
}

static size_t found_bytes(const nj_engine *engine, uint32_t B, uint32_t W, uint32_t chunk_rows_max)
{
    if (nj_engine_says_strings(engine)) {
        return nj_engine_answer_bytes(engine, W, B, chunk_rows_max);
    }
    const nj_beam_config config = beam_of_width(engine, W);
    return nj_beam_scratch_bytes(&engine->catalogue.trie, &config, B, engine->config.V,
                                 chunk_rows_max);
}

static size_t search_bytes(const nj_engine *engine, const nj_model_limits *limits, uint32_t B,
                           uint32_t W)
{
    size_t model = nj_generator_scratch_bytes(&engine->config, limits, engine->prefix_count);
    size_t beam = found_bytes(engine, B, W, limits->chunk_rows_max);
    size_t results = nj_arena_cost(B * sizeof(nj_beam_result));
    size_t total;
    if (!nj_add_size(model, beam, &total) || !nj_add_size(total, results, &total)) {
        return SIZE_MAX;
    }
    return total;
}

// What a user of a batch holds, his tokens and the lists of his search aside.
static size_t user_bytes(const nj_engine *engine)
{
    return nj_arena_cost(engine->settings.exclusions_max * sizeof(uint32_t)) +
           nj_engine_candidates_bytes(engine);
}

static size_t slot_bytes(const nj_engine *engine)
{
    return 2 * nj_arena_cost(engine->settings.top * sizeof(uint32_t)) +
           nj_arena_cost(engine->trace_max * sizeof(uint32_t)) +
           nj_arena_cost(engine->why_count * sizeof(nj_why)) + nj_arena_cost(engine->text_max) +
           nj_arena_cost(engine->settings.reserve * sizeof(uint32_t));
}

static size_t batch_bytes(const nj_engine *engine)
{
    const size_t B = engine->plan.B;
    const size_t tokens = nj_arena_cost(B * engine->plan.S * sizeof(uint32_t));
    const size_t parts[] = {
        tokens,
        engine->word_count > 0 ? tokens : 0,
        nj_arena_cost((B + 1) * sizeof(uint32_t)),
        nj_arena_cost(B * sizeof(nj_exclusions)),
        nj_arena_cost(B * sizeof(engine_mask)),
        nj_arena_cost(B * sizeof(list_slot)),
        B * user_bytes(engine),
        B * slot_bytes(engine),
        nj_engine_candidates_bytes(engine), // of a cold user
        nj_arena_cost(B * NJ_ENGINE_MEMBERS_A_SEARCH * sizeof(member)),
        nj_arena_cost(B * sizeof(size_t)),
        nj_arena_cost(B * sizeof(nj_digest)),
        engine->policies != NULL ? nj_engine_policy_batch_bytes(engine, (uint32_t)B) : 0,
    };
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!nj_add_size(bytes, parts[i], &bytes)) {
            return SIZE_MAX;
        }
    }
    return bytes;
}

// What the reserve adds to the search of one user: the answers that are kept, of items that are said.
static size_t reserve_bytes(const nj_engine *engine)
{
    if (engine->prompt.answer != NJ_SAYS_ITEM) {
        return 0;
    }
    const size_t listed = engine->answer.wanted - engine->settings.reserve;
    return 3 * (nj_arena_cost(engine->answer.wanted * sizeof(uint32_t)) -
                nj_arena_cost(listed * sizeof(uint32_t)));
}

// W beams lose at most `exclusions_max` leaves, so top + exclusions_max beams always leave `top` items, or reach every leaf. Where
// NJ_ENGINE_WIDE_BYTES_MAX ends the widening before, it does so for the longest history that the settings allow, not for the longest
// that somebody has: a user's list depends on no other user, and may be copied into a night that has others. A user with fewer eligible
// items is widened no further than they reach (engine_masks.c).
//
// The reserve is no reason to search wider, and its few bytes end no widening: a list is the same with it and without.
static void plan_wide_search(nj_engine *engine)
{
    const size_t bytes_max = NJ_ENGINE_WIDE_BYTES_MAX + reserve_bytes(engine);
    const uint32_t enough = engine->wanted + engine->settings.exclusions_max;
    const uint32_t S = nj_engine_longest_prompt(engine, engine->history_max, UINT32_MAX);
    uint32_t W = engine->plan.W;
    while (nj_engine_reach(engine, W) < enough && !nj_engine_covers(engine, NULL, W)) {
        nj_model_limits limits = limits_for(engine, 1, 2 * W, S);
        if (search_bytes(engine, &limits, 1, 2 * W) > bytes_max) {
            break;
        }
        W *= 2;
    }
    engine->plan.W_wide = W;
    engine->wide_limits = limits_for(engine, 1, W, engine->plan.S);
}

static void plan_search(nj_engine *engine)
{
    const nj_settings *settings = &engine->settings;
    engine->beam = (nj_beam_config){.W = nj_engine_beam(engine),
                                    .start_token = engine->config.start_token,
                                    .temperature = settings->temperature,
                                    .renormalise = settings->renormalise};
    const bool bounded = (engine->options.savings & NJ_SAVING_LAST_STEP) != 0;
    // More leaves change none of the first: what is behind the list's is there for its reserve.
    const uint32_t listed = settings->top + settings->reserve;
    engine->beam.leaves = bounded || engine->beam.W < listed ? listed : engine->beam.W;
    engine->wanted = settings->top;
    if (engine->policies != NULL) {
        nj_engine_policy_search(engine, &engine->beam);
        engine->wanted = nj_engine_policy_wanted(engine);
    }
    if (nj_engine_says_strings(engine)) {
        nj_engine_plan_answer(engine);
    }
    // A search that looks at more than a row may hold leaves no trace, nor does a policy: its lists depend on more. Strings have no prefixes
    // of SIDs.
    size_t traced = nj_beam_trace_max(&engine->catalogue.trie, &engine->beam);
    engine->beam.trace = settings->trace && traced <= NJ_ROW_TRACE_MAX &&
                         engine->policies == NULL && !nj_engine_says_strings(engine);
    engine->why_count = settings->why ? settings->top : 0;
    engine->trace_max = engine->beam.trace ? (uint32_t)traced : 0;
    for (uint32_t l = 0; l < engine->catalogue.sids.level_count; l++) {
        engine->beam.token_base[l] = engine->catalogue.token_base[l];
    }
}

nj_generator_use nj_engine_use(const nj_engine *engine)
{
    return (nj_generator_use){.prefix = engine->prefix,
                              .prefix_count = engine->prefix_count,
                              .vectors = engine->prompt.has_vectors ? &engine->vectors : NULL,
                              .sequence_max = engine->plan.S,
                              .steps_max = engine->limits.steps_max};
}

// All but the scratch: what stays the same whatever is decoded.
static size_t table_bytes(const nj_engine *engine)
{
    const nj_generator_use use = nj_engine_use(engine);
    const size_t model = nj_generator_model_bytes(&engine->config, engine->options.kernels,
                                                  engine->options.savings, &use);
    size_t bytes;
    return nj_add_size(model, sizeof(nj_engine), &bytes) && // templates of prompts are in it
                   nj_add_size(bytes, nj_engine_masks_bytes(engine), &bytes) &&
                   nj_add_size(bytes, engine->policy_bytes, &bytes) &&
                   nj_add_size(bytes, nj_engine_prompt_bytes(engine), &bytes)
               ? bytes
               : SIZE_MAX;
}

nj_status nj_engine_make_plan(nj_engine *engine, nj_error *err)
{
    const uint32_t batch_users = engine->options.batch_users;
    const nj_settings *settings = &engine->settings;
    engine->chunk_rows = CHUNK_ROWS;
    plan_search(engine);
    engine->plan.B = batch_users;
    engine->plan.history_max = engine->history_max;
    engine->plan.prefix_tokens = engine->prefix_count;
    engine->plan.W = engine->beam.W;
    engine->plan.S = nj_engine_longest_prompt(
        engine, (uint32_t)nj_min_size(engine->history_max, settings->history_items_max),
        settings->candidates_max);
    engine->limits = limits_for(engine, batch_users, engine->plan.W, engine->plan.S);
    plan_wide_search(engine);
    engine->batch_bytes = batch_bytes(engine);
    engine->search_bytes =
        nj_max_size(search_bytes(engine, &engine->limits, batch_users, engine->plan.W),
                    search_bytes(engine, &engine->wide_limits, 1, engine->plan.W_wide));
    engine->plan.model_bytes = table_bytes(engine);
    engine->same_bytes = nj_same_bytes(engine);
    if (engine->plan.model_bytes > SIZE_MAX / 4 ||
        !nj_add_size(engine->batch_bytes, engine->search_bytes, &engine->plan.scratch_bytes) ||
        !nj_add_size(engine->same_bytes, engine->plan.scratch_bytes, &engine->plan.scratch_bytes)) {
        return nj_fail(err, NJ_CONFIG,
                       "a batch of %u users with %u beams and %u tokens does not fit in memory",
                       batch_users, engine->plan.W, engine->plan.S);
    }
    return NJ_OK;
}
