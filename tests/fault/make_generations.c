// make_generations.c - two generations of made-up rows for soak-redis: STORE USERS. Prints both names.
//
// Of the second, every 20th row is another one; the first USERS / 1000 users are gone and as many new ones stand behind the last.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/codec/row.h"
#include "common/codec/shard.h"
#include "common/store/lock.h"
#include "common/store/publish.h"
#include "common/store/staging.h"

#define SHARD_USERS 4096
#define ITEMS 20
#define ID_BYTES 24
#define CHANGED_EVERY 20

static void check(nj_status status, const nj_error *err)
{
    if (status != NJ_OK) {
        fprintf(stderr, "make_generations: %s\n", err->text);
        exit(1);
    }
}

static void pack_row(nj_buffer *out, uint64_t seed)
{
    char ids[ITEMS][ID_BYTES];
    nj_slice items[ITEMS];
    float scores[ITEMS];
    const nj_history_digest history = {{(uint8_t)seed}};
    for (unsigned i = 0; i < ITEMS; i++) {
        snprintf(ids[i], ID_BYTES, "item-%" PRIu64, (seed * 31 + i * 7) % 50000);
        items[i] = nj_slice_from(ids[i]);
        scores[i] = -0.125f * (float)i - (float)(seed % 7);
    }
    nj_error err = {.text = "no memory for a row"};
    check(nj_row_pack(out, 0, items, scores, ITEMS, &history), &err);
}

// Users `first` to `first` + `count` as shard `number`.
static void commit(nj_staging *staging, uint64_t number, uint64_t first, size_t count, bool later)
{
    static char users[SHARD_USERS][ID_BYTES];
    static nj_buffer values[SHARD_USERS];
    static nj_store_row rows[SHARD_USERS];
    nj_error err = {.text = "no memory for a shard"};
    nj_buffer sent;
    nj_commit_outcome outcome;
    nj_buffer_init(&sent, NJ_SHARD_BYTES_MAX);
    check(nj_rows_begin(&sent, count), &err);
    for (size_t i = 0; i < count; i++) {
        const uint64_t user = first + i;
        snprintf(users[i], ID_BYTES, "%" PRIu64, user);
        nj_buffer_init(&values[i], NJ_ROW_BYTES_MAX);
        pack_row(&values[i], later && user % CHANGED_EVERY == 0 ? user + 1 : user);
        rows[i] = (nj_store_row){nj_slice_from(users[i]), nj_buffer_slice(&values[i])};
        check(nj_rows_add(&sent, rows[i].value), &err);
    }
    const nj_shard_commit one = {.rows = rows,
                                 .record = {.shard = number,
                                            .state = NJ_STORED_COMMITTED,
                                            .attempt = 1,
                                            .rows = count,
                                            .digest = nj_digest_of(sent.bytes, sent.size)}};
    check(nj_staging_commit(staging, &one, 1, &outcome, &err), &err);
    for (size_t i = 0; i < count; i++) {
        nj_buffer_fini(&values[i]);
    }
    nj_buffer_fini(&sent);
}

static void make(const char *store, uint64_t first, uint64_t count, bool later)
{
    nj_error err = {0};
    nj_store_name name;
    nj_staging *staging = NULL;
    const uint64_t shards = (count + SHARD_USERS - 1) / SHARD_USERS;
    const nj_staging_facts facts = {
        .created_ms = nj_clock_wall_ms(), .shard_count = shards, .user_count = count};
    check(nj_staging_create(store, &facts, NULL, &staging, &err), &err);
    check(nj_staging_class_set(staging, "made-up", &err), &err);
    for (uint64_t s = 0; s < shards; s++) {
        const uint64_t done = s * SHARD_USERS;
        const uint64_t left = count - done;
        commit(staging, s, first + done, (size_t)(left < SHARD_USERS ? left : SHARD_USERS), later);
    }
    check(nj_store_pack(staging, count, NULL, nj_clock_wall_ms(), &name, NULL, &err), &err);
    check(nj_staging_remove_take(&staging, &err), &err);
    check(nj_store_publish(store, name.text, NULL, NJ_STORE_LOCK_WAIT_MS, &err), &err);
    puts(name.text);
}

int main(int argc, char **argv)
{
    const uint64_t users = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    if (users < 1000) {
        fprintf(stderr, "usage: make_generations STORE USERS, of which there are 1000 at least\n");
        return 2;
    }
    make(argv[1], 0, users, false);
    make(argv[1], users / 1000, users, true);
    return 0;
}
