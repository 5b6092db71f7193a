// test_delta.c - a delta on the older generation gives the newer one, byte for byte; anything else changes nothing.
#include "common/store/delta.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/base/mapped.h"
#include "common/store/id.h"
#include "tests/unit/store/night.h"

#define OLD_USERS 60
#define NEW_USERS 50

static const nj_delta_watch NOBODY = {0};

typedef struct {
    nj_store_name old;
    nj_store_name new;
    nj_delta_tally
        tally; // of file "segment", the delta between them; file "full" makes `old` of nothing
} week;

static const char *copy_path(void **state)
{
    return sandbox_path(state, "copy");
}

static void make_copied(nj_buffer *row, uint32_t age)
{
    nj_buffer copy;
    nj_buffer_init(&copy, NJ_ROW_BYTES_MAX);
    assert_int_equal(nj_row_copy(&copy, nj_buffer_slice(row), NJ_ROW_COPIED, age), NJ_OK);
    nj_buffer_fini(row);
    *row = copy;
}

// Users 0..count-1 but every `gap`-th; rows of every fifth depend on the night, the others were copied for `age` nights.
static nj_store_name pack_night(void **state, uint64_t count, uint64_t gap, uint64_t seed,
                                uint32_t age)
{
    nj_error err = {0};
    nj_store_name name;
    nj_commit_outcome outcome;
    const char *store = sandbox_path(state, "store");
    night_shard *shard = malloc(sizeof *shard);
    assert_non_null(shard);
    night_shard_make(shard, 0, 0);
    for (uint64_t user = 0; user < count; user++) {
        if (user % gap == 1) {
            continue;
        }
        size_t at = shard->count++;
        night_row_pack(&shard->values[at], user % 5 == 0 ? user + seed : user);
        if (age > 0 && user % 5 != 0) {
            make_copied(&shard->values[at], age);
        }
        shard->rows[at] = (nj_store_row){nj_slice_from(night_user(2 * user, shard->users[at])),
                                         nj_buffer_slice(&shard->values[at])};
    }
    shard->commit.record.rows = shard->count;
    night_shard_seal(shard);
    nj_staging_facts facts = night_facts(1, shard->count);
    nj_staging *staging = NULL;
    assert_ok(nj_staging_create(store, &facts, NULL, &staging, &err), &err);
    assert_ok(nj_staging_class_set(staging, "f32-test", &err), &err);
    assert_ok(nj_staging_commit(staging, &shard->commit, 1, &outcome, &err), &err);
    assert_ok(nj_store_pack(staging, shard->count, NULL, NIGHT_MS + seed, &name, NULL, &err), &err);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    night_shard_fini(shard);
    free(shard);
    return name;
}

static void write_segment(void **state, const char *file, const nj_store_name *base,
                          const nj_store_name *result, nj_delta_tally *tally)
{
    nj_error err = {0};
    nj_delta_head head;
    FILE *stream = fopen(sandbox_path(state, file), "wb");
    assert_non_null(stream);
    assert_ok(nj_delta_write(sandbox_path(state, "store"), base, result, 1, &NOBODY, stream, &head,
                             tally, &err),
              &err);
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(head.result, result->text);
}

static week make_week(void **state)
{
    nj_delta_tally ignored;
    week out = {.old = pack_night(state, OLD_USERS, 7, 0, 0),
                .new = pack_night(state, NEW_USERS, 9, 1, 0)};
    write_segment(state, "full", NULL, &out.old, &ignored);
    write_segment(state, "segment", &out.old, &out.new, &out.tally);
    return out;
}

static nj_status apply_bytes(void **state, nj_slice bytes, nj_delta_applied *out, nj_error *err)
{
    nj_delta_segment segment;
    nj_status status = nj_delta_scan(bytes, &segment, err);
    return status == NJ_OK ? nj_delta_apply(copy_path(state), &segment, &NOBODY, out, err) : status;
}

static nj_status apply_file(void **state, const char *name, nj_delta_applied *out, nj_error *err)
{
    nj_mapped file;
    assert_ok(nj_mapped_open(sandbox_path(state, name), &file, err), err);
    nj_status status =
        apply_bytes(state, (nj_slice){(const char *)file.bytes, file.size}, out, err);
    nj_mapped_close(&file);
    return status;
}

static void expect_same_file(void **state, const nj_store_name *name, const char *file)
{
    nj_error err = {0};
    nj_mapped theirs;
    nj_mapped ours;
    nj_path path;
    assert_ok(nj_store_path(copy_path(state), name, file, &path, &err), &err);
    assert_ok(nj_mapped_open(path.text, &ours, &err), &err);
    assert_ok(nj_mapped_open(night_file(state, name, file).text, &theirs, &err), &err);
    assert_int_equal(ours.size, theirs.size);
    assert_memory_equal(ours.bytes, theirs.bytes, ours.size);
    nj_mapped_close(&ours);
    nj_mapped_close(&theirs);
}

