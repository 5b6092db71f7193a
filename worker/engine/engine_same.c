// engine_same.c - users with the same history get the same list, which is searched once.
//
// A user's list is decided by the tokens that he is asked by, the excluded items, his candidates and the mask, under the settings and the bundle of this engine; with a
// policy by the rows of the history too, and by the user's id where he has draws of his own. Their digest is the key; equal keys are taken for equal inputs, as everywhere where digests are compared (32 bytes of BLAKE2b).
//
//   sets of WAYS places; a key has its set, and within it the oldest gives way
//     | k0 k1 k2 k3 | k4 k5 k6 k7 | ...        next[set]: who goes next
//
// Lists stay from one call to the next: the short histories that many users share come in shards far from each other. In a numeric class
// whose bits depend on other users (OpenBLAS) a user gets one of the lists that the class could have given him.
#include "worker/engine/engine_internal.h"

#include <string.h>

#include "common/base/checked.h"

#define WAYS 4
// What the lists of an engine may take: some thousand of them at top 50. Beyond, each new one would help few.
#define BYTES_MAX ((size_t)4 << 20)
#define SETS_MAX 4096u

static size_t place_bytes(const nj_engine *engine)
{
    return sizeof(nj_same_list) +
           (2 * engine->settings.top + engine->settings.reserve + engine->trace_max) *
               sizeof(uint32_t) +
           engine->why_count * sizeof(nj_why) + engine->text_max;
}

size_t nj_same_bytes(nj_engine *engine)
{
    engine->same.enabled = (engine->options.savings & NJ_SAVING_SAME_HISTORY) != 0;
    if (!engine->same.enabled) {
        return 0;
    }
    const size_t wanted = BYTES_MAX / (WAYS * place_bytes(engine));
    uint32_t sets = 1;
    while (2 * sets <= nj_min_size(wanted, SETS_MAX)) {
        sets *= 2;
    }
    engine->same.sets = sets;
    engine->plan.kept_sets = sets;
    engine->plan.kept_ways = WAYS;
    const size_t places = (size_t)sets * WAYS;
    return nj_arena_cost(places * sizeof(nj_same_list)) + nj_arena_cost(sets) +
           2 * nj_arena_cost(places * engine->settings.top * sizeof(uint32_t)) +
           nj_arena_cost(places * engine->trace_max * sizeof(uint32_t)) +
           nj_arena_cost(places * engine->settings.reserve * sizeof(uint32_t)) +
           nj_arena_cost(places * engine->why_count * sizeof(nj_why)) +
           nj_arena_cost(places * engine->text_max);
}

void nj_same_open(nj_engine *engine)
{
    nj_same *same = &engine->same;
    if (!same->enabled) {
        return;
    }
    const size_t places = (size_t)same->sets * WAYS;
    const size_t top = engine->settings.top;
    same->lists = nj_arena_take(&same->arena, places * sizeof *same->lists);
    same->next = nj_arena_take(&same->arena, same->sets);
    uint32_t *items = nj_arena_take(&same->arena, places * top * sizeof *items);
    float *scores = nj_arena_take(&same->arena, places * top * sizeof *scores);
    uint32_t *trace = nj_arena_take(&same->arena, places * engine->trace_max * sizeof *trace);
    const size_t reserve_max = engine->settings.reserve;
    uint32_t *reserve = nj_arena_take(&same->arena, places * reserve_max * sizeof *reserve);
    const size_t why_count = engine->why_count;
    nj_why *why = nj_arena_take(&same->arena, places * why_count * sizeof *why);
    char *text = nj_arena_take(&same->arena, places * engine->text_max);
    for (size_t i = 0; i < places; i++) {
        same->lists[i].list.text = engine->text_max > 0 ? text + i * engine->text_max : NULL;
        same->lists[i].list.why = why_count > 0 ? why + i * why_count : NULL;
        same->lists[i].list.trace = trace + i * engine->trace_max;
        same->lists[i].list.reserve = reserve + i * reserve_max;
        same->lists[i].list.items = items + i * top;
        same->lists[i].list.scores = scores + i * top;
    }
    nj_engine_forget(engine);
}

void nj_engine_forget(nj_engine *engine)
{
    nj_same *same = &engine->same;
    for (size_t i = 0; i < (size_t)same->sets * WAYS; i++) {
        same->lists[i].used = false;
    }
    if (same->sets > 0) {
        memset(same->next, 0, same->sets);
    }
}

nj_digest nj_same_key(const same_inputs *inputs)
{
    const nj_exclusions *exclusions = inputs->exclusions;
    const engine_mask *user_mask = inputs->user_mask;
    const nj_policy_user *policy_user = inputs->policy_user;
    const size_t tokens_bytes = inputs->token_count * sizeof(uint32_t);
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update_sized(&digester, inputs->tokens, tokens_bytes);
    nj_digester_update_sized(&digester, exclusions->rows, exclusions->count * sizeof(uint32_t));
    if (inputs->words != NULL) {
        nj_digester_update_sized(&digester, inputs->words, tokens_bytes);
    }
    if (user_mask->candidates != NULL) {
        nj_digester_update_sized(&digester, "candidates", strlen("candidates"));
        nj_digester_update_sized(&digester, user_mask->candidates,
                                 user_mask->candidate_count * sizeof(uint32_t));
    }
    if (policy_user != NULL) {
        nj_digester_update_sized(&digester, policy_user->history,
                                 policy_user->history_count * sizeof(uint32_t));
    }
    if (inputs->has_draws) {
        nj_digester_update_sized(&digester, policy_user->id.bytes, policy_user->id.size);
    }
    if (inputs->mask != NULL) {
        nj_digester_update(&digester, inputs->mask->bytes, sizeof inputs->mask->bytes);
    }
    return nj_digester_final(&digester);
}

static nj_same_list *find_set(const nj_same *same, const nj_digest *key, uint32_t *out_set)
{
    uint32_t head;
    memcpy(&head, key->bytes, sizeof head);
    *out_set = head & (same->sets - 1);
    return same->lists + (size_t)*out_set * WAYS;
}

const list_slot *nj_same_find(const nj_same *same, const nj_digest *key)
{
    uint32_t set;
    const nj_same_list *places = find_set(same, key, &set);
    for (uint32_t i = 0; i < WAYS; i++) {
        if (places[i].used && nj_digest_equal(&places[i].key, key)) {
            return &places[i].list;
        }
    }
    return NULL;
}

void nj_same_keep(nj_same *same, const nj_digest *key, const list_slot *list)
{
    uint32_t set;
    nj_same_list *places = find_set(same, key, &set);
    nj_same_list *place = &places[same->next[set]];
    same->next[set] = (uint8_t)((same->next[set] + 1u) % WAYS);
    place->used = true;
    place->key = *key;
    place->list.flags = list->flags;
    place->list.count = list->count;
    memcpy(place->list.items, list->items, list->count * sizeof *list->items);
    memcpy(place->list.scores, list->scores, list->count * sizeof *list->scores);
    place->list.reserve_count = list->reserve_count;
    if (list->reserve_count > 0) {
        memcpy(place->list.reserve, list->reserve, list->reserve_count * sizeof *list->reserve);
    }
    place->list.text_bytes = list->text_bytes;
    if (list->text_bytes > 0) {
        memcpy(place->list.text, list->text, list->text_bytes);
    }
    if (list->why != NULL) {
        memcpy(place->list.why, list->why, list->count * sizeof *list->why);
    }
    place->list.traced = list->traced;
    place->list.trace_count = list->trace_count;
    if (list->traced) {
        memcpy(place->list.trace, list->trace, list->trace_count * sizeof *list->trace);
    }
}
