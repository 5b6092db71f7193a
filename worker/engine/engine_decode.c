// engine_decode.c - batches: whose search is run with whose, and whose list is whose.
#include "worker/engine/engine_internal.h"

#include "common/base/failpoint.h"

// ---- searching ----

// Users whose lists are given together, and the searches that make them: encoded and searched together too.
typedef struct {
    uint32_t member_count;
    member *members; // [B * NJ_ENGINE_MEMBERS_A_SEARCH]
    uint32_t count;
    size_t *index;             // [B] into the requests: whose search it is
    nj_digest *keys;           // [B] what decides the list
    uint32_t *tokens;          // [B * S]
    uint32_t *words;           // [B * S] where the prompt counts them; else NULL
    uint32_t *offset;          // [B + 1]
    engine_mask *masks;        // [B]
    nj_exclusions *exclusions; // [B]
    list_slot *lists;          // [B]
    nj_policy_user *users;     // [B] with a policy only
    uint64_t *draws;           // [B] keys of stochastic searches; with a policy only
} batch;

static nj_prompts prompts_of(const batch *b, uint32_t first, uint32_t count, const uint32_t *offset)
{
    return (nj_prompts){.tokens = b->tokens + b->offset[first],
                        .words = b->words != NULL ? b->words + b->offset[first] : NULL,
                        .offset = offset,
                        .B = count};
}

// Searches for those users of the batch whose prompts these are, W wide.
static void run_search(nj_engine *engine, const batch *b, uint32_t first, const nj_prompts *prompts,
                       const nj_model_limits *limits, uint32_t W, findings *out)
{
    const uint32_t B = prompts->B;
    nj_arena *arena = &engine->scratch_arena;
    nj_arena_rewind(arena, 0);
    *out = (findings){.results = nj_arena_take(arena, B * sizeof *out->results)};
    const nj_beam_model model = nj_generator_begin(engine->model, limits, prompts, arena);
    if (nj_engine_says_strings(engine)) {
        nj_engine_answer(engine, &model, W, B, b->masks + first, b->exclusions + first, out);
        return;
    }
    nj_beam_config config = engine->beam;
    config.W = W;
    config.user_keys = b->draws != NULL ? b->draws + first : NULL;
    nj_beam_search(&engine->catalogue.trie, &config, &model, engine->options.kernels,
                   b->exclusions + first, B, arena, out->results);
}

static nj_status check_finite(bool finite, const nj_request *request, nj_error *err)
{
    const nj_failpoint_action forced = NJ_FAILPOINT_USER(ENGINE_USER, request->user);
    if (forced == NJ_FAILPOINT_FAIL) {
        return nj_fail(err, NJ_FAILED, "user \"%.*s\": fails on purpose",
                       NJ_SLICE_ARGS(request->user));
    }
    if (finite && forced != NJ_FAILPOINT_NAN) {
        return NJ_OK;
    }
    return nj_fail(err, NJ_FAILED, "user \"%.*s\": the model gives NaN or infinity",
                   NJ_SLICE_ARGS(request->user));
}

// Makes the list of search i from what it found, W wide. False: it is short, and a wider search may find more.
static bool make_list(nj_engine *engine, batch *b, uint32_t i, const nj_beam_result *result,
                      uint32_t W)
{
    const engine_mask *mask = &b->masks[i];
    list_slot *list = &b->lists[i];
    if (engine->policies != NULL) {
        return nj_engine_policy_list(engine, i, mask, &b->exclusions[i], result, W, list);
    }
    nj_list_from_leaves(engine, result, &b->exclusions[i], list);
    return list->count >= engine->settings.top || W >= mask->W_wide;
}

// Makes the list of search i of the batch from result r of what was found, W wide, or reads the text that it found.
static nj_status take_found(nj_engine *engine, batch *b, uint32_t i, const nj_request *request,
                            const findings *found, uint32_t r, uint32_t W, nj_error *err)
{
    list_slot *list = &b->lists[i];
    const nj_status status = check_finite(found->results[r].finite, request, err);
    if (status != NJ_OK) {
        return status;
    }
    if (engine->text_max > 0) {
        list->done = true;
        return nj_engine_read_text(engine, &found->answers[r], list, err);
    }
    list->done = make_list(engine, b, i, &found->results[r], W);
    return NJ_OK;
}

static nj_status search_batch(nj_engine *engine, batch *b, const nj_request *requests,
                              nj_error *err)
{
    findings found;
    nj_status status = NJ_OK;
    const nj_prompts prompts = prompts_of(b, 0, b->count, b->offset);
    run_search(engine, b, 0, &prompts, &engine->limits, engine->plan.W, &found);
    for (uint32_t i = 0; i < b->count && status == NJ_OK; i++) {
        status = take_found(engine, b, i, &requests[b->index[i]], &found, i, engine->plan.W, err);
        nj_list_trace(engine, &found.results[i], &b->lists[i]);
    }
    return status;
}

