// test_recorder.c - what a night notes about itself, and that it stays bounded.
#include "coordinator/recorder.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/nj_test.h"

#define SLOTS 16u

// Ids as a roster makes them.
static uint64_t worker_id(uint32_t serial, uint32_t slot)
{
    return (uint64_t)serial << 16 | slot;
}

static nj_recorder make_recorder(void)
{
    nj_error err = {0};
    nj_recorder recorder;
    assert_ok(nj_recorder_init(&recorder, SLOTS, &err), &err);
    return recorder;
}

static void join(nj_recorder *r, uint64_t id, const char *name, uint64_t ms)
{
    nj_recorder_step(r, &(nj_note){.kind = NJ_NOTE_JOINED, .worker = id, .name = name, .cores = 2},
                     ms);
}

static void tell(nj_recorder *r, nj_note_kind kind, uint64_t id, uint32_t piece, uint64_t ms)
{
    const nj_note note = {.kind = kind,
                          .worker = id,
                          .lease = {.piece = piece, .attempt = 1, .shard = piece, .count = 10},
                          .text = nj_slice_from("why")};
    nj_recorder_step(r, &note, ms);
}

static void a_lease_becomes_a_span_a_latency_and_busy_time(void **state)
{
    (void)state;
    nj_recorder r = make_recorder();
    const uint64_t id = worker_id(1, 3);
    join(&r, id, "w", 0);

    tell(&r, NJ_NOTE_LEASED, id, 7, 10);
    tell(&r, NJ_NOTE_LEASED, id, 8, 10);
    tell(&r, NJ_NOTE_ROWS, id, 7, 110);
    tell(&r, NJ_NOTE_ROWS, id, 8, 150);
    tell(&r, NJ_NOTE_STORED, 0, 7, 160);

    assert_int_equal(r.span_count, 2);
    assert_int_equal(r.spans[1].leased_ms, 10);
    assert_int_equal(r.spans[1].began_ms, 110); // it was not free before
    assert_int_equal(r.spans[1].ended_ms, 150);
    assert_int_equal(r.latency.sum_ms, 100 + 140);
    assert_int_equal(r.work.sum_ms, 100 + 40);
    assert_int_equal(r.workers[0].shards, 2);
    assert_int_equal(r.workers[0].users, 20);
    assert_int_equal(r.workers[0].busy_ms, 140);
    assert_int_equal(r.bins[160 / NJ_RECORDER_WIDTH_MS].users, 10);
    assert_int_equal(r.incident_total, 0);
    nj_recorder_fini(&r);
}

static void what_goes_wrong_is_an_incident_of_its_worker(void **state)
{
    (void)state;
    nj_recorder r = make_recorder();
    const uint64_t a = worker_id(1, 0);
    const uint64_t b = worker_id(2, 1);
    join(&r, a, "a", 0);
    join(&r, b, "b", 0);
    tell(&r, NJ_NOTE_LEASED, a, 1, 5);
    tell(&r, NJ_NOTE_LEASED, b, 1, 50);
    tell(&r, NJ_NOTE_SECOND, b, 1, 50);
    tell(&r, NJ_NOTE_FAILED, a, 1, 60);
    tell(&r, NJ_NOTE_ROWS, b, 1, 70);
    tell(&r, NJ_NOTE_LEASED, a, 2, 80);
    tell(&r, NJ_NOTE_LOST, a, 2, 90);
    nj_recorder_step(&r, &(nj_note){.kind = NJ_NOTE_GONE, .worker = a}, 90);
    nj_recorder_step(&r, &(nj_note){.kind = NJ_NOTE_GONE, .worker = b, .expected = true}, 95);

    assert_int_equal(r.workers[0].failures, 1);
    assert_int_equal(r.workers[0].losses, 1);
    assert_int_equal(r.workers[0].vanished, 1);
    assert_int_equal(r.workers[1].vanished, 0);
    assert_int_equal(r.seconds_won, 1);
    assert_int_equal(r.here_count, 0);
    assert_int_equal(r.cores_peak, 4);
    static const nj_note_kind KINDS[] = {NJ_NOTE_SECOND, NJ_NOTE_FAILED, NJ_NOTE_LOST,
                                         NJ_NOTE_GONE};
    assert_int_equal(nj_recorder_incident_count(&r), 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(nj_recorder_incident_at(&r, i)->kind, KINDS[i]);
    }
    assert_string_equal(nj_recorder_incident_at(&r, 1)->text, "why");
    nj_recorder_fini(&r);
}

