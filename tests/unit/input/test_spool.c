// test_spool.c - standard input that was spooled is read from its start as often as one likes, unpacked once.
#include "common/input/spool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/input/lines.h"
#include "common/input/parts.h"
#include "tests/support/nj_test.h"
#include "tests/support/packing.h"
#include "tests/support/sandbox.h"

static void give_input(const void *bytes, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], bytes, size), (ssize_t)size);
    close(ends[1]);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
}

static void assert_reads_one_two(void)
{
    nj_error err = {0};
    nj_lines lines;
    char *line;
    size_t size;
    assert_ok(nj_lines_open("-", 10, &lines, &err), &err);
    assert_ok(nj_lines_next(&lines, &line, &size, &err), &err);
    assert_memory_equal(line, "one", 3);
    assert_ok(nj_lines_next(&lines, &line, &size, &err), &err);
    assert_memory_equal(line, "two", 3);
    assert_refused(nj_lines_fail(&lines, 2, &err, "is two"), NJ_INPUT, &err,
                   "standard input: line 2: is two");
    assert_int_equal(nj_lines_next(&lines, &line, &size, &err), NJ_END);
    nj_lines_close(&lines);
}

static void a_temporary_folder_that_is_not_there_is_an_io_error(void **state)
{
    nj_error err = {0};
    setenv("TMPDIR", sandbox_path(state, "none"), 1);
    give_input("one\ntwo\n", 8);
    assert_refused(nj_spool_if_stream("-", &err), NJ_IO, &err, "none: cannot make");
    assert_string_equal(nj_spooled_path("-"), "-");
    unsetenv("TMPDIR");
}

static void a_pipe_is_read_twice_once_it_is_spooled(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer packed;
    nj_digest digest;
    nj_buffer_init(&packed, SIZE_MAX / 2);
    pack_gzip(&packed, "one\ntwo\n", 8);
    give_input(packed.bytes, packed.size);
    nj_buffer_fini(&packed);
    assert_ok(nj_spool_if_stream("a file", &err), &err); // leaves it alone
    assert_string_equal(nj_spooled_path("-"), "-");
    assert_ok(nj_spool_if_stream("-", &err), &err);
    assert_ok(nj_spool_if_stream("-", &err), &err); // once is enough
    assert_reads_one_two();
    assert_reads_one_two();
    const nj_digest expected = nj_digest_of("one\ntwo\n", 8);
    assert_ok(nj_parts_digest("-", &digest, &err), &err);
    assert_memory_equal(&digest, &expected, sizeof digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_temporary_folder_that_is_not_there_is_an_io_error,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test(a_pipe_is_read_twice_once_it_is_spooled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
