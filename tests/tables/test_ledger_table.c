// test_ledger_table.c - visits every (state, event) pair of ledger.def.
//
// Every state is reached by steps that are allowed; then every report is tried, with every answer of the guards. A pair that the
// guards can produce does what its row says; a pair that they cannot must be a REFUSE row.
#include "coordinator/ledger.c"

#include "tests/support/nj_test.h"

typedef struct {
    nj_shard_state state;
    nj_shard_event event;
    nj_shard_state next;
    nj_ledger_effect_kind effect;
    const char *name;
} row;

static const row ROWS[] = {
#define NJ_LEDGER_RULE(state, event, next, effect)                                                 \
    {NJ_SHARD_##state, NJ_SHARD_EVENT_##event, NJ_SHARD_##next, NJ_LEDGER_##effect,                \
     #state " x " #event},
#include "schemas/ledger.def"
};
#define ROW_COUNT (sizeof ROWS / sizeof ROWS[0])

static const row *find_row(nj_shard_state state, nj_shard_event event)
{
    const row *found = NULL;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (ROWS[i].state == state && ROWS[i].event == event) {
            assert_null(found);
            found = &ROWS[i];
        }
    }
    assert_non_null(found);
    return found;
}

static void must(nj_ledger *ledger, nj_ledger_event event)
{
    nj_ledger_effect effect;
    assert_int_equal(nj_ledger_step(ledger, &event, 0, &effect), NJ_OK);
}

// The one shard in `state`; `again`: after an earlier lease was lost, whose rows may still come. In COMMITTING and COMMITTED
// they have come, and the younger lease lives on.
static void reach(nj_ledger *ledger, nj_shard_state state, bool again)
{
    nj_error err = {0};
    nj_ledger_config config = {.shard_count = 1, .tries_max = 9, .losses_max = 9, .retry_ms = 1};
    assert_ok(nj_ledger_init(ledger, &config, &err), &err);
    if (state == NJ_SHARD_WAITING && !again) {
        return;
    }
    must(ledger, (nj_ledger_event){.kind = NJ_LEDGER_OFFER, .worker = 1});
    if (state == NJ_SHARD_LEASED) {
        return;
    }
    if (state == NJ_SHARD_FAILED) {
        ledger->shards[0].failures = 8;
    }
    if (state == NJ_SHARD_RETRY_WAIT || state == NJ_SHARD_FAILED) {
        must(ledger, (nj_ledger_event){.kind = NJ_LEDGER_FAILURE});
        return;
    }
    if (again) {
        must(ledger, (nj_ledger_event){.kind = NJ_LEDGER_LOSS});
        if (state == NJ_SHARD_WAITING) {
            return;
        }
        must(ledger, (nj_ledger_event){.kind = NJ_LEDGER_OFFER, .worker = 2});
    }
    must(ledger,
         (nj_ledger_event){.kind = NJ_LEDGER_RESULT, .attempt = 1, .worker = 1, .held = !again});
    if (state == NJ_SHARD_COMMITTED) {
        must(ledger, (nj_ledger_event){.kind = NJ_LEDGER_COMMIT_DONE});
    }
}

// Which reports the guards can turn into this event.
static nj_ledger_event report_for(nj_shard_event event, nj_shard *shard)
{
    nj_ledger_event report = {.attempt = 1, .worker = 3};
    switch (event) {
    case NJ_SHARD_EVENT_LEASE:
        report.kind = NJ_LEDGER_OFFER;
        break;
    case NJ_SHARD_EVENT_RESULT:
    case NJ_SHARD_EVENT_RESULT_EQUAL:
        report.kind = NJ_LEDGER_RESULT;
        break;
    case NJ_SHARD_EVENT_RESULT_OTHER:
        report.kind = NJ_LEDGER_RESULT;
        report.digest.bytes[31] = 1;
        break;
    case NJ_SHARD_EVENT_RESULT_STALE:
        report.kind = NJ_LEDGER_RESULT;
        report.attempt = shard->attempts + 1;
        break;
    case NJ_SHARD_EVENT_FAILURE:
        report.kind = NJ_LEDGER_FAILURE;
        break;
    case NJ_SHARD_EVENT_FAILURE_LAST:
        report.kind = NJ_LEDGER_FAILURE;
        shard->failures = 8;
        break;
    case NJ_SHARD_EVENT_RETURN:
        report.kind = NJ_LEDGER_RETURN;
        break;
    case NJ_SHARD_EVENT_LOSS:
        report.kind = NJ_LEDGER_LOSS;
        break;
    case NJ_SHARD_EVENT_LOSS_LAST:
        report.kind = NJ_LEDGER_LOSS;
        shard->losses = 8;
        break;
    case NJ_SHARD_EVENT_DUE:
        report.kind = NJ_LEDGER_TICK;
        break;
    case NJ_SHARD_EVENT_COMMIT_DONE:
        report.kind = NJ_LEDGER_COMMIT_DONE;
        break;
    case NJ_SHARD_EVENT_COMMIT_FAILED:
    case NJ_SHARD_EVENT_COMMIT_FAILED_HELD:
        report.kind = NJ_LEDGER_COMMIT_FAILED;
        break;
    case NJ_SHARD_EVENT_RESUME:
        report.kind = NJ_LEDGER_RESUME;
        break;
    case NJ_SHARD_EVENT_COUNT:
        break;
    }
    return report;
}

