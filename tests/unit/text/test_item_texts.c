// test_item_texts.c - tables and JSON lines: what is read of them, and what is refused.
#include "common/text/item_texts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/buffer.h"
#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"

// What was read: "ID(TEXT*WEIGHT,...)" an item.
static nj_buffer said;

static nj_status write_item(void *context, const nj_item_text *item, nj_error *err)
{
    (void)context;
    (void)err;
    assert_int_equal(nj_buffer_printf(&said, "%.*s(", NJ_SLICE_ARGS(item->id)), NJ_OK);
    for (size_t i = 0; i < item->field_count; i++) {
        const nj_text_field *field = &item->fields[i];
        assert_int_equal(
            nj_buffer_printf(&said, "%s%.*s", i > 0 ? "," : "", NJ_SLICE_ARGS(field->text)), NJ_OK);
        if (field->weight != 1) {
            assert_int_equal(nj_buffer_printf(&said, "*%" PRIu32, field->weight), NJ_OK);
        }
    }
    assert_int_equal(nj_buffer_append(&said, ")", 1), NJ_OK);
    return NJ_OK;
}

static nj_status read_text(const char *text, const char *id, const char *columns, nj_error *err)
{
    const nj_item_text_reading reading = {.path = memfile_write(text, strlen(text)),
                                          .id_column = id,
                                          .text_columns = columns,
                                          .take = write_item};
    nj_buffer_fini(&said);
    nj_buffer_init(&said, 1u << 20);
    *err = (nj_error){0};
    nj_status status = nj_item_texts_read(&reading, err);
    assert_int_equal(nj_buffer_append(&said, "", 1), NJ_OK);
    return status;
}

#define assert_read(text, id, columns, expected)                                                   \
    do {                                                                                           \
        nj_error err;                                                                              \
        assert_ok(read_text(text, id, columns, &err), &err);                                       \
        assert_string_equal((const char *)said.bytes, expected);                                   \
    } while (0)

#define assert_not_read(text, id, columns, status, part)                                           \
    do {                                                                                           \
        nj_error err;                                                                              \
        assert_refused(read_text(text, id, columns, &err), status, &err, part);                    \
    } while (0)

static void a_table_gives_all_columns_but_the_id(void **state)
{
    (void)state;
    assert_read("no\ttitle\tkind\n7\tred polish\tnails\nb\t\thair", NULL, NULL,
                "7(red polish,nails)b(hair)");
    assert_read("title\titem_id\n\tx\r\ntwo\ty\r\n", NULL, NULL, "x()y(two)");
    assert_read("a\tid\n1\t2\n", NULL, NULL, "2(1)");
    assert_read("a\tid\n1\t2\n", "a", NULL, "1(2)");
}

static void columns_are_chosen_and_weighted(void **state)
{
    (void)state;
    assert_read("id\ta\tb\tc\n1\tx\ty\tz\n", NULL, "c=3,a", "1(x,z*3)");
    assert_read("id\ta\n1\tx\n", NULL, "id,a=100", "1(1,x*100)");
}

static void a_typed_header_says_what_is_text(void **state)
{
    (void)state;
    assert_read(
        "title:token_seq\titem_id:token\tprice:float\tv:float_seq\nToy Story\t1\t9.5\t1 2\n", NULL,
        NULL, "1(Toy Story)");
    assert_read("item_id:token\tprice:float\n1\t9.5\n", NULL, "price", "1(9.5)");
}

static void json_lines_give_strings_and_arrays_of_them(void **state)
{
    (void)state;
    assert_read(
        "{\"id\": 7, \"title\": \"red\", \"price\": 2, \"kinds\": [[\"A\", \"B\"], \"C\"]}\n"
        "{\"id\": \"x\", \"title\": null}\n",
        NULL, NULL, "7(red,A,B,C)x()");
    assert_read("{\"asin\": \"q\", \"title\": \"red\", \"kind\": \"nails\"}\n", "asin", "kind=2",
                "q(nails*2)");
    assert_read("{\"item_id\": \"q\", \"id\": \"text\"}\n", NULL, NULL, "q(text)");
}

static void a_column_that_is_not_there_is_refused(void **state)
{
    (void)state;
    assert_not_read("id\ta\tb:token\n1\tx\ty\n", NULL, "a,title", NJ_INPUT,
                    "line 1: has no column \"title\"; its columns are: id a b:token");
    assert_not_read("id\ta\n1\tx\n", "asin", NULL, NJ_INPUT, "has no column \"asin\"");
    assert_not_read("{\"id\": 1, \"a\": \"x\"}\n", NULL, "a,title", NJ_INPUT,
                    "no item has \"title\"");
    assert_not_read("{\"a\": \"x\"}\n", NULL, NULL, NJ_INPUT, "line 1: \"id\" must be there");
    assert_not_read("{\"id\": 1}\n{\"id\": -1}\n", NULL, NULL, NJ_INPUT, "line 2: \"id\" must");
}

