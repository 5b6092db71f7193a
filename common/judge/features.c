// features.c - what is asked of each user whom one model wins or loses: contrast.h.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/judge/contrast.h"
#include "common/judge/exposure.h"
#include "common/judge/metric.h"
#include "common/judge/prefixes.h"

const nj_feature_kind NJ_FEATURES[NJ_FEATURE_COUNT] = {
    [NJ_FEATURE_HISTORY_LENGTH] = {"history_length", "items in the history", false},
    [NJ_FEATURE_TARGET_EVENTS] = {"target_events", "training events of the held-out item", false},
    [NJ_FEATURE_TARGET_COLD] = {"target_cold", "held-out item never in training", true},
    [NJ_FEATURE_HISTORY_EVENTS] = {"history_events", "mean training events of the history", false},
    [NJ_FEATURE_REPEATED_ITEM] = {"repeated_item", "held-out item is in the history", true},
    [NJ_FEATURE_REPEATED_CATEGORY] = {"repeated_category", "its category is in the history", true},
    [NJ_FEATURE_FIRST_CODE_SEEN] = {"first_code_seen", "its first code is in the history", true},
    [NJ_FEATURE_SECOND_CODE_SEEN] = {"second_code_seen", "its first two codes are", true},
    [NJ_FEATURE_SHARED_SID_ITEMS] = {"shared_sid_items", "other items with its codes", false},
    [NJ_FEATURE_LAST_COSINE] = {"last_cosine", "its cosine to the last item", false},
    [NJ_FEATURE_NEAREST_COSINE] = {"nearest_cosine", "its cosine to the nearest item", false},
};

// One user, as the questions see him.
typedef struct {
    const nj_evaluation *e;
    const float *inverse;    // [N]
    const uint32_t *sharing; // [N] items with the same codes
    const uint32_t *history; // [count]
    uint32_t count;
    size_t user;
    uint32_t target;
} asked;

static double ask_history_length(const asked *a)
{
    return a->e->history_lengths[a->user];
}

static double ask_target_events(const asked *a)
{
    return a->e->popularity[a->target];
}

static double ask_target_cold(const asked *a)
{
    return a->e->popularity[a->target] == 0;
}

static double ask_history_events(const asked *a)
{
    double sum = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        sum += a->e->popularity[a->history[i]];
    }
    return a->count > 0 ? sum / a->count : (double)NAN;
}

static double ask_repeated_item(const asked *a)
{
    return nj_rank_of(a->history, a->count, a->target) != NJ_RANK_NONE;
}

static double ask_repeated_category(const asked *a)
{
    const uint32_t *category_of = a->e->texts.category_of;
    const uint32_t category = category_of[a->target];
    bool found = false;
    for (uint32_t i = 0; i < a->count && !found; i++) {
        found = category_of[a->history[i]] == category;
    }
    return category == NJ_GROUP_NONE ? (double)NAN : found;
}

static bool has_prefix(const asked *a, size_t code_count)
{
    const size_t L = a->e->level_count;
    const uint16_t *codes = a->e->codes + a->target * L;
    bool found = false;
    for (uint32_t i = 0; i < a->count && !found; i++) {
        found = memcmp(a->e->codes + a->history[i] * L, codes, code_count * sizeof *codes) == 0;
    }
    return found;
}

static double ask_first_code_seen(const asked *a)
{
    return has_prefix(a, 1);
}

static double ask_second_code_seen(const asked *a)
{
    return has_prefix(a, 2);
}

static double ask_shared_sid_items(const asked *a)
{
    return a->sharing[a->target] - 1.0;
}

static double cosine_to(const asked *a, uint32_t item)
{
    return nj_cosine(a->e->embeddings, a->inverse, a->e->embedding_width, a->target, item);
}

static double ask_last_cosine(const asked *a)
{
    return a->count > 0 ? cosine_to(a, a->history[a->count - 1]) : (double)NAN;
}

static double ask_nearest_cosine(const asked *a)
{
    double nearest = -1;
    for (uint32_t i = 0; i < a->count; i++) {
        nearest = fmax(nearest, cosine_to(a, a->history[i]));
    }
    return a->count > 0 ? nearest : (double)NAN;
}

