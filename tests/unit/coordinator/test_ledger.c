// test_ledger.c - the life of pieces, told in sentences; tests/tables visits every pair.
#include "coordinator/ledger.h"

#include <stdlib.h>

#include "tests/support/nj_test.h"

#define MS 1000000ull

static nj_ledger ledger;
static nj_ledger_effect effect;

#define PAUSE_MAX(ms) ((ms) + (ms) / 4) // the jitter is at most a quarter

static const uint32_t SHARD_FIRST[] = {0, 5, 6, 10, 14};
static const nj_ledger_config CONFIG = {.shard_count = 4,
                                        .shard_first = SHARD_FIRST,
                                        .spare_count = 16,
                                        .tries_max = 2,
                                        .losses_max = 3,
                                        .retry_ms = 100,
                                        .retry_max_ms = 300,
                                        .avoid_ms = 1000,
                                        .speculate_min_ms = 50,
                                        .speculate_percent = 5,
                                        .failed_shards_max = 1};

static int setup(void **state)
{
    (void)state;
    nj_error err = {0};
    assert_ok(nj_ledger_init(&ledger, &CONFIG, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nj_ledger_fini(&ledger);
    return 0;
}

static nj_status offer_at(nj_worker_id worker, bool alone, uint64_t now_ms)
{
    nj_ledger_event event = {.kind = NJ_LEDGER_OFFER, .worker = worker, .alone = alone};
    return nj_ledger_step(&ledger, &event, now_ms * MS, &effect);
}

static nj_status offer(nj_worker_id worker)
{
    return offer_at(worker, true, 0);
}

static nj_status speculate(nj_worker_id worker, uint64_t now_ms)
{
    nj_ledger_event event = {.kind = NJ_LEDGER_SPECULATE, .worker = worker};
    return nj_ledger_step(&ledger, &event, now_ms * MS, &effect);
}

static nj_status report_by(nj_worker_id worker, nj_ledger_event_kind kind, uint32_t index,
                           uint64_t now_ms)
{
    nj_ledger_event event = {.kind = kind, .worker = worker, .index = index};
    return nj_ledger_step(&ledger, &event, now_ms * MS, &effect);
}

static nj_status report(nj_ledger_event_kind kind, uint32_t index, uint64_t now_ms)
{
    return report_by(1, kind, index, now_ms);
}

static nj_status result_at(uint32_t index, uint32_t attempt, nj_worker_id worker, uint8_t digest,
                           bool held, uint64_t now_ms)
{
    nj_ledger_event event = {.kind = NJ_LEDGER_RESULT,
                             .index = index,
                             .attempt = attempt,
                             .worker = worker,
                             .digest = {{digest}},
                             .held = held};
    return nj_ledger_step(&ledger, &event, now_ms * MS, &effect);
}

static nj_status result(uint32_t index, uint32_t attempt, nj_worker_id worker, uint8_t digest,
                        bool held)
{
    return result_at(index, attempt, worker, digest, held, 0);
}

static nj_status resume_piece(uint32_t shard, uint32_t first, uint32_t count, nj_resume what)
{
    nj_ledger_event event = {.kind = NJ_LEDGER_RESUME,
                             .resume = what,
                             .range = {.shard = shard, .first = first, .count = count},
                             .digest = {{5}}};
    return nj_ledger_step(&ledger, &event, 0, &effect);
}

static void commit(uint32_t index, uint64_t now_ms)
{
    uint32_t attempt = ledger.pieces[index].attempts;
    assert_int_equal(result_at(index, attempt, 1, 9, ledger.pieces[index].live > 0, now_ms), NJ_OK);
    assert_int_equal(report(NJ_LEDGER_COMMIT_DONE, index, now_ms), NJ_OK);
}

// Fails or loses the piece until it has no tries, on one worker after another. Others that wait are leased and returned.
static void spend(uint32_t index, nj_ledger_event_kind kind)
{
    nj_worker_id worker = 1;
    while (ledger.pieces[index].state < NJ_PIECE_COMMITTED) {
        assert_int_equal(report(NJ_LEDGER_TICK, 0, 1000000), NJ_OK);
        assert_int_equal(offer_at(++worker, false, 1000000), NJ_OK);
        assert_int_equal(effect.index, index);
        assert_int_equal(report_by(worker, kind, index, 0), NJ_OK);
    }
}

static void assert_piece(uint32_t index, nj_piece_state state, uint32_t shard, uint32_t first,
                         uint32_t count)
{
    nj_piece_range range = nj_ledger_piece(&ledger, index);
    assert_int_equal(ledger.pieces[index].state, state);
    assert_int_equal(range.shard, shard);
    assert_int_equal(range.first, first);
    assert_int_equal(range.count, count);
}

static void pieces_go_out_in_plan_order_and_returned_ones_first(void **state)
{
    (void)state;
    assert_int_equal(offer(1), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_SEND_LEASE);
    assert_int_equal(effect.index, 0);
    assert_int_equal(effect.attempt, 1);
    assert_int_equal(effect.worker, 1);
    assert_int_equal(offer(2), NJ_OK);
    assert_int_equal(effect.index, 1);

    assert_int_equal(report(NJ_LEDGER_RETURN, 0, 0), NJ_OK);
    assert_int_equal(offer(3), NJ_OK);
    assert_int_equal(effect.index, 0);
    assert_int_equal(effect.attempt, 2);
    assert_int_equal(offer(3), NJ_OK);
    assert_int_equal(offer(3), NJ_OK);
    assert_int_equal(offer(3), NJ_END);
}

static void a_result_is_written_and_acknowledged_to_its_sender(void **state)
{
    (void)state;
    assert_int_equal(offer(7), NJ_OK);
    assert_int_equal(result(0, 1, 7, 9, true), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_WRITE_ROWS);
    assert_int_equal(report(NJ_LEDGER_COMMIT_DONE, 0, 0), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_ACK_COMMITTED);
    assert_int_equal(effect.worker, 7);
    assert_int_equal(effect.attempt, 1);
    assert_int_equal(result(0, 1, 7, 9, false), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_ACK_DUPLICATE);
    assert_int_equal(ledger.counts.duplicates, 1);
    assert_int_equal(ledger.counts.committed_users, 5);
}

static void the_first_result_wins_whatever_its_attempt(void **state)
{
    (void)state;
    assert_int_equal(offer(1), NJ_OK);
    assert_int_equal(report(NJ_LEDGER_LOSS, 0, 0), NJ_OK);
    assert_int_equal(offer(2), NJ_OK);
    assert_int_equal(effect.attempt, 2);
    assert_int_equal(result(0, 1, 1, 9, false), NJ_OK); // late, but first
    assert_int_equal(effect.kind, NJ_LEDGER_WRITE_ROWS);
    assert_int_equal(report(NJ_LEDGER_COMMIT_DONE, 0, 0), NJ_OK);
    assert_int_equal(effect.worker, 1);
    assert_int_equal(result(0, 2, 2, 9, true), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_ACK_DUPLICATE);
    assert_int_equal(ledger.pieces[0].live, 0);
}

static void other_rows_for_a_stored_shard_raise_the_alarm(void **state)
{
    (void)state;
    assert_int_equal(offer(1), NJ_OK);
    assert_int_equal(result(0, 1, 1, 9, true), NJ_OK);
    assert_int_equal(result(0, 1, 2, 8, false), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_ALARM);
    assert_int_equal(report(NJ_LEDGER_COMMIT_DONE, 0, 0), NJ_OK);
    assert_int_equal(result(0, 1, 2, 8, false), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_ALARM);
    assert_int_equal(ledger.counts.divergences, 2);
    assert_int_equal(ledger.pieces[0].digest.bytes[0], 9);
}

static void an_attempt_that_was_never_leased_is_stale(void **state)
{
    (void)state;
    assert_int_equal(result(2, 1, 1, 9, false), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_ACK_STALE);
    assert_int_equal(result(2, 0, 1, 9, false), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_ACK_STALE);
    assert_int_equal(ledger.pieces[2].state, NJ_PIECE_WAITING);
    assert_int_equal(result(4, 1, 1, 9, false), NJ_NOT_FOUND);
}

static void a_failure_pauses_longer_each_time_and_never_all_at_once(void **state)
{
    (void)state;
    static const uint64_t PAUSES[] = {100, 200, 300, 300};
    uint64_t now_ms = 1000;
    uint64_t due_ns[4];
    ledger.config.tries_max = 9;
    for (unsigned try = 0; try < 4; try++) {
        assert_int_equal(offer_at(1, true, now_ms), NJ_OK);
        assert_int_equal(report(NJ_LEDGER_FAILURE, 0, now_ms), NJ_OK);
        assert_int_equal(report(NJ_LEDGER_TICK, 0, now_ms + PAUSES[try] - 1), NJ_OK);
        assert_int_equal(ledger.pieces[0].state, NJ_PIECE_RETRY_WAIT);
        due_ns[try] = nj_heap_first_key(&ledger.pausing) - now_ms * MS;
        now_ms += PAUSE_MAX(PAUSES[try]);
        assert_int_equal(report(NJ_LEDGER_TICK, 0, now_ms), NJ_OK);
        assert_int_equal(ledger.pieces[0].state, NJ_PIECE_WAITING);
    }
    assert_int_not_equal(due_ns[2], due_ns[3]); // the jitter
}

static void what_failed_goes_to_another_worker_if_one_comes_in_time(void **state)
{
    (void)state;
    assert_int_equal(offer(1), NJ_OK);
    assert_int_equal(report_by(1, NJ_LEDGER_LOSS, 0, 0), NJ_OK);
    assert_int_equal(offer_at(1, false, 500), NJ_OK);
    assert_int_equal(effect.index, 1); // the next one: nobody stands in its way
    assert_int_equal(offer_at(2, false, 500), NJ_OK);
    assert_int_equal(effect.index, 0);

    assert_int_equal(report_by(2, NJ_LEDGER_LOSS, 0, 600), NJ_OK);
    assert_int_equal(offer_at(2, false, 600), NJ_OK);
    assert_int_equal(effect.index, 2);
    assert_int_equal(offer_at(2, false, 600), NJ_OK);
    assert_int_equal(effect.index, 3);
    assert_int_equal(offer_at(2, false, 1599), NJ_END);
    assert_int_equal(offer_at(2, false, 1600), NJ_OK); // nobody came in avoid_ms
    assert_int_equal(effect.index, 0);
}

static void a_worker_that_is_alone_tries_again_itself(void **state)
{
    (void)state;
    assert_int_equal(offer(1), NJ_OK);
    assert_int_equal(report(NJ_LEDGER_LOSS, 0, 0), NJ_OK);
    assert_int_equal(offer_at(1, true, 0), NJ_OK);
    assert_int_equal(effect.index, 0);
}

static void a_piece_whose_tries_are_used_up_is_halved(void **state)
{
    (void)state;
    assert_int_equal(offer(1), NJ_OK);
    assert_int_equal(report(NJ_LEDGER_FAILURE, 0, 0), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_NONE);
    assert_int_equal(report(NJ_LEDGER_TICK, 0, 200), NJ_OK);
    assert_int_equal(offer(2), NJ_OK);
    assert_int_equal(report_by(2, NJ_LEDGER_FAILURE, 0, 200), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_SPLIT);
    assert_piece(0, NJ_PIECE_SPLIT, 0, 0, 5);
    assert_piece(4, NJ_PIECE_WAITING, 0, 0, 3);
    assert_piece(5, NJ_PIECE_WAITING, 0, 3, 2);
    for (uint32_t position = 0; position < 5; position++) {
        assert_int_equal(nj_ledger_leaf(&ledger, 0, position), position < 3 ? 4 : 5);
    }
    assert_int_equal(offer(2), NJ_OK);
    assert_int_equal(effect.index, 4); // before the shards that come later
    assert_int_equal(effect.attempt, 1);
    assert_int_equal(result(0, 1, 1, 9, false), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_ACK_STALE);
    assert_int_equal(ledger.counts.splits, 1);
    assert_int_equal(ledger.counts.failed_shards, 1);
}

static void losses_split_too_but_are_nobodys_fault(void **state)
{
    (void)state;
    spend(0, NJ_LEDGER_LOSS);
    assert_piece(0, NJ_PIECE_SPLIT, 0, 0, 5);
    assert_int_equal(ledger.counts.losses, 3);
    assert_int_equal(ledger.counts.failed_shards, 0);
    assert_false(nj_ledger_hopeless(&ledger));
}

static void halving_ends_at_the_one_user_who_is_quarantined(void **state)
{
    (void)state;
    uint32_t index = 0;
    while (ledger.pieces[index].count > 1) { // user 3 is the poisonous one
        spend(index, NJ_LEDGER_FAILURE);
        uint32_t first = ledger.pieces[index].halves;
        index = nj_ledger_leaf(&ledger, 0, 3);
        uint32_t other = index == first ? first + 1 : first;
        ledger.pieces[other].attempts++; // as if it had been leased
        commit(other, 0);
    }
    assert_piece(index, NJ_PIECE_WAITING, 0, 3, 1);
    spend(index, NJ_LEDGER_FAILURE);
    assert_int_equal(effect.kind, NJ_LEDGER_QUARANTINE);
    assert_int_equal(effect.index, index);
    assert_int_equal(ledger.counts.quarantined_users, 1);
    assert_int_equal(ledger.counts.committed_users, 4);
    assert_int_equal(ledger.counts.failed_shards, 1); // however often it was split
    assert_int_equal(nj_ledger_next(&ledger, NJ_PIECE_QUARANTINED, 0), index);
    assert_int_equal(nj_ledger_next(&ledger, NJ_PIECE_QUARANTINED, index + 1), NJ_PIECE_NONE);

    assert_int_equal(result(index, 1, 1, 9, false), NJ_OK); // a late result is welcome
    assert_int_equal(effect.kind, NJ_LEDGER_WRITE_ROWS);
    assert_int_equal(ledger.counts.quarantined_users, 0);
}

static void without_room_for_halves_the_whole_piece_is_quarantined(void **state)
{
    (void)state;
    ledger.piece_max = 5;
    spend(0, NJ_LEDGER_FAILURE);
    assert_piece(0, NJ_PIECE_QUARANTINED, 0, 0, 5);
    assert_int_equal(ledger.counts.quarantined_users, 5);
}

static void with_too_many_failed_shards_the_night_is_hopeless(void **state)
{
    (void)state;
    spend(0, NJ_LEDGER_FAILURE);
    assert_false(nj_ledger_hopeless(&ledger));
    for (uint32_t index = 4; index < 6; index++) {
        ledger.pieces[index].attempts++;
        commit(index, 0);
    }
    spend(1, NJ_LEDGER_FAILURE); // one user: quarantined at once
    assert_int_equal(ledger.counts.failed_shards, 2);
    assert_true(nj_ledger_hopeless(&ledger));
}

static void a_return_counts_as_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(offer(1), NJ_OK);
        assert_int_equal(effect.index, 0);
        assert_int_equal(report(NJ_LEDGER_RETURN, 0, 0), NJ_OK);
    }
    assert_int_equal(ledger.pieces[0].failures, 0);
    assert_int_equal(ledger.pieces[0].losses, 0);
}

