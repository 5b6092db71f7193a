// gates_after.c - what the gates on packed lists cost, over two generations of one size.
//
//   bench_gates_after FOLDER [USERS [ITEMS]]     makes FOLDER/store with two generations of USERS rows of 20 items where it is not there yet
//
// Prints the seconds of nj_store_verify, which reads the generation in every night, and of nj_gates_after with each gate alone and with all.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/idlist.h"
#include "common/store/generation_write.h"
#include "common/store/schema.h"
#include "coordinator/daemon/gates_after.h"
#include "tests/unit/store/night.h"

#define TOP 20
#define USERS_DEFAULT 1000000
#define ITEMS_DEFAULT 100000
#define ROW_BYTES 320

// Places move by `shift`: of two generations, half of the first ten are common.
static void pack_row_of(nj_buffer *out, uint64_t user, uint64_t items_count, uint64_t shift)
{
    char ids[TOP][24];
    nj_slice items[TOP];
    float scores[TOP];
    const nj_history_digest history = {{(uint8_t)user}};
    for (unsigned i = 0; i < TOP; i++) {
        snprintf(ids[i], sizeof ids[i], "%" PRIu64,
                 (user * 2654435761u + (i + shift) * 40503u) % items_count);
        items[i] = nj_slice_from(ids[i]);
        scores[i] = -1.0f - 0.25f * (float)i;
    }
    nj_buffer_clear(out);
    assert_int_equal(nj_row_pack(out, 0, items, scores, TOP, &history), NJ_OK);
}

static nj_store_name make_generation(const char *store, uint64_t users, uint64_t items,
                                     uint64_t number)
{
    nj_error err = {0};
    nj_path folder;
    nj_generation_write write;
    nj_buffer row;
    nj_store_name name = nj_store_name_make(NIGHT_MS + number);
    nj_store_manifest manifest = {.facts = {.schema_version = NJ_STORE_SCHEMA_VERSION,
                                            .lmdb_major = nj_env_lmdb_major(),
                                            .user_count = users}};
    strcpy(manifest.facts.generation, name.text);
    assert_ok(nj_path_join(store, name.text, &folder, &err), &err);
    assert_ok(nj_folder_make(folder.text, &err), &err);
    assert_ok(nj_generation_write_begin(&write, folder.text, users * ROW_BYTES, &err), &err);
    nj_buffer_init(&row, NJ_ROW_BYTES_MAX);
    for (uint64_t user = 0; user < users; user++) {
        char digits[24];
        nj_store_key key;
        snprintf(digits, sizeof digits, "%" PRIu64, user);
        assert_ok(nj_store_key_pack(nj_slice_from(digits), &key, &err), &err);
        pack_row_of(&row, user, items, number * 5);
        assert_ok(nj_generation_write_row(&write, (nj_slice){(const char *)key.bytes, key.size},
                                          nj_buffer_slice(&row), &err),
                  &err);
    }
    nj_buffer_fini(&row);
    assert_ok(nj_generation_write_finish(&write, &manifest.facts, &err), &err);
    assert_ok(nj_generation_seal(folder.text, &manifest, &err), &err);
    return name;
}

static void make_items(nj_job *job, uint64_t count, nj_buffer *block)
{
    nj_error err = {0};
    nj_idlist_builder ids;
    nj_idlist_builder_init(&ids);
    nj_buffer_init(block, (size_t)1 << 30);
    for (uint64_t i = 0; i < count; i++) {
        char digits[24];
        snprintf(digits, sizeof digits, "%" PRIu64, i);
        assert_int_equal(nj_idlist_builder_add(&ids, nj_slice_from(digits)), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&ids, block), NJ_OK);
    nj_idlist_builder_fini(&ids);
    assert_ok(nj_idlist_open(block->bytes, block->size, "items", &job->catalogue.items, &err),
              &err);
    nj_idmap_init(&job->map);
    assert_ok(nj_idmap_build(&job->map, &job->catalogue.items, "items", &err), &err);
    job->catalogue.trie.item_count = (uint32_t)count;
}

// ---- measuring ----

static void measure(const char *store, const nj_store_name *name, const nj_job *job,
                    const char *what, const nj_gates *gates)
{
    nj_error err = {0};
    nj_gate_findings findings = {0};
    const uint64_t began_ns = nj_clock_mono_ns();
    assert_ok(nj_gates_after(gates, store, name, job, &findings, &err), &err);
    printf("%-12s %6.2f s", what, (double)(nj_clock_mono_ns() - began_ns) / 1e9);
    for (size_t i = 0; i < findings.count; i++) {
        printf("   %s %.4f %%", nj_gate_option(findings.findings[i].gate),
               findings.findings[i].value);
    }
    printf("\n");
}

static nj_store_name find_newest(const char *store)
{
    nj_error err = {0};
    nj_store_listing listing;
    assert_ok(nj_store_list(store, &listing, &err), &err);
    assert_int_equal(listing.count, 2);
    const nj_store_name name = listing.entries[0].name;
    nj_store_listing_fini(&listing);
    return name;
}

int main(int argc, char **argv)
{
    nj_path store;
    nj_error err = {0};
    nj_job *job = calloc(1, sizeof *job);
    nj_buffer block;
    nj_gates off = {.least = 1};
    const uint64_t users = argc > 2 ? strtoull(argv[2], NULL, 10) : USERS_DEFAULT;
    const uint64_t items = argc > 3 ? strtoull(argv[3], NULL, 10) : ITEMS_DEFAULT;
    if (argc < 2 || users == 0 || items == 0 || items > UINT32_MAX || job == NULL) {
        fprintf(stderr, "usage: bench_gates_after FOLDER [USERS [ITEMS]]\n");
        return 2;
    }
    assert_ok(nj_path_join(argv[1], "store", &store, &err), &err);
    if (!nj_folder_exists(store.text)) {
        assert_ok(nj_folder_make(store.text, &err), &err);
        const nj_store_name first = make_generation(store.text, users, items, 0);
        night_publish(store.text, &first);
        make_generation(store.text, users, items, 1);
    }
    make_items(job, items, &block);
    const nj_store_name newest = find_newest(store.text);
    const uint64_t began_ns = nj_clock_mono_ns();
    assert_ok(nj_store_verify(store.text, newest.text, NULL, &err), &err);
    printf("%-12s %6.2f s\n", "verify", (double)(nj_clock_mono_ns() - began_ns) / 1e9);
    for (size_t i = 0; i < NJ_GATE_COUNT; i++) {
        off.bounds[i] = NAN;
    }
    nj_gates all = off;
    for (nj_gate gate = NJ_GATE_OVERLAP; gate < NJ_GATE_COUNT; gate++) {
        nj_gates one = off;
        one.bounds[gate] = all.bounds[gate] = 50;
        measure(store.text, &newest, job, nj_gate_option(gate) + strlen("gate-"), &one);
    }
    measure(store.text, &newest, job, "all", &all);
    nj_buffer_fini(&block);
    nj_idmap_fini(&job->map);
    free(job);
    return 0;
}
