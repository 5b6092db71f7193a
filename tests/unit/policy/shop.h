// shop.h - a small made-up catalogue with all that a policy may ask of a bundle, and what a search might have found in it, for the tests of
// the policies' stages.
#ifndef NJ_TEST_POLICY_SHOP_H
#define NJ_TEST_POLICY_SHOP_H

#include <math.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/catalogue/view.h"
#include "tests/support/nj_test.h"
#include "worker/policy/policies.h"

enum {
    SHOP_ROWS = 240,
    SHOP_LEVELS = 3,
    SHOP_CODES = 5, // 125 leaves: many items share one
    SHOP_WIDTH = 12,
    SHOP_CATEGORIES = 6,
    SHOP_NEIGHBOURS = 20, // of an item at the most
    SHOP_HISTORY = 9,
    SHOP_EXCLUDED = 40,
    SHOP_COLUMN_CATEGORY = 0,
    SHOP_COLUMN_DAY = 1,
    SHOP_TODAY = 20000,
    SHOP_COUNT_MAX = 49
};

typedef struct {
    uint16_t codes[SHOP_ROWS * SHOP_LEVELS];
    uint8_t retired[SHOP_ROWS];
    uint32_t counts[SHOP_ROWS]; // one in six is 0
    uint32_t categories[SHOP_ROWS];
    int32_t days[SHOP_ROWS];
    float vectors[SHOP_ROWS * SHOP_WIDTH];
    uint64_t offset[SHOP_ROWS + 1];
    uint32_t neighbour_rows[SHOP_ROWS * SHOP_NEIGHBOURS];
    float weights[SHOP_ROWS * SHOP_NEIGHBOURS];
    uint64_t bits[SHOP_ROWS / 64 + 1]; // of the eligible rows
    nj_buffer trie_bytes;
    void *eligible_memory;
    nj_eligible eligible;
    nj_catalogue_view catalogue;
    nj_attributes attributes;
    nj_item_vectors item_vectors;
    nj_neighbour_table table;
    nj_policy policy;
    nj_policies_inputs inputs;
} shop;

// A user, and what the search found for him.
typedef struct {
    uint32_t history[SHOP_HISTORY];
    uint32_t excluded[SHOP_EXCLUDED];
    nj_exclusions exclusions;
    nj_policy_user user;
    uint32_t leaves[SHOP_ROWS];
    float scores[SHOP_ROWS];
    float raw[SHOP_ROWS];
    nj_beam_result result;
} shopper;

static inline uint32_t shop_draw(uint64_t *state, uint32_t below)
{
    return (uint32_t)(nj_rng_next(state) >> 33) % below;
}

static inline float shop_share(uint64_t *state)
{
    return (float)(nj_rng_next(state) >> 40) * 0x1p-24f;
}

static inline void shop_fill_rows(shop *s, uint64_t *state)
{
    for (uint32_t row = 0; row < SHOP_ROWS; row++) {
        for (uint32_t l = 0; l < SHOP_LEVELS; l++) {
            s->codes[row * SHOP_LEVELS + l] = (uint16_t)shop_draw(state, SHOP_CODES);
        }
        s->retired[row] = shop_draw(state, 12) == 0;
        s->counts[row] = shop_draw(state, 6) == 0 ? 0 : shop_draw(state, SHOP_COUNT_MAX + 1);
        const uint32_t category = shop_draw(state, SHOP_CATEGORIES + 1);
        s->categories[row] = category == SHOP_CATEGORIES ? NJ_ATTRIBUTE_NONE : category;
        s->days[row] = shop_draw(state, 9) == 0 ? NJ_DAY_NONE
                                                : SHOP_TODAY + 5 - (int32_t)shop_draw(state, 100);
        if (shop_draw(state, 8) != 0) {
            nj_bits_add(s->bits, row);
        }
        double square = 0;
        for (uint32_t d = 0; d < SHOP_WIDTH; d++) {
            s->vectors[row * SHOP_WIDTH + d] = shop_share(state) - 0.4f;
            square += pow((double)s->vectors[row * SHOP_WIDTH + d], 2);
        }
        for (uint32_t d = 0; d < SHOP_WIDTH; d++) {
            s->vectors[row * SHOP_WIDTH + d] /= (float)sqrt(square);
        }
    }
}