static void a_failed_commit_opens_the_piece_after_the_longest_pause(void **state)
{
    (void)state;
    assert_int_equal(offer(1), NJ_OK);
    assert_int_equal(result(0, 1, 1, 9, true), NJ_OK);
    assert_int_equal(report(NJ_LEDGER_COMMIT_FAILED, 0, 0), NJ_OK);
    assert_int_equal(report(NJ_LEDGER_TICK, 0, 299), NJ_OK);
    assert_int_equal(ledger.pieces[0].state, NJ_PIECE_RETRY_WAIT);
    assert_int_equal(result(0, 1, 1, 8, false), NJ_OK); // any rows: none are there
    assert_int_equal(effect.kind, NJ_LEDGER_WRITE_ROWS);
    assert_int_equal(ledger.pieces[0].failures, 0);
}

// Leases all four shards to worker 1 at 0 ms and commits those but `left` after 100 ms: the median.
static void commit_all_but(uint32_t left)
{
    for (uint32_t shard = 0; shard < 4; shard++) {
        assert_int_equal(offer(1), NJ_OK);
    }
    for (uint32_t shard = 0; shard < 4; shard++) {
        if (shard != left) {
            commit(shard, 100);
        }
    }
}

static void a_straggler_is_leased_once_more_to_another_worker(void **state)
{
    (void)state;
    commit_all_but(2);
    assert_int_equal(speculate(2, 199), NJ_END); // twice the median is 200 ms
    assert_int_equal(speculate(1, 200), NJ_END); // it holds it
    assert_int_equal(speculate(2, 200), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_SEND_LEASE);
    assert_int_equal(effect.index, 2);
    assert_int_equal(effect.attempt, 2);
    assert_int_equal(ledger.pieces[2].live, 2);
    assert_int_equal(speculate(3, 900), NJ_END); // once in its life
    assert_int_equal(ledger.counts.speculations, 1);

    assert_int_equal(result(2, 2, 2, 9, true), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_WRITE_ROWS);
    assert_int_equal(ledger.counts.speculations_won, 1);
    assert_int_equal(report(NJ_LEDGER_COMMIT_DONE, 2, 0), NJ_OK);
    assert_int_equal(effect.worker, 2);
    assert_int_equal(result(2, 1, 1, 9, true), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_ACK_DUPLICATE);
    assert_int_equal(ledger.pieces[2].live, 0);
}

