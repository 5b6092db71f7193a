// test_ledger.c - the life of shards, told in sentences; tests/tables visits every pair.
#include "coordinator/ledger.h"

#include "tests/support/nj_test.h"

#define MS 1000000ull

static nj_ledger ledger;
static nj_ledger_effect effect;

static int setup(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_ledger_config config = {.shard_count = 4, .tries_max = 3, .losses_max = 2, .retry_ms = 100};
    assert_ok(nj_ledger_init(&ledger, &config, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nj_ledger_fini(&ledger);
    return 0;
}

static nj_status offer(nj_worker_id worker)
{
    nj_ledger_event event = {.kind = NJ_LEDGER_OFFER, .worker = worker};
    return nj_ledger_step(&ledger, &event, 0, &effect);
}

static nj_status report(nj_ledger_event_kind kind, uint32_t shard, uint64_t now_ns)
{
    nj_ledger_event event = {.kind = kind, .shard = shard};
    return nj_ledger_step(&ledger, &event, now_ns, &effect);
}

static nj_status result(uint32_t shard, uint32_t attempt, nj_worker_id worker, uint8_t digest,
                        bool held)
{
    nj_ledger_event event = {.kind = NJ_LEDGER_RESULT,
                             .shard = shard,
                             .attempt = attempt,
                             .worker = worker,
                             .digest = {{digest}},
                             .held = held};
    return nj_ledger_step(&ledger, &event, 0, &effect);
}

static void shards_go_out_in_plan_order_and_returned_ones_first(void **state)
{
    (void)state;
    assert_int_equal(offer(1), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_SEND_LEASE);
    assert_int_equal(effect.shard, 0);
    assert_int_equal(effect.attempt, 1);
    assert_int_equal(effect.worker, 1);
    assert_int_equal(offer(2), NJ_OK);
    assert_int_equal(effect.shard, 1);

    assert_int_equal(report(NJ_LEDGER_RETURN, 0, 0), NJ_OK);
    assert_int_equal(offer(3), NJ_OK);
    assert_int_equal(effect.shard, 0);
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
    assert_int_equal(ledger.shards[0].live, 0);
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
    assert_int_equal(ledger.shards[0].digest.bytes[0], 9);
}

static void an_attempt_that_was_never_leased_is_stale(void **state)
{
    (void)state;
    assert_int_equal(result(2, 1, 1, 9, false), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_ACK_STALE);
    assert_int_equal(result(2, 0, 1, 9, false), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_ACK_STALE);
    assert_int_equal(ledger.shards[2].state, NJ_SHARD_WAITING);
    assert_int_equal(result(4, 1, 1, 9, false), NJ_NOT_FOUND);
}

static void a_failure_waits_before_the_next_try_and_the_last_one_ends_it(void **state)
{
    (void)state;
    for (unsigned try = 1; try <= 3; try++) {
        assert_int_equal(offer(1), NJ_OK);
        assert_int_equal(effect.shard, 0);
        assert_int_equal(report(NJ_LEDGER_FAILURE, 0, try * 1000 * MS), NJ_OK);
        assert_int_equal(effect.kind, try < 3 ? NJ_LEDGER_NONE : NJ_LEDGER_GIVE_UP);
        assert_int_equal(report(NJ_LEDGER_TICK, 0, (try * 1000 + 99) * MS), NJ_OK);
        assert_int_equal(ledger.shards[0].state, try < 3 ? NJ_SHARD_RETRY_WAIT : NJ_SHARD_FAILED);
        assert_int_equal(report(NJ_LEDGER_TICK, 0, (try * 1000 + 100) * MS), NJ_OK);
    }
    assert_int_equal(ledger.shards[0].state, NJ_SHARD_FAILED);
}

static void a_shard_that_loses_its_workers_ends_too(void **state)
{
    (void)state;
    assert_int_equal(offer(1), NJ_OK);
    assert_int_equal(report(NJ_LEDGER_LOSS, 0, 0), NJ_OK);
    assert_int_equal(ledger.shards[0].state, NJ_SHARD_WAITING);
    assert_int_equal(offer(1), NJ_OK);
    assert_int_equal(report(NJ_LEDGER_LOSS, 0, 0), NJ_OK);
    assert_int_equal(effect.kind, NJ_LEDGER_GIVE_UP);
    assert_int_equal(result(0, 1, 1, 9, false), NJ_OK); // a late result is still welcome
    assert_int_equal(effect.kind, NJ_LEDGER_WRITE_ROWS);
}

static void a_return_counts_as_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(offer(1), NJ_OK);
        assert_int_equal(effect.shard, 0);
        assert_int_equal(report(NJ_LEDGER_RETURN, 0, 0), NJ_OK);
    }
    assert_int_equal(ledger.shards[0].failures, 0);
    assert_int_equal(ledger.shards[0].losses, 0);
}

