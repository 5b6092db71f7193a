// test_notify.c - what a service manager hears, on a real datagram socket.
#include "common/base/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define MS UINT64_C(1000000) // in nanoseconds

// The manager's end; $NOTIFY_SOCKET names it. `where` with "@": in no file system.
static int listen_at(const char *where)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t length = strlen(where);
    assert_true(length < sizeof address.sun_path);
    memcpy(address.sun_path, where, length);
    if (where[0] == '@') {
        address.sun_path[0] = '\0';
    }
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                     0);
    assert_int_equal(setenv("NOTIFY_SOCKET", where, 1), 0);
    return fd;
}

static void watch(const char *us, long pid)
{
    char text[32];
    snprintf(text, sizeof text, "%ld", pid);
    assert_int_equal(setenv("WATCHDOG_USEC", us, 1), 0);
    assert_int_equal(setenv("WATCHDOG_PID", text, 1), 0);
}

static void expect_heard(int fd, const char *expected)
{
    char text[NJ_NOTIFY_BYTES_MAX + 2] = "";
    const ssize_t bytes = recv(fd, text, sizeof text - 1, 0);
    assert_true(bytes >= 0);
    assert_string_equal(text, expected);
}

static void expect_silence(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
}

static void every_call_is_one_datagram(void **state)
{
    const int fd = listen_at(sandbox_path(state, "notify"));
    nj_notify_open();
    nj_notify_ready();
    nj_notify_status("%d of %d users\nREADY=1", 3, 7);
    nj_notify_stopping();
    expect_heard(fd, "READY=1");
    expect_heard(fd, "STATUS=3 of 7 users");
    expect_heard(fd, "STOPPING=1");
    expect_silence(fd);
    nj_notify_close();
    close(fd);
}

static void a_name_without_a_file_is_heard_too(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "@nightjar-test-%ld", (long)getpid());
    const int fd = listen_at(name);
    nj_notify_open();
    nj_notify_ready();
    expect_heard(fd, "READY=1");
    nj_notify_close();
    close(fd);
}

static void nobody_inherits_the_manager(void **state)
{
    const int fd = listen_at(sandbox_path(state, "notify"));
    watch("300000", (long)getpid());
    nj_notify_open();
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
    nj_notify_close();
    nj_notify_ready();
    nj_notify_alive(0);
    expect_silence(fd);
    close(fd);
}

static void a_long_status_is_cut(void **state)
{
    char text[2 * NJ_NOTIFY_BYTES_MAX];
    char expected[NJ_NOTIFY_BYTES_MAX + 1] = "STATUS=";
    memset(text, 'x', sizeof text);
    memset(expected + strlen(expected), 'x', NJ_NOTIFY_BYTES_MAX - strlen(expected));
    expected[NJ_NOTIFY_BYTES_MAX] = '\0';
    const int fd = listen_at(sandbox_path(state, "notify"));
    nj_notify_open();
    nj_notify_status("%.*s", (int)sizeof text, text);
    expect_heard(fd, expected);
    nj_notify_close();
    close(fd);
}

static void life_is_said_three_times_in_the_managers_patience(void **state)
{
    const int fd = listen_at(sandbox_path(state, "notify"));
    watch("300000", (long)getpid());
    nj_notify_open();
    assert_int_equal(nj_notify_alive_ms(), 100);
    nj_notify_alive(5 * MS);
    nj_notify_alive(104 * MS);
    expect_heard(fd, "WATCHDOG=1");
    expect_silence(fd);
    nj_notify_alive(105 * MS);
    expect_heard(fd, "WATCHDOG=1");
    nj_notify_close();
    close(fd);
}

static void who_is_busy_is_given_time_and_never_less(void **state)
{
    const int fd = listen_at(sandbox_path(state, "notify"));
    watch("300000", (long)getpid());
    nj_notify_open();
    nj_notify_busy(300);
    expect_silence(fd);
    nj_notify_busy(6000);
    expect_heard(fd, "WATCHDOG_USEC=6000000\nWATCHDOG=1");
    assert_int_equal(nj_notify_alive_ms(), 2000);
    nj_notify_close();
    close(fd);
}

// Another process's watchdog, no number, more than 49 days, and no socket to say it to.
static void a_watchdog_that_is_not_ours_hears_nothing(void **state)
{
    const int fd = listen_at(sandbox_path(state, "notify"));
    static const char *const NUMBERS[] = {"", "-1", "1e6", "300000x", "99999999999999999999"};
    for (size_t i = 0; i <= sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
        const bool is_number = i == sizeof NUMBERS / sizeof NUMBERS[0];
        assert_int_equal(setenv("NOTIFY_SOCKET", sandbox_path(state, "notify"), 1), 0);
        watch(is_number ? "300000" : NUMBERS[i], (long)getpid() + (is_number ? 1 : 0));
        nj_notify_open();
        assert_int_equal(nj_notify_alive_ms(), 0);
        nj_notify_alive(5 * MS);
        nj_notify_busy(6000);
        expect_silence(fd);
    }
    nj_notify_close();
    close(fd);
}

static void no_address_that_makes_no_sense_is_tried(void **state)
{
    (void)state;
    char deep[200];
    memset(deep, 'x', sizeof deep);
    deep[0] = '/';
    deep[sizeof deep - 1] = '\0';
    const char *const addresses[] = {"", "/", "@", "relative", "vsock:2:1", deep, "/nobody/there"};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", addresses[i], 1), 0);
        watch("300000", (long)getpid());
        nj_notify_open();
        nj_notify_ready(); // returns
        nj_notify_status("still here");
        assert_int_equal(nj_notify_alive_ms(),
                         i == sizeof addresses / sizeof addresses[0] - 1 ? 100 : 0);
    }
    nj_notify_close();
}

// A datagram queue that nobody empties is full after a while: the call returns all the same.
static void a_manager_who_does_not_read_stops_nobody(void **state)
{
    const int fd = listen_at(sandbox_path(state, "notify"));
    nj_notify_open();
    for (unsigned i = 0; i < 5000; i++) {
        nj_notify_status("%u", i);
    }
    expect_heard(fd, "STATUS=0");
    nj_notify_close();
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_call_is_one_datagram, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test(a_name_without_a_file_is_heard_too),
        cmocka_unit_test_setup_teardown(nobody_inherits_the_manager, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_long_status_is_cut, sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(life_is_said_three_times_in_the_managers_patience,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(who_is_busy_is_given_time_and_never_less, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_watchdog_that_is_not_ours_hears_nothing, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test(no_address_that_makes_no_sense_is_tried),
        cmocka_unit_test_setup_teardown(a_manager_who_does_not_read_stops_nobody, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
