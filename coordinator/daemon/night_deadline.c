#include "coordinator/daemon/night_deadline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/pin.h"
#include "common/store/schema.h"
#include "coordinator/daemon/carry.h"

#define CLOCK_BYTES 32

// Other words than those that are noted make another deadline; the same words are the one that the night has.
static void take_options(const nj_night_options *options, nj_staging_deadline *deadline)
{
    if (options->deadline != NULL && strcmp(options->deadline, deadline->text) != 0) {
        snprintf(deadline->text, sizeof deadline->text, "%s", options->deadline);
        deadline->at_ms = options->deadline_ms;
    }
    if (options->on_deadline != NJ_ON_DEADLINE_UNSAID) {
        deadline->carries = options->on_deadline == NJ_ON_DEADLINE_CARRY;
    }
    if (options->carry_max_given || deadline->from[0] == '\0') {
        deadline->carry_max = options->carry_max;
    }
}

static nj_status pin_current(const nj_night *n, nj_staging_deadline *deadline, nj_error *err)
{
    const char *store_dir = n->options->store_dir;
    nj_store_name name;
    nj_path staging;
    nj_status status = nj_store_current(store_dir, &name, err);
    if (status == NJ_NOT_FOUND) {
        nj_log(NJ_LOG_WARNING,
               "--on-deadline carry: nothing has been published in %s yet: at the deadline the "
               "night is held",
               store_dir);
        return NJ_OK;
    }
    if (status == NJ_OK) {
        status = nj_path_join(store_dir, NJ_STORE_WORDS.STAGING, &staging, err);
    }
    if (status == NJ_OK) {
        status = nj_store_pin(store_dir, name.text, staging.text, err);
    }
    if (status == NJ_OK) {
        memcpy(deadline->from, name.text, strlen(name.text) + 1);
    }
    return status;
}

static void tell_deadline(const nj_night *n)
{
    char clock[CLOCK_BYTES];
    const nj_staging_deadline *deadline = &n->deadline;
    const time_t at_s = (time_t)(deadline->at_ms / 1000);
    struct tm at;
    if (deadline->at_ms == 0) {
        return;
    }
    strftime(clock, sizeof clock, "%Y-%m-%d %H:%M:%S", localtime_r(&at_s, &at));
    nj_log(NJ_LOG_INFO, "the deadline is %s: then %s%s", clock,
           deadline->carries ? "who is not done keeps the row of " : "the night is held",
           deadline->carries ? deadline->from : "");
}

nj_status nj_night_open_deadline(nj_night *n, nj_error *err)
{
    nj_staging_deadline noted;
    nj_status status = nj_staging_deadline_get(n->stage.staging, &noted, err);
    if (status != NJ_OK) {
        return status;
    }
    n->deadline = noted;
    take_options(n->options, &n->deadline);
    if (n->deadline.at_ms > 0 && n->deadline.carries && n->deadline.from[0] == '\0') {
        status = pin_current(n, &n->deadline, err);
    }
    if (status == NJ_OK && memcmp(&noted, &n->deadline, sizeof noted) != 0 &&
        (n->deadline.text[0] != '\0' || noted.text[0] != '\0')) {
        status = nj_staging_deadline_set(n->stage.staging, &n->deadline, err);
    }
    if (status == NJ_OK) {
        tell_deadline(n);
    }
    return status;
}

bool nj_night_is_late(const nj_night *n)
{
    return n->deadline.at_ms > 0 && nj_clock_wall_ms() >= n->deadline.at_ms;
}

nj_status nj_night_hold(const nj_night *n, const char *why, nj_error *err)
{
    const nj_ledger_counts *counts = &n->exchange.dispatch->ledger.counts;
    const uint64_t done = counts->committed_users + n->plan.copied_count;
    return nj_fail(err, NJ_AGAIN,
                   "the deadline (--deadline %s) has passed with %" PRIu64 " of %" PRIu64
                   " users done, %" PRIu64
                   " of the others given up: %s. The night is held: readers keep what they have, "
                   "and what is done is kept. Go on with --resume and another --deadline (none: "
                   "without one)%s",
                   n->deadline.text, done, n->summary.users, counts->quarantined_users, why,
                   n->deadline.carries
                       ? ", or with a larger --carry-max or --quarantine-max"
                       : ", or with --resume --on-deadline carry, which lets the others keep "
                         "yesterday's rows");
}

// What a store that fails has not taken yet waits as long as it does in the night.
nj_status nj_night_settle(nj_night *n, nj_error *err)
{
    nj_status status = NJ_OK;
    while (status == NJ_OK && !nj_stage_is_empty(&n->stage)) {
        status = nj_night_wait_for_store(n, err);
        if (status == NJ_OK) {
            status = nj_night_commit(n, err);
        }
    }
    if (status == NJ_OK && n->broken != NJ_OK) {
        status = nj_fail(err, n->broken, "%s", n->broken_err.text);
    }
    return status;
}

nj_status nj_night_meet_deadline(nj_night *n, nj_error *err)
{
    nj_status status = nj_night_settle(n, err);
    if (status != NJ_OK || nj_night_users_done(n) == n->plan.user_count) {
        return status; // a sample that was being decoded again is left out
    }
    return n->deadline.carries ? nj_night_carry(n, err)
                               : nj_night_hold(n, "--on-deadline is hold", err);
}
