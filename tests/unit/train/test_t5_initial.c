// test_t5_initial.c - the first weights have the deviations of Transformers, whatever the shape.
#include <math.h>
#include <string.h>

#include "tests/support/nj_test.h"
#include "tests/support/t5_random.h"
#include "worker/train/t5_initial.h"

typedef struct {
    nj_buffer bytes;
    nj_tensor_set *tensors;
} initial;

static void make(initial *w, const nj_t5_config *config, bool untied, double factor, uint64_t seed)
{
    nj_error err = {0};
    nj_buffer_init(&w->bytes, 1 << 26);
    assert_ok(nj_t5_weights_initial(config, untied, factor, seed, &w->bytes, &err), &err);
    assert_ok(nj_tensor_set_open_bytes(w->bytes.bytes, w->bytes.size, "initial", &w->tensors, &err),
              &err);
}

static void drop(initial *w)
{
    nj_tensor_set_close(&w->tensors);
    nj_buffer_fini(&w->bytes);
}

// H*E is not D, and no two deviations are alike.
static nj_t5_config wide_config(void)
{
    nj_t5_config config = t5_random_config();
    config.D = 64;
    config.H = 5;
    config.E = 20;
    config.F = 400;
    config.V = 200;
    return config;
}

static void check_deviation(const initial *w, const char *name, double expected)
{
    static float values[1 << 16];
    nj_error err = {0};
    const nj_tensor *tensor = nj_tensor_set_find(w->tensors, name);
    assert_non_null(tensor);
    const size_t count = tensor->shape[0] * (tensor->dim_count > 1 ? tensor->shape[1] : 1);
    assert_true(count <= sizeof values / sizeof values[0]);
    assert_ok(nj_tensor_read_f32(tensor, values, &err), &err);
    double sum = 0;
    double square = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)values[i];
        square += (double)values[i] * (double)values[i];
    }
    // Five deviations of the estimates themselves: 1 / sqrt(n) and 1 / sqrt(2n).
    const double mean = sum / (double)count;
    const double deviation = sqrt(square / (double)count);
    if (fabs(mean) > 5 * expected / sqrt((double)count) ||
        fabs(deviation - expected) > 5 * expected / sqrt(2 * (double)count)) {
        fail_msg("%s: mean %g, deviation %g, not 0 and %g", name, mean, deviation, expected);
    }
}

static void every_tensor_has_the_deviation_of_its_kind(void **state)
{
    (void)state;
    nj_t5_config config = wide_config();
    initial w;
    make(&w, &config, true, 2, 5);
    check_deviation(&w, "shared.weight", 2);
    check_deviation(&w, "lm_head.weight", 2);
    check_deviation(&w, "encoder.block.1.layer.0.SelfAttention.q.weight", 2 * pow(64 * 20, -0.5));
    check_deviation(&w, "encoder.block.0.layer.0.SelfAttention.k.weight", 2 * pow(64, -0.5));
    check_deviation(&w, "decoder.block.0.layer.1.EncDecAttention.v.weight", 2 * pow(64, -0.5));
    check_deviation(&w, "decoder.block.0.layer.1.EncDecAttention.o.weight", 2 * pow(100, -0.5));
    check_deviation(&w, "decoder.block.0.layer.2.DenseReluDense.wi.weight", 2 * pow(64, -0.5));
    check_deviation(&w, "decoder.block.0.layer.2.DenseReluDense.wo.weight", 2 * pow(400, -0.5));
    check_deviation(&w, "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                    2 * pow(64, -0.5));
    drop(&w);
    config.gated = true;
    make(&w, &config, false, 1, 5);
    assert_null(nj_tensor_set_find(w.tensors, "lm_head.weight"));
    check_deviation(&w, "encoder.block.0.layer.1.DenseReluDense.wi_0.weight", pow(64, -0.5));
    check_deviation(&w, "encoder.block.0.layer.1.DenseReluDense.wi_1.weight", pow(64, -0.5));
    drop(&w);
}

static void norms_are_the_factor_itself(void **state)
{
    (void)state;
    nj_error err = {0};
    const nj_t5_config config = wide_config();
    const char *const NAMES[] = {"encoder.block.0.layer.1.layer_norm.weight",
                                 "decoder.final_layer_norm.weight"};
    float values[64];
    initial w;
    make(&w, &config, false, 0.5, 1);
    for (size_t i = 0; i < 2; i++) {
        const nj_tensor *tensor = nj_tensor_set_find(w.tensors, NAMES[i]);
        assert_non_null(tensor);
        assert_ok(nj_tensor_read_f32(tensor, values, &err), &err);
        for (size_t j = 0; j < 64; j++) {
            assert_true(values[j] == 0.5f);
        }
    }
    drop(&w);
}

static void a_seed_gives_the_same_bytes_and_another_seed_others(void **state)
{
    (void)state;
    const nj_t5_config config = t5_random_config();
    initial a, b, c;
    make(&a, &config, true, 1, 7);
    make(&b, &config, true, 1, 7);
    make(&c, &config, true, 1, 8);
    assert_int_equal(a.bytes.size, b.bytes.size);
    assert_memory_equal(a.bytes.bytes, b.bytes.bytes, a.bytes.size);
    assert_memory_not_equal(a.bytes.bytes, c.bytes.bytes, a.bytes.size);
    drop(&a);
    drop(&b);
    drop(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tensor_has_the_deviation_of_its_kind),
        cmocka_unit_test(norms_are_the_factor_itself),
        cmocka_unit_test(a_seed_gives_the_same_bytes_and_another_seed_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
