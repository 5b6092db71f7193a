// test_split.c - where a history is cut, beside a plain walk over its events, and the words for it.
#include "common/catalogue/split.h"

#include <stdlib.h>

#include "tests/support/nj_test.h"
#include "tests/support/simrandom.h"

#define EVENTS_MAX 12

// What the definition says, one event after the other.
static nj_split_parts split_plainly(const nj_split *split, const double *times, size_t count)
{
    nj_split_parts parts = {0};
    for (size_t i = 0; i < count; i++) {
        const size_t behind = count - 1 - i; // events that follow
        const bool is_before = split->kind == NJ_SPLIT_TIME   ? times[i] < split->from.at
                               : split->kind == NJ_SPLIT_NONE ? true
                               : split->kind == NJ_SPLIT_TEST ? behind >= 1
                                                              : behind >= 2;
        parts.input_count += is_before;
        parts.training_count += is_before && (split->kind == NJ_SPLIT_TIME ||
                                              split->kind == NJ_SPLIT_NONE || behind >= 2);
    }
    if (split->kind == NJ_SPLIT_TIME) {
        for (size_t i = parts.input_count; i < count && !parts.has_target; i++) {
            parts.has_target =
                i == parts.input_count && (!split->until.given || times[i] < split->until.at);
        }
    } else if (split->kind == NJ_SPLIT_TEST) {
        parts.has_target = count >= 1;
    } else if (split->kind == NJ_SPLIT_VALIDATION) {
        parts.has_target = count >= 2;
    }
    return parts;
}

static void a_history_is_cut_as_the_definition_says(void **state)
{
    (void)state;
    simrandom random = {1};
    for (int round = 0; round < 4000; round++) {
        double times[EVENTS_MAX];
        const nj_slice items[EVENTS_MAX] = {{0}};
        const size_t count = simrandom_below(&random, EVENTS_MAX + 1);
        const double from = (double)simrandom_below(&random, 8);
        const nj_split split = {.kind = (nj_split_kind)simrandom_below(&random, 4),
                                .from = {.given = true, .at = from},
                                .until = {.given = simrandom_chance(&random, 1, 2),
                                          .at = from + 0.5 + (double)simrandom_below(&random, 3)}};
        double time = 0;
        for (size_t i = 0; i < count; i++) {
            time += (double)simrandom_below(&random, 3) / 2;
            times[i] = time;
        }
        const nj_history history = {.items = items, .times = times, .item_count = count};
        nj_split_parts got;
        nj_error err = {0};
        assert_ok(nj_split_history(&split, &history, &got, &err), &err);
        const nj_split_parts wanted = split_plainly(&split, times, count);
        assert_int_equal(got.training_count, wanted.training_count);
        assert_int_equal(got.input_count, wanted.input_count);
        assert_int_equal(got.has_target, wanted.has_target);
        assert_true(got.training_count <= got.input_count || split.kind == NJ_SPLIT_VALIDATION);
        assert_true(got.input_count + got.has_target <= count);
    }
}

static void times_that_are_no_seconds_are_refused_beside_a_date(void **state)
{
    (void)state;
    const double times[] = {5, 1714521600000};
    const nj_slice items[] = {{0}, {0}};
    const nj_history history = {.items = items, .times = times, .item_count = 2, .line = 9};
    nj_split split = {.kind = NJ_SPLIT_TIME, .from = {true, true, 1714521600}};
    nj_split_parts parts;
    nj_error err = {0};
    assert_refused(nj_split_history(&split, &history, &parts, &err), NJ_INPUT, &err,
                   "line 9: time 1714521600000 is beyond the year 9999");
    split.from.is_date = false;
    split.until = (nj_instant){true, true, 1714521601};
    assert_refused(nj_split_history(&split, &history, &parts, &err), NJ_INPUT, &err, "line 9");
    split.until.is_date = false;
    assert_ok(nj_split_history(&split, &history, &parts, &err), &err);
    assert_int_equal(parts.input_count, 1);
    assert_false(parts.has_target); // it is behind `until`
}

static void assert_words(nj_split split, nj_histories_source source, const char *wanted)
{
    assert_string_equal(nj_split_describe(&split, &source).text, wanted);
}

static void the_words_tell_apart_what_was_read_and_nothing_else(void **state)
{
    (void)state;
    const nj_histories_source plain = {0};
    const nj_histories_source cut = {.as_of = {true, false, 50}};
    const nj_histories_source shuffled = {.tie_seed = 7};
    const nj_histories_source both = {.as_of = {true, false, 50}, .tie_seed = 7};
    const nj_split test = {.kind = NJ_SPLIT_TEST};
    const nj_split validation = {.kind = NJ_SPLIT_VALIDATION};
    const nj_split none = {.kind = NJ_SPLIT_NONE};
    const nj_split from = {.kind = NJ_SPLIT_TIME, .from = {true, true, 50}};
    const nj_split later = {.kind = NJ_SPLIT_TIME, .from = {true, false, 60.25}};
    nj_split ends = from;
    ends.until = (nj_instant){true, false, 70};
    assert_words(test, plain, "test");
    assert_words(validation, plain, "validation");
    assert_words(none, plain, "none");
    assert_words(from, plain, "from 50");
    assert_words(later, plain, "from 60.25");
    assert_words(ends, plain, "from 50"); // the end changes what is judged, and no list
    assert_words(test, cut, "test; as of 50");
    assert_words(test, shuffled, "test; ties 7");
    assert_words(test, both, "test; as of 50; ties 7");
    assert_words(none, cut, "from 50"); // a night as of then has read what that split lets it read
    assert_words(later, cut, "from 50");
    assert_words(from, both, "from 50; ties 7");
    const nj_split longest = {.kind = NJ_SPLIT_TEST};
    const nj_histories_source long_one = {.as_of = {true, false, -1.2345678901234567e-308},
                                          .tie_seed = UINT64_MAX};
    assert_words(longest, long_one,
                 "test; as of -1.2345678901234567e-308; ties 18446744073709551615");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_history_is_cut_as_the_definition_says),
        cmocka_unit_test(times_that_are_no_seconds_are_refused_beside_a_date),
        cmocka_unit_test(the_words_tell_apart_what_was_read_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