static void young_leases_are_not_doubled_however_fast_the_others_were(void **state)
{
    (void)state;
    ledger.config.speculate_min_ms = 5000;
    commit_all_but(3);
    assert_int_equal(speculate(2, 4999), NJ_END);
    assert_int_equal(speculate(2, 5000), NJ_OK);
}

static void speculation_has_a_budget_and_can_be_off(void **state)
{
    (void)state;
    for (uint32_t shard = 0; shard < 4; shard++) {
        assert_int_equal(offer_at(1, true, shard), NJ_OK);
    }
    for (uint32_t shard = 0; shard < NJ_LEDGER_SPECULATIONS_LEAST; shard++) {
        assert_int_equal(speculate(2, 1000), NJ_OK);
        assert_int_equal(effect.index, shard); // the oldest first
    }
    assert_int_equal(speculate(2, 1000), NJ_END);
    ledger.config.speculate_percent = 75; // three of four
    assert_int_equal(speculate(2, 1000), NJ_OK);
    assert_int_equal(speculate(2, 1000), NJ_END);
    ledger.config.speculate_percent = 0;
    ledger.counts.speculations = 0;
    assert_int_equal(speculate(2, 1000), NJ_END);
}

static void one_of_two_holders_may_fail_without_harm(void **state)
{
    (void)state;
    static const nj_ledger_event_kind ENDS[] = {NJ_LEDGER_FAILURE, NJ_LEDGER_LOSS,
                                                NJ_LEDGER_RETURN};
    for (uint32_t i = 0; i < 3; i++) {
        ledger.config.speculate_percent = 100;
        assert_int_equal(offer_at(1, true, 0), NJ_OK);
        uint32_t index = effect.index;
        assert_int_equal(speculate(2, 1000), NJ_OK);
        assert_int_equal(report_by(2, ENDS[i], index, 1000), NJ_OK);
        assert_int_equal(ledger.pieces[index].state, NJ_PIECE_LEASED);
        assert_int_equal(ledger.pieces[index].live, 1);
        commit(index, 1000);
    }
}