// Searches user i of the batch again, alone, twice as wide each time, until the list is done: full, or of the planned width, where
// the search covers the trie, leaves enough whatever is excluded, or would take too much memory.
static nj_status widen_user(nj_engine *engine, batch *b, uint32_t i, const nj_request *request,
                            nj_error *err)
{
    const uint32_t offset[2] = {0, b->offset[i + 1] - b->offset[i]};
    const nj_prompts prompts = prompts_of(b, i, 1, offset);
    list_slot *list = &b->lists[i];
    nj_status status = NJ_OK;
    for (uint32_t W = 2 * engine->plan.W; status == NJ_OK && !list->done; W *= 2) {
        findings found;
        run_search(engine, b, i, &prompts, &engine->wide_limits, W, &found);
        status = take_found(engine, b, i, request, &found, 0, W, err);
        list->flags |= NJ_ROW_WIDENED;
        list->traced = false;
    }
    return status;
}

// ---- batches ----

static void begin_batch(nj_engine *engine, batch *b)
{
    const nj_engine_plan *plan = &engine->plan;
    nj_arena *arena = &engine->batch_arena;
    nj_arena_rewind(arena, 0);
    b->member_count = 0;
    b->members =
        nj_arena_take(arena, (size_t)plan->B * NJ_ENGINE_MEMBERS_A_SEARCH * sizeof *b->members);
    b->count = 0;
    b->index = nj_arena_take(arena, plan->B * sizeof *b->index);
    b->keys = nj_arena_take(arena, plan->B * sizeof *b->keys);
    b->tokens = nj_arena_take(arena, (size_t)plan->B * plan->S * sizeof *b->tokens);
    b->words = engine->word_count > 0
                   ? nj_arena_take(arena, (size_t)plan->B * plan->S * sizeof *b->words)
                   : NULL;
    b->offset = nj_arena_take(arena, (plan->B + 1) * sizeof *b->offset);
    b->masks = nj_arena_take(arena, plan->B * sizeof *b->masks);
    b->exclusions = nj_arena_take(arena, plan->B * sizeof *b->exclusions);
    b->lists = nj_arena_take(arena, plan->B * sizeof *b->lists);
    const bool has_policy = engine->policies != NULL;
    b->users = has_policy ? nj_arena_take(arena, plan->B * sizeof *b->users) : NULL;
    b->draws = has_policy ? nj_arena_take(arena, plan->B * sizeof *b->draws) : NULL;
    b->offset[0] = 0;
}

static bool is_full(const nj_engine *engine, const batch *b)
{
    return b->count == engine->plan.B ||
           b->member_count == engine->plan.B * NJ_ENGINE_MEMBERS_A_SEARCH;
}

// True when a list with the key of search i, the next one, is kept or will come from an earlier search of this batch.
static bool find_same(const nj_engine *engine, batch *b, uint32_t i, const nj_request *request,
                      const nj_policy_user *policy_user, member *user)
{
    if (!engine->same.enabled) {
        return false;
    }
    const same_inputs inputs = {
        .tokens = b->tokens + b->offset[i],
        .words = b->words != NULL ? b->words + b->offset[i] : NULL,
        .token_count = b->offset[i + 1] - b->offset[i],
        .exclusions = &b->exclusions[i],
        .mask = nj_masks_digest(&engine->catalogue.masks, request->mask),
        .user_mask = &b->masks[i],
        .policy_user = policy_user,
        .has_draws = policy_user != NULL && engine->beam.kind == NJ_BEAM_STOCHASTIC,
    };
    b->keys[i] = nj_same_key(&inputs);
    user->kept = nj_same_find(&engine->same, &b->keys[i]);
    user->search = 0;
    while (user->search < i && !nj_digest_equal(&b->keys[user->search], &b->keys[i])) {
        user->search++;
    }
    return user->kept != NULL || user->search < i;
}

static void *take_if_any(nj_engine *engine, size_t count, size_t element_bytes)
{
    return count == 0 ? NULL : nj_arena_take(&engine->batch_arena, count * element_bytes);
}

