// test_session.c - the worker's side of a night, told in sentences; tests/tables visits every pair.
#include "worker/session.h"

#include <stdlib.h>

#include "tests/support/nj_test.h"

#define MS 1000000ull
#define TEN_BYTES "0123456789"

static nj_session *session;
static nj_session_effect effect;
static nj_message message;

static int setup(void **state)
{
    (void)state;
    static const char *const CLASSES[] = {"exact"};
    nj_error err = {0};
    nj_session_config config = {.name = "w",
                                .version = "1",
                                .classes = CLASSES,
                                .class_count = 1,
                                .lease_slots = 4,
                                .chunk_bytes = 4,
                                .coordinator_timeout_ms = 1000,
                                .hello_pause_ms = 50,
                                .resend_ms = 300,
                                .give_up_ms = 5000,
                                .drain_ms = 2000};
    session = malloc(sizeof *session);
    assert_ok(nj_session_init(session, &config, 0, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(session);
    return 0;
}

static void expect(nj_session_effect_kind kind)
{
    assert_true(nj_session_next(session, &effect));
    assert_int_equal(effect.kind, kind);
}

static void expect_send(nj_message_kind kind)
{
    expect(NJ_SESSION_SEND);
    assert_int_equal(effect.message.kind, kind);
}

static void expect_nothing(void)
{
    assert_false(nj_session_next(session, &effect));
}

static void expect_finish(nj_status status, const char *part)
{
    expect_send(NJ_MESSAGE_BYE);
    expect(NJ_SESSION_FINISH);
    assert_int_equal(effect.status, status);
    assert_non_null(strstr(effect.text.bytes, part));
    expect_nothing();
    assert_int_equal(session->state, NJ_SESSION_DONE);
}

static void tick(uint64_t now_ms)
{
    nj_session_tick(session, now_ms * MS);
}

static void receive_welcome_that(uint32_t follows, uint64_t epoch, uint8_t plan, uint64_t now_ms)
{
    memset(&message, 0, sizeof message);
    message.kind = NJ_MESSAGE_WELCOME;
    message.welcome.follows = follows;
    message.welcome.epoch = epoch;
    message.welcome.plan.bytes[0] = plan;
    message.welcome.heartbeat_ms = 100;
    message.welcome.sections_count = 2;
    message.welcome.sections[0] =
        (nj_wire_section){nj_slice_from("weights"), 10, nj_digest_of(TEN_BYTES, 10)};
    message.welcome.sections[1] = (nj_wire_section){nj_slice_from("trie"), 0, nj_digest_of("", 0)};
    nj_session_message(session, &message, now_ms * MS);
}

static void receive_welcome(uint64_t epoch, uint8_t plan, uint64_t now_ms)
{
    receive_welcome_that(0, epoch, plan, now_ms);
}

static void receive_lease(uint32_t shard, uint32_t attempt, uint64_t epoch, uint64_t now_ms)
{
    memset(&message, 0, sizeof message);
    message.kind = NJ_MESSAGE_LEASE;
    message.lease = (nj_message_lease){shard, attempt, epoch, 4, nj_slice_from("users"), 0};
    nj_session_message(session, &message, now_ms * MS);
}

static void receive_ack(uint32_t shard, uint64_t now_ms)
{
    memset(&message, 0, sizeof message);
    message.kind = NJ_MESSAGE_ACK;
    message.ack = (nj_message_ack){shard, 1, NJ_VERDICT_COMMITTED};
    nj_session_message(session, &message, now_ms * MS);
}

static void receive_chunk(size_t offset, size_t size)
{
    memset(&message, 0, sizeof message);
    message.kind = NJ_MESSAGE_CHUNK;
    message.chunk =
        (nj_message_chunk){nj_digest_of(TEN_BYTES, 10), offset, {&TEN_BYTES[offset], size}};
    nj_session_message(session, &message, 0);
}

static void receive_refused(nj_status status, uint64_t now_ms)
{
    memset(&message, 0, sizeof message);
    message.kind = NJ_MESSAGE_REFUSED;
    message.refused = (nj_message_refused){(uint32_t)status, nj_slice_from("because")};
    nj_session_message(session, &message, now_ms * MS);
}

// Everything up to READY, with all sections in the cache.
static void become_ready(void)
{
    tick(0);
    expect_send(NJ_MESSAGE_HELLO);
    receive_welcome(1, 7, 0);
    expect(NJ_SESSION_LOOK);
    nj_session_inspected(session, 0, 0);
    expect(NJ_SESSION_SET_UP);
    nj_session_prepared(session, effect.ticket, NJ_OK, "", 0);
    expect_send(NJ_MESSAGE_READY);
    assert_int_equal(effect.message.ready.credit, 2);
    session->heartbeat_ns = 0;
}

static uint64_t become_working(uint32_t shard)
{
    become_ready();
    receive_lease(shard, 1, 1, 0);
    expect(NJ_SESSION_KEEP_LEASE);
    expect(NJ_SESSION_COMPUTE);
    return effect.ticket;
}

static void compute(uint64_t ticket, uint64_t now_ms)
{
    nj_digest digest = {{5}};
    nj_session_computed(session, ticket, &digest, 4, now_ms * MS);
}

static void lacking_sections_are_fetched_piece_by_piece(void **state)
{
    (void)state;
    tick(0);
    expect_send(NJ_MESSAGE_HELLO);
    assert_true(nj_slice_equal(effect.message.hello.classes[0], nj_slice_from("exact")));
    receive_welcome(1, 7, 0);
    expect(NJ_SESSION_LOOK);
    nj_session_inspected(session, ~0ull, 0); // bits beyond the sections do not count
    static const uint32_t PIECES[][2] = {{0, 4}, {4, 4}, {8, 2}};
    for (int i = 0; i < 3; i++) {
        expect_send(NJ_MESSAGE_FETCH);
        assert_int_equal(effect.message.fetch.offset, PIECES[i][0]);
        assert_int_equal(effect.message.fetch.length, PIECES[i][1]);
        expect_nothing();
        receive_chunk(PIECES[i][0], PIECES[i][1]);
        expect(NJ_SESSION_STORE);
        assert_int_equal(effect.offset, PIECES[i][0]);
        receive_chunk(PIECES[i][0], PIECES[i][1]); // repeated: nothing more
    }
    expect(NJ_SESSION_VERIFY);
    nj_session_verified(session, 0, true, 0);
    expect(NJ_SESSION_STORE); // the empty section needs no FETCH
    assert_int_equal(effect.bytes.size, 0);
    expect(NJ_SESSION_VERIFY);
    assert_int_equal(effect.section, 1);
    nj_session_verified(session, 1, true, 0);
    expect(NJ_SESSION_SET_UP);
    assert_int_equal(session->state, NJ_SESSION_PREPARING);
}

static void a_piece_of_another_size_and_a_wrong_digest_are_fatal(void **state)
{
    (void)state;
    tick(0);
    receive_welcome(1, 7, 0);
    nj_session_inspected(session, 1, 0);
    receive_chunk(0, 3);
    while (nj_session_next(session, &effect)) {
    }
    assert_int_equal(effect.kind, NJ_SESSION_FINISH);
    assert_int_equal(effect.status, NJ_PROTOCOL);
    assert_non_null(strstr(effect.text.bytes, "\"weights\": 3 bytes came, 4 were asked for"));
}

static void a_section_with_another_digest_is_refused(void **state)
{
    (void)state;
    tick(0);
    receive_welcome(1, 7, 0);
    nj_session_inspected(session, 2, 0);
    while (nj_session_next(session, &effect)) {
    }
    assert_int_equal(effect.kind, NJ_SESSION_VERIFY);
    nj_session_verified(session, 1, false, 0);
    expect_finish(NJ_REFUSED, "\"trie\" arrived with another digest");
}

static void one_lease_is_computed_while_the_next_waits(void **state)
{
    (void)state;
    uint64_t ticket = become_working(3);
    receive_lease(4, 1, 1, 0);
    expect(NJ_SESSION_KEEP_LEASE);
    expect_nothing();

    compute(ticket, 0);
    expect(NJ_SESSION_SEND_RESULT);
    assert_int_equal(effect.message.result.shard, 3);
    assert_int_equal(effect.message.result.digest.bytes[0], 5);
    expect(NJ_SESSION_COMPUTE);
    receive_lease(5, 1, 1, 0); // granted for the RESULT, before its ACK: there is a slot for it
    expect(NJ_SESSION_KEEP_LEASE);
    expect_nothing();
    receive_ack(3, 0);
    expect(NJ_SESSION_DROP);
    assert_int_equal(session->state, NJ_SESSION_WORKING);
    compute(effect.ticket, 0); // not the ticket of the running one
    expect_nothing();
}

static void the_credit_falls_while_results_wait_for_their_ack(void **state)
{
    (void)state;
    uint64_t ticket = become_working(3);
    for (uint32_t shard = 3; shard < 6; shard++) {
        receive_lease(shard + 1, 1, 1, 0);
        expect(NJ_SESSION_KEEP_LEASE);
        compute(ticket, 0);
        if (shard == 5) { // three of four slots wait
            expect_send(NJ_MESSAGE_READY);
            assert_int_equal(effect.message.ready.credit, 1);
        }
        expect(NJ_SESSION_SEND_RESULT);
        expect(NJ_SESSION_COMPUTE);
        ticket = effect.ticket;
    }
    receive_ack(3, 0);
    expect(NJ_SESSION_DROP);
    expect_send(NJ_MESSAGE_READY);
    assert_int_equal(effect.message.ready.credit, 2);
    receive_ack(4, 0);
    expect(NJ_SESSION_DROP);
    expect_nothing();
}

static void a_lease_beyond_all_slots_is_given_back(void **state)
{
    (void)state;
    become_working(3);
    for (uint32_t shard = 4; shard < 7; shard++) {
        receive_lease(shard, 1, 1, 0);
        expect(NJ_SESSION_KEEP_LEASE);
    }
    receive_lease(7, 1, 1, 0);
    expect_send(NJ_MESSAGE_FAILED);
    assert_int_equal(effect.message.failed.shard, 7);
    assert_int_equal(effect.message.failed.status, NJ_AGAIN);
}

static void an_unanswered_result_is_sent_again_until_its_ack(void **state)
{
    (void)state;
    compute(become_working(3), 0);
    expect(NJ_SESSION_SEND_RESULT);
    nj_session_progress(session, 4);
    tick(99);
    expect_nothing();
    tick(300);
    expect_send(NJ_MESSAGE_HEARTBEAT);
    assert_int_equal(effect.message.heartbeat.users_done, 4);
    assert_int_equal(effect.message.heartbeat.leases[0].shard, 3);
    expect_send(NJ_MESSAGE_READY); // in case an earlier one was lost
    expect(NJ_SESSION_SEND_RESULT);
    receive_ack(9, 300); // of a shard that is not here
    expect_nothing();
    receive_ack(3, 300);
    expect(NJ_SESSION_DROP);
    assert_int_equal(session->state, NJ_SESSION_READY);
    tick(400);
    expect_send(NJ_MESSAGE_HEARTBEAT);
    expect_send(NJ_MESSAGE_READY); // in case the first was lost
    expect_nothing();
}

static void a_failed_computation_frees_its_slot_at_once(void **state)
{
    (void)state;
    uint64_t ticket = become_working(3);
    nj_session_failed(session, ticket, NJ_NO_MEMORY, "too little\xff", 0);
    expect_send(NJ_MESSAGE_FAILED);
    assert_int_equal(effect.message.failed.status, NJ_NO_MEMORY);
    assert_true(nj_slice_equal(effect.message.failed.text, nj_slice_from("too little?")));
    expect(NJ_SESSION_DROP);
    assert_int_equal(session->state, NJ_SESSION_READY);
}

static void a_computation_outlives_the_connection(void **state)
{
    (void)state;
    uint64_t ticket = become_working(3);
    tick(1000);
    expect(NJ_SESSION_DROP_LINE);
    assert_int_equal(session->state, NJ_SESSION_CONNECTING);
    compute(ticket, 1010);
    expect_nothing();
    tick(1050);
    expect_send(NJ_MESSAGE_HELLO);
    receive_welcome(1, 7, 1060);
    expect_send(NJ_MESSAGE_READY);
    expect(NJ_SESSION_SEND_RESULT);
    expect_nothing();
    assert_int_equal(session->state, NJ_SESSION_WORKING);
}

static void a_failure_kept_over_a_reconnection_is_told_then(void **state)
{
    (void)state;
    uint64_t ticket = become_working(3);
    receive_refused(NJ_AGAIN, 0);
    nj_session_failed(session, ticket, NJ_FAILED, "no", 0);
    expect_nothing();
    tick(50);
    expect_send(NJ_MESSAGE_HELLO);
    receive_welcome(1, 7, 60);
    expect_send(NJ_MESSAGE_READY);
    expect_send(NJ_MESSAGE_FAILED);
    expect(NJ_SESSION_DROP);
    assert_int_equal(session->state, NJ_SESSION_READY);
}

// A WELCOME that was late is from a coordinator that is no more. Without a new HELLO every lease of the one that is there would
// be void, and run out without a word.
static void a_coordinator_of_another_epoch_is_greeted(void **state)
{
    (void)state;
    const nj_message_kind speaks[] = {NJ_MESSAGE_LEASE, NJ_MESSAGE_PONG, NJ_MESSAGE_WELCOME};
    for (uint64_t i = 0; i < sizeof speaks / sizeof speaks[0]; i++) {
        (void)become_working(3);
        message = (nj_message){.kind = speaks[i]};
        if (speaks[i] == NJ_MESSAGE_LEASE) {
            message.lease = (nj_message_lease){4, 1, 2, 4, nj_slice_from("users"), 0};
        } else if (speaks[i] == NJ_MESSAGE_PONG) {
            message.pong.epoch = 2;
        } else {
            message.welcome.epoch = 2;
        }
        nj_session_message(session, &message, 60 * MS);
        expect_nothing();
        assert_int_equal(session->state, NJ_SESSION_CONNECTING);
        tick(110);
        expect_send(NJ_MESSAGE_HELLO);
        receive_welcome(2, 7, 110);
        expect(NJ_SESSION_DROP);
        expect_send(NJ_MESSAGE_READY);
        assert_int_equal(session->state, NJ_SESSION_READY);
        assert_int_equal(teardown(state) + setup(state), 0);
    }
}

static void a_plan_that_follows_is_taken_up_without_a_hello(void **state)
{
    (void)state;
    const uint64_t ticket = become_working(3);
    receive_welcome_that(1, 2, 8, 10);
    expect(NJ_SESSION_DROP);
    expect(NJ_SESSION_LOOK);
    assert_int_equal(session->state, NJ_SESSION_GREETED);
    nj_session_inspected(session, 1, 10);
    expect_send(NJ_MESSAGE_FETCH);
    receive_lease(0, 1, 2, 10); // granted for a READY that crossed the WELCOME
    expect_send(NJ_MESSAGE_FAILED);
    assert_int_equal(effect.message.failed.status, NJ_AGAIN);

    receive_welcome_that(1, 3, 9, 20); // that plan has ended too
    expect(NJ_SESSION_LOOK);
    nj_session_inspected(session, 0, 20);
    expect(NJ_SESSION_SET_UP);
    const uint64_t set_up = effect.ticket;
    compute(ticket, 20); // of the first plan: nobody asks for it any more
    expect_nothing();
    receive_welcome_that(1, 3, 9, 20); // nothing new: it asks who speaks only of another epoch
    expect_nothing();
    nj_session_prepared(session, set_up, NJ_OK, "", 20);
    expect_send(NJ_MESSAGE_READY);
    assert_int_equal(session->state, NJ_SESSION_READY);
    assert_int_equal(session->epoch, 3);
}

static void a_plan_that_follows_one_of_another_coordinator_wants_a_hello(void **state)
{
    (void)state;
    (void)become_working(3);
    receive_welcome_that(1, 0, 8,
                         60); // its epoch is lower: it is not the one that was said HELLO to
    expect_nothing();
    assert_int_equal(session->state, NJ_SESSION_CONNECTING);
}

static void another_epoch_voids_the_leases_and_another_plan_the_engine(void **state)
{
    (void)state;
    (void)become_working(3);
    receive_refused(NJ_AGAIN, 0);
    tick(50);
    expect_send(NJ_MESSAGE_HELLO);
    receive_welcome(2, 7, 60);
    expect(NJ_SESSION_DROP);
    expect_send(NJ_MESSAGE_READY);
    receive_lease(3, 1, 1, 60); // of the old epoch: who is it that speaks?
    expect_nothing();
    tick(110);
    expect_send(NJ_MESSAGE_HELLO);
    receive_welcome(2, 8, 110);
    expect(NJ_SESSION_LOOK);
    assert_false(session->prepared);
}

static void an_engine_being_set_up_is_not_set_up_twice(void **state)
{
    (void)state;
    tick(0);
    expect_send(NJ_MESSAGE_HELLO);
    receive_welcome(1, 7, 0);
    expect(NJ_SESSION_LOOK);
    nj_session_inspected(session, 0, 0);
    expect(NJ_SESSION_SET_UP);
    uint64_t ticket = effect.ticket;
    receive_refused(NJ_AGAIN, 0);
    tick(50);
    expect_send(NJ_MESSAGE_HELLO);
    receive_welcome(1, 7, 60);
    expect(NJ_SESSION_LOOK);
    nj_session_inspected(session, 0, 60 * MS);
    expect_nothing();
    nj_session_prepared(session, ticket + 1, NJ_OK, "", 60 * MS);
    expect_nothing();
    nj_session_prepared(session, ticket, NJ_OK, "", 60 * MS);
    expect_send(NJ_MESSAGE_READY);
}

static void a_lease_of_a_shard_in_hand_only_changes_its_attempt(void **state)
{
    (void)state;
    uint64_t ticket = become_working(3);
    receive_lease(3, 2, 1, 0);
    expect_nothing();
    compute(ticket, 0);
    expect(NJ_SESSION_SEND_RESULT);
    assert_int_equal(effect.message.result.attempt, 2);
    receive_lease(3, 3, 1, 0);
    expect(NJ_SESSION_SEND_RESULT);
    assert_int_equal(effect.message.result.attempt, 3);
}

static void no_coordinator_for_too_long_ends_with_again_and_the_last_refusal(void **state)
{
    (void)state;
    tick(0);
    expect_send(NJ_MESSAGE_HELLO);
    receive_refused(NJ_AGAIN, 10);
    tick(60);
    expect_send(NJ_MESSAGE_HELLO);
    tick(1060);
    expect(NJ_SESSION_DROP_LINE);
    tick(4999);
    expect_send(NJ_MESSAGE_HELLO);
    tick(5000);
    expect_finish(NJ_AGAIN, "for 5000 ms; the last one said: because");
}

static void a_final_refusal_ends_the_session_with_its_status(void **state)
{
    (void)state;
    tick(0);
    expect_send(NJ_MESSAGE_HELLO);
    receive_refused(NJ_CONFIG, 0);
    expect_finish(NJ_CONFIG, "because");
    tick(60000);
    receive_lease(1, 1, 0, 60000);
    nj_session_drain(session, NJ_TERMINATED, "", 0);
    expect_nothing();
}

static void draining_finishes_what_is_computed_and_gives_back_the_rest(void **state)
{
    (void)state;
    uint64_t ticket = become_working(3);
    receive_lease(4, 1, 1, 0);
    expect(NJ_SESSION_KEEP_LEASE);
    nj_session_drain(session, NJ_TERMINATED, "SIGTERM", 0);
    expect_send(NJ_MESSAGE_READY);
    assert_int_equal(effect.message.ready.credit, 0);
    expect_send(NJ_MESSAGE_FAILED);
    assert_int_equal(effect.message.failed.shard, 4);
    assert_int_equal(effect.message.failed.status, NJ_AGAIN);
    expect(NJ_SESSION_DROP);
    receive_lease(5, 1, 1, 0); // was on its way
    expect_send(NJ_MESSAGE_FAILED);
    assert_int_equal(effect.message.failed.shard, 5);
    compute(ticket, 0);
    expect(NJ_SESSION_SEND_RESULT);
    expect_nothing();
    receive_ack(3, 0);
    expect(NJ_SESSION_DROP);
    expect_finish(NJ_TERMINATED, "SIGTERM");
}

static void draining_has_an_end(void **state)
{
    (void)state;
    (void)become_working(3);
    nj_session_drain(session, NJ_TERMINATED, "SIGTERM", 0);
    expect_send(NJ_MESSAGE_READY);
    message.kind = NJ_MESSAGE_PONG;
    nj_session_message(session, &message, 1900 * MS);
    tick(1999);
    expect_send(NJ_MESSAGE_HEARTBEAT);
    tick(2000);
    expect(NJ_SESSION_DROP);
    expect_finish(NJ_TERMINATED, "SIGTERM");
}

static void a_draining_worker_does_not_outlast_its_coordinator(void **state)
{
    (void)state;
    (void)become_working(3);
    nj_session_drain(session, NJ_TERMINATED, "SIGTERM", 0);
    expect_send(NJ_MESSAGE_READY);
    tick(299);
    expect_send(NJ_MESSAGE_HEARTBEAT);
    expect_nothing();
    tick(300); // three heartbeats
    expect(NJ_SESSION_DROP);
    expect_finish(NJ_TERMINATED, "SIGTERM");
}

static void the_end_of_the_night_drops_what_is_in_hand(void **state)
{
    (void)state;
    (void)become_working(3);
    memset(&message, 0, sizeof message);
    message.kind = NJ_MESSAGE_DRAIN;
    message.drain.reason = NJ_DRAIN_FINISHED;
    nj_session_message(session, &message, 0);
    expect(NJ_SESSION_DROP);
    expect_finish(NJ_OK, "the night is finished");
}

static void an_idle_worker_leaves_when_the_coordinator_stops(void **state)
{
    (void)state;
    become_ready();
    memset(&message, 0, sizeof message);
    message.kind = NJ_MESSAGE_DRAIN;
    message.drain.reason = NJ_DRAIN_STOPPING;
    nj_session_message(session, &message, 0);
    expect_finish(NJ_AGAIN, "the coordinator stops before the night is finished");
}

static void bytes_that_break_the_protocol_end_the_session(void **state)
{
    (void)state;
    nj_error why = {NJ_PROTOCOL, "the peer speaks protocol version 2, this program speaks 1"};
    become_ready();
    nj_session_broken(session, &why, 0);
    expect_finish(NJ_PROTOCOL, "version 2");
}

static void an_engine_that_cannot_be_set_up_ends_the_session(void **state)
{
    (void)state;
    tick(0);
    receive_welcome(1, 7, 0);
    nj_session_inspected(session, 0, 0);
    while (nj_session_next(session, &effect)) {
    }
    nj_session_prepared(session, effect.ticket, NJ_NO_MEMORY, "needs 9 GB", 0);
    expect_finish(NJ_NO_MEMORY, "needs 9 GB");
}

static void configs_out_of_range_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_session_config config = session->config;
    config.lease_slots = NJ_WIRE_LEASES_MAX + 1;
    assert_refused(nj_session_init(session, &config, 0, &err), NJ_INPUT, &err, "9 lease slots");
    config.lease_slots = NJ_WIRE_LEASES_MAX;
    config.chunk_bytes = NJ_WIRE_CHUNK_BYTES_MAX + 1;
    assert_refused(nj_session_init(session, &config, 0, &err), NJ_INPUT, &err, "chunks");
    config.chunk_bytes = NJ_WIRE_CHUNK_BYTES_MAX;
    config.class_count = 0;
    assert_refused(nj_session_init(session, &config, 0, &err), NJ_INPUT, &err, "0 numeric classes");
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(lacking_sections_are_fetched_piece_by_piece),
        FRESH(a_piece_of_another_size_and_a_wrong_digest_are_fatal),
        FRESH(a_section_with_another_digest_is_refused),
        FRESH(one_lease_is_computed_while_the_next_waits),
        FRESH(the_credit_falls_while_results_wait_for_their_ack),
        FRESH(a_lease_beyond_all_slots_is_given_back),
        FRESH(an_unanswered_result_is_sent_again_until_its_ack),
        FRESH(a_failed_computation_frees_its_slot_at_once),
        FRESH(a_computation_outlives_the_connection),
        FRESH(a_failure_kept_over_a_reconnection_is_told_then),
        FRESH(a_coordinator_of_another_epoch_is_greeted),
        FRESH(another_epoch_voids_the_leases_and_another_plan_the_engine),
        FRESH(an_engine_being_set_up_is_not_set_up_twice),
        FRESH(a_lease_of_a_shard_in_hand_only_changes_its_attempt),
        FRESH(no_coordinator_for_too_long_ends_with_again_and_the_last_refusal),
        FRESH(a_final_refusal_ends_the_session_with_its_status),
        FRESH(draining_finishes_what_is_computed_and_gives_back_the_rest),
        FRESH(draining_has_an_end),
        FRESH(a_draining_worker_does_not_outlast_its_coordinator),
        FRESH(the_end_of_the_night_drops_what_is_in_hand),
        FRESH(a_plan_that_follows_is_taken_up_without_a_hello),
        FRESH(a_plan_that_follows_one_of_another_coordinator_wants_a_hello),
        FRESH(an_idle_worker_leaves_when_the_coordinator_stops),
        FRESH(bytes_that_break_the_protocol_end_the_session),
        FRESH(an_engine_that_cannot_be_set_up_ends_the_session),
        FRESH(configs_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
