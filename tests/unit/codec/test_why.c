// test_why.c - why an item stands in a list: golden bytes, round trips, refusals, the JSON form, and as a field of a row.
#include "common/codec/why.h"

#include <float.h>

#include "tests/unit/codec/row_damage.h"

static const nj_slice ITEMS[] = {{"17", 2}, {"x", 1}};
static const float SCORES[] = {-1.5f, -0.25f};
static const nj_why WHY[] = {
    {.source = NJ_SOURCE_BEAM, .raw = -1.5f},
    {.source = NJ_SOURCE_COLD, .raw = 0.5f, .adjust = {-1, [NJ_ADJUST_BOOST] = 0.25f}}};

static void pack_example(nj_buffer *out, const uint32_t *trace, size_t trace_count)
{
    const nj_row_more more = {.trace = trace, .trace_count = trace_count, .why = WHY};
    nj_buffer_init(out, 4096);
    assert_int_equal(nj_row_pack_more(out, NJ_ROW_COLD_ITEMS, ITEMS, SCORES, 2, &HISTORY, &more),
                     NJ_OK);
}

static void the_bytes_never_change(void **state)
{
    (void)state;
    static const uint8_t GOLDEN[] = {0x98, 1, 0xcc, 0x80, 0x92, 17,   0xa1, 'x',  0x92, 0xca, 0xbf,
                                     0xc0, 0, 0,    0xca, 0xbe, 0x80, 0,    0,    0xc4, 8,    1,
                                     2,    3, 4,    5,    6,    7,    8,    0,    0xc0, 0xc4, 20,
                                     0,    0, 0,    0,    0xc0, 0xbf, 3,    0x05, 0,    0,    0,
                                     0x3f, 0, 0,    0x80, 0xbf, 0,    0,    0x80, 0x3e};
    nj_buffer row;
    pack_example(&row, NULL, 0);
    assert_int_equal(row.size, sizeof GOLDEN);
    assert_memory_equal(row.bytes, GOLDEN, sizeof GOLDEN);
    nj_buffer_fini(&row);
}

static void a_row_prints_it_as_documented(void **state)
{
    (void)state;
    nj_buffer bytes;
    pack_example(&bytes, NULL, 0);
    row_expect_json(
        &bytes,
        "{\"user\": \"u\", \"items\": [\"17\", \"x\"], \"scores\": [-1.5, -0.25], \"flags\": "
        "[\"cold_items\"], \"why\": [{\"source\": \"beam\", \"raw\": -1.5}, {\"source\": \"cold\", "
        "\"raw\": 0.5, \"adjust\": {\"fusion\": -1, \"boost\": 0.25}}]}");
    nj_buffer_fini(&bytes);
}

static void numbers_of_a_later_version_are_told_by_number(void **state)
{
    (void)state;
    const nj_why later = {.source = 200, .raw = 1, .adjust = {[7] = 2}};
    nj_buffer bytes;
    nj_buffer json;
    nj_buffer_init(&bytes, 4096);
    nj_buffer_init(&json, 4096);
    assert_int_equal(nj_why_append(&bytes, &later), NJ_OK);
    assert_true(nj_why_check(nj_buffer_slice(&bytes), 1));
    assert_int_equal(nj_why_json(&json, nj_buffer_slice(&bytes)), NJ_OK);
    assert_int_equal(nj_buffer_append(&json, "", 1), NJ_OK);
    assert_string_equal((char *)json.bytes,
                        "[{\"source\": \"source200\", \"raw\": 1, \"adjust\": {\"adjust7\": 2}}]");
    nj_buffer_fini(&bytes);
    nj_buffer_fini(&json);
}