static void when_both_holders_fail_the_tries_are_used_up(void **state)
{
    (void)state;
    assert_int_equal(offer_at(1, true, 0), NJ_OK);
    assert_int_equal(speculate(2, 1000), NJ_OK);
    assert_int_equal(report_by(2, NJ_LEDGER_FAILURE, 0, 1000), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_NONE);
    assert_int_equal(report_by(1, NJ_LEDGER_FAILURE, 0, 1000), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_SPLIT);
}

static void resumed_shards_are_never_leased_and_finish_the_night(void **state)
{
    (void)state;
    assert_int_equal(resume_piece(0, 0, 0, NJ_RESUME_COMMITTED), NJ_OK);
    assert_int_equal(resume_piece(0, 0, 5, NJ_RESUME_COMMITTED), NJ_REFUSED);
    assert_int_equal(resume_piece(4, 0, 0, NJ_RESUME_COMMITTED), NJ_NOT_FOUND);
    assert_int_equal(offer(1), NJ_OK);
    assert_int_equal(effect.index, 1);
    assert_int_equal(report(NJ_LEDGER_RETURN, 1, 0), NJ_OK);
    for (uint32_t shard = 1; shard < 4; shard++) {
        assert_false(nj_ledger_finished(&ledger));
        assert_int_equal(resume_piece(shard, 0, 0, NJ_RESUME_COMMITTED), NJ_OK);
    }
    assert_true(nj_ledger_finished(&ledger));
    assert_int_equal(ledger.counts.committed_users, 14);
    assert_int_equal(offer(1), NJ_END);
}

