// test_lines.c - lines across buffer borders, at the limit, and from standard input.
#include "common/input/lines.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define LONG_BYTES 700000

static void assert_line(nj_lines *lines, const char *expected)
{
    nj_error err = {0};
    char *line;
    size_t size;
    assert_ok(nj_lines_next(lines, &line, &size, &err), &err);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(line, expected, size);
}

static void assert_end(nj_lines *lines)
{
    nj_error err = {0};
    char *line;
    size_t size;
    assert_int_equal(nj_lines_next(lines, &line, &size, &err), NJ_END);
    assert_int_equal(nj_lines_next(lines, &line, &size, &err), NJ_END);
}

static void line_ends_and_the_byte_order_mark_are_no_part_of_a_line(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_lines lines;
    static const char TEXT[] = "\xef\xbb\xbfone\r\n\n\rtwo\r\r\n\xef\xbb\xbf";
    assert_ok(nj_lines_open(memfile_write(TEXT, sizeof TEXT - 1), 100, &lines, &err), &err);
    assert_line(&lines, "one");
    assert_line(&lines, "");
    assert_line(&lines, "\rtwo\r");
    assert_line(&lines, "\xef\xbb\xbf"); // a mark only at the start of the file
    assert_int_equal(lines.number, 4);
    assert_end(&lines);
    nj_lines_close(&lines);
    nj_lines_close(&lines);
}

static void an_empty_file_has_no_line(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_lines lines;
    assert_ok(nj_lines_open(memfile_write("", 0), 100, &lines, &err), &err);
    assert_end(&lines);
    nj_lines_close(&lines);
}

static void lines_longer_than_the_buffer_arrive_whole(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_lines lines;
    char *text = malloc(3 * LONG_BYTES);
    assert_non_null(text);
    for (size_t i = 0; i < 3 * LONG_BYTES; i++) {
        text[i] = (char)('a' + i % 26);
    }
    text[LONG_BYTES] = '\n';
    text[2 * LONG_BYTES] = '\n';
    assert_ok(nj_lines_open(memfile_write(text, 3 * LONG_BYTES), 1 << 20, &lines, &err), &err);
    const size_t starts[3] = {0, LONG_BYTES + 1, 2 * LONG_BYTES + 1};
    for (size_t i = 0; i < 3; i++) {
        char *line;
        size_t size;
        assert_ok(nj_lines_next(&lines, &line, &size, &err), &err);
        assert_int_equal(size, i == 0 ? LONG_BYTES : LONG_BYTES - 1);
        assert_memory_equal(line, text + starts[i], size);
    }
    assert_end(&lines);
    nj_lines_close(&lines);
    free(text);
}

static void a_line_at_the_limit_is_read_and_one_byte_more_is_refused(void **state)
{
    (void)state;
    static const char *const ENDS[] = {"", "\n", "\r\n"};
    for (size_t i = 0; i < 3; i++) {
        nj_error err = {0};
        nj_lines lines;
        char *line;
        size_t size;
        char text[64];
        snprintf(text, sizeof text, "x\n0123456789%s", ENDS[i]);
        assert_ok(nj_lines_open(memfile_write(text, strlen(text)), 10, &lines, &err), &err);
        assert_line(&lines, "x");
        assert_line(&lines, "0123456789");
        assert_end(&lines);
        nj_lines_close(&lines);

        snprintf(text, sizeof text, "x\n0123456789a%s", ENDS[i]);
        assert_ok(nj_lines_open(memfile_write(text, strlen(text)), 10, &lines, &err), &err);
        assert_line(&lines, "x");
        assert_refused(nj_lines_next(&lines, &line, &size, &err), NJ_INPUT, &err,
                       "line 2: is longer than 10 bytes");
        nj_lines_close(&lines);
    }
}

static void a_nul_byte_is_refused_with_its_line(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_lines lines;
    char *line;
    size_t size;
    assert_ok(nj_lines_open(memfile_write("a\nb\0c\n", 6), 10, &lines, &err), &err);
    assert_line(&lines, "a");
    assert_refused(nj_lines_next(&lines, &line, &size, &err), NJ_INPUT, &err,
                   "line 2: contains a NUL byte");
    nj_lines_close(&lines);
}

static void a_dash_is_standard_input_also_when_it_comes_in_pieces(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_lines lines;
    int ends[2];
    int kept = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[0], STDIN_FILENO) == STDIN_FILENO);
    close(ends[0]);
    assert_int_equal(write(ends[1], "on", 2), 2);
    assert_ok(nj_lines_open("-", 10, &lines, &err), &err);
    assert_int_equal(write(ends[1], "e\ntwo\n", 6), 6);
    assert_line(&lines, "one");
    assert_line(&lines, "two");
    assert_int_equal(write(ends[1], "thr\0e", 5), 5);
    close(ends[1]);
    char *line;
    size_t size;
    assert_refused(nj_lines_next(&lines, &line, &size, &err), NJ_INPUT, &err,
                   "standard input: line 3");
    nj_lines_close(&lines);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0); // it is not ours to close
    dup2(kept, STDIN_FILENO);
    close(kept);
}

static void what_cannot_be_opened_says_why(void **state)
{
    nj_error err = {0};
    nj_lines lines;
    assert_refused(nj_lines_open(sandbox_path(state, "none"), 10, &lines, &err), NJ_NOT_FOUND, &err,
                   "No such file");
    assert_refused(nj_lines_open(sandbox_path(state, ""), 10, &lines, &err), NJ_INPUT, &err,
                   "is a folder");
}

static nj_status stop_at_two(void *context, const nj_lines *lines, nj_slice line, nj_error *err)
{
    *(uint64_t *)context = lines->number;
    return nj_slice_equal(line, nj_slice_from("two"))
               ? nj_lines_fail(lines, lines->number, err, "is two")
               : NJ_OK;
}

static void each_line_is_handed_over_until_one_is_refused(void **state)
{
    (void)state;
    nj_error err;
    uint64_t last = 0;
    assert_ok(nj_lines_each(memfile_write("one\n\nend", 8), 10, stop_at_two, &last, &err), &err);
    assert_int_equal(last, 3);
    assert_refused(nj_lines_each(memfile_write("one\ntwo\nend", 11), 10, stop_at_two, &last, &err),
                   NJ_INPUT, &err, "line 2: is two");
    assert_int_equal(last, 2);
    assert_refused(
        nj_lines_each(memfile_write("one\ntoo long a line", 19), 10, stop_at_two, &last, &err),
        NJ_INPUT, &err, "line 2: is longer than 10 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_ends_and_the_byte_order_mark_are_no_part_of_a_line),
        cmocka_unit_test(an_empty_file_has_no_line),
        cmocka_unit_test(lines_longer_than_the_buffer_arrive_whole),
        cmocka_unit_test(a_line_at_the_limit_is_read_and_one_byte_more_is_refused),
        cmocka_unit_test(a_nul_byte_is_refused_with_its_line),
        cmocka_unit_test(a_dash_is_standard_input_also_when_it_comes_in_pieces),
        cmocka_unit_test(each_line_is_handed_over_until_one_is_refused),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_says_why, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
