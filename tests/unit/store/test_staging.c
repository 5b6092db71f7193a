// test_staging.c - shards are committed once, whole, by the newest opener; a night is found again after a close.
#include "common/store/staging.h"

#include <unistd.h>

#include "tests/unit/store/night.h"

static const char *store_path(void **state)
{
    return sandbox_path(state, "store");
}

static nj_staging *create(void **state, uint64_t shards, const nj_staging_options *options)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_staging_facts facts = night_facts(shards, shards * 8);
    assert_ok(nj_staging_create(store_path(state), &facts, options, &staging, &err), &err);
    return staging;
}

static nj_staging *reopen(void **state)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    assert_ok(nj_staging_open(store_path(state), NULL, &staging, &err), &err);
    return staging;
}

static nj_staging_tally count(nj_staging *staging)
{
    nj_error err = {0};
    nj_staging_tally tally = {0};
    assert_ok(nj_staging_count(staging, &tally, &err), &err);
    assert_int_equal(tally.ledger_rows, tally.stored_rows);
    return tally;
}

static void a_new_area_knows_its_facts(void **state)
{
    assert_false(nj_staging_exists(store_path(state)));
    nj_staging *staging = create(state, 3, NULL);

    assert_true(nj_staging_exists(store_path(state)));
    assert_int_equal(nj_staging_facts_of(staging)->shard_count, 3);
    assert_string_equal(nj_staging_facts_of(staging)->settings, "beam=20 top=20");
    assert_int_equal(count(staging).committed, 0);
    nj_staging_close(&staging);
    assert_null(staging);
}

static void a_second_area_is_not_made_beside_the_first(void **state)
{
    nj_error err = {0};
    nj_staging *second = NULL;
    nj_staging_facts facts = night_facts(1, 1);
    nj_staging *staging = create(state, 3, NULL);
    nj_staging_close(&staging);
    assert_refused(nj_staging_create(store_path(state), &facts, NULL, &second, &err), NJ_AGAIN,
                   &err, "resume or remove");
    assert_null(second);
    staging = reopen(state);
    assert_int_equal(nj_staging_facts_of(staging)->shard_count, 3);
    nj_staging_close(&staging);
}

static void nothing_staged_is_not_found(void **state)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    assert_refused(nj_staging_open(store_path(state), NULL, &staging, &err), NJ_NOT_FOUND, &err,
                   "no night");
    assert_null(staging);
}

static void a_committed_shard_is_there_with_its_record_after_a_resume(void **state)
{
    nj_ledger_record record;
    nj_staging *staging = create(state, 3, NULL);
    assert_int_equal(night_commit(staging, 2, 8), NJ_COMMIT_WRITTEN);
    nj_staging_close(&staging);

    staging = reopen(state);
    assert_int_equal(count(staging).committed, 1);
    assert_int_equal(count(staging).stored_rows, 8);
    assert_true(night_find_record(staging, 2, &record));
    assert_int_equal(record.shard, 2);
    assert_int_equal(record.state, NJ_STORED_COMMITTED);
    assert_int_equal(record.rows, 8);
    assert_int_equal(record.finished_ms, NIGHT_MS + 2);
    assert_string_equal(record.worker, "worker-a");
    assert_false(night_find_record(staging, 1, &record));
    nj_staging_close(&staging);
}

static void the_same_result_again_is_a_duplicate_and_another_one_diverges(void **state)
{
    nj_error err = {0};
    night_shard shard;
    nj_commit_outcome outcome;
    nj_ledger_record record;
    nj_staging *staging = create(state, 3, NULL);
    assert_int_equal(night_commit(staging, 1, 8), NJ_COMMIT_WRITTEN);
    assert_int_equal(night_commit(staging, 1, 8), NJ_COMMIT_DUPLICATE);

    night_shard_make(&shard, 1, 8);
    shard.commit.record.digest.bytes[0] ^= 1;
    shard.commit.record.attempt = 2;
    assert_ok(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), &err);
    assert_int_equal(outcome, NJ_COMMIT_DIVERGED);
    assert_true(night_find_record(staging, 1, &record));
    assert_int_equal(record.attempt, 1);
    assert_int_equal(count(staging).stored_rows, 8);
    night_shard_fini(&shard);
    nj_staging_close(&staging);
}

