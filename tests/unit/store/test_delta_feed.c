// test_delta_feed.c - a feed grows by one file a night, and a store enters it where it can.
#include "common/store/delta_feed.h"

#include <unistd.h>

#include "common/store/gc.h"
#include "tests/unit/store/night.h"

#define NIGHTS 4

static const nj_delta_watch NOBODY = {0};

static nj_delta_head append(void **state, const char *name, nj_status expected)
{
    nj_error err = {0};
    nj_store_name result;
    nj_delta_head head = {0};
    nj_delta_tally tally;
    nj_path feed;
    assert_ok(nj_path_copy(sandbox_path(state, "feed"), &feed, &err), &err);
    assert_true(nj_store_name_parse(nj_slice_from(name), &result));
    assert_int_equal(nj_delta_feed_append(feed.text, sandbox_path(state, "store"), &result, &NOBODY,
                                          &head, &tally, &err),
                     expected);
    return head;
}

// Nights of 2, 4, 6 ... users, each appended.
static void make_feed(void **state, nj_store_name names[NIGHTS])
{
    for (size_t i = 0; i < NIGHTS; i++) {
        names[i] = night_pack(sandbox_path(state, "store"), 1, 2 * (i + 1), NIGHT_MS + i);
        const nj_delta_head head = append(state, names[i].text, NJ_OK);
        assert_int_equal(head.seq, i + 1);
        assert_string_equal(head.base, i > 0 ? names[i - 1].text : "");
        assert_string_equal(head.result, names[i].text);
    }
}

static size_t find_first(void **state, const char *store, nj_status expected)
{
    nj_error err = {0};
    nj_delta_chain chain;
    size_t first = SIZE_MAX;
    assert_ok(nj_delta_chain_open(sandbox_path(state, "feed"), &chain, &err), &err);
    assert_int_equal(nj_delta_chain_find(&chain, sandbox_path(state, store), &first, &err),
                     expected);
    if (expected == NJ_REFUSED) {
        assert_non_null(strstr(err.text, "resync"));
    }
    nj_delta_chain_close(&chain);
    return first;
}

static void apply(void **state, size_t from, size_t to)
{
    nj_error err = {0};
    nj_delta_chain chain;
    nj_delta_applied applied;
    assert_ok(nj_delta_chain_open(sandbox_path(state, "feed"), &chain, &err), &err);
    for (size_t i = from; i < to; i++) {
        assert_ok(nj_delta_apply(sandbox_path(state, "copy"), &chain.segments[i], &NOBODY, &applied,
                                 &err),
                  &err);
        assert_true(applied.same_bytes);
    }
    nj_delta_chain_close(&chain);
}

static void a_store_needs_the_segments_behind_the_last_generation_it_has(void **state)
{
    nj_store_name names[NIGHTS];
    make_feed(state, names);
    assert_int_equal(find_first(state, "copy", NJ_OK), 0);
    apply(state, 0, 2);
    assert_int_equal(find_first(state, "copy", NJ_OK), 2);
    apply(state, 2, 4);
    assert_int_equal(find_first(state, "copy", NJ_OK), NIGHTS);
    assert_int_equal(find_first(state, "store", NJ_OK), NIGHTS);
}

static void a_feed_that_ends_there_already_stays_as_it_is(void **state)
{
    nj_store_name names[NIGHTS];
    make_feed(state, names);
    assert_int_equal(append(state, names[NIGHTS - 1].text, NJ_OK).seq, 0);
    assert_false(nj_file_exists(sandbox_path(state, "feed/0000000005.delta")));
}

static void a_way_back_is_a_segment_too(void **state)
{
    nj_store_name names[NIGHTS];
    make_feed(state, names);
    apply(state, 0, NIGHTS);
    const nj_delta_head head = append(state, names[1].text, NJ_OK);
    assert_string_equal(head.base, names[NIGHTS - 1].text);
    assert_int_equal(find_first(state, "copy", NJ_OK), NIGHTS + 1);
}

static void without_its_base_a_store_must_resync_and_a_feed_begins_anew(void **state)
{
    nj_error err = {0};
    nj_store_name names[NIGHTS];
    make_feed(state, names);
    assert_int_equal(unlink(sandbox_path(state, "feed/0000000001.delta")), 0);
    find_first(state, "copy", NJ_REFUSED);

    // The generation at the feed's end is gone from the producer.
    const nj_store_name next = night_pack(sandbox_path(state, "store"), 1, 3, NIGHT_MS + NIGHTS);
    nj_store_gc_result result;
    assert_ok(nj_store_gc(sandbox_path(state, "store"), 1, false, 0, &result, &err), &err);
    nj_store_gc_result_fini(&result);
    const nj_delta_head head = append(state, next.text, NJ_OK);
    assert_string_equal(head.base, "");
    assert_int_equal(head.seq, NIGHTS + 1);
    assert_int_equal(find_first(state, "copy", NJ_OK), NIGHTS - 1);
}

static void a_trimmed_feed_serves_who_is_in_it_and_sends_others_back(void **state)
{
    nj_error err = {0};
    nj_store_name names[NIGHTS];
    nj_path feed;
    size_t removed = 7;
    make_feed(state, names);
    apply(state, 0, 2); // the copy has the second night
    assert_ok(nj_path_copy(sandbox_path(state, "feed"), &feed, &err), &err);
    assert_ok(nj_delta_feed_trim(feed.text, NIGHTS, &removed, &err), &err);
    assert_int_equal(removed, 0);
    assert_ok(nj_delta_feed_trim(feed.text, 2, &removed, &err), &err);
    assert_int_equal(removed, 2);
    assert_int_equal(find_first(state, "copy", NJ_OK), 0);
    find_first(state, "nobody", NJ_REFUSED);
    assert_ok(nj_delta_feed_trim(feed.text, 1, &removed, &err), &err);
    assert_int_equal(removed, 1);
    find_first(state, "copy", NJ_REFUSED); // the third night is gone
    assert_int_equal(append(state, names[0].text, NJ_OK).seq, NIGHTS + 1);
    assert_refused(nj_delta_feed_trim(sandbox_path(state, "missing"), 1, &removed, &err),
                   NJ_NOT_FOUND, &err, "missing");
}

static void a_feed_takes_no_segment_of_another_store(void **state)
{
    nj_store_name names[NIGHTS];
    make_feed(state, names);
    assert_int_equal(unlink(sandbox_path(state, "store/ID")), 0);
    const nj_store_name other = night_pack(sandbox_path(state, "store"), 1, 3, NIGHT_MS + NIGHTS);
    append(state, other.text, NJ_REFUSED);
    assert_false(nj_file_exists(sandbox_path(state, "feed/0000000005.delta")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_store_needs_the_segments_behind_the_last_generation_it_has, sandbox_setup,
            sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_feed_that_ends_there_already_stays_as_it_is,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_way_back_is_a_segment_too, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_trimmed_feed_serves_who_is_in_it_and_sends_others_back,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(without_its_base_a_store_must_resync_and_a_feed_begins_anew,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_feed_takes_no_segment_of_another_store, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
