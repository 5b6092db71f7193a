// test_held_sections.c - sections of a round live as long as something may read them, and no longer.
#include "worker/daemon/held_sections.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/nj_test.h"

static nj_digest fetch(nj_held_sections *held, const char *text)
{
    nj_error err = {0};
    bool good = false;
    const size_t size = strlen(text);
    const nj_digest digest = nj_digest_of(text, size);
    for (size_t at = 0; at < size; at++) {
        const nj_slice piece = {text + at, 1};
        assert_ok(nj_held_sections_write(held, &digest, at, piece, &err), &err);
    }
    assert_ok(nj_held_sections_finish(held, &digest, size, &good, &err), &err);
    assert_true(good);
    return digest;
}

static const char *use(nj_held_sections *held, const nj_digest *digest, size_t size)
{
    nj_sections sections = {.count = 1};
    sections.sections[0].digest = *digest;
    sections.sections[0].size = size;
    nj_held_sections_use(held, &sections);
    return sections.sections[0].bytes;
}

static void a_section_outlives_its_plan_until_the_next_is_set_up(void **state)
{
    (void)state;
    nj_held_sections held = {0};
    const nj_digest one = fetch(&held, "first");
    const char *bytes = use(&held, &one, 5);
    assert_memory_equal(bytes, "first", 5);
    nj_held_sections_release(&held);

    nj_held_sections_begin(&held);
    const nj_digest two = fetch(&held, "second");
    const char *next = use(&held, &two, 6);
    assert_memory_equal(next, "second", 6);
    assert_memory_equal(bytes, "first", 5); // something may still compute with it
    nj_held_sections_release(&held);
    assert_false(nj_held_sections_has(&held, &one, 5));
    assert_true(nj_held_sections_has(&held, &two, 6));

    nj_held_sections_begin(&held);
    assert_ptr_equal(use(&held, &two, 6), next); // fetched once for both
    nj_held_sections_fini(&held);
}

static void what_was_fetched_for_a_plan_that_never_began_is_dropped_by_the_next(void **state)
{
    (void)state;
    nj_held_sections held = {0};
    const nj_digest one = fetch(&held, "first");
    nj_held_sections_release(&held);
    assert_true(nj_held_sections_has(&held, &one, 5)); // the set-up of a plan before it has ended
    nj_held_sections_begin(&held);
    assert_false(nj_held_sections_has(&held, &one, 5));
    nj_held_sections_fini(&held);
}

static void bytes_with_another_digest_or_size_are_dropped(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_held_sections held = {0};
    bool good = true;
    const nj_digest digest = nj_digest_of("right", 5);
    assert_ok(nj_held_sections_write(&held, &digest, 0, nj_slice_from("wrong"), &err), &err);
    assert_ok(nj_held_sections_finish(&held, &digest, 5, &good, &err), &err);
    assert_false(good);
    assert_int_equal(nj_held_sections_write(&held, &digest, 3, nj_slice_from("ht"), &err),
                     NJ_FAILED); // its beginning is missing
    assert_int_equal(held.count, 0);

    const nj_digest empty = nj_digest_of("", 0);
    assert_ok(nj_held_sections_finish(&held, &empty, 0, &good, &err), &err);
    assert_true(good);
    assert_non_null(use(&held, &empty, 0));
    nj_held_sections_fini(&held);
}

static void no_more_sections_are_held_than_there_is_room_for(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_held_sections held = {0};
    char text[16];
    for (int i = 0; i < NJ_HELD_SECTIONS_MAX; i++) {
        snprintf(text, sizeof text, "%d", i);
        (void)fetch(&held, text);
    }
    const nj_digest digest = nj_digest_of("more", 4);
    assert_refused(nj_held_sections_write(&held, &digest, 0, nj_slice_from("more"), &err),
                   NJ_NO_MEMORY, &err, "192 sections");
    nj_held_sections_fini(&held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_section_outlives_its_plan_until_the_next_is_set_up),
        cmocka_unit_test(what_was_fetched_for_a_plan_that_never_began_is_dropped_by_the_next),
        cmocka_unit_test(bytes_with_another_digest_or_size_are_dropped),
        cmocka_unit_test(no_more_sections_are_held_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
