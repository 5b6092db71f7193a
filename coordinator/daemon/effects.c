#include "coordinator/daemon/effects.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/codec/shard.h"

#define HEARTBEATS_A_LEASE 5  // one may be late without the lease running out
#define HEARTBEAT_MS_MAX 1000 // a dead worker is found after one and a half of them

uint32_t nj_night_heartbeat_ms(const nj_night_options *options)
{
    const uint32_t interval_ms = options->lease_ms / HEARTBEATS_A_LEASE;
    return interval_ms < HEARTBEAT_MS_MAX ? interval_ms : HEARTBEAT_MS_MAX;
}

static const char *worker_name(const nj_night *n, nj_worker_id id)
{
    return nj_roster_name(&n->dispatch->roster, id);
}

static void send_to(nj_night *n, const nj_dispatch_effect *effect, const nj_message *message)
{
    nj_error err = {0};
    nj_status status = nj_router_send_message(n->router, &effect->peer, message, &err);
    if (status != NJ_OK && effect->worker != 0) {
        nj_dispatch_unreachable(n->dispatch, effect->worker, nj_clock_mono_ns());
    }
}

static void send_welcome(nj_night *n, const nj_dispatch_effect *effect)
{
    const nj_sections *sections = nj_bundle_sections(n->job->bundle);
    nj_message message = {.kind = NJ_MESSAGE_WELCOME};
    nj_message_welcome *welcome = &message.welcome;
    NJ_FAILPOINT_HIT(WELCOME_DUE);
    welcome->run_id = nj_slice_from(n->run_id);
    welcome->epoch = nj_staging_epoch(n->stage.staging);
    welcome->plan = n->plan.digest;
    welcome->numeric_class = nj_slice_from(n->options->numeric_class);
    welcome->settings = nj_buffer_slice(&n->settings_bytes);
    welcome->heartbeat_ms = nj_night_heartbeat_ms(n->options);
    welcome->lease_ms = n->options->lease_ms;
    welcome->sections_count = (uint32_t)sections->count;
    for (size_t i = 0; i < sections->count; i++) {
        welcome->sections[i] =
            (nj_wire_section){nj_slice_from(sections->sections[i].name), sections->sections[i].size,
                              sections->sections[i].digest};
    }
    send_to(n, effect, &message);
    nj_log(NJ_LOG_INFO, "%s joins, %u workers", worker_name(n, effect->worker),
           n->dispatch->roster.count);
}

static void send_lease(nj_night *n, const nj_dispatch_effect *effect)
{
    const uint32_t shard = effect->lease.shard;
    const size_t count = nj_plan_shard_users(&n->plan, shard);
    nj_request *requests = malloc(count * sizeof *requests);
    nj_buffer_clear(&n->users_bytes);
    nj_status status = requests != NULL ? NJ_OK : NJ_NO_MEMORY;
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        requests[i] = nj_plan_request(&n->plan, shard, i);
    }
    if (status == NJ_OK) {
        status = nj_users_pack(requests, count, &n->users_bytes);
    }
    free(requests);
    if (status != NJ_OK) {
        nj_log(NJ_LOG_ERROR, "shard %u cannot be packed: %s", shard, nj_status_sentence(status));
        nj_dispatch_unreachable(n->dispatch, effect->worker, nj_clock_mono_ns());
        return;
    }
    nj_message message = {.kind = NJ_MESSAGE_LEASE,
                          .lease = {.shard = shard,
                                    .attempt = effect->lease.attempt,
                                    .epoch = nj_staging_epoch(n->stage.staging),
                                    .user_count = (uint32_t)count,
                                    .users = nj_buffer_slice(&n->users_bytes)}};
    send_to(n, effect, &message);
    NJ_FAILPOINT_HIT(LEASE_SENT);
}

static void send_chunk(nj_night *n, const nj_dispatch_effect *effect)
{
    const nj_message_fetch *fetch = &effect->message.fetch;
    const nj_sections *sections = nj_bundle_sections(n->job->bundle);
    for (size_t i = 0; i < sections->count; i++) {
        const nj_section *section = &sections->sections[i];
        if (!nj_digest_equal(&section->digest, &fetch->section) || fetch->offset > section->size ||
            fetch->length > section->size - fetch->offset) {
            continue;
        }
        nj_message message = {
            .kind = NJ_MESSAGE_CHUNK,
            .chunk = {.section = fetch->section,
                      .offset = fetch->offset,
                      .bytes = {(const char *)section->bytes + fetch->offset, fetch->length}}};
        send_to(n, effect, &message);
        return;
    }
    nj_error err = {0};
    nj_fail(&err, NJ_PROTOCOL, "FETCH: no such bytes in the bundle");
    nj_dispatch_broken(n->dispatch, &effect->peer, &err, nj_clock_mono_ns());
}

static void store_rows(nj_night *n, const nj_dispatch_effect *effect)
{
    nj_error err = {0};
    nj_status status = nj_stage_add(&n->stage, n->result, worker_name(n, effect->worker), &err);
    if (status != NJ_OK) {
        nj_log(NJ_LOG_ERROR, "%s", err.text);
        status = nj_dispatch_stored(n->dispatch, effect->lease.shard, false, nj_clock_mono_ns());
    }
}

static void note_failed_shard(nj_night *n, uint32_t shard)
{
    nj_log(NJ_LOG_ERROR, "shard %u has no tries left", shard);
    n->failed_shard = shard;
}

static void perform(nj_night *n, const nj_dispatch_effect *effect)
{
    switch (effect->kind) {
    case NJ_DISPATCH_SEND:
        send_to(n, effect, &effect->message);
        break;
    case NJ_DISPATCH_SEND_WELCOME:
        send_welcome(n, effect);
        break;
    case NJ_DISPATCH_SEND_LEASE:
        send_lease(n, effect);
        break;
    case NJ_DISPATCH_SEND_CHUNK:
        send_chunk(n, effect);
        break;
    case NJ_DISPATCH_WRITE_ROWS:
        store_rows(n, effect);
        break;
    case NJ_DISPATCH_FAILURE:
        nj_log(NJ_LOG_WARNING, "%s failed shard %u: %.*s (%s)", worker_name(n, effect->worker),
               effect->lease.shard, NJ_SLICE_ARGS(effect->text), nj_status_name(effect->status));
        break;
    case NJ_DISPATCH_LOSS:
        nj_log(NJ_LOG_WARNING,
               "shard %u goes to another worker: %s is gone or made no progress for %u ms "
               "(--lease-ms)",
               effect->lease.shard, worker_name(n, effect->worker), n->options->lease_ms);
        break;
    case NJ_DISPATCH_SHARD_FAILED:
        note_failed_shard(n, effect->lease.shard);
        break;
    case NJ_DISPATCH_ALARM:
        n->diverged = true;
        nj_log(NJ_LOG_ERROR,
               "%s gave other rows for shard %u than those that are stored: one of two workers "
               "computes wrongly",
               worker_name(n, effect->worker), effect->lease.shard);
        break;
    case NJ_DISPATCH_WORKER_GONE:
        nj_log(effect->status == NJ_OK ? NJ_LOG_INFO : NJ_LOG_WARNING, "%s %s, %u workers",
               worker_name(n, effect->worker), effect->status == NJ_OK ? "leaves" : "has vanished",
               n->dispatch->roster.count);
        break;
    }
}

void nj_night_perform(nj_night *n)
{
    nj_dispatch_effect effect;
    while (nj_dispatch_next(n->dispatch, nj_clock_mono_ns(), &effect)) {
        perform(n, &effect);
    }
}
