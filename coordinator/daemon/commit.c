// commit.c - writing what waits in the stage, and waiting while the store cannot be written.
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/log.h"
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
        nj_dispatch_pause(n->dispatch, true);
        nj_log(NJ_LOG_ERROR,
               "paused: %s. Make room or mend the disk: the night goes on by itself when it can "
               "write, and ends after %" PRIu64 " s without",
               err->text, (uint64_t)n->options->storage_wait_ms / 1000);
    } else {
        nj_log(NJ_LOG_WARNING, "still paused after %.1f s: %s",
               (double)(now_ns - n->pause.since_ns) / 1e9, err->text);
    }
    return NJ_OK;
}

void nj_night_go_on(nj_night *n)
{
    const uint64_t length_ns = nj_pause_end(&n->pause, nj_clock_mono_ns());
    if (length_ns > 0) {
        nj_dispatch_pause(n->dispatch, false);
        nj_log(NJ_LOG_INFO, "the store can be written again after %.1f s: the night goes on",
               (double)length_ns / 1e9);
    }
}

static nj_status note_outcome(nj_night *n, const nj_staged_piece *piece, nj_commit_outcome outcome,
                              nj_error *err)
{
    if (outcome == NJ_COMMIT_DIVERGED) {
        n->diverged = true;
        nj_log(NJ_LOG_ERROR, "shard %u is already stored with other rows: they stay as they are",
               piece->range.shard);
    }
    nj_status status = nj_dispatch_stored(n->dispatch, piece->index, true, nj_clock_mono_ns());
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "piece %u was not being written", piece->index);
}

nj_status nj_night_commit(nj_night *n, nj_error *err)
{
    nj_commit_outcome outcomes[NJ_STAGE_PIECES_MAX];
    if (nj_stage_is_empty(&n->stage) || !nj_pause_is_due(&n->pause, nj_clock_mono_ns())) {
        return NJ_OK;
    }
    nj_status status = nj_stage_commit(&n->stage, outcomes, err);
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
    nj_night_perform(n);
    return status;
}
