#include "worker/policy/policies_internal.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

// ---- sizes ----

static uint32_t find_pool(const nj_policies_inputs *inputs)
{
    const uint32_t pool = inputs->policy->pool > 0 ? inputs->policy->pool : inputs->beam;
    return pool > inputs->top ? pool : inputs->top;
}

// Candidates before the best are cut off; and those that go on, with what a list takes beside them.
static uint32_t find_room(const nj_policy *policy, uint32_t pool, uint32_t top)
{
    const uint32_t neighbours = policy->neighbour_weight > 0 ? policy->neighbour_count : 0;
    const uint32_t borrowed = policy->borrow_levels > 0 ? pool : 0;
    return pool + neighbours + borrowed + policy->pin_count + policy->cold_places + top;
}

static bool has_cold(const nj_policy *policy)
{
    return policy->cold_places > 0 || policy->borrow_levels > 0;
}

static nj_cold_inputs make_cold_inputs(const nj_policies_inputs *inputs, const uint64_t *denied)
{
    return (nj_cold_inputs){.policy = inputs->policy,
                            .catalogue = inputs->catalogue,
                            .vectors = inputs->vectors,
                            .denied = denied,
                            .trained_item_count = inputs->trained_item_count,
                            .kernels = inputs->kernels};
}

static size_t add_all(const size_t *parts, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (!nj_add_size(total, parts[i], &total)) {
            return SIZE_MAX;
        }
    }
    return total;
}

size_t nj_policies_bytes(const nj_policies_inputs *inputs)
{
    const nj_trie *trie = &inputs->catalogue->trie;
    const size_t bits = nj_bits_words(inputs->catalogue->sids.row_count) * sizeof(uint64_t);
    const nj_cold_inputs cold = make_cold_inputs(inputs, NULL);
    const size_t parts[] = {
        sizeof(nj_policies), 2 * bits, nj_prior_table_bytes(trie, inputs->policy),
        nj_fresh_bytes(inputs->policy, trie),
        has_cold(inputs->policy) ? nj_cold_bytes(&cold, nj_cold_count(&cold)) : 0};
    return add_all(parts, sizeof parts / sizeof *parts);
}

// ---- opening ----

static bool is_denied(const nj_policies *policies, uint32_t row)
{
    const nj_policy *policy = &policies->policy;
    for (uint32_t i = 0; i < policy->deny_count; i++) {
        if (nj_policies_matches(policies, &policy->deny[i], row)) {
            return true;
        }
    }
    return false;
}

static nj_status make_rows(nj_policies *policies, nj_error *err)
{
    const nj_trie *trie = &policies->inputs.catalogue->trie;
    const uint32_t N = policies->inputs.catalogue->sids.row_count;
    const size_t words = nj_bits_words(N);
    policies->listable = calloc(words, sizeof *policies->listable);
    policies->denied = calloc(words, sizeof *policies->denied);
    if (policies->listable == NULL || policies->denied == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for what lists may have of %u items", N);
    }
    uint32_t denied = 0;
    for (uint32_t row = 0; row < N && policies->policy.deny_count > 0; row++) {
        if (is_denied(policies, row)) {
            nj_bits_add(policies->denied, row);
            denied++;
        }
    }
    for (uint32_t i = 0; i < trie->item_count; i++) {
        nj_bits_add(policies->listable, trie->items[i]);
    }
    for (size_t i = 0; i < words; i++) {
        policies->listable[i] &= ~policies->denied[i];
    }
    if (denied == 0) {
        free(policies->denied);
        policies->denied = NULL;
    }
    return NJ_OK;
}

static nj_status make_priors(nj_policies *policies, nj_error *err)
{
    const nj_catalogue_view *catalogue = policies->inputs.catalogue;
    nj_status status = nj_prior_table_init(&catalogue->trie, catalogue->counts, &policies->policy,
                                           &policies->priors, err);
    policies->has_priors = policies->priors.memory != NULL;
    return status;
}

