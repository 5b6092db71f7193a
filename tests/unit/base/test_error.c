// test_error.c - messages are cut, cleaned and prefixed; a NULL error is fine everywhere.
#include "common/base/error.h"

#include <errno.h>

#include "tests/support/nj_test.h"

static void a_failure_fills_status_and_text(void **state)
{
    (void)state;
    nj_error err = {0};

    assert_int_equal(nj_fail(&err, NJ_INPUT, "%s has %d rows, needs %d", "a.npy", 31, 256),
                     NJ_INPUT);

    assert_int_equal(err.status, NJ_INPUT);
    assert_string_equal(err.text, "a.npy has 31 rows, needs 256");
}

static void an_errno_stands_behind_the_message(void **state)
{
    (void)state;
    nj_error err = {0};

    assert_int_equal(nj_fail_errno(&err, NJ_IO, ENOSPC, "%s: cannot write", "x"), NJ_IO);

    assert_int_equal(err.status, NJ_IO);
    assert_string_equal(err.text, "x: cannot write: No space left on device");
}

static void a_prefix_keeps_the_status(void **state)
{
    (void)state;
    nj_error err = {0};
    assert_int_equal(nj_fail(&err, NJ_NOT_FOUND, "no such key"), NJ_NOT_FOUND);

    nj_error_prefix(&err, "store %d", 7);

    assert_int_equal(err.status, NJ_NOT_FOUND);
    assert_string_equal(err.text, "store 7: no such key");
}

static void a_null_error_is_accepted(void **state)
{
    (void)state;
    assert_int_equal(nj_fail(NULL, NJ_AGAIN, "%d", 1), NJ_AGAIN);
    assert_int_equal(nj_fail_errno(NULL, NJ_IO, EIO, "%d", 1), NJ_IO);
    nj_error_prefix(NULL, "%d", 1);
}

static void bytes_that_drive_a_terminal_are_replaced(void **state)
{
    (void)state;
    nj_error err = {0};

    assert_int_equal(nj_fail(&err, NJ_INPUT, "id \"%s\"", "\x1b[2J\n\x7f"), NJ_INPUT);
    nj_error_prefix(&err, "file \r%d", 1);

    assert_string_equal(err.text, "file ?1: id \"?[2J??\"");
}

static void messages_are_utf8_whatever_they_quote(void **state)
{
    (void)state;
    nj_error err = {0};

    // A stray byte; U+009B, which some terminals take for ESC [; a character that the precision cuts in two.
    assert_int_equal(
        nj_fail(&err, NJ_INPUT, "%s %s %.2s %s", "\xff", "\xc2\x9b", "a\xc3\xa9", "\xc3\xa9"),
        NJ_INPUT);

    assert_string_equal(err.text, "? ?? a? \xc3\xa9");
}

static void long_messages_are_cut_and_end(void **state)
{
    (void)state;
    nj_error err = {0};
    char longer[2 * NJ_ERROR_TEXT_BYTES];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';

    assert_int_equal(nj_fail(&err, NJ_INPUT, "%s", longer), NJ_INPUT);
    assert_int_equal(strlen(err.text), NJ_ERROR_TEXT_BYTES - 1);
    nj_error_prefix(&err, "%s", longer);
    assert_int_equal(strlen(err.text), NJ_ERROR_TEXT_BYTES - 1);
    assert_int_equal(nj_fail_errno(&err, NJ_IO, EIO, "%s", longer), NJ_IO);
    assert_int_equal(strlen(err.text), NJ_ERROR_TEXT_BYTES - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_fills_status_and_text),
        cmocka_unit_test(an_errno_stands_behind_the_message),
        cmocka_unit_test(a_prefix_keeps_the_status),
        cmocka_unit_test(a_null_error_is_accepted),
        cmocka_unit_test(bytes_that_drive_a_terminal_are_replaced),
        cmocka_unit_test(messages_are_utf8_whatever_they_quote),
        cmocka_unit_test(long_messages_are_cut_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