static void resumed_pieces_split_what_contains_them(void **state)
{
    (void)state;
    assert_int_equal(resume_piece(0, 3, 1, NJ_RESUME_QUARANTINED), NJ_OK);
    assert_int_equal(resume_piece(0, 0, 3, NJ_RESUME_COMMITTED), NJ_OK);
    assert_piece(4, NJ_PIECE_COMMITTED, 0, 0, 3);
    assert_piece(nj_ledger_leaf(&ledger, 0, 3), NJ_PIECE_QUARANTINED, 0, 3, 1);
    assert_piece(nj_ledger_leaf(&ledger, 0, 4), NJ_PIECE_WAITING, 0, 4, 1);
    assert_int_equal(ledger.pieces[4].digest.bytes[0], 5);
    assert_int_equal(ledger.counts.committed_users, 3);
    assert_int_equal(ledger.counts.quarantined_users, 1);
    assert_int_equal(ledger.counts.splits, 0); // not of this epoch
    assert_int_equal(ledger.counts.failed_shards, 0);

    assert_int_equal(resume_piece(0, 0, 5, NJ_RESUME_COMMITTED), NJ_REFUSED);
    assert_int_equal(resume_piece(2, 1, 2, NJ_RESUME_COMMITTED), NJ_REFUSED); // no half
    assert_int_equal(resume_piece(3, 2, 9, NJ_RESUME_COMMITTED), NJ_REFUSED);
    assert_int_equal(resume_piece(3, 4, 1, NJ_RESUME_COMMITTED), NJ_REFUSED);
}

