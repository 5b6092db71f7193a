// test_file_digest.c - a file's digest is that of its bytes, whatever its size; what is no file has none.
#include "common/base/file_digest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static void a_file_has_the_digest_of_its_bytes(void **state)
{
    static const size_t SIZES[] = {0, 1, (1u << 20) - 1, 1u << 20, (3u << 20) + 5};
    nj_error err = {0};
    char *bytes = malloc(SIZES[4]);
    assert_non_null(bytes);
    for (size_t i = 0; i < SIZES[4]; i++) {
        bytes[i] = (char)(i * 31 / 7);
    }
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        nj_digest found = {0};
        const nj_digest expected = nj_digest_of(bytes, SIZES[i]);
        const char *path = sandbox_write(state, "file", bytes, SIZES[i]);
        assert_ok(nj_file_digest(path, &found, &err), &err);
        assert_true(nj_digest_equal(&found, &expected));
    }
    free(bytes);
}

static void what_is_no_file_has_none(void **state)
{
    nj_error err = {0};
    nj_digest found;
    const char *pipe_path = sandbox_path(state, "pipe");
    assert_int_equal(nj_file_digest(sandbox_path(state, "missing"), &found, &err), NJ_NOT_FOUND);
    assert_int_equal(nj_file_digest(sandbox_path(state, "."), &found, &err), NJ_INPUT);
    assert_int_equal(mkfifo(pipe_path, S_IRUSR | S_IWUSR), 0);
    assert_int_equal(nj_file_digest(pipe_path, &found, &err), NJ_INPUT);
    assert_non_null(strstr(err.text, "not a regular file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_has_the_digest_of_its_bytes, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_file_has_none, sandbox_setup, sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
