// test_keys.c - key files: written private, read strictly, refused with file and line.
#include "common/wire/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static const char KEY_A[] = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
static const char KEY_B[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";

static void a_pair_is_written_and_read_back(void **state)
{
    nj_error err = {0};
    nj_keypair made;
    nj_keypair read;
    char public_key[NJ_KEY_TEXT_BYTES];
    const char *secret = sandbox_path(state, "worker.key");
    const char *public = sandbox_path(state, "worker.pub");
    assert_ok(nj_keypair_make(&made, &err), &err);
    assert_ok(nj_keypair_write(&made, secret, public, "worker 1", &err), &err);

    struct stat about;
    assert_int_equal(stat(secret, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_ok(nj_keypair_read(secret, &read, &err), &err);
    assert_string_equal(read.public_key, made.public_key);
    assert_string_equal(read.secret_key, made.secret_key);
    assert_ok(nj_public_key_read(public, public_key, &err), &err);
    assert_string_equal(public_key, made.public_key);

    nj_allowlist list;
    assert_ok(nj_allowlist_read(public, &list, &err), &err);
    assert_int_equal(list.count, 1);
    assert_string_equal(nj_allowlist_find(&list, made.public_key)->name, "worker 1");
    nj_allowlist_fini(&list);
}

static void a_drawn_public_key_does_not_look_like_an_option(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_keypair pair;
    for (int i = 0; i < 1000; i++) { // one in 85 would
        assert_ok(nj_keypair_make(&pair, &err), &err);
        assert_true(pair.public_key[0] != '-');
    }
}

static void a_secret_needs_no_name_on_a_disk(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_keypair made;
    nj_keypair read;
    char path[32];
    int fd = memfd_create("key", 0);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, 0600), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    assert_ok(nj_keypair_make(&made, &err), &err);
    assert_ok(nj_keypair_write_fd(&made, fd, &err), &err);
    assert_ok(nj_keypair_read(path, &read, &err), &err);
    assert_string_equal(read.secret_key, made.secret_key);
    assert_string_equal(read.public_key, made.public_key);
    close(fd);
    assert_refused(nj_keypair_write_fd(&made, fd, &err), NJ_IO, &err, "cannot write a secret key");
}

static void a_key_is_never_overwritten(void **state)
{
    nj_error err = {0};
    nj_keypair pair;
    assert_ok(nj_keypair_make(&pair, &err), &err);
    const char *public = sandbox_write(state, "there.pub", "x", 1);
    const char *secret = sandbox_path(state, "fresh.key");
    assert_refused(nj_keypair_write(&pair, secret, public, "", &err), NJ_INPUT, &err,
                   "never overwritten");
    assert_false(nj_file_exists(secret)); // no half of a pair stays behind

    const char *old = sandbox_write(state, "old.key", "x", 1);
    assert_refused(nj_keypair_write(&pair, old, sandbox_path(state, "new.pub"), "", &err), NJ_INPUT,
                   &err, "old.key");
    char *bytes = NULL;
    size_t size = 0;
    assert_ok(nj_file_read(old, 10, &bytes, &size, &err), &err);
    assert_string_equal(bytes, "x");
    free(bytes);
}

static void a_secret_that_others_may_read_is_refused(void **state)
{
    nj_error err = {0};
    nj_keypair pair;
    const char *path = sandbox_write(state, "open.key", KEY_A, 40);
    assert_int_equal(chmod(path, 0640), 0);
    assert_refused(nj_keypair_read(path, &pair, &err), NJ_CONFIG, &err, "chmod 600");
    assert_int_equal(chmod(path, 0604), 0);
    assert_refused(nj_keypair_read(path, &pair, &err), NJ_CONFIG, &err, "604");
    assert_int_equal(chmod(path, 0600), 0);
    assert_ok(nj_keypair_read(path, &pair, &err), &err);
    assert_int_equal(nj_keypair_read(sandbox_path(state, "none.key"), &pair, &err), NJ_NOT_FOUND);
    assert_refused(nj_keypair_read("/dev/null", &pair, &err), NJ_CONFIG, &err, "regular file");
}

// As a scheduler mounts a secret for a user who is not root: of root, and readable by a group of that user.
static void a_secret_of_root_may_be_readable_by_a_group(void **state)
{
    enum { SOMEBODY = 65534 };
    nj_error err = {0};
    nj_keypair pair;
    const char *path = sandbox_write(state, "mounted.key", KEY_A, 40);
    if (geteuid() != 0) {
        skip_loudly("only root can make a secret of root");
    }
    assert_int_equal(chmod(sandbox_path(state, "."), 0711), 0);
    assert_int_equal(chown(path, 0, SOMEBODY), 0);
    static const struct {
        mode_t mode;
        nj_status expected;
    } CASES[] = {
        {0440, NJ_OK}, {0640, NJ_OK}, {0644, NJ_CONFIG}, {0660, NJ_CONFIG}, {0441, NJ_CONFIG}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_int_equal(chmod(path, CASES[i].mode), 0);
        assert_int_equal(nj_keypair_read(path, &pair, &err), NJ_CONFIG); // as root: it is ours
        assert_int_equal(setegid(SOMEBODY), 0);
        assert_int_equal(seteuid(SOMEBODY), 0);
        nj_status status = nj_keypair_read(path, &pair, &err);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(setegid(0), 0);
        assert_int_equal(status, CASES[i].expected);
    }
}

static void refused_key_files_name_file_and_line_but_never_the_secret(void **state)
{
    nj_error err = {0};
    nj_keypair pair;
    char text[200];
    static const struct {
        const char *content;
        const char *says;
    } CASES[] = {
        {"", "holds no key"},
        {"# only a comment\n\n", "holds no key"},
        {"too short\n", "bad.key:1: not a key"},
        {"\n#\nYne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hI\n", "bad.key:3: not a key"},
        {"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hIDx\n", "not a key"},
        {"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{h\"D\n", "not a key"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const char *path =
            sandbox_write(state, "bad.key", CASES[i].content, strlen(CASES[i].content));
        assert_int_equal(chmod(path, 0600), 0);
        assert_refused(nj_keypair_read(path, &pair, &err), NJ_INPUT, &err, CASES[i].says);
        assert_null(strstr(err.text, "Yne@"));
    }
    int length = snprintf(text, sizeof text, "%s\n%s\n", KEY_A, KEY_B);
    const char *two = sandbox_write(state, "two.key", text, (size_t)length);
    assert_int_equal(chmod(two, 0600), 0);
    assert_refused(nj_keypair_read(two, &pair, &err), NJ_INPUT, &err, "two.key:2: a second key");
}

static void an_allow_list_has_comments_names_and_any_line_end(void **state)
{
    nj_error err = {0};
    nj_allowlist list;
    char text[300];
    int length = snprintf(text, sizeof text, "# fleet\r\n\r\n  %s\thost one \r\n%s", KEY_B, KEY_A);
    const char *path = sandbox_write(state, "allow", text, (size_t)length);
    assert_ok(nj_allowlist_read(path, &list, &err), &err);
    assert_int_equal(list.count, 2);
    assert_string_equal(nj_allowlist_find(&list, KEY_B)->name, "host one");
    assert_string_equal(nj_allowlist_find(&list, KEY_A)->name, "");
    assert_null(nj_allowlist_find(&list, "nobody"));
    nj_allowlist_fini(&list);

    const char *empty = sandbox_write(state, "empty", "", 0);
    assert_ok(nj_allowlist_read(empty, &list, &err), &err);
    assert_int_equal(list.count, 0);
    assert_null(nj_allowlist_find(&list, KEY_A));
    nj_allowlist_fini(&list);
}

static void bad_allow_lists_are_refused_with_line_and_rule(void **state)
{
    nj_error err = {0};
    nj_allowlist list;
    char text[400];
    int length = snprintf(text, sizeof text, "%s a\n%s b\n\n%s c\n", KEY_A, KEY_B, KEY_A);
    const char *twice = sandbox_write(state, "twice", text, (size_t)length);
    assert_refused(nj_allowlist_read(twice, &list, &err), NJ_INPUT, &err,
                   "twice:4: the key of line 1 again");

    length = snprintf(text, sizeof text, "%s %063d\n%s %064d\n", KEY_A, 0, KEY_B, 0);
    const char *name = sandbox_write(state, "name", text, (size_t)length);
    assert_refused(nj_allowlist_read(name, &list, &err), NJ_INPUT, &err,
                   "name:2: a name of 64 bytes, the limit is 63");

    length = snprintf(text, sizeof text, "%s \x01\n", KEY_A);
    const char *control = sandbox_write(state, "control", text, (size_t)length);
    assert_refused(nj_allowlist_read(control, &list, &err), NJ_INPUT, &err, "control:1");
}

static void what_would_not_be_read_back_is_not_written_and_a_secret_is_no_public_key(void **state)
{
    nj_error err = {0};
    nj_keypair pair;
    nj_allowlist list;
    char public_key[NJ_KEY_TEXT_BYTES];
    const char *secret = sandbox_path(state, "mixed-up.key");
    const char *public = sandbox_path(state, "mixed-up.pub");
    assert_ok(nj_keypair_make(&pair, &err), &err);

    assert_refused(nj_keypair_write(&pair, secret, public, "\xff", &err), NJ_INPUT, &err,
                   "is not valid UTF-8");
    assert_refused(nj_keypair_write(&pair, secret, public, "a\x1b", &err), NJ_INPUT, &err,
                   "control character");
    assert_false(nj_file_exists(secret));

    assert_ok(nj_keypair_write(&pair, secret, public, "", &err), &err);
    assert_refused(nj_allowlist_read(secret, &list, &err), NJ_INPUT, &err,
                   "mixed-up.key:1: a secret key");
    assert_refused(nj_public_key_read(secret, public_key, &err), NJ_INPUT, &err,
                   "mixed-up.key:1: a secret key");
    assert_null(strstr(err.text, pair.secret_key));
}

static void no_key_begins_with_a_comment_sign(void **state)
{
    (void)state;
    char text[NJ_KEY_TEXT_BYTES];
    memset(text, '0', 40);
    text[40] = '\0';
    assert_true(nj_key_valid(text));
    text[0] = '#';
    assert_false(nj_key_valid(text));
    assert_false(nj_key_valid(""));
}

// 65,536 keys made by counting in Z85's digits.
static void the_longest_allow_list_fits_and_one_more_key_does_not(void **state)
{
    nj_error err = {0};
    nj_allowlist list;
    char *text = malloc((NJ_ALLOW_MAX + 1) * 41 + 1);
    for (size_t i = 0; i <= NJ_ALLOW_MAX; i++) {
        snprintf(text + i * 41, 42, "%040zu\n", i);
    }
    const char *fits = sandbox_write(state, "fits", text, (size_t)NJ_ALLOW_MAX * 41);
    assert_ok(nj_allowlist_read(fits, &list, &err), &err);
    assert_int_equal(list.count, NJ_ALLOW_MAX);
    text[12345 * 41 + 40] = '\0';
    assert_int_equal(nj_allowlist_find(&list, text + 12345 * 41)->line, 12346);
    text[12345 * 41 + 40] = '\n';
    nj_allowlist_fini(&list);
    const char *over = sandbox_write(state, "over", text, (size_t)(NJ_ALLOW_MAX + 1) * 41);
    assert_refused(nj_allowlist_read(over, &list, &err), NJ_INPUT, &err,
                   "over:65537: more than 65536 keys");
    free(text);
}

#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOXED(a_pair_is_written_and_read_back),
        SANDBOXED(a_drawn_public_key_does_not_look_like_an_option),
        SANDBOXED(a_secret_needs_no_name_on_a_disk),
        SANDBOXED(a_key_is_never_overwritten),
        SANDBOXED(a_secret_that_others_may_read_is_refused),
        SANDBOXED(a_secret_of_root_may_be_readable_by_a_group),
        SANDBOXED(refused_key_files_name_file_and_line_but_never_the_secret),
        SANDBOXED(an_allow_list_has_comments_names_and_any_line_end),
        SANDBOXED(bad_allow_lists_are_refused_with_line_and_rule),
        SANDBOXED(what_would_not_be_read_back_is_not_written_and_a_secret_is_no_public_key),
        SANDBOXED(no_key_begins_with_a_comment_sign),
        SANDBOXED(the_longest_allow_list_fits_and_one_more_key_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
