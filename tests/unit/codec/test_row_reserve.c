// test_row_reserve.c - what would have been listed next, as a field of a row: golden bytes, round trips, refusals and the JSON form.
#include <stdio.h>

#include "common/base/id.h"
#include "tests/unit/codec/row_damage.h"

static const nj_slice ITEM = {"17", 2};
static const float SCORE = -1.5f;
static const nj_slice RESERVE[] = {{"5", 1}, {"caf\xc3\xa9", 5}, {"60000", 5}};
enum { RESERVE_COUNT = sizeof RESERVE / sizeof RESERVE[0] };

static void pack_example(nj_buffer *out, const nj_row_more *more)
{
    nj_buffer_init(out, NJ_ROW_BYTES_MAX);
    assert_int_equal(nj_row_pack_more(out, 0, &ITEM, &SCORE, 1, &HISTORY, more), NJ_OK);
}

static void pack_reserve(nj_buffer *out)
{
    pack_example(out, &(nj_row_more){.reserve = RESERVE, .reserve_count = RESERVE_COUNT});
}

static void the_bytes_never_change(void **state)
{
    (void)state;
    static const uint8_t GOLDEN[] = {0x9a, 1,   0,    0x91, 17,   0x91, 0xca, 0xbf, 0xc0,
                                     0,    0,   0xc4, 8,    1,    2,    3,    4,    5,
                                     6,    7,   8,    0,    0xc0, 0xc0, 0xc0, 0x93, 5,
                                     0xa5, 'c', 'a',  'f',  0xc3, 0xa9, 0xcd, 0xea, 0x60};
    nj_buffer row;
    pack_reserve(&row);
    assert_int_equal(row.size, sizeof GOLDEN);
    assert_memory_equal(row.bytes, GOLDEN, sizeof GOLDEN);
    nj_buffer_fini(&row);
}

static void a_row_prints_it_as_documented(void **state)
{
    (void)state;
    nj_buffer bytes;
    pack_reserve(&bytes);
    row_expect_json(&bytes,
                    "{\"user\": \"u\", \"items\": [\"17\"], \"scores\": [-1.5], \"reserve\": "
                    "[\"5\", \"caf\xc3\xa9\", \"60000\"]}");
    nj_buffer_fini(&bytes);
}

static void expect_reserve(nj_slice bytes, const nj_row_more *more, uint32_t age)
{
    static nj_row row;
    nj_error err = {0};
    nj_row_scan scan;
    assert_true(nj_row_scan_open(bytes, &scan));
    assert_ok(nj_row_unpack(bytes, &row, &err), &err);
    assert_int_equal(scan.age, age);
    assert_int_equal(row.age, age);
    assert_int_equal(scan.trace_count, more->trace_count);
    assert_int_equal(scan.why.bytes != NULL, more->why != NULL);
    assert_int_equal(row.why.bytes != NULL, more->why != NULL);
    assert_true(nj_slice_equal(scan.text, more->text));
    assert_true(nj_slice_equal(row.text, more->text));
    assert_int_equal(scan.reserve_count, more->reserve_count);
    assert_int_equal(row.reserve_count, more->reserve_count);
    const uint8_t *at = scan.reserve;
    for (size_t i = 0; i < more->reserve_count; i++) {
        nj_row_item item;
        char digits[NJ_ID_DIGITS_MAX];
        at = nj_row_item_read(at, &item);
        if (item.is_number) {
            item.text = (nj_slice){digits, nj_id_of_number(item.number, digits)};
        }
        assert_true(nj_slice_equal(item.text, more->reserve[i]));
        assert_true(nj_slice_equal(row.reserve[i], more->reserve[i]));
    }
}

