// test_file.c - files appear whole or not at all; folders are made and removed; what is refused leaves no trace.
#include "common/base/file.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static void assert_content(const char *path, const char *expected)
{
    nj_error err = {0};
    char *bytes;
    size_t size;
    assert_ok(nj_file_read(path, 1 << 20, &bytes, &size, &err), &err);
    assert_int_equal(size, strlen(expected));
    assert_string_equal(bytes, expected); // nj_file_read puts a NUL behind the content
    free(bytes);
}

static size_t count_entries(const char *path)
{
    size_t count = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(folder);
    return count;
}

static void a_written_file_is_read_back_and_replaced(void **state)
{
    nj_error err = {0};
    const char *path = sandbox_path(state, "file");

    assert_ok(nj_file_write(path, "first, and longer", 17, &err), &err);
    assert_content(path, "first, and longer");
    assert_ok(nj_file_write(path, "second", 6, &err), &err);
    assert_content(path, "second");
    assert_ok(nj_file_write(path, NULL, 0, &err), &err);
    assert_content(path, "");

    assert_int_equal(count_entries(sandbox_path(state, ".")), 1);
}

static void a_draft_shows_only_when_it_is_committed(void **state)
{
    nj_error err = {0};
    nj_file_draft draft;
    const char *path = sandbox_write(state, "file", "old", 3);

    assert_ok(nj_file_draft_begin(path, &draft, &err), &err);
    assert_true(fputs("new", draft.stream) >= 0);
    assert_int_equal(fflush(draft.stream), 0);
    assert_content(path, "old");
    assert_content(draft.temporary.text, "new");
    assert_ok(nj_file_draft_commit(&draft, &err), &err);

    assert_content(path, "new");
    nj_file_draft_abort(&draft);
    assert_content(path, "new");
    assert_int_equal(count_entries(sandbox_path(state, ".")), 1);
}

static void an_aborted_draft_leaves_the_old_file_and_nothing_else(void **state)
{
    nj_error err = {0};
    nj_file_draft draft;
    const char *path = sandbox_write(state, "file", "old", 3);

    assert_ok(nj_file_draft_begin(path, &draft, &err), &err);
    assert_true(fputs("new", draft.stream) >= 0);
    nj_file_draft_abort(&draft);
    nj_file_draft_abort(&draft);

    assert_content(path, "old");
    assert_int_equal(count_entries(sandbox_path(state, ".")), 1);
    nj_file_draft zero = {0};
    nj_file_draft_abort(&zero);
}

// A limit on the size of files stands in for a full disk: write(2) fails in the middle either way.
static void a_write_that_fails_midway_keeps_the_old_content(void **state)
{
    nj_error err = {0};
    static char large[100000];
    const char *path = sandbox_write(state, "file", "old", 3);
    struct rlimit old_limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
    void (*old_handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct rlimit small_limit = {.rlim_cur = 50000, .rlim_max = old_limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small_limit), 0);

    nj_status status = nj_file_write(path, large, sizeof large, &err);

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    signal(SIGXFSZ, old_handler);
    assert_refused(status, NJ_IO, &err, "cannot write");
    assert_content(path, "old");
    assert_int_equal(count_entries(sandbox_path(state, ".")), 1);
}

static void what_is_no_regular_file_is_never_replaced_by_one(void **state)
{
    nj_error err = {0};
    struct stat after;
    const char *path = sandbox_path(state, "folder");
    assert_int_equal(mkdir(path, 0777), 0);
    assert_refused(nj_file_write(path, "x", 1, &err), NJ_IO, &err, "not a regular file");
    path = sandbox_path(state, "pipe");
    assert_int_equal(mkfifo(path, 0666), 0);
    assert_refused(nj_file_write(path, "x", 1, &err), NJ_IO, &err, "pipe: is not a regular file");
    assert_int_equal(stat(path, &after), 0);
    assert_true(S_ISFIFO(after.st_mode));
    assert_int_equal(count_entries(sandbox_path(state, ".")), 2);
}

static void a_rename_that_fails_leaves_no_temporary_file(void **state)
{
    nj_error err = {0};
    nj_file_draft draft;
    const char *path = sandbox_path(state, "taken");
    assert_ok(nj_file_draft_begin(path, &draft, &err), &err);
    assert_ok(nj_folder_make(path, &err), &err); // meanwhile

    assert_refused(nj_file_draft_commit(&draft, &err), NJ_IO, &err, "cannot rename");

    assert_true(nj_folder_exists(path));
    assert_int_equal(count_entries(sandbox_path(state, ".")), 1);
}

