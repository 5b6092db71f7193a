// test_verify.c - damage anywhere in a generation is refused, and none of it crashes the one who looks.
#include "common/store/publish.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/codec/json.h"
#include "tests/unit/store/night.h"

static const char *store_path(void **state)
{
    return sandbox_path(state, "store");
}

static size_t file_bytes(const char *path)
{
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    return (size_t)about.st_size;
}

static void flip_byte(const char *path, size_t offset)
{
    uint8_t byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
    close(fd);
}

static void a_flipped_byte_anywhere_in_the_data_is_refused(void **state)
{
    nj_error err = {0};
    nj_store_reader *reader = NULL;
    nj_store_name name = night_pack(store_path(state), 20, 16, NIGHT_MS);
    nj_path data = night_file(state, &name, "data.mdb");
    size_t size = file_bytes(data.text);
    for (size_t base = 0; base < size; base += 512) {
        size_t offset =
            base + base / 512 % 512; // every 512th byte, not always the first of a sector
        flip_byte(data.text, offset);
        assert_refused(nj_store_verify(store_path(state), name.text, NULL, &err), NJ_REFUSED, &err,
                       "manifest says");
        if (offset < NJ_STORE_HEAD_BYTES) { // what LMDB trusts blindly when it opens a file
            assert_refused(nj_store_reader_open(store_path(state), name.text, &reader, &err),
                           NJ_REFUSED, &err, "first 8192");
            assert_refused(nj_store_publish(store_path(state), name.text, NULL, 0, &err),
                           NJ_REFUSED, &err, "first 8192");
        }
        flip_byte(data.text, offset);
    }
    assert_null(reader);
    assert_ok(nj_store_verify(store_path(state), name.text, NULL, &err), &err);
}

static void data_of_any_other_size_is_refused_before_lmdb_sees_it(void **state)
{
    nj_error err = {0};
    nj_store_reader *reader = NULL;
    nj_store_name name = night_pack(store_path(state), 20, 16, NIGHT_MS);
    nj_path data = night_file(state, &name, "data.mdb");
    size_t size = file_bytes(data.text);
    assert_int_equal(truncate(data.text, (off_t)size + 1), 0);
    assert_refused(nj_store_reader_open(store_path(state), name.text, &reader, &err), NJ_REFUSED,
                   &err, "bytes, the manifest says");
    for (size_t left = size; left > 0; left = left > 1000 ? left - 1000 : left - 1 - left / 2) {
        assert_int_equal(truncate(data.text, (off_t)left - 1), 0);
        assert_refused(nj_store_reader_open(store_path(state), name.text, &reader, &err),
                       NJ_REFUSED, &err, "bytes, the manifest says");
        assert_refused(nj_store_verify(store_path(state), name.text, NULL, &err), NJ_REFUSED, &err,
                       "bytes, the manifest says");
    }
    assert_int_equal(unlink(data.text), 0);
    assert_refused(nj_store_reader_open(store_path(state), name.text, &reader, &err), NJ_REFUSED,
                   &err, "no such plain file");
    assert_ok(nj_folder_make(data.text, &err), &err);
    assert_refused(nj_store_verify(store_path(state), name.text, NULL, &err), NJ_REFUSED, &err,
                   "no such plain file");
    assert_null(reader);
}

// The last of the later facts may be missing, and is 0 then: where it is 0, a manifest whose key for it is another says the same.
static bool says_the_same(const char *path, const nj_store_manifest *before)
{
    nj_error err = {0};
    nj_store_manifest now;
    return nj_store_manifest_read(path, &now, &err) == NJ_OK &&
           nj_store_facts_difference(&now.facts, &before->facts) == NULL;
}