static inline void shop_fill_neighbours(shop *s, uint64_t *state)
{
    for (uint32_t row = 0; row < SHOP_ROWS; row++) {
        const uint32_t count = shop_draw(state, SHOP_NEIGHBOURS + 1);
        float weight = 3;
        uint64_t at = s->offset[row];
        for (uint32_t i = 0; i < count; i++) {
            // Whole quarters, so that sums tie.
            weight -= shop_draw(state, 3) == 0 && weight > 0.25f ? 0.25f : 0.0f;
            s->neighbour_rows[at] = (row + 1 + 11 * i) % SHOP_ROWS;
            s->weights[at++] = weight;
        }
        s->offset[row + 1] = at;
    }
    s->table = (nj_neighbour_table){.row_count = SHOP_ROWS,
                                    .edge_count = s->offset[SHOP_ROWS],
                                    .offset = s->offset,
                                    .rows = s->neighbour_rows,
                                    .weights = s->weights};
}

static inline void shop_build_trie(shop *s)
{
    nj_error err = {0};
    nj_catalogue_view *view = &s->catalogue;
    view->sids = (nj_sids){.codes = s->codes,
                           .row_count = SHOP_ROWS,
                           .level_count = SHOP_LEVELS,
                           .codes_per_level = {SHOP_CODES, SHOP_CODES, SHOP_CODES},
                           .retired = s->retired};
    nj_buffer_init(&s->trie_bytes, (size_t)1 << 20);
    assert_ok(nj_trie_build(&view->sids, &s->trie_bytes, &err), &err);
    assert_ok(nj_trie_open(s->trie_bytes.bytes, s->trie_bytes.size, SHOP_ROWS, &view->trie, &err),
              &err);
    view->counts = s->counts;
    s->eligible_memory = malloc(nj_eligible_bytes(&view->trie));
    assert_non_null(s->eligible_memory);
    nj_eligible_fold(&view->trie, s->bits, s->eligible_memory, &s->eligible);
}

/// With a policy that asks for nothing.
static inline shop *shop_open(uint64_t seed, uint32_t top)
{
    shop *s = calloc(1, sizeof *s);
    assert_non_null(s);
    uint64_t state = seed;
    shop_fill_rows(s, &state);
    shop_fill_neighbours(s, &state);
    shop_build_trie(s);
    s->attributes = (nj_attributes){.row_count = SHOP_ROWS, .count = 2};
    s->attributes.columns[SHOP_COLUMN_CATEGORY] =
        (nj_attribute){.kind = NJ_ATTRIBUTE_WORDS, .of_row = s->categories};
    s->attributes.columns[SHOP_COLUMN_CATEGORY].values.count = SHOP_CATEGORIES;
    s->attributes.columns[SHOP_COLUMN_DAY] =
        (nj_attribute){.kind = NJ_ATTRIBUTE_DAYS, .day_of = s->days};
    s->item_vectors =
        (nj_item_vectors){.row_count = SHOP_ROWS, .width = SHOP_WIDTH, .f32 = s->vectors};
    s->policy = (nj_policy){.fresh_attribute = NJ_POLICY_NONE,
                            .calibration_attribute = NJ_POLICY_NONE,
                            .beam_weight = 1,
                            .prior_smoothing = 1,
                            .relevance = 1,
                            .temperature = 1,
                            .top_p = 1,
                            .cold_fading = 1,
                            .neighbour_fading = 1};
    s->inputs = (nj_policies_inputs){.policy = &s->policy,
                                     .catalogue = &s->catalogue,
                                     .attributes = &s->attributes,
                                     .vectors = &s->item_vectors,
                                     .neighbours = &s->table,
                                     .beam = 40,
                                     .top = top,
                                     .history_max = SHOP_HISTORY};
    assert_int_equal(nj_kernels_select("auto", &s->inputs.kernels, NULL), NJ_OK);
    return s;
}

