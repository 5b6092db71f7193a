// scrubbed.h - what the tests of `store scrub` share: a store of three nights, and whether it still knows somebody.
#ifndef NJ_TEST_SCRUBBED_H
#define NJ_TEST_SCRUBBED_H

#include <unistd.h>

#include "common/store/channel.h"
#include "common/store/scrub.h"
#include "tests/unit/store/night.h"

// 2 shards of 64: users 0 to 99 and u000100 to u000127. User n has the items 3n, 3n + 1 and item-<3n + 2>.
#define SCRUBBED_SHARDS 2
#define SCRUBBED_ROWS 64
#define SCRUBBED_USERS (SCRUBBED_SHARDS * SCRUBBED_ROWS)
#define SCRUBBED_NIGHTS 3

typedef struct {
    const char *store;
    nj_store_name
        names[SCRUBBED_NIGHTS]; // oldest first; CURRENT names the second, canary the third
} scrubbed;

static inline void scrubbed_make(const char *store, scrubbed *out)
{
    nj_error err = {0};
    out->store = store;
    for (unsigned i = 0; i < SCRUBBED_NIGHTS; i++) {
        out->names[i] = night_pack(store, SCRUBBED_SHARDS, SCRUBBED_ROWS, NIGHT_MS + i);
    }
    night_publish(store, &out->names[0]);
    night_publish(store, &out->names[1]);
    assert_ok(nj_store_channel_publish(store, "canary", out->names[0].text, NULL, 0, &err), &err);
    assert_ok(nj_store_channel_publish(store, "canary", out->names[2].text, NULL, 0, &err), &err);
}

// Two users, of which one is called by a number; and two items of others.
static inline void scrubbed_set(nj_erase_set *set)
{
    nj_error err = {0};
    nj_erase_set_init(set);
    assert_ok(nj_erase_ids_add(&set->users, nj_slice_from("u000105"), &err), &err);
    assert_ok(nj_erase_ids_add(&set->users, nj_slice_from("7"), &err), &err);
    assert_ok(nj_erase_ids_add(&set->items, nj_slice_from("item-32"), &err), &err); // of user 10
    assert_ok(nj_erase_ids_add(&set->items, nj_slice_from("33"), &err), &err);      // of user 11
}

static inline nj_scrub_options scrubbed_options(const nj_erase_set *set)
{
    return (nj_scrub_options){.set = set, .lock_wait_ms = 10000, .readers_wait_ms = 10000};
}

/// What the search finds.
static inline uint64_t scrubbed_search(const char *store, const nj_erase_set *set)
{
    nj_error err = {0};
    nj_scrub_result result = {0};
    assert_ok(nj_store_scrub_search(store, NULL, 0, set, &result, &err), &err);
    const uint64_t finds = result.find_count;
    nj_scrub_result_fini(&result);
    return finds;
}

/// Every generation is whole, every channel names one; returns how many there are.
static inline size_t scrubbed_check_whole(const char *store)
{
    nj_error err = {0};
    nj_store_listing listing = {0};
    nj_store_channels *channels = malloc(sizeof *channels);
    assert_non_null(channels);
    assert_ok(nj_store_list(store, &listing, &err), &err);
    for (size_t i = 0; i < listing.count; i++) {
        assert_ok(nj_store_verify(store, listing.entries[i].name.text, NULL, &err), &err);
    }
    assert_ok(nj_store_channel_list(store, channels, &err), &err);
    assert_int_equal(channels->count, 2);
    for (size_t i = 0; i < channels->count; i++) {
        nj_store_manifest manifest;
        assert_ok(channels->entries[i].status, &err);
        assert_ok(nj_store_inspect(store, &channels->entries[i].generation, &manifest, &err), &err);
    }
    const size_t count = listing.count;
    nj_store_listing_fini(&listing);
    free(channels);
    return count;
}

#endif
