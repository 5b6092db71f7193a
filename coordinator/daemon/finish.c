// finish.c - the end of a night whose users are done: whether it may be published, and publishing it.
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "coordinator/daemon/actual.h"
#include "coordinator/daemon/effects.h"
#include "coordinator/daemon/gates_after.h"
#include "coordinator/daemon/gates_before.h"
#include "coordinator/daemon/summary.h"

#define LOOK_MS 100 // at signals, while the store is waited for

bool nj_night_is_over_budget(const nj_night *n)
{
    const nj_ledger_counts *counts = &n->exchange.dispatch->ledger.counts;
    return counts->quarantined_users > n->options->quarantine_max ||
           (counts->quarantined_users > 0 && counts->committed_users + counts->carried_users == 0 &&
            n->plan.copied_count == 0);
}

static void fill_summary(nj_night *n)
{
    nj_night_summary *out = &n->summary;
    const nj_ledger_counts *counts = &n->exchange.dispatch->ledger.counts;
    out->carried = counts->carried_users + n->missing.count;
    out->rows = counts->committed_users + n->plan.copied_count + out->carried;
    out->carried_age = n->stage.carried_age;
    snprintf(out->carried_from.text, sizeof out->carried_from.text, "%s",
             n->deadline.from[0] != '\0' ? n->deadline.from : n->missing.name.text);
    out->leases = counts->leases;
    out->retries = n->exchange.counts.later_leases > counts->speculations
                       ? n->exchange.counts.later_leases - counts->speculations
                       : 0;
    out->losses = counts->losses;
    out->duplicates = counts->duplicates;
    out->speculations = counts->speculations;
    out->speculations_won = counts->speculations_won;
    out->splits = counts->splits;
    out->benched = counts->benches;
    out->paused_seconds = (double)nj_pause_total_ns(&n->pause, nj_clock_mono_ns()) / 1e9;
}

static nj_status fail_over_budget(const nj_night *n, nj_slice names, nj_error *err)
{
    const uint64_t count = n->summary.quarantined;
    if (n->summary.rows == 0) {
        return nj_fail(err, NJ_FAILED,
                       "no user could be decoded, %" PRIu64 " were tried (%.*s%s; see above): "
                       "nothing is published and nothing kept",
                       count, NJ_SLICE_ARGS(names),
                       count > NJ_SUMMARY_NAMES_MAX ? " and others" : "");
    }
    return nj_fail(err, NJ_FAILED,
                   "users whom no worker could decode: %" PRIu64 ", --quarantine-max is %u. They "
                   "are %.*s%s. Nothing is published, the others' rows are kept: --resume "
                   "--quarantine-max %" PRIu64 " publishes without them, --resume "
                   "--retry-quarantined tries them again",
                   count, n->options->quarantine_max, NJ_SLICE_ARGS(names),
                   count > NJ_SUMMARY_NAMES_MAX ? " and others" : "", count);
}

// Whether the night may be published, and the list of those who are left out.
static nj_status judge_night(nj_night *n, nj_error *err)
{
    nj_buffer names;
    if (n->diverged) {
        return nj_fail(
            err, NJ_REFUSED,
            "two workers gave different rows for a shard: nothing is published (see above)");
    }
    if (n->audit_failed) {
        return nj_fail(err, NJ_FAILED,
                       "users who had been decoded could not be decoded again: %s. Nothing is "
                       "published: --resume tries it again, with --audit-users 0 it is left out",
                       n->trouble.text);
    }
    nj_buffer_init(&names, NJ_SUMMARY_NAMES_MAX * (NJ_ID_BYTES_MAX + 4));
    nj_status status = nj_night_list_quarantined(n->stage.staging, &n->summary, &names, err);
    if (status == NJ_OK && nj_night_is_over_budget(n)) {
        status = fail_over_budget(n, nj_buffer_slice(&names), err);
    }
    nj_buffer_fini(&names);
    return status;
}

nj_status nj_night_wait_for_store(nj_night *n, nj_error *err)
{
    const struct timespec tick = {.tv_nsec = LOOK_MS * 1000000};
    while (!nj_pause_is_due(&n->pause, nj_clock_mono_ns())) {
        nj_status status = nj_night_check_signal(err);
        if (status != NJ_OK) {
            return status;
        }
        nanosleep(&tick, NULL);
    }
    return NJ_OK;
}

static nj_status publish_rows(nj_night *n, nj_error *err)
{
    const uint64_t staged = n->summary.rows - n->summary.copied - n->missing.count;
    nj_status status = nj_stage_publish(&n->stage, staged, err);
    while (status == NJ_IO) {
        status = nj_night_pause(n, err);
        if (status != NJ_OK) {
            return status;
        }
        status = nj_night_wait_for_store(n, err);
        if (status == NJ_OK) {
            status = nj_stage_publish(&n->stage, staged, err);
        }
    }
    if (status == NJ_OK) {
        nj_night_go_on(n);
    }
    return status;
}

