// test_figures.c - an evaluation of two models of ten items by hand, and the odd ones: nobody, one user, no place at all.
#include "common/judge/figures.h"

#include <math.h>

#include "tests/support/memory_faults.h"
#include "tests/support/nj_test.h"

#define EPSILON 1e-12 // a few double operations

enum { ITEMS = 10, USERS = 4, DEPTH = 5, L = 3 };
enum { RECALL, NDCG, MRR }; // of NJ_METRICS
enum { AT_1, AT_5 };        // of NJ_CUTOFFS

static const uint32_t TARGETS[USERS] = {0, 1, 2, 9};
static const uint32_t LENGTHS[USERS] = {1, 1, 5, 5};
static const uint32_t EVENTS[ITEMS] = {8, 4, 2, 1, 1, 0, 0, 0, 0, 0};
static const uint16_t CODES[ITEMS * L] = {0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1,
                                          2, 2, 0, 2, 3, 0, 3, 0, 0, 3, 1, 0, 3, 1, 1};
// The first finds users 0 and 2, the other 0 and 1; user 3 has no list of the first.
static const uint32_t FIRST[USERS][DEPTH] = {
    {0, 1, 2, 3, 4}, {5, 6, 7, 8, 9}, {3, 2, 0, 1, 4}, {0, 0, 0, 0, 0}};
static const uint32_t OTHER[USERS][DEPTH] = {
    {0, 1, 2, 3, 4}, {0, 2, 1, 3, 4}, {0, 1, 3, 4, 5}, {0, 1, 2, 3, 4}};

static nj_evaluation make_evaluation(size_t user_count, uint32_t depth)
{
    nj_evaluation e = {.target = "test",
                       .split = "leave-last-out",
                       .primary = NJ_HISTORY_KEPT,
                       .user_count = user_count,
                       .targets = TARGETS,
                       .history_lengths = LENGTHS,
                       .item_count = ITEMS,
                       .live_count = ITEMS,
                       .popularity = EVENTS,
                       .codes = CODES,
                       .level_count = L,
                       .has_suffix = true,
                       .model_count = 2};
    for (size_t model = 0; model < 2; model++) {
        nj_ranking *r = &e.models[model].rankings[NJ_HISTORY_KEPT];
        e.models[model].name = model == 0 ? "first" : "other";
        r->known = true;
        assert_int_equal(nj_lists_init(user_count, DEPTH, &r->lists), NJ_OK);
        for (size_t user = 0; user < user_count && depth > 0; user++) {
            if (model == 1 || user < 3) {
                nj_lists_set(&r->lists, user, model == 0 ? FIRST[user] : OTHER[user], depth);
            }
        }
        assert_int_equal(nj_lists_judge(&r->lists, TARGETS, &r->judgement), NJ_OK);
        r->depth = r->judgement.longest;
    }
    return e;
}

static void close_evaluation(nj_evaluation *e)
{
    for (size_t model = 0; model < 2; model++) {
        nj_lists_fini(&e->models[model].rankings[NJ_HISTORY_KEPT].lists);
        nj_judgement_fini(&e->models[model].rankings[NJ_HISTORY_KEPT].judgement);
    }
}

static nj_figures *judge(const nj_evaluation *e)
{
    const nj_resampling resampling = {200, 1};
    nj_figures *figures = NULL;
    assert_int_equal(nj_figures_new(e, &resampling, &figures), NJ_OK);
    return figures;
}

static void assert_close(double found, double wanted)
{
    if (!(fabs(found - wanted) <= EPSILON)) {
        fail_msg("%.17g, expected %.17g", found, wanted);
    }
}

static void two_models_are_judged_as_by_hand(void **state)
{
    (void)state;
    nj_evaluation e = make_evaluation(USERS, DEPTH);
    nj_figures *f = judge(&e);
    const nj_ranking_figures *first = &f->rankings[0][NJ_HISTORY_KEPT];
    const nj_comparison *beside = &f->comparisons[1][NJ_HISTORY_KEPT];
    assert_int_equal(f->cutoff, 5); // no list has ten places
    assert_int_equal(first->cutoff_count, 2);
    assert_int_equal(f->rankings[0][NJ_HISTORY_MASKED].cutoff_count, 0);
    assert_close(first->metrics.at[RECALL][AT_1].value, 0.25);
    assert_close(first->metrics.at[RECALL][AT_5].value, 0.5);
    assert_close(first->metrics.at[MRR][AT_5].value, (1 + 0.5) / 4);
    assert_close(beside->differences.at[MRR][AT_5].value, (0.5 - 1.0 / 3) / 4);
    assert_close(beside->differences.at[RECALL][AT_5].value, 0);
    assert_true(beside->differences.at[RECALL][AT_5].has_interval);
    assert_int_equal(beside->tests.first_only[AT_5], 1);
    assert_int_equal(beside->tests.other_only[AT_5], 1);
    assert_close(beside->tests.p[RECALL][AT_5], 1);
    assert_close(beside->overlap[AT_5], (1 + 0.0 + 4.0 / 5 + 0) / 4);

    assert_close(first->exposure[AT_5].coverage, 1);
    assert_close(first->exposure[AT_1].coverage, 0.3); // 0, 5 and 3
    assert_int_equal(first->exposure[AT_5].recommended, 15);
    assert_close(f->target_popularity, (8 + 4 + 2 + 0) / 4.0);
    assert_close(f->trained_popularity, (64 + 16 + 4 + 1 + 1) / 16.0);
    assert_int_equal(f->prefix_level_count, 2); // the counter is none
    // the first code 0 has items 0, 1, 2: 6 of 15 places, 14 of 16 events
    assert_close(first->prefixes[0].moved, 14.0 / 16 - 6.0 / 15);
    nj_figures_free(&f);
    close_evaluation(&e);
}

