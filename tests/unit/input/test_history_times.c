// test_history_times.c - histories cut by --as-of and shuffled where times tie, beside a plain reference over made-up events.
#include "common/input/histories_reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"
#include "tests/support/simrandom.h"

#define EVENTS_MAX 400
#define USERS 5
#define ITEMS 9
#define TIMES 6

// One event; in what was read `line` is its place in the user's history.
typedef struct {
    int user;
    int item;
    double time;
    int line;
} event;

typedef struct {
    event events[EVENTS_MAX];
    int count;
    int first_line[USERS]; // where each user came up, 0: nowhere
    bool times;            // they were handed over
} events;

static nj_status take(void *context, const nj_history *history, nj_error *err)
{
    events *all = context;
    const int user = history->user.bytes[1] - '0';
    (void)err;
    assert_int_equal(all->first_line[user], 0);
    all->first_line[user] = (int)history->line;
    for (size_t i = 0; i < history->item_count; i++) {
        assert_true(all->count < EVENTS_MAX);
        all->events[all->count++] = (event){user, history->items[i].bytes[1] - '0',
                                            history->times != NULL ? history->times[i] : 0, (int)i};
    }
    all->times = history->times != NULL;
    return NJ_OK;
}

static nj_status read_text(const char *text, nj_histories_source source, size_t memory_bytes,
                           events *out, nj_error *err)
{
    const nj_histories_limits limits = {.memory_bytes = memory_bytes,
                                        .merge_files = 2,
                                        .line_bytes_max = 1 << 20,
                                        .items_max = EVENTS_MAX};
    *out = (events){0};
    source.path = memfile_write(text, strlen(text));
    return nj_histories_read_limited(&source, &limits, take, out, err);
}

static events read_ok(const char *text, nj_histories_source source, size_t memory_bytes)
{
    events all;
    nj_error err = {0};
    assert_ok(read_text(text, source, memory_bytes, &all, &err), &err);
    return all;
}

static void make_events(simrandom *random, events *out)
{
    *out = (events){.count = 1 + (int)simrandom_below(random, EVENTS_MAX - 1)};
    for (int i = 0; i < out->count; i++) {
        out->events[i] =
            (event){(int)simrandom_below(random, USERS), (int)simrandom_below(random, ITEMS),
                    (double)simrandom_below(random, TIMES) / 2 - 1, i};
    }
}

static const char *write_csv(const events *all)
{
    static char text[EVENTS_MAX * 24 + 64];
    int at = snprintf(text, sizeof text, "user,item,timestamp\n");
    for (int i = 0; i < all->count; i++) {
        const event *e = &all->events[i];
        at += snprintf(text + at, sizeof text - (size_t)at, "u%d,i%d,%.1f\n", e->user, e->item,
                       e->time);
    }
    return text;
}

// In the order of `all`, which is by user and time.
static const char *write_jsonl(const events *all)
{
    static char text[EVENTS_MAX * 24 + USERS * 64];
    int at = 0;
    for (int i = 0, end; i < all->count; i = end) {
        for (end = i; end < all->count && all->events[end].user == all->events[i].user;) {
            end++;
        }
        at += snprintf(text + at, sizeof text - (size_t)at, "{\"user\": \"u%d\", \"times\": [",
                       all->events[i].user);
        for (int k = i; k < end; k++) {
            at += snprintf(text + at, sizeof text - (size_t)at, "%s%.1f", k > i ? "," : "",
                           all->events[k].time);
        }
        at += snprintf(text + at, sizeof text - (size_t)at, "], \"items\": [");
        for (int k = i; k < end; k++) {
            at += snprintf(text + at, sizeof text - (size_t)at, "%s\"i%d\"", k > i ? "," : "",
                           all->events[k].item);
        }
        at += snprintf(text + at, sizeof text - (size_t)at, "]}\n");
    }
    return text;
}

static int by_user_time_line(const void *a, const void *b)
{
    const event *x = a;
    const event *y = b;
    return x->user != y->user   ? (x->user > y->user) - (x->user < y->user)
           : x->time != y->time ? (x->time > y->time) - (x->time < y->time)
                                : (x->line > y->line) - (x->line < y->line);
}

static int by_user_time_item(const void *a, const void *b)
{
    const event *x = a;
    const event *y = b;
    return x->user != y->user   ? (x->user > y->user) - (x->user < y->user)
           : x->time != y->time ? (x->time > y->time) - (x->time < y->time)
                                : (x->item > y->item) - (x->item < y->item);
}

// Users come in the order of their first line; for comparing, by their number. The order within each stays.
static events by_user(const events *all)
{
    events sorted = *all;
    sorted.count = 0;
    for (int user = 0; user < USERS; user++) {
        for (int i = 0; i < all->count; i++) {
            if (all->events[i].user == user) {
                sorted.events[sorted.count++] = all->events[i];
            }
        }
    }
    return sorted;
}