// Beside each of a trace, a why and a text or without it, of every count that has another head, as it was packed and as a copy, and
// as a copy of a copy.
static void it_is_read_and_copied_whatever_stands_before_it(void **state)
{
    (void)state;
    static char ids[NJ_ROW_RESERVE_MAX][8];
    static nj_slice reserve[NJ_ROW_RESERVE_MAX];
    static const size_t COUNTS[] = {0, 1, 15, 16, NJ_ROW_RESERVE_MAX};
    const uint32_t trace[] = {3, 9};
    const nj_why why = {.source = NJ_SOURCE_BEAM, .raw = SCORE};
    for (size_t i = 0; i < NJ_ROW_RESERVE_MAX; i++) {
        snprintf(ids[i], sizeof ids[i], i % 2 == 0 ? "%zu" : "x%zu", 100 + i);
        reserve[i] = nj_slice_from(ids[i]);
    }
    for (size_t c = 0; c < 8 * sizeof COUNTS / sizeof COUNTS[0]; c++) {
        const nj_row_more more = {.trace = c & 1u ? trace : NULL,
                                  .trace_count = 2 * (c & 1u),
                                  .why = c & 2u ? &why : NULL,
                                  .text = c & 4u ? nj_slice_from("4.5") : (nj_slice){NULL, 0},
                                  .reserve = reserve,
                                  .reserve_count = COUNTS[c / 8]};
        nj_buffer bytes;
        nj_buffer copy;
        nj_buffer again;
        pack_example(&bytes, &more);
        nj_buffer_init(&copy, NJ_ROW_BYTES_MAX);
        nj_buffer_init(&again, NJ_ROW_BYTES_MAX);
        assert_int_equal(nj_row_copy(&copy, nj_buffer_slice(&bytes), 32, 7), NJ_OK);
        assert_int_equal(nj_row_copy(&again, nj_buffer_slice(&copy), 32, 8), NJ_OK);
        expect_reserve(nj_buffer_slice(&bytes), &more, 0);
        expect_reserve(nj_buffer_slice(&copy), &more, 7);
        expect_reserve(nj_buffer_slice(&again), &more, 8);
        nj_buffer_fini(&bytes);
        nj_buffer_fini(&copy);
        nj_buffer_fini(&again);
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
    row.reserve_count = 7; // of the row before
    assert_ok(nj_row_unpack(nj_buffer_slice(&without), &row, &err), &err);
    assert_int_equal(row.reserve_count, 0);
    assert_true(nj_row_scan_open(nj_buffer_slice(&without), &scan));
    assert_null(scan.reserve);
    nj_buffer_fini(&with);
    nj_buffer_fini(&without);
}

// A row of the largest list, trace, why, text and reserve of the longest ids.
static void the_largest_row_fits_its_bound(void **state)
{
    (void)state;
    static char longest[510];
    static nj_slice items[NJ_ROW_ITEMS_MAX];
    static float scores[NJ_ROW_ITEMS_MAX];
    static nj_why why[NJ_ROW_ITEMS_MAX];
    static uint32_t trace[NJ_ROW_TRACE_MAX];
    static char text[NJ_ROW_TEXT_BYTES_MAX];
    memset(longest, 'l', sizeof longest);
    memset(text, 't', sizeof text);
    for (size_t i = 0; i < NJ_ROW_ITEMS_MAX; i++) {
        items[i] = (nj_slice){longest, sizeof longest};
        for (unsigned stage = 0; stage < NJ_WHY_ADJUST_MAX; stage++) {
            why[i].adjust[stage] = 1;
        }
    }
    for (uint32_t i = 0; i < NJ_ROW_TRACE_MAX; i++) {
        trace[i] = UINT32_MAX - NJ_ROW_TRACE_MAX + i;
    }
    nj_buffer bytes;
    nj_buffer copy;
    nj_buffer_init(&bytes, NJ_ROW_BYTES_MAX);
    nj_buffer_init(&copy, NJ_ROW_BYTES_MAX);
    const nj_row_more more = {trace, NJ_ROW_TRACE_MAX,  why, {text, sizeof text},
                              items, NJ_ROW_RESERVE_MAX};
    assert_int_equal(
        nj_row_pack_more(&bytes, UINT32_MAX, items, scores, NJ_ROW_ITEMS_MAX, &HISTORY, &more),
        NJ_OK);
    assert_int_equal(nj_row_copy(&copy, nj_buffer_slice(&bytes), UINT32_MAX, NJ_ROW_AGE_MAX),
                     NJ_OK);
    nj_row_scan scan;
    assert_true(nj_row_scan_open(nj_buffer_slice(&copy), &scan));
    assert_int_equal(scan.reserve_count, NJ_ROW_RESERVE_MAX);
    nj_buffer_fini(&bytes);
    nj_buffer_fini(&copy);
}

static void fields_of_a_later_version_behind_it_are_passed_over(void **state)
{
    (void)state;
    static nj_row row;
    nj_error err = {0};
    nj_buffer bytes;
    nj_row_scan scan;
    pack_reserve(&bytes);
    bytes.bytes[0]++;
    assert_int_equal(nj_buffer_append(&bytes, "\x92\x01\xc0", 3), NJ_OK);
    assert_false(nj_row_scan_open(nj_buffer_slice(&bytes), &scan));
    assert_ok(nj_row_unpack(nj_buffer_slice(&bytes), &row, &err), &err);
    assert_int_equal(row.reserve_count, RESERVE_COUNT);
    nj_buffer_fini(&bytes);
}

static void expect_refused(const char *tail, size_t size, const char *why)
{
    static nj_row row;
    nj_error err = {0};
    nj_buffer bytes;
    nj_row_scan scan;
    pack_reserve(&bytes);
    bytes.size = 25; // up to the array's head
    assert_int_equal(nj_buffer_append(&bytes, tail, size), NJ_OK);
    assert_false(nj_row_scan_open(nj_buffer_slice(&bytes), &scan));
    assert_refused(nj_row_unpack(nj_buffer_slice(&bytes), &row, &err), NJ_INPUT, &err, why);
    assert_int_equal(nj_row_copy(&bytes, nj_buffer_slice(&bytes), 0, 1), NJ_INPUT);
    nj_buffer_fini(&bytes);
}

static void what_is_no_array_of_items_is_refused(void **state)
{
    (void)state;
    static char many[3 + NJ_ROW_RESERVE_MAX + 1] = "\xdc\x00\xc9"; // 201 times item 0
    expect_refused(many, sizeof many, "reserve");
    expect_refused("\xc0", 1, "reserve");                  // nil
    expect_refused("\x05", 1, "reserve");                  // a number
    expect_refused("\x91\xc0", 2, "reserve 0 is neither"); // an item that is none
    expect_refused("\x92\x05\xa0", 3, "reserve 1");        // an empty id
    expect_refused("\x91\xa1\n", 3, "reserve 0");          // a control character
    expect_refused("\x91\xff", 2, "reserve 0 is neither"); // a negative number
    expect_refused("\x91\x05\x05", 3, "");                 // a byte too many
}

static void expect_same(nj_slice bytes, const nj_row_scan *scan, const nj_row *row)
{
    const nj_why why = {.source = NJ_SOURCE_BEAM, .raw = SCORE};
    const nj_row_more more = {.trace_count = scan->trace_count,
                              .why = row->why.bytes != NULL ? &why : NULL,
                              .text = row->text,
                              .reserve = row->reserve,
                              .reserve_count = row->reserve_count};
    expect_reserve(bytes, &more, row->age);
}

static void the_quick_walk_never_accepts_what_unpacking_refuses(void **state)
{
    (void)state;
    const nj_why why = {.source = NJ_SOURCE_BEAM, .raw = SCORE};
    nj_buffer bytes;
    pack_example(&bytes,
                 &(nj_row_more){.why = &why, .reserve = RESERVE, .reserve_count = RESERVE_COUNT});
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
        cmocka_unit_test(the_largest_row_fits_its_bound),
        cmocka_unit_test(fields_of_a_later_version_behind_it_are_passed_over),
        cmocka_unit_test(what_is_no_array_of_items_is_refused),
        cmocka_unit_test(the_quick_walk_never_accepts_what_unpacking_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
