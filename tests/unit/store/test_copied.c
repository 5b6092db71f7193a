// test_copied.c - rows that a night takes over from an earlier generation: between the staged ones, checked, and held as long as it runs.
#include <unistd.h>

#include "common/store/pin.h"
#include "common/store/schema.h"
#include "tests/unit/store/night.h"

#define SHARDS 3
#define ROWS 4
// Users 4..7, 44..47 and 84..87 are decoded; those before, between and behind them are copied, up to some with texts for ids.
#define FIRST_DECODED 4
#define STRIDE 40
#define COPIED 110

typedef struct {
    size_t next;
    size_t count;
    uint64_t shift; // added to every user's number
    uint8_t changed;
    nj_store_key key;
    nj_buffer value;
} source;

static void rewind_source(void *context)
{
    ((source *)context)->next = 0;
}

// The user number of the copied row at this place.
static uint64_t number_of(uint64_t place)
{
    for (uint64_t shard = 0; shard < SHARDS; shard++) {
        place += place >= FIRST_DECODED + shard * STRIDE ? ROWS : 0;
    }
    return place;
}

static nj_status next_of_source(void *context, nj_slice *out_key, nj_slice *out_value,
                                nj_error *err)
{
    source *from = context;
    char user[24];
    if (from->next == from->count) {
        return NJ_END;
    }
    const uint64_t number = number_of(from->next++) + from->shift;
    assert_ok(nj_store_key_pack(nj_slice_from(night_user(number, user)), &from->key, err), err);
    nj_buffer_fini(&from->value);
    night_row_pack(&from->value, number);
    from->value.bytes[from->value.size - 1] ^= from->changed;
    *out_key = (nj_slice){(const char *)from->key.bytes, from->key.size};
    *out_value = nj_buffer_slice(&from->value);
    return NJ_OK;
}

static nj_digest digest_of_source(source *from)
{
    nj_error err = {0};
    nj_digester digester;
    nj_slice key;
    nj_slice value;
    nj_digester_init(&digester);
    rewind_source(from);
    while (next_of_source(from, &key, &value, &err) == NJ_OK) {
        nj_digester_update_sized(&digester, key.bytes, key.size);
        nj_digester_update_sized(&digester, value.bytes, value.size);
    }
    return nj_digester_final(&digester);
}

static nj_copied_rows rows_of(source *from)
{
    return (nj_copied_rows){from, 1 << 20, rewind_source, next_of_source};
}

// A night all of whose users are staged, that copies `from` since a generation.
static nj_staging *stage(const char *store, const nj_store_name *since, source *from)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_staging_facts facts = night_facts(SHARDS, SHARDS * ROWS);
    facts.copied_count = from->count;
    facts.copied_digest = digest_of_source(from);
    strcpy(facts.since, since->text);
    assert_ok(nj_staging_create(store, &facts, NULL, &staging, &err), &err);
    assert_ok(nj_staging_class_set(staging, "f32-test", &err), &err);
    for (uint64_t i = 0; i < SHARDS; i++) {
        nj_commit_outcome outcome;
        night_shard shard;
        night_shard_make(&shard, (FIRST_DECODED + i * STRIDE) / ROWS, ROWS);
        shard.commit.record.shard = i;
        assert_ok(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), &err);
        night_shard_fini(&shard);
    }
    return staging;
}

// Every user stands there once, in order, with his own row.
static nj_status check_row(void *context, nj_slice user, nj_slice value, nj_error *err)
{
    (void)err;
    char wanted[24];
    nj_buffer row;
    const uint64_t number = (*(uint64_t *)context)++;
    assert_true(nj_slice_equal(user, nj_slice_from(night_user(number, wanted))));
    night_row_pack(&row, number);
    assert_true(nj_slice_equal(value, nj_buffer_slice(&row)));
    nj_buffer_fini(&row);
    return NJ_OK;
}