static void a_failed_commit_opens_the_shard_again(void **state)
{
    (void)state;
    assert_int_equal(offer(1), NJ_OK);
    assert_int_equal(result(0, 1, 1, 9, true), NJ_OK);
    assert_int_equal(report(NJ_LEDGER_COMMIT_FAILED, 0, 0), NJ_OK);
    assert_int_equal(ledger.shards[0].state, NJ_SHARD_RETRY_WAIT);
    assert_int_equal(result(0, 1, 1, 8, false), NJ_OK); // any rows: none are there
    assert_int_equal(effect.kind, NJ_LEDGER_WRITE_ROWS);
    assert_int_equal(ledger.shards[0].failures, 0);
}

static void resumed_shards_are_never_leased_and_finish_the_night(void **state)
{
    (void)state;
    nj_ledger_event event = {.kind = NJ_LEDGER_RESUME, .shard = 0, .digest = {{5}}};
    assert_int_equal(nj_ledger_step(&ledger, &event, 0, &effect), NJ_OK);
    assert_int_equal(nj_ledger_step(&ledger, &event, 0, &effect), NJ_REFUSED);
    assert_int_equal(offer(1), NJ_OK);
    assert_int_equal(effect.shard, 1);
    assert_int_equal(report(NJ_LEDGER_RETURN, 1, 0), NJ_OK);
    for (event.shard = 1; event.shard < 4; event.shard++) {
        assert_false(nj_ledger_finished(&ledger));
        assert_int_equal(nj_ledger_step(&ledger, &event, 0, &effect), NJ_OK);
    }
    assert_true(nj_ledger_finished(&ledger));
    assert_int_equal(offer(1), NJ_END);
}

static void configs_out_of_range_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_ledger other;
    nj_ledger_config none = {0, 1, 1, 0};
    nj_ledger_config many = {NJ_LEDGER_SHARDS_MAX + 1, 1, 1, 0};
    nj_ledger_config no_try = {1, 0, 1, 0};
    assert_refused(nj_ledger_init(&other, &none, &err), NJ_INPUT, &err, "0 shards");
    assert_refused(nj_ledger_init(&other, &many, &err), NJ_INPUT, &err, "16777216 shards");
    assert_refused(nj_ledger_init(&other, &no_try, &err), NJ_INPUT, &err, "0 tries");
}

static void a_million_shards_go_round(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_ledger big;
    nj_ledger_config config = {1000000, 3, 3, 1};
    assert_ok(nj_ledger_init(&big, &config, &err), &err);
    for (uint32_t i = 0; i < config.shard_count; i++) {
        nj_ledger_event event = {.kind = NJ_LEDGER_OFFER, .worker = 1};
        assert_int_equal(nj_ledger_step(&big, &event, i, &effect), NJ_OK);
        event = (nj_ledger_event){.kind = NJ_LEDGER_FAILURE, .shard = effect.shard};
        assert_int_equal(nj_ledger_step(&big, &event, i, &effect), NJ_OK);
    }
    nj_ledger_event tick = {.kind = NJ_LEDGER_TICK};
    assert_int_equal(nj_ledger_step(&big, &tick, 3 * MS, &effect), NJ_OK);
    assert_int_equal(big.counts.states[NJ_SHARD_WAITING], config.shard_count);
    nj_ledger_fini(&big);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(shards_go_out_in_plan_order_and_returned_ones_first),
        FRESH(a_result_is_written_and_acknowledged_to_its_sender),
        FRESH(the_first_result_wins_whatever_its_attempt),
        FRESH(other_rows_for_a_stored_shard_raise_the_alarm),
        FRESH(an_attempt_that_was_never_leased_is_stale),
        FRESH(a_failure_waits_before_the_next_try_and_the_last_one_ends_it),
        FRESH(a_shard_that_loses_its_workers_ends_too),
        FRESH(a_return_counts_as_nothing),
        FRESH(a_failed_commit_opens_the_shard_again),
        FRESH(resumed_shards_are_never_leased_and_finish_the_night),
        cmocka_unit_test(configs_out_of_range_are_refused),
        cmocka_unit_test(a_million_shards_go_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