static void assert_same(const events *a, const events *b, bool with_times)
{
    const events x = by_user(a);
    const events y = by_user(b);
    assert_int_equal(x.count, y.count);
    for (int i = 0; i < x.count; i++) {
        assert_int_equal(x.events[i].user, y.events[i].user);
        assert_int_equal(x.events[i].item, y.events[i].item);
        assert_true(!with_times || x.events[i].time == y.events[i].time);
    }
}

// What is before the time, by user, time and line; the law.
static events cut_plainly(const events *all, const nj_instant *as_of)
{
    events kept = {0};
    for (int i = 0; i < all->count; i++) {
        if (!as_of->given || all->events[i].time < as_of->at) {
            kept.events[kept.count++] = all->events[i];
        }
    }
    qsort(kept.events, (size_t)kept.count, sizeof kept.events[0], by_user_time_line);
    return kept;
}

static void what_is_read_is_what_is_before_as_of(void **state)
{
    (void)state;
    simrandom random = {1};
    int empty = 0;
    for (int round = 0; round < 60; round++) {
        events made;
        events got;
        nj_error err = {0};
        make_events(&random, &made);
        const nj_instant as_of = {.given = round % 4 != 0,
                                  .at = (double)simrandom_below(&random, TIMES + 1) / 2 - 1};
        const nj_histories_source csv = {
            .format = NJ_HISTORIES_CSV, .as_of = as_of, .wants_times = true};
        const nj_histories_source jsonl = {
            .format = NJ_HISTORIES_JSONL, .as_of = as_of, .wants_times = true};
        const events kept = cut_plainly(&made, &as_of);
        const nj_instant all_of_it = {0};
        const events sorted = cut_plainly(&made, &all_of_it);
        if (kept.count == 0) {
            empty++;
            assert_refused(read_text(write_csv(&made), csv, 1 << 20, &got, &err), NJ_INPUT, &err,
                           "holds no history before the time of --as-of");
            assert_refused(read_text(write_jsonl(&sorted), jsonl, 1 << 20, &got, &err), NJ_INPUT,
                           &err, "holds no history before the time of --as-of");
            continue;
        }
        got = read_ok(write_csv(&made), csv, 1 << 20);
        assert_true(got.times);
        assert_same(&got, &kept, true);
        got = read_ok(write_csv(&made), csv, 0); // externally
        assert_same(&got, &kept, true);
        got = read_ok(write_jsonl(&sorted), jsonl, 0);
        assert_same(&got, &kept, true);
    }
    assert_in_range(empty, 1, 20);
}

static void as_of_is_the_first_moment_that_does_not_count(void **state)
{
    (void)state;
    static const char TEXT[] = "user,item,timestamp\nu1,i1,10\nu1,i2,20\nu2,i3,20\nu1,i4,30\n";
    nj_histories_source source = {.format = NJ_HISTORIES_CSV, .as_of = {.given = true, .at = 20}};
    events got = read_ok(TEXT, source, 0);
    assert_int_equal(got.count, 1); // u2 is no user yet
    assert_int_equal(got.events[0].item, 1);
    assert_false(got.times); // nobody asked for them
    source.as_of.at = nextafter(20, 21);
    got = read_ok(TEXT, source, 0);
    assert_int_equal(got.count, 3);
    assert_int_equal(got.first_line[2], 4);
}

static void a_user_whose_events_do_not_count_is_no_user_and_one_without_events_is(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"user\": \"u1\", \"items\": [\"i1\"], \"times\": [5]}\n"
                               "{\"user\": \"u2\", \"items\": []}\n"
                               "{\"user\": \"u3\", \"items\": [\"i1\"], \"times\": [4]}\n";
    const nj_histories_source source = {.format = NJ_HISTORIES_JSONL,
                                        .as_of = {.given = true, .at = 5}};
    const events got = read_ok(TEXT, source, 0);
    assert_int_equal(got.first_line[1], 0);
    assert_int_equal(got.first_line[2], 2);
    assert_int_equal(got.first_line[3], 3);
    assert_int_equal(got.count, 1);
}

// A shuffled copy of the rows.
static events shuffle_rows(simrandom *random, const events *all)
{
    events shuffled = *all;
    for (int i = shuffled.count - 1; i > 0; i--) {
        const int k = (int)simrandom_below(random, (uint64_t)i + 1);
        const event kept = shuffled.events[i];
        shuffled.events[i] = shuffled.events[k];
        shuffled.events[k] = kept;
    }
    return shuffled;
}

static bool is_same_order(const events *a, const events *b)
{
    for (int i = 0; i < a->count; i++) {
        if (a->events[i].item != b->events[i].item) {
            return false;
        }
    }
    return true;
}