static inline void shop_close(shop **s)
{
    free((*s)->eligible_memory);
    nj_buffer_fini(&(*s)->trie_bytes);
    free(*s);
    *s = NULL;
}

/// A user of some history who must not get some rows, half of them with an eligibility group, and `found` leaves in falling order of
/// score, some equal.
static inline void shop_visit(const shop *s, uint64_t seed, uint32_t found, shopper *out)
{
    uint64_t state = seed * 77 + 5;
    *out = (shopper){0};
    const uint32_t count = shop_draw(&state, SHOP_HISTORY + 1);
    for (uint32_t i = 0; i < count; i++) {
        out->history[i] = shop_draw(&state, SHOP_ROWS);
    }
    for (uint32_t row = 0; row < SHOP_ROWS && out->exclusions.count < SHOP_EXCLUDED; row++) {
        if (shop_draw(&state, 10) == 0) {
            out->excluded[out->exclusions.count++] = row;
        }
    }
    const nj_trie *trie = &s->catalogue.trie;
    const uint32_t leaves = trie->node_count[trie->level_count];
    const uint32_t step = 2 * shop_draw(&state, 5) + 3;
    float score = -0.5f;
    uint32_t leaf = shop_draw(&state, leaves);
    for (uint32_t i = 0; i < found && i < leaves; i++) {
        score -= shop_draw(&state, 4) == 0 ? 0 : shop_share(&state);
        out->leaves[i] = leaf;
        out->raw[i] = out->scores[i] = score;
        leaf = (leaf + (leaves % step == 0 ? 1 : step)) % leaves;
        out->result.count++;
    }
    out->result.finite = true;
    out->exclusions.eligible = seed % 2 == 0 ? &s->eligible : NULL;
    out->user.history_count = count;
}

/// Sets the pointers into itself: behind any copy.
static inline void shopper_bind(shopper *u)
{
    u->exclusions.rows = u->excluded;
    u->user.history = u->history;
    u->user.exclusions = &u->exclusions;
    u->result.leaves = u->leaves;
    u->result.scores = u->scores;
    u->result.raw = u->raw;
}

static inline bool shop_may_list(const shop *s, const shopper *u, uint32_t row)
{
    return s->retired[row] == 0 && !nj_excluded(&u->exclusions, row);
}

static inline bool shop_is_alike(const shop *s, const nj_policy_cap *cap, uint32_t a, uint32_t b)
{
    return cap->attribute != NJ_POLICY_NONE
               ? s->categories[a] == s->categories[b]
               : memcmp(s->codes + a * SHOP_LEVELS, s->codes + b * SHOP_LEVELS,
                        cap->levels * sizeof *s->codes) == 0;
}

/// Whether each cap of the policy holds for the rows of a list.
static inline bool shop_keeps_caps(const shop *s, const uint32_t *rows, uint32_t count)
{
    for (uint32_t c = 0; c < s->policy.cap_count; c++) {
        const nj_policy_cap *cap = &s->policy.caps[c];
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t value = s->categories[rows[i]];
            if (cap->attribute != NJ_POLICY_NONE &&
                (value == NJ_ATTRIBUTE_NONE ||
                 (cap->value != NJ_POLICY_NONE && cap->value != value))) {
                continue;
            }
            uint32_t alike = 0;
            for (uint32_t k = 0; k < count; k++) {
                alike += shop_is_alike(s, cap, rows[i], rows[k]);
            }
            if (alike > cap->most) {
                return false;
            }
        }
    }
    return true;
}

#endif
