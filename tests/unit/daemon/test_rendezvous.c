// test_rendezvous.c - a coordinator whose address stands in a file.
#include "worker/daemon/rendezvous.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static char word[4096];

static nj_rendezvous begin(void **state)
{
    snprintf(word, sizeof word, "file:%s", sandbox_path(state, "address"));
    return (nj_rendezvous){.word = word};
}

static void write_address(void **state, const char *text)
{
    sandbox_write(state, "address", text, strlen(text));
}

static void an_endpoint_is_where_it_says(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_rendezvous r = {.word = "tcp://10.0.0.5:7000"};
    bool moved = false;
    assert_ok(nj_rendezvous_look(&r, &moved, &err), &err);
    assert_true(moved);
    assert_string_equal(r.endpoint, "tcp://10.0.0.5:7000");
    assert_ok(nj_rendezvous_look(&r, &moved, &err), &err);
    assert_false(moved);
}

static void a_file_is_waited_for_and_followed(void **state)
{
    nj_error err = {0};
    nj_rendezvous r = begin(state);
    bool moved = true;
    assert_refused(nj_rendezvous_look(&r, &moved, &err), NJ_AGAIN, &err, "is not there yet");
    assert_false(moved);
    write_address(state, "tcp://10.0.0.5:70");
    assert_refused(nj_rendezvous_look(&r, &moved, &err), NJ_AGAIN, &err, "no whole line");
    write_address(state, "tcp://10.0.0.5:7000\n");
    assert_ok(nj_rendezvous_look(&r, &moved, &err), &err);
    assert_true(moved);
    assert_string_equal(r.endpoint, "tcp://10.0.0.5:7000");
    write_address(state, "tcp://10.0.0.7:7000\n");
    assert_ok(nj_rendezvous_look(&r, &moved, &err), &err);
    assert_true(moved);
    assert_string_equal(r.endpoint, "tcp://10.0.0.7:7000");
}

static void a_file_that_is_gone_or_wrong_leaves_the_place_of_before(void **state)
{
    char line[2 * NJ_ENDPOINT_BYTES];
    nj_error err = {0};
    nj_rendezvous r = begin(state);
    bool moved = false;
    write_address(state, "tcp://10.0.0.5:7000\n");
    assert_ok(nj_rendezvous_look(&r, &moved, &err), &err);
    memset(line, '1', sizeof line);
    line[NJ_ENDPOINT_BYTES - 1] = '\0';
    write_address(state, line);
    assert_refused(nj_rendezvous_look(&r, &moved, &err), NJ_AGAIN, &err, "no whole line");
    line[NJ_ENDPOINT_BYTES - 1] = '1';
    line[NJ_ENDPOINT_BYTES] = '\0';
    write_address(state, line);
    assert_refused(nj_rendezvous_look(&r, &moved, &err), NJ_CONFIG, &err, "the limit is 255");
    assert_int_equal(unlink(sandbox_path(state, "address")), 0);
    assert_refused(nj_rendezvous_look(&r, &moved, &err), NJ_AGAIN, &err, "is not there yet");
    assert_false(moved);
    assert_string_equal(r.endpoint, "tcp://10.0.0.5:7000");
}

static void only_a_file_is_read(void **state)
{
    nj_error err = {0};
    nj_rendezvous r = {.word = "file:/dev/zero"};
    bool moved = false;
    (void)state;
    assert_refused(nj_rendezvous_look(&r, &moved, &err), NJ_INPUT, &err, "/dev/zero");
}

static void a_file_without_a_name_is_not_waited_for(void **state)
{
    nj_error err = {0};
    nj_rendezvous r = {.word = "file:"};
    bool moved = false;
    (void)state;
    assert_refused(nj_rendezvous_look(&r, &moved, &err), NJ_CONFIG, &err, "without a path");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_endpoint_is_where_it_says),
        cmocka_unit_test_setup_teardown(a_file_is_waited_for_and_followed, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_gone_or_wrong_leaves_the_place_of_before,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test(only_a_file_is_read),
        cmocka_unit_test(a_file_without_a_name_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