static void whatever_is_packed_is_read_back(void **state)
{
    (void)state;
    uint64_t seed = 2;
    nj_why why;
    nj_buffer bytes;
    nj_buffer_init(&bytes, 4096);
    for (unsigned round = 0; round < 2000; round++) {
        nj_why packed = {.source = (uint32_t)(nj_rng_next(&seed) % 256),
                         .raw = (float)(int64_t)nj_rng_next(&seed)};
        size_t needed = 6;
        for (unsigned a = 0; a < NJ_WHY_ADJUST_MAX; a++) {
            packed.adjust[a] = nj_rng_next(&seed) % 2 == 0 ? 0 : (float)(int64_t)nj_rng_next(&seed);
            needed += packed.adjust[a] != 0 ? 4 : 0;
        }
        nj_buffer_clear(&bytes);
        assert_int_equal(nj_why_append(&bytes, &packed), NJ_OK);
        assert_int_equal(bytes.size, needed);
        assert_int_equal(nj_why_bytes(&packed), needed);
        nj_slice rest = nj_buffer_slice(&bytes);
        assert_true(nj_why_next(&rest, &why));
        assert_int_equal(rest.size, 0);
        assert_memory_equal(&why, &packed, sizeof why);
    }
    nj_buffer_fini(&bytes);
}

static void expect_refused(const uint8_t *bytes, size_t size, size_t count)
{
    uint8_t *exact = malloc(size + 1); // so that a sanitizer sees a byte too many
    memcpy(exact + 1, bytes, size);
    assert_false(nj_why_check((nj_slice){(char *)exact + 1, size}, count));
    free(exact);
}

static void what_is_cut_too_long_or_not_finite_is_refused(void **state)
{
    (void)state;
    nj_buffer bytes;
    nj_buffer_init(&bytes, 4096);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(nj_why_append(&bytes, &WHY[i]), NJ_OK);
    }
    assert_true(nj_why_check(nj_buffer_slice(&bytes), 2));
    for (size_t size = 0; size < bytes.size; size++) {
        expect_refused(bytes.bytes, size, 2);
    }
    expect_refused(bytes.bytes, bytes.size, 1);
    expect_refused(bytes.bytes, bytes.size, 3);
    static const uint8_t NAN_RAW[] = {0, 0, 0, 0, 0xc0, 0x7f};
    static const uint8_t INFINITE[] = {0, 1, 0, 0, 0, 0, 0, 0, 0x80, 0xff};
    static const uint8_t NOTHING[] = {0, 1, 0, 0, 0, 0, 0, 0, 0, 0x80};
    expect_refused(NAN_RAW, sizeof NAN_RAW, 1);
    expect_refused(INFINITE, sizeof INFINITE, 1);
    expect_refused(NOTHING, sizeof NOTHING,
                   1); // an adjustment of 0 is left out: one form for one row
    nj_buffer_fini(&bytes);
}

static void a_row_of_any_shape_keeps_it_through_scan_and_copy(void **state)
{
    (void)state;
    static nj_row row;
    static const uint32_t TRACE[] = {3, 900};
    nj_error err = {0};
    for (unsigned traced = 0; traced < 2; traced++) {
        nj_row_scan scan;
        nj_buffer first;
        nj_buffer copy;
        pack_example(&first, traced != 0 ? TRACE : NULL, traced * 2);
        nj_buffer_init(&copy, 4096);
        assert_true(nj_row_scan_open(nj_buffer_slice(&first), &scan));
        assert_int_equal(scan.trace != NULL, traced);
        assert_true(nj_why_check(scan.why, 2));
        assert_int_equal(nj_row_copy(&copy, nj_buffer_slice(&first), NJ_ROW_COPIED, 3), NJ_OK);
        assert_true(nj_row_scan_open(nj_buffer_slice(&copy), &scan));
        assert_int_equal(scan.age, 3);
        assert_int_equal(scan.trace_count, traced * 2);
        assert_ok(nj_row_unpack(nj_buffer_slice(&copy), &row, &err), &err);
        assert_true(nj_slice_equal(row.why, scan.why));
        nj_buffer_fini(&first);
        nj_buffer_fini(&copy);
    }
}

