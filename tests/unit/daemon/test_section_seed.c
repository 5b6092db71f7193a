// test_section_seed.c - a file of this host as a section: linked, believed by its stamp, and no longer when it changes.
#include "worker/daemon/section_seed.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define BYTES "the embeddings"
#define SIZE (sizeof BYTES - 1)

static void open_cache(void **state, nj_section_cache *cache)
{
    nj_error err = {0};
    assert_ok(nj_section_cache_init(cache, sandbox_path(state, "cache"), &err), &err);
}

static nj_digest seed(nj_section_cache *cache, const char *path)
{
    nj_error err = {0};
    nj_digest digest;
    assert_ok(nj_section_cache_seed(cache, path, &digest, &err), &err);
    return digest;
}

static nj_digest expected(void)
{
    return nj_digest_of(BYTES, SIZE);
}

// So that it has settled: its change lies so far back that another one would show.
static void wait_until_settled(const char *path)
{
    nj_section_mark mark = {0};
    do {
        usleep(20000);
        assert_true(nj_section_mark_of(path, &mark));
    } while (!mark.settled);
}

// Other bytes of the same length, in place, and both times as they were: only the change time tells.
static void change_in_place(const char *path)
{
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    const struct timespec times[2] = {about.st_atim, about.st_mtim};
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "THE", 3, 0), 3);
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static void a_seeded_file_is_a_section_and_is_not_copied(void **state)
{
    nj_error err = {0};
    nj_section_cache cache;
    const char *path = sandbox_write(state, "e.npy", BYTES, SIZE);
    struct stat before, after;
    open_cache(state, &cache);
    assert_int_equal(stat(path, &before), 0);

    const nj_digest digest = seed(&cache, path);

    const nj_digest wanted = expected();
    assert_true(nj_digest_equal(&digest, &wanted));
    assert_true(nj_section_cache_has(&cache, &digest, SIZE));
    nj_sections sections = {.count = 1};
    sections.sections[0] = (nj_section){.name = "rows", .size = SIZE, .digest = digest};
    assert_ok(nj_section_cache_open(&cache, &sections, &err), &err);
    assert_memory_equal(sections.sections[0].bytes, BYTES, SIZE);
    assert_int_equal(stat(path, &after), 0);
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
    assert_memory_equal(&before.st_ctim, &after.st_ctim, sizeof before.st_ctim);
    nj_section_cache_fini(&cache);
}

static void a_stamp_is_believed_as_long_as_the_file_is_as_it_was(void **state)
{
    nj_error err = {0};
    nj_section_cache cache;
    nj_section_mark mark;
    const nj_digest lie = nj_digest_of("a lie", 5);
    const char *path = sandbox_write(state, "e.npy", BYTES, SIZE);
    open_cache(state, &cache);
    wait_until_settled(path);
    assert_true(nj_section_mark_of(path, &mark));
    assert_ok(nj_section_stamp_write(cache.folder.text, &mark, &lie, &err), &err);

    const nj_digest believed = seed(&cache, path);
    assert_true(nj_digest_equal(&believed, &lie)); // it was not read
    assert_true(nj_section_cache_has(&cache, &lie, SIZE));

    change_in_place(path);
    assert_false(nj_section_cache_has(&cache, &lie, SIZE));
    const nj_digest read = seed(&cache, path);
    const nj_digest changed = nj_digest_of("THE embeddings", SIZE);
    assert_true(nj_digest_equal(&read, &changed));
    nj_section_cache_fini(&cache);
}

// Without a stamp: what this process has read itself it remembers, until the file changes.
static void a_section_that_was_read_is_read_again_when_it_changes(void **state)
{
    nj_section_cache cache;
    nj_section_mark mark = {0};
    char hex[NJ_DIGEST_HEX_BYTES];
    char name[NJ_DIGEST_HEX_BYTES + 8];
    const nj_digest digest = expected();
    nj_digest_hex(&digest, hex);
    snprintf(name, sizeof name, "cache/%s", hex);
    open_cache(state, &cache);
    const char *path = sandbox_write(state, name, BYTES, SIZE);
    wait_until_settled(path);
    assert_true(nj_section_cache_has(&cache, &digest, SIZE));
    assert_true(nj_section_mark_of(path, &mark));
    assert_true(nj_digest_equal(&cache.known[0].digest, &digest));
    assert_true(nj_section_mark_same(&cache.known[0].mark, &mark));

    change_in_place(path);
    assert_false(nj_section_cache_has(&cache, &digest, SIZE));
    nj_section_cache_fini(&cache);
}

static void a_file_that_was_just_written_gets_no_stamp(void **state)
{
    nj_error err = {0};
    nj_section_cache cache;
    nj_section_mark mark;
    nj_digest found;
    open_cache(state, &cache);
    const char *path = sandbox_write(state, "e.npy", BYTES, SIZE);
    assert_true(nj_section_mark_of(path, &mark));
    mark.settled = false; // as it is within a second of the write, however slow this test is
    const nj_digest digest = expected();

    assert_ok(nj_section_stamp_write(cache.folder.text, &mark, &digest, &err), &err);

    assert_false(nj_section_stamp_find(cache.folder.text, &mark, &found));
    nj_section_cache_fini(&cache);
}

static void a_link_whose_file_is_gone_or_replaced_is_no_section(void **state)
{
    nj_section_cache cache;
    const char *path = sandbox_write(state, "e.npy", BYTES, SIZE);
    open_cache(state, &cache);
    const nj_digest digest = seed(&cache, path);
    assert_int_equal(unlink(path), 0);
    assert_false(nj_section_cache_has(&cache, &digest, SIZE));

    sandbox_write(state, "e.npy", "The embeddings", SIZE);
    assert_false(nj_section_cache_has(&cache, &digest, SIZE));

    sandbox_write(state, "e.npy", BYTES, SIZE);
    seed(&cache, path);
    assert_true(nj_section_cache_has(&cache, &digest, SIZE));
    nj_section_cache_fini(&cache);
}

static void what_is_no_file_is_refused(void **state)
{
    nj_error err = {0};
    nj_section_cache cache;
    nj_digest digest;
    open_cache(state, &cache);
    assert_int_equal(nj_section_cache_seed(&cache, sandbox_path(state, "none"), &digest, &err),
                     NJ_NOT_FOUND);
    assert_int_equal(nj_section_cache_seed(&cache, sandbox_path(state, "."), &digest, &err),
                     NJ_INPUT);
    nj_section_cache_fini(&cache);
}

#define in_sandbox(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_sandbox(a_seeded_file_is_a_section_and_is_not_copied),
        in_sandbox(a_stamp_is_believed_as_long_as_the_file_is_as_it_was),
        in_sandbox(a_section_that_was_read_is_read_again_when_it_changes),
        in_sandbox(a_file_that_was_just_written_gets_no_stamp),
        in_sandbox(a_link_whose_file_is_gone_or_replaced_is_no_section),
        in_sandbox(what_is_no_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
