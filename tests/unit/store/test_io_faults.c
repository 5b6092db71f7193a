// test_io_faults.c - a night in which each call that touches a file fails, falls short or kills the process, in turn.
//
// After each: CURRENT names a whole generation, every generation is whole, ledger and rows agree and lack nothing that
// was acknowledged. And the night goes on: with the same handle, or resumed, it ends with exactly its rows published.
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/store/controls.h"
#include "common/store/draft.h"
#include "common/store/history.h"
#include "tests/support/io_faults.h"
#include "tests/unit/store/night.h"

#define SHARDS 3
#define KILL_ROUNDS 60
#define CALLS_MAX 2000 // of one night; more would mean that it does not end

static unsigned kill_rounds;

// What one night has been told; in shared memory, because a killed child must leave it behind.
typedef struct {
    uint64_t rows;             // of a shard; tells one night from the next
    unsigned tries;            // of one call before it is given up
    bool acknowledged[SHARDS]; // the commit returned
    bool published;
} night;

static const char *store_path(void **state)
{
    return sandbox_path(state, "store");
}

// ---- the night, as a coordinator runs it ----

static nj_status open_night(const char *store, const night *n, nj_staging **out, nj_error *err)
{
    nj_staging_options options = nj_staging_options_default();
    options.map_bytes = 64 * 1024; // it has to grow on the way
    options.lock_wait_ms = 0;
    if (nj_staging_exists(store)) {
        return nj_staging_open(store, &options, out, err);
    }
    nj_staging_facts facts = night_facts(SHARDS, SHARDS * n->rows);
    return nj_staging_create(store, &facts, &options, out, err);
}

static nj_status commit_shards(nj_staging *staging, night *n, nj_error *err)
{
    static night_shard shard;
    nj_commit_outcome outcome;
    nj_status status = nj_staging_class_set(staging, "f32-test", err);
    for (uint64_t s = 0; s < SHARDS && status == NJ_OK; s++) {
        night_shard_make(&shard, s, n->rows);
        status = NJ_IO;
        for (unsigned i = 0; i < n->tries && status == NJ_IO; i++) {
            status = nj_staging_commit(staging, &shard.commit, 1, &outcome, err);
        }
        night_shard_fini(&shard);
        if (status == NJ_OK && outcome == NJ_COMMIT_DIVERGED) {
            fail_msg("shard %d diverged", (int)s);
        }
        n->acknowledged[s] = n->acknowledged[s] || status == NJ_OK;
    }
    return status;
}

static nj_status write_beside(void *context, const char *folder, nj_error *err)
{
    const nj_control_lists lists = {.user = nj_slice_from("7")};
    nj_controls_write write;
    (void)context;
    nj_status status = nj_controls_write_begin(&write, folder, 1, err);
    if (status == NJ_OK) {
        status = nj_controls_write_user(&write, &lists, err);
    }
    if (status == NJ_OK) {
        status = nj_controls_write_end(&write, err);
    }
    nj_controls_write_abort(&write);
    return status;
}

static nj_status publish_rows(nj_staging *staging, night *n, nj_error *err)
{
    nj_store_name name;
    const char *store = nj_staging_store_dir(staging);
    const nj_store_beside beside = {NULL, write_beside};
    nj_status status = NJ_IO;
    nj_staging_beside_set(staging, &beside);
    for (unsigned i = 0; i < n->tries && status == NJ_IO; i++) {
        status =
            nj_store_pack(staging, SHARDS * n->rows, NULL, NIGHT_MS + n->rows, &name, NULL, err);
        if (status == NJ_OK) {
            status = nj_store_verify(store, name.text, NULL, err);
        }
        if (status == NJ_OK) {
            status = nj_store_publish(store, name.text, staging, 0, err);
        }
    }
    n->published = n->published || status == NJ_OK;
    return status;
}

