// test_change_faults.c - gc, promote and drop in which each call that touches a file fails or kills the process, in turn.
#include "common/store/channel.h"
#include "common/store/gc.h"

#include <unistd.h>

#include "tests/support/io_faults.h"
#include "tests/unit/store/night.h"

#define CALLS_MAX 500
#define CALLS_LEAST 5 // that each change makes, or nothing was tried

typedef nj_status (*change)(const char *store, nj_error *err);

static nj_store_name
    names[3]; // CURRENT names the first, the canary the second; it named the third before

static const char *make_store(void **state)
{
    static nj_path path;
    nj_error err = {0};
    assert_ok(nj_path_copy(sandbox_path(state, "store"), &path, &err), &err);
    const char *store = path.text;
    for (size_t i = 0; i < 3; i++) {
        names[i] = night_pack(store, 1, 4 + i, NIGHT_MS + i);
    }
    night_publish(store, &names[0]);
    assert_ok(nj_store_channel_publish(store, "canary", names[2].text, NULL, 0, &err), &err);
    assert_ok(nj_store_channel_publish(store, "canary", names[1].text, NULL, 0, &err), &err);
    return store;
}

// `*out_status` is NJ_END of a killed child. Returns whether the fault came.
static bool act_with_fault(io_fault_kind kind, unsigned call, const char *store, change act,
                           nj_status *out_status)
{
    nj_error err = {0};
    if (kind != IO_FAULT_KILL) {
        io_faults_arm(kind, call);
        *out_status = act(store, &err);
        return io_faults_disarm();
    }
    pid_t child = fork();
    if (child == 0) {
        io_faults_arm(kind, call);
        _exit(act(store, &err) == NJ_OK ? 0 : 1);
    }
    int how = night_wait(child);
    *out_status = WIFSIGNALED(how) ? NJ_END : NJ_OK;
    assert_true(WIFSIGNALED(how) || WEXITSTATUS(how) == 0);
    return WIFSIGNALED(how);
}

// Every fault of every call. `check` looks at the store behind it, does again what was not done, and puts the store back.
static void go_through_faults(const char *store, change act,
                              void (*check)(const char *store, nj_status status))
{
    static const io_fault_kind KINDS[] = {IO_FAULT_ONCE, IO_FAULT_KILL};
    for (size_t k = 0; k < sizeof KINDS / sizeof KINDS[0]; k++) {
        const io_fault_kind kind = KINDS[k];
        unsigned call = 1;
        for (bool fired = true; fired; call++) {
            nj_status status = NJ_OK;
            assert_in_range(call, 1, CALLS_MAX);
            fired = act_with_fault(kind, call, store, act, &status);
            if (status != NJ_OK && status != NJ_IO && status != NJ_END) {
                fail_msg("%s, call %u: %s", io_fault_name(kind), call, nj_status_name(status));
            }
            assert_true(fired || status == NJ_OK);
            check(store, status);
        }
        assert_true(call > CALLS_LEAST);
    }
}

static nj_store_name read_channel(const char *store, const char *channel, nj_status *out_status)
{
    nj_error err = {0};
    nj_store_name name = {{0}};
    nj_store_manifest manifest;
    *out_status = nj_store_channel_read(store, channel, &name, &err);
    assert_true(*out_status == NJ_OK || *out_status == NJ_NOT_FOUND);
    if (*out_status == NJ_OK) {
        assert_ok(nj_store_inspect(store, &name, &manifest, &err), &err);
    }
    return name;
}

static void expect_channel(const char *store, const char *channel, const nj_store_name *expected)
{
    nj_status status;
    const nj_store_name name = read_channel(store, channel, &status);
    assert_string_equal(name.text, expected->text);
}

// ---- gc ----

static nj_status collect(const char *store, nj_error *err)
{
    nj_store_gc_result result;
    const nj_status status = nj_store_gc(store, 1, false, 0, &result, err);
    nj_store_gc_result_fini(&result);
    return status;
}