static void a_quarantined_user_is_tried_again_as_the_piece_that_it_was(void **state)
{
    (void)state;
    assert_int_equal(resume_piece(0, 3, 1, NJ_RESUME_RETRY), NJ_OK);
    uint32_t index = nj_ledger_leaf(&ledger, 0, 3);
    assert_piece(index, NJ_PIECE_WAITING, 0, 3, 1);
    spend(4, NJ_LEDGER_LOSS); // the half before it goes first
}

static void audits_come_last_and_never_count_as_users(void **state)
{
    (void)state;
    nj_piece_range range = {.shard = 2, .first = 1, .count = 3};
    uint32_t index = 0;
    assert_int_equal(nj_ledger_audit(&ledger, range, 0, &index), NJ_REFUSED);
    for (uint32_t shard = 1; shard < 4; shard++) {
        assert_int_equal(resume_piece(shard, 0, 0, NJ_RESUME_COMMITTED), NJ_OK);
    }
    assert_int_equal(nj_ledger_audit(&ledger, range, 0, &index), NJ_OK);
    assert_true(nj_ledger_piece(&ledger, index).audit);
    assert_int_equal(offer(1), NJ_OK);
    assert_int_equal(effect.index, 0);
    commit(0, 0);
    assert_false(nj_ledger_finished(&ledger));
    assert_int_equal(offer(1), NJ_OK);
    assert_int_equal(effect.index, index);
    commit(index, 0);
    assert_true(nj_ledger_finished(&ledger));
    assert_int_equal(ledger.counts.committed_users, 14);
    range.count = 4;
    assert_int_equal(nj_ledger_audit(&ledger, range, 0, &index), NJ_NOT_FOUND);
    range.shard = 4;
    assert_int_equal(nj_ledger_audit(&ledger, range, 0, &index), NJ_NOT_FOUND);
    range = (nj_piece_range){.count = 5};
    ledger.piece_count = ledger.piece_max;
    assert_int_equal(nj_ledger_audit(&ledger, range, 0, &index), NJ_END);
}

