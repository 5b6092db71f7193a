#include "tests/sim/store_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must_allocate(void *memory, size_t count, size_t item_bytes)
{
    void *bigger = realloc(memory, (count + 1) * item_bytes);
    if (bigger == NULL) {
        fprintf(stderr, "store model: no memory for %zu times %zu bytes\n", count, item_bytes);
        abort();
    }
    return bigger;
}

void store_init(store_model *store, uint32_t shard_count, const uint32_t *shard_first)
{
    uint32_t user_count = shard_first[shard_count];
    *store = (store_model){
        .shard_count = shard_count, .shard_first = shard_first, .record_capacity = shard_count + 8};
    store->records = must_allocate(NULL, store->record_capacity, sizeof *store->records);
    store->rows = must_allocate(NULL, user_count, sizeof *store->rows);
    store->owners = must_allocate(NULL, user_count, sizeof *store->owners);
    memset(store->rows, 0, user_count * sizeof *store->rows);
    memset(store->owners, 0, user_count * sizeof *store->owners);
}

void store_fini(store_model *store)
{
    free(store->records);
    free(store->rows);
    free(store->owners);
    *store = (store_model){0};
}

uint64_t store_open(store_model *store)
{
    return ++store->epoch;
}

static bool is_same_range(store_range a, store_range b)
{
    return a.shard == b.shard && a.first == b.first && a.count == b.count;
}

static uint32_t first_user(const store_model *store, store_range range)
{
    return store->shard_first[range.shard] + range.first;
}

const store_record *store_find(const store_model *store, store_range range)
{
    uint32_t owner = store->owners[first_user(store, range)];
    if (owner == 0 || !is_same_range(store->records[owner - 1].range, range)) {
        return NULL;
    }
    return &store->records[owner - 1];
}

// A quarantined piece may still be committed; nothing else is ever changed.
static bool is_taken(const store_model *store, const store_write *write)
{
    uint32_t user = first_user(store, write->record.range);
    for (uint32_t i = 0; i < write->record.range.count; i++) {
        uint32_t owner = store->owners[user + i];
        const store_record *other = owner != 0 ? &store->records[owner - 1] : NULL;
        if (other != NULL && !(other->quarantined && !write->record.quarantined &&
                               is_same_range(other->range, write->record.range))) {
            return true;
        }
    }
    return false;
}

static store_outcome compare(const store_record *found, const store_record *wanted)
{
    if (found->quarantined || wanted->quarantined ||
        nj_digest_equal(&found->digest, &wanted->digest)) {
        return STORE_DUPLICATE;
    }
    return STORE_DIVERGED;
}

// True: write it; else `*outcome` says why not. An overlap is neither.
static bool plan_write(const store_model *store, const store_write *write, store_outcome *outcome,
                       bool *overlaps)
{
    const store_record *found = store_find(store, write->record.range);
    *outcome = STORE_WRITTEN;
    if (found != NULL && (!found->quarantined || write->record.quarantined)) {
        *outcome = compare(found, &write->record);
        return false;
    }
    *overlaps = *overlaps || is_taken(store, write);
    return true;
}

static void write_piece(store_model *store, const store_write *write)
{
    const store_range range = write->record.range;
    uint32_t user = first_user(store, range);
    if (store->record_count == store->record_capacity) {
        store->record_capacity *= 2;
        store->records =
            must_allocate(store->records, store->record_capacity, sizeof *store->records);
    }
    store->records[store->record_count++] = write->record;
    for (uint32_t i = 0; i < range.count; i++) {
        uint32_t owner = store->owners[user + i];
        store->quarantined_users -= owner != 0; // is_taken lets only the quarantined through
        store->quarantined_users += write->record.quarantined;
        store->committed_users += !write->record.quarantined;
        store->owners[user + i] = store->record_count;
        store->rows[user + i] = write->record.quarantined ? 0 : write->rows[i];
    }
}

nj_status store_commit(store_model *store, uint64_t epoch, const store_write *writes,
                       uint32_t count, store_luck luck, store_outcome *outcomes)
{
    store->transactions++;
    if (epoch != store->epoch) {
        store->fenced++;
        return NJ_AGAIN;
    }
    if (luck == STORE_FAILS_BEFORE) {
        store->failures++;
        return NJ_IO;
    }
    bool overlaps = false;
    for (uint32_t i = 0; i < count; i++) {
        (void)plan_write(store, &writes[i], &outcomes[i], &overlaps);
    }
    if (overlaps) {
        store->overlaps++;
        return NJ_REFUSED;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (plan_write(store, &writes[i], &outcomes[i], &overlaps)) {
            write_piece(store, &writes[i]);
        }
        store->duplicates += outcomes[i] == STORE_DUPLICATE;
        store->divergences += outcomes[i] == STORE_DIVERGED;
    }
    store->failures += luck == STORE_FAILS_AFTER;
    return luck == STORE_FAILS_AFTER ? NJ_IO : NJ_OK;
}

nj_status store_publish(store_model *store, uint64_t epoch)
{
    if (epoch != store->epoch) {
        store->fenced++;
        return NJ_AGAIN;
    }
    if (store->committed_users + store->quarantined_users !=
        store->shard_first[store->shard_count]) {
        return NJ_REFUSED;
    }
    store->published = true;
    return NJ_OK;
}
