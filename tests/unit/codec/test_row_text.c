// test_row_text.c - what a model answered in words, as a field of a row: golden bytes, round trips, refusals and the JSON form.
#include "tests/unit/codec/row_damage.h"

static const nj_slice ITEM = {"17", 2};
static const float SCORE = -1.5f;
static const char *const ANSWER = "4.5 caf\xc3\xa9\n";

static void pack_example(nj_buffer *out, const nj_row_more *more)
{
    nj_buffer_init(out, NJ_ROW_BYTES_MAX);
    assert_int_equal(nj_row_pack_more(out, 0, &ITEM, &SCORE, 1, &HISTORY, more), NJ_OK);
}

static void the_bytes_never_change(void **state)
{
    (void)state;
    static const uint8_t GOLDEN[] = {0x99, 1,   0,    0x91, 17,   0x91, 0xca, 0xbf, 0xc0,
                                     0,    0,   0xc4, 8,    1,    2,    3,    4,    5,
                                     6,    7,   8,    0,    0xc0, 0xc0, 0xaa, '4',  '.',
                                     '5',  ' ', 'c',  'a',  'f',  0xc3, 0xa9, '\n'};
    nj_buffer row;
    pack_example(&row, &(nj_row_more){.text = nj_slice_from(ANSWER)});
    assert_int_equal(row.size, sizeof GOLDEN);
    assert_memory_equal(row.bytes, GOLDEN, sizeof GOLDEN);
    nj_buffer_fini(&row);
}

static void a_row_prints_it_as_documented(void **state)
{
    (void)state;
    nj_buffer bytes;
    pack_example(&bytes, &(nj_row_more){.text = nj_slice_from(ANSWER)});
    row_expect_json(&bytes, "{\"user\": \"u\", \"items\": [\"17\"], \"scores\": [-1.5], \"text\": "
                            "\"4.5 caf\xc3\xa9\\u000a\"}");
    nj_buffer_fini(&bytes);
}

// Beside a trace and a why or without either, of every size that has another head, as it was packed and as a copy.
static void it_is_read_and_copied_whatever_stands_before_it(void **state)
{
    (void)state;
    static nj_row row;
    static char text[NJ_ROW_TEXT_BYTES_MAX];
    static const size_t SIZES[] = {0, 1, 31, 32, 255, 256, 16384};
    const uint32_t trace[] = {3, 9};
    const nj_why why = {.source = NJ_SOURCE_BEAM, .raw = SCORE};
    nj_error err = {0};
    memset(text, 't', sizeof text);
    for (size_t c = 0; c < 4 * sizeof SIZES / sizeof SIZES[0]; c++) {
        const nj_row_more more = {.trace = c % 2 != 0 ? trace : NULL,
                                  .trace_count = 2 * (c % 2),
                                  .why = c / 2 % 2 != 0 ? &why : NULL,
                                  .text = {text, SIZES[c / 4]}};
        nj_buffer bytes;
        nj_buffer copy;
        nj_row_scan scan;
        pack_example(&bytes, &more);
        nj_buffer_init(&copy, NJ_ROW_BYTES_MAX);
        assert_int_equal(nj_row_copy(&copy, nj_buffer_slice(&bytes), 32, 7), NJ_OK);
        assert_true(nj_row_scan_open(nj_buffer_slice(&copy), &scan));
        assert_int_equal(scan.age, 7);
        assert_true(nj_slice_equal(scan.text, more.text));
        assert_int_equal(scan.trace_count, more.trace_count);
        assert_int_equal(scan.why.bytes != NULL, more.why != NULL);
        assert_ok(nj_row_unpack(nj_buffer_slice(&copy), &row, &err), &err);
        assert_true(nj_slice_equal(row.text, more.text));
        assert_non_null(row.text.bytes);
        assert_int_equal(row.why.bytes != NULL, more.why != NULL);
        assert_ok(nj_row_unpack(nj_buffer_slice(&bytes), &row, &err), &err);
        assert_int_equal(row.age, 0);
        assert_true(nj_slice_equal(row.text, more.text));
        nj_buffer_fini(&bytes);
        nj_buffer_fini(&copy);
    }
}

