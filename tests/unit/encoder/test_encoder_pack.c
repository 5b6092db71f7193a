// test_encoder_pack.c - a text encoder's config travels as bytes, and bytes from outside are checked.
#include <string.h>

#include "tests/support/nj_test.h"
#include "worker/encoder/encoder.h"

static const nj_encoder_config BERT = {.kind = NJ_ENCODER_BERT,
                                       .D = 24,
                                       .V = 100,
                                       .H = 3,
                                       .E = 8,
                                       .F = 48,
                                       .layers = 2,
                                       .type_count = 2,
                                       .position_count = 32,
                                       .epsilon = 1e-12f,
                                       .pooling = NJ_POOLING_CLS,
                                       .is_normalised = true,
                                       .tokens_max = 24,
                                       .width = 24};

static nj_encoder_config make_t5(void)
{
    nj_encoder_config c = {.kind = NJ_ENCODER_T5,
                           .D = 16,
                           .V = 50,
                           .t5 = {.D = 16,
                                  .H = 2,
                                  .E = 4,
                                  .F = 32,
                                  .V = 50,
                                  .encoder_layers = 2,
                                  .decoder_layers = 2,
                                  .R = 32,
                                  .distance_max = 128,
                                  .epsilon = 1e-6f,
                                  .gated = true},
                           .dense_count = 2,
                           .tokens_max = 64,
                           .width = 8};
    c.dense[0] = (nj_encoder_dense_config){.in = 16, .out = 12, .has_bias = true};
    c.dense[1] = (nj_encoder_dense_config){.in = 12, .out = 8, .activation = NJ_DENSE_TANH};
    return c;
}

static nj_status go_there_and_back(const nj_encoder_config *config, nj_encoder_config *out,
                                   nj_error *err)
{
    nj_buffer bytes;
    nj_buffer_init(&bytes, 4096);
    assert_int_equal(nj_encoder_config_pack(config, &bytes), NJ_OK);
    const nj_status status = nj_encoder_config_unpack(nj_buffer_slice(&bytes), out, err);
    nj_buffer_fini(&bytes);
    return status;
}

static void configs_of_both_kinds_come_back(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_encoder_config got = {0};
    const nj_encoder_config t5 = make_t5();
    assert_ok(go_there_and_back(&BERT, &got, &err), &err);
    assert_memory_equal(&got, &BERT, sizeof got);
    assert_ok(go_there_and_back(&t5, &got, &err), &err);
    assert_memory_equal(&got, &t5, sizeof got);
}

static void refuse(nj_encoder_config config, const char *rule)
{
    nj_error err = {0};
    nj_encoder_config got = {.D = 7};
    assert_refused(go_there_and_back(&config, &got, &err), NJ_PROTOCOL, &err, rule);
    assert_int_equal(got.D, 7);
}

static void numbers_beyond_their_limits_or_each_other_are_refused(void **state)
{
    (void)state;
    nj_encoder_config c = BERT;
    c.layers = 0;
    refuse(c, "\"layers\" is 0, must be 1 to");
    c = BERT;
    c.F = NJ_ENCODER_WIDTH_MAX + 1;
    refuse(c, "F");
    c = BERT;
    c.epsilon = 0;
    refuse(c, "\"epsilon\" is 0");
    c = BERT;
    c.H = 4;
    refuse(c, "heads, positions or a stack of other sizes");
    c = BERT;
    c.tokens_max = 33;
    refuse(c, "24 wide of 33 tokens");
    c = BERT;
    c.width = 25;
    refuse(c, "layers that end at 24, not 25");
    c = make_t5();
    c.dense[1].in = 13;
    refuse(c, "has layers that end at 8");
    c = make_t5();
    c.t5.D = 17;
    refuse(c, "stack of other sizes");
    c = make_t5();
    c.t5.R = NJ_T5_BUCKETS_MIN - 1;
    refuse(c, "\"t5.R\"");
}

static void bytes_that_end_early_are_refused(void **state)
{
    (void)state;
    const nj_encoder_config t5 = make_t5();
    nj_buffer bytes;
    nj_encoder_config got;
    nj_buffer_init(&bytes, 4096);
    assert_int_equal(nj_encoder_config_pack(&t5, &bytes), NJ_OK);
    for (size_t size = 0; size < bytes.size; size++) {
        nj_error err = {0};
        assert_int_equal(
            nj_encoder_config_unpack((nj_slice){(const char *)bytes.bytes, size}, &got, &err),
            NJ_PROTOCOL);
    }
    nj_buffer_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configs_of_both_kinds_come_back),
        cmocka_unit_test(numbers_beyond_their_limits_or_each_other_are_refused),
        cmocka_unit_test(bytes_that_end_early_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
