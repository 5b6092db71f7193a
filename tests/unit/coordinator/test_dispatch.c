// test_dispatch.c - messages in, effects out: what the coordinator says and does.
#include "coordinator/dispatch.h"

#include <stdlib.h>

#include "tests/support/nj_test.h"

#define MS 1000000ull

static nj_dispatch *dispatch;
static nj_dispatch_effect effect;
static nj_message message;
static const nj_peer PEER = {.route = "11111", .route_bytes = 5, .key = "key 1"};
static const nj_peer OTHER = {.route = "22222", .route_bytes = 5, .key = "key 2"};

static const char *check_rows(const void *context, const nj_message_result *result,
                              const nj_piece_range *piece)
{
    (void)context;
    return result->row_count == piece->count ? NULL : "the piece has other users";
}

static int setup(void **state)
{
    (void)state;
    nj_error err = {0};
    static const uint32_t SHARD_FIRST[] = {0, 4, 8, 12};
    nj_dispatch_config config = {
        .ledger = {.shard_count = 3,
                   .shard_first = SHARD_FIRST,
                   .spare_count = 20,
                   .tries_max = 2,
                   .losses_max = 5,
                   .retry_ms = 100,
                   .retry_max_ms = 1000,
                   .avoid_ms = 400,
                   .speculate_min_ms = 200},
        .roster = {.worker_max = 4,
                   .silence_ms = 1000,
                   .lease_ms = 300,
                   .bench_ms = 500,
                   .bench_max_ms = 2000},
        .epoch = 6,
        .numeric_class = "exact",
        .check = check_rows,
    };
    dispatch = malloc(sizeof *dispatch);
    assert_ok(nj_dispatch_init(dispatch, &config, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nj_dispatch_fini(dispatch);
    free(dispatch);
    return 0;
}

static void receive(const nj_peer *peer, uint64_t now_ms)
{
    nj_dispatch_message(dispatch, peer, &message, now_ms * MS);
}

static void expect(nj_dispatch_effect_kind kind, uint64_t now_ms)
{
    assert_true(nj_dispatch_next(dispatch, now_ms * MS, &effect));
    assert_int_equal(effect.kind, kind);
}

static void expect_nothing(uint64_t now_ms)
{
    assert_false(nj_dispatch_next(dispatch, now_ms * MS, &effect));
}

static void expect_ack(uint32_t shard, nj_verdict verdict)
{
    expect(NJ_DISPATCH_SEND, 0);
    assert_int_equal(effect.message.kind, NJ_MESSAGE_ACK);
    assert_int_equal(effect.message.ack.shard, shard);
    assert_int_equal(effect.message.ack.verdict, verdict);
}

static void expect_refused(nj_status status, const char *part)
{
    expect(NJ_DISPATCH_SEND, 0);
    assert_int_equal(effect.message.kind, NJ_MESSAGE_REFUSED);
    assert_int_equal(effect.message.refused.status, status);
    assert_non_null(strstr(effect.message.refused.text.bytes, part));
}

static void say_hello(const nj_peer *peer, uint8_t instance, const char *numeric_class)
{
    memset(&message, 0, sizeof message);
    message.kind = NJ_MESSAGE_HELLO;
    message.hello.name = nj_slice_from("w");
    message.hello.version = nj_slice_from("1");
    message.hello.instance.bytes[0] = instance;
    message.hello.classes[0] = nj_slice_from(numeric_class);
    message.hello.classes_count = 1;
    receive(peer, 0);
}

static void join(const nj_peer *peer, uint8_t instance, uint32_t credit)
{
    say_hello(peer, instance, "exact");
    expect(NJ_DISPATCH_SEND_WELCOME, 0);
    assert_true(nj_peer_equal(&effect.peer, peer));
    message.kind = NJ_MESSAGE_READY;
    message.ready.credit = credit;
    receive(peer, 0);
}

static void send_result_at(const nj_peer *peer, uint32_t shard, uint32_t attempt, uint64_t epoch,
                           const char *rows, uint32_t row_count, uint64_t now_ms)
{
    memset(&message, 0, sizeof message);
    message.kind = NJ_MESSAGE_RESULT;
    message.result = (nj_message_result){
        shard, attempt, epoch, nj_digest_of(rows, strlen(rows)), row_count, nj_slice_from(rows)};
    receive(peer, now_ms);
}

static void send_result(const nj_peer *peer, uint32_t shard, uint32_t attempt, uint64_t epoch,
                        const char *rows, uint32_t row_count)
{
    send_result_at(peer, shard, attempt, epoch, rows, row_count, 0);
}

static void a_night_of_one_worker_goes_through(void **state)
{
    (void)state;
    join(&PEER, 1, 2);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    assert_int_equal(effect.lease.shard, 0);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    assert_int_equal(effect.lease.shard, 1);
    expect_nothing(0);
    for (uint32_t shard = 0; shard < 3; shard++) {
        send_result(&PEER, shard, 1, 6, "rows", 4);
        expect(NJ_DISPATCH_WRITE_ROWS, 0);
        assert_int_equal(effect.lease.shard, shard);
        if (shard == 0) {
            expect(NJ_DISPATCH_SEND_LEASE, 0);
        }
        expect_nothing(0);
        assert_int_equal(nj_dispatch_stored(dispatch, shard, true, 0), NJ_OK);
        expect_ack(shard, NJ_VERDICT_COMMITTED);
    }
    assert_true(nj_dispatch_finished(dispatch));
    nj_dispatch_drain(dispatch, NJ_DRAIN_FINISHED);
    expect(NJ_DISPATCH_SEND, 0);
    assert_int_equal(effect.message.kind, NJ_MESSAGE_DRAIN);
    message.kind = NJ_MESSAGE_BYE;
    receive(&PEER, 0);
    expect(NJ_DISPATCH_WORKER_GONE, 0);
    assert_int_equal(effect.status, NJ_OK);
    expect_nothing(0);
    assert_int_equal(dispatch->roster.count, 0);
}

static void a_worker_of_another_numeric_class_gets_no_lease(void **state)
{
    (void)state;
    say_hello(&PEER, 1, "fast");
    expect_refused(NJ_CONFIG, "the plan's numeric class is \"exact\", the worker runs \"fast\"");
    message.kind = NJ_MESSAGE_READY;
    message.ready.credit = 1;
    receive(&PEER, 0);
    expect_refused(NJ_AGAIN, "say HELLO");
    expect_nothing(0);
}

static void rows_that_do_not_fit_count_as_a_failure_and_are_never_written(void **state)
{
    (void)state;
    join(&PEER, 1, 1);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    send_result(&PEER, 0, 1, 6, "rows", 3);
    expect_ack(0, NJ_VERDICT_REJECTED);
    expect(NJ_DISPATCH_FAILURE, 0);
    assert_true(nj_slice_equal(effect.text, nj_slice_from("the piece has other users")));
    assert_int_equal(dispatch->ledger.pieces[0].state, NJ_PIECE_RETRY_WAIT);

    expect(NJ_DISPATCH_SEND_LEASE, 0);
    assert_int_equal(effect.lease.shard, 1);
    message.kind = NJ_MESSAGE_RESULT;
    message.result = (nj_message_result){1, 1, 6, {{1}}, 4, nj_slice_from("rows")};
    receive(&PEER, 0);
    expect_ack(1, NJ_VERDICT_REJECTED);
    expect(NJ_DISPATCH_FAILURE, 0);
    assert_non_null(strstr(effect.text.bytes, "digest"));
}

static void results_of_another_epoch_or_shard_are_stale(void **state)
{
    (void)state;
    join(&PEER, 1, 1);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    send_result(&PEER, 0, 1, 5, "rows", 4);
    expect_ack(0, NJ_VERDICT_STALE);
    send_result(&PEER, 3, 1, 6, "rows", 4);
    expect_ack(3, NJ_VERDICT_STALE);
    send_result(&PEER, 2, 1, 6, "rows", 4);
    expect_ack(2, NJ_VERDICT_STALE);
    expect_nothing(0);
    assert_int_equal(dispatch->ledger.pieces[0].state, NJ_PIECE_LEASED);
}

static void other_rows_raise_the_alarm_and_equal_ones_are_duplicates(void **state)
{
    (void)state;
    join(&PEER, 1, 1);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    nj_dispatch_tick(dispatch, 300 * MS); // the lease runs out and is given anew
    expect(NJ_DISPATCH_LOSS, 300);
    expect(NJ_DISPATCH_SEND_LEASE, 300);
    assert_int_equal(effect.lease.attempt, 2);
    send_result(&PEER, 0, 1, 6, "rows", 4);
    expect(NJ_DISPATCH_WRITE_ROWS, 0);
    assert_int_equal(nj_dispatch_stored(dispatch, 0, true, 0), NJ_OK);
    expect_ack(0, NJ_VERDICT_COMMITTED);
    send_result(&PEER, 0, 2, 6, "rows", 4);
    expect_ack(0, NJ_VERDICT_DUPLICATE);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    send_result(&PEER, 0, 2, 6, "rowz", 4);
    expect_ack(0, NJ_VERDICT_DIVERGED);
    expect(NJ_DISPATCH_ALARM, 0);
    assert_int_equal(effect.lease.shard, 0);
}

static void the_leases_of_a_vanished_worker_go_to_another(void **state)
{
    (void)state;
    join(&PEER, 1, 2);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    nj_worker_id first = effect.worker;
    join(&OTHER, 2, 3);
    expect(NJ_DISPATCH_SEND_LEASE, 0); // the third shard
    expect_nothing(0);
    nj_dispatch_unreachable(dispatch, first, 0);
    expect(NJ_DISPATCH_LOSS, 0); // of the first: the other was not begun, and is returned
    assert_int_equal(effect.lease.shard, 0);
    expect(NJ_DISPATCH_WORKER_GONE, 0);
    assert_int_equal(effect.status, NJ_AGAIN);
    assert_int_equal(dispatch->ledger.pieces[0].losses, 1);
    assert_int_equal(dispatch->ledger.pieces[1].losses, 0);
    for (uint32_t shard = 0; shard < 2; shard++) {
        expect(NJ_DISPATCH_SEND_LEASE, 0);
        assert_true(nj_peer_equal(&effect.peer, &OTHER));
        assert_int_equal(effect.lease.shard, shard);
        assert_int_equal(effect.lease.attempt, 2);
    }
    nj_dispatch_unreachable(dispatch, first, 0); // again: nobody
    expect_nothing(0);
}

static void a_quiet_worker_is_sent_a_pong_to_see_whether_it_is_there(void **state)
{
    (void)state;
    dispatch->roster.config.probe_ms = 200;
    join(&PEER, 1, 1);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    nj_dispatch_tick(dispatch, 199 * MS);
    expect_nothing(199);
    nj_dispatch_tick(dispatch, 200 * MS);
    expect(NJ_DISPATCH_SEND, 200);
    assert_int_equal(effect.message.kind, NJ_MESSAGE_PONG);
    assert_int_equal(effect.message.pong.epoch, 6);
    nj_dispatch_unreachable(dispatch, effect.worker, 200 * MS);
    expect(NJ_DISPATCH_LOSS, 200);
    expect(NJ_DISPATCH_WORKER_GONE, 200);
    expect_nothing(200);
}

static void send_failed(const nj_peer *peer, nj_wire_lease lease, uint64_t now_ms)
{
    memset(&message, 0, sizeof message);
    message.kind = NJ_MESSAGE_FAILED;
    message.failed = (nj_message_failed){lease.shard, lease.attempt, 6, NJ_NO_MEMORY,
                                         nj_slice_from("too little")};
    receive(peer, now_ms);
}

static void failures_are_counted_and_the_last_splits_the_shard(void **state)
{
    (void)state;
    join(&PEER, 1, 1);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    const nj_wire_lease lease = effect.lease;
    dispatch->ledger.pieces[lease.shard].failures = 1;
    send_failed(&PEER, lease, 0);
    expect(NJ_DISPATCH_FAILURE, 0);
    assert_int_equal(effect.status, NJ_NO_MEMORY);
    expect(NJ_DISPATCH_SPLIT, 0);
    assert_int_equal(effect.lease.shard, lease.shard);
    assert_int_equal(effect.status, NJ_NO_MEMORY);
    assert_true(nj_slice_equal(effect.text, nj_slice_from("too little")));
    send_failed(&PEER, lease, 0); // the same again: the lease is over
    assert_int_equal(dispatch->ledger.counts.failures, 1);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    nj_piece_range half = nj_ledger_piece(&dispatch->ledger, effect.lease.shard);
    assert_int_equal(half.shard, lease.shard);
    assert_int_equal(half.count, 2);
}

static void rows_are_checked_against_the_users_of_their_piece(void **state)
{
    (void)state;
    failures_are_counted_and_the_last_splits_the_shard(state);
    const nj_wire_lease half = effect.lease; // two users
    send_result(&PEER, half.shard, half.attempt, 6, "rows", 2);
    expect(NJ_DISPATCH_WRITE_ROWS, 0);
    assert_int_equal(effect.lease.shard, half.shard);
    send_result(&PEER, 0, 1, 6, "rows", 4); // of the whole, which was split
    expect_ack(0, NJ_VERDICT_STALE);
}

static void a_user_that_always_fails_is_quarantined_with_the_reason(void **state)
{
    (void)state;
    const nj_piece_range user = {.shard = 1, .first = 2, .count = 1};
    assert_int_equal(nj_dispatch_resume(dispatch, user, NJ_RESUME_RETRY, NULL), NJ_OK);
    const uint32_t index = nj_ledger_leaf(&dispatch->ledger, 1, 2);
    join(&PEER, 1, 8);
    do {
        expect(NJ_DISPATCH_SEND_LEASE, 0);
    } while (effect.lease.shard != index);
    const nj_wire_lease lease = effect.lease;
    dispatch->ledger.pieces[index].failures = 1;
    send_failed(&PEER, lease, 0);
    do {
        assert_true(nj_dispatch_next(dispatch, 0, &effect));
    } while (effect.kind != NJ_DISPATCH_QUARANTINE);
    assert_int_equal(effect.lease.shard, index);
    assert_int_equal(effect.status, NJ_NO_MEMORY);
    assert_true(nj_slice_equal(effect.text, nj_slice_from("too little")));
}

static void a_worker_that_fails_different_shards_is_benched(void **state)
{
    (void)state;
    join(&PEER, 1, 1);
    for (uint32_t shard = 0; shard < 3; shard++) {
        expect(NJ_DISPATCH_SEND_LEASE, 0);
        send_failed(&PEER, effect.lease, 0);
        expect(NJ_DISPATCH_FAILURE, 0);
    }
    expect(NJ_DISPATCH_WORKER_BENCHED, 0);
    assert_int_equal(effect.wait_ms, 500);
    assert_int_equal(dispatch->ledger.counts.benches, 1);
    nj_dispatch_tick(dispatch, 499 * MS); // the pieces are due long since
    expect_nothing(499);
    nj_dispatch_tick(dispatch, 500 * MS);
    expect(NJ_DISPATCH_WORKER_UNBENCHED, 500);
    expect(NJ_DISPATCH_SEND_LEASE, 500); // nobody else is there
}

static void halves_are_not_held_against_their_workers(void **state)
{
    (void)state;
    for (uint32_t shard = 0; shard < 3; shard++) {
        const nj_piece_range half = {.shard = shard, .count = 2};
        assert_int_equal(nj_dispatch_resume(dispatch, half, NJ_RESUME_RETRY, NULL), NJ_OK);
    }
    join(&PEER, 1, 1);
    for (uint32_t i = 0; i < 6; i++) {
        expect(NJ_DISPATCH_SEND_LEASE, 0);
        send_failed(&PEER, effect.lease, 0);
        expect(NJ_DISPATCH_FAILURE, 0);
    }
    expect_nothing(0);
    assert_int_equal(dispatch->ledger.counts.benches, 0);
}

static void the_only_piece_left_goes_past_a_worker_that_failed_it(void **state)
{
    (void)state;
    nj_digest digest = {{0}};
    for (uint32_t shard = 1; shard < 3; shard++) {
        const nj_piece_range range = {.shard = shard};
        assert_int_equal(nj_dispatch_resume(dispatch, range, NJ_RESUME_COMMITTED, &digest), NJ_OK);
    }
    join(&PEER, 1, 1);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    const nj_worker_id first = effect.worker;
    send_failed(&PEER, effect.lease, 0);
    expect(NJ_DISPATCH_FAILURE, 0);
    join(&OTHER, 2, 1);
    nj_dispatch_tick(dispatch, 125 * MS);
    expect(NJ_DISPATCH_SEND_LEASE, 125);
    assert_int_not_equal(effect.worker, first);
}

static void an_idle_worker_doubles_a_straggler_and_the_first_result_wins(void **state)
{
    (void)state;
    dispatch->ledger.config.speculate_percent = 5;
    dispatch->roster.config.lease_ms = 900;
    join(&PEER, 1, 3);
    for (uint32_t shard = 0; shard < 3; shard++) {
        expect(NJ_DISPATCH_SEND_LEASE, 0);
    }
    join(&OTHER, 2, 2);
    expect_nothing(199);
    expect(NJ_DISPATCH_SEND_LEASE, 200);
    assert_true(nj_peer_equal(&effect.peer, &OTHER));
    assert_int_equal(effect.lease.shard, 0);
    assert_int_equal(effect.lease.attempt, 2);
    expect(NJ_DISPATCH_SPECULATED, 200);
    expect_nothing(200); // it is idle no more
    send_result_at(&OTHER, 0, 2, 6, "rows", 4, 250);
    expect(NJ_DISPATCH_WRITE_ROWS, 250);
    assert_int_equal(nj_dispatch_stored(dispatch, 0, true, 0), NJ_OK);
    expect_ack(0, NJ_VERDICT_COMMITTED);
    expect(NJ_DISPATCH_SEND_LEASE, 250); // and idle again: the next
    expect(NJ_DISPATCH_SPECULATED, 250);
    send_result_at(&PEER, 0, 1, 6, "rows", 4, 250);
    expect_ack(0, NJ_VERDICT_DUPLICATE);
    assert_int_equal(dispatch->ledger.counts.speculations, 2);
    assert_int_equal(dispatch->ledger.counts.speculations_won, 1);
}

static void a_paused_night_gives_no_lease_and_answers_everything_else(void **state)
{
    (void)state;
    join(&PEER, 1, 1);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    nj_dispatch_pause(dispatch, true);
    send_result(&PEER, 0, 1, 6, "rows", 4);
    expect(NJ_DISPATCH_WRITE_ROWS, 0);
    assert_int_equal(nj_dispatch_stored(dispatch, 0, false, 0), NJ_OK); // no room on the disk
    expect_nothing(0);
    message.kind = NJ_MESSAGE_HEARTBEAT;
    memset(&message.heartbeat, 0, sizeof message.heartbeat);
    receive(&PEER, 0);
    expect(NJ_DISPATCH_SEND, 0);
    expect_nothing(0);
    nj_dispatch_pause(dispatch, false);
    send_result(&PEER, 0, 1, 6, "rows", 4); // it kept the rows
    expect(NJ_DISPATCH_WRITE_ROWS, 0);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    assert_int_equal(effect.lease.shard, 1);
}

static void finish_all_shards(void)
{
    const nj_digest digest = nj_digest_of("rows", 4);
    for (uint32_t shard = 0; shard < 3; shard++) {
        const nj_piece_range range = {.shard = shard};
        assert_int_equal(nj_dispatch_resume(dispatch, range, NJ_RESUME_COMMITTED, &digest), NJ_OK);
    }
    assert_true(nj_dispatch_finished(dispatch));
}

static void audited_rows_are_compared_and_not_written(void **state)
{
    (void)state;
    finish_all_shards();
    assert_int_equal(nj_dispatch_audit(dispatch, 1, 2, 2, 0), NJ_OK);
    assert_false(nj_dispatch_finished(dispatch));
    join(&PEER, 1, 1);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    const nj_wire_lease lease = effect.lease;
    assert_true(nj_ledger_piece(&dispatch->ledger, lease.shard).audit);
    send_result(&PEER, lease.shard, lease.attempt, 6, "rows", 2);
    expect(NJ_DISPATCH_AUDIT_ROWS, 0);
    assert_int_equal(effect.lease.shard, lease.shard);
    assert_int_equal(nj_dispatch_stored(dispatch, lease.shard, true, 0), NJ_OK);
    expect_ack(lease.shard, NJ_VERDICT_COMMITTED);
    assert_true(nj_dispatch_finished(dispatch));
    assert_int_equal(dispatch->ledger.counts.states[NJ_PIECE_FAILED], 0);
}

static void an_audit_that_differs_raises_the_alarm(void **state)
{
    (void)state;
    finish_all_shards();
    assert_int_equal(nj_dispatch_audit(dispatch, 1, 2, 2, 0), NJ_OK);
    join(&PEER, 1, 1);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    const nj_wire_lease lease = effect.lease;
    send_result(&PEER, lease.shard, lease.attempt, 6, "rowz", 2);
    expect(NJ_DISPATCH_AUDIT_ROWS, 0);
    assert_int_equal(nj_dispatch_audit_differs(dispatch, lease.shard, 0), NJ_OK);
    expect_ack(lease.shard, NJ_VERDICT_DIVERGED);
    expect(NJ_DISPATCH_ALARM, 0);
    assert_true(nj_dispatch_finished(dispatch));
    assert_int_equal(dispatch->ledger.counts.states[NJ_PIECE_FAILED], 1);
    assert_int_equal(nj_dispatch_audit_differs(dispatch, lease.shard, 0), NJ_REFUSED);
}

static void a_lease_given_back_is_no_failure(void **state)
{
    (void)state;
    join(&PEER, 1, 1);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    memset(&message, 0, sizeof message);
    message.kind = NJ_MESSAGE_FAILED;
    message.failed = (nj_message_failed){0, 1, 6, NJ_AGAIN, nj_slice_from("leaving")};
    receive(&PEER, 0);
    expect_nothing(0);
    assert_int_equal(dispatch->ledger.pieces[0].state, NJ_PIECE_WAITING);
    assert_int_equal(dispatch->ledger.counts.failures, 0);
}

static void heartbeats_and_fetches_are_answered(void **state)
{
    (void)state;
    join(&PEER, 1, 0);
    memset(&message, 0, sizeof message);
    message.kind = NJ_MESSAGE_HEARTBEAT;
    receive(&PEER, 0);
    expect(NJ_DISPATCH_SEND, 0);
    assert_int_equal(effect.message.kind, NJ_MESSAGE_PONG);
    assert_int_equal(effect.message.pong.epoch, 6);
    message.kind = NJ_MESSAGE_FETCH;
    message.fetch.length = 77;
    receive(&PEER, 0);
    expect(NJ_DISPATCH_SEND_CHUNK, 0);
    assert_int_equal(effect.message.fetch.length, 77);
    receive(&OTHER, 0);
    expect_refused(NJ_AGAIN, "HELLO");
}

static void a_peer_that_breaks_the_protocol_is_told_and_forgotten(void **state)
{
    (void)state;
    nj_error why = {NJ_PROTOCOL, "the peer speaks protocol version 2, this program speaks 1 \xff"};
    join(&PEER, 1, 1);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    nj_dispatch_broken(dispatch, &PEER, &why, 0);
    expect_refused(NJ_PROTOCOL, "version 2, this program speaks 1 ?");
    expect(NJ_DISPATCH_LOSS, 0);
    expect(NJ_DISPATCH_WORKER_GONE, 0);
    nj_dispatch_broken(dispatch, &OTHER, &why, 0);
    expect_refused(NJ_PROTOCOL, "version 2");
    expect_nothing(0);
}

static void resumed_shards_are_not_leased(void **state)
{
    (void)state;
    nj_digest digest = nj_digest_of("rows", 4);
    for (uint32_t shard = 0; shard < 4; shard++) {
        nj_piece_range range = {.shard = shard};
        assert_int_equal(
            shard == 2 ? NJ_OK : nj_dispatch_resume(dispatch, range, NJ_RESUME_COMMITTED, &digest),
            shard < 3 ? NJ_OK : NJ_NOT_FOUND);
    }
    join(&PEER, 1, 2);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    assert_int_equal(effect.lease.shard, 2);
    expect_nothing(0);
}

static void while_draining_newcomers_are_drained_too(void **state)
{
    (void)state;
    nj_dispatch_drain(dispatch, NJ_DRAIN_STOPPING);
    join(&PEER, 1, 2);
    expect(NJ_DISPATCH_SEND, 0);
    assert_int_equal(effect.message.kind, NJ_MESSAGE_DRAIN);
    assert_int_equal(effect.message.drain.reason, NJ_DRAIN_STOPPING);
    expect_nothing(0);
}

// Worker 1 holds pieces 0 and 1 of the plan before; its RESULT of one of them crosses the WELCOME, and its heartbeat names both.
static void a_plan_that_follows_keeps_the_workers_and_voids_their_leases(void **state)
{
    (void)state;
    nj_error err = {0};
    static const uint32_t SHARD_FIRST[] = {0, 1, 2};
    join(&PEER, 1, 2);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    expect(NJ_DISPATCH_SEND_LEASE, 0);
    expect_nothing(0);
    nj_ledger_config next = dispatch->config.ledger;
    next.shard_count = 2;
    next.shard_first = SHARD_FIRST;
    assert_ok(nj_dispatch_replan(dispatch, &next, 7, &err), &err);
    nj_dispatch_tick(dispatch, 400 * MS); // the leases would have run out: they are no more
    expect(NJ_DISPATCH_SEND_WELCOME, 400);
    expect_nothing(400);
    assert_int_equal(dispatch->ledger.counts.losses, 0);

    send_result(&PEER, 0, 1, 6, "rows", 4);
    expect_ack(0, NJ_VERDICT_STALE);
    expect_nothing(0);
    message.kind = NJ_MESSAGE_READY;
    message.ready.credit = 1;
    receive(&PEER, 400);
    expect(NJ_DISPATCH_SEND_LEASE, 400);
    assert_int_equal(effect.lease.shard, 0);
    send_result(&PEER, 0, 1, 7, "rows", 1);
    expect(NJ_DISPATCH_WRITE_ROWS, 400);
    assert_int_equal(nj_dispatch_stored(dispatch, 0, true, 400 * MS), NJ_OK);
    expect_ack(0, NJ_VERDICT_COMMITTED);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_night_of_one_worker_goes_through),
        FRESH(a_worker_of_another_numeric_class_gets_no_lease),
        FRESH(rows_that_do_not_fit_count_as_a_failure_and_are_never_written),
        FRESH(results_of_another_epoch_or_shard_are_stale),
        FRESH(other_rows_raise_the_alarm_and_equal_ones_are_duplicates),
        FRESH(the_leases_of_a_vanished_worker_go_to_another),
        FRESH(a_quiet_worker_is_sent_a_pong_to_see_whether_it_is_there),
        FRESH(failures_are_counted_and_the_last_splits_the_shard),
        FRESH(rows_are_checked_against_the_users_of_their_piece),
        FRESH(a_user_that_always_fails_is_quarantined_with_the_reason),
        FRESH(a_worker_that_fails_different_shards_is_benched),
        FRESH(halves_are_not_held_against_their_workers),
        FRESH(the_only_piece_left_goes_past_a_worker_that_failed_it),
        FRESH(an_idle_worker_doubles_a_straggler_and_the_first_result_wins),
        FRESH(a_paused_night_gives_no_lease_and_answers_everything_else),
        FRESH(audited_rows_are_compared_and_not_written),
        FRESH(an_audit_that_differs_raises_the_alarm),
        FRESH(a_lease_given_back_is_no_failure),
        FRESH(heartbeats_and_fetches_are_answered),
        FRESH(a_peer_that_breaks_the_protocol_is_told_and_forgotten),
        FRESH(resumed_shards_are_not_leased),
        FRESH(while_draining_newcomers_are_drained_too),
        FRESH(a_plan_that_follows_keeps_the_workers_and_voids_their_leases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