static uint64_t sum_users(const nj_recorder *r)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < NJ_RECORDER_BINS; i++) {
        sum += r->bins[i].users;
    }
    return sum;
}

static void a_long_night_folds_its_axis_and_loses_nobody(void **state)
{
    (void)state;
    nj_recorder r = make_recorder();
    const uint64_t id = worker_id(1, 0);
    const uint64_t hours_ms = 36000000;
    join(&r, id, "w", 0);
    for (uint32_t piece = 0; piece < 10000; piece++) {
        const uint64_t ms = piece * (hours_ms / 10000);
        tell(&r, NJ_NOTE_LEASED, id, piece, ms);
        tell(&r, NJ_NOTE_ROWS, id, piece, ms + 3000);
        tell(&r, NJ_NOTE_STORED, 0, piece, ms + 3000);
    }

    uint64_t busy_ms = 0;
    for (uint32_t i = 0; i < NJ_RECORDER_STRIPS; i++) {
        busy_ms += r.workers[0].busy[i];
    }
    assert_int_equal(sum_users(&r), 100000);
    assert_int_equal(busy_ms, 10000 * 3000);
    assert_int_equal(r.span_count, NJ_RECORDER_SPANS_MAX);
    assert_int_equal(r.span_total, 10000);
    assert_true(nj_recorder_bin_count(&r) > NJ_RECORDER_BINS / 2);
    assert_true(nj_recorder_bin_count(&r) <= NJ_RECORDER_BINS);
    nj_recorder_fini(&r);
}

static void incidents_keep_their_beginning_and_their_end(void **state)
{
    (void)state;
    nj_recorder r = make_recorder();
    const uint32_t count = 5000;
    for (uint32_t i = 0; i < count; i++) {
        tell(&r, NJ_NOTE_FAILED, 0, i, i);
    }

    const uint32_t kept = nj_recorder_incident_count(&r);
    assert_int_equal(r.incident_total, count);
    assert_int_equal(kept, NJ_RECORDER_INCIDENTS_FIRST + NJ_RECORDER_INCIDENTS_LAST);
    assert_int_equal(nj_recorder_incident_at(&r, 0)->at_ms, 0);
    assert_int_equal(nj_recorder_incident_at(&r, NJ_RECORDER_INCIDENTS_FIRST - 1)->at_ms,
                     NJ_RECORDER_INCIDENTS_FIRST - 1);
    assert_int_equal(nj_recorder_incident_at(&r, NJ_RECORDER_INCIDENTS_FIRST)->at_ms,
                     count - NJ_RECORDER_INCIDENTS_LAST);
    assert_int_equal(nj_recorder_incident_at(&r, kept - 1)->at_ms, count - 1);
    nj_recorder_fini(&r);
}

static void a_worker_that_comes_back_is_one_worker_and_strangers_are_counted_together(void **state)
{
    (void)state;
    nj_recorder r = make_recorder();
    join(&r, worker_id(1, 0), "w", 0);
    nj_recorder_step(&r, &(nj_note){.kind = NJ_NOTE_GONE, .worker = worker_id(1, 0)}, 5);
    join(&r, worker_id(2, 1), "w", 9);
    assert_int_equal(r.worker_count, 1);
    assert_int_equal(r.workers[0].joins, 2);

    for (uint32_t i = 0; i < NJ_RECORDER_WORKERS_MAX + 50; i++) {
        char name[32];
        snprintf(name, sizeof name, "node-%u", i);
        join(&r, worker_id(100 + i, 2), name, 10);
        nj_recorder_step(
            &r, &(nj_note){.kind = NJ_NOTE_GONE, .worker = worker_id(100 + i, 2), .expected = true},
            10);
    }
    assert_int_equal(r.worker_count, NJ_RECORDER_WORKERS_MAX);
    assert_string_equal(r.workers[NJ_RECORDER_WORKERS_MAX - 1].name, NJ_RECORDER_OTHERS);
    assert_int_equal(r.workers[NJ_RECORDER_WORKERS_MAX - 1].joins, 52);
    nj_recorder_fini(&r);
}

