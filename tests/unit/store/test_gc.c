// test_gc.c - old generations go; what somebody needs stays, and the result says why.
#include "common/store/gc.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/store/channel.h"
#include "common/store/ulid.h"
#include "tests/unit/store/night.h"

#define GENERATIONS 8

typedef struct {
    nj_store_name names[GENERATIONS];
} packed;

static const char *store_path(void **state)
{
    return sandbox_path(state, "store");
}

static void pack_all(void **state, packed *out)
{
    for (uint64_t i = 0; i < GENERATIONS; i++) {
        out->names[i] = night_pack(store_path(state), 1, 2, NIGHT_MS + i);
    }
}

static void publish(void **state, const char *channel, const nj_store_name *name)
{
    nj_error err = {0};
    assert_ok(nj_store_channel_publish(store_path(state), channel, name->text, NULL, 0, &err),
              &err);
}

// `fates` has one letter a generation, oldest first: the first of its word; '.' where it is gone.
static void expect_fates(void **state, uint64_t keep, bool dry_run, const char *fates)
{
    nj_error err = {0};
    nj_store_gc_result result;
    char seen[GENERATIONS + 1] = {0};
    assert_ok(nj_store_gc(store_path(state), keep, dry_run, 0, &result, &err), &err);
    assert_int_equal(result.count, strlen(fates));
    for (size_t i = 0; i < result.count; i++) {
        const nj_store_gc_entry *entry = &result.entries[result.count - 1 - i];
        const bool removed = entry->fate == NJ_STORE_GC_REMOVED;
        seen[i] = removed ? '.' : nj_store_gc_fate_word(entry->fate)[0];
        nj_path folder = night_file(state, &entry->name, "");
        assert_int_equal(nj_folder_exists(folder.text), !removed || dry_run);
        assert_true(entry->data_bytes > 0);
    }
    assert_string_equal(seen, fates);
    nj_store_gc_result_fini(&result);
}

static void only_the_newest_stay_where_nobody_needs_more(void **state)
{
    packed all;
    pack_all(state, &all);
    expect_fates(state, 2, true, "......nn");
    expect_fates(state, 2, false, "......nn");
    expect_fates(state, 2, false, "nn");
    expect_fates(state, 1, false, ".n");
}

static void current_channels_and_the_ways_back_stay(void **state)
{
    packed all;
    pack_all(state, &all);
    publish(state, NULL, &all.names[0]);
    publish(state, NULL, &all.names[2]);
    publish(state, NULL, &all.names[3]);
    publish(state, "canary", &all.names[4]);
    publish(state, "canary", &all.names[1]);
    expect_fates(state, 1, false, ".crcr..n");
}

static void histories_forget_what_is_gone(void **state)
{
    nj_error err = {0};
    nj_store_history history;
    packed all;
    pack_all(state, &all);
    for (size_t i = 0; i < 4; i++) {
        publish(state, NULL, &all.names[i]);
    }
    expect_fates(state, 1, true, "..rc...n");
    assert_ok(nj_store_history_read(store_path(state), &history, &err), &err);
    assert_int_equal(history.count, 3);
    expect_fates(state, 1, false, "..rc...n");
    assert_ok(nj_store_history_read(store_path(state), &history, &err), &err);
    assert_int_equal(history.count, 1);
    assert_string_equal(history.names[0].text, all.names[2].text);
}

static void a_way_back_that_is_damaged_is_no_way_back(void **state)
{
    packed all;
    pack_all(state, &all);
    publish(state, NULL, &all.names[0]);
    publish(state, NULL, &all.names[1]);
    publish(state, NULL, &all.names[2]);
    nj_path data = night_file(state, &all.names[1], "data.mdb");
    FILE *file = fopen(data.text, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 9000, SEEK_SET), 0);
    assert_int_equal(fwrite("\xa5\x5a", 1, 2, file), 2);
    fclose(file);
    // the quick look under the lock cannot see it, and keeps it too
    expect_fates(state, 1, false, "rrc....n");
}

static void a_generation_that_is_read_stays_until_it_is_closed(void **state)
{
    nj_error err = {0};
    nj_store_reader *reader = NULL;
    nj_slice row;
    packed all;
    pack_all(state, &all);
    publish(state, NULL, &all.names[7]);
    assert_ok(nj_store_reader_open(store_path(state), all.names[3].text, &reader, &err), &err);
    expect_fates(state, 1, true, "...i...c");
    expect_fates(state, 1, false, "...i...c");
    assert_ok(nj_store_get(reader, nj_slice_from("0"), &row, &err), &err);
    nj_store_reader_close(&reader);
    expect_fates(state, 1, false, ".c");
}

static void what_a_running_night_needs_stays(void **state)
{
    nj_error err = {0};
    packed all;
    pack_all(state, &all);
    publish(state, NULL, &all.names[7]);
    nj_staging *staging = NULL;
    nj_staging_facts facts = night_facts(1, 2);
    facts.created_ms = NIGHT_MS + 5;
    snprintf(facts.since, sizeof facts.since, "%s", all.names[1].text);
    assert_ok(nj_staging_create(store_path(state), &facts, NULL, &staging, &err), &err);
    nj_staging_close(&staging);
    expect_fates(state, 1, false, ".n...nnc");
    assert_ok(nj_staging_open(store_path(state), NULL, &staging, &err), &err);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    expect_fates(state, 1, false, "...c");
}

