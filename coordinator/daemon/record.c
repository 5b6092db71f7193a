#include "coordinator/daemon/record.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/resident.h"
#include "common/store/schema.h"

#define NS_PER_MS UINT64_C(1000000)
#define BYTES_PER_MIB ((uint64_t)1 << 20)

static uint64_t now_ms(const nj_record *record)
{
    return record->offset_ms + (nj_clock_mono_ns() - record->mono_ns) / NS_PER_MS;
}

// ---- opening ----

// A process that ended in order says so at its end; one that was killed left its last commit.
static void note_processes(nj_record *record)
{
    for (size_t i = 0; i < record->processes.count; i++) {
        const nj_process *process = &record->processes.processes[i];
        const uint64_t ms = process->began_ms > record->began_wall_ms
                                ? process->began_ms - record->began_wall_ms
                                : 0;
        char text[64];
        const int size = snprintf(text, sizeof text, "process %zu of the night", i + 1);
        nj_recorder_step(&record->recorder,
                         &(nj_note){.kind = NJ_NOTE_BEGUN, .text = {text, (size_t)size}}, ms);
        if (process->ended_ms >= record->began_wall_ms) {
            nj_recorder_step(&record->recorder,
                             &(nj_note){.kind = NJ_NOTE_ENDED, .text = nj_slice_from(process->end)},
                             process->ended_ms - record->began_wall_ms);
        }
    }
}

void nj_record_open(nj_record *record, const char *store_dir, uint64_t epoch)
{
    nj_error err = {0};
    const uint64_t wall_ms = nj_clock_wall_ms();
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.STAGING, &record->staging_dir, &err);
    if (status == NJ_OK) {
        status = nj_recorder_init(&record->recorder, NJ_EXCHANGE_WORKERS_MAX, &err);
    }
    if (status != NJ_OK) {
        nj_log(NJ_LOG_WARNING, "the night is not recorded: %s", err.text);
        return;
    }
    nj_processes_read(record->staging_dir.text, &record->processes);
    nj_processes_begin(&record->processes, record->staging_dir.text, epoch, wall_ms);
    const uint64_t first_ms = record->processes.processes[0].began_ms;
    record->epoch = epoch;
    record->began_wall_ms = first_ms < wall_ms ? first_ms : wall_ms; // a clock may have gone back
    record->offset_ms = wall_ms - record->began_wall_ms;
    record->mono_ns = nj_clock_mono_ns();
    note_processes(record);
}

void nj_record_close(nj_record *record)
{
    nj_recorder_fini(&record->recorder);
}

void nj_record_past(nj_record *record, const nj_ledger_record *ledger_record)
{
    if (ledger_record->state != NJ_STORED_COMMITTED || record->began_wall_ms == 0) {
        return;
    }
    const uint64_t at_ms = ledger_record->finished_ms;
    const nj_note note = {
        .kind = NJ_NOTE_PAST,
        .name = ledger_record->worker,
        .lease = {.shard = (uint32_t)ledger_record->shard, .count = (uint32_t)ledger_record->rows}};
    nj_processes_count(&record->processes, at_ms, ledger_record->rows);
    nj_recorder_step(&record->recorder, &note,
                     at_ms > record->began_wall_ms ? at_ms - record->began_wall_ms : 0);
}

// ---- the night ----

static nj_note_lease make_lease(const nj_exchange *x, nj_wire_lease lease)
{
    const nj_piece_range range = nj_ledger_piece(&x->dispatch->ledger, lease.shard);
    return (nj_note_lease){.piece = lease.shard,
                           .attempt = lease.attempt,
                           .shard = range.shard,
                           .first = range.first,
                           .count = range.count,
                           .audit = range.audit};
}

static void note_of_lease(nj_record *record, const nj_exchange *x, const nj_dispatch_effect *effect,
                          nj_note_kind kind)
{
    const nj_note note = {.kind = kind,
                          .worker = effect->worker,
                          .lease = make_lease(x, effect->lease),
                          .text = effect->text};
    nj_recorder_step(&record->recorder, &note, now_ms(record));
}

static void note_joined(nj_record *record, const nj_exchange *x, const nj_dispatch_effect *effect)
{
    const nj_worker *worker = nj_roster_find(&x->dispatch->roster, effect->worker);
    if (worker != NULL) {
        const nj_note note = {.kind = NJ_NOTE_JOINED,
                              .worker = effect->worker,
                              .name = worker->name,
                              .cores = worker->cores,
                              .memory = worker->memory_bytes};
        nj_recorder_step(&record->recorder, &note, now_ms(record));
    }
}

// Of what is sent only the answer to a second result of the same rows counts.
static void note_sent(nj_record *record, const nj_exchange *x, const nj_dispatch_effect *effect)
{
    const nj_message *message = &effect->message;
    if (message->kind == NJ_MESSAGE_ACK && message->ack.verdict == NJ_VERDICT_DUPLICATE) {
        nj_dispatch_effect twice = *effect;
        twice.lease = (nj_wire_lease){message->ack.shard, message->ack.attempt};
        twice.text = (nj_slice){NULL, 0};
        note_of_lease(record, x, &twice, NJ_NOTE_DUPLICATE);
    }
}

