// test_lock.c - one writer at a time, and the one who waits is told for whom.
#include "common/store/lock.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static const char *folder(void **state)
{
    return ((nj_path *)*state)->text;
}

// A child that takes the lock, says so, and stops itself inside.
static pid_t hold_in_a_stopped_child(const char *store)
{
    int said[2];
    char byte = 0;
    assert_int_equal(pipe(said), 0);
    pid_t child = fork();
    if (child == 0) {
        nj_store_lock lock;
        if (nj_store_lock_take(store, "commit", 0, &lock, NULL) != NJ_OK ||
            write(said[1], "x", 1) != 1) {
            _exit(1);
        }
        raise(SIGSTOP);
        _exit(0);
    }
    close(said[1]);
    assert_int_equal(read(said[0], &byte, 1), 1);
    close(said[0]);
    return child;
}

static void a_free_lock_is_taken_at_once_and_again_after_release(void **state)
{
    nj_error err = {0};
    nj_store_lock lock;
    for (unsigned i = 0; i < 2; i++) {
        assert_ok(nj_store_lock_take(folder(state), "test", 0, &lock, &err), &err);
        nj_store_lock_release(&lock);
        assert_int_equal(lock.fd, -1);
    }
    nj_store_lock_release(&lock); // accepts one that is not held
}

static void two_locks_of_one_process_exclude_each_other(void **state)
{
    nj_error err = {0};
    nj_store_lock lock;
    nj_store_lock other;
    assert_ok(nj_store_lock_take(folder(state), "first", 0, &lock, &err), &err);
    assert_refused(nj_store_lock_take(folder(state), "second", 0, &other, &err), NJ_AGAIN, &err,
                   "(first)");
    assert_int_equal(other.fd, -1);
    nj_store_lock_release(&lock);
    assert_ok(nj_store_lock_take(folder(state), "second", 0, &other, &err), &err);
    nj_store_lock_release(&other);
}

static void a_stopped_holder_is_named_after_the_waiting_time(void **state)
{
    nj_error err = {0};
    nj_store_lock lock;
    char holder[64];
    pid_t child = hold_in_a_stopped_child(folder(state));
    snprintf(holder, sizeof holder, "held by process %ld on ", (long)child);

    uint64_t start_ns = nj_clock_mono_ns();
    assert_refused(nj_store_lock_take(folder(state), "publish", 150, &lock, &err), NJ_AGAIN, &err,
                   holder);
    uint64_t waited_ms = (nj_clock_mono_ns() - start_ns) / 1000000;

    assert_in_range(waited_ms, 150, 5000);
    assert_non_null(strstr(err.text, "(commit)"));
    assert_non_null(strstr(err.text, "150 ms"));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void the_lock_of_a_dead_holder_is_free(void **state)
{
    nj_error err = {0};
    nj_store_lock lock;
    pid_t child = hold_in_a_stopped_child(folder(state));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_ok(nj_store_lock_take(folder(state), "next", 0, &lock, &err), &err);
    nj_store_lock_release(&lock);
}

static void a_lock_that_is_freed_in_time_is_taken(void **state)
{
    nj_error err = {0};
    nj_store_lock lock;
    pid_t child = hold_in_a_stopped_child(folder(state));
    pid_t killer = fork();
    if (killer == 0) {
        usleep(100000);
        kill(child, SIGKILL);
        _exit(0);
    }
    assert_ok(nj_store_lock_take(folder(state), "patient", 20000, &lock, &err), &err);
    nj_store_lock_release(&lock);
    assert_int_equal(waitpid(killer, NULL, 0), killer);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void a_lock_that_rests_is_free_for_others_and_needs_no_descriptor(void **state)
{
    nj_error err = {0};
    struct rlimit limit;
    nj_store_lock lock;
    nj_store_lock other;
    assert_ok(nj_store_lock_take(folder(state), "commit", 0, &lock, &err), &err);
    nj_store_lock_rest(&lock);
    assert_ok(nj_store_lock_take(folder(state), "publish", 0, &other, &err), &err);
    assert_refused(nj_store_lock_retake(folder(state), "commit", 0, &lock, &err), NJ_AGAIN, &err,
                   "(publish)");
    nj_store_lock_release(&other);
    assert_ok(nj_store_lock_retake(folder(state), "commit", 0, &lock, &err), &err);
    nj_store_lock_rest(&lock);

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, limit.rlim_max}), 0);
    nj_status status = nj_store_lock_retake(folder(state), "commit", 0, &lock, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_ok(status, &err);
    nj_store_lock_release(&lock);
    assert_int_equal(lock.fd, -1);
}

static void closing_a_lock_that_rests_leaves_the_holder_its_name(void **state)
{
    nj_error err = {0};
    nj_store_lock lock;
    nj_store_lock other;
    assert_ok(nj_store_lock_take(folder(state), "commit", 0, &lock, &err), &err);
    nj_store_lock_rest(&lock);
    assert_ok(nj_store_lock_take(folder(state), "publish", 0, &other, &err), &err);
    nj_store_lock_release(&lock);
    assert_refused(nj_store_lock_take(folder(state), "rollback", 0, &lock, &err), NJ_AGAIN, &err,
                   "(publish)");
    nj_store_lock_release(&other);
}

static void a_lock_whose_file_was_replaced_is_opened_again(void **state)
{
    nj_error err = {0};
    nj_store_lock lock;
    nj_store_lock other;
    assert_ok(nj_store_lock_take(folder(state), "commit", 0, &lock, &err), &err);
    nj_store_lock_rest(&lock);
    assert_int_equal(unlink(sandbox_path(state, "lock")), 0);
    assert_ok(nj_store_lock_take(folder(state), "publish", 0, &other, &err), &err);
    assert_refused(nj_store_lock_retake(folder(state), "commit", 0, &lock, &err), NJ_AGAIN, &err,
                   "(publish)");
    nj_store_lock_release(&other);
}

static void a_folder_that_is_not_there_cannot_be_locked(void **state)
{
    nj_error err = {0};
    nj_store_lock lock;
    assert_refused(nj_store_lock_take(sandbox_path(state, "absent"), "test", 0, &lock, &err), NJ_IO,
                   &err, "absent/lock");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_free_lock_is_taken_at_once_and_again_after_release,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(two_locks_of_one_process_exclude_each_other, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_stopped_holder_is_named_after_the_waiting_time,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(the_lock_of_a_dead_holder_is_free, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_lock_that_is_freed_in_time_is_taken, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(
            a_lock_that_rests_is_free_for_others_and_needs_no_descriptor, sandbox_setup,
            sandbox_teardown),
        cmocka_unit_test_setup_teardown(closing_a_lock_that_rests_leaves_the_holder_its_name,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_lock_whose_file_was_replaced_is_opened_again,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_is_not_there_cannot_be_locked, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