static void ties_are_shuffled_by_the_seed_and_by_nothing_else(void **state)
{
    (void)state;
    simrandom random = {2};
    int other_than_lines = 0;
    int other_than_seed = 0;
    for (int round = 0; round < 60; round++) {
        events made;
        make_events(&random, &made);
        nj_histories_source source = {.format = NJ_HISTORIES_CSV,
                                      .tie_seed = 1 + simrandom_below(&random, 1000),
                                      .wants_times = true};
        const events first = read_ok(write_csv(&made), source, 1 << 20);
        const events one = by_user(&first);
        const nj_instant all_of_it = {0};
        const events plain = cut_plainly(&made, &all_of_it);

        // Times do not move, and each holds the items that it held.
        events a = one;
        events b = plain;
        for (int i = 0; i < one.count; i++) {
            assert_true(one.events[i].time == plain.events[i].time);
        }
        qsort(a.events, (size_t)a.count, sizeof a.events[0], by_user_time_item);
        qsort(b.events, (size_t)b.count, sizeof b.events[0], by_user_time_item);
        assert_same(&a, &b, true);

        // Neither the order of the file, the memory nor the form has a say.
        const events rows = shuffle_rows(&random, &made);
        events got = read_ok(write_csv(&rows), source, 1 << 20);
        assert_same(&got, &one, true);
        got = read_ok(write_csv(&rows), source, 0);
        assert_same(&got, &one, true);
        source.format = NJ_HISTORIES_JSONL;
        got = read_ok(write_jsonl(&plain), source, 0);
        assert_same(&got, &one, true);

        other_than_lines += !is_same_order(&one, &plain);
        source.format = NJ_HISTORIES_CSV;
        source.tie_seed += 1000;
        got = read_ok(write_csv(&made), source, 1 << 20);
        got = by_user(&got);
        other_than_seed += !is_same_order(&one, &got);
    }
    assert_in_range(other_than_lines, 45, 60);
    assert_in_range(other_than_seed, 45, 60);
}

// Three items of one time: over many seeds each of the six orders comes up about as often. 600 draws of 1/6: 100, with a standard
// deviation of 9; six of them are a chance of 1e-8.
static void every_order_of_a_tie_is_as_likely(void **state)
{
    (void)state;
    int counts[ITEMS * ITEMS] = {0};
    for (uint64_t seed = 1; seed <= 600; seed++) {
        const nj_histories_source source = {.format = NJ_HISTORIES_CSV, .tie_seed = seed};
        const events got =
            read_ok("user,item,timestamp\nu1,i0,7\nu1,i1,7\nu1,i2,7\n", source, 1 << 20);
        counts[got.events[0].item * ITEMS + got.events[1].item]++;
    }
    for (int a = 0; a < 3; a++) {
        for (int b = 0; b < 3; b++) {
            if (a != b) {
                assert_in_range(counts[a * ITEMS + b], 46, 154);
            }
        }
    }
}

static void zero_and_minus_zero_are_one_time(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 20; seed++) {
        const nj_histories_source source = {.format = NJ_HISTORIES_CSV, .tie_seed = seed};
        const events a =
            read_ok("user,item,timestamp\nu1,i0,0\nu1,i1,0\nu1,i2,0\n", source, 1 << 20);
        const events b =
            read_ok("user,item,timestamp\nu1,i0,-0\nu1,i1,0\nu1,i2,-0.0\n", source, 1 << 20);
        assert_same(&a, &b, false);
    }
}