static void expect_whole(void **state, const nj_store_name *name)
{
    nj_error err = {0};
    expect_same_file(state, name, "data.mdb");
    expect_same_file(state, name, "MANIFEST.json");
    assert_ok(nj_store_verify(copy_path(state), name->text, NULL, &err), &err);
}

static void applying_every_segment_gives_the_newer_generation_byte_for_byte(void **state)
{
    nj_error err = {0};
    nj_delta_applied applied;
    nj_ulid id;
    const week nights = make_week(state);
    assert_int_equal(nights.tally.upserts,
                     14); // 9 rows that changed, 5 more of users who came back
    assert_int_equal(nights.tally.deletes, 13); // 8 behind the last, 5 in the new gaps

    assert_ok(apply_file(state, "full", &applied, &err), &err);
    assert_true(applied.same_bytes && !applied.was_there);
    expect_whole(state, &nights.old);
    assert_ok(apply_file(state, "segment", &applied, &err), &err);
    assert_true(applied.same_bytes && !applied.was_there);
    expect_whole(state, &nights.new);

    assert_ok(nj_store_id_read(copy_path(state), &id, &err), &err);
    assert_ok(apply_file(state, "segment", &applied, &err), &err);
    assert_true(applied.was_there);
}

static uint64_t count_copied(uint64_t count, uint64_t gap, uint64_t other_gap)
{
    uint64_t copied = 0;
    for (uint64_t user = 0; user < count; user++) {
        copied += user % 5 != 0 && user % gap != 1 && user % other_gap != 1;
    }
    return copied;
}

static void rows_that_are_a_night_older_are_runs(void **state)
{
    nj_error err = {0};
    nj_delta_applied applied;
    nj_delta_tally whole;
    nj_delta_tally first;
    nj_delta_tally second;
    const nj_store_name nights[] = {pack_night(state, OLD_USERS, 7, 0, 0),
                                    pack_night(state, OLD_USERS, 7, 1, 1),
                                    pack_night(state, NEW_USERS, 9, 2, 2)};
    write_segment(state, "0", NULL, &nights[0], &whole);
    write_segment(state, "1", &nights[0], &nights[1], &first);
    write_segment(state, "2", &nights[1], &nights[2], &second);
    assert_int_equal(whole.copied, 0);
    assert_int_equal(first.copied, count_copied(OLD_USERS, 7, 7));
    assert_int_equal(first.deletes, 0);
    assert_int_equal(first.upserts, whole.upserts - first.copied);
    assert_int_equal(second.copied, count_copied(NEW_USERS, 7, 9));
    assert_int_equal(second.deletes, 13);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(apply_file(state, (const char *[]){"0", "1", "2"}[i], &applied, &err), &err);
        assert_true(applied.same_bytes);
        expect_whole(state, &nights[i]);
    }
}

// The segment's first run is said to have so many rows, under a digest that is right.
static nj_status apply_with_run(void **state, const char *name, uint8_t rows, nj_error *err)
{
    nj_mapped file;
    nj_delta_segment segment;
    nj_delta_applied applied;
    nj_delta_block block;
    assert_ok(nj_mapped_open(sandbox_path(state, name), &file, err), err);
    char *copy = malloc(file.size);
    assert_non_null(copy);
    memcpy(copy, file.bytes, file.size);
    assert_ok(nj_delta_scan((nj_slice){copy, file.size}, &segment, err), err);
    while (nj_delta_next(&segment.entries, &block) && block.kind != NJ_DELTA_COPIED) {
    }
    assert_int_equal(block.kind, NJ_DELTA_COPIED);
    copy[block.value.bytes - copy] = (char)rows;
    const nj_digest digest = nj_digest_of(copy, file.size - NJ_DIGEST_BYTES);
    memcpy(copy + file.size - NJ_DIGEST_BYTES, digest.bytes, NJ_DIGEST_BYTES);
    nj_status status = apply_bytes(state, (nj_slice){copy, file.size}, &applied, err);
    free(copy);
    nj_mapped_close(&file);
    return status;
}

static void a_run_of_another_length_is_refused(void **state)
{
    nj_error err = {0};
    nj_delta_applied applied;
    nj_delta_tally ignored;
    nj_path folder;
    const nj_store_name old = pack_night(state, OLD_USERS, 7, 0, 0);
    const nj_store_name new = pack_night(state, OLD_USERS, 7, 1, 1);
    write_segment(state, "full", NULL, &old, &ignored);
    write_segment(state, "segment", &old, &new, &ignored);
    assert_ok(apply_file(state, "full", &applied, &err), &err);
    assert_int_equal(apply_with_run(state, "segment", 0, &err), NJ_INPUT);
    assert_non_null(strstr(err.text, "no length"));
    assert_int_equal(apply_with_run(state, "segment", 1, &err), NJ_REFUSED);
    assert_int_equal(apply_with_run(state, "segment", 5, &err), NJ_REFUSED);
    assert_non_null(strstr(err.text, "rows that are to be copied are not in"));
    assert_int_equal(apply_with_run(state, "segment", 255, &err), NJ_REFUSED);
    assert_ok(nj_store_path(copy_path(state), &new, NULL, &folder, &err), &err);
    assert_false(nj_folder_exists(folder.text));
}