// True when the guards produced the pair.
static bool visit(nj_shard_state state, nj_shard_event event, bool again)
{
    nj_ledger ledger;
    nj_ledger_effect effect = {0};
    reach(&ledger, state, again);
    nj_shard *shard = &ledger.shards[0];
    assert_int_equal(shard->state, state);
    nj_ledger_event report = report_for(event, shard);
    bool ends_lease = report.kind == NJ_LEDGER_FAILURE || report.kind == NJ_LEDGER_LOSS ||
                      report.kind == NJ_LEDGER_RETURN;
    bool possible = classify(&ledger, shard, &report) == event && (shard->live > 0 || !ends_lease);
    const row *expected = find_row(state, event);
    nj_shard before = *shard;
    nj_ledger_counts counts = ledger.counts;
    nj_status status = possible ? apply(&ledger, 0, &report, 7, &effect) : NJ_OK;
    if (possible && expected->effect == NJ_LEDGER_REFUSE) {
        assert_int_equal(status, NJ_REFUSED);
        assert_memory_equal(&before, shard, sizeof before);
        assert_memory_equal(&counts, &ledger.counts, sizeof counts);
    } else if (possible) {
        assert_int_equal(status, NJ_OK);
        assert_int_equal(shard->state, expected->next);
        assert_int_equal(effect.kind, expected->effect);
        assert_int_equal(ledger.counts.states[expected->next], 1);
        assert_int_equal(ledger.waiting.count, expected->next == NJ_SHARD_WAITING);
        assert_int_equal(ledger.pausing.count, expected->next == NJ_SHARD_RETRY_WAIT);
    }
    nj_ledger_fini(&ledger);
    return possible;
}

static void every_pair_does_what_its_row_says(void **state)
{
    (void)state;
    for (unsigned from = 0; from < NJ_SHARD_STATE_COUNT; from++) {
        for (unsigned event = 0; event < NJ_SHARD_EVENT_COUNT; event++) {
            bool may_differ =
                from != NJ_SHARD_LEASED && from != NJ_SHARD_RETRY_WAIT && from != NJ_SHARD_FAILED;
            bool possible = visit(from, event, false);
            possible |= may_differ && visit(from, event, true);
            const row *expected = find_row(from, event);
            if (!possible && expected->effect != NJ_LEDGER_REFUSE) {
                fail_msg("%s: no report leads to this row", expected->name);
            }
        }
    }
}

static void every_row_names_a_state_that_can_be_left_or_is_an_end(void **state)
{
    (void)state;
    for (unsigned from = 0; from < NJ_SHARD_STATE_COUNT; from++) {
        bool leaves = from == NJ_SHARD_COMMITTED; // the only end that nothing leaves
        for (size_t i = 0; i < ROW_COUNT; i++) {
            leaves |= ROWS[i].state == from && ROWS[i].next != from;
            if (from == NJ_SHARD_COMMITTED && ROWS[i].state == from) {
                assert_int_equal(ROWS[i].next, from);
            }
        }
        assert_true(leaves);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_does_what_its_row_says),
        cmocka_unit_test(every_row_names_a_state_that_can_be_left_or_is_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
