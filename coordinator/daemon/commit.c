// commit.c - writing what waits in the stage, and waiting while the store cannot be written.
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/codec/row_scan.h"
#include "coordinator/daemon/effects.h"

#define NS_PER_MS UINT64_C(1000000)

nj_status nj_night_pause(nj_night *n, nj_error *err)
{
    const uint64_t now_ns = nj_clock_mono_ns();
    const bool began = !n->pause.active;
    if (!nj_pause_fail(&n->pause, n->options->storage_wait_ms, now_ns)) {
        nj_error_prefix(err, "the store could not be written for %.1f s (--storage-wait-ms %u)",
                        (double)(now_ns - n->pause.since_ns) / 1e9, n->options->storage_wait_ms);
        return NJ_IO;
    }
    if (began) {
        nj_dispatch_pause(n->exchange.dispatch, true);
        nj_record_pause(&n->record, true, err->text);
        nj_log_event(NJ_EVENT_PAUSED,
                     NJ_FIELDS(nj_log_text("status", nj_status_name(NJ_IO)),
                               nj_log_uint("wait_ms", n->options->storage_wait_ms)),
                     "paused: %s. Make room or mend the disk: the night goes on by itself when it "
                     "can write, and ends after %" PRIu64 " s without",
                     err->text, (uint64_t)n->options->storage_wait_ms / 1000);
    } else {
        const uint64_t paused_ns = now_ns - n->pause.since_ns;
        nj_log_event(NJ_EVENT_COMMIT_FAILED,
                     NJ_FIELDS(nj_log_text("status", nj_status_name(NJ_IO)),
                               nj_log_uint("paused_ms", paused_ns / NS_PER_MS)),
                     "still paused after %.1f s: %s", (double)paused_ns / 1e9, err->text);
    }
    return NJ_OK;
}

void nj_night_go_on(nj_night *n)
{
    const uint64_t length_ns = nj_pause_end(&n->pause, nj_clock_mono_ns());
    if (length_ns > 0) {
        nj_dispatch_pause(n->exchange.dispatch, false);
        nj_record_pause(&n->record, false, "");
        nj_log_event(NJ_EVENT_CONTINUED, NJ_FIELDS(nj_log_uint("paused_ms", length_ns / NS_PER_MS)),
                     "the store can be written again after %.1f s: the night goes on",
                     (double)length_ns / 1e9);
    }
}

static void count_flags(const nj_staged_piece *piece, uint64_t counts[NJ_ROW_FLAGS_MAX])
{
    const nj_slice *rows = (const nj_slice *)piece->rows.bytes;
    for (uint32_t i = 0; i < piece->range.count; i++) {
        const uint32_t flags = nj_row_flags(rows[i]);
        for (unsigned bit = 0; flags >> bit != 0; bit++) {
            counts[bit] += flags >> bit & 1u;
        }
    }
}

static nj_status note_outcome(nj_night *n, const nj_staged_piece *piece, nj_commit_outcome outcome,
                              nj_error *err)
{
    if (outcome == NJ_COMMIT_DIVERGED) {
        nj_night_note_divergence(n);
        nj_log_event(NJ_EVENT_DIVERGENCE,
                     NJ_FIELDS(nj_log_uint("piece", piece->index),
                               nj_log_uint("shard", piece->range.shard),
                               nj_log_text("worker", piece->worker)),
                     "shard %u is already stored with other rows: they stay as they are",
                     piece->range.shard);
    }
    if (outcome == NJ_COMMIT_WRITTEN && piece->carried_from == NULL) {
        nj_record_stored(&n->record, &piece->range, piece->index);
    }
    if (outcome == NJ_COMMIT_WRITTEN) {
        count_flags(piece, n->summary.flag_counts);
    }
    nj_status status =
        piece->carried_from != NULL
            ? nj_dispatch_carry(n->exchange.dispatch, piece->index, NJ_CARRY_ALL)
            : nj_dispatch_stored(n->exchange.dispatch, piece->index, true, nj_clock_mono_ns());
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "piece %u was not being written", piece->index);
}

nj_status nj_night_commit(nj_night *n, nj_error *err)
{
    nj_commit_outcome outcomes[NJ_STAGE_PIECES_MAX];
    if (nj_stage_is_empty(&n->stage) || !nj_pause_is_due(&n->pause, nj_clock_mono_ns())) {
        return NJ_OK;
    }
    NJ_FAILPOINT_HIT(COMMIT_DUE);
    const uint64_t start_ns = nj_clock_mono_ns();
    nj_status status = nj_stage_commit(&n->stage, outcomes, err);
    if (status == NJ_OK) {
        nj_histogram_observe(&n->metrics.commit_duration, nj_clock_mono_ns() - start_ns);
    } else {
        n->metrics.commit_failures++;
    }
    if (status == NJ_IO) {
        return nj_night_pause(n, err); // everything waits where it is
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_night_go_on(n);
    for (size_t i = 0; i < n->stage.waiting_count && status == NJ_OK; i++) {
        status = note_outcome(n, &n->stage.waiting[i], outcomes[i], err);
    }
    nj_stage_clear(&n->stage);
    NJ_FAILPOINT_HIT(ACK_DUE);
    nj_exchange_perform(&n->exchange);
    return status;
}
