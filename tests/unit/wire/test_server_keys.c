// test_server_keys.c - one key or several, as text or as files.
#include "common/wire/server_keys.h"

#include <stdio.h>
#include <string.h>

#include "common/wire/keys.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define TEXT_BYTES 8192

static void make_public(char out[NJ_KEY_TEXT_BYTES])
{
    nj_keypair pair;
    nj_error err = {0};
    assert_ok(nj_keypair_make(&pair, &err), &err);
    memcpy(out, pair.public_key, NJ_KEY_TEXT_BYTES);
}

static void keys_and_files_stand_side_by_side(void **state)
{
    nj_error err = {0};
    nj_server_keys keys;
    char old[NJ_KEY_TEXT_BYTES];
    char new[NJ_KEY_TEXT_BYTES];
    char text[TEXT_BYTES];
    make_public(old);
    make_public(new);
    snprintf(text, sizeof text, "%s,%s", old, sandbox_write(state, "new.pub", new, strlen(new)));

    assert_ok(nj_server_keys_read(text, &keys, &err), &err);
    assert_int_equal(keys.count, 2);
    assert_string_equal(keys.keys[0], old);
    assert_string_equal(keys.keys[1], new);

    assert_ok(nj_server_keys_read(old, &keys, &err), &err);
    assert_int_equal(keys.count, 1);
}

static void refusals_say_what_is_wrong(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_server_keys keys;
    char key[NJ_KEY_TEXT_BYTES];
    char text[TEXT_BYTES];
    make_public(key);

    assert_refused(nj_server_keys_read("", &keys, &err), NJ_INPUT, &err, "a word of 0 bytes");
    snprintf(text, sizeof text, "%s,", key);
    assert_refused(nj_server_keys_read(text, &keys, &err), NJ_INPUT, &err, "a word of 0 bytes");
    snprintf(text, sizeof text, "%s,%s", key, key);
    assert_refused(nj_server_keys_read(text, &keys, &err), NJ_INPUT, &err, "1 and 2 are the same");
    assert_refused(nj_server_keys_read("no-such-file", &keys, &err), NJ_NOT_FOUND, &err,
                   "no-such-file");
}

static void there_is_a_limit(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_server_keys keys;
    char text[TEXT_BYTES] = "";
    for (int i = 0; i <= NJ_SERVER_KEYS_MAX; i++) {
        char key[NJ_KEY_TEXT_BYTES];
        make_public(key);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? "," : "", key);
        if (i < NJ_SERVER_KEYS_MAX) {
            assert_ok(nj_server_keys_read(text, &keys, &err), &err);
        }
    }
    assert_refused(nj_server_keys_read(text, &keys, &err), NJ_INPUT, &err, "more than 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_and_files_stand_side_by_side, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test(refusals_say_what_is_wrong),
        cmocka_unit_test(there_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
