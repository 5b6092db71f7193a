#include <math.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "tests/support/nj_test.h"
#include "worker/baseline/top.h"

static int compare(const void *a, const void *b)
{
    return nj_scored_better(a, b) ? -1 : 1;
}

// Scores of few values, so that most are equal to others.
static void the_best_are_kept_in_order_and_of_equal_scores_the_smaller_rows(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    static const uint32_t MOSTS[] = {1, 2, 7, 100, COUNT, COUNT + 5};
    static nj_scored all[COUNT], kept[COUNT + 5];
    uint64_t seed = 3;
    for (size_t m = 0; m < sizeof MOSTS / sizeof MOSTS[0]; m++) {
        for (uint32_t i = 0; i < COUNT; i++) {
            all[i] = (nj_scored){(double)(nj_rng_next(&seed) % 40), i};
        }
        for (uint32_t left = COUNT; left > 1; left--) { // in any order
            const uint64_t other = nj_rng_next(&seed) % left;
            const nj_scored moved = all[left - 1];
            all[left - 1] = all[other];
            all[other] = moved;
        }
        nj_top top = {.items = kept, .most = MOSTS[m]};
        for (size_t i = 0; i < COUNT; i++) {
            nj_top_offer(&top, all[i].item, all[i].score);
        }
        nj_top_sort(&top);
        qsort(all, COUNT, sizeof *all, compare);
        assert_int_equal(top.count, MOSTS[m] < COUNT ? MOSTS[m] : COUNT);
        for (size_t i = 0; i < top.count; i++) {
            assert_int_equal(kept[i].item, all[i].item);
            assert_true(kept[i].score == all[i].score);
        }
    }
}

static void what_is_no_number_is_not_kept(void **state)
{
    (void)state;
    nj_scored kept[2];
    nj_top top = {.items = kept, .most = 2};
    nj_top_offer(&top, 1, (double)NAN);
    nj_top_offer(&top, 2, -5);
    assert_int_equal(top.count, 1);
    assert_int_equal(kept[0].item, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_are_kept_in_order_and_of_equal_scores_the_smaller_rows),
        cmocka_unit_test(what_is_no_number_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