static nj_status run_night(const char *store, night *n, nj_error *err)
{
    nj_staging *staging = NULL;
    nj_status status = NJ_IO;
    for (unsigned i = 0; i < n->tries && status == NJ_IO; i++) {
        status = open_night(store, n, &staging, err);
    }
    if (status == NJ_OK) {
        status = commit_shards(staging, n, err);
    }
    if (status == NJ_OK) {
        status = publish_rows(staging, n, err);
    }
    if (status == NJ_OK) {
        status = nj_staging_remove_take(&staging, err);
    }
    nj_staging_close(&staging);
    return status;
}

// ---- what must be true ----

// CURRENT names a whole generation with `rows`, or `or_rows`, a shard.
static void check_current(const char *store, uint64_t rows, uint64_t or_rows)
{
    nj_error err = {0};
    nj_store_manifest manifest;
    assert_ok(nj_store_verify(store, NULL, &manifest, &err), &err);
    if (manifest.facts.row_count != SHARDS * rows && manifest.facts.row_count != SHARDS * or_rows) {
        fail_msg("CURRENT names a generation of %d rows", (int)manifest.facts.row_count);
    }
}

static size_t check_generations(const char *store)
{
    nj_error err = {0};
    nj_store_listing listing;
    assert_ok(nj_store_list(store, &listing, &err), &err);
    size_t count = listing.count;
    for (size_t i = 0; i < count; i++) {
        nj_path folder;
        nj_controls_facts controls;
        const nj_store_name *name = &listing.entries[i].name;
        assert_ok(nj_store_verify(store, name->text, NULL, &err), &err);
        assert_ok(nj_store_path(store, name, NULL, &folder, &err), &err);
        assert_ok(nj_store_controls_read(folder.text, NULL, NULL, &controls, &err), &err);
        assert_int_equal(controls.users, 1);
    }
    nj_store_listing_fini(&listing);
    return count;
}

static nj_status check_known(void *context, const nj_ledger_record *record, nj_error *err)
{
    (void)err;
    bool *found = context;
    found[record->shard] = true;
    return NJ_OK;
}

static void check_staging(const char *store, const night *n)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_staging_tally tally;
    bool found[SHARDS] = {0};
    if (!nj_staging_exists(store)) {
        assert_true(n->published || !n->acknowledged[0]);
        return;
    }
    assert_ok(nj_staging_open(store, NULL, &staging, &err), &err);
    assert_ok(nj_staging_count(staging, &tally, &err), &err);
    assert_ok(nj_staging_ledger_each(staging, check_known, found, &err), &err);
    nj_staging_close(&staging);
    assert_int_equal(tally.ledger_rows, tally.stored_rows);
    assert_int_equal(tally.ledger_rows, tally.committed * n->rows);
    for (uint64_t s = 0; s < SHARDS; s++) {
        assert_true(found[s] || !n->acknowledged[s]);
    }
}

// Only the current generation and the one before stay, as a tidy operator would have it.
static void drop_old_generations(const char *store)
{
    nj_error err = {0};
    nj_store_listing listing;
    nj_store_history history;
    assert_ok(nj_store_list(store, &listing, &err), &err);
    assert_ok(nj_store_history_read(store, &history, &err), &err);
    for (size_t i = 0; i < listing.count; i++) {
        const nj_store_entry *entry = &listing.entries[i];
        if (!entry->is_current &&
            strcmp(entry->name.text, history.names[history.count - 1].text) != 0) {
            assert_ok(nj_folder_vanish(store, entry->name.text, &err), &err);
        }
    }
    nj_store_listing_fini(&listing);
}

// Failures that LMDB reported: its calls must be among those that fail.
static unsigned lmdb_failures;

static bool is_in_child(io_fault_kind kind)
{
    return kind == IO_FAULT_KILL;
}

