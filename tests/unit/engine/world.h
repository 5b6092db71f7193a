// world.h - small synthetic bundles, made-up users and what the engine answered, for the tests of the engine.
#ifndef NJ_TEST_ENGINE_WORLD_H
#define NJ_TEST_ENGINE_WORLD_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/input/safetensors.h"
#include "tests/support/nj_test.h"
#include "worker/engine/engine.h"
#include "worker/engine/synthetic.h"

#define WORLD_ITEMS_MAX 512
#define WORLD_HISTORY_MAX 1024
#define WORLD_USERS_MAX 64
#define WORLD_ID_BYTES 16

/// Two blocks of width 16: enough for every path through the model, small enough for thousands of searches.
static inline nj_synthetic_shape world_shape(uint32_t L, uint32_t K, uint32_t item_count)
{
    return (nj_synthetic_shape){.D = 16,
                                .H = 2,
                                .E = 6,
                                .F = 20,
                                .encoder_layers = 1,
                                .decoder_layers = 2,
                                .L = L,
                                .K = K,
                                .item_count = item_count,
                                .seed = 7};
}

static inline const nj_section *world_section(const nj_synthetic *world, const char *name)
{
    const nj_section *section = nj_sections_find(&world->sections, name);
    assert_non_null(section);
    return section;
}

/// A tensor of the world's own weights, to be changed in place. *out_count is its number of elements.
static inline float *world_tensor(nj_synthetic *world, const char *name, size_t *out_count)
{
    nj_error err = {0};
    nj_tensor_set *set = NULL;
    assert_ok(
        nj_tensor_set_open_bytes(world->weights.bytes, world->weights.size, "weights", &set, &err),
        &err);
    const nj_tensor *tensor = nj_tensor_set_find(set, name);
    assert_non_null(tensor);
    size_t offset = (size_t)(tensor->data - world->weights.bytes);
    *out_count = tensor->element_count;
    nj_tensor_set_close(&set);
    return (float *)(void *)(world->weights.bytes + offset);
}

/// Embeddings ten times as large, so that users differ by more than the rounding of a sum.
static inline void world_make(nj_synthetic *world, const nj_synthetic_shape *shape)
{
    nj_error err = {0};
    size_t count;
    assert_ok(nj_synthetic_make(shape, world, &err), &err);
    float *embedding = world_tensor(world, "shared.weight", &count);
    for (size_t i = 0; i < count; i++) {
        embedding[i] *= 10.0f;
    }
}

/// Gives the world another section under a name that it has. The bytes are borrowed.
static inline void world_replace(nj_synthetic *world, const char *name, const void *bytes,
                                 size_t size)
{
    nj_section *section = (nj_section *)(uintptr_t)world_section(world, name);
    section->bytes = bytes;
    section->size = size;
}

static inline void world_remove(nj_synthetic *world, const char *name)
{
    nj_sections *sections = &world->sections;
    size_t at = (size_t)(world_section(world, name) - sections->sections);
    sections->count--;
    memmove(&sections->sections[at], &sections->sections[at + 1],
            (sections->count - at) * sizeof sections->sections[0]);
}

// ---- users ----

typedef struct {
    uint32_t items[WORLD_USERS_MAX][WORLD_HISTORY_MAX];
    char ids[WORLD_USERS_MAX][WORLD_ID_BYTES];
    nj_request requests[WORLD_USERS_MAX];
    size_t count;
} world_users;

/// Adds user "u<number>"; `items` are copied.
static inline void world_add_user(world_users *users, const uint32_t *items, uint32_t count,
                                  uint32_t unknown_count)
{
    size_t u = users->count++;
    assert_true(u < WORLD_USERS_MAX && count <= WORLD_HISTORY_MAX);
    snprintf(users->ids[u], WORLD_ID_BYTES, "u%zu", u);
    if (count > 0) {
        memcpy(users->items[u], items, count * sizeof *items);
    }
    users->requests[u] = (nj_request){.user = nj_slice_from(users->ids[u]),
                                      .items = users->items[u],
                                      .item_count = count,
                                      .unknown_count = unknown_count};
}

static inline uint64_t world_mix(uint64_t x)
{
    return nj_rng_mix(x + NJ_RNG_STEP);
}

/// Adds a user with `count` items drawn with repetition.
static inline void world_add_random(world_users *users, uint64_t seed, uint32_t item_count,
                                    uint32_t count)
{
    uint32_t items[WORLD_HISTORY_MAX];
    for (uint32_t i = 0; i < count; i++) {
        items[i] = (uint32_t)(world_mix(seed * 1000 + i) % item_count);
    }
    world_add_user(users, items, count, 0);
}

/// Adds a user who had all but `legal` items of the catalogue.
static inline void world_add_nearly_all(world_users *users, uint64_t seed, uint32_t item_count,
                                        uint32_t legal)
{
    uint32_t items[WORLD_HISTORY_MAX];
    for (uint32_t i = 0; i < item_count; i++) {
        items[i] = i;
    }
    for (uint32_t i = item_count - 1; i > 0; i--) {
        uint32_t other = (uint32_t)(world_mix(seed * 7919 + i) % (i + 1));
        uint32_t kept = items[i];
        items[i] = items[other];
        items[other] = kept;
    }
    world_add_user(users, items, item_count - legal, 0);
}

