// test_socket.c - real sockets on loopback: keys decide who is heard, and junk does not reach the caller.
#include "common/wire/socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/clock.h"
#include "tests/support/nj_test.h"

#define LOOPBACK "tcp://127.0.0.1:*"
#define SOON_MS 300   // long enough for a handshake on loopback that must not succeed
#define LATE_MS 10000 // a bound for what must arrive
#define PAUSE_MS 5000 // longer than two heartbeats of libzmq used to take

typedef struct {
    nj_keypair server;
    nj_keypair known;
    nj_keypair unknown;
    nj_router *router;
} fixture;

static void allow_only(nj_allowlist *list, const nj_keypair *pair)
{
    nj_error err = {0};
    const char *keys[] = {pair->public_key};
    assert_ok(nj_allowlist_of(keys, 1, list, &err), &err);
}

static int setup_curve(void **state)
{
    static fixture all;
    nj_error err = {0};
    nj_allowlist list;
    assert_ok(nj_keypair_make(&all.server, &err), &err);
    assert_ok(nj_keypair_make(&all.known, &err), &err);
    assert_ok(nj_keypair_make(&all.unknown, &err), &err);
    allow_only(&list, &all.known);
    nj_router_config config = {
        .endpoint = LOOPBACK, .keys = &all.server, .allowed = &list, .message_bytes_max = 4096};
    assert_ok(nj_router_open(&config, &all.router, &err), &err);
    nj_allowlist_fini(&list);
    *state = &all;
    return 0;
}

static int teardown_curve(void **state)
{
    fixture *all = *state;
    nj_router_close(&all->router, 0);
    return 0;
}

static nj_dealer *connect_as(const fixture *all, const nj_keypair *keys, const char *server_key)
{
    nj_error err = {0};
    nj_dealer *dealer = NULL;
    nj_server_keys server_keys;
    assert_ok(nj_server_keys_read(server_key, &server_keys, &err), &err);
    nj_dealer_config config = {
        .endpoint = nj_router_endpoint(all->router), .keys = keys, .server_keys = &server_keys};
    assert_ok(nj_dealer_open(&config, &dealer, &err), &err);
    return dealer;
}

static void send_text(nj_dealer *dealer, const char *text)
{
    nj_error err = {0};
    assert_ok(nj_dealer_send(dealer, nj_slice_from(text), &err), &err);
}

// Waits at most `ms` for a message; false: none came.
static bool wait_router(nj_router *router, int ms, nj_received *out)
{
    nj_error err = {0};
    nj_poller poller = {0};
    nj_poller_add_router(&poller, router);
    uint64_t end_ns = nj_clock_mono_ns() + (uint64_t)ms * 1000000u;
    while (nj_clock_mono_ns() < end_ns) {
        assert_ok(nj_poller_wait(&poller, ms / 10, &err), &err);
        nj_status status = nj_router_receive(router, out, &err);
        if (status == NJ_OK) {
            return true;
        }
        assert_int_equal(status, NJ_AGAIN);
    }
    return false;
}

static bool wait_dealer(nj_dealer *dealer, int ms, nj_slice *out)
{
    nj_error err = {0};
    nj_poller poller = {0};
    nj_poller_add_dealer(&poller, dealer);
    uint64_t end_ns = nj_clock_mono_ns() + (uint64_t)ms * 1000000u;
    while (nj_clock_mono_ns() < end_ns) {
        assert_ok(nj_poller_wait(&poller, ms / 10, &err), &err);
        if (nj_dealer_receive(dealer, out, &err) == NJ_OK) {
            return true;
        }
    }
    return false;
}

static void a_known_key_is_heard_and_answered(void **state)
{
    fixture *all = *state;
    nj_error err = {0};
    nj_received received;
    nj_slice answer;
    nj_dealer *dealer = connect_as(all, &all->known, all->server.public_key);
    send_text(dealer, "hello");
    assert_true(wait_router(all->router, LATE_MS, &received));
    assert_true(nj_slice_equal(received.bytes, nj_slice_from("hello")));
    assert_string_equal(received.peer.key, all->known.public_key);
    assert_string_equal(received.address, "127.0.0.1");

    assert_ok(nj_router_send(all->router, &received.peer, nj_slice_from("welcome"), &err), &err);
    assert_true(wait_dealer(dealer, LATE_MS, &answer));
    assert_true(nj_slice_equal(answer, nj_slice_from("welcome")));
    nj_dealer_close(&dealer, 0);
}