static void slices_and_contrasts_are_of_the_same_users(void **state)
{
    (void)state;
    nj_evaluation e = make_evaluation(USERS, DEPTH);
    nj_figures *f = judge(&e);
    assert_int_equal(f->slicings[NJ_SLICING_HISTORY].slice_count,
                     1); // four users are too few to part
    assert_close(f->slices[NJ_SLICING_HISTORY][0].values[0][RECALL].value, 0.5);
    assert_int_equal(f->slicings[NJ_SLICING_COLD].slice_count, 2);
    const nj_slice_figures *seen = &f->slices[NJ_SLICING_COLD][1];
    assert_close(seen->values[0][RECALL].value, 2.0 / 3);
    assert_close(seen->differences[1][MRR].value, (0.5 - 1.0 / 3) / 3);
    assert_int_equal(f->slicings[NJ_SLICING_GROUP].slice_count, 0);

    const nj_contrast *c = &f->contrasts[1];
    assert_int_equal(c->counts[NJ_OUTCOME_WIN], 1);
    assert_int_equal(c->counts[NJ_OUTCOME_LOSS], 1);
    assert_int_equal(c->counts[NJ_OUTCOME_BOTH], 1);
    assert_int_equal(c->counts[NJ_OUTCOME_NEITHER], 1);
    assert_true(c->known[NJ_FEATURE_TARGET_EVENTS] && !c->known[NJ_FEATURE_REPEATED_ITEM]);
    assert_close(c->features[NJ_FEATURE_TARGET_EVENTS].typical[NJ_OUTCOME_LOSS], 4);
    nj_figures_free(&f);
    close_evaluation(&e);
}

static void one_user_and_lists_without_a_place_are_judged_too(void **state)
{
    (void)state;
    nj_evaluation one = make_evaluation(1, DEPTH);
    nj_figures *f = judge(&one);
    assert_close(f->rankings[0][NJ_HISTORY_KEPT].metrics.at[RECALL][AT_5].value, 1);
    assert_false(f->rankings[0][NJ_HISTORY_KEPT].metrics.at[RECALL][AT_5].has_interval);
    nj_figures_free(&f);
    close_evaluation(&one);

    nj_evaluation empty = make_evaluation(USERS, 0);
    f = judge(&empty);
    assert_int_equal(f->cutoff, 0);
    assert_int_equal(f->cutoff_count, 0);
    assert_int_equal(f->slicings[NJ_SLICING_HISTORY].slice_count, 0);
    assert_int_equal(f->comparisons[1][NJ_HISTORY_KEPT].cutoff_count, 0);
    nj_figures_free(&f);
    close_evaluation(&empty);
}

static void nothing_known_but_ranks_is_enough(void **state)
{
    (void)state;
    nj_evaluation e = make_evaluation(USERS, DEPTH);
    e.popularity = NULL;
    e.codes = NULL;
    e.level_count = 0;
    e.has_suffix = false;
    e.history_lengths = NULL;
    nj_figures *f = judge(&e);
    assert_close(f->rankings[0][NJ_HISTORY_KEPT].exposure[AT_5].coverage, 1);
    assert_int_equal(f->prefix_level_count, 0);
    assert_close(f->target_novelty, 0);
    for (size_t i = 0; i < NJ_FEATURE_COUNT; i++) {
        assert_false(f->contrasts[1].known[i]);
    }
    nj_figures_free(&f);
    close_evaluation(&e);
}

static void every_allocation_may_fail_and_nothing_is_left(void **state)
{
    (void)state;
    enum { ALLOCATIONS_MAX = 500 };
    static const float EMBEDDINGS[ITEMS * 2] = {1, 2, 3, 4, 5};
    const nj_resampling resampling = {3, 1};
    nj_evaluation e = make_evaluation(USERS, DEPTH);
    e.embeddings = EMBEDDINGS;
    e.embedding_width = 2;
    unsigned failed = 0;
    for (unsigned n = 1; n < ALLOCATIONS_MAX; n++) {
        nj_figures *f = NULL;
        memory_faults_arm(n);
        const nj_status status = nj_figures_new(&e, &resampling, &f);
        if (!memory_faults_disarm()) {
            assert_int_equal(status, NJ_OK);
            nj_figures_free(&f);
            break;
        }
        assert_int_equal(status, NJ_NO_MEMORY);
        assert_null(f);
        failed++;
    }
    assert_in_range(failed, 30, ALLOCATIONS_MAX - 2);
    close_evaluation(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_models_are_judged_as_by_hand),
        cmocka_unit_test(slices_and_contrasts_are_of_the_same_users),
        cmocka_unit_test(one_user_and_lists_without_a_place_are_judged_too),
        cmocka_unit_test(nothing_known_but_ranks_is_enough),
        cmocka_unit_test(every_allocation_may_fail_and_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
