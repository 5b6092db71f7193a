// test_row_scan.c - the quick walk never accepts what nj_row_unpack refuses, and sees the same items.
#include "common/codec/row_scan.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/codec/row.h"
#include "tests/support/nj_test.h"

#define MUTATIONS 200000

// Of every form an item can have: numbers of 1, 2, 3, 5 and 9 bytes, texts with heads of 1, 2 and 3.
static void pack_row(nj_buffer *out)
{
    static char middle[200];
    static char longest[510];
    memset(middle, 'm', sizeof middle);
    memset(longest, 'l', sizeof longest);
    const nj_slice items[] = {nj_slice_from("7"),
                              nj_slice_from("200"),
                              nj_slice_from("60000"),
                              nj_slice_from("4000000000"),
                              nj_slice_from("18446744073709551615"),
                              nj_slice_from("007"),
                              nj_slice_from("caf\xc3\xa9"),
                              {middle, sizeof middle},
                              {longest, sizeof longest}};
    enum { COUNT = sizeof items / sizeof items[0] };
    const float scores[COUNT] = {0, -1, -2, -3, -4, -5, -6, -7, -3e38f};
    const nj_history_digest history = {{1, 2, 3, 4, 5, 6, 7, 8}};
    assert_int_equal(nj_row_pack(out, 5, items, scores, COUNT, &history), NJ_OK);
}

static void assert_same_items(const nj_row_scan *scan, const nj_row *row)
{
    assert_int_equal(scan->count, row->count);
    assert_int_equal(scan->flags, row->flags);
    const uint8_t *at = scan->items;
    for (size_t i = 0; i < row->count; i++) {
        nj_row_item item;
        char digits[NJ_ID_DIGITS_MAX];
        at = nj_row_item_read(at, &item);
        nj_slice id = item.text;
        if (item.is_number) {
            id = (nj_slice){digits, nj_id_of_number(item.number, digits)};
        }
        assert_true(nj_slice_equal(id, row->items[i]));
    }
}

static void every_form_of_item_is_read(void **state)
{
    (void)state;
    static nj_row row;
    nj_error err = {0};
    nj_row_scan scan;
    nj_buffer packed;
    nj_buffer_init(&packed, NJ_ROW_BYTES_MAX);
    pack_row(&packed);
    assert_true(nj_row_scan_open(nj_buffer_slice(&packed), &scan));
    assert_ok(nj_row_unpack(nj_buffer_slice(&packed), &row, &err), &err);
    assert_same_items(&scan, &row);
    nj_buffer_fini(&packed);
}

static void lists_of_every_length_are_read(void **state)
{
    (void)state;
    static nj_slice items[NJ_ROW_ITEMS_MAX];
    static float scores[NJ_ROW_ITEMS_MAX];
    const nj_history_digest history = {{0}};
    nj_row_scan scan;
    nj_buffer packed;
    nj_buffer_init(&packed, NJ_ROW_BYTES_MAX);
    for (size_t count = 0; count <= NJ_ROW_ITEMS_MAX; count++) {
        nj_buffer_clear(&packed);
        assert_int_equal(nj_row_pack(&packed, 0, items, scores, count, &history), NJ_OK);
        assert_true(nj_row_scan_open(nj_buffer_slice(&packed), &scan));
        assert_int_equal(scan.count, count);
        if (count < NJ_ROW_ITEMS_MAX) {
            items[count] = nj_slice_from("12");
        }
    }
    nj_buffer_fini(&packed);
}

static void what_is_cut_is_refused(void **state)
{
    (void)state;
    nj_row_scan scan;
    nj_buffer packed;
    nj_buffer_init(&packed, NJ_ROW_BYTES_MAX);
    pack_row(&packed);
    for (size_t size = 0; size < packed.size; size++) {
        char *exact = malloc(size + 1); // so that a sanitizer sees a byte too many
        memcpy(exact + 1, packed.bytes, size);
        assert_false(nj_row_scan_open((nj_slice){exact + 1, size}, &scan));
        assert_int_equal(nj_row_flags((nj_slice){exact + 1, size}), size < 3 ? 0 : 5);
        free(exact);
    }
    nj_buffer_fini(&packed);
}

