// test_staging_crash.c - after a death in the middle of a write, ledger and rows still agree and nothing said is lost.
#include "common/store/staging.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/store/night.h"

#define SHARDS 2000
#define ROWS 8

static const char *store_path(void **state)
{
    return sandbox_path(state, "store");
}

static void create(void **state, uint64_t committed)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_staging_facts facts = night_facts(SHARDS, SHARDS * ROWS);
    assert_ok(nj_staging_create(store_path(state), &facts, NULL, &staging, &err), &err);
    for (uint64_t i = 0; i < committed; i++) {
        assert_int_equal(night_commit(staging, i, ROWS), NJ_COMMIT_WRITTEN);
    }
    nj_staging_close(&staging);
}

// Opens what a dead process left; ledger and rows must agree, and the next commit must go through.
static uint64_t resume_and_count(void **state)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_staging_tally tally = {0};
    assert_ok(nj_staging_open(store_path(state), NULL, &staging, &err), &err);
    assert_ok(nj_staging_count(staging, &tally, &err), &err);
    assert_int_equal(tally.ledger_rows, tally.stored_rows);
    assert_int_equal(tally.ledger_rows, tally.committed * ROWS);
    assert_int_equal(night_commit(staging, SHARDS - 1, ROWS), NJ_COMMIT_WRITTEN);
    nj_staging_close(&staging);
    return tally.committed;
}

static void die_at_once(int signal_number)
{
    (void)signal_number;
    kill(getpid(), SIGKILL);
}

static void stop_at_once(int signal_number)
{
    (void)signal_number;
    kill(getpid(), SIGSTOP);
}

// The value of the last row lies on a page that cannot be read: `handler` runs inside the write transaction, with
// LMDB's lock and ours in the process's hand, after the other rows have been put.
static void commit_into_a_fault(const char *store, void (*handler)(int))
{
    nj_staging *staging = NULL;
    nj_commit_outcome outcome;
    static night_shard shard;
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    signal(SIGSEGV, handler);
    signal(SIGBUS, handler);
    if (nj_staging_open(store, NULL, &staging, NULL) != NJ_OK || page == MAP_FAILED) {
        _exit(1);
    }
    night_shard_make(&shard, 50, ROWS);
    shard.rows[ROWS - 1].value = (nj_slice){page, 100};
    nj_status status = nj_staging_commit(staging, &shard.commit, 1, &outcome, NULL);
    _exit(status == NJ_OK ? 2 : 3);
}

