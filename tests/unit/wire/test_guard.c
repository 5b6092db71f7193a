// test_guard.c - connections that take without giving are ended, and no others: the guard of real routers, and one whose time is made up.
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
#define LATE_MS 60000
#define SOON_US 300000 // several looks of a guard
#define SECOND_NS 1000000000ull
#define DESCRIPTORS 128 // the limit of the last test; this process has both ends of each connection
#define FEW 15          // connections: with the files of the test less than half of the descriptors
#define CROWD 40        // and more

static const char CURVE_GREETING[64] = "\xff\0\0\0\0\0\0\0\0\x7f\x03\0CURVE";
static const char NULL_GREETING[64] = "\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL";
static const char NULL_READY[] = "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"
                                 "DEALER";

typedef struct {
    nj_keypair server;
    nj_keypair worker;
    nj_router *router;
    nj_dealer *dealer;
} fixture;

static void open_router(fixture *f, bool insecure)
{
    nj_error err = {0};
    nj_allowlist list = {0};
    *f = (fixture){.router = NULL};
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

static struct sockaddr_in address_of(const fixture *f)
{
    const char *endpoint = nj_router_endpoint(f->router);
    const int port = atoi(strrchr(endpoint, ':') + 1);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

// Does not wait for an answer: in a crowd there is none.
static int begin_to_connect(const fixture *f)
{
    const struct sockaddr_in address = address_of(f);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int rc = connect(fd, (const struct sockaddr *)&address, sizeof address);
    assert_true(rc == 0 || errno == EINPROGRESS);
    return fd;
}

static int connect_raw(const fixture *f)
{
    const struct sockaddr_in address = address_of(f);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = LATE_MS / 1000};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
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
    usleep(SOON_US);
    assert_int_equal(nj_router_cut(f.router).unproven_count, 0);

    assert_int_equal(send(fd, "\x06\0\0\0\0\0\0\xf0\0", 9, 0), 9); // a command of 61440 bytes
    assert_int_equal(send(fd, part, sizeof part, 0), sizeof part);
    assert_true(was_ended(fd));
    assert_int_equal(nj_router_cut(f.router).unproven_count, 1);
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
    usleep(SOON_US);
    hear_worker(&f);
    assert_int_equal(nj_router_cut(f.router).unproven_count, 0);
    assert_int_equal(nj_router_cut(f.router).hoard_count, 0);
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
    const uint64_t end_ns = nj_clock_mono_ns() + LATE_MS * 1000000ull;
    // Until the router has cut it: with a full window the sender itself hears of it only from TCP's next probe, a minute later.
    while (nj_router_cut(f.router).hoard_count == 0) {
        const size_t begun = sent % sizeof part;
        ssize_t taken = send(fd, part + begun, sizeof part - begun, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (taken > 0) {
            sent += (size_t)taken;
        } else {
            usleep(1000); // the guard wants the processor too
        }
        assert_true(nj_clock_mono_ns() < end_ns);
    }
    assert_true(sent > 8u << 20); // what an honest peer may have on its way
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
    usleep((NJ_GUARD_CROWDED_MS + 300) * 1000);
    assert_int_equal(nj_router_cut(f.router).unproven_count, 0);

    for (int i = FEW; i < CROWD; i++) {
        fds[i] = begin_to_connect(&f);
    }
    usleep((NJ_GUARD_CROWDED_MS + 300) * 1000);
    assert_true(nj_router_cut(f.router).unproven_count >= FEW);
    assert_ok(nj_dealer_send(f.dealer, nj_slice_from("still here"), &err), &err);
    hear_worker(&f);
    for (int i = 0; i < CROWD; i++) {
        close(fds[i]);
    }
    close_all(&f);
}

// ---- a guard without a thread, on connections that this test accepts itself ----

typedef struct {
    int listener;
    uint16_t port;
    nj_guard *guard;
} post;

static void open_post(post *p)
{
    nj_error err = {0};
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t bytes = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(p->listener, 8), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&address, &bytes), 0);
    p->port = ntohs(address.sin_port);
    p->guard = NULL;
    assert_ok(nj_guard_open(p->port, 1, 1000, &p->guard, &err), &err);
}

