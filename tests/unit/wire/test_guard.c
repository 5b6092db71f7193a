// test_guard.c - connections that take without giving are ended, and no others. Real sockets, the guard's time is made up.
#include "common/wire/guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/wire/socket.h"
#include "tests/support/nj_test.h"

#define MESSAGE_BYTES_MAX 65536
#define LATE_MS 10000
#define SECOND_NS 1000000000ull
#define DESCRIPTORS 128 // the limit of the last test; this process has both ends of each connection
#define FEW 30 // connections: with the test's own files less than three quarters of the descriptors
#define CROWD 45 // and more

static const char CURVE_GREETING[64] = "\xff\0\0\0\0\0\0\0\0\x7f\x03\0CURVE";
static const char NULL_GREETING[64] = "\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL";
static const char NULL_READY[] = "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"
                                 "DEALER";

typedef struct {
    nj_keypair server;
    nj_keypair worker;
    nj_router *router;
    nj_dealer *dealer;
    uint64_t now_ns; // the guard's time
} fixture;

static void open_router(fixture *f, bool insecure)
{
    nj_error err = {0};
    nj_allowlist list = {0};
    *f = (fixture){.now_ns = SECOND_NS};
    assert_ok(nj_keypair_make(&f->server, &err), &err);
    assert_ok(nj_keypair_make(&f->worker, &err), &err);
    const char *keys[] = {f->worker.public_key};
    assert_ok(nj_allowlist_of(keys, 1, &list, &err), &err);
    nj_router_config config = {.endpoint = "tcp://127.0.0.1:*",
                               .keys = insecure ? NULL : &f->server,
                               .allowed = insecure ? NULL : &list,
                               .insecure = insecure,
                               .message_bytes_max = MESSAGE_BYTES_MAX};
    assert_ok(nj_router_open(&config, &f->router, &err), &err);
    nj_allowlist_fini(&list);
}

static void connect_worker(fixture *f, bool insecure)
{
    nj_error err = {0};
    nj_server_keys server = {.count = 1};
    memcpy(server.keys[0], f->server.public_key, NJ_KEY_TEXT_BYTES);
    nj_dealer_config config = {.endpoint = nj_router_endpoint(f->router),
                               .keys = insecure ? NULL : &f->worker,
                               .server_keys = insecure ? NULL : &server,
                               .insecure = insecure};
    assert_ok(nj_dealer_open(&config, &f->dealer, &err), &err);
}

static void close_all(fixture *f)
{
    nj_dealer_close(&f->dealer, 0);
    nj_router_close(&f->router, 0);
}

static void scan(fixture *f, uint64_t later_ns)
{
    f->now_ns += later_ns;
    nj_router_guard(f->router, f->now_ns);
}

static void hear_worker(fixture *f)
{
    nj_error err = {0};
    nj_received received;
    nj_poller poller = {0};
    nj_poller_add_router(&poller, f->router);
    for (uint64_t end_ns = nj_clock_mono_ns() + LATE_MS * 1000000ull;
         nj_router_receive(f->router, &received, &err) != NJ_OK;) {
        assert_true(nj_clock_mono_ns() < end_ns);
        assert_ok(nj_poller_wait(&poller, 100, &err), &err);
    }
}

static int connect_raw(const fixture *f)
{
    const char *endpoint = nj_router_endpoint(f->router);
    const int port = atoi(strrchr(endpoint, ':') + 1);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = LATE_MS / 1000};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void read_greeting(int fd)
{
    char greeting[64];
    assert_int_equal(recv(fd, greeting, sizeof greeting, MSG_WAITALL), sizeof greeting);
}

static bool was_ended(int fd)
{
    char rest[4096];
    ssize_t got;
    do {
        got = recv(fd, rest, sizeof rest, 0);
    } while (got > 0);
    return got == 0 || errno == ECONNRESET;
}

static void a_stranger_that_sends_more_than_a_handshake_is_ended(void **state)
{
    (void)state;
    fixture f;
    static const char part[2 * NJ_GUARD_GREETING_BYTES];
    open_router(&f, false);
    int fd = connect_raw(&f);
    assert_int_equal(send(fd, CURVE_GREETING, sizeof CURVE_GREETING, 0), sizeof CURVE_GREETING);
    read_greeting(fd);
    scan(&f, SECOND_NS);
    assert_int_equal(nj_router_cut(f.router)->unproven_count, 0);

    assert_int_equal(send(fd, "\x06\0\0\0\0\0\0\xf0\0", 9, 0), 9); // a command of 61440 bytes
    assert_int_equal(send(fd, part, sizeof part, 0), sizeof part);
    usleep(50000);
    scan(&f, SECOND_NS);
    assert_int_equal(nj_router_cut(f.router)->unproven_count, 1);
    assert_true(was_ended(fd));
    close(fd);
    close_all(&f);
}

