// document.c - what the night knew, as JSON; report.c puts it together with the generation's facts and its lists.
#include "coordinator/report/document.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/report/values.h"

// Where a recorder's workers stand among those that are listed; UINT32_MAX: nowhere.
typedef struct {
    uint32_t places[NJ_RECORDER_WORKERS_MAX];
} listed_workers;

// ---- run ----

json_t *nj_document_run(const nj_night_report_run *run, bool *ok)
{
    json_t *object = json_object();
#define NJ_NIGHT_REPORT_COUNT(field) nj_value_put(object, #field, nj_value_count(run->field), ok);
#define NJ_NIGHT_REPORT_SECONDS(field) nj_value_put(object, #field, nj_value_real(run->field), ok);
    NJ_NIGHT_REPORT_RUN
#undef NJ_NIGHT_REPORT_COUNT
#undef NJ_NIGHT_REPORT_SECONDS
    nj_value_put(object, "began_ms", nj_value_count(run->began_ms), ok);
    nj_value_put(object, "lease_ms", nj_value_count(run->lease_ms), ok);
    nj_value_put(object, "shard_users", nj_value_count(run->shard_users), ok);
    return object;
}

static json_t *count_or_null(uint64_t value)
{
    return value > 0 ? nj_value_count(value) : json_null();
}

json_t *nj_document_processes(const nj_processes *processes, const char *last_end, bool *ok)
{
    json_t *array = json_array();
    for (size_t i = 0; i < processes->count; i++) {
        const nj_process *process = &processes->processes[i];
        const bool is_last = i + 1 == processes->count;
        json_t *object = json_object();
        nj_value_put(object, "epoch", nj_value_count(process->epoch), ok);
        nj_value_put(object, "began_ms", nj_value_count(process->began_ms), ok);
        nj_value_put(object, "ended_ms", count_or_null(process->ended_ms), ok);
        nj_value_put(object, "last_ms", count_or_null(process->last_ms), ok);
        nj_value_put(object, "end",
                     nj_value_text(is_last                   ? last_end
                                   : process->end[0] != '\0' ? process->end
                                                             : "killed"),
                     ok);
        nj_value_put(object, "users", nj_value_count(process->users), ok);
        nj_value_push(array, object, ok);
    }
    return array;
}

json_t *nj_document_phases(const nj_night_phase *phases, size_t count, bool *ok)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count && i < NJ_NIGHT_REPORT_PHASES_MAX; i++) {
        json_t *object = json_object();
        nj_value_put(object, "name", nj_value_text(phases[i].name), ok);
        nj_value_put(object, "seconds", nj_value_real(phases[i].seconds), ok);
        nj_value_put(object, "skipped", json_boolean(phases[i].skipped), ok);
        nj_value_put(object, "why", nj_value_text(phases[i].why), ok);
        nj_value_push(array, object, ok);
    }
    return array;
}

// ---- time ----

static json_t *tell_series(const nj_recorder *recorder, bool *ok)
{
    const uint32_t count = nj_recorder_bin_count(recorder);
    json_t *object = json_object();
#define COLUMN(key, field)                                                                         \
    do {                                                                                           \
        json_t *column = json_array();                                                             \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            nj_value_push(column, nj_value_count(recorder->bins[i].field), ok);                    \
        }                                                                                          \
        nj_value_put(object, key, column, ok);                                                     \
    } while (0)
    nj_value_put(object, "width_ms", nj_value_count(recorder->width_ms), ok);
    nj_value_put(object, "end_ms", nj_value_count(recorder->last_ms), ok);
    COLUMN("users", users);
    COLUMN("shards", shards);
    COLUMN("leases", leases);
    COLUMN("speculations", seconds);
    COLUMN("failures", failures);
    COLUMN("losses", losses);
    COLUMN("quarantined", quarantined);
    COLUMN("paused_ms", paused_ms);
    COLUMN("workers", workers);
    COLUMN("coordinator_bytes", memory);
    COLUMN("workers_bytes", workers_memory);
