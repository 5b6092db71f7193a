// engine_policy.c - the policy of a bundle behind the search: what the search gives goes through its stages, and what is short is filled.
//
//   search ─► nj_policies_list ─► short? ── a wider search may find more ──► again (engine_decode.c)
//                                   └────── near ─► popular ─► any ──► nj_policies_finish ─► list_slot
//
// Users without a history get their list the same way, without a search: pins, then what is popular.
#include "worker/engine/engine_internal.h"

#include <stdlib.h>

#include "common/base/checked.h"
#include "common/policy/policy_check.h"

// ---- opening ----

static nj_policies_inputs make_inputs(const nj_engine *engine)
{
    const nj_policy_sections *s = &engine->policy_sections;
    return (nj_policies_inputs){
        .policy = &s->policy,
        .catalogue = &engine->catalogue,
        .attributes = nj_policy_attributes(s),
        .vectors = nj_policy_vectors(s),
        .neighbours = nj_policy_neighbours(s),
        .trained_item_count = s->trained_item_count,
        .beam = nj_engine_beam(engine),
        .top = engine->settings.top,
        .reserve = engine->settings.reserve,
        .history_max =
            (uint32_t)nj_min_size(engine->history_max, engine->settings.history_items_max),
        .kernels = engine->options.kernels,
    };
}

static size_t popular_bytes(const nj_engine *engine)
{
    return ((size_t)engine->catalogue.trie.item_count + 1) * sizeof *engine->popular;
}

static nj_status check_bytes(nj_engine *engine, const nj_policies_inputs *inputs, nj_error *err)
{
    size_t bytes;
    if (!nj_add_size(nj_policies_bytes(inputs), popular_bytes(engine), &bytes)) {
        bytes = SIZE_MAX;
    }
    if (bytes > engine->options.bytes_max) {
        return nj_fail(err, NJ_CONFIG,
                       "the policy's tables need %zu bytes, at most %zu are allowed: give more",
                       bytes, engine->options.bytes_max);
    }
    engine->policy_bytes = bytes;
    return NJ_OK;
}

nj_status nj_engine_open_policy(nj_engine *engine, const nj_sections *sections, nj_error *err)
{
    nj_policy_sections *s = &engine->policy_sections;
    nj_status status = nj_policy_sections_open(sections, &engine->catalogue, s, err);
    if (status != NJ_OK || !s->acts) {
        return status;
    }
    status = nj_policy_check_night(&s->policy, nj_policy_attributes(s), &engine->catalogue,
                                   engine->settings.beam, engine->settings.top,
                                   "the bundle's policy", err);
    const nj_policies_inputs inputs = make_inputs(engine);
    if (status == NJ_OK) {
        status = check_bytes(engine, &inputs, err);
    }
    if (status == NJ_OK) {
        status = nj_policies_open(&inputs, &engine->policies, err);
    }
    return status;
}

void nj_engine_close_policy(nj_engine *engine)
{
    nj_policies_close(&engine->policies);
    free(engine->popular);
}

void nj_engine_policy_search(const nj_engine *engine, nj_beam_config *config)
{
    static const nj_beam_kind KINDS[] = {[NJ_SEARCH_BEAM] = NJ_BEAM_PLAIN,
                                         [NJ_SEARCH_DIVERSE] = NJ_BEAM_DIVERSE,
                                         [NJ_SEARCH_STOCHASTIC] = NJ_BEAM_STOCHASTIC};
    const nj_policy *policy = &engine->policy_sections.policy;
    config->kind = KINDS[policy->search];
    config->groups = policy->groups;
    config->penalty = policy->penalty;
    config->draw_temperature = policy->temperature;
    config->top_p = policy->top_p;
    config->leaves = nj_policies_pool(engine->policies) + engine->settings.reserve;
    config->trace = false; // a list depends on more than the prefixes that its search looks at
    const float *const *bias = nj_policies_node_bias(engine->policies);
    for (uint32_t l = 0; bias != NULL && l < engine->catalogue.trie.level_count; l++) {
        config->node_bias[l] = bias[l];
    }
}

uint32_t nj_engine_policy_wanted(const nj_engine *engine)
{
    const uint32_t pool = nj_policies_pool(engine->policies);
    const uint32_t top = engine->settings.top;
    return engine->policy_sections.policy.fill_widen || pool < top ? pool : top;
}

size_t nj_engine_policy_batch_bytes(const nj_engine *engine, uint32_t B)
{
    const size_t users = nj_arena_cost(B * sizeof(nj_policy_user)) +
                         nj_arena_cost(B * sizeof(uint64_t)); // and the keys of their draws
    const size_t cold = nj_policies_scratch_bytes(engine->policies, 1);
    size_t bytes;
    return nj_add_size(nj_max_size(nj_policies_scratch_bytes(engine->policies, B), cold), users,
                       &bytes)
               ? bytes
               : SIZE_MAX;
}

// ---- lists ----

// A list that is being filled.
typedef struct {
    nj_policies *policies;
    nj_policy_list *list;
} filled;

static bool take_item(void *context, const nj_candidate *item)
{
    filled *f = context;
    return nj_policies_add(f->policies, item, f->list);
}

static nj_fill make_fill(const nj_engine *engine)
{
    return (nj_fill){.trie = &engine->catalogue.trie,
                     .sids = &engine->catalogue.sids,
                     .counts = engine->catalogue.counts,
                     .popular = engine->popular,
                     .popular_count = engine->popular_count};
}

