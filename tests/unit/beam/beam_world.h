// beam_world.h - random small tries and a model made of a hash, for the tests of the search.
//
// The model's logit of token v after a path depends only on the path and the user, so any order of rows and chunks must give
// the same answer.
#ifndef NJ_TESTS_UNIT_BEAM_BEAM_WORLD_H
#define NJ_TESTS_UNIT_BEAM_BEAM_WORLD_H

#include <math.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/sid/trie_build.h"
#include "tests/support/nj_test.h"
#include "worker/beam/beam.h"

#define V 40
#define ITEMS 120
#define L 3
#define K 8
#define ROWS_MAX 4096

static inline uint64_t mix(uint64_t x)
{
    return nj_rng_mix(x + NJ_RNG_STEP);
}

// Few distinct values on purpose: ties must happen.
static inline float path_logit(uint64_t path, uint32_t token)
{
    return (float)(mix(path * 131 + token) % 7) * 0.5f - 1.0f;
}

// Nearly never two alike.
static inline float fine_logit(uint64_t path, uint32_t token)
{
    return (float)(mix(path * 131 + token) % 100003) * 4e-5f - 2.0f;
}

static inline uint64_t start_path(uint32_t user, uint32_t start_token)
{
    return mix(mix(user) + start_token + 1);
}

typedef struct {
    uint64_t path[L + 1][ROWS_MAX]; // hash of each row's tokens, by step
    uint32_t row_count;
    uint32_t calls_of_row[ROWS_MAX];
    uint32_t last_rows;                            // computed at the last step
    bool broken;                                   // gives NaN
    bool same_users;                               // all users have the logits of user 0
    float (*logit)(uint64_t path, uint32_t token); // NULL: path_logit
} fake_model;

static inline void begin_step(void *context, uint32_t step, const nj_beam_rows *rows)
{
    fake_model *model = context;
    assert_true(rows->row_count <= ROWS_MAX);
    for (uint32_t r = 0; r < rows->row_count; r++) {
        assert_true(r == 0 || rows->user[r - 1] <= rows->user[r]);
        uint64_t before = step == 0 ? mix(model->same_users ? 0 : rows->user[r])
                                    : model->path[step - 1][rows->parent[r]];
        model->path[step][r] = mix(before + rows->token[r] + 1);
        model->calls_of_row[r] = 0;
    }
    model->row_count = rows->row_count;
    model->last_rows = step + 1 < L ? 0 : model->last_rows + rows->row_count;
}

static inline void logits(void *context, uint32_t step, uint32_t first, uint32_t count, float *out)
{
    fake_model *model = context;
    for (uint32_t r = 0; r < count; r++) {
        assert_true(first + r < model->row_count);
        assert_int_equal(model->calls_of_row[first + r]++, 0);
        for (uint32_t v = 0; v < V; v++) {
            const uint64_t path = model->path[step][first + r];
            const float value = model->logit != NULL ? model->logit(path, v) : path_logit(path, v);
            out[r * V + v] = model->broken ? NAN : value;
        }
    }
}

typedef struct {
    uint16_t codes[ITEMS * L];
    nj_buffer bytes;
    nj_trie trie;
} world;

// `retired` [item_count]: items without a leaf; NULL: none.
static inline void make_world_without(world *w, uint64_t seed, uint32_t item_count,
                                      const uint8_t *retired)
{
    nj_error err = {0};
    for (size_t i = 0; i < ITEMS * L; i++) {
        w->codes[i] = (uint16_t)(mix(seed + i) % K);
    }
    nj_sids sids = {.codes = w->codes,
                    .row_count = item_count,
                    .level_count = L,
                    .codes_per_level = {K, K, K},
                    .retired = retired};
    nj_buffer_init(&w->bytes, 1 << 20);
    assert_ok(nj_trie_build(&sids, &w->bytes, &err), &err);
    assert_ok(nj_trie_open(w->bytes.bytes, w->bytes.size, item_count, &w->trie, &err), &err);
}

static inline void make_world(world *w, uint64_t seed, uint32_t item_count)
{
    make_world_without(w, seed, item_count, NULL);
}

static inline const nj_kernels *reference_kernels(void)
{
    const nj_kernels *kernels = NULL;
    nj_error err = {0};
    assert_ok(nj_kernels_select("ref", &kernels, &err), &err);
    return kernels;
}

static inline nj_beam_config make_config(uint32_t W)
{
    return (nj_beam_config){.W = W,
                            .leaves = W,
                            .token_base = {2, 2 + K, 2 + 2 * K},
                            .start_token = 0,
                            .temperature = 1.0f};
}

// Checks that the plan was enough too.
static inline void search_with(const nj_kernels *kernels, const world *w,
                               const nj_beam_config *config, const nj_exclusions *exclusions,
                               uint32_t B, uint32_t chunk, fake_model *model, nj_arena *arena,
                               nj_beam_result *results)
{
    nj_error err = {0};
    nj_beam_model callbacks = {model, V, chunk, begin_step, logits};
    size_t bytes = nj_beam_scratch_bytes(&w->trie, config, B, V, chunk);
    assert_ok(nj_arena_init(arena, bytes, &err), &err);
    nj_beam_search(&w->trie, config, &callbacks, kernels, exclusions, B, arena, results);
    assert_true(arena->peak <= bytes);
}

static inline void search(const world *w, const nj_beam_config *config,
                          const nj_exclusions *exclusions, uint32_t B, uint32_t chunk,
                          fake_model *model, nj_arena *arena, nj_beam_result *results)
{
    search_with(reference_kernels(), w, config, exclusions, B, chunk, model, arena, results);
}

static inline nj_beam_config make_stochastic(uint32_t W, const uint64_t *user_keys)
{
    nj_beam_config config = make_config(W);
    config.kind = NJ_BEAM_STOCHASTIC;
    config.draw_temperature = 1.0f;
    config.top_p = 1.0f;
    config.user_keys = user_keys;
    return config;
}

#endif