static nj_status open_cold(nj_policies *policies, nj_error *err)
{
    if (!has_cold(&policies->policy)) {
        return NJ_OK;
    }
    const nj_cold_inputs cold = make_cold_inputs(&policies->inputs, policies->denied);
    return nj_cold_open(&cold, &policies->cold, err);
}

static void copy_inputs(nj_policies *policies, const nj_policies_inputs *inputs)
{
    policies->policy = *inputs->policy;
    policies->inputs = *inputs;
    policies->inputs.policy = &policies->policy;
    policies->pool_max = find_pool(inputs);
    policies->room = find_room(inputs->policy, policies->pool_max, inputs->top);
    policies->rules = (nj_constraint_rules){.policy = &policies->policy,
                                            .attributes = inputs->attributes,
                                            .sids = &inputs->catalogue->sids,
                                            .top = inputs->top,
                                            .reserve = inputs->reserve};
    policies->rerank = (nj_rerank_inputs){.policy = &policies->policy,
                                          .sids = &inputs->catalogue->sids,
                                          .vectors = inputs->vectors,
                                          .attributes = inputs->attributes,
                                          .kernels = inputs->kernels,
                                          .top = inputs->top,
                                          .pool_max = policies->room,
                                          .history_max = inputs->history_max};
    if (inputs->policy->neighbour_weight > 0) {
        nj_neighbour_source_init(inputs->neighbours, inputs->policy->neighbour_count,
                                 (double)inputs->policy->neighbour_fading, inputs->history_max,
                                 &policies->neighbours);
    }
}