static void a_file_in_a_missing_folder_cannot_be_created(void **state)
{
    nj_error err = {0};
    assert_refused(nj_file_write(sandbox_path(state, "none/file"), "x", 1, &err), NJ_IO, &err,
                   "cannot create");
    assert_int_equal(count_entries(sandbox_path(state, ".")), 0);
}

static void reading_refuses_what_is_missing_too_large_or_no_file(void **state)
{
    nj_error err = {0};
    char *bytes = NULL;
    size_t size = 77;
    const char *path = sandbox_write(state, "file", "12345", 5);
    const char *pipe_path = sandbox_path(state, "pipe");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);

    assert_refused(nj_file_read(sandbox_path(state, "none"), 5, &bytes, &size, &err), NJ_NOT_FOUND,
                   &err, "none: cannot open: No such file");
    assert_refused(nj_file_read(path, 4, &bytes, &size, &err), NJ_INPUT, &err,
                   "has 5 bytes, the limit is 4");
    assert_refused(nj_file_read(sandbox_path(state, "."), 5, &bytes, &size, &err), NJ_INPUT, &err,
                   "not a regular file");
    assert_refused(nj_file_read(pipe_path, 5, &bytes, &size, &err), NJ_INPUT, &err,
                   "not a regular file");
    assert_null(bytes);
    assert_int_equal(size, 77);

    assert_ok(nj_file_read(path, 5, &bytes, &size, &err), &err);
    assert_int_equal(size, 5);
    free(bytes);
}

static void folders_are_made_with_their_parents_and_twice(void **state)
{
    nj_error err = {0};
    const char *path = sandbox_path(state, "a//b/c");

    assert_ok(nj_folder_make(path, &err), &err);
    assert_ok(nj_folder_make(path, &err), &err);
    assert_ok(nj_folder_make(sandbox_path(state, "a/"), &err), &err);
    assert_ok(nj_folder_make("/", &err), &err);

    assert_true(nj_folder_exists(path));
    assert_false(nj_file_exists(path));
    assert_ok(nj_folder_sync(path, &err), &err);
}

static void a_folder_is_not_made_through_a_file_or_an_empty_path(void **state)
{
    nj_error err = {0};
    const char *file = sandbox_write(state, "file", "x", 1);

    assert_refused(nj_folder_make(file, &err), NJ_INPUT, &err, "is not a folder");
    assert_refused(nj_folder_make(sandbox_path(state, "file/a"), &err), NJ_INPUT, &err, "file");
    assert_refused(nj_folder_make("", &err), NJ_INPUT, &err, "empty");
    assert_true(nj_file_exists(file));
    assert_refused(nj_folder_sync(file, &err), NJ_IO, &err, "cannot open folder");
}

static void a_folder_is_removed_with_what_is_in_it(void **state)
{
    nj_error err = {0};
    assert_ok(nj_folder_make(sandbox_path(state, "a/b/c/d/e"), &err), &err);
    sandbox_write(state, "a/b/file", "x", 1);

    assert_ok(nj_folder_remove(sandbox_path(state, "a"), &err), &err);
    assert_ok(nj_folder_remove(sandbox_path(state, "a"), &err), &err);

    assert_int_equal(count_entries(sandbox_path(state, ".")), 0);
}

static void removal_stops_below_its_depth(void **state)
{
    nj_error err = {0};
    assert_ok(nj_folder_make(sandbox_path(state, "a/1/2/3/4/5"), &err), &err);

    assert_refused(nj_folder_remove(sandbox_path(state, "a"), &err), NJ_IO, &err, "cannot remove");

    assert_true(nj_folder_exists(sandbox_path(state, "a/1/2/3/4/5")));
    assert_ok(nj_folder_remove(sandbox_path(state, "a/1"), &err), &err);
}

static void removal_never_follows_a_link(void **state)
{
    nj_error err = {0};
    const char *kept = sandbox_path(state, "kept");
    const char *link_path = sandbox_path(state, "link");
    assert_ok(nj_folder_make(kept, &err), &err);
    assert_ok(nj_folder_make(sandbox_path(state, "gone"), &err), &err);
    sandbox_write(state, "kept/file", "x", 1);
    assert_int_equal(symlink(kept, link_path), 0);
    assert_int_equal(symlink(kept, sandbox_path(state, "gone/link")), 0);

    assert_refused(nj_folder_remove(link_path, &err), NJ_IO, &err, "link");
    assert_ok(nj_folder_remove(sandbox_path(state, "gone"), &err), &err);

    assert_content(sandbox_path(state, "kept/file"), "x");
}

