// test_rows.c - what works row by row: every set against kernels_ref.c, and kernels_ref.c against double arithmetic.
#include <stdio.h>

#include "common/math/kernels.h"
#include "tests/unit/math/guarded.h"

static const size_t ROW_COUNTS[] = {0, 1, 3};
static const size_t COLUMN_COUNTS[] = {1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 80, 128, 1026};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

typedef enum {
    SOFTMAX,
    LOG_SUM_EXP,
    RMS_NORM,
    LAYER_NORM,
    BIAS_GELU,
    ADD_BIAS,
    RELU,
    GATED_GELU,
    GATED_SILU,
    ADD,
    SCALE,
    SOFTMAX_BACKWARD,
    OP_COUNT
} op;

static const char *const OP_NAMES[] = {"softmax",    "log_sum_exp", "rms_norm", "layer_norm",
                                       "bias_gelu",  "add_bias",    "relu",     "gated_gelu",
                                       "gated_silu", "add",         "scale",    "softmax_backward"};

typedef struct {
    guarded X;      // [rows, columns], in and out
    guarded other;  // gate, or what is added
    guarded weight; // [1, columns]
    guarded bias;   // [1, columns]
    guarded out;    // [rows, columns]; of log_sum_exp [1, rows]
} operands;

static void apply(const nj_kernels *kernels, op which, operands *o)
{
    size_t rows = o->X.rows;
    size_t columns = o->X.columns;
    float *X = o->X.data;
    switch (which) {
    case SOFTMAX:
        kernels->softmax(rows, columns, X, o->X.ld);
        break;
    case LOG_SUM_EXP:
        kernels->log_sum_exp(rows, columns, X, o->X.ld, o->out.data);
        break;
    case RMS_NORM:
        kernels->rms_norm(rows, columns, X, o->X.ld, o->weight.data, 1e-6f, o->out.data, o->out.ld);
        break;
    case LAYER_NORM:
        kernels->layer_norm(rows, columns, X, o->X.ld, o->weight.data, o->bias.data, 1e-12f,
                            o->out.data, o->out.ld);
        break;
    case BIAS_GELU:
        kernels->bias_gelu(rows, columns, o->weight.data, X, o->X.ld);
        break;
    case ADD_BIAS:
        kernels->add_bias(rows, columns, o->weight.data, X, o->X.ld);
        break;
    case RELU:
        kernels->relu(rows, columns, X, o->X.ld);
        break;
    case GATED_GELU:
        kernels->gated_gelu(rows, columns, X, o->X.ld, o->other.data, o->other.ld);
        break;
    case GATED_SILU:
        kernels->gated_silu(rows, columns, X, o->X.ld, o->other.data, o->other.ld);
        break;
    case ADD:
        kernels->add(rows, columns, o->other.data, o->other.ld, X, o->X.ld);
        break;
    case SCALE:
        kernels->scale(rows, columns, 0.3f, X, o->X.ld);
        break;
    case SOFTMAX_BACKWARD:
        kernels->softmax_backward(rows, columns, o->other.data, o->other.ld, X, o->X.ld);
        break;
    case OP_COUNT:
        break;
    }
}

static operands operands_new(op which, size_t rows, size_t columns, size_t padding, float reach)
{
    uint64_t seed = 5 + rows + 10 * columns + 100000 * padding;
    bool one_each = which == LOG_SUM_EXP;
    return (operands){
        .X = guarded_random(rows, columns, padding, reach, &seed),
        .other = guarded_random(rows, columns, padding + 1, 2.0f, &seed),
        .weight = guarded_random(1, columns, 0, 2.0f, &seed),
        .bias = guarded_random(1, columns, 0, 2.0f, &seed),
        .out = guarded_new(one_each ? 1 : rows, one_each ? rows : columns, one_each ? 0 : padding),
    };
}

static operands operands_copy(const operands *from)
{
    return (operands){guarded_copy(&from->X), guarded_copy(&from->other),
                      guarded_copy(&from->weight), guarded_copy(&from->bias),
                      guarded_copy(&from->out)};
}

