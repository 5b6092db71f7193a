// test_pinned.c - readers that stay: in a staging area its file grows and the night goes on; a generation they keep for ever.
#include <lmdb.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/store/draft.h"
#include "tests/unit/store/night.h"

#define SHARDS 4000
#define ROWS 8

static const char *store_path(void **state)
{
    return sandbox_path(state, "store");
}

// A process that begins to read the staging area and does not end, as a copy or a look with LMDB's own tools that hangs.
static pid_t pin(const char *staging)
{
    int said[2];
    char byte;
    assert_int_equal(pipe(said), 0);
    pid_t child = fork();
    if (child == 0) {
        MDB_env *env = NULL;
        MDB_txn *txn = NULL;
        if (mdb_env_create(&env) != 0 || mdb_env_open(env, staging, MDB_RDONLY, 0) != 0 ||
            mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0 || write(said[1], "x", 1) != 1) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    close(said[1]);
    assert_int_equal(read(said[0], &byte, 1), 1);
    close(said[0]);
    return child;
}

static void unpin(pid_t child)
{
    kill(child, SIGKILL);
    assert_true(WIFSIGNALED(night_wait(child)));
}

static off_t staging_bytes(void **state)
{
    struct stat about;
    assert_int_equal(stat(sandbox_path(state, "store/staging/data.mdb"), &about), 0);
    return about.st_size;
}

static nj_staging *create(void **state, uint64_t map_bytes_max)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_staging_options options = nj_staging_options_default();
    nj_staging_facts facts = night_facts(SHARDS, SHARDS * ROWS);
    options.map_bytes = 256 * 1024;
    options.map_bytes_max = map_bytes_max;
    assert_ok(nj_staging_create(store_path(state), &facts, &options, &staging, &err), &err);
    return staging;
}

static nj_status commit(nj_staging *staging, uint64_t number, nj_error *err)
{
    static night_shard shard;
    nj_commit_outcome outcome;
    night_shard_make(&shard, number, ROWS);
    nj_status status = nj_staging_commit(staging, &shard.commit, 1, &outcome, err);
    night_shard_fini(&shard);
    return status;
}

static void a_pinned_reader_makes_the_file_grow_and_stops_nobody(void **state)
{
    nj_error err = {0};
    nj_staging *staging = create(state, NJ_STAGING_MAP_BYTES_MAX);
    assert_ok(commit(staging, 0, &err), &err);
    for (uint64_t i = 1; i <= 100; i++) {
        assert_ok(commit(staging, i, &err), &err);
    }
    off_t free_growth = staging_bytes(state);
    pid_t reader = pin(sandbox_path(state, "store/staging"));
    for (uint64_t i = 101; i <= 200; i++) {
        assert_ok(commit(staging, i, &err), &err);
    }
    off_t pinned_growth = staging_bytes(state) - free_growth;
    unpin(reader);
    assert_true(pinned_growth > free_growth); // else nothing was pinned
    nj_staging_close(&staging);

    assert_ok(nj_staging_open(store_path(state), NULL, &staging, &err), &err);
    off_t before = staging_bytes(state);
    for (uint64_t i = 201; i <= 300;
         i++) { // opening cleared the dead reader away: its pages are used again
        assert_ok(commit(staging, i, &err), &err);
    }
    assert_true(staging_bytes(state) - before < pinned_growth / 2);
    nj_staging_close(&staging);
}

static void a_map_filled_by_a_pinned_reader_is_an_error_until_the_reader_is_gone(void **state)
{
    nj_error err = {0};
    nj_staging *staging = create(state, 1024 * 1024);
    pid_t reader = pin(sandbox_path(state, "store/staging"));
    uint64_t number = 0;
    nj_status status = NJ_OK;
    while (status == NJ_OK && number < SHARDS) {
        status = commit(staging, number, &err);
        number += status == NJ_OK;
    }
    assert_refused(status, NJ_IO, &err, "the limit is 1048576");
    assert_int_equal(commit(staging, number, &err), NJ_IO); // and stays one

    unpin(reader);
    nj_staging_tally tally;
    status =
        commit(staging, number,
               &err); // may find the dead reader still in its way; the look afterwards clears it
    if (status == NJ_IO) {
        status = commit(staging, number, &err);
    }
    assert_ok(status, &err);
    assert_ok(nj_staging_count(staging, &tally, &err), &err);
    assert_int_equal(tally.committed, number + 1);
    assert_int_equal(tally.stored_rows, (number + 1) * ROWS);
    nj_staging_close(&staging);
}

static nj_status count_row(void *context, nj_slice user, nj_slice value, nj_error *err)
{
    (void)user;
    (void)value;
    (void)err;
    ++*(uint64_t *)context;
    return NJ_OK;
}

static void a_reader_keeps_its_generation_when_it_is_removed(void **state)
{
    nj_error err = {0};
    nj_store_reader *reader = NULL;
    uint64_t rows = 0;
    nj_store_name old = night_pack(store_path(state), 50, 16, NIGHT_MS);
    night_publish(store_path(state), &old);
    assert_ok(nj_store_reader_open(store_path(state), NULL, &reader, &err), &err);
    nj_store_name new = night_pack(store_path(state), 2, 8, NIGHT_MS + 1);
    night_publish(store_path(state), &new);
    assert_ok(nj_folder_vanish(store_path(state), old.text, &err), &err);
    assert_ok(nj_store_each(reader, count_row, &rows, &err), &err);
    assert_int_equal(rows, 800);
    nj_store_reader_close(&reader);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_pinned_reader_makes_the_file_grow_and_stops_nobody),
        WITH_FOLDER(a_map_filled_by_a_pinned_reader_is_an_error_until_the_reader_is_gone),
        WITH_FOLDER(a_reader_keeps_its_generation_when_it_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
