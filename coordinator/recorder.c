#include "coordinator/recorder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_MASK 0xffffu // of a worker's id
#define NOBODY UINT32_MAX
#define WORKERS_FIRST 16u // room for so many at first; it doubles
#define BUCKETS_AN_OCTAVE 4

static const char *const NAMES[NJ_NOTE_KIND_COUNT] = {
    [NJ_NOTE_JOINED] = "joined",
    [NJ_NOTE_GONE] = "gone",
    [NJ_NOTE_BENCHED] = "benched",
    [NJ_NOTE_MEMORY] = "memory",
    [NJ_NOTE_LEASED] = "leased",
    [NJ_NOTE_SECOND] = "second",
    [NJ_NOTE_ROWS] = "rows",
    [NJ_NOTE_FAILED] = "failed",
    [NJ_NOTE_LOST] = "lost",
    [NJ_NOTE_RETURNED] = "returned",
    [NJ_NOTE_DUPLICATE] = "duplicate",
    [NJ_NOTE_SPLIT] = "split",
    [NJ_NOTE_QUARANTINED] = "quarantined",
    [NJ_NOTE_DIVERGED] = "diverged",
    [NJ_NOTE_STORED] = "stored",
    [NJ_NOTE_PAST] = "past",
    [NJ_NOTE_SAMPLE] = "sample",
    [NJ_NOTE_PAUSED] = "paused",
    [NJ_NOTE_CONTINUED] = "continued",
    [NJ_NOTE_BEGUN] = "begun",
    [NJ_NOTE_ENDED] = "ended",
};

const char *nj_note_kind_name(nj_note_kind kind)
{
    return NAMES[kind];
}

nj_status nj_recorder_init(nj_recorder *recorder, uint32_t slot_count, nj_error *err)
{
    *recorder = (nj_recorder){.width_ms = NJ_RECORDER_WIDTH_MS, .slot_count = slot_count};
    recorder->slots = calloc((size_t)slot_count + 1, sizeof *recorder->slots);
    recorder->spans = calloc(NJ_RECORDER_SPANS_MAX, sizeof *recorder->spans);
    recorder->incidents = calloc(NJ_RECORDER_INCIDENTS_FIRST + NJ_RECORDER_INCIDENTS_LAST,
                                 sizeof *recorder->incidents);
    if (recorder->slots == NULL || recorder->spans == NULL || recorder->incidents == NULL) {
        nj_recorder_fini(recorder);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for what the report tells of %u workers",
                       slot_count);
    }
    return NJ_OK;
}

void nj_recorder_fini(nj_recorder *recorder)
{
    free(recorder->workers);
    free(recorder->slots);
    free(recorder->spans);
    free(recorder->incidents);
    *recorder = (nj_recorder){0};
}

// ---- the axis ----

static uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static nj_recorder_bin join_bins(const nj_recorder_bin *a, const nj_recorder_bin *b)
{
    return (nj_recorder_bin){.users = a->users + b->users,
                             .shards = a->shards + b->shards,
                             .leases = a->leases + b->leases,
                             .seconds = a->seconds + b->seconds,
                             .failures = a->failures + b->failures,
                             .losses = a->losses + b->losses,
                             .quarantined = a->quarantined + b->quarantined,
                             .paused_ms = a->paused_ms + b->paused_ms,
                             .workers = max_u32(a->workers, b->workers),
                             .memory = max_u64(a->memory, b->memory),
                             .workers_memory = max_u64(a->workers_memory, b->workers_memory)};
}

static void fold_strips(nj_recorder_worker *worker)
{
    for (uint32_t i = 0; i < NJ_RECORDER_STRIPS; i++) {
        const bool holds = i < NJ_RECORDER_STRIPS / 2;
        worker->busy[i] = holds ? worker->busy[2 * i] + worker->busy[2 * i + 1] : 0;
        worker->marks[i] = holds ? (uint8_t)(worker->marks[2 * i] | worker->marks[2 * i + 1]) : 0;
    }
}

static void fold_axis(nj_recorder *r)
{
    for (uint32_t i = 0; i < NJ_RECORDER_BINS; i++) {
        r->bins[i] = i < NJ_RECORDER_BINS / 2 ? join_bins(&r->bins[2 * i], &r->bins[2 * i + 1])
                                              : (nj_recorder_bin){0};
    }
    for (uint32_t i = 0; i < r->worker_count; i++) {
        fold_strips(&r->workers[i]);
    }
    r->width_ms *= 2;
}