static void an_audit_goes_to_another_worker_than_the_one_who_wrote_the_rows(void **state)
{
    (void)state;
    uint32_t index = 0;
    assert_int_equal(offer(1), NJ_OK);
    commit(0, 0);
    for (uint32_t shard = 1; shard < 4; shard++) {
        assert_int_equal(resume_piece(shard, 0, 0, NJ_RESUME_COMMITTED), NJ_OK);
    }
    assert_int_equal(nj_ledger_audit(&ledger, (nj_piece_range){.count = 2}, 0, &index), NJ_OK);
    assert_int_equal(offer_at(1, false, 0), NJ_END);
    assert_int_equal(offer_at(2, false, 0), NJ_OK);
}

static void an_audit_that_differs_or_fails_keeps_the_night_from_being_whole(void **state)
{
    (void)state;
    uint32_t first, second;
    for (uint32_t shard = 0; shard < 4; shard++) {
        assert_int_equal(resume_piece(shard, 0, 0, NJ_RESUME_COMMITTED), NJ_OK);
    }
    assert_int_equal(nj_ledger_audit(&ledger, (nj_piece_range){.count = 2}, 0, &first), NJ_OK);
    assert_int_equal(nj_ledger_audit(&ledger, (nj_piece_range){.shard = 3, .count = 1}, 0, &second),
                     NJ_OK);
    assert_int_equal(offer(8), NJ_OK);
    assert_int_equal(result(first, 1, 8, 9, true), NJ_OK);
    assert_int_equal(report(NJ_LEDGER_AUDIT_DIFFERS, first, 0), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_ALARM);
    assert_int_equal(effect.worker, 8);
    assert_int_equal(effect.attempt, 1);
    spend(second, NJ_LEDGER_FAILURE);
    assert_int_equal(effect.kind, NJ_LEDGER_AUDIT_FAILED);
    assert_true(nj_ledger_finished(&ledger));
    assert_int_equal(ledger.counts.states[NJ_PIECE_FAILED], 2);
    assert_int_equal(ledger.counts.failed_shards, 0);
    assert_int_equal(ledger.counts.committed_users, 14);
}