static list_slot make_slot(nj_engine *engine)
{
    const size_t list_bytes = engine->settings.top * sizeof(uint32_t);
    list_slot slot = {.items = nj_arena_take(&engine->batch_arena, list_bytes)};
    slot.scores = nj_arena_take(&engine->batch_arena, list_bytes);
    slot.why = take_if_any(engine, engine->why_count, sizeof(nj_why));
    slot.trace = take_if_any(engine, engine->trace_max, sizeof(uint32_t));
    slot.text = take_if_any(engine, engine->text_max, 1);
    slot.reserve = take_if_any(engine, engine->settings.reserve, sizeof(uint32_t));
    return slot;
}

// True where older items than the model was given were left out. A prompt may have no place for any.
static bool is_truncated(const nj_engine *engine, const nj_request *request, uint32_t encoded)
{
    return encoded < request->item_count && (!engine->asks || engine->prompt.needs_history);
}

// Adds the user as one who shares a list, or as the next search, whose prompt and mask are written.
static void add_member(nj_engine *engine, batch *b, const nj_request *request, size_t index,
                       uint32_t encoded, size_t mark)
{
    const uint32_t i = b->count;
    member *user = &b->members[b->member_count++];
    *user = (member){.index = index,
                     .search = i,
                     .flags = is_truncated(engine, request, encoded) ? NJ_ROW_TRUNCATED : 0};
    uint32_t *rows =
        nj_arena_take(&engine->batch_arena, engine->settings.exclusions_max * sizeof *rows);
    b->exclusions[i] = nj_exclusions_from(request, !engine->settings.keep_history, rows);
    b->exclusions[i].eligible = b->masks[i].eligible;
    const uint32_t *items =
        encoded > 0 ? request->items + (request->item_count - encoded) : request->items;
    const nj_policy_user policy_user = {request->user, items, encoded, &b->exclusions[i]};
    if (b->users != NULL) {
        b->users[i] = policy_user;
        b->draws[i] = nj_beam_user_key(engine->policy_sections.policy.seed, request->user);
    }
    if (find_same(engine, b, i, request, b->users != NULL ? &policy_user : NULL, user)) {
        nj_arena_rewind(&engine->batch_arena, mark);
        return;
    }
    b->index[i] = index;
    b->lists[i] = make_slot(engine);
    b->count++;
}

// Nobody is asked about a user who may get nothing: he has candidates, and none is there or open to him.
static bool may_get_nothing(const nj_request *request, const engine_mask *mask)
{
    return (request->candidates != NULL && request->candidate_count == 0) ||
           (mask->eligible != NULL && mask->eligible->item_count == 0);
}

static nj_status add_to_batch(nj_engine *engine, batch *b, const nj_request *request, size_t index,
                              nj_error *err)
{
    const uint32_t i = b->count;
    const size_t mark = nj_arena_mark(&engine->batch_arena);
    nj_prompt_written written;
    b->masks[i] = nj_engine_user_mask(engine, request);
    if (may_get_nothing(request, &b->masks[i])) {
        nj_arena_rewind(&engine->batch_arena, mark);
        return NJ_OK;
    }
    uint32_t *words = b->words != NULL ? b->words + b->offset[i] : NULL;
    nj_status status =
        nj_engine_write_prompt(engine, request, b->tokens + b->offset[i], words, &written, err);
    if (status == NJ_OK) {
        b->offset[i + 1] = b->offset[i] + written.count;
        add_member(engine, b, request, index, written.items, mark);
    }
    return status;
}

// A list is looked at where it is made. Users who share one are asked for by name all the same, as tests force them to fail.
static nj_status check_sharers(const batch *b, const nj_request *requests, nj_error *err)
{
    nj_status status = NJ_OK;
    for (uint32_t m = 0; m < b->member_count && status == NJ_OK; m++) {
        const member *user = &b->members[m];
        if (user->kept != NULL || user->index != b->index[user->search]) {
            status = check_finite(true, &requests[user->index], err);
        }
    }
    return status;
}

static nj_status decode_batch(nj_engine *engine, batch *b, const nj_request *requests,
                              nj_error *err)
{
    const size_t mark = nj_arena_mark(&engine->batch_arena);
    if (engine->policies != NULL && b->count > 0) {
        nj_policies_begin(engine->policies, b->users, b->count, &engine->batch_arena);
    }
    nj_status status = b->count > 0 ? search_batch(engine, b, requests, err) : NJ_OK;
    for (uint32_t i = 0; i < b->count && status == NJ_OK; i++) {
        status = widen_user(engine, b, i, &requests[b->index[i]], err);
    }
    nj_arena_rewind(&engine->batch_arena, mark);
    return status == NJ_OK ? check_sharers(b, requests, err) : status;
}

// Behind the last use of those that were kept before: a new list may take the place of an old one.
static void keep_lists(nj_engine *engine, const batch *b)
{
    for (uint32_t i = 0; i < b->count && engine->same.enabled; i++) {
        nj_same_keep(&engine->same, &b->keys[i], &b->lists[i]);
    }
}