static void reach(nj_recorder *r, uint64_t ms)
{
    while (ms / r->width_ms >= NJ_RECORDER_BINS) {
        fold_axis(r);
    }
    r->last_ms = max_u64(r->last_ms, ms);
}

static nj_recorder_bin *bin_at(nj_recorder *r, uint64_t ms)
{
    return &r->bins[ms / r->width_ms];
}

uint32_t nj_recorder_bin_count(const nj_recorder *recorder)
{
    return recorder->width_ms == 0 ? 1 : (uint32_t)(recorder->last_ms / recorder->width_ms) + 1;
}

bool nj_recorder_wants_sample(const nj_recorder *recorder, uint64_t now_ms)
{
    return recorder->width_ms > 0 && (now_ms / recorder->width_ms >= NJ_RECORDER_BINS ||
                                      recorder->bins[now_ms / recorder->width_ms].memory == 0);
}

// ---- durations ----

double nj_recorder_bucket_ms(uint32_t bucket)
{
    return bucket == 0 ? 0 : exp2((double)bucket / BUCKETS_AN_OCTAVE);
}

static void add_duration(nj_recorder_durations *durations, uint64_t ms)
{
    const double bucket = ms < 2 ? 0 : floor(log2((double)ms) * BUCKETS_AN_OCTAVE);
    durations->count++;
    durations->sum_ms += ms;
    durations->max_ms = max_u64(durations->max_ms, ms);
    durations->buckets[bucket < NJ_RECORDER_BUCKETS ? (uint32_t)bucket : NJ_RECORDER_BUCKETS - 1]++;
}

uint64_t nj_recorder_quantile_ms(const nj_recorder_durations *durations, double share)
{
    const double wanted = share * (double)durations->count;
    uint64_t seen = 0;
    for (uint32_t b = 0; b < NJ_RECORDER_BUCKETS; b++) {
        seen += durations->buckets[b];
        if (durations->buckets[b] > 0 && (double)seen >= wanted) {
            const double end = ceil(nj_recorder_bucket_ms(b + 1));
            return end < (double)durations->max_ms ? (uint64_t)end : durations->max_ms;
        }
    }
    return durations->max_ms;
}

// ---- workers ----

static void copy_text(char *out, size_t out_bytes, nj_slice text)
{
    size_t size = text.size < out_bytes - 1 ? text.size : out_bytes - 1;
    while (size < text.size && size > 0 && ((uint8_t)text.bytes[size] & 0xc0u) == 0x80u) {
        size--; // not inside a character
    }
    if (size > 0) {
        memcpy(out, text.bytes, size);
    }
    out[size] = '\0';
}

static bool make_room(nj_recorder *r)
{
    if (r->worker_count < r->worker_capacity) {
        return true;
    }
    const uint32_t wanted = r->worker_capacity == 0 ? WORKERS_FIRST : 2 * r->worker_capacity;
    nj_recorder_worker *workers = realloc(r->workers, wanted * sizeof *workers);
    if (workers == NULL) {
        return false;
    }
    r->workers = workers;
    r->worker_capacity = wanted;
    return true;
}

// Where the name stands among the names, or would. A night that is taken up again asks for each of its shards. (FNV-1a)
static uint32_t *find_name(nj_recorder *r, const char *name)
{
    uint32_t hash = 2166136261u;
    for (const char *c = name; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    }
    uint32_t at = hash % NJ_RECORDER_NAME_SLOTS; // at most half are taken
    while (r->names[at] != 0 && strcmp(r->workers[r->names[at] - 1].name, name) != 0) {
        at = (at + 1) % NJ_RECORDER_NAME_SLOTS;
    }
    return &r->names[at];
}

// The worker of this name, a new one where there is none. NOBODY: no memory.
static uint32_t take_worker(nj_recorder *r, const char *name, uint64_t now_ms)
{
    char cut[NJ_RECORDER_NAME_BYTES];
    copy_text(cut, sizeof cut, nj_slice_from(name));
    uint32_t *place = find_name(r, cut);
    if (*place != 0) {
        return *place - 1;
    }
    if (r->worker_count == NJ_RECORDER_WORKERS_MAX) {
        return NJ_RECORDER_WORKERS_MAX - 1;
    }
    if (!make_room(r)) {
        return NOBODY;
    }
    nj_recorder_worker *worker = &r->workers[r->worker_count];
    *worker = (nj_recorder_worker){.first_ms = now_ms, .last_ms = now_ms};
    memcpy(worker->name, cut, sizeof cut);
    if (r->worker_count == NJ_RECORDER_WORKERS_MAX - 1) {
        copy_text(worker->name, sizeof worker->name, nj_slice_from(NJ_RECORDER_OTHERS));
        place = find_name(r, worker->name);
    }
    *place = ++r->worker_count;
    return r->worker_count - 1;
}