// Runs `act` with the n-th call faulty. Returns whether the fault came; `*out_status` is NJ_END of a killed child.
static bool act_with_fault(io_fault_kind kind, unsigned call, const char *store, night *n,
                           nj_status (*act)(const char *, night *, nj_error *),
                           nj_status *out_status)
{
    nj_error err = {0};
    if (call == 1) {
        lmdb_failures = 0;
    }
    if (!is_in_child(kind)) {
        io_faults_arm(kind, call);
        *out_status = act(store, n, &err);
        lmdb_failures += strstr(err.text, "/staging: Input/output error (is the disk") != NULL ||
                         strstr(err.text, "/staging: No space left on device") != NULL;
        return io_faults_disarm();
    }
    pid_t child = fork();
    if (child == 0) {
        io_faults_arm(kind, call);
        _exit(act(store, n, &err) == NJ_OK ? 0 : 1);
    }
    int how = night_wait(child);
    *out_status = WIFSIGNALED(how) ? NJ_END : NJ_OK;
    assert_true(WIFSIGNALED(how) || WEXITSTATUS(how) == 0);
    return WIFSIGNALED(how);
}

// ---- tests ----

static void go_through_nights(const char *store, io_fault_kind kind, unsigned tries)
{
    nj_error err = {0};
    night *n = mmap(NULL, sizeof *n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(n != MAP_FAILED);
    *n = (night){.rows = 4, .tries = 1};
    assert_ok(run_night(store, n, &err), &err);
    unsigned call = 1;
    for (bool fired = true; fired; call++) {
        nj_status status = NJ_OK;
        uint64_t before = n->rows;
        assert_in_range(call, 1, CALLS_MAX);
        *n = (night){.rows = before == 4 ? 5 : 4, .tries = tries};
        fired = act_with_fault(kind, call, store, n, run_night, &status);

        if (status == NJ_OK) {
            assert_true(!is_in_child(kind) || !fired);
        } else if (status != NJ_IO && status != NJ_END) {
            fail_msg("%s, call %u: the night ended with %s", io_fault_name(kind), call,
                     nj_status_name(status));
        }
        check_current(store, before, n->rows);
        assert_in_range(check_generations(store), 1, 3);
        check_staging(store, n);
        if (status != NJ_OK) {
            assert_ok(run_night(store, n, &err), &err);
        }
        check_current(store, n->rows, n->rows);
        assert_false(nj_staging_exists(store));
        drop_old_generations(store);
    }
    print_message("%s, %u tries: %u calls\n", io_fault_name(kind), tries, call - 2);
    assert_true(call > 100);
    assert_true(tries > 1 || is_in_child(kind) ||
                lmdb_failures > 10); // tried again, they leave no error
    munmap(n, sizeof *n);
}

static void a_call_that_fails_costs_the_night_at_most_a_resume(void **state)
{
    go_through_nights(store_path(state), IO_FAULT_ONCE, 1);
}

static void a_call_that_fails_once_is_tried_again_with_the_same_handle(void **state)
{
    go_through_nights(store_path(state), IO_FAULT_ONCE, 2);
}

static void a_write_that_falls_short_is_no_write(void **state)
{
    go_through_nights(store_path(state), IO_FAULT_SHORT, 2);
}

static void a_disk_that_is_full_from_some_call_on_loses_nothing(void **state)
{
    go_through_nights(store_path(state), IO_FAULT_FULL, 2);
}

static void a_disk_that_is_gone_from_some_call_on_loses_nothing(void **state)
{
    go_through_nights(store_path(state), IO_FAULT_DEAD, 2);
}

static void a_process_killed_before_any_call_loses_nothing(void **state)
{
    go_through_nights(store_path(state), IO_FAULT_KILL, 1);
}

static nj_status roll_back(const char *store, night *n, nj_error *err)
{
    nj_store_name name;
    (void)n;
    nj_status status = nj_store_rollback_find(store, &name, err);
    return status == NJ_OK ? nj_store_rollback(store, name.text, 0, err) : status;
}

// Each round begins with the same two publications: 4 rows, then 5.
static void a_rollback_goes_back_one_or_not_at_all_whatever_fails(void **state)
{
    nj_error err = {0};
    night n = {.tries = 1};
    nj_store_name names[2];
    const char *store = store_path(state);
    for (uint64_t i = 0; i < 2; i++) {
        names[i] = night_pack(store, SHARDS, 4 + i, NIGHT_MS + i);
        night_publish(store, &names[i]);
    }
    for (io_fault_kind kind = 0; kind < IO_FAULT_KINDS; kind++) {
        bool fired = true;
        for (unsigned call = 1; fired; call++) {
            nj_status status = NJ_OK;
            assert_in_range(call, 1, CALLS_MAX);
            fired = act_with_fault(kind, call, store, &n, roll_back, &status);
            assert_true(status == NJ_OK || status == NJ_IO || status == NJ_END);
            check_current(store, 4, 5);
            nj_store_name current;
            assert_ok(nj_store_current(store, &current, &err), &err);
            if (strcmp(current.text, names[1].text) == 0) {
                assert_int_not_equal(status, NJ_OK);
                assert_ok(roll_back(store, &n, &err), &err);
            }
            check_current(store, 4, 4);
            assert_int_equal(roll_back(store, &n, &err), NJ_NOT_FOUND); // there is nothing before
            check_current(store, 4, 4);
            night_publish(store, &names[1]);
        }
    }
}

// ---- killed at random ----

static void publish_newest(const char *store, nj_error *err)
{
    nj_store_listing listing;
    assert_ok(nj_store_list(store, &listing, err), err);
    assert_ok(nj_store_publish(store, listing.entries[0].name.text, NULL, 0, err), err);
    nj_store_listing_fini(&listing);
}

// Night after night, each rolled back and published again, until the process is killed.
static void live_dangerously(const char *store, night *n)
{
    for (uint64_t i = 1;; i++) {
        nj_error err = {0};
        memset(n->acknowledged, 0, sizeof n->acknowledged);
        n->published = false;
        __atomic_signal_fence(
            __ATOMIC_SEQ_CST); // whoever looks after the kill sees them in this order
        n->rows = n->rows == 4 ? 5 : 4;
        if (run_night(store, n, &err) != NJ_OK || roll_back(store, n, &err) != NJ_OK) {
            _exit(1);
        }
        publish_newest(store, &err);
        drop_old_generations(store);
    }
}

static void killed_at_any_instant_the_store_is_whole_and_the_night_goes_on(void **state)
{
    nj_error err = {0};
    const char *store = store_path(state);
    uint64_t random = 7;
    night *n = mmap(NULL, sizeof *n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(n != MAP_FAILED);
    *n = (night){.rows = 4, .tries = 1};
    assert_ok(run_night(store, n, &err), &err);
    for (unsigned round = 0; round < kill_rounds; round++) {
        pid_t child = fork();
        if (child == 0) {
            live_dangerously(store, n);
        }
        random = random * 6364136223846793005u + 1442695040888963407u;
        usleep((useconds_t)((random >> 33) % 20000));
        kill(child, SIGKILL);
        int how = night_wait(child);
        assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
        check_current(store, 4, 5);
        check_generations(store);
        check_staging(store, n);
        assert_ok(run_night(store, n, &err), &err);
        check_current(store, n->rows, n->rows);
        drop_old_generations(store);
    }
    print_message("killed %u times\n", kill_rounds);
    munmap(n, sizeof *n);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

// test_io_faults [KILLS]
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_call_that_fails_costs_the_night_at_most_a_resume),
        WITH_FOLDER(a_call_that_fails_once_is_tried_again_with_the_same_handle),
        WITH_FOLDER(a_write_that_falls_short_is_no_write),
        WITH_FOLDER(a_disk_that_is_full_from_some_call_on_loses_nothing),
        WITH_FOLDER(a_disk_that_is_gone_from_some_call_on_loses_nothing),
        WITH_FOLDER(a_process_killed_before_any_call_loses_nothing),
        WITH_FOLDER(a_rollback_goes_back_one_or_not_at_all_whatever_fails),
        WITH_FOLDER(killed_at_any_instant_the_store_is_whole_and_the_night_goes_on),
    };
    if (access("/dev/shm", W_OK) == 0) { // thousands of syncs, none of which a disk has to see
        setenv("TMPDIR", "/dev/shm", 1);
    }
    kill_rounds = argc > 1 ? (unsigned)atoi(argv[1]) : KILL_ROUNDS;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
