// reader_latency.c - how long one get of libnightjar-reader takes, over random users of a warm store.
//
//   bench_reader_latency FOLDER [USERS [GETS]]     makes FOLDER/store with USERS rows of 20 items where it is not there yet
//
// Prints nanoseconds at each share of the gets: of `get` (the row's items), of `get_json` (the line of `store get`), and of the clock alone.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/reader/nightjar-reader.h"
#include "tests/unit/store/night.h"

#define TOP 20
#define SHARD_USERS 64
#define BATCH 32 // shards a commit
#define USERS_DEFAULT 1000000
#define GETS_DEFAULT 1000000

static void pack_row_of(nj_buffer *out, uint64_t user)
{
    char ids[TOP][24];
    nj_slice items[TOP];
    float scores[TOP];
    const nj_history_digest history = {{(uint8_t)user}};
    for (unsigned i = 0; i < TOP; i++) {
        snprintf(ids[i], sizeof ids[i], "%u",
                 (unsigned)((user * 2654435761u + i * 40503u) % 100000));
        items[i] = nj_slice_from(ids[i]);
        scores[i] = -1.0f - 0.25f * (float)i;
    }
    nj_buffer_clear(out);
    assert_int_equal(nj_row_pack(out, 0, items, scores, TOP, &history), NJ_OK);
}

static void fill_shard(night_shard *shard, uint64_t number)
{
    shard->count = SHARD_USERS;
    shard->commit = (nj_shard_commit){.rows = shard->rows};
    shard->commit.record = (nj_ledger_record){
        .shard = number, .state = NJ_STORED_COMMITTED, .attempt = 1, .rows = SHARD_USERS};
    for (size_t i = 0; i < SHARD_USERS; i++) {
        const uint64_t user = number * SHARD_USERS + i;
        pack_row_of(&shard->values[i], user);
        snprintf(shard->users[i], sizeof shard->users[i], "%" PRIu64, user);
        shard->rows[i] =
            (nj_store_row){nj_slice_from(shard->users[i]), nj_buffer_slice(&shard->values[i])};
    }
    night_shard_seal(shard);
}

static void make_store(const char *store, uint64_t users)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_store_name name;
    const uint64_t shards = users / SHARD_USERS;
    nj_staging_facts facts = night_facts(shards, shards * SHARD_USERS);
    night_shard *batch = calloc(BATCH, sizeof *batch);
    nj_shard_commit *commits = calloc(BATCH, sizeof *commits);
    assert_true(batch != NULL && commits != NULL);
    for (size_t i = 0; i < (size_t)BATCH * SHARD_USERS; i++) {
        nj_buffer_init(&batch[i / SHARD_USERS].values[i % SHARD_USERS], NJ_ROW_BYTES_MAX);
    }
    assert_ok(nj_staging_create(store, &facts, NULL, &staging, &err), &err);
    assert_ok(nj_staging_class_set(staging, "f32-test", &err), &err);
    for (uint64_t first = 0; first < shards; first += BATCH) {
        nj_commit_outcome outcomes[BATCH];
        const size_t count = shards - first < BATCH ? (size_t)(shards - first) : BATCH;
        for (size_t i = 0; i < count; i++) {
            fill_shard(&batch[i], first + i);
            commits[i] = batch[i].commit;
        }
        assert_ok(nj_staging_commit(staging, commits, count, outcomes, &err), &err);
    }
    assert_ok(
        nj_store_pack(staging, shards * SHARD_USERS, NULL, nj_clock_wall_ms(), &name, NULL, &err),
        &err);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    night_publish(store, &name);
    for (size_t i = 0; i < (size_t)BATCH * SHARD_USERS; i++) {
        nj_buffer_fini(&batch[i / SHARD_USERS].values[i % SHARD_USERS]);
    }
    free(commits);
    free(batch);
}

// ---- measuring ----

typedef enum { CLOCK, GET, GET_JSON, WAYS } way;

static const char *const WAY_NAMES[WAYS] = {"clock alone", "get", "get_json"};

static void ask(nightjar_reader *reader, way how, uint64_t user)
{
    char text[24];
    nightjar_row row;
    const char *json;
    size_t bytes;
    const size_t size = (size_t)snprintf(text, sizeof text, "%" PRIu64, user);
    nightjar_status status = NIGHTJAR_OK;
    if (how == GET) {
        status = nightjar_reader_get(reader, text, size, &row, NULL);
    } else if (how == GET_JSON) {
        status = nightjar_reader_get_json(reader, text, size, &json, &bytes, NULL);
    }
    assert_int_equal(status, NIGHTJAR_OK);
}

static int order_times(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void measure(nightjar_reader *reader, way how, uint64_t users, size_t gets, uint32_t *ns)
{
    uint64_t state = 1;
    for (size_t i = 0; i < gets; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const uint64_t began_ns = nj_clock_mono_ns();
        ask(reader, how, (state >> 33) % users);
        ns[i] = (uint32_t)(nj_clock_mono_ns() - began_ns);
    }
    qsort(ns, gets, sizeof *ns, order_times);
    printf("%-12s p50 %5u ns   p99 %5u ns   p99.9 %6u ns   longest %8u ns\n", WAY_NAMES[how],
           ns[gets / 2], ns[gets - 1 - gets / 100], ns[gets - 1 - gets / 1000], ns[gets - 1]);
}

int main(int argc, char **argv)
{
    nj_error err = {0};
    nj_path store;
    nightjar_error error;
    nightjar_reader *reader = NULL;
    if (argc < 2) {
        fprintf(stderr, "usage: bench_reader_latency FOLDER [USERS [GETS]]\n");
        return 2;
    }
    const uint64_t users = argc > 2 ? strtoull(argv[2], NULL, 10) : USERS_DEFAULT;
    const size_t gets = argc > 3 ? strtoull(argv[3], NULL, 10) : GETS_DEFAULT;
    uint32_t *ns = malloc(gets * sizeof *ns);
    assert_true(ns != NULL && gets >= 1000 && users >= SHARD_USERS);
    assert_ok(nj_path_join(argv[1], "store", &store, &err), &err);
    if (!nj_folder_exists(store.text)) {
        make_store(store.text, users);
    }
    if (nightjar_reader_open(store.text, NULL, &reader, &error) != NIGHTJAR_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    const uint64_t stored = users / SHARD_USERS * SHARD_USERS;
    for (uint64_t user = 0; user < stored; user++) { // warm: every page was looked at
        ask(reader, GET, user);
    }
    for (way how = CLOCK; how < WAYS; how++) {
        measure(reader, how, stored, gets, ns);
    }
    nightjar_reader_close(&reader);
    free(ns);
    return 0;
}