static void one_transaction_takes_many_shards_and_judges_each(void **state)
{
    nj_error err = {0};
    static night_shard shards[4];
    nj_shard_commit commits[4];
    nj_commit_outcome outcomes[4];
    nj_staging *staging = create(state, 4, NULL);
    assert_int_equal(night_commit(staging, 0, 8), NJ_COMMIT_WRITTEN);
    for (size_t i = 0; i < 4; i++) {
        night_shard_make(&shards[i], i == 3 ? 2 : i, 8); // shard 2 comes twice
        commits[i] = shards[i].commit;
    }
    assert_ok(nj_staging_commit(staging, commits, 4, outcomes, &err), &err);
    assert_int_equal(outcomes[0], NJ_COMMIT_DUPLICATE);
    assert_int_equal(outcomes[1], NJ_COMMIT_WRITTEN);
    assert_int_equal(outcomes[2], NJ_COMMIT_WRITTEN);
    assert_int_equal(outcomes[3], NJ_COMMIT_DUPLICATE);
    assert_int_equal(count(staging).stored_rows, 24);
    for (size_t i = 0; i < 4; i++) {
        night_shard_fini(&shards[i]);
    }
    nj_staging_close(&staging);
}

static nj_status copy_record(void *context, const nj_ledger_record *record, nj_error *err)
{
    (void)err;
    *(nj_ledger_record *)context = *record;
    return NJ_OK;
}

static void a_quarantined_user_has_no_row_and_may_still_be_committed(void **state)
{
    nj_error err = {0};
    nj_commit_outcome outcome;
    nj_ledger_record record;
    nj_shard_commit given_up = {
        .record = {
            .shard = 1, .state = NJ_STORED_QUARANTINED, .attempt = 3, .first = 3, .count = 1}};
    strcpy(given_up.record.note, "worker-a: out of memory");
    strcpy(given_up.record.user, "11");
    nj_staging *staging = create(state, 3, NULL);

    assert_ok(nj_staging_commit(staging, &given_up, 1, &outcome, &err), &err);
    assert_int_equal(outcome, NJ_COMMIT_WRITTEN);
    assert_ok(nj_staging_commit(staging, &given_up, 1, &outcome, &err), &err);
    assert_int_equal(outcome, NJ_COMMIT_DUPLICATE);
    assert_int_equal(count(staging).quarantined, 1);
    assert_ok(nj_staging_ledger_each(staging, copy_record, &record, &err), &err);
    assert_string_equal(record.note, "worker-a: out of memory");
    assert_string_equal(record.user, "11");

    assert_int_equal(night_commit(staging, 1, 8), NJ_COMMIT_WRITTEN); // the whole shard, late
    assert_int_equal(count(staging).quarantined, 0);
    assert_ok(nj_staging_commit(staging, &given_up, 1, &outcome, &err), &err);
    assert_int_equal(outcome, NJ_COMMIT_DUPLICATE);
    assert_int_equal(count(staging).committed, 1);
    nj_staging_close(&staging);
}

// Users [first, first + count) of shard 0, whose users are 0 to 63.
static nj_status commit_piece(nj_staging *staging, uint64_t first, uint64_t count, nj_error *err)
{
    static night_shard shard;
    nj_commit_outcome outcome = NJ_COMMIT_DIVERGED;
    night_shard_make(&shard, 0, NIGHT_ROWS_MAX);
    shard.commit.rows += first;
    shard.commit.record.rows = count;
    shard.commit.record.first = first;
    shard.commit.record.count = count;
    nj_status status = nj_staging_commit(staging, &shard.commit, 1, &outcome, err);
    if (status == NJ_OK) {
        assert_int_equal(outcome, NJ_COMMIT_WRITTEN);
    }
    night_shard_fini(&shard);
    return status;
}

static nj_commit_outcome quarantine(nj_staging *staging, uint64_t shard, uint64_t first,
                                    const char *user)
{
    nj_error err = {0};
    nj_commit_outcome outcome;
    nj_shard_commit given_up = {.record = {.shard = shard,
                                           .state = NJ_STORED_QUARANTINED,
                                           .attempt = 2,
                                           .first = first,
                                           .count = 1}};
    strcpy(given_up.record.user, user);
    assert_ok(nj_staging_commit(staging, &given_up, 1, &outcome, &err), &err);
    return outcome;
}

