// test_parquet.c - rows of vectors become lines; NULLs, long texts, quotes and lists; what does not fit is refused. The library is
// fake_duckdb.c; the real one is for tests/cli/0395-parquet.t.
#include "common/parquet/parquet.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/buffer.h"
#include "tests/support/nj_test.h"

static const nj_parquet_column LISTS[] = {
    {.as = "user", .names = {"user"}, .is_needed = true},
    {.as = "basket", .names = {"nothing", "items"}, .is_needed = true, .is_list = true},
};
static const nj_parquet_column EVENTS[] = {
    {.as = "user", .names = {"user"}, .is_needed = true},
    {.as = "item", .names = {"n"}, .is_needed = true},
    {.as = "timestamp", .names = {"when"}, .is_number = true},
    {.as = "group", .names = {"nowhere"}},
};

static nj_status read_all(const nj_parquet_shape *shapes, size_t count, size_t piece,
                          nj_buffer *out, nj_error *err)
{
    nj_parquet *parquet = NULL;
    size_t got = 1;
    nj_buffer_clear(out);
    nj_status status = nj_parquet_open(0, "f", shapes, count, &parquet, err);
    while (status == NJ_OK && got > 0) {
        assert_int_equal(nj_buffer_reserve(out, piece), NJ_OK);
        status = nj_parquet_read(parquet, out->bytes + out->size, piece, &got, err);
        out->size += status == NJ_OK ? got : 0;
    }
    nj_parquet_close(&parquet);
    return status;
}

static void assert_text(const nj_parquet_shape *shape, const char *expected)
{
    nj_buffer out;
    nj_buffer_init(&out, SIZE_MAX / 2);
    for (size_t piece = 1; piece < 300; piece += 97) {
        nj_error err = {0};
        assert_ok(read_all(shape, 1, piece, &out, &err), &err);
        assert_int_equal(out.size, strlen(expected));
        assert_memory_equal(out.bytes, expected, out.size);
    }
    nj_buffer_fini(&out);
}

static void assert_shape_refused(const nj_parquet_shape *shapes, size_t count, const char *text)
{
    nj_error err = {0};
    nj_buffer out;
    nj_buffer_init(&out, SIZE_MAX / 2);
    assert_refused(read_all(shapes, count, 100, &out, &err), NJ_INPUT, &err, text);
    nj_buffer_fini(&out);
}

static void lists_become_json_without_the_keys_of_nulls(void **state)
{
    (void)state;
    const nj_parquet_shape shape = {NJ_PARQUET_JSON, LISTS, 2};
    assert_text(&shape, "{\"user\":\"u1\",\"basket\":[\"a\",\"b\"]}\n"
                        "{}\n"
                        "{\"user\":\"a long name, with \\\"quotes\\\"\",\"basket\":[\"one that is "
                        "longer than twelve\",null]}\n");
}

static void events_become_csv_with_empty_fields_for_nulls(void **state)
{
    (void)state;
    const nj_parquet_shape shape = {NJ_PARQUET_CSV, EVENTS, 4};
    assert_text(&shape, "\"user\",\"item\",\"timestamp\"\n"
                        "\"u1\",1,10.5\n"
                        ",2,11.5\n"
                        "\"a long name, with \"\"quotes\"\"\",,\n");
}

static void without_columns_every_one_of_text_is_read(void **state)
{
    (void)state;
    const nj_parquet_shape shape = {.form = NJ_PARQUET_JSON};
    assert_text(&shape, "{\"user\":\"u1\",\"items\":[\"a\",\"b\"],\"n\":1}\n"
                        "{\"n\":2}\n"
                        "{\"user\":\"a long name, with \\\"quotes\\\"\",\"items\":[\"one that is "
                        "longer than twelve\",null]}\n");
}

static void one_column_becomes_lines(void **state)
{
    (void)state;
    const nj_parquet_shape shape = {.form = NJ_PARQUET_LINES};
    assert_shape_refused(&shape, 1, "has no column");
    setenv("FAKE_DUCKDB", "only", 1);
    assert_text(&shape, "u1\n\na long name, with \"quotes\"\n");
    const nj_parquet_shape user = {NJ_PARQUET_LINES, LISTS, 1};
    setenv("FAKE_DUCKDB", "break", 1);
    assert_shape_refused(&user, 1, "f: row 1: the id has a line break");
    unsetenv("FAKE_DUCKDB");
}

static void the_first_shape_whose_columns_are_there_is_taken(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_parquet *parquet = NULL;
    static const nj_parquet_column MISSING = {.as = "x", .names = {"x"}, .is_needed = true};
    const nj_parquet_shape shapes[] = {{NJ_PARQUET_JSON, &MISSING, 1}, {NJ_PARQUET_CSV, EVENTS, 4}};
    assert_ok(nj_parquet_open(0, "f", shapes, 2, &parquet, &err), &err);
    assert_int_equal(nj_parquet_form_of(parquet), NJ_PARQUET_CSV);
    nj_parquet_close(&parquet);
    nj_parquet_close(&parquet);
    assert_shape_refused(shapes, 1, "f: has no column \"x\"; its columns are \"user\", \"items\"");
}

static void a_column_of_another_type_is_refused(void **state)
{
    (void)state;
    const nj_parquet_column columns[] = {
        {.as = "item", .names = {"score"}, .is_needed = true},
        {.as = "item", .names = {"items"}, .is_needed = true},
        {.as = "times", .names = {"when"}, .is_needed = true, .is_number = true, .is_list = true},
        {.as = "time", .names = {"user"}, .is_needed = true, .is_number = true},
    };
    const char *const SAYS[] = {"column \"score\" must be text or whole numbers",
                                "column \"items\" must be text or whole numbers",
                                "column \"when\" must be a list of numbers or timestamps",
                                "column \"user\" must be numbers or timestamps"};
    for (size_t i = 0; i < 4; i++) {
        const nj_parquet_shape shape = {NJ_PARQUET_CSV, &columns[i], 1};
        assert_shape_refused(&shape, 1, SAYS[i]);
    }
}

static void what_the_library_says_is_told_in_one_line(void **state)
{
    (void)state;
    const nj_parquet_shape shape = {NJ_PARQUET_CSV, EVENTS, 4};
    setenv("FAKE_DUCKDB", "query", 1);
    assert_shape_refused(&shape, 1,
                         "f: cannot be read as Parquet: Invalid Input Error: it is damaged");
    setenv("FAKE_DUCKDB", "fetch", 1);
    assert_shape_refused(&shape, 1,
                         "f: cannot be read as Parquet: Invalid Input Error: it is damaged");
    unsetenv("FAKE_DUCKDB");
}

static void a_head_is_known(void **state)
{
    (void)state;
    assert_true(nj_parquet_is_head((nj_slice){"PAR1\x15\x04", 6}));
    assert_false(nj_parquet_is_head((nj_slice){"PAR1 a b", 8}));
    assert_false(nj_parquet_is_head((nj_slice){"PAR1", 4}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_become_json_without_the_keys_of_nulls),
        cmocka_unit_test(events_become_csv_with_empty_fields_for_nulls),
        cmocka_unit_test(without_columns_every_one_of_text_is_read),
        cmocka_unit_test(one_column_becomes_lines),
        cmocka_unit_test(the_first_shape_whose_columns_are_there_is_taken),
        cmocka_unit_test(a_column_of_another_type_is_refused),
        cmocka_unit_test(what_the_library_says_is_told_in_one_line),
        cmocka_unit_test(a_head_is_known),
    };
    setenv("NIGHTJAR_PARQUET_LIBRARY", FAKE_DUCKDB_FILE, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