void nj_record_effect(nj_record *record, const nj_exchange *x, const nj_dispatch_effect *effect)
{
    switch (effect->kind) {
    case NJ_DISPATCH_SEND:
        note_sent(record, x, effect);
        break;
    case NJ_DISPATCH_SEND_WELCOME:
        note_joined(record, x, effect);
        break;
    case NJ_DISPATCH_SEND_LEASE:
        note_of_lease(record, x, effect, NJ_NOTE_LEASED);
        break;
    case NJ_DISPATCH_SPECULATED:
        note_of_lease(record, x, effect, NJ_NOTE_SECOND);
        break;
    case NJ_DISPATCH_FAILURE:
        note_of_lease(record, x, effect, NJ_NOTE_FAILED);
        break;
    case NJ_DISPATCH_LOSS:
        note_of_lease(record, x, effect, NJ_NOTE_LOST);
        break;
    case NJ_DISPATCH_SPLIT:
        note_of_lease(record, x, effect, NJ_NOTE_SPLIT);
        break;
    case NJ_DISPATCH_QUARANTINE:
        note_of_lease(record, x, effect, NJ_NOTE_QUARANTINED);
        break;
    case NJ_DISPATCH_ALARM:
        note_of_lease(record, x, effect, NJ_NOTE_DIVERGED);
        break;
    case NJ_DISPATCH_WORKER_GONE:
    case NJ_DISPATCH_WORKER_BENCHED:
        nj_recorder_step(&record->recorder,
                         &(nj_note){.kind = effect->kind == NJ_DISPATCH_WORKER_GONE
                                                ? NJ_NOTE_GONE
                                                : NJ_NOTE_BENCHED,
                                    .worker = effect->worker,
                                    .expected = effect->status == NJ_OK},
                         now_ms(record));
        break;
    default:
        break;
    }
}

void nj_record_message(nj_record *record, const nj_exchange *x, const nj_peer *peer,
                       const nj_message *message)
{
    if (message->kind != NJ_MESSAGE_HEARTBEAT && message->kind != NJ_MESSAGE_FAILED) {
        return;
    }
    const nj_worker *worker = nj_roster_find_peer(&x->dispatch->roster, peer);
    if (worker == NULL) {
        return;
    }
    if (message->kind == NJ_MESSAGE_HEARTBEAT) {
        const nj_note note = {.kind = NJ_NOTE_MEMORY,
                              .worker = worker->id,
                              .memory = message->heartbeat.resident_mib * BYTES_PER_MIB};
        nj_recorder_step(&record->recorder, &note, now_ms(record));
    } else if (message->failed.status == NJ_AGAIN &&
               nj_worker_holds(worker, message->failed.shard, message->failed.attempt)) {
        const nj_wire_lease lease = {message->failed.shard, message->failed.attempt};
        const nj_note note = {
            .kind = NJ_NOTE_RETURNED, .worker = worker->id, .lease = make_lease(x, lease)};
        nj_recorder_step(&record->recorder, &note, now_ms(record));
    }
}

void nj_record_rows(nj_record *record, const nj_exchange *x, const nj_dispatch_effect *effect)
{
    note_of_lease(record, x, effect, NJ_NOTE_ROWS);
}

void nj_record_stored(nj_record *record, const nj_piece_range *range, uint32_t piece)
{
    const nj_note note = {
        .kind = NJ_NOTE_STORED,
        .lease = {
            .piece = piece, .shard = range->shard, .first = range->first, .count = range->count}};
    if (record->processes.count > 0) {
        record->processes.processes[record->processes.count - 1].users += range->count;
    }
    nj_recorder_step(&record->recorder, &note, now_ms(record));
}

void nj_record_pause(nj_record *record, bool paused, const char *why)
{
    nj_recorder_step(
        &record->recorder,
        &(nj_note){.kind = paused ? NJ_NOTE_PAUSED : NJ_NOTE_CONTINUED, .text = nj_slice_from(why)},
        now_ms(record));
}

void nj_record_tick(nj_record *record)
{
    if (nj_recorder_wants_sample(&record->recorder, now_ms(record))) {
        nj_recorder_step(&record->recorder,
                         &(nj_note){.kind = NJ_NOTE_SAMPLE, .memory = nj_resident_bytes()},
                         now_ms(record));
    }
}

uint64_t nj_record_night_ms(const nj_record *record)
{
    return record->began_wall_ms > 0 ? now_ms(record) : 0;
}

// A staging area that is gone belongs to a night that was published: nobody asks how its last process ended.
void nj_record_end(nj_record *record, nj_status status)
{
    nj_processes_end(&record->processes, record->staging_dir.text, status, nj_clock_wall_ms());
}