static nj_status note_range(void *context, const nj_ledger_record *record, nj_error *err)
{
    (void)err;
    char *text = context;
    snprintf(text + strlen(text), 40, "%llu:%llu+%llu%s ", (unsigned long long)record->shard,
             (unsigned long long)record->first, (unsigned long long)record->count,
             record->state == NJ_STORED_QUARANTINED ? "?" : "");
    return NJ_OK;
}

static void pieces_are_kept_beside_one_another_and_walked_in_order(void **state)
{
    nj_error err = {0};
    nj_ledger_record record;
    char ranges[400] = "";
    nj_staging *staging = create(state, 2, NULL);
    assert_int_equal(night_commit(staging, 1, NIGHT_ROWS_MAX), NJ_COMMIT_WRITTEN);
    assert_ok(commit_piece(staging, 32, 32, &err), &err);
    assert_ok(commit_piece(staging, 0, 16, &err), &err);
    assert_int_equal(quarantine(staging, 0, 16, "16"), NJ_COMMIT_WRITTEN);
    assert_ok(commit_piece(staging, 17, 15, &err), &err);

    assert_ok(nj_staging_ledger_each(staging, note_range, ranges, &err), &err);
    assert_string_equal(ranges, "0:0+16 0:16+1? 0:17+15 0:32+32 1:0+0 ");
    assert_false(night_find_record(staging, 0, &record));
    assert_int_equal(count(staging).committed, 4);
    assert_int_equal(count(staging).quarantined, 1);
    assert_int_equal(count(staging).stored_rows, 127);
    assert_int_equal(quarantine(staging, 0, 14, "14"), NJ_COMMIT_DUPLICATE);
    assert_ok(commit_piece(staging, 16, 1, &err), &err); // given up no longer
    assert_int_equal(count(staging).quarantined, 0);
    assert_refused(commit_piece(staging, 8, 4, &err), NJ_REFUSED, &err, "already has a row");
    nj_staging_close(&staging);
}

static void a_user_with_a_row_is_not_quarantined(void **state)
{
    nj_error err = {0};
    nj_staging *staging = create(state, 2, NULL);
    assert_ok(commit_piece(staging, 0, 16, &err), &err);
    assert_int_equal(quarantine(staging, 0, 3, "3"), NJ_COMMIT_DUPLICATE);
    assert_int_equal(count(staging).quarantined, 0);
    nj_commit_outcome outcome;
    nj_shard_commit nobody = {.record = {.state = NJ_STORED_QUARANTINED, .first = 17, .count = 1}};
    assert_refused(nj_staging_commit(staging, &nobody, 1, &outcome, &err), NJ_INPUT, &err,
                   "one user by name");
    strcpy(nobody.record.user, "17");
    nobody.record.count = 2;
    assert_refused(nj_staging_commit(staging, &nobody, 1, &outcome, &err), NJ_INPUT, &err,
                   "not 2 (\"17\")");
    nj_staging_close(&staging);
}

// Rows of an earlier generation are staged as decoded ones are, and whoever comes first stays.
static void what_is_carried_over_has_rows_and_is_not_written_again(void **state)
{
    nj_error err = {0};
    static night_shard shard;
    nj_commit_outcome outcome;
    nj_staging *staging = create(state, 2, NULL);
    assert_int_equal(quarantine(staging, 0, 3, "3"), NJ_COMMIT_WRITTEN);
    night_shard_make(&shard, 0, 16);
    shard.commit.record.state = NJ_STORED_CARRIED;
    assert_ok(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), &err);
    assert_int_equal(outcome, NJ_COMMIT_WRITTEN);
    assert_int_equal(count(staging).committed, 0);
    assert_int_equal(count(staging).carried, 16);
    assert_int_equal(count(staging).quarantined, 0); // he has a row after all
    assert_int_equal(count(staging).ledger_rows, 16);
    assert_int_equal(count(staging).stored_rows, 16);

    assert_ok(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), &err);
    assert_int_equal(outcome, NJ_COMMIT_DUPLICATE);
    shard.commit.record.state = NJ_STORED_COMMITTED; // a worker that comes too late
    shard.commit.record.digest.bytes[0] ^= 1;
    assert_ok(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), &err);
    assert_int_equal(outcome, NJ_COMMIT_DUPLICATE);
    assert_int_equal(quarantine(staging, 0, 3, "3"), NJ_COMMIT_DUPLICATE);
    night_shard_fini(&shard);
    nj_staging_close(&staging);
}