static void what_was_stored_before_this_process_counts_where_it_was_stored(void **state)
{
    (void)state;
    nj_recorder r = make_recorder();
    join(&r, worker_id(1, 0), "w", 900);
    const nj_note past = {.kind = NJ_NOTE_PAST, .name = "killed", .lease = {.count = 64}};
    nj_recorder_step(&r, &past, 40);
    assert_int_equal(r.bins[40 / NJ_RECORDER_WIDTH_MS].users, 64);
    assert_int_equal(r.bins[40 / NJ_RECORDER_WIDTH_MS].workers, 0);
    assert_string_equal(r.workers[1].name, "killed");
    assert_int_equal(r.workers[1].joins, 0);
    assert_int_equal(r.workers[1].users, 64);
    assert_int_equal(r.latency.count, 0);
    nj_recorder_fini(&r);
}

static void quantiles_are_never_below_and_at_most_a_bucket_above(void **state)
{
    (void)state;
    nj_recorder r = make_recorder();
    const uint64_t id = worker_id(1, 0);
    join(&r, id, "w", 0);
    uint64_t now = 0;
    for (uint32_t ms = 1; ms <= 1000; ms++) {
        tell(&r, NJ_NOTE_LEASED, id, ms, now);
        now += ms;
        tell(&r, NJ_NOTE_ROWS, id, ms, now);
    }
    const double shares[] = {0.5, 0.9, 0.99};
    for (size_t i = 0; i < 3; i++) {
        const double exact = 1000 * shares[i];
        const double found = (double)nj_recorder_quantile_ms(&r.work, shares[i]);
        assert_true(found >= exact && found <= exact * 1.19 + 1);
    }
    assert_int_equal(nj_recorder_quantile_ms(&r.work, 1), 1000);
    nj_recorder_fini(&r);
}

// Whatever is told, whenever: no place is written that is not there (sanitizers look on), and nothing grows without end.
static void any_event_at_any_time_is_taken(void **state)
{
    (void)state;
    nj_recorder r = make_recorder();
    uint64_t random = 88172645463325252u;
    for (uint32_t i = 0; i < 50000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        char name[8];
        snprintf(name, sizeof name, "%u", (unsigned)(random >> 20 & 31u));
        const nj_note note = {.kind = (nj_note_kind)(random % NJ_NOTE_KIND_COUNT),
                              .worker = random >> 8 & 0x3ffffu, // slots that there are not, too
                              .name = name,
                              .lease = {.piece = (uint32_t)(random >> 30 & 7u), .count = 1},
                              .memory = random,
                              .text = {"\xc3\xa9\xc3\xa9", 4},
                              .expected = random & 1u};
        nj_recorder_step(&r, &note, random >> (random >> 3 & 63u));
    }
    assert_true(r.worker_count <= 32);
    assert_true(r.span_count <= NJ_RECORDER_SPANS_MAX);
    assert_true(nj_recorder_bin_count(&r) <= NJ_RECORDER_BINS);
    nj_recorder_fini(&r);

    nj_recorder none = {0}; // without memory it notes nothing
    tell(&none, NJ_NOTE_ROWS, 1, 1, 1);
    assert_int_equal(none.span_total, 0);
    assert_false(nj_recorder_wants_sample(&none, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lease_becomes_a_span_a_latency_and_busy_time),
        cmocka_unit_test(what_goes_wrong_is_an_incident_of_its_worker),
        cmocka_unit_test(a_long_night_folds_its_axis_and_loses_nobody),
        cmocka_unit_test(incidents_keep_their_beginning_and_their_end),
        cmocka_unit_test(a_worker_that_comes_back_is_one_worker_and_strangers_are_counted_together),
        cmocka_unit_test(what_was_stored_before_this_process_counts_where_it_was_stored),
        cmocka_unit_test(quantiles_are_never_below_and_at_most_a_bucket_above),
        cmocka_unit_test(any_event_at_any_time_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