// Every generation that has a name is whole; those that are needed have theirs.
static void check_collected(const char *store, nj_status status)
{
    nj_error err = {0};
    nj_store_listing listing;
    nj_store_manifest manifest;
    expect_channel(store, NULL, &names[0]);
    expect_channel(store, "canary", &names[1]);
    assert_ok(nj_store_inspect(store, &names[2], &manifest, &err), &err); // the canary's way back
    assert_ok(nj_store_list(store, &listing, &err), &err);
    for (size_t i = 0; i < listing.count; i++) {
        assert_ok(nj_store_inspect(store, &listing.entries[i].name, &manifest, &err), &err);
    }
    nj_store_listing_fini(&listing);
    if (status != NJ_OK) {
        assert_ok(collect(store, &err), &err);
    }
    assert_ok(nj_store_list(store, &listing, &err), &err);
    assert_int_equal(listing.count, 4); // those three and the newest
    nj_store_listing_fini(&listing);
    night_pack(store, 1, 3, NIGHT_MS + 100); // two that go the next time, and the newest
    night_pack(store, 1, 3, NIGHT_MS + 101);
}

static void what_is_needed_outlives_a_gc_whatever_fails(void **state)
{
    const char *store = make_store(state);
    for (uint64_t i = 0; i < 3; i++) {
        night_pack(store, 1, 3, NIGHT_MS + 99 + i);
    }
    go_through_faults(store, collect, check_collected);
}

// ---- promote ----

static nj_status promote(const char *store, nj_error *err)
{
    nj_store_name name;
    return nj_store_channel_promote(store, "canary", 0, &name, err);
}

static void check_promoted(const char *store, nj_status status)
{
    nj_error err = {0};
    nj_status read;
    nj_store_name back;
    const nj_store_name current = read_channel(store, NULL, &read);
    expect_channel(store, "canary", &names[1]);
    assert_true(strcmp(current.text, names[1].text) == 0 ||
                (status != NJ_OK && strcmp(current.text, names[0].text) == 0));
    assert_ok(promote(store, &err), &err);
    expect_channel(store, NULL, &names[1]);
    assert_ok(nj_store_rollback_find(store, &back, &err), &err);
    assert_string_equal(back.text, names[0].text);
    assert_ok(nj_store_rollback(store, back.text, 0, &err), &err);
}

static void a_promotion_is_done_or_not_whatever_fails(void **state)
{
    const char *store = make_store(state);
    go_through_faults(store, promote, check_promoted);
}

// ---- drop ----

static nj_status drop(const char *store, nj_error *err)
{
    return nj_store_channel_remove(store, "canary", 0, err);
}

static void check_dropped(const char *store, nj_status status)
{
    nj_error err = {0};
    nj_status read;
    nj_store_name back;
    const nj_store_name canary = read_channel(store, "canary", &read);
    expect_channel(store, NULL, &names[0]);
    if (read == NJ_OK) {
        assert_int_not_equal(status, NJ_OK);
        assert_string_equal(canary.text, names[1].text);
        assert_ok(nj_store_channel_rollback_find(store, "canary", NJ_STORE_LOOK_QUICK, &back, &err),
                  &err);
        assert_ok(drop(store, &err), &err);
    }
    // One of the same name has nothing behind it.
    assert_ok(nj_store_channel_publish(store, "canary", names[2].text, NULL, 0, &err), &err);
    assert_int_equal(
        nj_store_channel_rollback_find(store, "canary", NJ_STORE_LOOK_QUICK, &back, &err),
        NJ_NOT_FOUND);
    assert_ok(nj_store_channel_publish(store, "canary", names[1].text, NULL, 0, &err), &err);
}

static void a_channel_is_dropped_or_not_whatever_fails(void **state)
{
    const char *store = make_store(state);
    go_through_faults(store, drop, check_dropped);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(what_is_needed_outlives_a_gc_whatever_fails),
        WITH_FOLDER(a_promotion_is_done_or_not_whatever_fails),
        WITH_FOLDER(a_channel_is_dropped_or_not_whatever_fails),
    };
    if (access("/dev/shm", W_OK) == 0) { // thousands of syncs, none of which a disk has to see
        setenv("TMPDIR", "/dev/shm", 1);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