static void an_unknown_key_is_never_heard(void **state)
{
    fixture *all = *state;
    nj_received received;
    nj_dealer *stranger = connect_as(all, &all->unknown, all->server.public_key);
    send_text(stranger, "let me in");
    assert_false(wait_router(all->router, SOON_MS, &received));

    nj_dealer *known = connect_as(all, &all->known, all->server.public_key);
    send_text(known, "me first");
    assert_true(wait_router(all->router, LATE_MS, &received));
    assert_string_equal(received.peer.key, all->known.public_key);
    assert_false(wait_router(all->router, SOON_MS, &received));
    nj_dealer_close(&known, 0);
    nj_dealer_close(&stranger, 0);
}

static void a_worker_does_not_speak_to_a_coordinator_with_another_key(void **state)
{
    fixture *all = *state;
    nj_received received;
    nj_dealer *dealer = connect_as(all, &all->known, all->unknown.public_key);
    send_text(dealer, "secret");
    assert_false(wait_router(all->router, SOON_MS, &received));
    nj_dealer_close(&dealer, 0);
}

static void keys_rotate_while_the_router_runs(void **state)
{
    fixture *all = *state;
    nj_error err = {0};
    nj_received received;
    nj_allowlist list;
    nj_dealer *old = connect_as(all, &all->known, all->server.public_key);
    send_text(old, "one");
    assert_true(wait_router(all->router, LATE_MS, &received));

    allow_only(&list, &all->unknown);
    assert_ok(nj_router_allow(all->router, &list, &err), &err);
    nj_allowlist_fini(&list);
    send_text(old, "two"); // its connection stands, its key does not
    nj_dealer *new = connect_as(all, &all->unknown, all->server.public_key);
    send_text(new, "three");
    assert_true(wait_router(all->router, LATE_MS, &received));
    assert_true(nj_slice_equal(received.bytes, nj_slice_from("three")));
    assert_false(wait_router(all->router, SOON_MS, &received));
    assert_int_equal(nj_router_dropped(all->router)->stranger_count, 1);
    nj_dealer_close(&new, 0);
    nj_dealer_close(&old, 0);
}

static void nothing_is_sent_to_a_key_that_has_left_the_list(void **state)
{
    fixture *all = *state;
    nj_error err = {0};
    nj_received received;
    nj_allowlist list;
    nj_dealer *dealer = connect_as(all, &all->known, all->server.public_key);
    send_text(dealer, "one");
    assert_true(wait_router(all->router, LATE_MS, &received));
    nj_peer peer = received.peer;
    assert_ok(nj_router_send(all->router, &peer, nj_slice_from("yes"), &err), &err);

    allow_only(&list, &all->unknown);
    assert_ok(nj_router_allow(all->router, &list, &err), &err);
    nj_allowlist_fini(&list);
    assert_refused(nj_router_send(all->router, &peer, nj_slice_from("no"), &err), NJ_NOT_FOUND,
                   &err, "not in the list any more");
    nj_dealer_close(&dealer, 0);
}

static void a_dealer_finds_the_coordinator_by_any_of_its_keys(void **state)
{
    fixture *all = *state;
    nj_error err = {0};
    nj_received received;
    nj_slice answer;
    char keys[2 * NJ_KEY_TEXT_BYTES];
    snprintf(keys, sizeof keys, "%s,%s", all->unknown.public_key, all->server.public_key);
    nj_dealer *dealer = connect_as(all, &all->known, keys);
    send_text(dealer, "one");
    assert_true(wait_router(all->router, LATE_MS, &received));
    assert_ok(nj_router_send(all->router, &received.peer, nj_slice_from("two"), &err), &err);
    assert_true(wait_dealer(dealer, LATE_MS, &answer));
    assert_true(nj_slice_equal(answer, nj_slice_from("two")));
    send_text(dealer, "three"); // the other socket is gone: it comes once
    assert_true(wait_router(all->router, LATE_MS, &received));
    assert_false(wait_router(all->router, SOON_MS, &received));

    assert_ok(nj_dealer_reconnect(dealer, &err), &err); // and it begins with all keys again
    send_text(dealer, "four");
    assert_true(wait_router(all->router, LATE_MS, &received));
    assert_true(nj_slice_equal(received.bytes, nj_slice_from("four")));
    nj_dealer_close(&dealer, 0);
}

