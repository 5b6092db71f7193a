#include <string.h>

#include "tests/support/histories_fixture.h"
#include "worker/train/sequences.h"

static const uint32_t LONG[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

static void every_label_is_in_one_window_and_held_out_items_are_in_none(void **state)
{
    (void)state;
    nj_error err = {0};
    histories_fixture f;
    nj_sequences s = {0};
    uint32_t items[9], labels[9], offset[4];
    histories_open(&f, 10);
    histories_add(&f, LONG, 10); // of which 8 may be learned from: 7 positions
    histories_add(&f, LONG, 3);  // too short
    histories_add(&f, (const uint32_t[]){9, 8, 7, 6}, 4);
    assert_ok(nj_sequences_init(&f.users, 3, 2, &s, &err), &err);
    assert_int_equal(s.count, 4); // 1, 3 and 3 positions; 1 position
    assert_int_equal(s.label_total, 8);
    const uint32_t numbers[] = {2, 3, 0};
    assert_int_equal(nj_sequences_labels(&s, numbers, 3), 5);
    const nj_sasrec_batch batch = nj_sequences_fill(&s, numbers, 3, items, offset, labels);
    assert_int_equal(batch.B, 3);
    assert_memory_equal(offset, ((uint32_t[]){0, 3, 4, 5}), sizeof offset);
    assert_memory_equal(items, ((uint32_t[]){4, 5, 6, 9, 0}), 5 * sizeof *items);
    assert_memory_equal(labels, ((uint32_t[]){5, 6, 7, 8, 1}), 5 * sizeof *labels);
    nj_sequences_fini(&s);
    histories_close(&f);
}

static void histories_that_are_too_short_are_refused_with_the_rule(void **state)
{
    (void)state;
    nj_error err = {0};
    histories_fixture f;
    nj_sequences s = {0};
    histories_open(&f, 10);
    histories_add(&f, LONG, 3);
    assert_int_equal(nj_sequences_init(&f.users, 3, 2, &s, &err), NJ_INPUT);
    assert_non_null(strstr(err.text, "none of 1 users has the 4 known items"));
    histories_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_label_is_in_one_window_and_held_out_items_are_in_none),
        cmocka_unit_test(histories_that_are_too_short_are_refused_with_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
