// test_tfidf.c - the matrix beside the formula, element by element.
#include "common/text/tfidf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/nj_test.h"

// Values are float32 and at most 1.
#define TOLERANCE 1e-7

static const nj_tfidf_config ALL_WORDS = {.items_min = 1, .words_max = 1000};

static void add(nj_tfidf *tfidf, const char *text)
{
    nj_error err = {0};
    const nj_text_field field = {nj_slice_from(text), 1, 0};
    assert_ok(nj_tfidf_add(tfidf, &field, 1, &err), &err);
}

static nj_sparse finish(nj_tfidf *tfidf)
{
    nj_sparse matrix;
    nj_error err = {0};
    assert_ok(nj_tfidf_finish(tfidf, &matrix, &err), &err);
    return matrix;
}

static double value_at(const nj_sparse *m, size_t row, uint32_t column)
{
    for (uint64_t e = m->starts[row]; e < m->starts[row + 1]; e++) {
        if (m->entries[e].column == column) {
            return (double)m->entries[e].value;
        }
    }
    return 0;
}

#define assert_near(a, b) assert_true(fabs((a) - (b)) < TOLERANCE)

// Three rows; columns in the order of their first appearance: red, nail, polish, file, blue.
static void values_are_scikit_learns(void **state)
{
    (void)state;
    nj_tfidf tfidf;
    nj_tfidf_init(&tfidf, &ALL_WORDS);
    add(&tfidf, "red nail polish, red");
    add(&tfidf, "nail file");
    add(&tfidf, "blue polish");
    const nj_sparse m = finish(&tfidf);
    assert_int_equal(m.row_count, 3);
    assert_int_equal(m.column_count, 5);
    const double rare = log(4.0 / 2.0) + 1;   // in one row of three
    const double common = log(4.0 / 3.0) + 1; // in two
    const double red = (1 + log(2.0)) * rare;
    const double length = sqrt(red * red + 2 * common * common);
    assert_near(value_at(&m, 0, 0), red / length);
    assert_near(value_at(&m, 0, 1), common / length);
    assert_near(value_at(&m, 0, 2), common / length);
    assert_near(value_at(&m, 1, 3), rare / hypot(rare, common));
    assert_near(value_at(&m, 2, 4), rare / hypot(rare, common));
    assert_int_equal(m.starts[3], 7);
    nj_tfidf_fini(&tfidf);
}

static void counts_may_stand_as_they_are_and_weights_multiply_them(void **state)
{
    (void)state;
    nj_tfidf tfidf;
    nj_error err = {0};
    nj_tfidf_config config = ALL_WORDS;
    config.has_plain_counts = true;
    const nj_text_field fields[] = {{nj_slice_from("red"), 3, 0},
                                    {nj_slice_from("blue red"), 1, 0}};
    nj_tfidf_init(&tfidf, &config);
    assert_ok(nj_tfidf_add(&tfidf, fields, 2, &err), &err);
    const nj_sparse m = finish(&tfidf);
    assert_near(value_at(&m, 0, 0), 4 / sqrt(17.0));
    assert_near(value_at(&m, 0, 1), 1 / sqrt(17.0));
    nj_tfidf_fini(&tfidf);
}

static void pairs_stay_within_a_field(void **state)
{
    (void)state;
    nj_tfidf tfidf;
    nj_error err = {0};
    nj_tfidf_config config = ALL_WORDS;
    config.has_pairs = true;
    const nj_text_field fields[] = {{nj_slice_from("red nail polish"), 1, 0},
                                    {nj_slice_from("nail polish"), 1, 0}};
    nj_tfidf_init(&tfidf, &config);
    assert_ok(nj_tfidf_add(&tfidf, fields, 2, &err), &err);
    const nj_sparse m = finish(&tfidf); // red, nail, "red nail", polish, "nail polish"
    assert_int_equal(m.column_count, 5);
    assert_near(value_at(&m, 0, 4) / value_at(&m, 0, 2), 1 + log(2.0));
    nj_tfidf_fini(&tfidf);
}

static void rare_words_are_left_out_and_rows_of_them_are_empty(void **state)
{
    (void)state;
    nj_tfidf tfidf;
    nj_tfidf_config config = ALL_WORDS;
    config.items_min = 2;
    nj_tfidf_init(&tfidf, &config);
    add(&tfidf, "unique polish");
    add(&tfidf, "single");
    add(&tfidf, "");
    add(&tfidf, "polish");
    const nj_sparse m = finish(&tfidf);
    assert_int_equal(m.column_count, 1);
    assert_int_equal(tfidf.empty_count, 2);
    assert_near(value_at(&m, 0, 0), 1.0);
    assert_int_equal(m.starts[1], 1);
    assert_int_equal(m.starts[2], 1);
    assert_int_equal(m.starts[4], 2);
    nj_tfidf_fini(&tfidf);
}

// Words 0 and 1 stand in row 0, 2 and 3 in rows 0 and 1, and so on.
static void of_too_many_words_those_of_most_items_are_kept(void **state)
{
    (void)state;
    nj_tfidf tfidf;
    nj_tfidf_config config = ALL_WORDS;
    config.words_max = 7;
    nj_tfidf_init(&tfidf, &config);
    for (int row = 0; row < 10; row++) {
        char text[200] = "";
        for (int k = 2 * row; k < 20; k++) {
            snprintf(text + strlen(text), sizeof text - strlen(text), "word%d ", k);
        }
        add(&tfidf, text);
    }
    const nj_sparse m = finish(&tfidf);
    assert_int_equal(m.column_count, 7); // 14 to 19, and of 12 and 13 the first
    assert_int_equal(tfidf.items_min, 7);
    assert_int_equal(tfidf.left_out_count, 13);
    assert_int_equal(m.starts[7] - m.starts[6], 7);
    assert_int_equal(m.starts[8] - m.starts[7], 6);
    assert_true(value_at(&m, 6, 0) > value_at(&m, 6, 6));
    assert_int_equal(m.starts[10] - m.starts[9], 2);
    nj_tfidf_fini(&tfidf);
}

static void no_text_at_all_is_an_empty_matrix(void **state)
{
    (void)state;
    nj_tfidf tfidf;
    nj_tfidf_init(&tfidf, &ALL_WORDS);
    add(&tfidf, "?");
    const nj_sparse m = finish(&tfidf);
    assert_int_equal(m.row_count, 1);
    assert_int_equal(m.column_count, 0);
    assert_int_equal(tfidf.empty_count, 1);
    nj_tfidf_fini(&tfidf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_scikit_learns),
        cmocka_unit_test(counts_may_stand_as_they_are_and_weights_multiply_them),
        cmocka_unit_test(pairs_stay_within_a_field),
        cmocka_unit_test(rare_words_are_left_out_and_rows_of_them_are_empty),
        cmocka_unit_test(of_too_many_words_those_of_most_items_are_kept),
        cmocka_unit_test(no_text_at_all_is_an_empty_matrix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