static double (*const ASK[NJ_FEATURE_COUNT])(const asked *) = {
    [NJ_FEATURE_HISTORY_LENGTH] = ask_history_length,
    [NJ_FEATURE_TARGET_EVENTS] = ask_target_events,
    [NJ_FEATURE_TARGET_COLD] = ask_target_cold,
    [NJ_FEATURE_HISTORY_EVENTS] = ask_history_events,
    [NJ_FEATURE_REPEATED_ITEM] = ask_repeated_item,
    [NJ_FEATURE_REPEATED_CATEGORY] = ask_repeated_category,
    [NJ_FEATURE_FIRST_CODE_SEEN] = ask_first_code_seen,
    [NJ_FEATURE_SECOND_CODE_SEEN] = ask_second_code_seen,
    [NJ_FEATURE_SHARED_SID_ITEMS] = ask_shared_sid_items,
    [NJ_FEATURE_LAST_COSINE] = ask_last_cosine,
    [NJ_FEATURE_NEAREST_COSINE] = ask_nearest_cosine,
};

static size_t meaning_levels(const nj_evaluation *e)
{
    return e->has_suffix ? e->level_count - 1 : e->level_count;
}

static bool is_known(const nj_evaluation *e, nj_feature feature)
{
    const bool has_history = e->history_at != NULL;
    switch (feature) {
    case NJ_FEATURE_HISTORY_LENGTH:
        return e->history_lengths != NULL;
    case NJ_FEATURE_TARGET_EVENTS:
    case NJ_FEATURE_TARGET_COLD:
        return e->popularity != NULL;
    case NJ_FEATURE_HISTORY_EVENTS:
        return e->popularity != NULL && has_history;
    case NJ_FEATURE_REPEATED_ITEM:
        return has_history;
    case NJ_FEATURE_REPEATED_CATEGORY:
        return has_history && e->texts.category_count > 0;
    case NJ_FEATURE_FIRST_CODE_SEEN:
        return has_history && e->level_count > 0;
    case NJ_FEATURE_SECOND_CODE_SEEN:
        return has_history && meaning_levels(e) > 1;
    case NJ_FEATURE_SHARED_SID_ITEMS:
        return e->level_count > 0 && meaning_levels(e) > 0;
    default:
        return has_history && e->embeddings != NULL;
    }
}

// [N] how many items have a row's codes, the counter aside.
static nj_status count_sharing(const nj_evaluation *e, uint32_t **out)
{
    const size_t levels = meaning_levels(e);
    nj_prefixes sorted;
    uint32_t *sharing = malloc(nj_max_size(e->item_count, 1) * sizeof *sharing);
    if (sharing == NULL) {
        return NJ_NO_MEMORY;
    }
    if (nj_prefixes_init(e->codes, e->item_count, e->level_count, levels, &sorted) != NJ_OK) {
        free(sharing);
        return NJ_NO_MEMORY;
    }
    for (size_t first = 0, end; first < e->item_count; first = end) {
        end = nj_prefixes_run_end(&sorted, sorted.level_count - 1, first);
        for (size_t i = first; i < end; i++) {
            sharing[sorted.rows[i]] = (uint32_t)(end - first);
        }
    }
    nj_prefixes_fini(&sorted);
    *out = sharing;
    return NJ_OK;
}

static void ask_user(asked *a, const nj_features *features)
{
    const nj_evaluation *e = a->e;
    a->target = e->targets[a->user];
    a->count = 0;
    a->history = e->history_at != NULL ? e->history_at(e->history, a->user, &a->count) : NULL;
    for (size_t i = 0; i < NJ_FEATURE_COUNT; i++) {
        if (features->values[i] != NULL) {
            features->values[i][a->user] = (float)ASK[i](a);
        }
    }
}

nj_status nj_features_init(const nj_evaluation *evaluation, const float *inverse, nj_features *out)
{
    const nj_evaluation *e = evaluation;
    nj_features features = {.user_count = e->user_count};
    uint32_t *sharing = NULL;
    nj_status status = NJ_OK;
    for (size_t i = 0; i < NJ_FEATURE_COUNT && status == NJ_OK; i++) {
        if (is_known(e, (nj_feature)i)) {
            features.values[i] = malloc(nj_max_size(e->user_count, 1) * sizeof *features.values[i]);
            status = features.values[i] != NULL ? NJ_OK : NJ_NO_MEMORY;
        }
    }
    if (status == NJ_OK && features.values[NJ_FEATURE_SHARED_SID_ITEMS] != NULL) {
        status = count_sharing(e, &sharing);
    }
    if (status == NJ_OK) {
        asked a = {.e = e, .inverse = inverse, .sharing = sharing};
        for (; a.user < e->user_count; a.user++) {
            ask_user(&a, &features);
        }
        *out = features;
        features = (nj_features){0};
    }
    free(sharing);
    nj_features_fini(&features);
    return status;
}

void nj_features_fini(nj_features *features)
{
    for (size_t i = 0; i < NJ_FEATURE_COUNT; i++) {
        free(features->values[i]);
    }
    *features = (nj_features){0};
}