#undef COLUMN
    return object;
}

static json_t *tell_durations(const nj_recorder_durations *durations, bool *ok)
{
    if (durations->count == 0) {
        return json_null();
    }
    json_t *object = json_object();
    json_t *buckets = json_array();
    nj_value_put(object, "count", nj_value_count(durations->count), ok);
    nj_value_put(object, "mean",
                 nj_value_real((double)durations->sum_ms / (double)durations->count), ok);
    nj_value_put(object, "p50", nj_value_count(nj_recorder_quantile_ms(durations, 0.5)), ok);
    nj_value_put(object, "p90", nj_value_count(nj_recorder_quantile_ms(durations, 0.9)), ok);
    nj_value_put(object, "p99", nj_value_count(nj_recorder_quantile_ms(durations, 0.99)), ok);
    nj_value_put(object, "max", nj_value_count(durations->max_ms), ok);
    for (uint32_t b = 0; b < NJ_RECORDER_BUCKETS; b++) {
        if (durations->buckets[b] > 0) {
            json_t *bucket = json_array();
            nj_value_push(bucket, nj_value_real(nj_recorder_bucket_ms(b)), ok);
            nj_value_push(bucket, nj_value_count(durations->buckets[b]), ok);
            nj_value_push(buckets, bucket, ok);
        }
    }
    nj_value_put(object, "buckets", buckets, ok);
    return object;
}

// ---- workers ----

static char mark_of(uint8_t marks)
{
    static const struct {
        uint8_t bit;
        char letter;
    } LETTERS[] = {{NJ_STRIP_LOST, 'L'},    {NJ_STRIP_FAILED, 'F'}, {NJ_STRIP_GONE, 'G'},
                   {NJ_STRIP_BENCHED, 'B'}, {NJ_STRIP_SECOND, 'S'}, {NJ_STRIP_JOINED, 'J'}};
    for (size_t i = 0; i < sizeof LETTERS / sizeof LETTERS[0]; i++) {
        if (marks & LETTERS[i].bit) {
            return LETTERS[i].letter;
        }
    }
    return ' ';
}

static void put_strips(json_t *object, const nj_recorder *recorder,
                       const nj_recorder_worker *worker, bool *ok)
{
    char busy[NJ_RECORDER_STRIPS];
    char marks[NJ_RECORDER_STRIPS];
    const uint64_t strip_ms = 2 * recorder->width_ms;
    const uint32_t count = (nj_recorder_bin_count(recorder) + 1) / 2;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t left_ms = recorder->last_ms - i * strip_ms;
        const uint64_t whole_ms = left_ms < strip_ms && left_ms > 0 ? left_ms : strip_ms;
        const uint64_t tenths = (uint64_t)worker->busy[i] * 10 / whole_ms;
        busy[i] = worker->busy[i] == 0 ? '.' : (char)('0' + (tenths < 9 ? tenths : 9));
        marks[i] = mark_of(worker->marks[i]);
    }
    nj_value_put(object, "busy", json_stringn(busy, count), ok);
    nj_value_put(object, "marks", json_stringn(marks, count), ok);
}