static void times_that_are_needed_and_missing_are_refused(void **state)
{
    (void)state;
    static const struct {
        nj_histories_format format;
        const char *text;
        const char *says;
    } CASES[] = {
        {NJ_HISTORIES_SEQUENCE, "u1 i1\n", "the form sequence has no times"},
        {NJ_HISTORIES_CSV, "user,item\nu1,i1\n", "line 1: no column \"timestamp\""},
        {NJ_HISTORIES_INTER, "user_id:token\titem_id:token\nu1\ti1\n",
         "line 1: no column \"timestamp:float\""},
        {NJ_HISTORIES_JSONL, "{\"user\": \"u1\", \"items\": [\"i1\"]}\n",
         "line 1: has no \"times\""},
        {NJ_HISTORIES_JSONL, "{\"user\": \"u1\", \"items\": [\"i1\"], \"times\": [1, 2]}\n",
         "line 1: has 1 items and 2 times"},
        {NJ_HISTORIES_JSONL, "{\"user\": \"u1\", \"items\": [\"i1\"], \"times\": []}\n",
         "line 1: has 1 items and 0 times"},
        {NJ_HISTORIES_JSONL,
         "{\"user\": \"u1\", \"items\": [\"i1\", \"i2\"], \"times\": [2, 1.5]}\n",
         "line 1: time 2 is 1.5, before the one in front of it, 2"},
        {NJ_HISTORIES_JSONL, "{\"user\": \"u1\", \"items\": [\"i1\"], \"times\": [1e400]}\n",
         "a time must be a finite number"},
        {NJ_HISTORIES_JSONL, "{\"user\": \"u1\", \"items\": [\"i1\"], \"times\": [null]}\n",
         "a time must be a finite number"},
        {NJ_HISTORIES_JSONL, "{\"user\": \"u1\", \"items\": [\"i1\"], \"times\": [\"5\"]}\n",
         "expected a value"},
        {NJ_HISTORIES_JSONL, "{\"user\": \"u1\", \"items\": [\"i1\"], \"times\": 5}\n",
         "\"times\" is not a list"},
        {NJ_HISTORIES_JSONL, "{\"user\": \"u1\", \"items\": [], \"times\": [], \"times\": []}\n",
         "\"times\" is given twice"},
        {NJ_HISTORIES_CSV, "user,item,timestamp\nu1,i1,nan\n", "is not a finite decimal number"},
        {NJ_HISTORIES_CSV, "user,item,timestamp\nu1,i1,inf\n", "is not a finite decimal number"},
        {NJ_HISTORIES_CSV, "user,item,timestamp\nu1,i1,1e400\n", "is not a finite decimal number"},
        {NJ_HISTORIES_CSV, "user,item,timestamp\nu1,i1,2024-05-01\n",
         "is not a finite decimal number"},
        // What does not count is checked all the same.
        {NJ_HISTORIES_CSV, "user,item,timestamp\n,i1,99\nu1,i1,1\n", "line 2: user"},
        {NJ_HISTORIES_CSV, "user,item,timestamp\nu1,,99\nu1,i1,1\n", "line 2: item"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const nj_histories_source cut = {.format = CASES[i].format,
                                         .as_of = {.given = true, .at = 50}};
        const nj_histories_source shuffled = {.format = CASES[i].format, .tie_seed = 1};
        const nj_histories_source asked = {.format = CASES[i].format, .wants_times = true};
        events all;
        nj_error err = {0};
        assert_refused(read_text(CASES[i].text, cut, 0, &all, &err), NJ_INPUT, &err, CASES[i].says);
        assert_refused(read_text(CASES[i].text, shuffled, 0, &all, &err), NJ_INPUT, &err,
                       CASES[i].says);
        assert_refused(read_text(CASES[i].text, asked, 0, &all, &err), NJ_INPUT, &err,
                       CASES[i].says);
    }
}

static void a_date_beside_milliseconds_is_refused(void **state)
{
    (void)state;
    nj_histories_source source = {.format = NJ_HISTORIES_CSV,
                                  .as_of = {.given = true, .is_date = true, .at = 1714521600}};
    events all;
    nj_error err = {0};
    static const char CSV[] = "user,item,timestamp\nu1,i1,1000\nu1,i1,1714521600000\n";
    static const char JSONL[] =
        "{\"user\": \"u1\", \"items\": [\"i1\"], \"times\": [1714521600000]}\n";
    assert_refused(read_text(CSV, source, 0, &all, &err), NJ_INPUT, &err,
                   "line 3: time 1714521600000 is beyond the year 9999");
    source.format = NJ_HISTORIES_JSONL;
    assert_refused(read_text(JSONL, source, 0, &all, &err), NJ_INPUT, &err,
                   "line 1: time 1714521600000 is beyond the year 9999");
    source.as_of.is_date = false;
    source.as_of.at = 1714521600001;
    assert_int_equal(read_ok(JSONL, source, 0).count, 1);
}

static void keys_that_nobody_asks_for_are_further_keys(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"user\": \"u1\", \"items\": [\"i1\"], \"times\": {\"a\": 1}, "
                               "\"held_out\": [1], \"times\": 2}\n";
    const nj_histories_source source = {.format = NJ_HISTORIES_JSONL};
    assert_int_equal(read_ok(TEXT, source, 0).count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_what_is_before_as_of),
        cmocka_unit_test(as_of_is_the_first_moment_that_does_not_count),
        cmocka_unit_test(a_user_whose_events_do_not_count_is_no_user_and_one_without_events_is),
        cmocka_unit_test(ties_are_shuffled_by_the_seed_and_by_nothing_else),
        cmocka_unit_test(every_order_of_a_tie_is_as_likely),
        cmocka_unit_test(zero_and_minus_zero_are_one_time),
        cmocka_unit_test(times_that_are_needed_and_missing_are_refused),
        cmocka_unit_test(a_date_beside_milliseconds_is_refused),
        cmocka_unit_test(keys_that_nobody_asks_for_are_further_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