static nj_status judge_lists(void *context, const nj_store_name *generation, bool *out_held,
                             nj_error *err)
{
    nj_night *n = context;
    nj_gate_findings findings = {0};
    nj_status status = nj_gates_after(&n->options->gates, n->options->store_dir, generation, n->job,
                                      &findings, err);
    if (status == NJ_OK) {
        nj_gates_log(&findings);
        nj_gates_add(&n->summary.gates, &findings);
        *out_held = findings.failed > 0;
    }
    return status;
}

// The last look before readers see it: every user is exactly one of committed, copied, carried and quarantined.
static nj_status check_sum(const nj_night *n, nj_error *err)
{
    const nj_night_summary *s = &n->summary;
    const nj_ledger_counts *counts = &n->exchange.dispatch->ledger.counts;
    const uint64_t sum = counts->committed_users + s->copied + s->carried + s->quarantined;
    if (sum == s->users && s->quarantined == counts->quarantined_users) {
        return NJ_OK;
    }
    return nj_fail(err, NJ_REFUSED,
                   "the night has %" PRIu64 " users; %" PRIu64 " are committed, %" PRIu64
                   " copied, %" PRIu64 " carried over and %" PRIu64 " quarantined (%" PRIu64
                   " by the ledger): nothing is published",
                   s->users, counts->committed_users, s->copied, s->carried, s->quarantined,
                   counts->quarantined_users);
}

// Published, but not with a decoded list for everybody.
static nj_status tell_partial(const nj_night *n, nj_error *err)
{
    const nj_night_summary *s = &n->summary;
    if (s->quarantined + s->carried == 0) {
        return NJ_OK;
    }
    return s->carried == 0
               ? nj_fail(err, NJ_PARTIAL,
                         "%s is published; users quarantined, and without a list: %" PRIu64,
                         n->stage.name.text, s->quarantined)
               : nj_fail(err, NJ_PARTIAL,
                         "%s is published; users quarantined, and without a list: %" PRIu64
                         "; users with the list of an earlier night: %" PRIu64,
                         n->stage.name.text, s->quarantined, s->carried);
}

// The night is over and its work is kept: a person decides.
static nj_status fail_held(nj_night *n, nj_error *err)
{
    nj_error why = {0};
    n->summary.held = n->stage.name;
    const nj_status status = nj_gates_verdict(&n->summary.gates, &why);
    return nj_fail(err, status,
                   "%s is packed and verified, and not published; %s. Readers keep what they have. "
                   "If the lists are right: nightjar store publish --store %s %s",
                   n->stage.name.text, why.text, n->options->store_dir, n->stage.name.text);
}

// A night is not lost for want of what it is to be compared with.
static nj_status write_controls(void *context, const char *folder, nj_error *err)
{
    nj_night *n = context;
    nj_error why = {0};
    uint64_t users = 0;
    const uint64_t start_ns = nj_clock_mono_ns();
    const nj_status status = nj_controls_make(n->job, &n->options->controls, folder, &users, &why);
    if (status == NJ_IO) {
        return nj_fail(err, status, "%s", why.text); // waited for, as all that is not written
    }
    if (status != NJ_OK) {
        nj_log(NJ_LOG_WARNING, "no control lists are kept with this night: %s", why.text);
        return NJ_OK;
    }
    nj_log(NJ_LOG_INFO, "control lists of %" PRIu64 " users are kept for the grade (%.1f s)", users,
           (double)(nj_clock_mono_ns() - start_ns) / 1e9);
    return NJ_OK;
}

nj_status nj_night_publish(nj_night *n, nj_error *err)
{
    const nj_store_beside controls = {n, write_controls};
    if (n->options->controls.count > 0) {
        nj_staging_beside_set(n->stage.staging, &controls);
    }
    n->stage.judge = judge_lists;
    n->stage.judge_context = n;
    fill_summary(n);
    nj_status status = judge_night(n, err);
    if (status == NJ_OK) {
        status = check_sum(n, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    const uint64_t start_ns = nj_clock_mono_ns();
    status = publish_rows(n, err);
    fill_summary(n); // for the pauses
    n->summary.publish_seconds = (double)(nj_clock_mono_ns() - start_ns) / 1e9;
    if (status != NJ_OK) {
        return status;
    }
    nj_actual_tell(n);
    if (n->stage.is_held) {
        return fail_held(n, err);
    }
    n->summary.generation = n->stage.name;
    return tell_partial(n, err);
}
