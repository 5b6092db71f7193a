// test_log.c - one clean line an event on stderr, whatever is quoted in it.
#include "common/base/log.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/support/nj_test.h"

#define CAPTURE_BYTES 8192

// Runs nj_log(level, "%s", text) with stderr in a pipe and gives what came out. [CAPTURE_BYTES]
static size_t capture(nj_log_level level, const char *text, char *out)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int kept = dup(STDERR_FILENO);
    assert_true(kept >= 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    nj_log(level, "%s", text);
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    close(kept);
    close(ends[1]);
    ssize_t size = read(ends[0], out, CAPTURE_BYTES - 1);
    close(ends[0]);
    assert_true(size >= 0);
    out[size] = '\0';
    return (size_t)size;
}

static void a_line_names_program_process_and_level(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    char expected[100];
    nj_log_setup("nightjar-worker", NJ_LOG_INFO);
    snprintf(expected, sizeof expected, "nightjar-worker[%ld]: warning: disk is slow\n",
             (long)getpid());

    capture(NJ_LOG_WARNING, "disk is slow", line);

    assert_string_equal(line, expected);
}

static void levels_below_the_least_say_nothing(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    nj_log_setup("x", NJ_LOG_WARNING);

    assert_int_equal(capture(NJ_LOG_DEBUG, "a", line), 0);
    assert_int_equal(capture(NJ_LOG_INFO, "a", line), 0);
    assert_true(capture(NJ_LOG_WARNING, "a", line) > 0);
    assert_true(capture(NJ_LOG_ERROR, "a", line) > 0);
}

static void quoted_bytes_cannot_forge_lines_or_drive_a_terminal(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    nj_log_setup("x", NJ_LOG_INFO);

    size_t size = capture(NJ_LOG_INFO, "a\nx[1]: error: forged\x1b[31m\x7f", line);

    assert_non_null(strstr(line, "info: a?x[1]: error: forged?[31m?\n"));
    assert_ptr_equal(strchr(line, '\n'), line + size - 1);
}

static void long_lines_and_names_are_cut(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    static char longer[5000];
    memset(longer, 'y', sizeof longer - 1);

    nj_log_setup("x", NJ_LOG_INFO);
    assert_int_equal(capture(NJ_LOG_INFO, longer, line), 2000);
    assert_int_equal(line[1999], '\n');

    nj_log_setup(longer, NJ_LOG_INFO);
    assert_true(capture(NJ_LOG_INFO, "the end", line) < 200);
    assert_non_null(strstr(line, "the end\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_names_program_process_and_level),
        cmocka_unit_test(levels_below_the_least_say_nothing),
        cmocka_unit_test(quoted_bytes_cannot_forge_lines_or_drive_a_terminal),
        cmocka_unit_test(long_lines_and_names_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