// Places of a list. A bundle whose model answers with a list says how many items that has, whatever is asked for.
static uint32_t count_places(const nj_engine *engine)
{
    const uint32_t top = engine->settings.top;
    const bool is_answered = engine->prompt.answer == NJ_SAYS_LIST && engine->policies == NULL;
    return is_answered && engine->prompt.list_count < top ? engine->prompt.list_count : top;
}

static nj_status emit(nj_engine *engine, const nj_request *request, size_t index, nj_list list,
                      nj_list_sink sink, void *context, nj_error *err)
{
    list.history = nj_request_digest(&engine->catalogue.items, request,
                                     nj_masks_digest(&engine->catalogue.masks, request->mask));
    list.flags |= request->unknown_count > 0 ? NJ_ROW_UNKNOWN : 0;
    list.flags |= list.count < count_places(engine) && engine->text_max == 0 ? NJ_ROW_SHORT : 0;
    return sink(context, index, &list, err);
}

static nj_list list_of(const list_slot *slot, const member *user)
{
    return (nj_list){.flags = slot->flags | user->flags,
                     .count = slot->count,
                     .items = slot->items,
                     .scores = slot->scores,
                     .why = slot->why,
                     .trace = slot->traced ? slot->trace : NULL,
                     .trace_count = slot->trace_count,
                     .text = {slot->text, slot->text_bytes},
                     .reserve = slot->reserve,
                     .reserve_count = slot->reserve_count};
}

// Emits requests [first, end) in order: those of the batch, and between them those who are not asked.
static nj_status emit_range(nj_engine *engine, const batch *b, const nj_request *requests,
                            size_t first, size_t end, nj_list_sink sink, void *context,
                            nj_error *err)
{
    nj_status status = NJ_OK;
    uint32_t next = 0;
    for (size_t r = first; r < end && status == NJ_OK; r++) {
        nj_list list;
        if (next < b->member_count && b->members[next].index == r) {
            const member *user = &b->members[next++];
            const list_slot *slot = user->kept != NULL ? user->kept : &b->lists[user->search];
            list = list_of(slot, user);
        } else {
            list = nj_engine_cold_list(engine, &requests[r]);
        }
        status = emit(engine, &requests[r], r, list, sink, context, err);
    }
    return status;
}

static nj_status check_request(const nj_engine *engine, const nj_request *request, nj_error *err)
{
    const nj_settings *settings = &engine->settings;
    const uint64_t excluded =
        (settings->keep_history ? 0u : request->item_count) + (uint64_t)request->exclude_count;
    if (request->item_count > settings->history_items_max) {
        return nj_fail(err, NJ_PROTOCOL, "user \"%.*s\" has %u items, the night was planned for %u",
                       NJ_SLICE_ARGS(request->user), request->item_count,
                       settings->history_items_max);
    }
    if (excluded > settings->exclusions_max) {
        return nj_fail(
            err, NJ_PROTOCOL, "user \"%.*s\" must not get %llu items, the night was planned for %u",
            NJ_SLICE_ARGS(request->user), (unsigned long long)excluded, settings->exclusions_max);
    }
    if (request->candidates != NULL && request->candidate_count > settings->candidates_max) {
        return nj_fail(
            err, NJ_PROTOCOL, "user \"%.*s\" has %u candidates, the night was planned for %u",
            NJ_SLICE_ARGS(request->user), request->candidate_count, settings->candidates_max);
    }
    if (request->mask >= engine->mask_count) {
        return nj_fail(err, NJ_PROTOCOL, "user \"%.*s\" has mask %u, there are %u",
                       NJ_SLICE_ARGS(request->user), request->mask, engine->mask_count);
    }
    return NJ_OK;
}

nj_status nj_engine_decode(nj_engine *engine, const nj_request *requests, size_t count,
                           nj_list_sink sink, void *context, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t first = 0, next = 0; first < count && status == NJ_OK; first = next) {
        batch b;
        begin_batch(engine, &b);
        for (; next < count && !is_full(engine, &b) && status == NJ_OK; next++) {
            status = check_request(engine, &requests[next], err);
            if (status == NJ_OK && !nj_engine_is_cold(engine, &requests[next])) {
                status = add_to_batch(engine, &b, &requests[next], next, err);
            }
        }
        if (status == NJ_OK) {
            status = decode_batch(engine, &b, requests, err);
        }
        if (status == NJ_OK) {
            status = emit_range(engine, &b, requests, first, next, sink, context, err);
        }
        if (status == NJ_OK) {
            keep_lists(engine, &b);
        }
    }
    return status;
}
