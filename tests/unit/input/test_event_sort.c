// test_event_sort.c - the sort against qsort, in memory and through files.
#include "common/input/event_sort.h"

#include <stdlib.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define EVENT_COUNT 3000

static int compare_reference(const void *a, const void *b)
{
    const nj_event *x = a;
    const nj_event *y = b;
    if (x->user != y->user) {
        return x->user < y->user ? -1 : 1;
    }
    if (x->time != y->time) {
        return x->time < y->time ? -1 : 1;
    }
    return x->place < y->place ? -1 : 1;
}

static void make_events(nj_event *events, size_t count)
{
    uint64_t seed = 42;
    for (size_t i = 0; i < count; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        events[i] = (nj_event){
            .user = (uint32_t)(seed >> 33) % 50,
            .item = (uint32_t)i,
            .time = (double)((seed >> 40) % 7) - 3.0, // many ties
            .place = i + 2,
        };
    }
}

// Sorts `count` events with room for about `memory_events` and compares with qsort.
static void assert_sorts(size_t count, size_t memory_events, size_t merge_files)
{
    static nj_event events[EVENT_COUNT];
    static nj_event_sort sort;
    nj_error err = {0};
    nj_event got;
    make_events(events, count);
    nj_event_sort_init(&sort, 2 * memory_events * sizeof(nj_event), merge_files);
    for (size_t i = 0; i < count; i++) {
        assert_ok(nj_event_sort_add(&sort, &events[i], &err), &err);
    }
    assert_ok(nj_event_sort_finish(&sort, &err), &err);
    qsort(events, count, sizeof *events, compare_reference);
    for (size_t i = 0; i < count; i++) {
        assert_ok(nj_event_sort_next(&sort, &got, &err), &err);
        assert_memory_equal(&got, &events[i], sizeof got);
    }
    assert_int_equal(nj_event_sort_next(&sort, &got, &err), NJ_END);
    assert_int_equal(nj_event_sort_next(&sort, &got, &err), NJ_END);
    nj_event_sort_fini(&sort);
}

static void events_in_memory_come_out_by_user_time_and_line(void **state)
{
    (void)state;
    assert_sorts(0, 100, 2);
    assert_sorts(1, 100, 2);
    assert_sorts(EVENT_COUNT, EVENT_COUNT, 64);
}

static void events_beyond_memory_come_out_the_same(void **state)
{
    (void)state;
    assert_sorts(EVENT_COUNT, EVENT_COUNT - 1, 64); // the second run holds one event
    assert_sorts(EVENT_COUNT, 100, 64);             // one merge
    assert_sorts(EVENT_COUNT, 100, 2);              // many passes
    assert_sorts(EVENT_COUNT, 0, 2);                // three events in memory, blocks of one
    assert_sorts(EVENT_COUNT, 0, 64);
    for (size_t count = 1; count < 40; count++) {
        assert_sorts(count, 4, 3);
    }
}

static void the_file_is_used_only_beyond_the_limit(void **state)
{
    (void)state;
    static nj_event_sort sort;
    nj_error err = {0};
    nj_event event = {.place = 1};
    nj_event_sort_init(&sort, 2 * 10 * sizeof event, 4);
    for (int i = 0; i < 10; i++) {
        assert_ok(nj_event_sort_add(&sort, &event, &err), &err);
        assert_true(sort.fd < 0);
    }
    assert_ok(nj_event_sort_add(&sort, &event, &err), &err);
    assert_true(sort.fd >= 0);
    nj_event_sort_fini(&sort);
}

static void a_folder_that_cannot_be_written_is_named(void **state)
{
    static nj_event_sort sort;
    nj_error err = {0};
    nj_event event = {.place = 1};
    nj_status status = NJ_OK;
    const char *kept = getenv("TMPDIR");
    setenv("TMPDIR", sandbox_path(state, "none"), 1);
    nj_event_sort_init(&sort, 0, 2);
    for (int i = 0; i < 4 && status == NJ_OK; i++) {
        status = nj_event_sort_add(&sort, &event, &err);
    }
    if (kept != NULL) {
        setenv("TMPDIR", kept, 1);
    } else {
        unsetenv("TMPDIR");
    }
    assert_refused(status, NJ_IO, &err, "none: cannot make a temporary file");
    nj_event_sort_fini(&sort);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_in_memory_come_out_by_user_time_and_line),
        cmocka_unit_test(events_beyond_memory_come_out_the_same),
        cmocka_unit_test(the_file_is_used_only_beyond_the_limit),
        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_written_is_named, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
