// test_ledger_table.c - visits every (state, event) pair of ledger.def.
//
// Every state is reached by steps that are allowed; then every report is tried, with every answer of the guards. A pair that the
// guards can produce does what its row says; a pair that they cannot must be a REFUSE row.
#include "coordinator/ledger.c"

#include "tests/support/nj_test.h"

#define TRIES 2
#define LOSSES 3

typedef struct {
    nj_piece_state state;
    nj_piece_event event;
    nj_piece_state next;
    nj_ledger_effect_kind effect;
    const char *name;
} row;

static const row ROWS[] = {
#define NJ_LEDGER_RULE(state, event, next, effect)                                                 \
    {NJ_PIECE_##state, NJ_PIECE_EVENT_##event, NJ_PIECE_##next, NJ_LEDGER_##effect,                \
     #state " x " #event},
#include "schemas/ledger.def"
};
#define ROW_COUNT (sizeof ROWS / sizeof ROWS[0])

// What a piece may be besides its state; each pair is tried with all of them.
typedef struct {
    uint32_t users; // of the one shard
    bool audit;
    bool again; // an earlier lease was lost before; its rows may still come
    unsigned
        live;   // leases that are made to be there, where the state can have them; 0: as they are
    bool spent; // the next failure or loss is the last
} variant;

static const variant VARIANTS[] = {
    {.users = 4},
    {.users = 1},
    {.users = 4, .again = true},
    {.users = 4, .spent = true},
    {.users = 1, .spent = true},
    {.users = 4, .live = 2, .again = true},
    {.users = 1, .live = 2, .again = true},
    {.users = 4, .audit = true},
    {.users = 4, .audit = true, .spent = true},
    {.users = 4, .audit = true, .live = 2, .again = true},
};
#define VARIANT_COUNT (sizeof VARIANTS / sizeof VARIANTS[0])

static const row *find_row(nj_piece_state state, nj_piece_event event)
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

static uint32_t open_ledger(nj_ledger *ledger, const variant *v)
{
    static uint32_t shard_first[2];
    nj_error err = {0};
    uint32_t index = 0;
    shard_first[1] = v->users;
    nj_ledger_config config = {.shard_count = 1,
                               .shard_first = shard_first,
                               .spare_count = 8,
                               .tries_max = TRIES,
                               .losses_max = LOSSES,
                               .retry_ms = 1,
                               .retry_max_ms = 1,
                               .speculate_percent = 1};
    assert_ok(nj_ledger_init(ledger, &config, &err), &err);
    if (v->audit) {
        nj_piece_range whole = {.count = v->users};
        must(ledger, (nj_ledger_event){.kind = NJ_LEDGER_RESUME, .resume = NJ_RESUME_COMMITTED});
        assert_int_equal(nj_ledger_audit(ledger, whole, 0, &index), NJ_OK);
    }
    return index;
}

// From WAITING to LEASED, and for `again` twice. False: no further, the state is reached.
static bool reach_leased(nj_ledger *ledger, uint32_t index, nj_piece_state state, const variant *v)
{
    if (state == NJ_PIECE_WAITING && !v->again) {
        return false;
    }
    must(ledger, (nj_ledger_event){.kind = NJ_LEDGER_OFFER, .worker = 1});
    if (!v->again) {
        return state != NJ_PIECE_LEASED;
    }
    must(ledger, (nj_ledger_event){.kind = NJ_LEDGER_LOSS, .index = index, .worker = 1});
    if (state == NJ_PIECE_WAITING) {
        return false;
    }
    must(ledger, (nj_ledger_event){.kind = NJ_LEDGER_OFFER, .worker = 2});
    if (v->live == 2) {
        must(ledger, (nj_ledger_event){.kind = NJ_LEDGER_SPECULATE, .worker = 3});
    }
    return state != NJ_PIECE_LEASED;
}

// What the deadline leads to, whoever holds a lease. False: not there.
static bool reach_carried(nj_ledger *ledger, uint32_t index, nj_piece_state state, const variant *v)
{
    const nj_ledger_event event = {.kind = NJ_LEDGER_CARRY,
                                   .index = index,
                                   .carry = state == NJ_PIECE_CARRIED ? NJ_CARRY_ALL
                                            : state == NJ_PIECE_SPLIT ? NJ_CARRY_SOME
                                                                      : NJ_CARRY_NONE};
    if (v->audit || (state == NJ_PIECE_SPLIT && v->users == 1) ||
        (state == NJ_PIECE_QUARANTINED && v->users > 1)) {
        return false;
    }
    must(ledger, event);
    return true;
}

// False when this variant has no such state.
static bool reach(nj_ledger *ledger, uint32_t index, nj_piece_state state, const variant *v)
{
    nj_ledger_event end = {.kind = NJ_LEDGER_FAILURE, .index = index, .worker = 1};
    nj_ledger_event rows = {
        .kind = NJ_LEDGER_RESULT, .index = index, .attempt = 1, .worker = 1, .held = !v->again};
    if (!reach_leased(ledger, index, state, v)) {
        return true;
    }
    if (state == NJ_PIECE_CARRIED ||
        (v->live == 2 && (state == NJ_PIECE_SPLIT || state == NJ_PIECE_QUARANTINED))) {
        return reach_carried(ledger, index, state, v);
    }
    if (state == NJ_PIECE_RETRY_WAIT || state == NJ_PIECE_SPLIT || state == NJ_PIECE_QUARANTINED) {
        bool last = state != NJ_PIECE_RETRY_WAIT;
        if (v->live == 2 || (last && v->audit) ||
            (last && (state == NJ_PIECE_SPLIT) != (v->users > 1))) {
            return false;
        }
        ledger->pieces[index].failures = last ? TRIES - 1 : 0;
        must(ledger, end);
        return true;
    }
    if (state == NJ_PIECE_FAILED && !v->audit) {
        return false;
    }
    must(ledger, rows);
    if (state == NJ_PIECE_FAILED) {
        must(ledger, (nj_ledger_event){.kind = NJ_LEDGER_AUDIT_DIFFERS, .index = index});
    }
    if (state == NJ_PIECE_COMMITTED) {
        must(ledger, (nj_ledger_event){.kind = NJ_LEDGER_COMMIT_DONE, .index = index});
    }
    return true;
}

// Which reports the guards can turn into this event: `turn` counts through them.
static bool report_for(nj_piece_event event, const nj_piece *piece, unsigned turn,
                       nj_ledger_event *out)
{
    static const nj_ledger_event_kind ENDS[] = {NJ_LEDGER_FAILURE, NJ_LEDGER_RETURN,
                                                NJ_LEDGER_LOSS};
    static const nj_ledger_event_kind KINDS[NJ_PIECE_EVENT_COUNT] = {
        [NJ_PIECE_EVENT_LEASE] = NJ_LEDGER_OFFER,
        [NJ_PIECE_EVENT_SPECULATE] = NJ_LEDGER_SPECULATE,
        [NJ_PIECE_EVENT_RESULT] = NJ_LEDGER_RESULT,
        [NJ_PIECE_EVENT_RESULT_EQUAL] = NJ_LEDGER_RESULT,
        [NJ_PIECE_EVENT_RESULT_OTHER] = NJ_LEDGER_RESULT,
        [NJ_PIECE_EVENT_RESULT_STALE] = NJ_LEDGER_RESULT,
        [NJ_PIECE_EVENT_DUE] = NJ_LEDGER_TICK,
        [NJ_PIECE_EVENT_COMMIT_DONE] = NJ_LEDGER_COMMIT_DONE,
        [NJ_PIECE_EVENT_COMMIT_FAILED] = NJ_LEDGER_COMMIT_FAILED,
        [NJ_PIECE_EVENT_COMMIT_FAILED_HELD] = NJ_LEDGER_COMMIT_FAILED,
        [NJ_PIECE_EVENT_AUDIT_DIFFERS] = NJ_LEDGER_AUDIT_DIFFERS,
        [NJ_PIECE_EVENT_CARRY] = NJ_LEDGER_CARRY,
        [NJ_PIECE_EVENT_CARRY_PART] = NJ_LEDGER_CARRY,
        [NJ_PIECE_EVENT_CARRY_NOBODY] = NJ_LEDGER_CARRY,
        [NJ_PIECE_EVENT_RESUME_CARRIED] = NJ_LEDGER_RESUME,
        [NJ_PIECE_EVENT_RESUME] = NJ_LEDGER_RESUME,
        [NJ_PIECE_EVENT_RESUME_QUARANTINED] = NJ_LEDGER_RESUME,
        [NJ_PIECE_EVENT_RESUME_RETRY] = NJ_LEDGER_RESUME,
        [NJ_PIECE_EVENT_RESUME_PART] = NJ_LEDGER_RESUME,
    };
    const bool ends = event >= NJ_PIECE_EVENT_END_SPARE && event <= NJ_PIECE_EVENT_SPENT_AUDIT;
    *out = (nj_ledger_event){.kind = ends ? ENDS[turn % 3] : KINDS[event],
                             .attempt = 1,
                             .worker = 4,
                             .range = {.first = piece->first, .count = piece->count}};
    out->digest.bytes[31] = event == NJ_PIECE_EVENT_RESULT_OTHER;
    out->attempt += event == NJ_PIECE_EVENT_RESULT_STALE ? piece->attempts : 0;
    out->range.count -= event == NJ_PIECE_EVENT_RESUME_PART;
    out->resume = event == NJ_PIECE_EVENT_RESUME_QUARANTINED ? NJ_RESUME_QUARANTINED
                  : event == NJ_PIECE_EVENT_RESUME_RETRY     ? NJ_RESUME_RETRY
                  : event == NJ_PIECE_EVENT_RESUME_CARRIED   ? NJ_RESUME_CARRIED
                                                             : NJ_RESUME_COMMITTED;
    out->carry = event == NJ_PIECE_EVENT_CARRY_PART     ? NJ_CARRY_SOME
                 : event == NJ_PIECE_EVENT_CARRY_NOBODY ? NJ_CARRY_NONE
                                                        : NJ_CARRY_ALL;
    return turn < (ends ? 3 : 1);
}

static void check_applied(const nj_ledger *ledger, uint32_t index, const row *expected,
                          const nj_ledger_effect *effect)
{
    const nj_piece *piece = &ledger->pieces[index];
    const bool waits = expected->next == NJ_PIECE_WAITING;
    const bool split = expected->next == NJ_PIECE_SPLIT;
    assert_int_equal(piece->state, expected->next);
    assert_int_equal(effect->kind, expected->effect);
    assert_int_equal(effect->index, index);
    assert_int_equal(ledger->waiting.count, split ? 2 : waits);
    assert_int_equal(ledger->pausing.count, expected->next == NJ_PIECE_RETRY_WAIT);
    assert_int_equal(ledger->leased.count,
                     expected->next == NJ_PIECE_LEASED && piece->speculative == 0);
}

// True when the guards produced the pair.
static bool visit(const row *expected, const variant *v, unsigned turn)
{
    nj_ledger ledger;
    nj_ledger_effect effect = {0};
    nj_ledger_event report;
    uint32_t index = open_ledger(&ledger, v);
    nj_piece *piece = &ledger.pieces[index];
    bool possible = reach(&ledger, index, expected->state, v);
    if (possible) {
        assert_int_equal(piece->state, expected->state);
        piece->failures = v->spent ? TRIES - 1 : piece->failures;
        piece->losses = v->spent ? LOSSES - 1 : piece->losses;
        possible = report_for(expected->event, piece, turn, &report);
    }
    if (possible) {
        bool ends = report.kind == NJ_LEDGER_FAILURE || report.kind == NJ_LEDGER_LOSS ||
                    report.kind == NJ_LEDGER_RETURN;
        possible = classify(&ledger, piece, &report) == expected->event &&
                   (piece->live > 0 || !ends) &&
                   (report.kind != NJ_LEDGER_AUDIT_DIFFERS || v->audit) &&
                   (report.kind != NJ_LEDGER_SPECULATE || piece->speculative == 0) &&
                   (report.kind != NJ_LEDGER_RESUME || report.range.count > 0) &&
                   (report.kind != NJ_LEDGER_CARRY ||
                    (!v->audit && (report.carry != NJ_CARRY_SOME || v->users > 1)));
    }
    if (possible) {
        nj_piece before = *piece;
        nj_ledger_counts counts = ledger.counts;
        nj_status status = apply(&ledger, index, &report, 7, &effect);
        if (expected->effect == NJ_LEDGER_REFUSE) {
            assert_int_equal(status, NJ_REFUSED);
            assert_memory_equal(&before, piece, sizeof before);
            assert_memory_equal(&counts, &ledger.counts, sizeof counts);
        } else {
            assert_int_equal(status, NJ_OK);
            check_applied(&ledger, index, expected, &effect);
        }
    }
    nj_ledger_fini(&ledger);
    return possible;
}

static void every_pair_does_what_its_row_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const row *expected = find_row(ROWS[i].state, ROWS[i].event);
        bool possible = false;
        for (size_t v = 0; v < VARIANT_COUNT; v++) {
            for (unsigned turn = 0; turn < 3; turn++) {
                possible |= visit(expected, &VARIANTS[v], turn);
            }
        }
        if (!possible && expected->effect != NJ_LEDGER_REFUSE) {
            fail_msg("%s: no report leads to this row", expected->name);
        }
    }
}

static void every_row_names_a_state_that_can_be_left_or_is_an_end(void **state)
{
    (void)state;
    for (unsigned from = 0; from < NJ_PIECE_STATE_COUNT; from++) {
        bool end = from == NJ_PIECE_COMMITTED || from == NJ_PIECE_SPLIT ||
                   from == NJ_PIECE_CARRIED || from == NJ_PIECE_FAILED;
        bool leaves = false;
        for (size_t i = 0; i < ROW_COUNT; i++) {
            leaves |= ROWS[i].state == from && ROWS[i].next != from;
        }
        assert_int_equal(leaves, !end);
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