static void a_process_killed_inside_a_transaction_leaves_nothing_of_it(void **state)
{
    create(state, 5);
    pid_t child = fork();
    if (child == 0) {
        commit_into_a_fault(store_path(state), die_at_once);
    }
    int how = night_wait(child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    assert_int_equal(resume_and_count(state), 5);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static rlim_t data_bytes(void **state)
{
    struct stat about;
    assert_int_equal(stat(sandbox_path(state, "store/staging/data.mdb"), &about), 0);
    return (rlim_t)about.st_size;
}

// Commits until told to stop; says each shard's number on `said` once its commit returned.
static void commit_for_ever(const char *store, uint64_t first, int said)
{
    nj_staging *staging = NULL;
    if (nj_staging_open(store, NULL, &staging, NULL) != NJ_OK) {
        _exit(1);
    }
    for (uint64_t i = first; i < SHARDS - 1; i++) {
        static night_shard shard;
        nj_commit_outcome outcome;
        night_shard_make(&shard, i, ROWS);
        if (nj_staging_commit(staging, &shard.commit, 1, &outcome, NULL) != NJ_OK ||
            write(said, "x", 1) != 1) {
            _exit(2);
        }
        night_shard_fini(&shard);
    }
    _exit(3);
}

static uint64_t count_said(int fd)
{
    uint64_t total = 0;
    char bytes[256];
    ssize_t got;
    while ((got = read(fd, bytes, sizeof bytes)) > 0) {
        total += (uint64_t)got;
    }
    return total;
}

static void a_process_killed_while_a_commit_writes_its_pages_loses_only_that_commit(void **state)
{
    int said[2];
    create(state, 5);
    rlim_t limit = data_bytes(state) + 3 * 4096;
    assert_int_equal(pipe(said), 0);
    pid_t child = fork();
    if (child == 0) {
        close(said[0]);
        limit_file_size(limit); // writing past it kills: SIGXFSZ
        commit_for_ever(store_path(state), 5, said[1]);
    }
    close(said[1]);
    uint64_t acknowledged = count_said(said[0]);
    close(said[0]);
    int how = night_wait(child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGXFSZ);
    assert_int_equal(resume_and_count(state), 5 + acknowledged);
}

static void whatever_a_killed_process_acknowledged_is_there(void **state)
{
    for (uint64_t round = 0; round < 5; round++) {
        int said[2];
        char byte;
        create(state, 0);
        assert_int_equal(pipe(said), 0);
        pid_t child = fork();
        if (child == 0) {
            close(said[0]);
            commit_for_ever(store_path(state), 0, said[1]);
        }
        close(said[1]);
        for (uint64_t i = 0; i <= 7 * round; i++) {
            assert_int_equal(read(said[0], &byte, 1), 1);
        }
        usleep((useconds_t)(130 * round));
        kill(child, SIGKILL);
        uint64_t acknowledged = 7 * round + 1 + count_said(said[0]);
        close(said[0]);
        int how = night_wait(child);
        assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);

        uint64_t committed = resume_and_count(state);
        assert_in_range(committed, acknowledged,
                        acknowledged + 1); // the last may not have been said
        nj_error err = {0};
        assert_ok(nj_folder_remove(store_path(state), &err), &err);
    }
}

static void a_failed_commit_leaves_the_ledger_as_it_was_and_the_same_call_works_later(void **state)
{
    nj_error err = {0};
    static night_shard shards[64];
    nj_shard_commit commits[64];
    nj_commit_outcome outcomes[64];
    nj_staging *staging = NULL;
    nj_staging_tally tally;
    create(state, 5);
    assert_ok(nj_staging_open(store_path(state), NULL, &staging, &err), &err);
    for (uint64_t i = 0; i < 64; i++) {
        night_shard_make(&shards[i], 100 + i, ROWS);
        commits[i] = shards[i].commit;
    }

    signal(SIGXFSZ, SIG_IGN); // the write fails instead, as on a full disk
    limit_file_size(data_bytes(state) + 4096);
    assert_int_equal(nj_staging_commit(staging, commits, 64, outcomes, &err), NJ_IO);
    assert_ok(nj_staging_count(staging, &tally, &err), &err);
    assert_int_equal(tally.committed, 5);
    assert_int_equal(tally.stored_rows, 5 * ROWS);
    limit_file_size(RLIM_INFINITY);

    assert_ok(nj_staging_commit(staging, commits, 64, outcomes, &err), &err);
    assert_int_equal(outcomes[0], NJ_COMMIT_WRITTEN);
    assert_ok(nj_staging_count(staging, &tally, &err), &err);
    assert_int_equal(tally.committed, 69);
    for (uint64_t i = 0; i < 64; i++) {
        night_shard_fini(&shards[i]);
    }
    nj_staging_close(&staging);
}

static void a_process_stopped_inside_a_write_is_named_and_not_waited_for(void **state)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_staging_options options = nj_staging_options_default();
    int how = 0;
    char holder[64];
    options.lock_wait_ms = 100;
    create(state, 5);
    pid_t child = fork();
    if (child == 0) {
        commit_into_a_fault(store_path(state), stop_at_once);
    }
    assert_int_equal(waitpid(child, &how, WUNTRACED), child);
    assert_true(WIFSTOPPED(how));

    snprintf(holder, sizeof holder, "held by process %ld on ", (long)child);
    assert_refused(nj_staging_open(store_path(state), &options, &staging, &err), NJ_AGAIN, &err,
                   holder);
    assert_null(staging);
    kill(child, SIGKILL);
    how = night_wait(child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    assert_int_equal(resume_and_count(state), 5);
}

static void an_area_that_was_replaced_takes_nothing_from_who_had_the_old_one(void **state)
{
    nj_error err = {0};
    nj_staging *old = NULL;
    nj_staging *fresh = NULL;
    nj_store_name name;
    nj_commit_outcome outcome;
    static night_shard shard;
    create(state, 0);
    assert_ok(nj_staging_open(store_path(state), NULL, &old, &err), &err);
    const char *folder = sandbox_path(state, "store/staging");
    const char *aside = sandbox_path(state, "aside");
    assert_int_equal(rename(folder, aside), 0);
    create(state, 0);
    assert_ok(nj_staging_open(store_path(state), NULL, &fresh, &err), &err);

    night_shard_make(&shard, 0, ROWS);
    assert_refused(nj_staging_commit(old, &shard.commit, 1, &outcome, &err), NJ_AGAIN, &err,
                   "removed or replaced");
    assert_refused(nj_store_pack(old, 0, NULL, 1, &name, NULL, &err), NJ_AGAIN, &err,
                   "removed or replaced");
    assert_refused(nj_staging_remove_take(&old, &err), NJ_AGAIN, &err, "removed or replaced");
    assert_int_equal(night_commit(fresh, 0, ROWS), NJ_COMMIT_WRITTEN);
    night_shard_fini(&shard);
    nj_staging_close(&old);
    nj_staging_close(&fresh);
}

static void a_night_with_a_divergence_says_so_to_who_opens_it_again(void **state)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    bool diverged = true;
    create(state, 0);
    assert_ok(nj_staging_open(store_path(state), NULL, &staging, &err), &err);
    assert_ok(nj_staging_diverged(staging, &diverged, &err), &err);
    assert_false(diverged);
    assert_ok(nj_staging_diverged_set(staging, &err), &err);
    nj_staging_close(&staging);
    assert_ok(nj_staging_open(store_path(state), NULL, &staging, &err), &err);
    assert_ok(nj_staging_diverged(staging, &diverged, &err), &err);
    assert_true(diverged);
    nj_staging_close(&staging);
}