static void it_never_accepts_what_unpack_refuses(void **state)
{
    (void)state;
    static nj_row row;
    nj_row_scan scan;
    nj_buffer packed;
    unsigned accepted = 0;
    nj_buffer_init(&packed, NJ_ROW_BYTES_MAX);
    pack_row(&packed);
    srand(3);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        // The first bytes hold most of the structure: they are changed most of the time.
        size_t reach = rand() % 4 != 0 ? 64 : packed.size;
        size_t place = (size_t)rand() % reach;
        char before = ((char *)packed.bytes)[place];
        ((char *)packed.bytes)[place] = (char)rand();
        if (nj_row_scan_open(nj_buffer_slice(&packed), &scan)) {
            accepted++;
            assert_int_equal(nj_row_unpack(nj_buffer_slice(&packed), &row, NULL), NJ_OK);
            assert_int_equal(nj_row_flags(nj_buffer_slice(&packed)), row.flags);
            assert_same_items(&scan, &row);
        }
        ((char *)packed.bytes)[place] = before;
    }
    assert_in_range(accepted, MUTATIONS / 100, MUTATIONS - MUTATIONS / 100);
    nj_buffer_fini(&packed);
}

static void a_trace_is_read_and_copied_and_a_crooked_one_is_not(void **state)
{
    (void)state;
    static nj_row row;
    nj_error err = {0};
    nj_row_scan scan;
    nj_buffer packed;
    nj_buffer copy;
    uint32_t trace[NJ_ROW_TRACE_MAX];
    const nj_slice items[] = {nj_slice_from("7"), nj_slice_from("a")};
    const float scores[] = {-1, -2};
    const nj_history_digest history = {{8, 7, 6, 5, 4, 3, 2, 1}};
    static const size_t COUNTS[] = {0, 1, 63, 64, 300, NJ_ROW_TRACE_MAX};
    nj_buffer_init(&packed, NJ_ROW_BYTES_MAX);
    nj_buffer_init(&copy, NJ_ROW_BYTES_MAX);
    for (uint32_t i = 0; i < NJ_ROW_TRACE_MAX; i++) {
        trace[i] = i * 4000000 + 3;
    }
    for (size_t c = 0; c < sizeof COUNTS / sizeof COUNTS[0]; c++) {
        nj_buffer_clear(&packed);
        nj_buffer_clear(&copy);
        assert_int_equal(nj_row_pack_more(&packed, 1, items, scores, 2, &history,
                                          &(nj_row_more){.trace = trace, .trace_count = COUNTS[c]}),
                         NJ_OK);
        assert_true(nj_row_scan_open(nj_buffer_slice(&packed), &scan));
        assert_int_equal(scan.age, 0);
        assert_int_equal(scan.trace_count, COUNTS[c]);
        assert_int_equal(nj_row_copy(&copy, nj_buffer_slice(&packed), 33, 4), NJ_OK);
        assert_true(nj_row_scan_open(nj_buffer_slice(&copy), &scan));
        assert_int_equal(scan.age, 4);
        assert_int_equal(scan.trace_count, COUNTS[c]);
        for (uint32_t i = 0; i < COUNTS[c]; i++) {
            assert_int_equal(nj_row_trace_at(scan.trace, i), trace[i]);
        }
        assert_ok(nj_row_unpack(nj_buffer_slice(&copy), &row, &err), &err);
        assert_same_items(&scan, &row);
    }
    trace[5] = trace[4];
    nj_buffer_clear(&packed);
    assert_int_equal(nj_row_pack_more(&packed, 1, items, scores, 2, &history,
                                      &(nj_row_more){.trace = trace, .trace_count = 9}),
                     NJ_OK);
    assert_false(nj_row_scan_open(nj_buffer_slice(&packed), &scan));
    packed.size--;
    assert_false(nj_row_scan_open(nj_buffer_slice(&packed), &scan));
    nj_buffer_fini(&packed);
    nj_buffer_fini(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_item_is_read),
        cmocka_unit_test(a_trace_is_read_and_copied_and_a_crooked_one_is_not),
        cmocka_unit_test(lists_of_every_length_are_read),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(it_never_accepts_what_unpack_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