static void a_deadline_is_noted_for_every_later_opening(void **state)
{
    nj_error err = {0};
    nj_staging_deadline noted;
    const nj_staging_deadline none = {0};
    nj_staging_deadline deadline = {
        .text = "05:30", .at_ms = 1795400000000, .carries = 1, .carry_max = 10, .from = "gen-a"};
    nj_staging *staging = create(state, 2, NULL);
    assert_ok(nj_staging_deadline_get(staging, &noted, &err), &err);
    assert_memory_equal(&noted, &none, sizeof none);
    assert_ok(nj_staging_deadline_set(staging, &deadline, &err), &err);
    deadline.carry_max = 100;
    assert_ok(nj_staging_deadline_set(staging, &deadline, &err), &err);
    deadline.carry_max = 101;
    assert_refused(nj_staging_deadline_set(staging, &deadline, &err), NJ_INPUT, &err, "carry_max");
    nj_staging_close(&staging);

    assert_ok(nj_staging_open(sandbox_path(state, "store"), NULL, &staging, &err), &err);
    assert_ok(nj_staging_deadline_get(staging, &noted, &err), &err);
    assert_string_equal(noted.text, "05:30");
    assert_string_equal(noted.from, "gen-a");
    assert_int_equal(noted.at_ms, 1795400000000);
    assert_int_equal(noted.carry_max, 100);
    nj_staging_close(&staging);
}

static void only_ranges_that_cover_every_shard_once_make_a_night(void **state)
{
    nj_error err = {0};
    nj_staging *staging = create(state, 2, NULL); // 8 users a shard
    assert_ok(commit_piece(staging, 0, 4, &err), &err);
    assert_refused(nj_staging_check_cover(staging, &err), NJ_REFUSED, &err, "1 of 2 shards");
    assert_int_equal(quarantine(staging, 1, 0, "64"), NJ_COMMIT_WRITTEN);
    assert_refused(nj_staging_check_cover(staging, &err), NJ_REFUSED, &err,
                   "5 users are committed, carried or quarantined, the plan has 16");
    assert_ok(commit_piece(staging, 5, 10, &err), &err);
    assert_refused(nj_staging_check_cover(staging, &err), NJ_REFUSED, &err,
                   "shard 0: is done up to its user 4, the next record begins at user 5");
    assert_int_equal(quarantine(staging, 0, 4, "4"), NJ_COMMIT_WRITTEN);
    assert_ok(nj_staging_check_cover(staging, &err), &err);
    assert_int_equal(night_commit(staging, 1, NIGHT_ROWS_MAX), NJ_COMMIT_WRITTEN); // its user too
    assert_refused(nj_staging_check_cover(staging, &err), NJ_REFUSED, &err,
                   "79 users are committed, carried or quarantined, the plan has 16");
    assert_int_equal(quarantine(staging, 1, 64, "128"), NJ_COMMIT_WRITTEN);
    assert_refused(nj_staging_check_cover(staging, &err), NJ_REFUSED, &err,
                   "shard 1: is done whole");
    nj_staging_close(&staging);
}

static void one_users_row_is_read_back(void **state)
{
    nj_error err = {0};
    nj_buffer row;
    nj_buffer expected;
    nj_staging *staging = create(state, 2, NULL);
    nj_buffer_init(&row, NJ_ROW_BYTES_MAX);
    night_row_pack(&expected, 3);
    assert_ok(commit_piece(staging, 0, 4, &err), &err);
    assert_ok(nj_staging_row_get(staging, nj_slice_from("3"), &row, &err), &err);
    assert_true(nj_slice_equal(nj_buffer_slice(&row), nj_buffer_slice(&expected)));
    assert_int_equal(nj_staging_row_get(staging, nj_slice_from("4"), &row, &err), NJ_NOT_FOUND);
    nj_buffer_fini(&row);
    nj_buffer_fini(&expected);
    nj_staging_close(&staging);
}

