// test_slices.c - every user is in one slice, in order; small slices are merged or marked.
#include "common/judge/slices.h"

#include <string.h>

#include "tests/support/nj_test.h"
#include "tests/support/simrandom.h"

enum { USERS = 1000, ITEMS = 4 };
static uint32_t lengths[USERS];
static uint32_t targets[USERS];
static uint32_t groups[USERS];
static const uint32_t EVENTS[ITEMS] = {0, 3, 12, 13};
static const char *const GROUPS[] = {"north", "south"};

static nj_evaluation make_evaluation(size_t user_count)
{
    return (nj_evaluation){.user_count = user_count,
                           .history_lengths = lengths,
                           .targets = targets,
                           .popularity = EVENTS,
                           .item_count = ITEMS,
                           .group_of = groups,
                           .group_names = GROUPS,
                           .group_count = 2};
}

static nj_slicing slice(const nj_evaluation *e, nj_slicing_kind kind)
{
    nj_slicing s = {0};
    assert_int_equal(nj_slicing_init(e, kind, &s), NJ_OK);
    return s;
}

static void check_labels(const nj_slicing *s, const char *const *labels, const size_t *counts,
                         size_t count)
{
    assert_int_equal(s->slice_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(s->slices[i].label, labels[i]);
        assert_int_equal(s->slices[i].user_count, counts[i]);
    }
}

static void slices_too_small_join_their_neighbours(void **state)
{
    (void)state;
    // 400 of length 2, 40 of 3, 20 of 4, 300 of 5, 200 of 6, 40 of 90: below 50 users (5 %) a slice is merged
    for (size_t i = 0; i < USERS; i++) {
        lengths[i] = i < 400 ? 2 : i < 440 ? 3 : i < 460 ? 4 : i < 760 ? 5 : i < 960 ? 6 : 90;
    }
    const nj_evaluation e = make_evaluation(USERS);
    nj_slicing s = slice(&e, NJ_SLICING_HISTORY);
    static const char *const LABELS[] = {"2", "3-4", "5-90"};
    static const size_t COUNTS[] = {400, 60, 540};
    check_labels(&s, LABELS, COUNTS, 3);
    assert_false(s.slices[1].is_small);
    nj_slicing_fini(&s);
}

static void every_user_is_in_one_slice_in_order(void **state)
{
    (void)state;
    simrandom random = {2};
    for (size_t i = 0; i < USERS; i++) {
        lengths[i] = (uint32_t)simrandom_below(&random, simrandom_chance(&random, 1, 9) ? 900 : 12);
    }
    const nj_evaluation e = make_evaluation(USERS);
    nj_slicing s = slice(&e, NJ_SLICING_HISTORY);
    bool seen[USERS] = {false};
    uint32_t longest_before = 0;
    size_t first = 0;
    assert_true(s.slice_count > 4);
    for (size_t i = 0; i < s.slice_count; i++) {
        uint32_t longest = 0;
        assert_int_equal(s.slices[i].first, first);
        assert_true(s.slices[i].user_count >= USERS / 20);
        for (size_t u = 0; u < s.slices[i].user_count; u++) {
            const uint32_t user = s.members[first + u];
            assert_false(seen[user]);
            assert_true(u == 0 || user > s.members[first + u - 1]);
            assert_true(i == 0 || lengths[user] > longest_before);
            longest = lengths[user] > longest ? lengths[user] : longest;
            seen[user] = true;
        }
        longest_before = longest;
        first += s.slices[i].user_count;
    }
    assert_int_equal(first, USERS);
    nj_slicing_fini(&s);
}

static void cold_items_and_groups_stay_apart_however_few(void **state)
{
    (void)state;
    for (size_t i = 0; i < 100; i++) {
        targets[i] = i < 3 ? 0 : i < 20 ? 1 : i < 60 ? 2 : 3;
        groups[i] = i < 10 ? 1 : i < 60 ? 0 : NJ_GROUP_NONE;
    }
    const nj_evaluation e = make_evaluation(100);
    nj_slicing s = slice(&e, NJ_SLICING_POPULARITY);
    static const char *const BY_EVENTS[] = {"0", "3-13"}; // 17 users of 3 events are too few
    static const size_t EVENT_COUNTS[] = {3, 97};
    check_labels(&s, BY_EVENTS, EVENT_COUNTS, 2);
    assert_true(s.slices[0].is_small);
    assert_false(s.slices[1].is_small);
    nj_slicing_fini(&s);

    s = slice(&e, NJ_SLICING_COLD);
    static const char *const COLD[] = {"cold, never in training", "seen in training"};
    check_labels(&s, COLD, EVENT_COUNTS, 2);
    nj_slicing_fini(&s);

    s = slice(&e, NJ_SLICING_GROUP);
    static const char *const BY_GROUP[] = {"(no group)", "north", "south"};
    static const size_t GROUP_COUNTS[] = {40, 50, 10};
    check_labels(&s, BY_GROUP, GROUP_COUNTS, 3);
    assert_int_equal(s.members[90], 0); // south's first user
    assert_true(s.slices[2].is_small);
    nj_slicing_fini(&s);
}

static void what_is_not_known_is_not_sliced(void **state)
{
    (void)state;
    const nj_evaluation nothing = {.user_count = 10, .targets = targets};
    for (int kind = 0; kind < NJ_SLICING_COUNT; kind++) {
        nj_slicing s = slice(&nothing, (nj_slicing_kind)kind);
        assert_int_equal(s.slice_count, 0);
        nj_slicing_fini(&s);
    }
    lengths[0] = 7;
    const nj_evaluation one = make_evaluation(1);
    nj_slicing s = slice(&one, NJ_SLICING_HISTORY);
    static const char *const LABELS[] = {"7"};
    static const size_t COUNTS[] = {1};
    check_labels(&s, LABELS, COUNTS, 1);
    assert_true(s.slices[0].is_small);
    nj_slicing_fini(&s);
    const nj_evaluation nobody = make_evaluation(0);
    s = slice(&nobody, NJ_SLICING_POPULARITY);
    assert_int_equal(s.slice_count, 0);
    nj_slicing_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_too_small_join_their_neighbours),
        cmocka_unit_test(every_user_is_in_one_slice_in_order),
        cmocka_unit_test(cold_items_and_groups_stay_apart_however_few),
        cmocka_unit_test(what_is_not_known_is_not_sliced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