nj_status nj_policies_open(const nj_policies_inputs *inputs, nj_policies **out, nj_error *err)
{
    nj_status status = nj_policies_check(inputs, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_policies *policies = calloc(1, sizeof *policies);
    if (policies == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the policies");
    }
    copy_inputs(policies, inputs);
    status = nj_rerank_check(&policies->rerank, err);
    if (status == NJ_OK) {
        status = make_rows(policies, err);
    }
    if (status == NJ_OK) {
        status = make_priors(policies, err);
    }
    if (status == NJ_OK) {
        status = nj_fresh_init(&policies->policy, inputs->catalogue, inputs->attributes,
                               policies->listable, inputs->top, &policies->fresh, err);
    }
    if (status == NJ_OK) {
        status = open_cold(policies, err);
    }
    if (status != NJ_OK) {
        nj_policies_close(&policies);
        return status;
    }
    *out = policies;
    return NJ_OK;
}

void nj_policies_close(nj_policies **policies)
{
    nj_policies *p = *policies;
    if (p == NULL) {
        return;
    }
    nj_cold_close(&p->cold);
    nj_fresh_fini(&p->fresh);
    nj_prior_table_fini(&p->priors);
    free(p->listable);
    free(p->denied);
    free(p);
    *policies = NULL;
}

uint32_t nj_policies_pool(const nj_policies *policies)
{
    return policies->pool_max;
}

const float *const *nj_policies_node_bias(const nj_policies *policies)
{
    return policies->has_priors ? policies->priors.bias : NULL;
}

const uint64_t *nj_policies_denied(const nj_policies *policies)
{
    return policies->denied;
}

// ---- a batch ----

static bool has_neighbours(const nj_policies *policies)
{
    return policies->neighbours.most > 0;
}

static size_t list_bytes(const nj_policies *policies)
{
    const size_t top = policies->inputs.top;
    const size_t pool = nj_arena_cost(policies->room * sizeof(nj_candidate));
    const size_t parts[] = {nj_constraints_bytes(&policies->rules), pool, pool,
                            3 * nj_arena_cost(top * sizeof(nj_candidate)),
                            2 * nj_arena_cost(top * sizeof(uint32_t))};
    return add_all(parts, sizeof parts / sizeof *parts);
}

// Used for one list and given back.
static size_t passing_bytes(const nj_policies *policies)
{
    const size_t borrow =
        policies->policy.borrow_levels > 0 ? nj_cold_borrow_bytes(policies->cold) : 0;
    return nj_max_size(borrow, nj_rerank_scratch_bytes(&policies->rerank));
}

size_t nj_policies_scratch_bytes(const nj_policies *policies, uint32_t B)
{
    const size_t users = nj_arena_cost(B * sizeof(nj_cold_user));
    const size_t parts[] = {
        list_bytes(policies),
        passing_bytes(policies),
        has_neighbours(policies) ? nj_neighbour_sums_bytes(&policies->neighbours) : 0,
        policies->cold != NULL ? nj_cold_scratch_bytes(policies->cold, B) : 0,
        users,
        nj_arena_cost(B * sizeof(nj_cold_choice))};
    return add_all(parts, sizeof parts / sizeof *parts);
}

static void begin_work(nj_policies *policies, nj_arena *arena)
{
    const size_t top = policies->inputs.top;
    const size_t pool = policies->room * sizeof(nj_candidate);
    list_work *work = &policies->work;
    *work = (list_work){.pool = {.items = nj_arena_take(arena, pool), .room = policies->room},
                        .kept = nj_arena_take(arena, pool),
                        .placed = nj_arena_take(arena, top * sizeof *work->placed),
                        .places = nj_arena_take(arena, top * sizeof *work->places),
                        .picks = nj_arena_take(arena, top * sizeof *work->picks),
                        .items = nj_arena_take(arena, top * sizeof *work->items),
                        .before = nj_arena_take(arena, top * sizeof *work->before)};
    nj_constraints_begin(&policies->rules, arena, &work->constraints);
}

static void begin_cold(nj_policies *policies, uint32_t B, nj_arena *arena)
{
    nj_cold_user *users = nj_arena_take(arena, B * sizeof *users);
    policies->cold_items = nj_arena_take(arena, B * sizeof *policies->cold_items);
    for (uint32_t b = 0; b < B; b++) {
        const nj_policy_user *user = &policies->users[b];
        users[b] = (nj_cold_user){user->history, user->history_count, user->exclusions};
    }
    nj_cold_begin(policies->cold, users, B, arena, policies->cold_items);
}

void nj_policies_begin(nj_policies *policies, const nj_policy_user *users, uint32_t B,
                       nj_arena *arena)
{
    policies->users = users;
    policies->arena = arena;
    begin_work(policies, arena);
    if (has_neighbours(policies)) {
        nj_neighbour_sums_begin(&policies->neighbours, arena, &policies->sums);
    }
    policies->cold_items = NULL;
    if (policies->policy.cold_places > 0) {
        begin_cold(policies, B, arena);
    }
}

// ---- a list ----

static void begin_list(nj_policies *policies, uint32_t b)
{
    list_work *work = &policies->work;
    work->user = b;
    work->listable = (nj_listable){.rows = policies->listable,
                                   .exclusions = policies->users[b].exclusions,
                                   .trie = &policies->inputs.catalogue->trie,
                                   .sids = &policies->inputs.catalogue->sids};
    work->pool.count = 0;
    work->pin_count = 0;
    work->placed_count = 0;
    work->pick_count = 0;
}

void nj_policies_list(nj_policies *policies, uint32_t b, const nj_beam_result *result,
                      nj_policy_list *out)
{
    begin_list(policies, b);
    nj_policies_gather(policies, result);
    nj_policies_choose(policies);
    nj_policies_lay_out(policies, out);
}

bool nj_policies_add(nj_policies *policies, const nj_candidate *candidate, nj_policy_list *list)
{
    list_work *work = &policies->work;
    const uint32_t row = candidate->row;
    if (list->count == policies->inputs.top || !nj_listable_has(&work->listable, row) ||
        !nj_constraints_reserve(&work->constraints, row)) {
        return false;
    }
    nj_constraints_take(&work->constraints, row);
    nj_candidate added = *candidate;
    added.leaf = nj_listable_leaf(&work->listable, row);
    if (work->pick_count > 0 && added.score > work->picks[work->pick_count - 1].score) {
        added.score = work->picks[work->pick_count - 1].score;
    }
    work->picks[work->pick_count++] = added;
    list->items[list->count++] = added;
    list->sources |= 1u << added.source;
    return true;
}

void nj_policies_finish(nj_policies *policies, nj_policy_list *list)
{
    nj_policies_lay_out(policies, list);
}