static void a_user_of_two_shards_is_refused_and_nothing_of_the_batch_stays(void **state)
{
    nj_error err = {0};
    static night_shard shards[2];
    nj_shard_commit commits[2];
    nj_commit_outcome outcomes[2];
    nj_staging *staging = create(state, 3, NULL);
    night_shard_make(&shards[0], 0, 8);
    night_shard_make(&shards[1], 1, 8);
    shards[1].rows[7].user = shards[0].rows[3].user;
    commits[0] = shards[0].commit;
    commits[1] = shards[1].commit;
    assert_refused(nj_staging_commit(staging, commits, 2, outcomes, &err), NJ_REFUSED, &err,
                   "shard 1: user \"3\" already has a row");
    assert_int_equal(count(staging).committed, 0);
    assert_int_equal(count(staging).stored_rows, 0);
    night_shard_fini(&shards[0]);
    night_shard_fini(&shards[1]);
    nj_staging_close(&staging);
}

static void commits_that_break_the_rules_are_refused(void **state)
{
    nj_error err = {0};
    static night_shard shard;
    nj_commit_outcome outcome;
    nj_staging *staging = create(state, 3, NULL);
    night_shard_make(&shard, 1, 8);

    shard.commit.record.shard = 9;
    assert_refused(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), NJ_INPUT, &err,
                   "plan's 3");
    shard.commit.record.shard = 1;
    shard.commit.record.state = 9;
    assert_refused(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), NJ_INPUT, &err,
                   "no state 9");
    shard.commit.record.state = NJ_STORED_QUARANTINED;
    assert_refused(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), NJ_INPUT, &err,
                   "has 8 rows");
    shard.commit.record.state = NJ_STORED_COMMITTED;
    shard.commit.record.first = 1;
    assert_refused(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), NJ_INPUT, &err,
                   "a piece of no users");
    shard.commit.record.count = 7;
    assert_refused(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), NJ_INPUT, &err,
                   "a piece of 7 users has 8 rows");
    shard.commit.record.first = 0;
    shard.commit.record.count = 0;
    strcpy(shard.commit.record.worker, "\xff");
    assert_refused(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), NJ_INPUT, &err,
                   "worker is not UTF-8");
    strcpy(shard.commit.record.worker, "w");
    shard.rows[7].user = nj_slice_from("a\nb");
    assert_refused(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), NJ_INPUT, &err,
                   "control character");
    assert_int_equal(count(staging).stored_rows, 0);
    night_shard_fini(&shard);
    nj_staging_close(&staging);
}

static void the_numeric_class_is_set_once(void **state)
{
    nj_error err = {0};
    char class[NJ_STAGING_CLASS_BYTES_MAX + 1];
    nj_staging *staging = create(state, 1, NULL);
    assert_ok(nj_staging_class(staging, class, &err), &err);
    assert_string_equal(class, "");
    assert_ok(nj_staging_class_set(staging, "f32-blas", &err), &err);
    assert_ok(nj_staging_class_set(staging, "f32-blas", &err), &err);
    assert_refused(nj_staging_class_set(staging, "int8", &err), NJ_CONFIG, &err,
                   "\"f32-blas\", not \"int8\"");
    assert_refused(nj_staging_class_set(staging, "", &err), NJ_INPUT, &err, "1 to 64");
    nj_staging_close(&staging);
    staging = reopen(state);
    assert_ok(nj_staging_class(staging, class, &err), &err);
    assert_string_equal(class, "f32-blas");
    nj_staging_close(&staging);
}

static void whoever_opened_first_is_fenced_by_the_next(void **state)
{
    nj_error err = {0};
    static night_shard shard;
    nj_commit_outcome outcome;
    const char *store = store_path(state);
    nj_staging *staging = create(state, 3, NULL);
    assert_int_equal(night_commit(staging, 0, 8), NJ_COMMIT_WRITTEN);
    assert_int_equal(nj_staging_epoch(staging), 1);

    pid_t child = fork(); // one process opens an LMDB environment once
    if (child == 0) {
        nj_staging *taken = NULL;
        bool ok = nj_staging_open(store, NULL, &taken, NULL) == NJ_OK &&
                  nj_staging_epoch(taken) == 2 && night_commit(taken, 1, 8) == NJ_COMMIT_WRITTEN;
        nj_staging_close(&taken);
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(night_wait(child), 0);

    char owner[64];
    snprintf(owner, sizeof owner, "epoch 2 was opened by process %ld on", (long)child);
    night_shard_make(&shard, 2, 8);
    assert_refused(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), NJ_AGAIN, &err,
                   owner);
    assert_refused(nj_staging_class_set(staging, "f32", &err), NJ_AGAIN, &err, "fenced");
    assert_refused(nj_staging_check_epoch(staging, &err), NJ_AGAIN, &err, "fenced");
    assert_refused(nj_staging_remove_take(&staging, &err), NJ_AGAIN, &err, "fenced");
    assert_int_equal(count(staging).committed,
                     2); // reading is allowed, and sees what the other wrote
    night_shard_fini(&shard);
    nj_staging_close(&staging);
}

