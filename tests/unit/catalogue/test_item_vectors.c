// test_item_vectors.c - vectors of items as a section: lengths, order by ids, what comes back, and what is refused.
#include "common/catalogue/item_vectors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define ROWS 4
#define WIDTH 3

static const float FILE_ROWS[ROWS * WIDTH] = {3, 0, 4, 0, 0, 0, -1, 1e-3f, 2, 0, 1e-30f, 0};

typedef struct {
    nj_idlist_builder builders[2];
    nj_buffer lists[2];
    nj_idlist items;
    nj_idlist ids; // of the file's rows
    nj_npy npy;
    nj_buffer section;
} shelf;

static void fill_list(shelf *s, size_t which, const char *const *names, size_t count,
                      nj_idlist *out)
{
    nj_error err = {0};
    nj_idlist_builder_init(&s->builders[which]);
    nj_buffer_init(&s->lists[which], 1 << 20);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(nj_idlist_builder_add(&s->builders[which], nj_slice_from(names[i])),
                         NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&s->builders[which], &s->lists[which]), NJ_OK);
    assert_ok(nj_idlist_open(s->lists[which].bytes, s->lists[which].size, "ids", out, &err), &err);
}

static void open_shelf(void **state, shelf *s)
{
    nj_error err = {0};
    static const char *const ITEMS[] = {"a", "b", "c", "d"};
    static const char *const IDS[] = {"x", "d", "c", "a"}; // "b" is missing, "x" is no item
    const size_t shape[] = {ROWS, WIDTH};
    fill_list(s, 0, ITEMS, ROWS, &s->items);
    fill_list(s, 1, IDS, ROWS, &s->ids);
    nj_buffer_init(&s->section, 1 << 20);
    const char *path = sandbox_path(state, "vectors.npy");
    assert_ok(nj_npy_write(path, NJ_NPY_F32, shape, 2, FILE_ROWS, &err), &err);
    assert_ok(nj_npy_open(path, &s->npy, &err), &err);
}

static void close_shelf(shelf *s)
{
    for (size_t i = 0; i < 2; i++) {
        nj_idlist_builder_fini(&s->builders[i]);
        nj_buffer_fini(&s->lists[i]);
    }
    nj_npy_close(&s->npy);
    nj_buffer_fini(&s->section);
}

// Opened as a bundle has it: aligned to 64. The copy is the caller's.
static nj_status open_copy(const shelf *s, size_t size, uint32_t row_count, void **out_copy,
                           nj_item_vectors *out, nj_error *err)
{
    assert_int_equal(posix_memalign(out_copy, 64, s->section.size), 0);
    memcpy(*out_copy, s->section.bytes, s->section.size);
    return nj_item_vectors_open(*out_copy, size, row_count, out, err);
}

// Row `row` of the section is the file's row `from` at length 1, exactly or to half precision.
static void assert_row(const nj_item_vectors *v, uint32_t row, size_t from)
{
    float x[WIDTH];
    double square = 0;
    nj_item_vectors_row(v, row, x);
    for (size_t d = 0; d < WIDTH; d++) {
        square += (double)FILE_ROWS[from * WIDTH + d] * (double)FILE_ROWS[from * WIDTH + d];
    }
    for (size_t d = 0; d < WIDTH; d++) {
        const float expected =
            square > 0 ? (float)((double)FILE_ROWS[from * WIDTH + d] / sqrt(square)) : 0;
        const float kept =
            v->form == NJ_VECTORS_F16 ? nj_f32_of_f16(nj_f16_of_f32(expected)) : expected;
        assert_memory_equal(&x[d], &kept, sizeof kept);
    }
    assert_int_equal(nj_item_vectors_is_zero(v, row), square == 0);
}

static void check_form(void **state, nj_vector_form form)
{
    shelf s;
    nj_error err = {0};
    nj_item_vectors v;
    void *copy = NULL;
    open_shelf(state, &s);
    assert_ok(nj_item_vectors_write(&s.npy, &s.items, NULL, form, &s.section, &err), &err);
    assert_ok(open_copy(&s, s.section.size, ROWS, &copy, &v, &err), &err);
    assert_int_equal(v.width, WIDTH);
    assert_int_equal(v.zero_count, 1);
    for (uint32_t row = 0; row < ROWS; row++) {
        assert_row(&v, row, row);
    }
    free(copy);
    close_shelf(&s);
}

