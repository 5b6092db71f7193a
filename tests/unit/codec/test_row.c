// test_row.c - the stored value: round trip, golden bytes, refusals, JSON form.
#include "common/codec/row.h"

#include "tests/support/nj_test.h"

static const nj_history_digest HISTORY = {{1, 2, 3, 4, 5, 6, 7, 8}};

static void pack_example(nj_buffer *buffer)
{
    nj_slice items[] = {nj_slice_from("17"), nj_slice_from("007"), nj_slice_from("x\"y")};
    float scores[] = {-1.25f, -2.5f, -3.0f};
    nj_buffer_init(buffer, 4096);
    assert_int_equal(nj_row_pack(buffer, NJ_ROW_WIDENED, items, scores, 3, &HISTORY), NJ_OK);
}

static void the_bytes_of_version_1_never_change(void **state)
{
    (void)state;
    static const uint8_t GOLDEN[] = {0x95, 1,    2,   0x93, 17,   0xa3, '0',  '0', '7', 0xa3,
                                     'x',  '"',  'y', 0x93, 0xca, 0xbf, 0xa0, 0,   0,   0xca,
                                     0xc0, 0x20, 0,   0,    0xca, 0xc0, 0x40, 0,   0,   0xc4,
                                     8,    1,    2,   3,    4,    5,    6,    7,   8};
    nj_buffer buffer;
    pack_example(&buffer);
    assert_int_equal(buffer.size, sizeof GOLDEN);
    assert_memory_equal(buffer.bytes, GOLDEN, sizeof GOLDEN);
    nj_buffer_fini(&buffer);
}

static void a_row_prints_as_the_documented_json(void **state)
{
    (void)state;
    static nj_row row;
    nj_error err = {0};
    nj_buffer buffer;
    pack_example(&buffer);
    nj_buffer json;
    nj_buffer_init(&json, 4096);
    assert_ok(nj_row_unpack(nj_buffer_slice(&buffer), &row, &err), &err);
    assert_int_equal(nj_row_json(&json, nj_slice_from("u1"), &row), NJ_OK);
    assert_int_equal(nj_buffer_append(&json, "", 1), NJ_OK);
    assert_string_equal((char *)json.bytes,
                        "{\"user\": \"u1\", \"items\": [\"17\", \"007\", \"x\\\"y\"], "
                        "\"scores\": [-1.25, -2.5, -3], \"flags\": [\"widened\"]}");
    nj_buffer_fini(&json);
    nj_buffer_fini(&buffer);
}

static void cut_and_flipped_rows_never_crash_and_cuts_are_refused(void **state)
{
    (void)state;
    static nj_row row;
    nj_error err = {0};
    nj_buffer buffer;
    pack_example(&buffer);
    for (size_t size = 0; size < buffer.size; size++) {
        assert_int_equal(nj_row_unpack((nj_slice){(char *)buffer.bytes, size}, &row, &err),
                         NJ_INPUT);
    }
    unsigned refused = 0;
    for (size_t bit = 0; bit < buffer.size * 8; bit++) {
        buffer.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        refused += nj_row_unpack(nj_buffer_slice(&buffer), &row, &err) == NJ_INPUT;
        buffer.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(refused > buffer.size); // most flips of structure; flips of a score or digit pass
    nj_buffer_fini(&buffer);
}

static void expect_same_judgement(nj_slice bytes, unsigned *accepted)
{
    static nj_row row;
    nj_error by_check = {0};
    nj_error by_unpack = {0};
    nj_status check = nj_row_check(bytes, &row, &by_check);
    assert_int_equal(check, nj_row_unpack(bytes, &row, &by_unpack));
    assert_string_equal(by_check.text, by_unpack.text);
    *accepted += check == NJ_OK;
}

// Rows of all shapes that nj_row_pack makes, whole and with one or two bytes changed.
static void the_quick_check_judges_as_unpacking_does(void **state)
{
    (void)state;
    static const char *const IDS[] = {"0",
                                      "127",
                                      "128",
                                      "255",
                                      "65536",
                                      "4294967296",
                                      "18446744073709551615",
                                      "007",
                                      "x",
                                      "verger-03",
                                      "an id of more than thirty-one bytes, as text",
                                      "\xc3\xa9"};
    uint64_t random = 1;
    unsigned accepted = 0;
    nj_slice items[40];
    float scores[40];
    for (unsigned round = 0; round < 20000; round++) {
        nj_buffer row;
        size_t count = round % 40;
        for (size_t i = 0; i < count; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            items[i] = nj_slice_from(IDS[(random >> 33) % (sizeof IDS / sizeof IDS[0])]);
            scores[i] = -(float)(random >> 40) / 1000.0f;
        }
        nj_buffer_init(&row, 4096);
        assert_int_equal(nj_row_pack(&row, round % 200, items, scores, count, &HISTORY), NJ_OK);
        if (round % 3 == 0) {
            nj_buffer copy;
            nj_buffer_init(&copy, 4096);
            assert_int_equal(nj_row_copy(&copy, nj_buffer_slice(&row), NJ_ROW_COPIED, 1 + round),
                             NJ_OK);
            nj_buffer_fini(&row);
            row = copy;
        }
        for (unsigned change = round % 4; change > 1; change--) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            row.bytes[(random >> 33) % row.size] ^= (uint8_t)(1u << (random >> 56) % 8);
        }
        expect_same_judgement(nj_buffer_slice(&row), &accepted);
        nj_buffer_fini(&row);
    }
    assert_in_range(accepted, 10000, 19999);
}

