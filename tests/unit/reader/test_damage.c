// test_damage.c - whatever happened to its files before they were opened, a reader answers with a status and does not crash.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/reader/reading.h"

#define SHARDS 10
#define FLIP_STRIDE 31 // bytes; odd, so that every place in a page and a node is met

static void flip_byte(int fd, off_t offset, uint8_t mask)
{
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= mask;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
}

// The store as a stranger meets it: opens it and asks for everybody. Counts what was refused.
static size_t read_everybody(void **state, nightjar_status *out_opened)
{
    nightjar_reader *reader = NULL;
    size_t refused = 0;
    *out_opened = nightjar_reader_open(sandbox_path(state, "store"), NULL, &reader, NULL);
    if (*out_opened != NIGHTJAR_OK) {
        assert_null(reader);
        return 1;
    }
    for (uint64_t i = 0; i < (uint64_t)SHARDS * READING_ROWS; i++) {
        char user[24];
        nightjar_row row;
        nightjar_status status = reading_get(reader, night_user(i, user), &row);
        assert_true(status == NIGHTJAR_OK || status == NIGHTJAR_NOT_FOUND ||
                    status == NIGHTJAR_DAMAGED);
        refused += status == NIGHTJAR_DAMAGED;
    }
    nightjar_reader_close(&reader);
    return refused;
}

static void a_flipped_byte_gives_rows_or_a_status(void **state)
{
    struct stat about;
    size_t refused = 0;
    nightjar_status opened;
    nj_store_name name = reading_publish(state, SHARDS, NIGHT_MS);
    int fd = open(night_file(state, &name, "data.mdb").text, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &about) == 0);
    for (off_t offset = 0; offset < about.st_size; offset += FLIP_STRIDE) {
        const uint8_t mask = (uint8_t)(1u << offset % 8);
        flip_byte(fd, offset, mask);
        refused += read_everybody(state, &opened) > 0;
        if (offset < NJ_STORE_HEAD_BYTES) {
            assert_int_equal(opened, NIGHTJAR_DAMAGED);
        }
        flip_byte(fd, offset, mask);
    }
    assert_true(refused > NJ_STORE_HEAD_BYTES / FLIP_STRIDE); // also behind the head
    assert_int_equal(read_everybody(state, &opened), 0);
    close(fd);
}

static void a_file_that_was_cut_short_is_damaged(void **state)
{
    struct stat about;
    nightjar_error error;
    nightjar_reader *reader = NULL;
    nj_store_name name = reading_publish(state, SHARDS, NIGHT_MS);
    nj_path data = night_file(state, &name, "data.mdb");
    assert_int_equal(stat(data.text, &about), 0);
    for (off_t size = about.st_size - 1; size > 0; size = size / 2) {
        assert_int_equal(truncate(data.text, size), 0);
        assert_int_equal(nightjar_reader_open(sandbox_path(state, "store"), NULL, &reader, &error),
                         NIGHTJAR_DAMAGED);
        assert_non_null(strstr(error.text, "the manifest says"));
    }
    assert_int_equal(unlink(data.text), 0);
    assert_int_equal(nightjar_reader_open(sandbox_path(state, "store"), NULL, &reader, &error),
                     NIGHTJAR_DAMAGED);
    assert_null(reader);
}

static void a_file_of_lmdb_1_is_a_matter_of_configuration(void **state)
{
    nj_error err = {0};
    nightjar_error error;
    nightjar_reader *reader = NULL;
    nj_store_manifest manifest;
    nj_store_name name = reading_publish(state, SHARDS, NIGHT_MS);
    nj_path path = night_file(state, &name, "MANIFEST.json");
    assert_ok(nj_store_manifest_read(path.text, &manifest, &err), &err);
    manifest.facts.lmdb_major = 1;
    strcpy(manifest.facts.lmdb_version, "1.0.0");
    assert_ok(nj_store_manifest_write(path.text, &manifest, &err), &err);

    assert_int_equal(nightjar_reader_open(sandbox_path(state, "store"), NULL, &reader, &error),
                     NIGHTJAR_CONFIG);
    assert_non_null(strstr(error.text, "LMDB 1.0.0"));
    assert_null(reader);
}

// The head says version 2 of the format, and the manifest has its digest: nothing but the page checks stands before LMDB.
static void a_data_file_of_another_format_is_damaged_whatever_its_manifest_says(void **state)
{
    nj_error err = {0};
    nightjar_error error;
    nightjar_reader *reader = NULL;
    nj_store_manifest manifest;
    uint8_t head[NJ_STORE_HEAD_BYTES];
    nj_store_name name = reading_publish(state, SHARDS, NIGHT_MS);
    nj_path path = night_file(state, &name, "MANIFEST.json");
    int fd = open(night_file(state, &name, "data.mdb").text, O_RDWR | O_CLOEXEC);
    flip_byte(fd, 20, 3); // version 1 becomes 2, in both meta pages
    flip_byte(fd, 4096 + 20, 3);
    assert_int_equal(pread(fd, head, sizeof head, 0), sizeof head);
    close(fd);
    assert_ok(nj_store_manifest_read(path.text, &manifest, &err), &err);
    manifest.head_digest = nj_digest_of(head, sizeof head);
    assert_ok(nj_store_manifest_write(path.text, &manifest, &err), &err);

    assert_int_equal(nightjar_reader_open(sandbox_path(state, "store"), NULL, &reader, &error),
                     NIGHTJAR_DAMAGED);
    assert_non_null(strstr(error.text, "another version of LMDB's format"));
    assert_null(reader);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_flipped_byte_gives_rows_or_a_status),
        WITH_FOLDER(a_file_that_was_cut_short_is_damaged),
        WITH_FOLDER(a_file_of_lmdb_1_is_a_matter_of_configuration),
        WITH_FOLDER(a_data_file_of_another_format_is_damaged_whatever_its_manifest_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