static json_t *tell_one_worker(const nj_recorder *recorder, const nj_recorder_worker *worker,
                               bool *ok)
{
    json_t *object = json_object();
    nj_value_put(object, "name", nj_value_text(worker->name), ok);
    nj_value_put(object, "joins", nj_value_count(worker->joins), ok);
    nj_value_put(object, "vanished", nj_value_count(worker->vanished), ok);
    nj_value_put(object, "benches", nj_value_count(worker->benches), ok);
    nj_value_put(object, "cores", count_or_null(worker->cores), ok);
    nj_value_put(object, "planned_bytes", count_or_null(worker->planned_memory), ok);
    nj_value_put(object, "peak_bytes", count_or_null(worker->peak_memory), ok);
    nj_value_put(object, "leases", nj_value_count(worker->leases), ok);
    nj_value_put(object, "shards", nj_value_count(worker->shards), ok);
    nj_value_put(object, "users", nj_value_count(worker->users), ok);
    nj_value_put(object, "failures", nj_value_count(worker->failures), ok);
    nj_value_put(object, "losses", nj_value_count(worker->losses), ok);
    nj_value_put(object, "returns", nj_value_count(worker->returns), ok);
    nj_value_put(object, "speculations", nj_value_count(worker->seconds), ok);
    nj_value_put(object, "speculations_won", nj_value_count(worker->seconds_won), ok);
    nj_value_put(object, "duplicates", nj_value_count(worker->duplicates), ok);
    nj_value_put(object, "busy_ms", nj_value_count(worker->busy_ms), ok);
    nj_value_put(object, "work_ms", nj_value_count(worker->work_ms), ok);
    nj_value_put(object, "work_ms_max", nj_value_count(worker->work_ms_max), ok);
    nj_value_put(object, "first_ms", nj_value_count(worker->first_ms), ok);
    nj_value_put(object, "last_ms", nj_value_count(worker->last_ms), ok);
    put_strips(object, recorder, worker, ok);
    return object;
}

static uint64_t count_trouble(const nj_recorder_worker *worker)
{
    return worker->failures + worker->losses + worker->vanished + worker->benches;
}

typedef struct {
    uint64_t trouble;
    uint64_t users;
    uint32_t index;
} worker_order;

// Trouble first, then who did most; of equal ones who came first.
static int compare_workers(const void *a, const void *b)
{
    const worker_order *x = a;
    const worker_order *y = b;
    if (x->trouble != y->trouble) {
        return x->trouble < y->trouble ? 1 : -1;
    }
    if (x->users != y->users) {
        return x->users < y->users ? 1 : -1;
    }
    return (x->index > y->index) - (x->index < y->index);
}