// Head, flags and age are the copy's; what lies between is taken as it is, also from a row that was a copy itself.
static void a_copy_has_the_same_list_with_its_own_flags_and_age(void **state)
{
    (void)state;
    static nj_row row;
    nj_error err = {0};
    nj_buffer first, second, third;
    const nj_slice items[] = {nj_slice_from("7"), nj_slice_from("x")};
    const float scores[] = {-0.5f, -1.5f};
    nj_buffer_init(&first, 4096);
    nj_buffer_init(&second, 4096);
    nj_buffer_init(&third, 4096);
    assert_int_equal(nj_row_pack(&first, NJ_ROW_SHORT, items, scores, 2, &HISTORY), NJ_OK);
    assert_int_equal(nj_row_copy(&second, nj_buffer_slice(&first), NJ_ROW_SHORT | NJ_ROW_COPIED, 1),
                     NJ_OK);
    assert_int_equal(second.bytes[0], 0x96);
    assert_int_equal(second.size, first.size + 1);
    assert_memory_equal(second.bytes + 3, first.bytes + 3, first.size - 3);
    assert_int_equal(second.bytes[first.size], 1);

    assert_int_equal(
        nj_row_copy(&third, nj_buffer_slice(&second), NJ_ROW_COPIED | 1u << 20, NJ_ROW_AGE_MAX),
        NJ_OK);
    assert_ok(nj_row_unpack(nj_buffer_slice(&third), &row, &err), &err);
    assert_int_equal(row.flags, NJ_ROW_COPIED | 1u << 20);
    assert_int_equal(row.age, NJ_ROW_AGE_MAX);
    assert_int_equal(row.count, 2);
    assert_true(nj_slice_equal(row.items[1], items[1]));
    assert_memory_equal(&row.scores[1], &scores[1], sizeof scores[1]);
    assert_memory_equal(&row.history, &HISTORY, sizeof row.history);
    first.bytes[1] = 2; // another version's
    assert_int_equal(nj_row_copy(&third, nj_buffer_slice(&first), NJ_ROW_COPIED, 1), NJ_INPUT);
    nj_buffer_fini(&first);
    nj_buffer_fini(&second);
    nj_buffer_fini(&third);
}

static void unequal_counts_nan_scores_and_newer_versions_are_refused(void **state)
{
    (void)state;
    static nj_row row;
    nj_error err = {0};
    static const uint8_t UNEQUAL[] = {0x95, 1, 0, 0x91, 1, 0x90, 0xc4, 8, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t NOT_FINITE[] = {0x95, 1, 0, 0x91, 1, 0x91, 0xca, 0x7f, 0xc0, 0, 0,
                                         0xc4, 8, 0, 0,    0, 0,    0,    0,    0,    0};
    static const uint8_t NEWER[] = {0x95, 2, 0, 0x90, 0x90, 0xc4, 8, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t TAIL[] = {0x97, 1, 0, 0x90, 0x90, 0xc4, 8, 0,   0,
                                   0,    0, 0, 0,    0,    0,    7, 0xc3};
    static const uint8_t NO_AGE[] = {0x96, 1, 0, 0x90, 0x90, 0xc4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0xc3};
    assert_refused(nj_row_unpack((nj_slice){(const char *)UNEQUAL, sizeof UNEQUAL}, &row, &err),
                   NJ_INPUT, &err, "1 items but 0 scores");
    assert_refused(
        nj_row_unpack((nj_slice){(const char *)NOT_FINITE, sizeof NOT_FINITE}, &row, &err),
        NJ_INPUT, &err, "finite");
    assert_refused(nj_row_unpack((nj_slice){(const char *)NEWER, sizeof NEWER}, &row, &err),
                   NJ_INPUT, &err, "version 2");
    assert_refused(nj_row_unpack((nj_slice){(const char *)NO_AGE, sizeof NO_AGE}, &row, &err),
                   NJ_INPUT, &err, "age");
    assert_ok(nj_row_unpack((nj_slice){(const char *)TAIL, sizeof TAIL}, &row, &err), &err);
    assert_int_equal(row.age, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_of_version_1_never_change),
        cmocka_unit_test(a_row_prints_as_the_documented_json),
        cmocka_unit_test(cut_and_flipped_rows_never_crash_and_cuts_are_refused),
        cmocka_unit_test(the_quick_check_judges_as_unpacking_does),
        cmocka_unit_test(a_copy_has_the_same_list_with_its_own_flags_and_age),
        cmocka_unit_test(unequal_counts_nan_scores_and_newer_versions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