static void a_malformed_list_of_columns_is_a_mistake_of_the_command_line(void **state)
{
    (void)state;
    static const char *const LISTS[] = {"", "a,", "a=", "a=0", "a=101", "a=1x", "=2", "a=-1"};
    for (size_t i = 0; i < sizeof LISTS / sizeof LISTS[0]; i++) {
        assert_not_read("id\ta\n1\tx\n", NULL, LISTS[i], NJ_USAGE, "--text-columns has");
    }
    assert_not_read("id\ta\n1\tx\n", NULL, "a,a=2", NJ_USAGE, "names \"a\" twice");
}

static void files_without_items_are_refused(void **state)
{
    (void)state;
    assert_not_read("", NULL, NULL, NJ_INPUT, "holds no item");
    assert_not_read("id\ttitle\n", NULL, "title", NJ_INPUT, "holds no item");
    nj_error err = {0};
    const nj_item_text_reading reading = {.path = "/does/not/exist", .take = write_item};
    assert_int_equal(nj_item_texts_read(&reading, &err), NJ_NOT_FOUND);
}

static void rows_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    assert_not_read("id\ta\n1\tx\n2\n", NULL, NULL, NJ_INPUT,
                    "line 3: has 1 fields, the header has 2");
    assert_not_read("id\ta\n1\tx\ty\n", NULL, NULL, NJ_INPUT,
                    "line 2: has 3 fields, the header has 2");
    assert_not_read("id\ta\n\tx\n", NULL, NULL, NJ_INPUT, "line 2: item id \"\" is empty");
    assert_not_read("id\ta\n\xff\tx\n", NULL, NULL, NJ_INPUT, "line 2: item id");
    assert_not_read("{\"id\": 1}\n[]\n", NULL, NULL, NJ_INPUT, "line 2: must be a JSON object");
    assert_not_read("{\"id\": 1}\n{\"id\": 2,}\n", NULL, NULL, NJ_INPUT, "line 2: is not JSON");
    assert_not_read("{\"id\": 1, \"a\": 5}\n", NULL, "a", NJ_INPUT, "line 1: \"a\" is no text");
    assert_not_read("{\"id\": 1, \"a\": [\"x\", {}]}\n", NULL, "a", NJ_INPUT, "\"a\" is no text");
    assert_not_read("{\"id\": 1, \"a\": [[[\"x\"]]]}\n", NULL, "a", NJ_INPUT, "\"a\" is no text");
}

// A header of one column more than may be, an item of one text more, a line of one byte more.
static void limits_hold(void **state)
{
    (void)state;
    nj_buffer text;
    nj_error err;
    nj_buffer_init(&text, NJ_ITEM_TEXT_LINE_BYTES_MAX * 2);
    for (int i = 0; i < NJ_ITEM_TEXT_COLUMNS_MAX; i++) {
        assert_int_equal(nj_buffer_printf(&text, "c%d\t", i), NJ_OK);
    }
    assert_int_equal(nj_buffer_append(&text, "\n", 2), NJ_OK);
    assert_refused(read_text((const char *)text.bytes, NULL, NULL, &err), NJ_INPUT, &err,
                   "line 1: has more than 256 fields");
    nj_buffer_clear(&text);
    assert_int_equal(nj_buffer_printf(&text, "{\"id\": 1, \"a\": [\"\""), NJ_OK);
    for (int i = 0; i < NJ_ITEM_TEXT_FIELDS_MAX; i++) {
        assert_int_equal(nj_buffer_append(&text, ",\"\"", 3), NJ_OK);
    }
    assert_int_equal(nj_buffer_append(&text, "]}\n", 4), NJ_OK);
    assert_refused(read_text((const char *)text.bytes, NULL, NULL, &err), NJ_INPUT, &err,
                   "line 1: has more than 65536 texts");
    nj_buffer_clear(&text);
    assert_int_equal(nj_buffer_printf(&text, "id\ta\n1\t"), NJ_OK);
    while (text.size < NJ_ITEM_TEXT_LINE_BYTES_MAX + 6) {
        assert_int_equal(nj_buffer_append(&text, "x", 1), NJ_OK);
    }
    assert_int_equal(nj_buffer_append(&text, "", 1), NJ_OK);
    assert_refused(read_text((const char *)text.bytes, NULL, NULL, &err), NJ_INPUT, &err,
                   "line 2: is longer than 16777216 bytes");
    text.bytes[text.size - 2] = '\0';
    assert_ok(read_text((const char *)text.bytes, NULL, NULL, &err), &err);
    nj_buffer_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_gives_all_columns_but_the_id),
        cmocka_unit_test(columns_are_chosen_and_weighted),
        cmocka_unit_test(a_typed_header_says_what_is_text),
        cmocka_unit_test(json_lines_give_strings_and_arrays_of_them),
        cmocka_unit_test(a_column_that_is_not_there_is_refused),
        cmocka_unit_test(a_malformed_list_of_columns_is_a_mistake_of_the_command_line),
        cmocka_unit_test(files_without_items_are_refused),
        cmocka_unit_test(rows_that_do_not_fit_are_refused),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