static void rows_come_back_at_length_one(void **state)
{
    check_form(state, NJ_VECTORS_F32);
}

static void rows_come_back_in_half_precision(void **state)
{
    check_form(state, NJ_VECTORS_F16);
}

static void rows_find_their_items_by_id_and_others_have_no_vector(void **state)
{
    shelf s;
    nj_error err = {0};
    nj_item_vectors v;
    void *copy = NULL;
    open_shelf(state, &s);
    assert_ok(nj_item_vectors_write(&s.npy, &s.items, &s.ids, NJ_VECTORS_F32, &s.section, &err),
              &err);
    assert_ok(open_copy(&s, s.section.size, ROWS, &copy, &v, &err), &err);
    assert_row(&v, 0, 3);
    assert_true(nj_item_vectors_is_zero(&v, 1));
    assert_row(&v, 2, 2);
    assert_row(&v, 3, 1);
    free(copy);
    close_shelf(&s);
}

// Opened as a bundle has it, with `bytes` written over its own at `at`.
static nj_status open_changed(const shelf *s, size_t at, const void *bytes, size_t size,
                              nj_item_vectors *out, float *out_first, nj_error *err)
{
    void *copy = NULL;
    assert_int_equal(posix_memalign(&copy, 64, s->section.size), 0);
    memcpy(copy, s->section.bytes, s->section.size);
    memcpy((char *)copy + at, bytes, size);
    const nj_status status = nj_collaborative_open(copy, s->section.size, ROWS, out, err);
    if (status == NJ_OK) {
        memcpy(out_first, out->f32, ROWS * WIDTH * sizeof *out_first);
    }
    free(copy);
    return status;
}

static void collaborative_rows_keep_their_bits_and_cold_items_are_zeros(void **state)
{
    shelf s;
    nj_error err = {0};
    nj_item_vectors v;
    float rows[ROWS * WIDTH];
    const float infinite = INFINITY;
    const uint32_t form = NJ_VECTORS_F32;
    open_shelf(state, &s);
    assert_ok(nj_item_vectors_write(&s.npy, &s.items, &s.ids, NJ_VECTORS_GIVEN, &s.section, &err),
              &err);
    assert_ok(open_changed(&s, 0, "N", 1, &v, rows, &err), &err);
    static const float NONE[WIDTH] = {0};
    static const size_t FROM[ROWS] = {3, 0, 2, 1}; // of "a", "b" (nothing), "c", "d"
    for (size_t row = 0; row < ROWS; row++) {
        const float *expected = row == 1 ? NONE : FILE_ROWS + FROM[row] * WIDTH;
        assert_memory_equal(rows + row * WIDTH, expected, WIDTH * sizeof(float));
    }
    assert_int_equal(v.zero_count, 2);
    assert_refused(open_changed(&s, 64, &infinite, 4, &v, rows, &err), NJ_INPUT, &err,
                   "collaborative: row 0 has length inf, must be finite");
    assert_refused(open_changed(&s, 20, &form, 4, &v, rows, &err), NJ_INPUT, &err,
                   "collaborative: 3 wide in form 0");
    close_shelf(&s);
}

static void files_that_do_not_fit_are_refused(void **state)
{
    shelf s;
    nj_error err = {0};
    nj_npy npy;
    open_shelf(state, &s);
    static const char *const THREE[] = {"a", "b", "c"};
    static const char *const TWICE[] = {"a", "b", "a", "d"};
    nj_idlist other;
    shelf t = {0};
    fill_list(&t, 0, THREE, 3, &other);
    assert_refused(nj_item_vectors_write(&s.npy, &other, NULL, NJ_VECTORS_F32, &s.section, &err),
                   NJ_INPUT, &err, "has 4 rows, the catalogue has 3");
    assert_refused(
        nj_item_vectors_write(&s.npy, &s.items, &other, NJ_VECTORS_F32, &s.section, &err), NJ_INPUT,
        &err, "has 4 rows, the ids of its rows are 3");
    fill_list(&t, 1, TWICE, 4, &other);
    assert_refused(
        nj_item_vectors_write(&s.npy, &s.items, &other, NJ_VECTORS_F32, &s.section, &err), NJ_INPUT,
        &err, "ids of vectors");
    const float bad[] = {1, NAN, 0, 0};
    const float zeros[4] = {0};
    const size_t flat[] = {4};
    const size_t tall[] = {4, 1};
    const char *path = sandbox_path(state, "bad.npy");
    const struct {
        const float *data;
        size_t dims;
        const char *says;
    } CASES[] = {{bad, 1, "is no matrix of one row an item"},
                 {bad, 2, "row 1, column 0"},
                 {zeros, 2, "no item of the catalogue has a row that is not all zeros"}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_ok(nj_npy_write(path, NJ_NPY_F32, CASES[i].dims == 1 ? flat : tall, CASES[i].dims,
                               CASES[i].data, &err),
                  &err);
        assert_ok(nj_npy_open(path, &npy, &err), &err);
        nj_buffer_clear(&s.section);
        assert_refused(
            nj_item_vectors_write(&npy, &s.items, NULL, NJ_VECTORS_F32, &s.section, &err), NJ_INPUT,
            &err, CASES[i].says);
        nj_npy_close(&npy);
    }
    for (size_t i = 0; i < 2; i++) {
        nj_idlist_builder_fini(&t.builders[i]);
        nj_buffer_fini(&t.lists[i]);
    }
    close_shelf(&s);
}