static uint32_t find_worker(const nj_recorder *r, uint64_t id)
{
    const uint64_t slot = id & SLOT_MASK;
    return id != 0 && slot < r->slot_count && r->slots[slot].id == id ? r->slots[slot].worker
                                                                      : NOBODY;
}

// Spreads the time since busy_from_ms over the strips, if it held a lease all the while.
static void note_busy(nj_recorder *r, nj_recorder_worker *worker, uint64_t now_ms)
{
    const uint64_t strip_ms = 2 * r->width_ms;
    uint64_t from = worker->busy_from_ms;
    if (worker->open_count > 0 && now_ms > from) {
        worker->busy_ms += now_ms - from;
        while (from < now_ms) {
            const uint64_t end = (from / strip_ms + 1) * strip_ms;
            const uint64_t until = end < now_ms ? end : now_ms;
            worker->busy[from / strip_ms] += (uint32_t)(until - from);
            from = until;
        }
    }
    worker->busy_from_ms = max_u64(worker->busy_from_ms, now_ms);
}

static void mark(nj_recorder *r, nj_recorder_worker *worker, uint64_t now_ms, uint8_t what)
{
    uint8_t *marks = &worker->marks[now_ms / (2 * r->width_ms)];
    *marks = (uint8_t)(*marks | what);
    worker->last_ms = max_u64(worker->last_ms, now_ms);
}

static void set_memory(nj_recorder *r, nj_recorder_worker *worker, uint64_t bytes)
{
    r->workers_memory = r->workers_memory - worker->memory + bytes;
    worker->memory = bytes;
    worker->peak_memory = max_u64(worker->peak_memory, bytes);
}

static void join(nj_recorder *r, const nj_note *event, uint64_t now_ms)
{
    const uint64_t slot = event->worker & SLOT_MASK;
    const uint32_t index = take_worker(r, event->name, now_ms);
    if (index == NOBODY || slot >= r->slot_count) {
        return;
    }
    nj_recorder_worker *worker = &r->workers[index];
    r->slots[slot].id = event->worker;
    r->slots[slot].worker = index;
    r->here_count += !worker->here;
    r->cores_here += event->cores - (worker->here ? worker->cores : 0);
    r->cores_peak = max_u32(r->cores_peak, r->cores_here);
    worker->here = true;
    worker->joins++;
    worker->cores = event->cores;
    worker->planned_memory = max_u64(worker->planned_memory, event->memory);
    worker->delivered_ms = now_ms;
    mark(r, worker, now_ms, NJ_STRIP_JOINED);
}

static void leave(nj_recorder *r, const nj_note *event, uint64_t now_ms)
{
    const uint32_t index = find_worker(r, event->worker);
    if (index == NOBODY) {
        return;
    }
    nj_recorder_worker *worker = &r->workers[index];
    note_busy(r, worker, now_ms);
    r->slots[event->worker & SLOT_MASK].id = 0;
    r->here_count -= worker->here;
    r->cores_here -= worker->here ? worker->cores : 0;
    worker->here = false;
    worker->open_count = 0;
    worker->vanished += !event->expected;
    set_memory(r, worker, 0);
    mark(r, worker, now_ms, NJ_STRIP_GONE);
}

// ---- leases ----

static void lease(nj_recorder *r, nj_recorder_worker *worker, const nj_note *event, uint64_t now_ms)
{
    note_busy(r, worker, now_ms);
    if (worker->open_count == NJ_RECORDER_OPEN_MAX) { // the oldest one has ended unseen
        memmove(worker->open, worker->open + 1, sizeof worker->open - sizeof worker->open[0]);
        worker->open_count--;
    }
    worker->open[worker->open_count++] = (nj_recorder_open){event->lease, now_ms, false};
    worker->leases++;
    bin_at(r, now_ms)->leases++;
    mark(r, worker, now_ms, 0);
}

static void note_second(nj_recorder *r, nj_recorder_worker *worker, const nj_note *event,
                        uint64_t now_ms)
{
    for (uint32_t i = 0; i < worker->open_count; i++) {
        if (worker->open[i].lease.piece == event->lease.piece &&
            worker->open[i].lease.attempt == event->lease.attempt) {
            worker->open[i].second = true;
        }
    }
    worker->seconds++;
    r->seconds++;
    bin_at(r, now_ms)->seconds++;
    mark(r, worker, now_ms, NJ_STRIP_SECOND);
}