static void operands_free(operands *o)
{
    guarded_free(&o->X);
    guarded_free(&o->other);
    guarded_free(&o->weight);
    guarded_free(&o->bias);
    guarded_free(&o->out);
}

/// Every set does `which` on a copy; all bits of all four operands, padding included, must be those of the reference. Sets that
/// are not exact take their row functions from one that is.
static void check_against_ref(op which, const operands *before)
{
    operands expected = operands_copy(before);
    apply(nj_kernels_at(0), which, &expected);
    const nj_kernels *kernels;
    for (size_t i = 1; (kernels = nj_kernels_at(i)) != NULL; i++) {
        operands got = operands_copy(before);
        apply(kernels, which, &got);
        char what[100];
        snprintf(what, sizeof what, "%s %s [%zu, %zu]", kernels->name, OP_NAMES[which],
                 before->X.rows, before->X.columns);
        assert_same_bits(&got.X, &expected.X, what);
        assert_same_bits(&got.other, &expected.other, what);
        assert_same_bits(&got.weight, &expected.weight, what);
        assert_same_bits(&got.bias, &expected.bias, what);
        assert_same_bits(&got.out, &expected.out, what);
        operands_free(&got);
    }
    operands_free(&expected);
}

static void every_set_gives_the_bits_of_the_reference_on_every_ragged_shape(void **state)
{
    (void)state;
    static const float REACHES[] = {1e-20f, 0.7f, 12.0f, 120.0f};
    for (op which = 0; which < OP_COUNT; which++) {
        for (size_t r = 0; r < COUNT(ROW_COUNTS); r++) {
            for (size_t c = 0; c < COUNT(COLUMN_COUNTS); c++) {
                operands o = operands_new(which, ROW_COUNTS[r], COLUMN_COUNTS[c], c % 3 * 7,
                                          REACHES[(r + c) % COUNT(REACHES)]);
                check_against_ref(which, &o);
                operands_free(&o);
            }
        }
    }
}

static void exp_and_tanh_give_the_same_bits_over_their_whole_range(void **state)
{
    (void)state;
    static const float REACHES[] = {0.1f, 2.0f, 6.0f, 55.0f, 1000.0f};
    for (size_t i = 0; i < COUNT(REACHES); i++) {
        operands soft = operands_new(SOFTMAX, 2000, 17, 0, REACHES[i]);
        check_against_ref(SOFTMAX, &soft);
        operands_free(&soft);
        operands gelu = operands_new(GATED_GELU, 2, 20000, 0, REACHES[i]);
        check_against_ref(GATED_GELU, &gelu);
        operands_free(&gelu);
    }
}

static void zero_columns_touch_nothing(void **state)
{
    (void)state;
    const op OPS[] = {RMS_NORM, RELU, GATED_GELU, ADD, SCALE, SOFTMAX_BACKWARD};
    for (size_t i = 0; i < COUNT(OPS); i++) {
        operands o = operands_new(OPS[i], 3, 0, 4, 1.0f);
        check_against_ref(OPS[i], &o);
        operands_free(&o);
    }
}

static void rows_that_are_minus_infinity_but_for_one_are_certain(void **state)
{
    (void)state;
    for (size_t c = 0; c < COUNT(COLUMN_COUNTS); c++) {
        size_t columns = COLUMN_COUNTS[c];
        for (size_t hot = 0; hot < columns; hot += columns / 5 + 1) {
            operands o = operands_new(SOFTMAX, 1, columns, 0, 1.0f);
            for (size_t i = 0; i < columns; i++) {
                o.X.data[i] = i == hot ? -3.5f : -INFINITY;
            }
            check_against_ref(SOFTMAX, &o);
            float log_sum;
            nj_kernels_at(0)->log_sum_exp(1, columns, o.X.data, columns, &log_sum);
            assert_true(log_sum == -3.5f);
            nj_kernels_at(0)->softmax(1, columns, o.X.data, columns);
            for (size_t i = 0; i < columns; i++) {
                assert_true(o.X.data[i] == (i == hot ? 1.0f : 0.0f));
            }
            operands_free(&o);
        }
    }
}

