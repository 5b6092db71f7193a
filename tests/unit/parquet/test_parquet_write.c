// test_parquet_write.c - rows become the bytes of a file that pyarrow has read back (tests/data/check_parquet.py); no stream, no
// half a file.
#include "common/parquet/parquet_write.h"

#include <stdlib.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

enum { USER, ITEMS, SCORES, AGE };

static const nj_parquet_field FIELDS[] = {
    [USER] = {"user", NJ_PARQUET_TEXT},
    [ITEMS] = {"items", NJ_PARQUET_TEXTS},
    [SCORES] = {"scores", NJ_PARQUET_FLOATS},
    [AGE] = {"age", NJ_PARQUET_INT},
};

#define ROWS 21
#define GROUP_BYTES 600 // three row groups
#define FILE_BYTES_MAX 65536

// Row n has n % 4 items, so that empty lists and lists across a byte of levels are there.
static nj_status write_rows(FILE *stream, size_t rows, nj_error *err)
{
    nj_parquet_writer *writer = NULL;
    nj_status status = nj_parquet_writer_new(stream, "rows", FIELDS, 4, GROUP_BYTES, &writer, err);
    for (size_t n = 0; n < rows && status == NJ_OK; n++) {
        char user[16];
        char names[4][16];
        nj_slice items[4];
        float scores[4];
        snprintf(user, sizeof user, n % 2 == 0 ? "u%zu" : "\xc3\xbc-%zu", n);
        for (size_t i = 0; i < n % 4; i++) {
            snprintf(names[i], sizeof names[i], "item %zu", n * 10 + i);
            items[i] = nj_slice_from(names[i]);
            scores[i] = -0.5f * (float)(n + i);
        }
        nj_parquet_text(writer, USER, nj_slice_from(user));
        nj_parquet_texts(writer, ITEMS, items, n % 4);
        nj_parquet_floats(writer, SCORES, scores, n % 4);
        nj_parquet_int(writer, AGE, (int32_t)n - 3);
        status = nj_parquet_row(writer, err);
    }
    if (status == NJ_OK) {
        status = nj_parquet_end(writer, err);
    }
    nj_parquet_writer_free(&writer);
    return status;
}

static void a_table_has_the_bytes_that_pyarrow_has_read(void **state)
{
    const char *path = sandbox_path(state, "rows.parquet");
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    nj_error err = {0};
    assert_ok(write_rows(stream, ROWS, &err), &err);
    assert_int_equal(fclose(stream), 0);
    char *written = NULL;
    char *expected = NULL;
    size_t written_size = 0;
    size_t expected_size = 0;
    assert_ok(nj_file_read(path, FILE_BYTES_MAX, &written, &written_size, &err), &err);
    assert_ok(nj_file_read(data_path("parquet/rows.parquet"), FILE_BYTES_MAX, &expected,
                           &expected_size, &err),
              &err);
    assert_int_equal(written_size, expected_size);
    assert_memory_equal(written, expected, expected_size);
    free(written);
    free(expected);
}

static void a_table_without_rows_is_a_file_with_a_footer(void **state)
{
    (void)state;
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    nj_error err = {0};
    assert_ok(write_rows(stream, 0, &err), &err);
    assert_int_equal(fclose(stream), 0);
    assert_true(size > 12);
    assert_memory_equal(bytes, "PAR1", 4);
    assert_memory_equal(bytes + size - 4, "PAR1", 4);
    free(bytes);
}

static void a_stream_that_is_full_is_an_error(void **state)
{
    (void)state;
    FILE *stream = fopen("/dev/full", "wb");
    assert_non_null(stream);
    setbuf(stream, NULL);
    nj_error err = {0};
    assert_int_equal(write_rows(stream, ROWS, &err), NJ_IO);
    assert_non_null(strstr(err.text, "rows: No space"));
    fclose(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_table_has_the_bytes_that_pyarrow_has_read, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test(a_table_without_rows_is_a_file_with_a_footer),
        cmocka_unit_test(a_stream_that_is_full_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