static void a_flipped_byte_anywhere_in_the_manifest_is_refused(void **state)
{
    nj_error err = {0};
    nj_store_manifest before;
    size_t same = 0;
    nj_store_name name = night_pack(store_path(state), 2, 8, NIGHT_MS);
    nj_path manifest = night_file(state, &name, "MANIFEST.json");
    char *text = NULL;
    size_t size = 0;
    assert_ok(nj_file_read(manifest.text, NJ_STORE_MANIFEST_BYTES_MAX, &text, &size, &err), &err);
    assert_ok(nj_store_manifest_read(manifest.text, &before, &err), &err);
    for (size_t offset = 0; offset < size; offset++) {
        if (text[offset] == '\n' || text[offset] == ' ') {
            continue; // white space may become other white space
        }
        flip_byte(manifest.text, offset);
        nj_status status = nj_store_verify(store_path(state), name.text, NULL, &err);
        if (status == NJ_OK && says_the_same(manifest.text, &before)) {
            same++;
        } else if (status != NJ_REFUSED && status != NJ_CONFIG) {
            fail_msg("byte %zu ('%c') was flipped: %s", offset, text[offset],
                     nj_status_name(status));
        }
        flip_byte(manifest.text, offset);
    }
    assert_ok(nj_store_verify(store_path(state), name.text, NULL, &err), &err);
    assert_true(same <= strlen("carried_age"));
    free(text);
}

static void a_flipped_or_missing_byte_of_current_is_refused(void **state)
{
    nj_error err = {0};
    nj_store_reader *reader = NULL;
    nj_path current;
    char *text = NULL;
    size_t size = 0;
    nj_store_name name = night_pack(store_path(state), 2, 8, NIGHT_MS);
    night_publish(store_path(state), &name);
    assert_ok(nj_path_join(store_path(state), "CURRENT", &current, &err), &err);
    assert_ok(nj_file_read(current.text, 1000, &text, &size, &err), &err);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        assert_ok(nj_file_write(current.text, text, size, &err), &err);
        nj_status status = nj_store_reader_open(store_path(state), NULL, &reader, &err);
        if (status != NJ_REFUSED && status != NJ_NOT_FOUND) { // no name, or one that is not there
            fail_msg("bit %zu was flipped: %s", bit, nj_status_name(status));
        }
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
    }
    for (size_t left = 0; left + 1 < size; left++) { // without the newline it still is a name
        assert_ok(nj_file_write(current.text, text, left, &err), &err);
        assert_refused(nj_store_reader_open(store_path(state), NULL, &reader, &err), NJ_REFUSED,
                       &err, "CURRENT");
    }
    assert_ok(nj_file_write(current.text, text, size, &err), &err);
    assert_ok(nj_store_verify(store_path(state), NULL, NULL, &err), &err);
    free(text);
}

// Rewrites one key of a manifest.
static void set_manifest(void **state, const nj_store_name *name, const char *key, json_t *value)
{
    nj_error err = {0};
    json_t *object = NULL;
    nj_path path = night_file(state, name, "MANIFEST.json");
    assert_ok(nj_json_load(path.text, NJ_STORE_MANIFEST_BYTES_MAX, &object, &err), &err);
    assert_int_equal(json_object_set_new(object, key, value), 0);
    assert_int_equal(json_dump_file(object, path.text, 0), 0);
    json_decref(object);
}

static void the_file_of_another_lmdb_or_schema_is_a_matter_of_configuration(void **state)
{
    nj_error err = {0};
    nj_store_reader *reader = NULL;
    nj_store_name name = night_pack(store_path(state), 2, 8, NIGHT_MS);
    set_manifest(state, &name, "lmdb_major", json_integer(7));
    assert_refused(nj_store_reader_open(store_path(state), name.text, &reader, &err), NJ_CONFIG,
                   &err, "major 7");
    assert_refused(nj_store_publish(store_path(state), name.text, NULL, 0, &err), NJ_CONFIG, &err,
                   "LMDB");
    set_manifest(state, &name, "schema_version", json_integer(3));
    assert_refused(nj_store_verify(store_path(state), name.text, NULL, &err), NJ_CONFIG, &err,
                   "schema version 3, this program reads 1 to 2");
    assert_null(reader);
}

static void a_folder_under_another_generations_name_is_refused(void **state)
{
    nj_error err = {0};
    nj_store_name name = night_pack(store_path(state), 2, 8, NIGHT_MS);
    nj_store_name other = nj_store_name_make(NIGHT_MS + 1);
    nj_path from;
    nj_path to;
    assert_ok(nj_store_path(store_path(state), &name, NULL, &from, &err), &err);
    assert_ok(nj_store_path(store_path(state), &other, NULL, &to, &err), &err);
    assert_int_equal(rename(from.text, to.text), 0);
    assert_refused(nj_store_verify(store_path(state), other.text, NULL, &err), NJ_REFUSED, &err,
                   "speaks of generation");
}