static void a_row_of_one_column_is_certain_and_its_log_sum_is_itself(void **state)
{
    (void)state;
    static const float VALUES[] = {0.0f, -0.0f, 1e30f, -1e30f, 3.25f};
    const nj_kernels *kernels;
    for (size_t s = 0; (kernels = nj_kernels_at(s)) != NULL; s++) {
        for (size_t i = 0; i < COUNT(VALUES); i++) {
            float x = VALUES[i];
            float log_sum;
            kernels->log_sum_exp(1, 1, &x, 1, &log_sum);
            assert_true(log_sum == VALUES[i]);
            kernels->softmax(1, 1, &x, 1);
            assert_true(x == 1.0f);
        }
    }
}

static void a_nan_is_not_hidden(void **state)
{
    (void)state;
    const nj_kernels *kernels;
    for (size_t s = 0; (kernels = nj_kernels_at(s)) != NULL; s++) {
        float row[20] = {1.0f, 2.0f, NAN};
        kernels->relu(1, 20, row, 20);
        assert_true(isnan(row[2]));
        kernels->gated_gelu(1, 20, row, 20, row, 20);
        assert_true(isnan(row[2]));
        kernels->gated_silu(1, 20, row, 20, row, 20);
        assert_true(isnan(row[2]));
        kernels->bias_gelu(1, 20, row, row, 20);
        assert_true(isnan(row[2]));
        kernels->softmax(1, 20, row, 20);
        assert_true(isnan(row[0]) && isnan(row[2]) && isnan(row[19]));
    }
}

static void the_reference_agrees_with_double_arithmetic(void **state)
{
    (void)state;
    enum { COLUMNS = 1026 };
    // Relative: some 70 additions a lane and a few roundings behind them, each 6e-8 at most.
    const double TOLERANCE = 5e-6;
    uint64_t seed = 3;
    guarded X = guarded_random(1, COLUMNS, 0, 9.0f, &seed);
    guarded weight = guarded_random(1, COLUMNS, 0, 2.0f, &seed);
    double exp_sum = 0.0;
    double squares = 0.0;
    double along = 0.0;
    for (size_t i = 0; i < COLUMNS; i++) {
        exp_sum += exp((double)X.data[i]);
        squares += (double)X.data[i] * (double)X.data[i];
    }
    guarded soft = guarded_copy(&X);
    guarded norm = guarded_new(1, COLUMNS, 0);
    float log_sum;
    nj_kernels_at(0)->softmax(1, COLUMNS, soft.data, COLUMNS);
    nj_kernels_at(0)->log_sum_exp(1, COLUMNS, X.data, COLUMNS, &log_sum);
    nj_kernels_at(0)->rms_norm(1, COLUMNS, X.data, COLUMNS, weight.data, 0.5f, norm.data, COLUMNS);
    assert_true(fabs((double)log_sum - log(exp_sum)) <= TOLERANCE * log(exp_sum));
    for (size_t i = 0; i < COLUMNS; i++) {
        double p = exp((double)X.data[i]) / exp_sum;
        double y = (double)X.data[i] / sqrt(squares / COLUMNS + 0.5) * (double)weight.data[i];
        assert_true(fabs((double)soft.data[i] - p) <= TOLERANCE * p);
        assert_true(fabs((double)norm.data[i] - y) <= TOLERANCE * fabs(y));
    }
    for (size_t i = 0; i < COLUMNS; i++) {
        along += (double)soft.data[i] * (double)weight.data[i];
    }
    guarded back = guarded_copy(&weight);
    nj_kernels_at(0)->softmax_backward(1, COLUMNS, soft.data, COLUMNS, back.data, COLUMNS);
    for (size_t i = 0; i < COLUMNS; i++) {
        double d = (double)soft.data[i] * ((double)weight.data[i] - along);
        assert_true(fabs((double)back.data[i] - d) <= TOLERANCE * (double)soft.data[i]);
    }
    guarded_free(&back);
    guarded_free(&norm);
    guarded_free(&soft);
    guarded_free(&weight);
    guarded_free(&X);
}