static void connect_post(const post *p, int *out_client, int *out_server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(p->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *out_client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(*out_client, (struct sockaddr *)&address, sizeof address), 0);
    *out_server = accept(p->listener, NULL, NULL);
    assert_int_equal(send(*out_server, "x", 1, 0), 1); // it counts as proven
}

static void who_says_nothing_is_ended_and_who_speaks_is_not(void **state)
{
    (void)state;
    post p;
    int silent[2];
    int busy[2];
    char byte;
    open_post(&p);
    connect_post(&p, &silent[0], &silent[1]);
    connect_post(&p, &busy[0], &busy[1]);
    for (uint64_t s = 1; s < 60; s += 10) {
        assert_int_equal(send(busy[0], "y", 1, 0), 1);
        usleep(1000);
        (void)nj_guard_scan(p.guard, s * SECOND_NS);
    }
    assert_int_equal(nj_guard_cut(p.guard).silent_count, 1);
    assert_int_equal(recv(silent[1], &byte, 1, 0), 0); // what libzmq sees
    assert_int_equal(recv(busy[1], &byte, 1, 0), 1);
    nj_guard_close(&p.guard);
    close(p.listener);
    for (int i = 0; i < 2; i++) {
        close(silent[i]);
        close(busy[i]);
    }
}

static void what_arrives_between_two_messages_has_a_limit(void **state)
{
    (void)state;
    post p;
    int pair[2];
    static const char bytes[600];
    open_post(&p);
    connect_post(&p, &pair[0], &pair[1]);
    for (uint64_t s = 1; s <= 5; s++) {
        assert_int_equal(send(pair[0], bytes, sizeof bytes, 0), sizeof bytes);
        usleep(1000);
        nj_guard_heard(p.guard, pair[1]);
        (void)nj_guard_scan(p.guard, s * SECOND_NS);
    }
    assert_int_equal(nj_guard_cut(p.guard).hoard_count, 0);
    assert_int_equal(send(pair[0], bytes, sizeof bytes, 0), sizeof bytes);
    assert_int_equal(send(pair[0], bytes, sizeof bytes, 0), sizeof bytes);
    usleep(1000);
    (void)nj_guard_scan(p.guard, 6 * SECOND_NS);
    assert_int_equal(nj_guard_cut(p.guard).hoard_count, 1);
    nj_guard_close(&p.guard);
    close(p.listener);
    close(pair[0]);
    close(pair[1]);
}

static void connections_of_other_ports_and_descriptors_used_again_are_not_mistaken(void **state)
{
    (void)state;
    post p;
    post other;
    int pair[2];
    int again[2];
    open_post(&p);
    open_post(&other);
    connect_post(&other, &pair[0], &pair[1]);
    (void)nj_guard_scan(p.guard, SECOND_NS);
    (void)nj_guard_scan(p.guard, 100 * SECOND_NS);
    assert_int_equal(nj_guard_cut(p.guard).silent_count, 0);

    (void)nj_guard_scan(other.guard, SECOND_NS);
    close(pair[1]);
    close(pair[0]);
    connect_post(&other, &again[0], &again[1]); // gets the numbers of the pair that is gone
    assert_int_equal(again[0], pair[0] < pair[1] ? pair[0] : pair[1]);
    (void)nj_guard_scan(other.guard, 100 * SECOND_NS);
    assert_int_equal(nj_guard_cut(other.guard).silent_count, 0);
    nj_guard_close(&p.guard);
    nj_guard_close(&other.guard);
    close(p.listener);
    close(other.listener);
    close(again[0]);
    close(again[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stranger_that_sends_more_than_a_handshake_is_ended),
        cmocka_unit_test(a_worker_with_a_long_first_message_is_no_stranger),
        cmocka_unit_test(frames_without_end_are_ended),
        cmocka_unit_test(who_says_nothing_is_ended_and_who_speaks_is_not),
        cmocka_unit_test(what_arrives_between_two_messages_has_a_limit),
        cmocka_unit_test(connections_of_other_ports_and_descriptors_used_again_are_not_mistaken),
        cmocka_unit_test(
            in_a_crowd_a_handshake_must_be_quick), // last: it lowers the limit for good
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