static void a_giant_frame_ends_its_connection_and_no_other(void **state)
{
    fixture *all = *state;
    nj_error err = {0};
    nj_received received;
    char *giant = calloc(4097, 1);
    nj_dealer *good = connect_as(all, &all->known, all->server.public_key);
    nj_dealer *bad = connect_as(all, &all->known, all->server.public_key);
    assert_ok(nj_dealer_send(bad, (nj_slice){giant, 4097}, &err), &err);
    assert_false(wait_router(all->router, SOON_MS, &received));
    // CURVE adds bytes of its own.
    assert_ok(nj_dealer_send(good, (nj_slice){giant, 4096 - 64}, &err), &err);
    assert_true(wait_router(all->router, LATE_MS, &received));
    assert_int_equal(received.bytes.size, 4096 - 64);
    nj_dealer_close(&bad, 0);
    nj_dealer_close(&good, 0);
    free(giant);
}

static void a_reconnection_is_another_peer_with_the_same_key(void **state)
{
    fixture *all = *state;
    nj_error err = {0};
    nj_received received;
    nj_dealer *dealer = connect_as(all, &all->known, all->server.public_key);
    send_text(dealer, "one");
    assert_true(wait_router(all->router, LATE_MS, &received));
    nj_peer before = received.peer;
    assert_ok(nj_dealer_reconnect(dealer, &err), &err);
    send_text(dealer, "two");
    assert_true(wait_router(all->router, LATE_MS, &received));
    assert_false(nj_peer_equal(&before, &received.peer));
    assert_string_equal(before.key, received.peer.key);

    nj_status status = NJ_OK;
    for (int i = 0; i < 100 && status == NJ_OK; i++) {
        status = nj_router_send(all->router, &before, nj_slice_from("lost?"), &err);
        usleep(10000);
    }
    assert_int_equal(status, NJ_NOT_FOUND);
    nj_dealer_close(&dealer, 0);
}

static void a_full_queue_says_again_and_never_blocks(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_dealer *dealer = NULL;
    nj_dealer_config config = {.endpoint = "tcp://127.0.0.1:1", .insecure = true};
    assert_ok(nj_dealer_open(&config, &dealer, &err), &err);
    for (int i = 0; i < NJ_SOCKET_QUEUE_MAX; i++) {
        send_text(dealer, "into the void");
    }
    assert_int_equal(nj_dealer_send(dealer, nj_slice_from("x"), &err), NJ_AGAIN);
    nj_dealer_close(&dealer, 0);
}

// libzmq 4.3.4 aborts the process here when its own heartbeats are on (zeromq/libzmq issue 4364).
static void a_peer_that_dies_while_nobody_reads_does_no_harm(void **state)
{
    fixture *all = *state;
    nj_error err = {0};
    nj_received received;
    nj_dealer *dealer = connect_as(all, &all->known, all->server.public_key);
    send_text(dealer, "first");
    assert_true(wait_router(all->router, LATE_MS, &received));
    for (int i = 0; i < 20; i++) { // more than the queues of both ends hold
        while (nj_dealer_send(dealer, nj_slice_from("more"), &err) == NJ_OK) {
        }
        usleep(5000);
    }
    nj_dealer_close(&dealer, 0);
    usleep(PAUSE_MS * 1000);

    int count = 0;
    while (wait_router(all->router, SOON_MS, &received)) {
        count++;
    }
    assert_true(count >= NJ_SOCKET_QUEUE_MAX);
    dealer = connect_as(all, &all->known, all->server.public_key);
    send_text(dealer, "another");
    assert_true(wait_router(all->router, LATE_MS, &received));
    nj_dealer_close(&dealer, 0);
}

