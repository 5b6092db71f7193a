// test_parts.c - which files of a folder are parts, in which order, and what names their content.
#include "common/input/parts.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file_digest.h"
#include "common/input/lines.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static nj_status list(void **state, nj_parts *out, nj_error *err)
{
    return nj_parts_list(sandbox_path(state, ""), out, err);
}

static void parts_stand_in_the_order_of_their_names_as_bytes(void **state)
{
    nj_error err = {0};
    nj_parts parts;
    static const char *const NAMES[] = {"part-10", "part-2",  "_SUCCESS", ".part-2.crc",
                                        "B",       "a.crc",   ".crc",     "_metadata",
                                        "part-1",  "\xc3\xa9"};
    static const char *const EXPECTED[] = {"B", "part-1", "part-10", "part-2", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        sandbox_write(state, NAMES[i], "x\n", 2);
    }
    assert_ok(list(state, &parts, &err), &err);
    assert_true(parts.is_folder);
    assert_int_equal(parts.count, 5);
    for (size_t i = 0; i < parts.count; i++) {
        assert_string_equal(strrchr(parts.paths[i], '/') + 1, EXPECTED[i]);
    }
    nj_parts_fini(&parts);
    nj_parts_fini(&parts);
}

static void a_file_and_what_is_not_there_are_one_part(void **state)
{
    nj_error err = {0};
    nj_parts parts;
    const char *path = sandbox_write(state, "f", "x", 1);
    assert_ok(nj_parts_list(path, &parts, &err), &err);
    assert_false(parts.is_folder);
    assert_int_equal(parts.count, 1);
    nj_parts_fini(&parts);
    assert_ok(nj_parts_list("nowhere", &parts, &err), &err);
    assert_string_equal(parts.paths[0], "nowhere");
    nj_parts_fini(&parts);
}

static void folders_and_devices_among_parts_are_refused(void **state)
{
    nj_error err = {0};
    nj_parts parts;
    assert_refused(list(state, &parts, &err), NJ_INPUT, &err, "without part files");
    sandbox_write(state, "part-0", "x", 1);
    assert_int_equal(mkfifo(sandbox_path(state, "pipe"), 0600), 0);
    assert_refused(list(state, &parts, &err), NJ_INPUT, &err, "is no file among the part files");
    assert_int_equal(unlink(sandbox_path(state, "pipe")), 0);
    assert_int_equal(mkdir(sandbox_path(state, "day=1"), 0700), 0);
    assert_refused(list(state, &parts, &err), NJ_INPUT, &err, "is a folder among the part files");
}

static void the_digest_is_of_names_and_bytes(void **state)
{
    nj_error err = {0};
    nj_digest one, two, file;
    const char *path = sandbox_path(state, "");
    sandbox_write(state, "part-0", "x", 1);
    assert_ok(nj_parts_digest(path, &one, &err), &err);
    sandbox_write(state, "_SUCCESS", "", 0);
    assert_ok(nj_parts_digest(path, &two, &err), &err);
    assert_memory_equal(&one, &two, sizeof one);
    sandbox_write(state, "part-1", "", 0);
    assert_ok(nj_parts_digest(path, &two, &err), &err);
    assert_memory_not_equal(&one, &two, sizeof one);
    const char *part = sandbox_path(state, "part-0");
    assert_ok(nj_parts_digest(part, &one, &err), &err);
    assert_ok(nj_file_digest(part, &file, &err), &err);
    assert_memory_equal(&one, &file, sizeof one);
}

static void lines_are_numbered_through_the_parts_and_told_by_part(void **state)
{
    nj_error err = {0};
    nj_lines lines;
    char *line;
    size_t size;
    sandbox_write(state, "part-0", "\xef\xbb\xbfone\ntwo", 10);
    sandbox_write(state, "part-1", "", 0);
    sandbox_write(state, "part-2", "\xef\xbb\xbfthree\n\nfive\0\n", 16);
    assert_ok(nj_lines_open(sandbox_path(state, ""), 10, &lines, &err), &err);
    for (int i = 0; i < 4; i++) {
        assert_ok(nj_lines_next(&lines, &line, &size, &err), &err);
        assert_int_equal(size, ((size_t[]){3, 3, 5, 0})[i]);
        assert_int_equal(lines.part, i < 2 ? 0 : 2);
    }
    assert_string_equal(nj_lines_place(&lines, 3).text, "line 1");
    assert_non_null(strstr(nj_lines_place(&lines, 2).text, "line 2 of /"));
    assert_non_null(strstr(nj_lines_place(&lines, 2).text, "/part-0"));
    assert_refused(nj_lines_next(&lines, &line, &size, &err), NJ_INPUT, &err,
                   "part-2: line 3: contains a NUL byte");
    nj_lines_close(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_stand_in_the_order_of_their_names_as_bytes,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_file_and_what_is_not_there_are_one_part, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(folders_and_devices_among_parts_are_refused, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(the_digest_is_of_names_and_bytes, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(lines_are_numbered_through_the_parts_and_told_by_part,
                                        sandbox_setup, sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