static void assert_change_refused(void **state, nj_vector_form form, size_t at, const void *bytes,
                                  size_t size, const char *says)
{
    shelf s;
    nj_error err = {0};
    nj_item_vectors v;
    void *copy = NULL;
    open_shelf(state, &s);
    assert_ok(nj_item_vectors_write(&s.npy, &s.items, NULL, form, &s.section, &err), &err);
    memcpy(s.section.bytes + at, bytes, size);
    assert_refused(open_copy(&s, s.section.size, ROWS, &copy, &v, &err), NJ_INPUT, &err, says);
    free(copy);
    close_shelf(&s);
}

static void hostile_sections_are_refused_by_their_rule(void **state)
{
    const uint32_t nine = 9;
    const uint32_t wide = 1u << 31;
    const uint32_t zero = 0;
    const float nan = NAN;
    const float two = 2;
    const uint16_t infinite = 0x7c00;
    assert_change_refused(state, NJ_VECTORS_F32, 0, "X", 1, "do not begin with \"NJVECTOR\"");
    assert_change_refused(state, NJ_VECTORS_F32, 8, &nine, 4, "version 9, this program reads 1");
    assert_change_refused(state, NJ_VECTORS_F32, 12, &nine, 4, "made for 9 rows");
    assert_change_refused(state, NJ_VECTORS_F32, 16, &wide, 4, "2147483648 wide in form 0");
    assert_change_refused(state, NJ_VECTORS_F32, 16, &zero, 4, "0 wide in form 0");
    assert_change_refused(state, NJ_VECTORS_F32, 16, &nine, 4, "4 rows of 9 need 208");
    const uint32_t given = NJ_VECTORS_GIVEN;
    assert_change_refused(state, NJ_VECTORS_F32, 20, &nine, 4, "3 wide in form 9");
    assert_change_refused(state, NJ_VECTORS_F32, 20, &given, 4, "3 wide in form 2");
    assert_change_refused(state, NJ_VECTORS_F32, 40, "x", 1, "3 wide in form 0");
    assert_change_refused(state, NJ_VECTORS_F32, 64, &nan, 4, "row 0 has length nan");
    assert_change_refused(state, NJ_VECTORS_F32, 64 + 12, &two, 4, "row 1 has length 2");
    assert_change_refused(state, NJ_VECTORS_F16, 64 + 6, &infinite, 2, "row 1 has length inf");
}

static void cut_sections_are_refused(void **state)
{
    shelf s;
    nj_error err = {0};
    nj_item_vectors v;
    open_shelf(state, &s);
    assert_ok(nj_item_vectors_write(&s.npy, &s.items, NULL, NJ_VECTORS_F16, &s.section, &err),
              &err);
    for (size_t size = 0; size < s.section.size; size++) {
        void *copy = NULL;
        assert_int_equal(open_copy(&s, size, ROWS, &copy, &v, &err), NJ_INPUT);
        free(copy);
    }
    close_shelf(&s);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(rows_come_back_at_length_one),
        IN_SANDBOX(rows_come_back_in_half_precision),
        IN_SANDBOX(rows_find_their_items_by_id_and_others_have_no_vector),
        IN_SANDBOX(collaborative_rows_keep_their_bits_and_cold_items_are_zeros),
        IN_SANDBOX(files_that_do_not_fit_are_refused),
        IN_SANDBOX(hostile_sections_are_refused_by_their_rule),
        IN_SANDBOX(cut_sections_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
