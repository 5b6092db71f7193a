// test_settings.c - settings by name and as bytes.
#include "common/codec/settings.h"

#include "tests/support/nj_test.h"

static void settings_survive_the_wire(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_settings sent = nj_settings_default();
    assert_ok(nj_settings_set(&sent, "beam", "50", &err), &err);
    assert_ok(nj_settings_set(&sent, "keep-history", "true", &err), &err);
    assert_ok(nj_settings_set(&sent, "temperature", "0.5", &err), &err);
    assert_ok(nj_settings_set(&sent, "cold-users", "fail", &err), &err);
    sent.exclusions_max = 77;
    nj_buffer buffer;
    nj_buffer_init(&buffer, 1024);
    assert_int_equal(nj_settings_pack(&sent, &buffer), NJ_OK);

    nj_settings received;
    assert_ok(nj_settings_unpack(nj_buffer_slice(&buffer), &received, &err), &err);
    assert_int_equal(received.beam, 50);
    assert_true(received.keep_history);
    assert_float_equal(received.temperature, 0.5f, 0.0f);
    assert_int_equal(received.cold_users, NJ_COLD_FAIL);
    assert_int_equal(received.exclusions_max, 77);
    for (size_t size = 0; size < buffer.size; size++) {
        assert_int_equal(
            nj_settings_unpack((nj_slice){(char *)buffer.bytes, size}, &received, &err),
            NJ_PROTOCOL);
    }
    nj_buffer_fini(&buffer);
}

static void values_outside_their_limits_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_settings settings = nj_settings_default();
    static const char *const BAD[][2] = {
        {"beam", "0"},
        {"beam", "-1"},
        {"beam", "20x"},
        {"beam", ""},
        {"beam", "99999999999999999999"},
        {"top", "1001"},
        {"temperature", "0"},
        {"temperature", "nan"},
        {"temperature", "1e9"},
        {"keep-history", "maybe"},
        {"cold-users", "warm"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_refused(nj_settings_set(&settings, BAD[i][0], BAD[i][1], &err), NJ_USAGE, &err,
                       BAD[i][0]);
    }
    assert_refused(nj_settings_set(&settings, "cold_users", "warm", &err), NJ_USAGE, &err,
                   "--cold-users is \"warm\"");
    assert_int_equal(settings.beam, 20);
    assert_int_equal(nj_settings_set(&settings, "exclusions-max", "1", &err), NJ_NOT_FOUND);

    nj_buffer buffer;
    nj_buffer_init(&buffer, 1024);
    settings.top = 0;
    assert_int_equal(nj_settings_pack(&settings, &buffer), NJ_OK);
    assert_refused(nj_settings_unpack(nj_buffer_slice(&buffer), &settings, &err), NJ_PROTOCOL, &err,
                   "top is 0");
    nj_buffer_fini(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_survive_the_wire),
        cmocka_unit_test(values_outside_their_limits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
