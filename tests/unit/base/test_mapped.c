// test_mapped.c - whole files in memory, and what cannot be mapped.
#include "common/base/mapped.h"

#include <sys/stat.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static void a_file_is_mapped_byte_for_byte(void **state)
{
    nj_error err = {0};
    nj_mapped mapped;
    const char *path = sandbox_write(state, "file", "a\0b\n", 4);

    assert_ok(nj_mapped_open(path, &mapped, &err), &err);

    assert_int_equal(mapped.size, 4);
    assert_memory_equal(mapped.bytes, "a\0b\n", 4);
    nj_mapped_close(&mapped);
    assert_null(mapped.bytes);
    nj_mapped_close(&mapped);
}

static void an_empty_file_has_bytes_that_are_not_null(void **state)
{
    nj_error err = {0};
    nj_mapped mapped;

    assert_ok(nj_mapped_open(sandbox_write(state, "empty", "", 0), &mapped, &err), &err);

    assert_int_equal(mapped.size, 0);
    assert_non_null(mapped.bytes);
    nj_mapped_close(&mapped);
}

static void a_mapping_outlives_the_name_of_its_file(void **state)
{
    nj_error err = {0};
    nj_mapped mapped;
    const char *path = sandbox_write(state, "file", "old", 3);
    assert_ok(nj_mapped_open(path, &mapped, &err), &err);

    assert_ok(nj_file_write(path, "newer", 5, &err), &err);

    assert_memory_equal(mapped.bytes, "old", 3);
    nj_mapped_close(&mapped);
}

static void missing_files_folders_and_pipes_are_told_apart(void **state)
{
    nj_error err = {0};
    nj_mapped mapped = {.size = 77};
    const char *pipe_path = sandbox_path(state, "pipe");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);

    assert_refused(nj_mapped_open(sandbox_path(state, "none"), &mapped, &err), NJ_NOT_FOUND, &err,
                   "none: cannot open: No such file");
    assert_refused(nj_mapped_open(sandbox_path(state, "."), &mapped, &err), NJ_INPUT, &err,
                   "not a regular file");
    assert_refused(nj_mapped_open(pipe_path, &mapped, &err), NJ_INPUT, &err, "not a regular file");
    assert_refused(nj_mapped_open("/dev/zero", &mapped, &err), NJ_INPUT, &err,
                   "not a regular file");
    assert_int_equal(mapped.size, 77);
}

#define in_sandbox(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_sandbox(a_file_is_mapped_byte_for_byte),
        in_sandbox(an_empty_file_has_bytes_that_are_not_null),
        in_sandbox(a_mapping_outlives_the_name_of_its_file),
        in_sandbox(missing_files_folders_and_pipes_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