static void a_manifest_that_disagrees_with_the_rows_is_refused(void **state)
{
    nj_error err = {0};
    nj_store_name name = night_pack(store_path(state), 2, 8, NIGHT_MS);
    set_manifest(state, &name, "row_count", json_integer(17));
    assert_refused(nj_store_verify(store_path(state), name.text, NULL, &err), NJ_REFUSED, &err,
                   "\"row_count\"");
}

// tests/data/store-v1: a store as it was written before schema version 2.
static void a_generation_of_schema_version_1_is_read_verified_and_found_damaged(void **state)
{
    nj_error err = {0};
    nj_store_manifest manifest;
    nj_path folder;
    nj_path path;
    char *bytes = NULL;
    size_t size = 0;
    assert_ok(nj_store_verify(data_path("store-v1"), NULL, &manifest, &err), &err);
    assert_int_equal(manifest.facts.schema_version, 1);
    assert_int_equal(manifest.facts.row_count, 16);

    nj_store_name name;
    assert_ok(nj_store_current(data_path("store-v1"), &name, &err), &err);
    assert_ok(nj_store_path(store_path(state), &name, NULL, &folder, &err), &err);
    assert_ok(nj_folder_make(folder.text, &err), &err);
    for (int i = 0; i < 2; i++) {
        const char *file = i == 0 ? "data.mdb" : "MANIFEST.json";
        assert_ok(nj_store_path(data_path("store-v1"), &name, file, &path, &err), &err);
        assert_ok(nj_file_read(path.text, 1 << 20, &bytes, &size, &err), &err);
        assert_ok(nj_file_write(night_file(state, &name, file).text, bytes, size, &err), &err);
        free(bytes);
    }
    assert_ok(nj_store_verify(store_path(state), name.text, NULL, &err), &err);
    flip_byte(night_file(state, &name, "data.mdb").text, 9000);
    assert_refused(nj_store_verify(store_path(state), name.text, NULL, &err), NJ_REFUSED, &err,
                   "its digest is");
}

// Stages one row that is no packed row: the store keeps what it is given, and verify finds it.
static void a_row_that_was_stored_malformed_is_refused_and_its_user_named(void **state)
{
    nj_error err = {0};
    static night_shard shard;
    nj_commit_outcome outcome;
    nj_staging *staging = NULL;
    nj_store_name name;
    nj_staging_facts facts = night_facts(1, 8);
    assert_ok(nj_staging_create(store_path(state), &facts, NULL, &staging, &err), &err);
    night_shard_make(&shard, 0, 8);
    shard.rows[2].value = nj_slice_from("junk");
    night_shard_seal(&shard);
    assert_ok(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), &err);
    assert_ok(nj_store_pack(staging, 8, NULL, NIGHT_MS, &name, NULL, &err), &err);
    assert_refused(nj_store_verify(store_path(state), name.text, NULL, &err), NJ_REFUSED, &err,
                   "user \"2\"");
    night_shard_fini(&shard);
    nj_staging_close(&staging);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_flipped_byte_anywhere_in_the_data_is_refused),
        WITH_FOLDER(data_of_any_other_size_is_refused_before_lmdb_sees_it),
        WITH_FOLDER(a_flipped_byte_anywhere_in_the_manifest_is_refused),
        WITH_FOLDER(a_flipped_or_missing_byte_of_current_is_refused),
        WITH_FOLDER(the_file_of_another_lmdb_or_schema_is_a_matter_of_configuration),
        WITH_FOLDER(a_folder_under_another_generations_name_is_refused),
        WITH_FOLDER(a_manifest_that_disagrees_with_the_rows_is_refused),
        WITH_FOLDER(a_generation_of_schema_version_1_is_read_verified_and_found_damaged),
        WITH_FOLDER(a_row_that_was_stored_malformed_is_refused_and_its_user_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