static void copied_rows_are_packed_between_the_staged_ones(void **state)
{
    const char *store = sandbox_path(state, "store");
    const nj_store_name since = night_pack(store, 1, 2, NIGHT_MS);
    nj_error err = {0};
    nj_store_name name;
    nj_store_manifest manifest;
    nj_store_reader *reader = NULL;
    uint64_t rows = 0;
    source from = {.count = COPIED};
    const nj_copied_rows copied = rows_of(&from);
    nj_staging *staging = stage(store, &since, &from);
    assert_ok(nj_store_pack(staging, SHARDS * ROWS, &copied, NIGHT_MS + 1, &name, NULL, &err),
              &err);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    assert_ok(nj_store_verify(store, name.text, &manifest, &err), &err);
    assert_int_equal(manifest.facts.user_count, SHARDS * ROWS + COPIED);
    assert_int_equal(manifest.facts.row_count, SHARDS * ROWS + COPIED);
    assert_int_equal(manifest.facts.copied_count, COPIED);
    assert_string_equal(manifest.facts.since, since.text);
    assert_ok(nj_store_reader_open(store, name.text, &reader, &err), &err);
    assert_ok(nj_store_each(reader, check_row, &rows, &err), &err);
    assert_int_equal(rows, SHARDS * ROWS + COPIED);
    nj_store_reader_close(&reader);
    nj_buffer_fini(&from.value);
}

static void rows_that_are_not_those_that_were_chosen_are_refused(void **state)
{
    const char *store = sandbox_path(state, "store");
    const nj_store_name since = night_pack(store, 1, 2, NIGHT_MS);
    nj_error err = {0};
    nj_store_name name;
    source from = {.count = COPIED};
    const nj_copied_rows copied = rows_of(&from);
    nj_staging *staging = stage(store, &since, &from);

    from.changed = 1;
    assert_refused(nj_store_pack(staging, SHARDS * ROWS, &copied, NIGHT_MS, &name, NULL, &err),
                   NJ_REFUSED, &err, "not the 110 that were chosen");
    from.changed = 0;
    from.count = COPIED - 1;
    assert_refused(nj_store_pack(staging, SHARDS * ROWS, &copied, NIGHT_MS, &name, NULL, &err),
                   NJ_REFUSED, &err, "109 rows were copied");
    assert_refused(nj_store_pack(staging, SHARDS * ROWS, NULL, NIGHT_MS, &name, NULL, &err),
                   NJ_REFUSED, &err, "0 rows were copied");
    from.shift = 1;
    assert_refused(nj_store_pack(staging, SHARDS * ROWS, &copied, NIGHT_MS, &name, NULL, &err),
                   NJ_REFUSED, &err, "of a user who was decoded");
    from.shift = 0;
    from.count = COPIED;
    assert_ok(nj_store_pack(staging, SHARDS * ROWS, &copied, NIGHT_MS, &name, NULL, &err), &err);
    nj_staging_close(&staging);
    nj_buffer_fini(&from.value);
}

static void a_generation_that_is_removed_stays_as_long_as_the_night(void **state)
{
    const char *store = sandbox_path(state, "store");
    const nj_store_name since = night_pack(store, 1, 2, NIGHT_MS);
    const nj_path folder = night_file(state, &since, NULL);
    nj_error err = {0};
    nj_path dir;
    nj_store_reader *reader = NULL;
    source from = {.count = 1};
    nj_staging *staging = stage(store, &since, &from);
    assert_ok(nj_folder_remove(folder.text, &err), &err);
    assert_int_equal(nj_store_reader_open(store, since.text, &reader, &err), NJ_NOT_FOUND);

    assert_ok(nj_store_pinned_dir(store, since.text, &dir, &err), &err);
    assert_ok(nj_store_reader_open(dir.text, since.text, &reader, &err), &err);
    assert_int_equal(nj_store_reader_manifest(reader)->facts.row_count, 2);
    nj_store_reader_close(&reader);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    assert_ok(nj_store_pinned_dir(store, since.text, &dir, &err), &err);
    assert_string_equal(dir.text, store);
    nj_buffer_fini(&from.value);
}

static void a_generation_that_is_not_there_begins_no_night(void **state)
{
    const char *store = sandbox_path(state, "store");
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_staging_facts facts = night_facts(SHARDS, SHARDS * ROWS);
    strcpy(facts.since, nj_store_name_make(NIGHT_MS).text);
    assert_refused(nj_staging_create(store, &facts, NULL, &staging, &err), NJ_NOT_FOUND, &err,
                   facts.since);
    assert_false(nj_staging_exists(store));
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(copied_rows_are_packed_between_the_staged_ones),
        WITH_FOLDER(rows_that_are_not_those_that_were_chosen_are_refused),
        WITH_FOLDER(a_generation_that_is_removed_stays_as_long_as_the_night),
        WITH_FOLDER(a_generation_that_is_not_there_begins_no_night),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