static void what_a_night_packed_with_its_clock_set_back_stays(void **state)
{
    nj_error err = {0};
    nj_store_name name;
    packed all;
    pack_all(state, &all);
    publish(state, NULL, &all.names[7]);
    nj_staging *staging = night_stage(store_path(state), 1, 2);
    assert_ok(nj_store_pack(staging, 2, NULL, NIGHT_MS - 1000, &name, NULL, &err), &err);
    nj_staging_close(&staging);
    nj_path folder = night_file(state, &name, "");
    nj_store_gc_result result;
    assert_ok(nj_store_gc(store_path(state), 1, false, 0, &result, &err), &err);
    nj_store_gc_result_fini(&result);
    assert_true(nj_folder_exists(folder.text));
}

static void what_cannot_be_told_removes_nothing(void **state)
{
    nj_error err = {0};
    nj_store_gc_result result;
    packed all;
    pack_all(state, &all);
    sandbox_write(state, "store/CHANNELS", "x", 1);
    assert_int_equal(nj_store_gc(store_path(state), 1, false, 0, &result, &err), NJ_INPUT);
    nj_store_gc_result_fini(&result);
    assert_int_equal(unlink(sandbox_path(state, "store/CHANNELS")), 0);
    assert_int_equal(nj_store_gc(sandbox_path(state, "absent"), 1, false, 0, &result, &err),
                     NJ_NOT_FOUND);
    nj_store_gc_result_fini(&result);
    expect_fates(state, GENERATIONS, false, "nnnnnnnn");
}

static void expect_nothing_removed(void **state, nj_status status, const char *why)
{
    nj_error err = {0};
    nj_store_gc_result result;
    assert_refused(nj_store_gc(store_path(state), 1, false, 0, &result, &err), status, &err, why);
    assert_int_equal(result.count, 0);
    nj_store_gc_result_fini(&result);
}

static void a_line_that_cannot_be_read_may_name_any_of_them(void **state)
{
    packed all;
    pack_all(state, &all);
    publish(state, NULL, &all.names[0]);
    publish(state, NULL, &all.names[1]);
    publish(state, "canary", &all.names[2]);
    sandbox_write(state, "store/CHANNELS/canary", "gen-", 4);
    expect_nothing_removed(state, NJ_REFUSED, "what channel canary named");
    publish(state, "canary", &all.names[2]);
    sandbox_write(state, "store/CURRENT", "", 0);
    expect_nothing_removed(state, NJ_REFUSED, "what channel current named");
    assert_int_equal(unlink(sandbox_path(state, "store/CURRENT")), 0);
    expect_nothing_removed(state, NJ_REFUSED, "no generation has been published");
    publish(state, NULL, &all.names[1]);
    sandbox_write(state, "store/SCRUBBED", "gen-\n", 5);
    expect_nothing_removed(state, NJ_IO, "cannot tell whether it is sound");
    assert_int_equal(unlink(sandbox_path(state, "store/SCRUBBED")), 0);
    expect_fates(state, 1, false, "rcc....n");
}

// A generation whose folder was moved to another disk, with a link in its place.
static void a_link_goes_and_what_it_points_to_stays(void **state)
{
    nj_error err = {0};
    packed all;
    pack_all(state, &all);
    publish(state, NULL, &all.names[7]);
    nj_path folder;
    assert_ok(nj_store_path(store_path(state), &all.names[0], NULL, &folder, &err), &err);
    assert_int_equal(rename(folder.text, sandbox_path(state, "moved")), 0);
    assert_int_equal(symlink(sandbox_path(state, "moved"), folder.text), 0);
    expect_fates(state, 1, false, ".......c");
    assert_true(nj_file_exists(sandbox_path(state, "moved/MANIFEST.json")));
    night_pack(store_path(state), 1, 2, NIGHT_MS + 100); // a draft begins in the folder
    assert_int_equal(
        symlink("nowhere", sandbox_path(state, "store/.draft-01ARZ3NDEKTSV4RRFFQ69G5FAV")), 0);
    night_pack(store_path(state), 1, 2, NIGHT_MS + 101);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(only_the_newest_stay_where_nobody_needs_more),
        WITH_FOLDER(current_channels_and_the_ways_back_stay),
        WITH_FOLDER(histories_forget_what_is_gone),
        WITH_FOLDER(a_way_back_that_is_damaged_is_no_way_back),
        WITH_FOLDER(a_generation_that_is_read_stays_until_it_is_closed),
        WITH_FOLDER(what_a_running_night_needs_stays),
        WITH_FOLDER(what_a_night_packed_with_its_clock_set_back_stays),
        WITH_FOLDER(what_cannot_be_told_removes_nothing),
        WITH_FOLDER(a_line_that_cannot_be_read_may_name_any_of_them),
        WITH_FOLDER(a_link_goes_and_what_it_points_to_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
