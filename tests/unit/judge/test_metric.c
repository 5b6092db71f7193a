// test_metric.c - recall, NDCG, reciprocal rank and overlap: values computed by hand, and a brute force with gains and ideals.
#include "common/judge/metric.h"

#include <math.h>
#include <stdbool.h>

#include "tests/support/nj_test.h"
#include "tests/support/simrandom.h"

// Both sides are a few double operations; log2 may differ from a quotient of logarithms in the last bits.
#define EPSILON 1e-12

#define assert_close(a, b)                                                                         \
    do {                                                                                           \
        const double a_ = (a), b_ = (b);                                                           \
        if (!(fabs(a_ - b_) <= EPSILON)) {                                                         \
            fail_msg("%.17g, expected %.17g", a_, b_);                                             \
        }                                                                                          \
    } while (0)

static void a_hit_counts_by_its_place_up_to_the_cut_off(void **state)
{
    (void)state;
    static const struct {
        uint32_t rank, cutoff;
        double recall, ndcg, mrr;
    } ROWS[] = {
        {NJ_RANK_NONE, 10, 0, 0, 0},
        {NJ_RANK_NONE, 1, 0, 0, 0},
        {1, 1, 1, 1, 1},
        {1, 20, 1, 1, 1},
        {2, 1, 0, 0, 0},
        {2, 2, 1, 0.63092975357145743, 0.5},   // ln 2 / ln 3
        {3, 5, 1, 0.5, 1.0 / 3},               // log2(4) = 2
        {5, 5, 1, 0.38685280723454163, 0.2},   // ln 2 / ln 6
        {6, 5, 0, 0, 0},                       // just behind
        {7, 10, 1, 1.0 / 3, 1.0 / 7},          // log2(8) = 3
        {10, 10, 1, 0.28906482631788788, 0.1}, // ln 2 / ln 11
        {11, 10, 0, 0, 0},
        {15, 20, 1, 0.25, 1.0 / 15}, // log2(16) = 4
        {20, 20, 1, 0.22767024869695299, 0.05},
        {UINT32_MAX, 20, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        assert_close(nj_recall_at(ROWS[i].rank, ROWS[i].cutoff), ROWS[i].recall);
        assert_close(nj_ndcg_at(ROWS[i].rank, ROWS[i].cutoff), ROWS[i].ndcg);
        assert_close(nj_reciprocal_rank_at(ROWS[i].rank, ROWS[i].cutoff), ROWS[i].mrr);
    }
}

static void the_rank_is_the_first_place_of_the_item(void **state)
{
    (void)state;
    static const uint32_t LIST[] = {7, NJ_ITEM_INVALID, 3, 9, 3};
    assert_int_equal(nj_rank_of(LIST, 5, 7), 1);
    assert_int_equal(nj_rank_of(LIST, 5, 3), 3);
    assert_int_equal(nj_rank_of(LIST, 5, 9), 4);
    assert_int_equal(nj_rank_of(LIST, 3, 9), NJ_RANK_NONE);
    assert_int_equal(nj_rank_of(LIST, 5, 8), NJ_RANK_NONE);
    assert_int_equal(nj_rank_of(NULL, 0, 7), NJ_RANK_NONE);
}

static void overlap_is_what_two_lists_share_whatever_the_order(void **state)
{
    (void)state;
    static const uint32_t A[] = {1, 2, 3, 4};
    static const uint32_t B[] = {4, 3, 2, 9};
    static const uint32_t NOTHING[] = {NJ_ITEM_INVALID, NJ_ITEM_INVALID};
    assert_close(nj_overlap_at(A, 4, A, 4, 10), 1);
    assert_close(nj_overlap_at(A, 4, B, 4, 1), 0);
    assert_close(nj_overlap_at(A, 4, B, 4, 2), 0);
    assert_close(nj_overlap_at(A, 4, B, 4, 3), 2.0 / 3);
    assert_close(nj_overlap_at(A, 4, B, 4, 4), 0.75);
    assert_close(nj_overlap_at(A, 4, B, 2, 4), 0.5); // 3 and 4 of four places
    assert_close(nj_overlap_at(B, 2, A, 4, 4), 0.5);
    assert_close(nj_overlap_at(A, 4, NULL, 0, 4), 0);
    assert_close(nj_overlap_at(NULL, 0, NULL, 0, 4), 1);
    assert_close(nj_overlap_at(NOTHING, 2, NOTHING, 2, 2), 0); // no item is common
}

static void a_mean_is_over_all_users_also_those_without_a_hit(void **state)
{
    (void)state;
    static const uint32_t RANKS[] = {1, NJ_RANK_NONE, 3, 11};
    static const char *const NAMES[NJ_METRIC_COUNT] = {"recall", "ndcg", "mrr"};
    static const double MEANS[NJ_METRIC_COUNT] = {0.5, 1.5 / 4, (1 + 1.0 / 3) / 4};
    for (size_t i = 0; i < NJ_METRIC_COUNT; i++) {
        assert_string_equal(NJ_METRICS[i].name, NAMES[i]);
        assert_close(nj_metric_mean(&NJ_METRICS[i], 10, RANKS, 4), MEANS[i]);
        assert_close(nj_metric_mean(&NJ_METRICS[i], 10, RANKS, 0), 0);
    }
}

// ---- brute force: the definitions for any set of relevant items, with a set of one ----

static double dcg(const bool *relevant, uint32_t count, uint32_t cutoff)
{
    double sum = 0;
    for (uint32_t i = 0; i < count && i < cutoff; i++) {
        sum += relevant[i] ? log(2.0) / log((double)i + 2.0) : 0;
    }
    return sum;
}

static void the_definitions_for_any_number_of_relevant_items_say_the_same(void **state)
{
    (void)state;
    enum { ROUNDS = 2000, LENGTH = 25, ITEMS = 40 };
    static const bool IDEAL[1] = {true};
    simrandom random = {11};
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t items[ITEMS];
        for (uint32_t i = 0; i < ITEMS; i++) {
            items[i] = i;
        }
        for (uint32_t i = 0; i < LENGTH; i++) { // the first LENGTH of a shuffle
            uint32_t j = i + (uint32_t)simrandom_below(&random, ITEMS - i);
            uint32_t item = items[i];
            items[i] = items[j];
            items[j] = item;
        }
        const uint32_t count = (uint32_t)simrandom_below(&random, LENGTH + 1);
        const uint32_t target = (uint32_t)simrandom_below(&random, ITEMS);
        const uint32_t cutoff = 1 + (uint32_t)simrandom_below(&random, LENGTH);
        bool relevant[LENGTH];
        double retrieved = 0;
        double reciprocal = 0;
        for (uint32_t i = 0; i < count; i++) {
            relevant[i] = items[i] == target;
            if (relevant[i] && i < cutoff) {
                retrieved += 1;
                reciprocal = 1.0 / (i + 1);
            }
        }
        const uint32_t rank = nj_rank_of(items, count, target);
        assert_close(nj_recall_at(rank, cutoff), retrieved / 1);
        assert_close(nj_reciprocal_rank_at(rank, cutoff), reciprocal);
        assert_close(nj_ndcg_at(rank, cutoff),
                     dcg(relevant, count, cutoff) / dcg(IDEAL, 1, cutoff));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hit_counts_by_its_place_up_to_the_cut_off),
        cmocka_unit_test(the_rank_is_the_first_place_of_the_item),
        cmocka_unit_test(overlap_is_what_two_lists_share_whatever_the_order),
        cmocka_unit_test(a_mean_is_over_all_users_also_those_without_a_hit),
        cmocka_unit_test(the_definitions_for_any_number_of_relevant_items_say_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