// Fills the list that was chosen last, a step at a time, until it is full.
static void fill_list(nj_engine *engine, const engine_mask *mask, bool near, bool popular, bool any,
                      nj_policy_list *list)
{
    const uint32_t top = engine->settings.top;
    const nj_fill fill = make_fill(engine);
    filled f = {engine->policies, list};
    nj_fill_taker taker = {&f, take_item, top - list->count};
    if (near && taker.wanted > 0) {
        nj_fill_near(&fill, list->items, list->count, &taker);
        taker.wanted = top - list->count;
    }
    if (popular && taker.wanted > 0) {
        nj_fill_popular(&fill, mask->popular_total, &taker);
        taker.wanted = top - list->count;
    }
    if (any && taker.wanted > 0) {
        nj_fill_any(&fill, &taker);
    }
}

static uint32_t flags_from(uint32_t sources)
{
    static const struct {
        uint32_t source, flag;
    } ROWS[] = {{NJ_SOURCE_PIN, NJ_ROW_PINNED},
                {NJ_SOURCE_COLD, NJ_ROW_COLD_ITEMS},
                {NJ_SOURCE_BORROWED, NJ_ROW_COLD_ITEMS},
                {NJ_SOURCE_NEAR, NJ_ROW_NEAR},
                {NJ_SOURCE_POPULAR, NJ_ROW_POPULAR}};
    uint32_t flags = 0;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        flags |= (sources >> ROWS[i].source & 1u) != 0 ? ROWS[i].flag : 0;
    }
    return flags;
}

static void copy_list(const nj_policy_list *list, list_slot *out)
{
    out->count = list->count;
    out->flags |= flags_from(list->sources);
    for (uint32_t i = 0; i < list->count; i++) {
        const nj_candidate *item = &list->items[i];
        out->items[i] = item->row;
        out->scores[i] = item->score;
        if (out->why != NULL) {
            out->why[i] = (nj_why){.source = item->source, .raw = item->raw};
            memcpy(out->why[i].adjust, item->adjust, sizeof item->adjust);
        }
    }
}

static uint32_t find_reserve(nj_engine *engine, const nj_beam_result *result, uint32_t *rows)
{
    return engine->settings.reserve > 0 ? nj_policies_reserve(engine->policies, result, rows) : 0;
}

// A reserve that is being filled.
typedef struct {
    nj_policies *policies;
    list_slot *list;
} followed;

static bool take_follower(void *context, const nj_candidate *item)
{
    followed *f = context;
    const bool taken = nj_policies_follow(f->policies, item->row);
    if (taken) {
        f->list->reserve[f->list->reserve_count++] = item->row;
    }
    return taken;
}

// The reserve of a user without a history goes on with what is popular, as his list does.
static void add_popular(nj_engine *engine, const engine_mask *mask, list_slot *list)
{
    const nj_fill fill = make_fill(engine);
    followed f = {engine->policies, list};
    const nj_fill_taker taker = {&f, take_follower, engine->settings.reserve - list->reserve_count};
    if (taker.wanted > 0) {
        nj_fill_popular(&fill, mask->popular_total, &taker);
    }
}

// Items that the search found for a user, as many as are asked about.
static uint32_t count_found(const nj_engine *engine, const nj_beam_result *result,
                            const nj_exclusions *exclusions)
{
    const uint32_t wanted = engine->wanted;
    uint32_t found = 0;
    for (uint32_t i = 0; i < result->count && found < wanted; i++) {
        uint32_t count;
        const uint32_t *rows = nj_beam_result_rows(&engine->catalogue.trie, result, i, &count);
        for (uint32_t k = 0; k < count && found < wanted; k++) {
            found += !nj_excluded(exclusions, rows[k]);
        }
    }
    return found;
}

// A search as wide as the items wanted and those that the user excludes finds enough, if it is to be found: with top_p it may not be, and a
// wider one would find no more. The bound is his own, and not what others exclude.
static bool may_widen(const nj_engine *engine, const engine_mask *mask,
                      const nj_exclusions *exclusions, uint32_t W)
{
    return W < mask->W_wide &&
           nj_engine_reach(engine, W) < (uint64_t)engine->wanted + exclusions->count;
}

bool nj_engine_policy_list(nj_engine *engine, uint32_t user, const engine_mask *mask,
                           const nj_exclusions *exclusions, const nj_beam_result *result,
                           uint32_t W, list_slot *out)
{
    const nj_policy *policy = &engine->policy_sections.policy;
    nj_policy_list list;
    nj_policies_list(engine->policies, user, result, &list);
    if (list.count < engine->settings.top && may_widen(engine, mask, exclusions, W) &&
        count_found(engine, result, exclusions) < engine->wanted) {
        return false;
    }
    fill_list(engine, mask, policy->fill_near, policy->fill_popular, policy->fill_popular, &list);
    nj_policies_finish(engine->policies, &list);
    copy_list(&list, out);
    out->reserve_count = find_reserve(engine, result, out->reserve);
    return true;
}

void nj_engine_policy_cold_list(nj_engine *engine, const nj_request *request,
                                const engine_mask *mask, const nj_exclusions *exclusions,
                                list_slot *out)
{
    const nj_policy_user user = {.id = request->user, .exclusions = exclusions};
    const size_t mark = nj_arena_mark(&engine->batch_arena);
    nj_policy_list list;
    nj_policies_begin(engine->policies, &user, 1, &engine->batch_arena);
    nj_policies_list(engine->policies, 0, NULL, &list);
    fill_list(engine, mask, false, true, engine->policy_sections.policy.fill_popular, &list);
    nj_policies_finish(engine->policies, &list);
    copy_list(&list, out);
    out->reserve_count = find_reserve(engine, NULL, out->reserve);
    add_popular(engine, mask, out);
    out->flags &= ~(uint32_t)NJ_ROW_POPULAR; // that is what the list of a cold user is
    nj_arena_rewind(&engine->batch_arena, mark);
}