static void a_path_may_be_as_long_as_its_buffer_and_no_longer(void **state)
{
    (void)state;
    nj_error err = {0};
    static char name[NJ_PATH_BYTES];
    static nj_path path;
    memset(name, 'n', NJ_PATH_BYTES - 3);

    assert_ok(nj_path_join("f", name, &path, &err), &err);
    assert_int_equal(strlen(path.text), NJ_PATH_BYTES - 1);

    name[NJ_PATH_BYTES - 3] = 'n';
    assert_refused(nj_path_join("f", name, &path, &err), NJ_INPUT, &err, "longer than 4095 bytes");
    assert_refused(nj_file_write(path.text, "x", 1, &err), NJ_INPUT, &err, "longer");
}

static void a_copied_path_loses_the_slashes_at_its_end(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_path path;

    assert_ok(nj_path_copy("a/b//", &path, &err), &err);
    assert_string_equal(path.text, "a/b");
    assert_ok(nj_path_copy("//", &path, &err), &err);
    assert_string_equal(path.text, "/");
    assert_refused(nj_path_copy("", &path, &err), NJ_INPUT, &err, "empty");
}

#define in_sandbox(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

static void what_cannot_be_opened_says_whether_the_path_is_at_fault(void **state)
{
    nj_error err = {0};
    char *bytes = NULL;
    size_t size = 0;
    sandbox_write(state, "file", "x", 1);

    assert_refused(nj_file_read(sandbox_path(state, "absent"), 10, &bytes, &size, &err),
                   NJ_NOT_FOUND, &err, "absent");
    assert_refused(nj_file_read(sandbox_path(state, "file/x"), 10, &bytes, &size, &err), NJ_INPUT,
                   &err, "Not a directory");
    assert_refused(nj_folder_check(sandbox_path(state, "absent"), &err), NJ_NOT_FOUND, &err,
                   "no such folder");
    assert_refused(nj_folder_check(sandbox_path(state, "file"), &err), NJ_INPUT, &err,
                   "is not a folder");
    assert_refused(nj_folder_check(sandbox_path(state, "file/x"), &err), NJ_INPUT, &err,
                   "Not a directory");
    assert_ok(nj_folder_check("/", &err), &err);
}

static void a_sweep_removes_the_drafts_of_one_file_and_nothing_else(void **state)
{
    static const char *const KEPT[] = {"CURRENT",     "CURRENT.tmp.",    "CURRENT.tmp.12x",
                                       "CURRENT.tmp", "CURRENT2.tmp.12", "xCURRENT.tmp.12"};
    for (size_t i = 0; i < sizeof KEPT / sizeof KEPT[0]; i++) {
        sandbox_write(state, KEPT[i], "x", 1);
    }
    sandbox_write(state, "CURRENT.tmp.12", "x", 1);
    sandbox_write(state, "CURRENT.tmp.4711", "x", 1);

    nj_file_sweep(sandbox_path(state, "CURRENT"));
    nj_file_sweep(sandbox_path(state, "absent/CURRENT"));

    assert_false(nj_file_exists(sandbox_path(state, "CURRENT.tmp.12")));
    assert_false(nj_file_exists(sandbox_path(state, "CURRENT.tmp.4711")));
    for (size_t i = 0; i < sizeof KEPT / sizeof KEPT[0]; i++) {
        assert_true(nj_file_exists(sandbox_path(state, KEPT[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_sandbox(a_written_file_is_read_back_and_replaced),
        in_sandbox(a_draft_shows_only_when_it_is_committed),
        in_sandbox(an_aborted_draft_leaves_the_old_file_and_nothing_else),
        in_sandbox(a_write_that_fails_midway_keeps_the_old_content),
        in_sandbox(what_is_no_regular_file_is_never_replaced_by_one),
        in_sandbox(a_rename_that_fails_leaves_no_temporary_file),
        in_sandbox(a_file_in_a_missing_folder_cannot_be_created),
        in_sandbox(reading_refuses_what_is_missing_too_large_or_no_file),
        in_sandbox(folders_are_made_with_their_parents_and_twice),
        in_sandbox(a_folder_is_not_made_through_a_file_or_an_empty_path),
        in_sandbox(what_cannot_be_opened_says_whether_the_path_is_at_fault),
        in_sandbox(a_sweep_removes_the_drafts_of_one_file_and_nothing_else),
        in_sandbox(a_folder_is_removed_with_what_is_in_it),
        in_sandbox(removal_stops_below_its_depth),
        in_sandbox(removal_never_follows_a_link),
        cmocka_unit_test(a_copied_path_loses_the_slashes_at_its_end),
        cmocka_unit_test(a_path_may_be_as_long_as_its_buffer_and_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
