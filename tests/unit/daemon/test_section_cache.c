// test_section_cache.c - whose folder a worker trusts, and what becomes of sections in it.
#include "worker/daemon/section_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static mode_t mode_of(const char *path)
{
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    return about.st_mode & 07777;
}

static void open_cache(nj_section_cache *cache, const char *folder)
{
    nj_error err = {0};
    assert_ok(nj_section_cache_init(cache, folder, &err), &err);
}

static void a_new_cache_folder_is_private_and_its_parents_are_ordinary(void **state)
{
    nj_section_cache cache;
    const mode_t mask = umask(002);

    open_cache(&cache, sandbox_path(state, "a/b/cache/"));
    umask(mask);

    assert_int_equal(mode_of(sandbox_path(state, "a/b")), 0775);
    assert_int_equal(mode_of(sandbox_path(state, "a/b/cache")), 0700);
    nj_section_cache_fini(&cache);
}

static void a_folder_that_was_there_keeps_its_mode(void **state)
{
    nj_section_cache cache;
    const char *folder = sandbox_path(state, "mine");
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(chmod(folder, 0755), 0);

    open_cache(&cache, folder);

    assert_int_equal(mode_of(folder), 0755);
    nj_section_cache_fini(&cache);
}

static void a_folder_that_others_may_write_is_refused_and_left_alone(void **state)
{
    const mode_t modes[] = {01777, 0775, 0702};
    const char *folder = sandbox_path(state, "shared");
    assert_int_equal(mkdir(folder, 0700), 0);

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        nj_section_cache cache;
        nj_error err = {0};
        assert_int_equal(chmod(folder, modes[i]), 0);
        assert_refused(nj_section_cache_init(&cache, folder, &err), NJ_CONFIG, &err,
                       "others must not write there");
        assert_int_equal(mode_of(folder), modes[i]);
    }
}

static void a_folder_of_another_user_is_refused(void **state)
{
    nj_section_cache cache;
    nj_error err = {0};
    const char *folder = sandbox_path(state, "theirs");
    assert_int_equal(mkdir(folder, 0700), 0);
    if (chown(folder, 12345, (gid_t)-1) != 0) {
        skip_loudly("only root can give a folder away");
    }

    assert_refused(nj_section_cache_init(&cache, folder, &err), NJ_CONFIG, &err, "user 12345");
}

static void a_section_is_there_once_its_bytes_have_its_digest(void **state)
{
    nj_section_cache cache;
    nj_error err = {0};
    const nj_digest digest = nj_digest_of("section", 7);
    bool good;
    open_cache(&cache, sandbox_path(state, "cache"));
    assert_false(nj_section_cache_has(&cache, &digest, 7));

    const nj_slice wrong = {"sectioN", 7};
    assert_ok(nj_section_cache_write(&cache, &digest, 0, wrong, &err), &err);
    assert_ok(nj_section_cache_finish(&cache, &digest, 7, &good, &err), &err);
    assert_false(good);
    assert_false(nj_section_cache_has(&cache, &digest, 7));

    const nj_slice pieces[] = {{"sect", 4}, {"ion", 3}};
    assert_ok(nj_section_cache_write(&cache, &digest, 0, pieces[0], &err), &err);
    assert_ok(nj_section_cache_write(&cache, &digest, 4, pieces[1], &err), &err);
    assert_ok(nj_section_cache_finish(&cache, &digest, 7, &good, &err), &err);
    assert_true(good);
    assert_true(nj_section_cache_has(&cache, &digest, 7));
    nj_section_cache_fini(&cache);
}

static void a_damaged_section_is_removed_and_fetched_again(void **state)
{
    nj_section_cache cache;
    const nj_digest digest = nj_digest_of("section", 7);
    char hex[NJ_DIGEST_HEX_BYTES];
    nj_digest_hex(&digest, hex);
    char name[NJ_DIGEST_HEX_BYTES + 8];
    snprintf(name, sizeof name, "cache/%s", hex);
    open_cache(&cache, sandbox_path(state, "cache"));
    const char *path = sandbox_write(state, name, "sEction", 7);

    assert_false(nj_section_cache_has(&cache, &digest, 7));

    assert_false(nj_file_exists(path));
    nj_section_cache_fini(&cache);
}

// Fetches `bytes` and returns the inode of the file that has its name then.
static ino_t fetch(nj_section_cache *cache, nj_slice bytes)
{
    nj_error err = {0};
    bool good = false;
    const nj_digest digest = nj_digest_of(bytes.bytes, bytes.size);
    assert_ok(nj_section_cache_write(cache, &digest, 0, bytes, &err), &err);
    assert_ok(nj_section_cache_finish(cache, &digest, bytes.size, &good, &err), &err);
    assert_true(good);
    nj_path path;
    struct stat about;
    char hex[NJ_DIGEST_HEX_BYTES];
    nj_digest_hex(&digest, hex);
    assert_ok(nj_path_join(cache->folder.text, hex, &path, &err), &err);
    assert_int_equal(stat(path.text, &about), 0);
    assert_int_equal(about.st_size, bytes.size);
    return about.st_ino;
}

// In one process the drafts of two caches have one name: the second fetch begins when the first has ended.
static void who_fetches_a_section_that_is_there_by_now_takes_that_file(void **state)
{
    const nj_slice bytes = nj_slice_from("the weights");
    nj_section_cache one, two;
    open_cache(&one, sandbox_path(state, "cache"));
    open_cache(&two, sandbox_path(state, "cache"));

    const ino_t first = fetch(&one, bytes);
    assert_int_equal(fetch(&two, bytes), first);

    const nj_digest digest = nj_digest_of(bytes.bytes, bytes.size);
    char hex[NJ_DIGEST_HEX_BYTES];
    nj_digest_hex(&digest, hex);
    nj_path file;
    nj_error err = {0};
    assert_ok(nj_path_join(sandbox_path(state, "cache"), hex, &file, &err), &err);
    assert_ok(nj_file_write(file.text, "the weighty", bytes.size, &err), &err); // damaged
    fetch(&two, bytes);
    assert_true(nj_section_cache_has(&one, &digest, bytes.size));

    nj_section_cache_fini(&one);
    nj_section_cache_fini(&two);
}

#define in_sandbox(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_sandbox(a_new_cache_folder_is_private_and_its_parents_are_ordinary),
        in_sandbox(a_folder_that_was_there_keeps_its_mode),
        in_sandbox(a_folder_that_others_may_write_is_refused_and_left_alone),
        in_sandbox(a_folder_of_another_user_is_refused),
        in_sandbox(a_section_is_there_once_its_bytes_have_its_digest),
        in_sandbox(a_damaged_section_is_removed_and_fetched_again),
        in_sandbox(who_fetches_a_section_that_is_there_by_now_takes_that_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
