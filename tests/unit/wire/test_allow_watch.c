// test_allow_watch.c - a list that changes under a running coordinator.
#include "common/wire/allow_watch.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define SECOND_NS 1000000000ull

typedef struct {
    nj_allow_watch watch;
    nj_allowlist list;
    nj_error err;
    char first[NJ_KEY_TEXT_BYTES];
    char second[NJ_KEY_TEXT_BYTES];
} fixture;

// Watches a list of one key at time 0.
static const char *begin(void **state, fixture *f)
{
    nj_keypair pair;
    *f = (fixture){.err = {0}};
    assert_ok(nj_keypair_make(&pair, &f->err), &f->err);
    memcpy(f->first, pair.public_key, NJ_KEY_TEXT_BYTES);
    assert_ok(nj_keypair_make(&pair, &f->err), &f->err);
    memcpy(f->second, pair.public_key, NJ_KEY_TEXT_BYTES);
    const char *path = sandbox_write(state, "allowed", f->first, strlen(f->first));
    assert_ok(nj_allow_watch_open(&f->watch, path, 0, &f->list, &f->err), &f->err);
    assert_non_null(nj_allowlist_find(&f->list, f->first));
    nj_allowlist_fini(&f->list);
    return path;
}

static nj_status poll(fixture *f, uint64_t now_ns)
{
    return nj_allow_watch_poll(&f->watch, false, now_ns, &f->list, &f->err);
}

static void a_list_is_read_again_when_it_changed_and_not_before(void **state)
{
    fixture f;
    (void)begin(state, &f);
    assert_int_equal(poll(&f, 10 * SECOND_NS), NJ_AGAIN);

    sandbox_write(state, "allowed", f.second, strlen(f.second)); // of the same size
    assert_int_equal(poll(&f, 10 * SECOND_NS + 1), NJ_AGAIN);    // looked at a moment ago
    assert_ok(poll(&f, 20 * SECOND_NS), &f.err);
    assert_null(nj_allowlist_find(&f.list, f.first));
    assert_non_null(nj_allowlist_find(&f.list, f.second));
    nj_allowlist_fini(&f.list);
    assert_int_equal(poll(&f, 30 * SECOND_NS), NJ_AGAIN);
}

static void a_list_that_is_renamed_into_place_is_seen(void **state)
{
    fixture f;
    const char *path = begin(state, &f);
    const char *fresh = sandbox_write(state, "fresh", f.second, strlen(f.second));
    assert_int_equal(rename(fresh, path), 0);
    assert_ok(poll(&f, 10 * SECOND_NS), &f.err);
    assert_non_null(nj_allowlist_find(&f.list, f.second));
    nj_allowlist_fini(&f.list);
}

static void who_asks_is_answered_at_once(void **state)
{
    fixture f;
    (void)begin(state, &f);
    assert_int_equal(poll(&f, 10 * SECOND_NS), NJ_AGAIN);
    assert_ok(nj_allow_watch_poll(&f.watch, true, 10 * SECOND_NS + 1, &f.list, &f.err), &f.err);
    nj_allowlist_fini(&f.list);
}

static void a_broken_list_is_complained_of_once(void **state)
{
    fixture f;
    (void)begin(state, &f);
    sandbox_write(state, "allowed", "not a key\n", 10);
    assert_refused(poll(&f, 10 * SECOND_NS), NJ_INPUT, &f.err, "allowed:1: not a key");
    assert_int_equal(poll(&f, 20 * SECOND_NS), NJ_AGAIN);

    sandbox_write(state, "allowed", "", 0);
    assert_refused(poll(&f, 30 * SECOND_NS), NJ_INPUT, &f.err, "holds no key");
    assert_int_equal(poll(&f, 40 * SECOND_NS), NJ_AGAIN);

    sandbox_write(state, "allowed", f.second, strlen(f.second));
    assert_ok(poll(&f, 50 * SECOND_NS), &f.err);
    nj_allowlist_fini(&f.list);
}

static void a_list_that_is_gone_is_complained_of_once_and_found_again(void **state)
{
    fixture f;
    const char *path = begin(state, &f);
    const char *aside = sandbox_path(state, "aside");
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(poll(&f, 10 * SECOND_NS), NJ_NOT_FOUND);
    assert_int_equal(poll(&f, 20 * SECOND_NS), NJ_AGAIN);
    assert_int_equal(rename(aside, path), 0);
    assert_ok(poll(&f, 30 * SECOND_NS), &f.err);
    nj_allowlist_fini(&f.list);
}

static void a_night_does_not_begin_with_an_empty_list(void **state)
{
    fixture f = {.err = {0}};
    const char *path = sandbox_write(state, "none", "# nobody\n", 9);
    assert_refused(nj_allow_watch_open(&f.watch, path, 0, &f.list, &f.err), NJ_INPUT, &f.err,
                   "holds no key");
}

#define BOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOXED(a_list_is_read_again_when_it_changed_and_not_before),
        BOXED(a_list_that_is_renamed_into_place_is_seen),
        BOXED(who_asks_is_answered_at_once),
        BOXED(a_broken_list_is_complained_of_once),
        BOXED(a_list_that_is_gone_is_complained_of_once_and_found_again),
        BOXED(a_night_does_not_begin_with_an_empty_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