// A peer that does not use our code: a plain DEALER that sends what it likes.
static void multipart_junk_is_dropped_and_counted(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_received received;
    nj_router *router = NULL;
    nj_router_config config = {.endpoint = LOOPBACK, .insecure = true};
    assert_ok(nj_router_open(&config, &router, &err), &err);
    void *context = zmq_ctx_new();
    void *raw = zmq_socket(context, ZMQ_DEALER);
    int linger = 0;
    zmq_setsockopt(raw, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(raw, nj_router_endpoint(router)), 0);

    for (int i = 0; i < 3 * NJ_SOCKET_FRAMES_MAX; i++) { // more than one receive call looks at
        assert_int_equal(zmq_send(raw, "junk", 4, ZMQ_SNDMORE), 4);
    }
    assert_int_equal(zmq_send(raw, "end", 3, 0), 3);
    assert_int_equal(zmq_send(raw, "one frame", 9, 0), 9);
    assert_true(wait_router(router, LATE_MS, &received));
    assert_true(nj_slice_equal(received.bytes, nj_slice_from("one frame")));
    assert_string_equal(received.peer.key, "");
    assert_int_equal(nj_router_dropped(router)->multipart_count, 1);

    zmq_close(raw);
    zmq_ctx_term(context);
    nj_router_close(&router, 0);
}

static void a_peer_that_names_itself_too_long_is_dropped(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_received received;
    nj_router *router = NULL;
    nj_router_config config = {.endpoint = LOOPBACK, .insecure = true};
    assert_ok(nj_router_open(&config, &router, &err), &err);
    void *context = zmq_ctx_new();
    for (size_t extra = 0; extra < 2; extra++) {
        char name[NJ_ROUTE_BYTES_MAX + 1];
        memset(name, 'n', sizeof name);
        void *raw = zmq_socket(context, ZMQ_DEALER);
        int linger = 0;
        zmq_setsockopt(raw, ZMQ_LINGER, &linger, sizeof linger);
        zmq_setsockopt(raw, ZMQ_ROUTING_ID, name, NJ_ROUTE_BYTES_MAX + extra);
        assert_int_equal(zmq_connect(raw, nj_router_endpoint(router)), 0);
        assert_int_equal(zmq_send(raw, "x", 1, 0), 1);
        assert_int_equal(wait_router(router, extra == 0 ? LATE_MS : SOON_MS, &received),
                         extra == 0);
        zmq_close(raw);
    }
    assert_int_equal(nj_router_dropped(router)->route_count, 1);
    zmq_ctx_term(context);
    nj_router_close(&router, 0);
}

static void insecure_is_never_a_fallback(void **state)
{
    fixture *all = *state;
    nj_error err = {0};
    nj_router *router = NULL;
    nj_dealer *dealer = NULL;
    nj_allowlist list;
    nj_router_config none = {.endpoint = LOOPBACK};
    nj_dealer_config none_either = {.endpoint = "tcp://127.0.0.1:1"};
    assert_refused(nj_router_open(&none, &router, &err), NJ_CONFIG, &err, "insecure is not given");
    assert_refused(nj_dealer_open(&none_either, &dealer, &err), NJ_CONFIG, &err,
                   "insecure is not given");

    allow_only(&list, &all->known);
    nj_router_config both = {
        .endpoint = LOOPBACK, .keys = &all->server, .allowed = &list, .insecure = true};
    assert_refused(nj_router_open(&both, &router, &err), NJ_CONFIG, &err, "so is insecure");
    nj_allowlist_fini(&list);

    // A worker without encryption is not heard by a coordinator with it.
    nj_received received;
    nj_dealer_config plain = {.endpoint = nj_router_endpoint(all->router), .insecure = true};
    assert_ok(nj_dealer_open(&plain, &dealer, &err), &err);
    send_text(dealer, "plain");
    assert_false(wait_router(all->router, SOON_MS, &received));
    nj_dealer_close(&dealer, 0);
}