static inline bool world_had(const nj_request *request, uint32_t item)
{
    for (uint32_t i = 0; i < request->item_count; i++) {
        if (request->items[i] == item) {
            return true;
        }
    }
    return false;
}

// ---- lists ----

typedef struct {
    uint32_t flags;
    uint32_t count;
    uint32_t items[WORLD_ITEMS_MAX];
    float scores[WORLD_ITEMS_MAX];
    nj_history_digest history;
    uint32_t reserve_count;
    uint32_t reserve[NJ_ROW_RESERVE_MAX];
} world_list;

typedef struct {
    world_list lists[WORLD_USERS_MAX];
    size_t count;
} world_lists;

static inline nj_status world_take(void *context, size_t index, const nj_list *list, nj_error *err)
{
    (void)err;
    world_lists *lists = context;
    assert_int_equal(index, lists->count);
    assert_true(list->count <= WORLD_ITEMS_MAX);
    world_list *out = &lists->lists[lists->count++];
    *out = (world_list){.flags = list->flags, .count = list->count, .history = list->history};
    if (list->count > 0) {
        memcpy(out->items, list->items, list->count * sizeof *out->items);
        memcpy(out->scores, list->scores, list->count * sizeof *out->scores);
    }
    out->reserve_count = list->reserve_count;
    if (list->reserve_count > 0) {
        memcpy(out->reserve, list->reserve, list->reserve_count * sizeof *out->reserve);
    }
    return NJ_OK;
}

/// Settings with the limits of these users, as the plan sets them.
static inline nj_settings world_settings(uint32_t beam, uint32_t top, const world_users *users)
{
    nj_settings settings = nj_settings_default();
    settings.beam = beam;
    settings.top = top;
    for (size_t u = 0; u < users->count; u++) {
        uint32_t count = users->requests[u].item_count;
        settings.history_items_max =
            count > settings.history_items_max ? count : settings.history_items_max;
    }
    settings.exclusions_max = settings.history_items_max;
    return settings;
}

static inline const nj_kernels *world_kernels(const char *name)
{
    const nj_kernels *kernels = NULL;
    nj_error err = {0};
    assert_ok(nj_kernels_select(name, &kernels, &err), &err);
    return kernels;
}

/// Every saving but one: users of these tests repeat one another, and it is their searches that are tested. For the saving itself see
/// test_engine_same.c.
static inline nj_engine_options world_options(uint32_t batch_users, const nj_kernels *kernels)
{
    nj_engine_options options = nj_engine_options_default(kernels);
    options.batch_users = batch_users;
    options.savings = NJ_SAVINGS_ALL & ~(nj_savings)NJ_SAVING_SAME_HISTORY;
    return options;
}

static inline nj_engine *world_open_with(const nj_synthetic *world, const nj_settings *settings,
                                         const nj_engine_options *options)
{
    nj_engine *engine = NULL;
    nj_error err = {0};
    assert_ok(nj_engine_open(&world->sections, settings, options, &engine, &err), &err);
    return engine;
}

static inline nj_engine *world_open(const nj_synthetic *world, const nj_settings *settings,
                                    uint32_t batch_users, const nj_kernels *kernels)
{
    const nj_engine_options options = world_options(batch_users, kernels);
    return world_open_with(world, settings, &options);
}

/// Opens an engine, decodes everybody and closes it.
static inline void world_decode_with(const nj_synthetic *world, const nj_settings *settings,
                                     const nj_engine_options *options, const world_users *users,
                                     world_lists *out)
{
    nj_error err = {0};
    nj_engine *engine = world_open_with(world, settings, options);
    out->count = 0;
    assert_ok(nj_engine_decode(engine, users->requests, users->count, world_take, out, &err), &err);
    assert_int_equal(out->count, users->count);
    nj_engine_close(&engine);
    assert_null(engine);
}

static inline void world_decode(const nj_synthetic *world, const nj_settings *settings,
                                uint32_t batch_users, const nj_kernels *kernels,
                                const world_users *users, world_lists *out)
{
    const nj_engine_options options = world_options(batch_users, kernels);
    world_decode_with(world, settings, &options, users, out);
}

static inline void assert_same_reserve(const world_list *a, const world_list *b)
{
    assert_int_equal(a->reserve_count, b->reserve_count);
    assert_memory_equal(a->reserve, b->reserve, a->reserve_count * sizeof *a->reserve);
}

/// Same flags, items and history; scores bit for bit.
static inline void assert_same_list(const world_list *a, const world_list *b)
{
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->items, b->items, a->count * sizeof *a->items);
    assert_memory_equal(a->scores, b->scores, a->count * sizeof *a->scores);
    assert_memory_equal(&a->history, &b->history, sizeof a->history);
}

#endif
