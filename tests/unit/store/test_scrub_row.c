// test_scrub_row.c - items out of a row, with everything that belongs to them.
#include "common/store/scrub_row.h"

#include <stdlib.h>

#include "tests/support/nj_test.h"

typedef struct {
    nj_erase_set set;
    nj_scrub_text text;
    nj_scrub_row *scrub;
    nj_buffer row;
    nj_row *out;
} rows;

static int open_rows(void **state)
{
    nj_error err = {0};
    rows *r = calloc(1, sizeof *r);
    nj_erase_set_init(&r->set);
    assert_ok(nj_erase_ids_add(&r->set.items, nj_slice_from("22"), &err), &err);
    assert_ok(nj_erase_ids_add(&r->set.items, nj_slice_from("sought-item"), &err), &err);
    assert_ok(nj_scrub_text_init(&r->text, &r->set, &err), &err);
    assert_ok(nj_scrub_row_new(&r->set, &r->text, &r->scrub, &err), &err);
    nj_buffer_init(&r->row, NJ_ROW_BYTES_MAX);
    r->out = malloc(sizeof *r->out);
    *state = r;
    return 0;
}

static int close_rows(void **state)
{
    rows *r = *state;
    nj_scrub_row_free(&r->scrub);
    nj_scrub_text_fini(&r->text);
    nj_erase_set_fini(&r->set);
    nj_buffer_fini(&r->row);
    free(r->out);
    free(r);
    return 0;
}

static const nj_history_digest HISTORY = {{1, 2, 3}};
static const float SCORES[] = {-1.0f, -2.0f, -3.0f};

static void write_row(rows *r, uint64_t named)
{
    nj_error err = {0};
    uint8_t found[2] = {0};
    uint64_t count = 0;
    const nj_slice row = nj_buffer_slice(&r->row);
    assert_ok(nj_scrub_row_count(r->scrub, row, found, &count, &err), &err);
    assert_int_equal(count, named);
    assert_ok(nj_scrub_row_write(r->scrub, row, &err), &err);
    assert_ok(nj_row_unpack(nj_buffer_slice(&r->scrub->bytes), r->out, &err), &err);
    assert_ok(nj_scrub_row_count(r->scrub, nj_buffer_slice(&r->scrub->bytes), found, &count, &err),
              &err);
    assert_int_equal(count, 0);
}

static void scores_why_and_reserve_go_with_their_items(void **state)
{
    rows *r = *state;
    const nj_slice items[] = {nj_slice_from("22"), nj_slice_from("kept"),
                              nj_slice_from("sought-item")};
    const nj_slice reserve[] = {nj_slice_from("5"), nj_slice_from("sought-items"),
                                nj_slice_from("sought-item")};
    const nj_why why[] = {{.source = NJ_SOURCE_BEAM, .raw = -1.5f},
                          {.source = NJ_SOURCE_BEAM, .raw = -2.5f, .adjust = {0.5f}},
                          {.source = NJ_SOURCE_BEAM, .raw = -3.5f}};
    const uint32_t trace[] = {1, 9};
    const nj_row_more more = {
        .why = why, .trace = trace, .trace_count = 2, .reserve = reserve, .reserve_count = 2};
    nj_buffer young;
    nj_buffer_init(&young, NJ_ROW_BYTES_MAX);
    assert_int_equal(nj_row_pack_more(&young, NJ_ROW_COPIED, items, SCORES, 2, &HISTORY, &more),
                     NJ_OK);
    assert_int_equal(nj_row_copy(&r->row, nj_buffer_slice(&young), NJ_ROW_COPIED, 3), NJ_OK);
    nj_buffer_fini(&young);
    write_row(r, 1);
    assert_int_equal(r->out->count, 1);
    assert_true(nj_slice_equal(r->out->items[0], items[1]));
    assert_true(r->out->scores[0] == SCORES[1]);
    assert_int_equal(r->out->flags, NJ_ROW_COPIED | NJ_ROW_SHORT);
    assert_int_equal(r->out->age, 3);
    assert_int_equal(r->out->reserve_count, 2);
    nj_why left;
    nj_slice bytes = r->out->why;
    assert_true(nj_why_next(&bytes, &left));
    assert_true(left.raw == -2.5f && left.adjust[0] == 0.5f && bytes.size == 0);
}

static void a_reserve_alone_leaves_the_list_as_long_as_it_was(void **state)
{
    rows *r = *state;
    const nj_slice items[] = {nj_slice_from("1"), nj_slice_from("2")};
    const nj_slice reserve[] = {nj_slice_from("22"), nj_slice_from("sought-item")};
    const nj_row_more more = {.reserve = reserve, .reserve_count = 2};
    assert_int_equal(nj_row_pack_more(&r->row, 0, items, SCORES, 2, &HISTORY, &more), NJ_OK);
    write_row(r, 2);
    assert_int_equal(r->out->count, 2);
    assert_int_equal(r->out->reserve_count, 0);
    assert_int_equal(r->out->flags, 0);
}

static void an_answer_that_quotes_one_is_emptied(void **state)
{
    rows *r = *state;
    const nj_row_more more = {.text = nj_slice_from("I like the sought-item, and 22 more.")};
    assert_int_equal(nj_row_pack_more(&r->row, 0, NULL, NULL, 0, &HISTORY, &more), NJ_OK);
    write_row(r, 1);
    assert_int_equal(r->out->text.size, 0);
    assert_int_equal(r->out->flags, NJ_ROW_SHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scores_why_and_reserve_go_with_their_items, open_rows,
                                        close_rows),
        cmocka_unit_test_setup_teardown(a_reserve_alone_leaves_the_list_as_long_as_it_was,
                                        open_rows, close_rows),
        cmocka_unit_test_setup_teardown(an_answer_that_quotes_one_is_emptied, open_rows,
                                        close_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
