// test_live_rows.c - the rows that stand in a leaf are live, the others are not.
#include "common/sid/live_rows.h"

#include "common/sid/trie_build.h"
#include "tests/support/nj_test.h"

#define ROWS 131 // more than two words of bits

static void rows_of_leaves_are_live_and_retired_rows_are_not(void **state)
{
    (void)state;
    uint16_t codes[ROWS][2];
    uint8_t retired[ROWS] = {0};
    for (uint16_t row = 0; row < ROWS; row++) {
        codes[row][0] = row % 3;
        codes[row][1] = row / 6; // every second row of a third shares a leaf
        retired[row] = row % 5 == 2 || row == ROWS - 1;
    }
    const nj_sids sids = {&codes[0][0], ROWS, 2, {3, 100}, retired};
    nj_error err = {0};
    nj_buffer bytes;
    nj_trie trie;
    nj_live_rows live = {0};
    nj_buffer_init(&bytes, 1 << 20);
    assert_ok(nj_trie_build(&sids, &bytes, &err), &err);
    assert_ok(nj_trie_open(bytes.bytes, bytes.size, ROWS, &trie, &err), &err);
    assert_ok(nj_live_rows_init(&trie, ROWS, &live, &err), &err);

    uint32_t count = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        assert_int_equal(nj_live_rows_has(&live, row), !retired[row]);
        count += !retired[row];
    }
    assert_int_equal(live.live_count, count);
    nj_live_rows_fini(&live);
    nj_live_rows_fini(&live);
    nj_buffer_fini(&bytes);
}

static void without_bits_every_row_is_live(void **state)
{
    (void)state;
    const nj_live_rows all = {0};
    assert_true(nj_live_rows_has(&all, 0));
    assert_true(nj_live_rows_has(&all, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_leaves_are_live_and_retired_rows_are_not),
        cmocka_unit_test(without_bits_every_row_is_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
