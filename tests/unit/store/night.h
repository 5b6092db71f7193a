// night.h - small nights for the tests of the store: shards of made-up rows, staged and packed.
#ifndef NJ_TEST_NIGHT_H
#define NJ_TEST_NIGHT_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "common/base/checked.h"
#include "common/codec/row.h"
#include "common/codec/shard.h"
#include "common/store/publish.h"
#include "common/store/reader.h"
#include "common/store/staging.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define NIGHT_ROWS_MAX 64
#define NIGHT_TEXTS_FROM 100
#define NIGHT_MS 1700000000000u
#define NIGHT_VALID_MS 108000000u // 30 hours

// One shard with everything its commit borrows.
typedef struct {
    size_t count;
    char users[NIGHT_ROWS_MAX][24];
    nj_buffer values[NIGHT_ROWS_MAX];
    nj_store_row rows[NIGHT_ROWS_MAX];
    nj_shard_commit commit;
} night_shard;

static inline nj_staging_facts night_facts(uint64_t shards, uint64_t users)
{
    nj_staging_facts facts = {.created_ms = NIGHT_MS, .shard_count = shards, .user_count = users};
    memset(facts.plan_digest.bytes, 1, NJ_DIGEST_BYTES);
    memset(facts.bundle_digest.bytes, 2, NJ_DIGEST_BYTES);
    memset(facts.settings_digest.bytes, 3, NJ_DIGEST_BYTES);
    memset(facts.eligible_digest.bytes, 4, NJ_DIGEST_BYTES);
    strcpy(facts.settings, "beam=20 top=20");
    facts.valid_for_ms = NIGHT_VALID_MS;
    facts.newest_event_ms = NIGHT_MS - 1;
    facts.item_count = 12101;
    return facts;
}

static inline void night_row_pack(nj_buffer *out, uint64_t seed)
{
    char ids[3][24];
    nj_slice items[3];
    float scores[3];
    nj_history_digest history = {{(uint8_t)seed}};
    for (unsigned i = 0; i < 3; i++) {
        snprintf(ids[i], sizeof ids[i], i == 2 ? "item-%llu" : "%llu",
                 (unsigned long long)(seed * 3 + i));
        items[i] = nj_slice_from(ids[i]);
        scores[i] = -1.0f - 0.125f * (float)i - (float)(seed % 7);
    }
    nj_buffer_init(out, NJ_ROW_BYTES_MAX);
    assert_int_equal(nj_row_pack(out, 0, items, scores, 3, &history), NJ_OK);
}

/// What the user is called. Key order is the order of the numbers: small ones are numbers, the rest texts.
static inline const char *night_user(uint64_t user, char out[24])
{
    snprintf(out, 24, user < NIGHT_TEXTS_FROM ? "%llu" : "u%06llu", (unsigned long long)user);
    return out;
}

/// Gives the record the digest of the rows that are there.
static inline void night_shard_seal(night_shard *shard)
{
    nj_buffer sent;
    nj_buffer_init(&sent, NJ_SHARD_BYTES_MAX);
    assert_int_equal(nj_rows_begin(&sent, shard->count), NJ_OK);
    for (size_t i = 0; i < shard->count; i++) {
        assert_int_equal(nj_rows_add(&sent, shard->rows[i].value), NJ_OK);
    }
    shard->commit.record.digest = nj_digest_of(sent.bytes, sent.size);
    nj_buffer_fini(&sent);
}

/// Users number*count .. number*count+count-1.
static inline void night_shard_make(night_shard *shard, uint64_t number, size_t count)
{
    assert_in_range(count, 0, NIGHT_ROWS_MAX);
    shard->count = count;
    shard->commit = (nj_shard_commit){.rows = shard->rows};
    nj_ledger_record *record = &shard->commit.record;
    *record = (nj_ledger_record){.shard = number,
                                 .state = NJ_STORED_COMMITTED,
                                 .attempt = 1,
                                 .rows = count,
                                 .finished_ms = NIGHT_MS + number};
    nj_ledger_text_set(record->worker, sizeof record->worker, nj_slice_from("worker-a"));
    for (size_t i = 0; i < count; i++) {
        uint64_t user = number * count + i;
        night_row_pack(&shard->values[i], user);
        shard->rows[i] = (nj_store_row){nj_slice_from(night_user(user, shard->users[i])),
                                        nj_buffer_slice(&shard->values[i])};
    }
    night_shard_seal(shard);
}

static inline void night_shard_fini(night_shard *shard)
{
    for (size_t i = 0; i < shard->count; i++) {
        nj_buffer_fini(&shard->values[i]);
    }
}

static inline nj_commit_outcome night_commit(nj_staging *staging, uint64_t number, size_t count)
{
    nj_error err = {0};
    nj_commit_outcome outcome = NJ_COMMIT_DIVERGED;
    night_shard *shard = malloc(sizeof *shard);
    assert_non_null(shard);
    night_shard_make(shard, number, count);
    assert_ok(nj_staging_commit(staging, &shard->commit, 1, &outcome, &err), &err);
    night_shard_fini(shard);
    free(shard);
    return outcome;
}

typedef struct {
    uint64_t shard;
    bool found;
    nj_ledger_record record;
} night_search;

static inline nj_status night_compare_record(void *context, const nj_ledger_record *record,
                                             nj_error *err)
{
    night_search *search = context;
    (void)err;
    if (record->shard == search->shard && record->count == 0) {
        search->found = true;
        search->record = *record;
    }
    return NJ_OK;
}

/// False when the ledger has no record of the whole shard.
static inline bool night_find_record(nj_staging *staging, uint64_t shard, nj_ledger_record *out)
{
    nj_error err = {0};
    night_search search = {.shard = shard};
    assert_ok(nj_staging_ledger_each(staging, night_compare_record, &search, &err), &err);
    *out = search.record;
    return search.found;
}

/// A staging area with all shards committed.
static inline nj_staging *night_stage(const char *store, uint64_t shards, size_t rows)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_staging_facts facts = night_facts(shards, shards * rows);
    assert_ok(nj_staging_create(store, &facts, NULL, &staging, &err), &err);
    assert_ok(nj_staging_class_set(staging, "f32-test", &err), &err);
    for (uint64_t i = 0; i < shards; i++) {
        assert_int_equal(night_commit(staging, i, rows), NJ_COMMIT_WRITTEN);
    }
    return staging;
}

/// Stages, packs and removes the staging area; the generation is not published.
static inline nj_store_name night_pack(const char *store, uint64_t shards, size_t rows,
                                       uint64_t now_ms)
{
    nj_error err = {0};
    nj_store_name name;
    nj_staging *staging = night_stage(store, shards, rows);
    assert_ok(nj_store_pack(staging, shards * rows, NULL, now_ms, &name, NULL, &err), &err);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    assert_null(staging);
    return name;
}

static inline void night_publish(const char *store, const nj_store_name *name)
{
    nj_error err = {0};
    assert_ok(nj_store_publish(store, name->text, NULL, 0, &err), &err);
}

/// Waits for a child of the test and returns what waitpid says of it.
static inline int night_wait(pid_t child)
{
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    return how;
}

/// The path of a file of a generation.
static inline nj_path night_file(void **state, const nj_store_name *name, const char *file)
{
    nj_error err = {0};
    nj_path path;
    assert_ok(nj_store_path(sandbox_path(state, "store"), name, file, &path, &err), &err);
    return path;
}

#endif