static int compare_indices(const void *a, const void *b)
{
    const worker_order *x = a;
    const worker_order *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static json_t *tell_workers(const nj_recorder *recorder, listed_workers *listed, bool *ok)
{
    const uint32_t total = recorder->worker_count;
    json_t *object = json_object();
    json_t *array = json_array();
    worker_order *order = malloc((total + 1) * sizeof *order);
    if (order == NULL) {
        *ok = false;
    }
    for (uint32_t i = 0; order != NULL && i < total; i++) {
        order[i] =
            (worker_order){count_trouble(&recorder->workers[i]), recorder->workers[i].users, i};
        listed->places[i] = UINT32_MAX;
    }
    if (order != NULL) {
        const uint32_t count =
            total < NJ_NIGHT_REPORT_WORKERS_MAX ? total : NJ_NIGHT_REPORT_WORKERS_MAX;
        qsort(order, total, sizeof *order, compare_workers);
        qsort(order, count, sizeof *order, compare_indices); // as they came
        for (uint32_t i = 0; i < count; i++) {
            listed->places[order[i].index] = i;
            nj_value_push(array, tell_one_worker(recorder, &recorder->workers[order[i].index], ok),
                          ok);
        }
    }
    free(order);
    nj_value_put(object, "total", nj_value_count(total), ok);
    nj_value_put(object, "listed", array, ok);
    return object;
}

// ---- leases and incidents ----

static json_t *worker_place(const listed_workers *listed, uint32_t worker)
{
    return worker < NJ_RECORDER_WORKERS_MAX && listed->places[worker] != UINT32_MAX
               ? nj_value_count(listed->places[worker])
               : json_null();
}

static json_t *tell_spans(const nj_recorder *recorder, const listed_workers *listed, bool *ok)
{
    static const char *const COLUMNS[] = {"worker",   "shard",    "attempt", "users",  "leased_ms",
                                          "began_ms", "ended_ms", "end",     "second", "audit"};
    json_t *object = json_object();
    json_t *columns = json_array();
    json_t *rows = json_array();
    for (size_t c = 0; c < sizeof COLUMNS / sizeof COLUMNS[0]; c++) {
        nj_value_push(columns, json_string(COLUMNS[c]), ok);
    }
    for (uint32_t i = 0; i < recorder->span_count; i++) {
        const nj_recorder_span *span = &recorder->spans[i];
        json_t *row = json_array();
        nj_value_push(row, worker_place(listed, span->worker), ok);
        nj_value_push(row, nj_value_count(span->lease.shard), ok);
        nj_value_push(row, nj_value_count(span->lease.attempt), ok);
        nj_value_push(row, nj_value_count(span->lease.count), ok);
        nj_value_push(row, nj_value_count(span->leased_ms), ok);
        nj_value_push(row, nj_value_count(span->began_ms), ok);
        nj_value_push(row, nj_value_count(span->ended_ms), ok);
        nj_value_push(row, json_string(nj_note_kind_name(span->end)), ok);
        nj_value_push(row, nj_value_count(span->second), ok);
        nj_value_push(row, nj_value_count(span->lease.audit), ok);
        nj_value_push(rows, row, ok);
    }
    nj_value_put(object, "total", nj_value_count(recorder->span_total), ok);
    nj_value_put(object, "columns", columns, ok);
    nj_value_put(object, "rows", rows, ok);
    return object;
}

static bool is_of_lease(nj_note_kind kind)
{
    return kind == NJ_NOTE_FAILED || kind == NJ_NOTE_LOST || kind == NJ_NOTE_SPLIT ||
           kind == NJ_NOTE_QUARANTINED || kind == NJ_NOTE_DIVERGED || kind == NJ_NOTE_SECOND;
}

static json_t *tell_incident(const nj_recorder *recorder, const nj_recorder_incident *incident,
                             bool *ok)
{
    json_t *object = json_object();
    nj_value_put(object, "at_ms", nj_value_count(incident->at_ms), ok);
    nj_value_put(object, "kind", json_string(nj_note_kind_name(incident->kind)), ok);
    nj_value_put(object, "worker",
                 incident->worker < recorder->worker_count
                     ? nj_value_text(recorder->workers[incident->worker].name)
                     : json_null(),
                 ok);
    if (is_of_lease(incident->kind)) {
        nj_value_put(object, "shard", nj_value_count(incident->lease.shard), ok);
        nj_value_put(object, "first", nj_value_count(incident->lease.first), ok);
        nj_value_put(object, "count", nj_value_count(incident->lease.count), ok);
        nj_value_put(object, "attempt", nj_value_count(incident->lease.attempt), ok);
    }
    nj_value_put(object, "text", nj_value_text(incident->text), ok);
    return object;
}

static json_t *tell_incidents(const nj_recorder *recorder, bool *ok)
{
    json_t *object = json_object();
    json_t *listed = json_array();
    for (uint32_t i = 0; i < nj_recorder_incident_count(recorder); i++) {
        nj_value_push(listed, tell_incident(recorder, nj_recorder_incident_at(recorder, i), ok),
                      ok);
    }
    nj_value_put(object, "total", nj_value_count(recorder->incident_total), ok);
    nj_value_put(object, "listed", listed, ok);
    return object;
}

void nj_document_put_recorder(json_t *object, const nj_recorder *recorder, bool *ok)
{
    if (recorder->width_ms == 0) { // there was no memory for it
        return;
    }
    listed_workers *listed = calloc(1, sizeof *listed);
    if (listed == NULL) {
        *ok = false;
        return;
    }
    nj_value_put(object, "series", tell_series(recorder, ok), ok);
    nj_value_put(object, "workers", tell_workers(recorder, listed, ok), ok);
    nj_value_put(object, "spans", tell_spans(recorder, listed, ok), ok);
    nj_value_put(object, "incidents", tell_incidents(recorder, ok), ok);
    nj_value_put(object, "latency", tell_durations(&recorder->latency, ok), ok);
    nj_value_put(object, "work", tell_durations(&recorder->work, ok), ok);
    free(listed);
}