// Its first message is longer than any handshake, and nobody reads: the proof must be seen in what the router sent.
static void keep_honest_worker(bool insecure)
{
    fixture f;
    nj_error err = {0};
    static const char rows[50000];
    open_router(&f, insecure);
    connect_worker(&f, insecure);
    assert_ok(nj_dealer_send(f.dealer, (nj_slice){rows, sizeof rows}, &err), &err);
    for (int i = 0; i < 10; i++) {
        usleep(30000);
        scan(&f, SECOND_NS);
    }
    hear_worker(&f);
    assert_int_equal(nj_router_cut(f.router)->unproven_count, 0);
    assert_int_equal(nj_router_cut(f.router)->hoard_count, 0);
    close_all(&f);
}

static void a_worker_with_a_long_first_message_is_no_stranger(void **state)
{
    (void)state;
    keep_honest_worker(false);
    keep_honest_worker(true);
}

static void frames_without_end_are_ended(void **state)
{
    (void)state;
    fixture f;
    static char part[9 + 32768] =
        "\x03\0\0\0\0\0\0\x80\0"; // a long frame of 32768 bytes, with more to follow
    open_router(&f, true);
    int fd = connect_raw(&f);
    assert_int_equal(send(fd, NULL_GREETING, sizeof NULL_GREETING, 0), sizeof NULL_GREETING);
    read_greeting(fd);
    assert_int_equal(send(fd, NULL_READY, sizeof NULL_READY - 1, 0), sizeof NULL_READY - 1);
    size_t sent = 0;
    while (nj_router_cut(f.router)->hoard_count == 0) {
        ssize_t wrote = send(fd, part, sizeof part, MSG_NOSIGNAL);
        assert_true(wrote == sizeof part || nj_router_cut(f.router)->hoard_count > 0);
        sent += sizeof part;
        assert_true(sent < 64u << 20);
        scan(&f, SECOND_NS / 10);
    }
    assert_true(sent > 8u << 20); // what an honest peer may have on its way
    assert_true(was_ended(fd));
    close(fd);
    close_all(&f);
}

static void who_says_nothing_is_ended_and_who_speaks_is_not(void **state)
{
    (void)state;
    fixture f;
    nj_error err = {0};
    open_router(&f, false);
    connect_worker(&f, false);
    int fd = connect_raw(&f);
    for (int i = 0; i < 4; i++) {
        assert_ok(nj_dealer_send(f.dealer, nj_slice_from("heartbeat"), &err), &err);
        hear_worker(&f);
        scan(&f, 10 * SECOND_NS + 1);
    }
    assert_int_equal(nj_router_cut(f.router)->silent_count, 1);
    assert_true(was_ended(fd));
    assert_ok(nj_dealer_send(f.dealer, nj_slice_from("still here"), &err), &err);
    hear_worker(&f);
    close(fd);
    close_all(&f);
}

static void in_a_crowd_a_handshake_must_be_quick(void **state)
{
    (void)state;
    fixture f;
    nj_error err = {0};
    int fds[CROWD];
    const struct rlimit low = {DESCRIPTORS, DESCRIPTORS};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    open_router(&f, false);
    connect_worker(&f, false);
    assert_ok(nj_dealer_send(f.dealer, nj_slice_from("hello"), &err), &err);
    hear_worker(&f);
    for (int i = 0; i < FEW; i++) {
        fds[i] = connect_raw(&f);
    }
    usleep(50000);
    scan(&f, SECOND_NS);
    scan(&f, SECOND_NS);
    assert_int_equal(nj_router_cut(f.router)->unproven_count, 0);

    for (int i = FEW; i < CROWD; i++) {
        fds[i] = connect_raw(&f);
    }
    usleep(50000);
    scan(&f, SECOND_NS);
    scan(&f, SECOND_NS);
    assert_true(nj_router_cut(f.router)->unproven_count >= FEW);
    assert_ok(nj_dealer_send(f.dealer, nj_slice_from("still here"), &err), &err);
    hear_worker(&f);
    for (int i = 0; i < CROWD; i++) {
        close(fds[i]);
    }
    close_all(&f);
}

static void connections_of_other_ports_are_not_looked_at(void **state)
{
    (void)state;
    fixture f;
    fixture other;
    open_router(&f, false);
    open_router(&other, false);
    int fd = connect_raw(&other);
    usleep(20000);
    scan(&f, SECOND_NS);
    scan(&f, 100 * SECOND_NS);
    assert_int_equal(nj_router_cut(f.router)->silent_count, 0);
    scan(&other, SECOND_NS);
    scan(&other, 100 * SECOND_NS);
    assert_int_equal(nj_router_cut(other.router)->silent_count, 1);
    close(fd);
    close_all(&f);
    close_all(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stranger_that_sends_more_than_a_handshake_is_ended),
        cmocka_unit_test(a_worker_with_a_long_first_message_is_no_stranger),
        cmocka_unit_test(frames_without_end_are_ended),
        cmocka_unit_test(who_says_nothing_is_ended_and_who_speaks_is_not),
        cmocka_unit_test(connections_of_other_ports_are_not_looked_at),
        cmocka_unit_test(
            in_a_crowd_a_handshake_must_be_quick), // last: it lowers the limit for good
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