static void an_address_in_use_says_again_and_a_wrong_one_config(void **state)
{
    fixture *all = *state;
    nj_error err = {0};
    nj_router *router = NULL;
    nj_router_config used = {.endpoint = nj_router_endpoint(all->router), .insecure = true};
    nj_router_config wrong = {.endpoint = "over://there", .insecure = true};
    assert_refused(nj_router_open(&used, &router, &err), NJ_AGAIN, &err, "cannot bind");
    assert_refused(nj_router_open(&wrong, &router, &err), NJ_CONFIG, &err, "over://there");
    nj_router_config far = {.endpoint = "tcp://127.0.0.1:99999", .insecure = true};
    assert_refused(nj_router_open(&far, &router, &err), NJ_CONFIG, &err,
                   "must be a number from 0 to 65535");
    assert_null(router);
}

static void messages_travel_packed_and_the_poller_sees_descriptors_too(void **state)
{
    fixture *all = *state;
    nj_error err = {0};
    nj_received received;
    static nj_message message;
    nj_dealer *dealer = connect_as(all, &all->known, all->server.public_key);
    message.kind = NJ_MESSAGE_READY;
    message.ready.credit = 2;
    assert_ok(nj_dealer_send_message(dealer, &message, &err), &err);
    assert_true(wait_router(all->router, LATE_MS, &received));
    memset(&message, 0, sizeof message);
    assert_ok(nj_message_unpack(received.bytes, NJ_SIDE_WORKER, &message, &err), &err);
    assert_int_equal(message.ready.credit, 2);

    int wake = eventfd(0, EFD_CLOEXEC);
    uint64_t one = 1;
    nj_poller poller = {0};
    nj_poller_add_dealer(&poller, dealer);
    nj_poller_add_fd(&poller, wake);
    assert_int_equal(write(wake, &one, sizeof one), sizeof one);
    const uint64_t start_ns = nj_clock_mono_ns();
    assert_ok(nj_poller_wait(&poller, LATE_MS, &err), &err);
    assert_true(nj_clock_mono_ns() - start_ns < LATE_MS * 1000000ull / 2);
    close(wake);
    nj_dealer_close(&dealer, 0);
}

static void a_bye_leaves_before_a_close_with_linger(void **state)
{
    fixture *all = *state;
    nj_received received;
    nj_dealer *dealer = connect_as(all, &all->known, all->server.public_key);
    send_text(dealer, "first");
    assert_true(wait_router(all->router, LATE_MS, &received));
    send_text(dealer, "bye");
    nj_dealer_close(&dealer, 1000);
    assert_true(wait_router(all->router, LATE_MS, &received));
    assert_true(nj_slice_equal(received.bytes, nj_slice_from("bye")));
}

#define CURVE(test) cmocka_unit_test_setup_teardown(test, setup_curve, teardown_curve)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CURVE(a_known_key_is_heard_and_answered),
        CURVE(an_unknown_key_is_never_heard),
        CURVE(a_worker_does_not_speak_to_a_coordinator_with_another_key),
        CURVE(keys_rotate_while_the_router_runs),
        CURVE(nothing_is_sent_to_a_key_that_has_left_the_list),
        CURVE(a_dealer_finds_the_coordinator_by_any_of_its_keys),
        CURVE(a_giant_frame_ends_its_connection_and_no_other),
        CURVE(a_reconnection_is_another_peer_with_the_same_key),
        cmocka_unit_test(a_full_queue_says_again_and_never_blocks),
        CURVE(a_peer_that_dies_while_nobody_reads_does_no_harm),
        cmocka_unit_test(multipart_junk_is_dropped_and_counted),
        cmocka_unit_test(a_peer_that_names_itself_too_long_is_dropped),
        CURVE(insecure_is_never_a_fallback),
        CURVE(an_address_in_use_says_again_and_a_wrong_one_config),
        CURVE(messages_travel_packed_and_the_poller_sees_descriptors_too),
        CURVE(a_bye_leaves_before_a_close_with_linger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