static void the_longest_row_fits_its_bound(void **state)
{
    (void)state;
    static nj_row row;
    static nj_slice items[NJ_ROW_ITEMS_MAX];
    static float scores[NJ_ROW_ITEMS_MAX];
    static nj_why why[NJ_ROW_ITEMS_MAX];
    static uint32_t trace[NJ_ROW_TRACE_MAX];
    static char id[510];
    nj_error err = {0};
    nj_row_scan scan;
    memset(id, 'i', sizeof id);
    for (uint32_t i = 0; i < NJ_ROW_TRACE_MAX; i++) {
        trace[i] = i;
    }
    for (uint32_t i = 0; i < NJ_ROW_ITEMS_MAX; i++) {
        items[i] = (nj_slice){id, sizeof id};
        why[i] = (nj_why){.source = 255, .raw = FLT_MAX};
        for (unsigned a = 0; a < NJ_WHY_ADJUST_MAX; a++) {
            why[i].adjust[a] = -FLT_MAX;
        }
    }
    nj_buffer packed;
    nj_buffer_init(&packed, NJ_ROW_BYTES_MAX);
    const nj_row_more more = {.trace = trace, .trace_count = NJ_ROW_TRACE_MAX, .why = why};
    assert_int_equal(
        nj_row_pack_more(&packed, UINT32_MAX, items, scores, NJ_ROW_ITEMS_MAX, &HISTORY, &more),
        NJ_OK);
    assert_true(nj_row_scan_open(nj_buffer_slice(&packed), &scan));
    assert_int_equal(scan.why.size, NJ_ROW_ITEMS_MAX * NJ_WHY_ITEM_BYTES_MAX);
    assert_ok(nj_row_unpack(nj_buffer_slice(&packed), &row, &err), &err);
    nj_buffer_fini(&packed);
}

static void a_row_whose_why_tells_of_other_items_is_refused(void **state)
{
    (void)state;
    static nj_row row;
    nj_error err = {0};
    nj_row_scan scan;
    nj_buffer bytes;
    pack_example(&bytes, NULL, 0);
    bytes.bytes[bytes.size - 13] = 0; // the set of the second item: what follows is too much
    assert_false(nj_row_scan_open(nj_buffer_slice(&bytes), &scan));
    assert_refused(nj_row_unpack(nj_buffer_slice(&bytes), &row, &err), NJ_INPUT, &err,
                   "20 bytes of why do not tell of 2 items");
    static const uint8_t NOT_BYTES[] = {0x98, 1, 0, 0x90, 0x90, 0xc4, 8, 0,    0,
                                        0,    0, 0, 0,    0,    0,    0, 0xc0, 7};
    assert_refused(nj_row_unpack((nj_slice){(const char *)NOT_BYTES, sizeof NOT_BYTES}, &row, &err),
                   NJ_INPUT, &err, "why");
    nj_buffer_fini(&bytes);
}

static void expect_same(nj_slice bytes, const nj_row_scan *scan, const nj_row *row)
{
    (void)bytes;
    assert_true(nj_slice_equal(scan->why, row->why));
}

static void the_quick_check_judges_hostile_rows_as_unpacking_does(void **state)
{
    (void)state;
    nj_buffer bytes;
    pack_example(&bytes, NULL, 0);
    const unsigned accepted = row_expect_walk_is_strict(&bytes, expect_same);
    assert_in_range(accepted, ROW_MUTATIONS / 4, ROW_MUTATIONS - ROW_MUTATIONS / 10);
    nj_buffer_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_never_change),
        cmocka_unit_test(a_row_prints_it_as_documented),
        cmocka_unit_test(numbers_of_a_later_version_are_told_by_number),
        cmocka_unit_test(whatever_is_packed_is_read_back),
        cmocka_unit_test(what_is_cut_too_long_or_not_finite_is_refused),
        cmocka_unit_test(a_row_of_any_shape_keeps_it_through_scan_and_copy),
        cmocka_unit_test(the_longest_row_fits_its_bound),
        cmocka_unit_test(a_row_whose_why_tells_of_other_items_is_refused),
        cmocka_unit_test(the_quick_check_judges_hostile_rows_as_unpacking_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