static void a_look_at_an_area_takes_nothing_over(void **state)
{
    nj_error err = {0};
    nj_staging_facts facts;
    char class[NJ_STAGING_CLASS_BYTES_MAX + 1] = "?";
    const char *store = store_path(state);
    assert_refused(nj_staging_peek(store, &facts, class, &err), NJ_NOT_FOUND, &err, "no night");
    nj_staging *staging = create(state, 3, NULL);
    assert_ok(nj_staging_class_set(staging, "exact", &err), &err);

    pid_t child = fork(); // one process opens an LMDB environment once
    if (child == 0) {
        bool ok = nj_staging_peek(store, &facts, class, NULL) == NJ_OK && facts.shard_count == 3 &&
                  strcmp(class, "exact") == 0;
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(night_wait(child), 0);

    assert_int_equal(night_commit(staging, 0, 8), NJ_COMMIT_WRITTEN);
    nj_staging_close(&staging);
    staging = reopen(state);
    assert_int_equal(nj_staging_epoch(staging), 2);
    nj_staging_close(&staging);
}

static void the_map_grows_when_the_first_size_is_not_enough(void **state)
{
    nj_staging_options options = nj_staging_options_default();
    options.map_bytes = 128 * 1024;
    nj_staging *staging = create(state, 400, &options);
    for (uint64_t i = 0; i < 400; i++) {
        assert_int_equal(night_commit(staging, i, 16), NJ_COMMIT_WRITTEN);
    }
    assert_int_equal(count(staging).stored_rows, 6400);
    nj_staging_close(&staging);
    staging = reopen(state);
    assert_int_equal(count(staging).committed, 400);
    nj_staging_close(&staging);
}

static void a_map_at_its_limit_is_an_io_error_and_loses_nothing(void **state)
{
    nj_error err = {0};
    static night_shard shard;
    nj_staging_options options = nj_staging_options_default();
    options.map_bytes = 128 * 1024;
    options.map_bytes_max = 256 * 1024;
    nj_staging *staging = create(state, 400, &options);
    nj_status status = NJ_OK;
    uint64_t written = 0;
    while (status == NJ_OK && written < 400) {
        nj_commit_outcome outcome;
        night_shard_make(&shard, written, 16);
        status = nj_staging_commit(staging, &shard.commit, 1, &outcome, &err);
        written += status == NJ_OK;
        night_shard_fini(&shard);
    }
    assert_refused(status, NJ_IO, &err, "the limit is 262144");
    assert_true(written > 0 && written < 400);
    assert_int_equal(count(staging).committed, written);
    nj_staging_close(&staging);
}

static nj_status stop_at_third(void *context, const nj_ledger_record *record, nj_error *err)
{
    (void)err;
    uint64_t *next = context;
    assert_int_equal(record->shard, *next);
    return ++*next == 3 ? NJ_END : NJ_OK;
}

static void the_ledger_is_walked_by_shard_number_until_the_visitor_stops(void **state)
{
    nj_error err = {0};
    uint64_t next = 0;
    nj_staging *staging = create(state, 300, NULL);
    static const uint64_t ORDER[] = {256, 1, 0, 2};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(night_commit(staging, ORDER[i], 2), NJ_COMMIT_WRITTEN);
    }
    assert_int_equal(nj_staging_ledger_each(staging, stop_at_third, &next, &err), NJ_END);
    assert_int_equal(next, 3);
    nj_staging_close(&staging);
}

static void a_removed_area_is_gone_and_another_night_can_begin(void **state)
{
    nj_error err = {0};
    nj_staging *staging = create(state, 3, NULL);
    assert_int_equal(night_commit(staging, 0, 8), NJ_COMMIT_WRITTEN);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    assert_null(staging);
    assert_false(nj_staging_exists(store_path(state)));
    staging = create(state, 5, NULL);
    assert_int_equal(count(staging).committed, 0);
    nj_staging_close(&staging);
}