static void a_row_without_one_is_packed_and_read_as_ever(void **state)
{
    (void)state;
    static nj_row row;
    nj_error err = {0};
    nj_buffer with;
    nj_buffer without;
    nj_row_scan scan;
    pack_example(&with, &(nj_row_more){0});
    nj_buffer_init(&without, 4096);
    assert_int_equal(nj_row_pack(&without, 0, &ITEM, &SCORE, 1, &HISTORY), NJ_OK);
    assert_true(nj_slice_equal(nj_buffer_slice(&with), nj_buffer_slice(&without)));
    row.text = nj_slice_from("of the row before");
    assert_ok(nj_row_unpack(nj_buffer_slice(&without), &row, &err), &err);
    assert_null(row.text.bytes);
    assert_true(nj_row_scan_open(nj_buffer_slice(&without), &scan));
    assert_null(scan.text.bytes);
    nj_buffer_fini(&with);
    nj_buffer_fini(&without);
}

static void fields_of_a_later_version_behind_it_are_passed_over(void **state)
{
    (void)state;
    static nj_row row;
    nj_error err = {0};
    nj_buffer bytes;
    nj_row_scan scan;
    pack_example(&bytes, &(nj_row_more){.text = nj_slice_from(ANSWER)});
    bytes.bytes[0] += 2; // an empty reserve, and what there is not yet
    assert_int_equal(nj_buffer_append(&bytes, "\x90\x92\x01\xc0", 4), NJ_OK);
    assert_false(nj_row_scan_open(nj_buffer_slice(&bytes), &scan));
    assert_ok(nj_row_unpack(nj_buffer_slice(&bytes), &row, &err), &err);
    assert_true(nj_slice_equal(row.text, nj_slice_from(ANSWER)));
    nj_buffer_fini(&bytes);
}

static void text_that_is_too_long_or_no_utf8_is_refused(void **state)
{
    (void)state;
    static nj_row row;
    static char text[NJ_ROW_TEXT_BYTES_MAX + 1];
    const nj_slice BAD[] = {{text, sizeof text}, {"\xc3", 1}, {"a\xff", 2}, {"\xed\xa0\x80", 3}};
    memset(text, 't', sizeof text);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        nj_error err = {0};
        nj_buffer bytes;
        nj_row_scan scan;
        pack_example(&bytes, &(nj_row_more){.text = BAD[i]});
        assert_false(nj_row_scan_open(nj_buffer_slice(&bytes), &scan));
        assert_refused(nj_row_unpack(nj_buffer_slice(&bytes), &row, &err), NJ_INPUT, &err,
                       "field 9 (text) is not UTF-8 text within its limit");
        nj_buffer_fini(&bytes);
    }
}

static void expect_same(nj_slice bytes, const nj_row_scan *scan, const nj_row *row)
{
    (void)bytes;
    assert_true(nj_slice_equal(scan->text, row->text));
}

static void the_quick_walk_never_accepts_what_unpacking_refuses(void **state)
{
    (void)state;
    const nj_why why = {.source = NJ_SOURCE_BEAM, .raw = SCORE};
    nj_buffer bytes;
    pack_example(&bytes, &(nj_row_more){.why = &why, .text = nj_slice_from(ANSWER)});
    row_expect_cut_is_refused(nj_buffer_slice(&bytes));
    const unsigned accepted = row_expect_walk_is_strict(&bytes, expect_same);
    assert_in_range(accepted, ROW_MUTATIONS / 100, ROW_MUTATIONS - ROW_MUTATIONS / 100);
    nj_buffer_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_never_change),
        cmocka_unit_test(a_row_prints_it_as_documented),
        cmocka_unit_test(it_is_read_and_copied_whatever_stands_before_it),
        cmocka_unit_test(a_row_without_one_is_packed_and_read_as_ever),
        cmocka_unit_test(fields_of_a_later_version_behind_it_are_passed_over),
        cmocka_unit_test(text_that_is_too_long_or_no_utf8_is_refused),
        cmocka_unit_test(the_quick_walk_never_accepts_what_unpacking_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