static void layer_norm_agrees_with_double_arithmetic(void **state)
{
    (void)state;
    enum { COLUMNS = 384 };
    uint64_t seed = 8;
    guarded X = guarded_random(1, COLUMNS, 0, 9.0f, &seed);
    guarded weight = guarded_random(1, COLUMNS, 0, 2.0f, &seed);
    guarded bias = guarded_random(1, COLUMNS, 0, 2.0f, &seed);
    guarded norm = guarded_new(1, COLUMNS, 0);
    double mean = 0.0;
    double squares = 0.0;
    for (size_t i = 0; i < COLUMNS; i++) {
        X.data[i] += 40.0f; // so that what is taken off matters
        mean += (double)X.data[i] / COLUMNS;
    }
    for (size_t i = 0; i < COLUMNS; i++) {
        squares += ((double)X.data[i] - mean) * ((double)X.data[i] - mean);
    }
    nj_kernels_at(0)->layer_norm(1, COLUMNS, X.data, COLUMNS, weight.data, bias.data, 0.5f,
                                 norm.data, COLUMNS);
    for (size_t i = 0; i < COLUMNS; i++) {
        double scaled = ((double)X.data[i] - mean) / sqrt(squares / COLUMNS + 0.5);
        double y = scaled * (double)weight.data[i] + (double)bias.data[i];
        // Values near 49 are spaced by 4e-6, and so is their mean.
        assert_true(fabs((double)norm.data[i] - y) <= 1e-5);
    }
    guarded_free(&norm);
    guarded_free(&bias);
    guarded_free(&weight);
    guarded_free(&X);
}

static void row_sums_run_in_sixteen_lanes(void **state)
{
    (void)state;
    // x[0]^2 = 2^24 swallows single ones; the 64 ones of lane 1 come together first and are seen.
    enum { D = 1024 };
    const nj_kernels *kernels;
    for (size_t s = 0; (kernels = nj_kernels_at(s)) != NULL; s++) {
        float x[D] = {4096.0f};
        float weight[D];
        float y[D];
        for (size_t i = 0; i < D; i++) {
            weight[i] = 1.0f;
            x[i] = i % 16 == 1 ? 1.0f : x[i];
        }
        kernels->rms_norm(1, D, x, D, weight, 0.0f, y, D);
        float expected = 4096.0f * (1.0f / sqrtf((16777216.0f + 64.0f) / 1024.0f));
        assert_memory_equal(&y[0], &expected, sizeof expected);
        assert_true(expected != 4096.0f * (1.0f / sqrtf(16777216.0f / 1024.0f)));
    }
}

static void rms_norm_may_work_in_place(void **state)
{
    (void)state;
    uint64_t seed = 11;
    guarded X = guarded_random(3, 33, 2, 4.0f, &seed);
    guarded weight = guarded_random(1, 33, 0, 1.0f, &seed);
    const nj_kernels *kernels;
    for (size_t s = 0; (kernels = nj_kernels_at(s)) != NULL; s++) {
        guarded out = guarded_new(3, 33, 2);
        guarded in_place = guarded_copy(&X);
        kernels->rms_norm(3, 33, X.data, X.ld, weight.data, 1e-6f, out.data, out.ld);
        kernels->rms_norm(3, 33, in_place.data, in_place.ld, weight.data, 1e-6f, in_place.data,
                          in_place.ld);
        assert_same_bits(&in_place, &out, kernels->name);
        guarded_free(&in_place);
        guarded_free(&out);
    }
    guarded_free(&weight);
    guarded_free(&X);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_agrees_with_double_arithmetic),
        cmocka_unit_test(layer_norm_agrees_with_double_arithmetic),
        cmocka_unit_test(row_sums_run_in_sixteen_lanes),
        cmocka_unit_test(every_set_gives_the_bits_of_the_reference_on_every_ragged_shape),
        cmocka_unit_test(exp_and_tanh_give_the_same_bits_over_their_whole_range),
        cmocka_unit_test(zero_columns_touch_nothing),
        cmocka_unit_test(rows_that_are_minus_infinity_but_for_one_are_certain),
        cmocka_unit_test(a_row_of_one_column_is_certain_and_its_log_sum_is_itself),
        cmocka_unit_test(a_nan_is_not_hidden),
        cmocka_unit_test(rms_norm_may_work_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