// Takes the lease out of those that are open. False: the worker does not hold it.
static bool close_lease(nj_recorder *r, nj_recorder_worker *worker, const nj_note_lease *which,
                        uint64_t now_ms, nj_recorder_open *out)
{
    note_busy(r, worker, now_ms);
    for (uint32_t i = 0; i < worker->open_count; i++) {
        nj_recorder_open *open = &worker->open[i];
        if (open->lease.piece == which->piece && open->lease.attempt == which->attempt) {
            *out = *open;
            worker->open_count--;
            memmove(open, open + 1, (worker->open_count - i) * sizeof *open);
            return true;
        }
    }
    return false;
}

static void add_span(nj_recorder *r, uint32_t index, const nj_note *event,
                     const nj_recorder_open *open, uint64_t began_ms, uint64_t now_ms)
{
    r->span_total++;
    if (r->span_count < NJ_RECORDER_SPANS_MAX) {
        r->spans[r->span_count++] = (nj_recorder_span){.worker = index,
                                                       .end = event->kind,
                                                       .lease = open->lease,
                                                       .second = open->second,
                                                       .leased_ms = open->since_ms,
                                                       .began_ms = began_ms,
                                                       .ended_ms = now_ms};
    }
}

static void deliver(nj_recorder *r, nj_recorder_worker *worker, const nj_recorder_open *open,
                    uint64_t began_ms, uint64_t now_ms)
{
    const uint64_t work_ms = now_ms - began_ms;
    worker->seconds_won += open->second;
    r->seconds_won += open->second;
    worker->work_ms += work_ms;
    worker->work_ms_max = max_u64(worker->work_ms_max, work_ms);
    add_duration(&r->latency, now_ms - open->since_ms);
    add_duration(&r->work, work_ms);
}

static void end_lease(nj_recorder *r, uint32_t index, const nj_note *event, uint64_t now_ms)
{
    nj_recorder_worker *worker = &r->workers[index];
    nj_recorder_open open = {0};
    const bool held = close_lease(r, worker, &event->lease, now_ms, &open);
    switch (event->kind) {
    case NJ_NOTE_FAILED:
        worker->failures++;
        bin_at(r, now_ms)->failures++;
        mark(r, worker, now_ms, NJ_STRIP_FAILED);
        break;
    case NJ_NOTE_LOST:
        worker->losses++;
        bin_at(r, now_ms)->losses++;
        mark(r, worker, now_ms, NJ_STRIP_LOST);
        break;
    case NJ_NOTE_RETURNED:
        worker->returns++;
        return;
    case NJ_NOTE_DUPLICATE:
        worker->duplicates++;
        break;
    default: // ROWS, also of a lease that was lost meanwhile
        worker->shards++;
        worker->users += event->lease.audit ? 0 : event->lease.count;
        break;
    }
    if (!held) {
        return;
    }
    const uint64_t began_ms = max_u64(open.since_ms, worker->delivered_ms);
    add_span(r, index, event, &open, began_ms < now_ms ? began_ms : now_ms, now_ms);
    if (event->kind == NJ_NOTE_ROWS) {
        deliver(r, worker, &open, began_ms < now_ms ? began_ms : now_ms, now_ms);
    }
    worker->delivered_ms = now_ms;
    worker->last_ms = max_u64(worker->last_ms, now_ms);
}

// ---- incidents ----

static bool is_incident(const nj_note *event)
{
    switch (event->kind) {
    case NJ_NOTE_GONE:
        return !event->expected;
    case NJ_NOTE_BENCHED:
    case NJ_NOTE_SECOND:
    case NJ_NOTE_FAILED:
    case NJ_NOTE_LOST:
    case NJ_NOTE_SPLIT:
    case NJ_NOTE_QUARANTINED:
    case NJ_NOTE_DIVERGED:
    case NJ_NOTE_PAUSED:
    case NJ_NOTE_CONTINUED:
    case NJ_NOTE_BEGUN:
    case NJ_NOTE_ENDED:
        return true;
    default:
        return false;
    }
}

// The first ones stay; of the others the last.
static uint64_t incident_place(uint64_t number)
{
    return number < NJ_RECORDER_INCIDENTS_FIRST
               ? number
               : NJ_RECORDER_INCIDENTS_FIRST +
                     (number - NJ_RECORDER_INCIDENTS_FIRST) % NJ_RECORDER_INCIDENTS_LAST;
}

static void add_incident(nj_recorder *r, uint32_t worker, const nj_note *event, uint64_t now_ms)
{
    nj_recorder_incident *incident = &r->incidents[incident_place(r->incident_total++)];
    *incident = (nj_recorder_incident){
        .at_ms = now_ms, .kind = event->kind, .worker = worker, .lease = event->lease};
    copy_text(incident->text, sizeof incident->text, event->text);
}

