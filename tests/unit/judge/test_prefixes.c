// test_prefixes.c - shares of prefixes: a small tree by hand, and a large one by looking each prefix up.
#include "common/judge/prefixes.h"

#include <math.h>
#include <string.h>

#include "tests/support/nj_test.h"
#include "tests/support/simrandom.h"

#define EPSILON 1e-12 // sums of the same shares in another order

static void a_small_tree_is_judged_as_by_hand(void **state)
{
    (void)state;
    //   1 ─┬ 4   rows 0 and 3        recommended 30 of 100, trained 60 of 100
    //      └ 7   row 2                           10                 0
    //   300 ─ 0  rows 1 and 4                    60                 40
    static const uint16_t CODES[5][3] = {{1, 4, 0}, {300, 0, 0}, {1, 7, 0}, {1, 4, 1}, {300, 0, 1}};
    static const uint32_t COUNTS[] = {30, 60, 10, 0, 0};
    static const uint32_t EVENTS[] = {10, 20, 0, 50, 20};
    nj_prefixes p;
    nj_prefix_level level;
    assert_int_equal(nj_prefixes_init(&CODES[0][0], 5, 3, 2, &p), NJ_OK);
    static const uint32_t SORTED[] = {0, 3, 2, 1, 4};
    assert_memory_equal(p.rows, SORTED, sizeof SORTED);
    assert_int_equal(nj_prefixes_run_end(&p, 0, 0), 3);
    assert_int_equal(nj_prefixes_run_end(&p, 1, 0), 2);

    nj_prefixes_judge(&p, 0, COUNTS, EVENTS, &level);
    assert_int_equal(level.prefix_count, 2);
    assert_true(fabs(level.moved - 0.2) < EPSILON);
    assert_int_equal(level.most_count, 1);
    assert_int_equal(level.most[0].row, 1); // the first of two with most events
    assert_int_equal(level.most[0].item_count, 2);
    assert_true(level.most[0].recommended == 0.6 && level.most[0].trained == 0.4);
    assert_int_equal(level.least_count, 1);
    assert_int_equal(level.least[0].row, 3);
    assert_int_equal(level.least[0].item_count, 3);

    nj_prefixes_judge(&p, 1, COUNTS, EVENTS, &level);
    assert_int_equal(level.prefix_count, 3);
    assert_true(fabs(level.moved - 0.3) < EPSILON);
    assert_int_equal(level.most_count, 1); // 1 7 has 10 of the two together: too few to be shown
    assert_int_equal(level.least_count, 1);
    assert_true(level.least[0].recommended == 0.3 && level.least[0].trained == 0.6);
    nj_prefixes_fini(&p);
}

enum { N = 3000, L = 4 };
static uint16_t codes[N * L];
static uint32_t counts[N];
static uint32_t events[N];

static double surplus_of(uint32_t row, size_t level, double count_total, double event_total)
{
    double places = 0;
    double trained = 0;
    for (size_t i = 0; i < N; i++) {
        if (memcmp(codes + i * L, codes + row * L, (level + 1) * sizeof *codes) == 0) {
            places += counts[i];
            trained += events[i];
        }
    }
    return places / count_total - trained / event_total;
}

static void shares_are_those_of_looking_each_prefix_up(void **state)
{
    (void)state;
    simrandom random = {6};
    double count_total = 0;
    double event_total = 0;
    for (size_t i = 0; i < N; i++) {
        for (size_t level = 0; level < L; level++) {
            codes[i * L + level] = (uint16_t)(simrandom_below(&random, 6) * 10007);
        }
        counts[i] = (uint32_t)simrandom_below(&random, 40);
        events[i] = (uint32_t)simrandom_below(&random, 40);
        count_total += counts[i];
        event_total += events[i];
    }
    nj_prefixes p;
    assert_int_equal(nj_prefixes_init(codes, N, L, L, &p), NJ_OK);
    for (size_t level = 0; level < 3; level++) {
        nj_prefix_level found;
        double highest = 0;
        double lowest = 0;
        double moved = 0;
        size_t prefix_count = 0;
        nj_prefixes_judge(&p, level, counts, events, &found);
        for (size_t i = 0; i < N; i = nj_prefixes_run_end(&p, level, i)) {
            const double surplus = surplus_of(p.rows[i], level, count_total, event_total);
            highest = fmax(highest, surplus);
            lowest = fmin(lowest, surplus);
            moved += fmax(surplus, 0);
            prefix_count++;
        }
        assert_int_equal(found.prefix_count, prefix_count);
        assert_true(fabs(found.moved - moved) < EPSILON); // what is too much is what is too little
        assert_true(fabs(found.most[0].recommended - found.most[0].trained - highest) < EPSILON);
        assert_true(fabs(found.least[0].recommended - found.least[0].trained - lowest) < EPSILON);
        for (size_t i = 1; i < found.most_count; i++) {
            assert_true(found.most[i - 1].recommended - found.most[i - 1].trained >=
                        found.most[i].recommended - found.most[i].trained);
        }
    }
    nj_prefixes_fini(&p);
}

static void no_item_and_no_recommendation_are_judged_too(void **state)
{
    (void)state;
    static const uint16_t ONE[] = {5};
    static const uint32_t NONE[] = {0};
    static const uint32_t SOME[] = {50};
    nj_prefixes p;
    nj_prefix_level level;
    assert_int_equal(nj_prefixes_init(NULL, 0, 3, 3, &p), NJ_OK);
    nj_prefixes_judge(&p, 0, NULL, NULL, &level);
    assert_int_equal(level.prefix_count, 0);
    nj_prefixes_fini(&p);
    assert_int_equal(nj_prefixes_init(ONE, 1, 1, 1, &p), NJ_OK);
    nj_prefixes_judge(&p, 0, NONE, SOME, &level);
    assert_int_equal(level.least_count, 1);
    assert_true(level.least[0].recommended == 0 && level.least[0].trained == 1);
    nj_prefixes_fini(&p);
}

static bool are_counted(const uint16_t *rows, size_t item_count, size_t code_count)
{
    bool counted = false;
    assert_int_equal(nj_codes_are_counted(rows, item_count, code_count, &counted), NJ_OK);
    return counted;
}

static void a_counter_is_told_from_a_level(void **state)
{
    (void)state;
    static const uint16_t COUNTED[] = {7, 0, 5, 1, 7, 2, 5, 0, 7, 1};
    static const uint16_t HOLE[] = {7, 0, 7, 2};
    static const uint16_t TWICE[] = {7, 0, 7, 0};
    static const uint16_t LEVEL[] = {7, 3, 5, 0};
    assert_true(are_counted(COUNTED, 5, 2));
    assert_true(are_counted(COUNTED, 4, 2) == false); // 7 1 is missing
    assert_false(are_counted(HOLE, 2, 2));
    assert_false(are_counted(TWICE, 2, 2));
    assert_false(are_counted(LEVEL, 2, 2));
    assert_false(are_counted(NULL, 0, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_tree_is_judged_as_by_hand),
        cmocka_unit_test(shares_are_those_of_looking_each_prefix_up),
        cmocka_unit_test(a_counter_is_told_from_a_level),
        cmocka_unit_test(no_item_and_no_recommendation_are_judged_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