static void configs_out_of_range_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_ledger other;
    nj_ledger_config config = CONFIG;
    config.shard_count = 0; // everybody is copied: there is nothing to do
    assert_ok(nj_ledger_init(&other, &config, &err), &err);
    assert_true(nj_ledger_finished(&other));
    nj_ledger_fini(&other);
    config.shard_count = NJ_LEDGER_PIECES_MAX + 1;
    assert_refused(nj_ledger_init(&other, &config, &err), NJ_INPUT, &err, "16777216 shards");
    config = CONFIG;
    config.tries_max = 0;
    assert_refused(nj_ledger_init(&other, &config, &err), NJ_INPUT, &err, "0 tries");
    config = CONFIG;
    config.shard_first = (const uint32_t[]){0, 5, 5, 6, 7};
    assert_refused(nj_ledger_init(&other, &config, &err), NJ_INPUT, &err,
                   "shard 1 begins at user 5 and ends at 5");
}

static void a_million_shards_go_round(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_ledger big;
    nj_ledger_config config = CONFIG;
    config.shard_count = 1000000;
    uint32_t *shard_first = malloc((config.shard_count + 1) * sizeof *shard_first);
    for (uint32_t shard = 0; shard <= config.shard_count; shard++) {
        shard_first[shard] = shard * 4;
    }
    config.shard_first = shard_first;
    assert_ok(nj_ledger_init(&big, &config, &err), &err);
    for (uint32_t i = 0; i < config.shard_count; i++) {
        nj_ledger_event event = {.kind = NJ_LEDGER_OFFER, .worker = 1};
        assert_int_equal(nj_ledger_step(&big, &event, i, &effect), NJ_OK);
        event = (nj_ledger_event){.kind = NJ_LEDGER_FAILURE, .index = effect.index};
        assert_int_equal(nj_ledger_step(&big, &event, i, &effect), NJ_OK);
    }
    nj_ledger_event tick = {.kind = NJ_LEDGER_TICK};
    assert_int_equal(nj_ledger_step(&big, &tick, 127 * MS, &effect), NJ_OK);
    assert_int_equal(big.counts.states[NJ_PIECE_WAITING], config.shard_count);
    nj_ledger_fini(&big);
    free(shard_first);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(pieces_go_out_in_plan_order_and_returned_ones_first),
        FRESH(a_result_is_written_and_acknowledged_to_its_sender),
        FRESH(the_first_result_wins_whatever_its_attempt),
        FRESH(other_rows_for_a_stored_shard_raise_the_alarm),
        FRESH(an_attempt_that_was_never_leased_is_stale),
        FRESH(a_failure_pauses_longer_each_time_and_never_all_at_once),
        FRESH(what_failed_goes_to_another_worker_if_one_comes_in_time),
        FRESH(a_worker_that_is_alone_tries_again_itself),
        FRESH(a_piece_whose_tries_are_used_up_is_halved),
        FRESH(losses_split_too_but_are_nobodys_fault),
        FRESH(halving_ends_at_the_one_user_who_is_quarantined),
        FRESH(without_room_for_halves_the_whole_piece_is_quarantined),
        FRESH(with_too_many_failed_shards_the_night_is_hopeless),
        FRESH(a_return_counts_as_nothing),
        FRESH(a_failed_commit_opens_the_piece_after_the_longest_pause),
        FRESH(a_straggler_is_leased_once_more_to_another_worker),
        FRESH(young_leases_are_not_doubled_however_fast_the_others_were),
        FRESH(speculation_has_a_budget_and_can_be_off),
        FRESH(one_of_two_holders_may_fail_without_harm),
        FRESH(when_both_holders_fail_the_tries_are_used_up),
        FRESH(resumed_shards_are_never_leased_and_finish_the_night),
        FRESH(resumed_pieces_split_what_contains_them),
        FRESH(a_quarantined_user_is_tried_again_as_the_piece_that_it_was),
        FRESH(audits_come_last_and_never_count_as_users),
        FRESH(an_audit_goes_to_another_worker_than_the_one_who_wrote_the_rows),
        FRESH(an_audit_that_differs_or_fails_keeps_the_night_from_being_whole),
        cmocka_unit_test(configs_out_of_range_are_refused),
        cmocka_unit_test(a_million_shards_go_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