// A file of the same name that is another one: whoever has the old one open writes nothing more.
static void a_data_file_that_was_exchanged_is_noticed(void **state)
{
    nj_error err = {0};
    static night_shard shard;
    nj_commit_outcome outcome;
    nj_staging *staging = NULL;
    char *bytes = NULL;
    size_t size = 0;
    create(state, 0);
    assert_ok(nj_staging_open(store_path(state), NULL, &staging, &err), &err);
    assert_int_equal(night_commit(staging, 0, ROWS), NJ_COMMIT_WRITTEN);
    const char *data = sandbox_path(state, "store/staging/data.mdb");
    assert_ok(nj_file_read(data, 1 << 24, &bytes, &size, &err), &err);
    assert_ok(nj_file_write(data, bytes, size, &err), &err);

    night_shard_make(&shard, 1, ROWS);
    assert_refused(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), NJ_AGAIN, &err,
                   "removed or replaced");

    night_shard_fini(&shard);
    free(bytes);
    nj_staging_close(&staging);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_process_killed_inside_a_transaction_leaves_nothing_of_it),
        WITH_FOLDER(a_process_killed_while_a_commit_writes_its_pages_loses_only_that_commit),
        WITH_FOLDER(whatever_a_killed_process_acknowledged_is_there),
        WITH_FOLDER(a_failed_commit_leaves_the_ledger_as_it_was_and_the_same_call_works_later),
        WITH_FOLDER(an_area_that_was_replaced_takes_nothing_from_who_had_the_old_one),
        WITH_FOLDER(a_night_with_a_divergence_says_so_to_who_opens_it_again),
        WITH_FOLDER(a_data_file_that_was_exchanged_is_noticed),
        WITH_FOLDER(a_process_stopped_inside_a_write_is_named_and_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