static void folders_that_are_no_staging_area_are_refused(void **state)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    char junk[20000];
    memset(junk, 0x5a, sizeof junk);
    assert_ok(nj_folder_make(sandbox_path(state, "store/staging"), &err), &err);
    assert_refused(nj_staging_open(store_path(state), NULL, &staging, &err), NJ_CONFIG, &err,
                   "no such file");
    sandbox_write(state, "store/staging/data.mdb", junk, sizeof junk);
    assert_int_equal(nj_staging_open(store_path(state), NULL, &staging, &err), NJ_CONFIG);
    sandbox_write(state, "store/staging/data.mdb", "", 0);
    assert_int_equal(nj_staging_open(store_path(state), NULL, &staging, &err), NJ_CONFIG);
    assert_null(staging);
}

static void a_truncated_area_is_refused_with_both_sizes(void **state)
{
    nj_error err = {0};
    char *bytes = NULL;
    size_t size = 0;
    size_t large = 3u << 20; // more than LMDB leaves unwritten
    static night_shard shard;
    nj_commit_outcome outcome;
    nj_staging *staging = NULL;
    nj_staging_facts facts = night_facts(1, 8);
    char *value = calloc(1, large);
    assert_non_null(value);
    assert_ok(nj_staging_create(store_path(state), &facts, NULL, &staging, &err), &err);
    night_shard_make(&shard, 0, 8);
    shard.rows[0].value = (nj_slice){value, large};
    assert_ok(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), &err);
    night_shard_fini(&shard);
    nj_staging_close(&staging);
    const char *data = sandbox_path(state, "store/staging/data.mdb");
    assert_ok(nj_file_read(data, 1 << 24, &bytes, &size, &err), &err);
    for (size_t cut = 8192; cut < size - (2u << 20); cut += 32768) {
        sandbox_write(state, "store/staging/data.mdb", bytes, cut);
        assert_refused(nj_staging_open(store_path(state), NULL, &staging, &err), NJ_IO, &err,
                       "its header says");
    }
    for (size_t cut = 0; cut < 8192; cut += 512) { // not even a header
        sandbox_write(state, "store/staging/data.mdb", bytes, cut);
        assert_int_not_equal(nj_staging_open(store_path(state), NULL, &staging, &err), NJ_OK);
    }
    assert_null(staging);
    sandbox_write(state, "store/staging/data.mdb", bytes, size);
    staging = reopen(state);
    assert_int_equal(count(staging).stored_rows, 8);
    nj_staging_close(&staging);
    free(bytes);
    free(value);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_new_area_knows_its_facts),
        WITH_FOLDER(a_second_area_is_not_made_beside_the_first),
        WITH_FOLDER(nothing_staged_is_not_found),
        WITH_FOLDER(a_committed_shard_is_there_with_its_record_after_a_resume),
        WITH_FOLDER(the_same_result_again_is_a_duplicate_and_another_one_diverges),
        WITH_FOLDER(one_transaction_takes_many_shards_and_judges_each),
        WITH_FOLDER(a_quarantined_user_has_no_row_and_may_still_be_committed),
        WITH_FOLDER(pieces_are_kept_beside_one_another_and_walked_in_order),
        WITH_FOLDER(a_user_with_a_row_is_not_quarantined),
        WITH_FOLDER(what_is_carried_over_has_rows_and_is_not_written_again),
        WITH_FOLDER(a_deadline_is_noted_for_every_later_opening),
        WITH_FOLDER(only_ranges_that_cover_every_shard_once_make_a_night),
        WITH_FOLDER(one_users_row_is_read_back),
        WITH_FOLDER(a_user_of_two_shards_is_refused_and_nothing_of_the_batch_stays),
        WITH_FOLDER(commits_that_break_the_rules_are_refused),
        WITH_FOLDER(the_numeric_class_is_set_once),
        WITH_FOLDER(whoever_opened_first_is_fenced_by_the_next),
        WITH_FOLDER(a_look_at_an_area_takes_nothing_over),
        WITH_FOLDER(the_map_grows_when_the_first_size_is_not_enough),
        WITH_FOLDER(a_map_at_its_limit_is_an_io_error_and_loses_nothing),
        WITH_FOLDER(the_ledger_is_walked_by_shard_number_until_the_visitor_stops),
        WITH_FOLDER(a_removed_area_is_gone_and_another_night_can_begin),
        WITH_FOLDER(folders_that_are_no_staging_area_are_refused),
        WITH_FOLDER(a_truncated_area_is_refused_with_both_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
