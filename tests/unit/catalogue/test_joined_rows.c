// test_joined_rows.c - embeddings of several origins become one: lengths, shares of the variance, and what cannot be joined.
#include "common/catalogue/joined_rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

typedef struct {
    nj_npy files[2];
    nj_joined_part parts[2];
} example;

static void open_part(void **state, example *e, size_t i, size_t rows, size_t width, const float *x)
{
    nj_error err = {0};
    char name[16];
    snprintf(name, sizeof name, "%zu.npy", i);
    const char *path = sandbox_path(state, name);
    assert_ok(nj_npy_write(path, NJ_NPY_F32, (size_t[]){rows, width}, 2, x, &err), &err);
    assert_ok(nj_npy_open(path, &e->files[i], &err), &err);
    e->parts[i] = (nj_joined_part){.npy = &e->files[i]};
}

static void close_example(example *e)
{
    nj_npy_close(&e->files[0]);
    nj_npy_close(&e->files[1]);
}

// Writes the joined rows and reads them back into out [rows * width].
static void join(void **state, example *e, size_t elements, float *out)
{
    nj_error err = {0};
    nj_file_draft draft = {0};
    nj_npy joined = {0};
    const char *path = sandbox_path(state, "joined.npy");
    assert_ok(nj_file_draft_begin(path, &draft, &err), &err);
    assert_ok(nj_joined_write(e->parts, 2, &draft, &err), &err);
    assert_ok(nj_file_draft_commit(&draft, &err), &err);
    assert_ok(nj_npy_open(path, &joined, &err), &err);
    assert_int_equal(joined.shape[0] * joined.shape[1], elements);
    assert_ok(nj_npy_read_f32(&joined, 0, elements, out, &err), &err);
    nj_npy_close(&joined);
}

static void each_part_gets_its_share_of_the_variance(void **state)
{
    nj_error err = {0};
    example e = {0};
    const float left[] = {3, 4, -6, 8, 0, 0, 5, 0};
    const float right[] = {2, -2, 7, 0.5f};
    float x[12];
    open_part(state, &e, 0, 4, 2, left);
    open_part(state, &e, 1, 4, 1, right);
    assert_ok(nj_joined_scales(e.parts, 2, (double[]){3, 1}, &err), &err);
    join(state, &e, 12, x);
    assert_int_equal(e.parts[0].zero_count, 1);
    assert_int_equal(e.parts[1].zero_count, 0);
    // Rows of length 1 are (.6 .8) (-.6 .8) (0 0) (1 0) and 1 -1 1 1; the row of zeros is left out of mean and variance.
    const double mean[] = {1.0 / 3, 1.6 / 3, 0.5};
    const double unit[4][3] = {{.6, .8, 1}, {-.6, .8, -1}, {0, 0, 1}, {1, 0, 1}};
    double variance[2] = {0};
    for (size_t row = 0; row < 4; row++) {
        for (size_t d = 0; d < 3; d++) {
            const bool counts = d == 2 || row != 2;
            variance[d / 2] += counts ? pow(unit[row][d] - mean[d], 2) / (d < 2 ? 3 : 4) : 0;
        }
    }
    for (size_t row = 0; row < 4; row++) {
        for (size_t d = 0; d < 3; d++) {
            const double scale = sqrt((d < 2 ? 0.75 : 0.25) / variance[d / 2]);
            assert_true(fabs((double)x[row * 3 + d] - unit[row][d] * scale) < 1e-6);
        }
    }
    close_example(&e);
}

static void scales_that_are_given_repeat_a_join_and_lengths_can_be_kept(void **state)
{
    example e = {0};
    const float left[] = {3, 4};
    const float right[] = {-2};
    float x[3];
    open_part(state, &e, 0, 1, 2, left);
    open_part(state, &e, 1, 1, 1, right);
    e.parts[0].scale = 10;
    e.parts[1].scale = 0.5;
    e.parts[1].keeps_lengths = true;
    join(state, &e, 3, x);
    assert_true(x[0] == 6 && x[1] == 8 && x[2] == -1);
    close_example(&e);
}

static void what_cannot_be_joined_is_named(void **state)
{
    nj_error err = {0};
    example e = {0};
    const float rows[] = {1, 2, 1, 2, 3, 4};
    const float bad[] = {1, NAN};
    open_part(state, &e, 0, 3, 2, rows);
    open_part(state, &e, 1, 2, 1, bad);
    assert_refused(nj_joined_scales(e.parts, 2, (double[]){1, 1}, &err), NJ_INPUT, &err, "3 rows");
    nj_npy_close(&e.files[0]);
    open_part(state, &e, 0, 2, 2, rows);
    assert_refused(nj_joined_scales(e.parts, 2, (double[]){1, 1}, &err), NJ_INPUT, &err,
                   "are all the same");
    assert_refused(nj_joined_scales(e.parts + 1, 1, (double[]){1}, &err), NJ_INPUT, &err, "1.npy");
    close_example(&e);
}

static void an_unseen_item_gets_the_mean_of_its_nearest_in_the_other_part(void **state)
{
    nj_error err = {0};
    example e = {0};
    const float left[] = {3, 4, -6, 8, 4, 3, 5, 0};
    const float right[] = {2, 1, 7, 5, 9, 9, 4, 3};
    float x[16];
    open_part(state, &e, 0, 4, 2, left);
    open_part(state, &e, 1, 4, 2, right);
    // Row 2 is unseen, and nearest to rows 0 and 3.
    uint32_t rows[] = {2};
    uint32_t found[] = {2};
    uint32_t sources[] = {0, 3};
    const nj_unseen_rows unseen = {
        .count = 1, .nearest = 2, .rows = rows, .found = found, .sources = sources};
    assert_ok(nj_joined_fill(&e.parts[1], &e.files[0], &unseen, &err), &err);
    e.parts[0].keeps_lengths = e.parts[1].keeps_lengths = true;
    e.parts[0].scale = e.parts[1].scale = 1;
    join(state, &e, 16, x);
    const float expected[] = {3, 4, 2, 1, -6, 8, 7, 5, 4, 3, 3, 2, 5, 0, 4, 3};
    assert_memory_equal(x, expected, sizeof expected);
    nj_joined_part_fini(&e.parts[1]);
    close_example(&e);

    example f = {0};
    open_part(state, &f, 0, 4, 2, left);
    open_part(state, &f, 1, 3, 2, right);
    assert_refused(nj_joined_fill(&f.parts[1], &f.files[0], &unseen, &err), NJ_INPUT, &err,
                   "has 4 rows and");
    close_example(&f);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(each_part_gets_its_share_of_the_variance),
        IN_SANDBOX(scales_that_are_given_repeat_a_join_and_lengths_can_be_kept),
        IN_SANDBOX(what_cannot_be_joined_is_named),
        IN_SANDBOX(an_unseen_item_gets_the_mean_of_its_nearest_in_the_other_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