static void a_wrong_base_is_told_to_resync_and_changes_nothing(void **state)
{
    nj_error err = {0};
    nj_delta_applied applied;
    nj_store_listing listing;
    const week nights = make_week(state);
    assert_int_equal(apply_file(state, "segment", &applied, &err), NJ_NOT_FOUND);
    assert_false(nj_folder_exists(copy_path(state)));
    assert_ok(nj_folder_make(copy_path(state), &err), &err);
    assert_int_equal(apply_file(state, "segment", &applied, &err), NJ_REFUSED);
    assert_non_null(strstr(err.text, "has no gen-"));
    assert_non_null(strstr(err.text, "resync"));

    // A generation of the base's name with other rows.
    const nj_store_name third = pack_night(state, OLD_USERS, 11, 2, 0);
    nj_delta_tally ignored;
    write_segment(state, "third", NULL, &third, &ignored);
    assert_ok(apply_file(state, "third", &applied, &err), &err);
    nj_path from;
    nj_path to;
    assert_ok(nj_store_path(copy_path(state), &third, NULL, &from, &err), &err);
    assert_ok(nj_store_path(copy_path(state), &nights.old, NULL, &to, &err), &err);
    assert_int_equal(rename(from.text, to.text), 0);
    assert_int_not_equal(apply_file(state, "segment", &applied, &err), NJ_OK);
    assert_ok(nj_store_list(copy_path(state), &listing, &err), &err);
    assert_int_equal(listing.count, 1);
    nj_store_listing_fini(&listing);
}

static void a_delta_of_another_store_is_refused(void **state)
{
    nj_error err = {0};
    nj_delta_applied applied;
    nj_ulid other;
    const week nights = make_week(state);
    assert_ok(nj_folder_make(copy_path(state), &err), &err);
    assert_ok(nj_store_id_ensure(copy_path(state), NIGHT_MS, &other, &err), &err);
    assert_int_equal(apply_file(state, "full", &applied, &err), NJ_REFUSED);
    assert_non_null(strstr(err.text, other.text));
    nj_path folder;
    assert_ok(nj_store_path(copy_path(state), &nights.old, NULL, &folder, &err), &err);
    assert_false(nj_folder_exists(folder.text));
}

// A copy of exactly its size, so that a read behind it is seen.
static nj_status apply_copy(void **state, const uint8_t *bytes, size_t size, size_t flipped)
{
    nj_error err = {0};
    nj_delta_applied applied;
    char *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    if (flipped < size) {
        copy[flipped] = (char)(copy[flipped] ^ 0x20);
    }
    nj_status status = apply_bytes(state, (nj_slice){copy, size}, &applied, &err);
    free(copy);
    return status;
}

static void a_segment_that_is_cut_or_flipped_anywhere_is_refused(void **state)
{
    nj_error err = {0};
    nj_mapped file;
    nj_path folder;
    const week nights = make_week(state);
    assert_ok(nj_mapped_open(sandbox_path(state, "full"), &file, &err), &err);
    assert_in_range(file.size, 2000, 20000);
    for (size_t i = 0; i < file.size; i++) {
        assert_int_not_equal(apply_copy(state, file.bytes, i, SIZE_MAX), NJ_OK);
        assert_int_not_equal(apply_copy(state, file.bytes, file.size, i), NJ_OK);
    }
    nj_mapped_close(&file);
    assert_ok(nj_store_path(copy_path(state), &nights.old, NULL, &folder, &err), &err);
    assert_false(nj_folder_exists(folder.text));
}

static void a_generation_is_no_delta_of_itself(void **state)
{
    nj_error err = {0};
    nj_delta_head head;
    nj_delta_tally tally;
    const nj_store_name name = pack_night(state, OLD_USERS, 7, 0, 0);
    FILE *stream = tmpfile();
    assert_non_null(stream);
    assert_int_equal(nj_delta_write(sandbox_path(state, "store"), &name, &name, 1, &NOBODY, stream,
                                    &head, &tally, &err),
                     NJ_INPUT);
    fclose(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            applying_every_segment_gives_the_newer_generation_byte_for_byte, sandbox_setup,
            sandbox_teardown),
        cmocka_unit_test_setup_teardown(rows_that_are_a_night_older_are_runs, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_run_of_another_length_is_refused, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_wrong_base_is_told_to_resync_and_changes_nothing,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_delta_of_another_store_is_refused, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_segment_that_is_cut_or_flipped_anywhere_is_refused,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_generation_is_no_delta_of_itself, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