uint32_t nj_recorder_incident_count(const nj_recorder *recorder)
{
    const uint64_t room = NJ_RECORDER_INCIDENTS_FIRST + NJ_RECORDER_INCIDENTS_LAST;
    return (uint32_t)(recorder->incident_total < room ? recorder->incident_total : room);
}

const nj_recorder_incident *nj_recorder_incident_at(const nj_recorder *recorder, uint32_t index)
{
    const uint64_t missing = recorder->incident_total - nj_recorder_incident_count(recorder);
    return &recorder->incidents[incident_place(
        index < NJ_RECORDER_INCIDENTS_FIRST ? index : index + missing)];
}

// ---- events ----

static void step_worker(nj_recorder *r, uint32_t index, const nj_note *event, uint64_t now_ms)
{
    nj_recorder_worker *worker = &r->workers[index];
    switch (event->kind) {
    case NJ_NOTE_BENCHED:
        worker->benches++;
        mark(r, worker, now_ms, NJ_STRIP_BENCHED);
        break;
    case NJ_NOTE_MEMORY:
        set_memory(r, worker, event->memory);
        note_busy(r, worker, now_ms);
        break;
    case NJ_NOTE_LEASED:
        lease(r, worker, event, now_ms);
        break;
    case NJ_NOTE_SECOND:
        note_second(r, worker, event, now_ms);
        break;
    case NJ_NOTE_ROWS:
    case NJ_NOTE_FAILED:
    case NJ_NOTE_LOST:
    case NJ_NOTE_RETURNED:
    case NJ_NOTE_DUPLICATE:
        end_lease(r, index, event, now_ms);
        break;
    default:
        break;
    }
}

static void count_past(nj_recorder *r, const nj_note *event, uint64_t now_ms)
{
    const uint32_t index = take_worker(r, event->name, now_ms);
    r->past_users += event->lease.count;
    if (index != NOBODY) {
        nj_recorder_worker *worker = &r->workers[index];
        worker->shards++;
        worker->users += event->lease.count;
        worker->first_ms = now_ms < worker->first_ms ? now_ms : worker->first_ms;
        worker->last_ms = max_u64(worker->last_ms, now_ms);
        add_span(r, index, event, &(nj_recorder_open){.lease = event->lease, .since_ms = now_ms},
                 now_ms, now_ms);
    }
}

static void step_night(nj_recorder *r, const nj_note *event, uint64_t now_ms)
{
    nj_recorder_bin *bin = bin_at(r, now_ms);
    switch (event->kind) {
    case NJ_NOTE_STORED:
    case NJ_NOTE_PAST:
        bin->users += event->lease.count;
        bin->shards++;
        break;
    case NJ_NOTE_QUARANTINED:
        bin->quarantined += event->lease.count;
        break;
    case NJ_NOTE_SAMPLE:
        bin->memory = max_u64(bin->memory, event->memory);
        break;
    case NJ_NOTE_PAUSED:
        r->paused = true;
        r->paused_since_ms = now_ms;
        break;
    case NJ_NOTE_CONTINUED:
        bin->paused_ms += r->paused ? (uint32_t)(now_ms - r->paused_since_ms) : 0;
        r->paused = false;
        break;
    default:
        break;
    }
    if (event->kind != NJ_NOTE_PAST) { // what is there now
        bin->workers = max_u32(bin->workers, r->here_count);
        bin->workers_memory = max_u64(bin->workers_memory, r->workers_memory);
    }
}

void nj_recorder_step(nj_recorder *recorder, const nj_note *event, uint64_t now_ms)
{
    nj_recorder *r = recorder;
    if (r->slots == NULL) {
        return;
    }
    const uint64_t at_ms = now_ms < NJ_RECORDER_MS_MAX ? now_ms : NJ_RECORDER_MS_MAX;
    reach(r, at_ms);
    r->counts[event->kind]++;
    const uint32_t index = find_worker(r, event->worker);
    if (is_incident(event)) {
        add_incident(r, index, event, at_ms);
    }
    if (event->kind == NJ_NOTE_JOINED) {
        join(r, event, at_ms);
    } else if (event->kind == NJ_NOTE_GONE) {
        leave(r, event, at_ms);
    } else if (event->kind == NJ_NOTE_PAST) {
        count_past(r, event, at_ms);
    } else if (index != NOBODY) {
        step_worker(r, index, event, at_ms);
    }
    step_night(r, event, at_ms);
}
