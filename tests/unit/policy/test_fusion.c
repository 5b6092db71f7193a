// test_fusion.c - candidates in order, and one ranking from two, against sums over all items.
#include <math.h>

#include "common/math/vecmath.h"
#include "tests/unit/policy/shop.h"
#include "worker/policy/fusion.h"

enum { ROOM = 90, ROUNDS = 50 };

static void the_best_stands_first_and_of_equals_the_smaller_row(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        nj_candidate items[ROOM];
        nj_candidates candidates = {items, shop_draw(&random, ROOM + 1), ROOM};
        bool seen[ROOM] = {false};
        for (uint32_t i = 0; i < candidates.count; i++) {
            items[i] = (nj_candidate){.row = (7 * i + round) % ROOM,
                                      .score = (float)shop_draw(&random, 1 + round)};
        }
        nj_candidates_sort(&candidates);
        for (uint32_t i = 0; i < candidates.count; i++) {
            assert_false(seen[items[i].row]);
            seen[items[i].row] = true;
            assert_true(i == 0 || items[i - 1].score > items[i].score ||
                        (items[i - 1].score == items[i].score && items[i - 1].row < items[i].row));
        }
    }
}

// Rows from `first` on, so many apart.
static void fill_ranking(nj_candidates *candidates, uint32_t count, uint32_t first, uint32_t apart,
                         uint32_t source)
{
    for (uint32_t i = 0; i < count; i++) {
        const float score = -1.0f - (float)i;
        candidates->items[candidates->count++] = (nj_candidate){
            .row = (first + apart * i) % ROOM, .score = score, .raw = score - 1, .source = source};
    }
}

// 0: it has none.
static uint32_t find_place(const nj_candidate *items, uint32_t count, uint32_t row)
{
    for (uint32_t i = 0; i < count; i++) {
        if (items[i].row == row) {
            return i + 1;
        }
    }
    return 0;
}

static void an_item_is_worth_its_places_in_both_rankings(void **state)
{
    (void)state;
    uint64_t random = 2;
    const nj_policy policy = {.beam_weight = 1.5f, .neighbour_weight = 0.5f, .fusion_offset = 7};
    for (uint32_t round = 0; round < ROUNDS; round++) {
        nj_candidate items[ROOM];
        nj_candidate given[ROOM];
        nj_candidates candidates = {items, 0, ROOM};
        const uint32_t beam_count = shop_draw(&random, ROOM / 2);
        const uint32_t others = shop_draw(&random, ROOM / 2);
        fill_ranking(&candidates, beam_count, round, 7, NJ_SOURCE_BEAM);
        fill_ranking(&candidates, others, 3, 11, NJ_SOURCE_NEIGHBOUR);
        memcpy(given, items, sizeof given);
        nj_fuse(&policy, beam_count, &candidates);
        uint32_t both = 0;
        for (uint32_t i = 0; i < candidates.count; i++) {
            const nj_candidate *item = &items[i];
            const uint32_t beam_place = find_place(given, beam_count, item->row);
            const uint32_t place = find_place(given + beam_count, others, item->row);
            const nj_candidate *before =
                beam_place > 0 ? &given[beam_place - 1] : &given[beam_count + place - 1];
            float worth = beam_place > 0 ? 1.5f / (7.0f + (float)beam_place) : 0.0f;
            worth += place > 0 ? 0.5f / (7.0f + (float)place) : 0.0f;
            both += beam_place > 0 && place > 0;
            assert_true(item->score == nj_log(worth));
            assert_true(item->adjust[NJ_ADJUST_FUSION] == item->score - before->score);
            assert_int_equal(item->source, before->source);
            assert_true(item->raw == before->raw);
            assert_true(i == 0 || items[i - 1].score >= item->score);
        }
        assert_int_equal(candidates.count, beam_count + others - both);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_stands_first_and_of_equals_the_smaller_row),
        cmocka_unit_test(an_item_is_worth_its_places_in_both_rankings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
