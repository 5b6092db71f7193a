#include "coordinator/daemon/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/shard.h"
#include "common/store/lock.h"

// One line for people; the digest beside it is what counts.
static void describe_settings(const nj_settings *settings, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "beam %u, top %u, history %u%s%s, temperature %g, cold users %s",
             settings->beam, settings->top, settings->history,
             settings->keep_history ? ", history kept" : "",
             settings->renormalise ? ", renormalised" : "", (double)settings->temperature,
             nj_cold_users_word(settings->cold_users));
}

static nj_status make_facts(const nj_job *job, const nj_plan *plan, nj_staging_facts *out,
                            nj_error *err)
{
    nj_buffer bytes;
    nj_buffer_init(&bytes, 4096);
    if (nj_settings_pack(&job->settings, &bytes) != NJ_OK) {
        nj_buffer_fini(&bytes);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the settings");
    }
    *out = (nj_staging_facts){.created_ms = nj_clock_wall_ms(),
                              .shard_count = plan->shard_count,
                              .user_count = plan->user_count,
                              .plan_digest = plan->digest,
                              .bundle_digest = nj_sections_digest(nj_bundle_sections(job->bundle)),
                              .settings_digest = nj_digest_of(bytes.bytes, bytes.size)};
    describe_settings(&job->settings, out->settings, sizeof out->settings);
    nj_buffer_fini(&bytes);
    return NJ_OK;
}

// What differs is named: a person changed one of three things.
static nj_status check_same_plan(const nj_staging_facts *found, const nj_staging_facts *wanted,
                                 nj_error *err)
{
    if (nj_digest_equal(&found->plan_digest, &wanted->plan_digest)) {
        return NJ_OK;
    }
    const char *what = !nj_digest_equal(&found->bundle_digest, &wanted->bundle_digest)
                           ? "the bundle"
                       : !nj_digest_equal(&found->settings_digest, &wanted->settings_digest)
                           ? "the settings"
                           : "the users or --shard-users";
    return nj_fail(err, NJ_CONFIG,
                   "the interrupted night was started with %zu users in %zu shards (%s); now it is "
                   "%zu in %zu: %s changed. "
                   "Give the old inputs, or remove the staging folder to begin anew",
                   (size_t)found->user_count, (size_t)found->shard_count, found->settings,
                   (size_t)wanted->user_count, (size_t)wanted->shard_count, what);
}

// Looked at before the area is opened, which takes the night from a process that runs it: other inputs must not do that.
static nj_status check_same_night(const char *store_dir, const nj_staging_facts *wanted,
                                  const char *numeric_class, nj_error *err)
{
    nj_staging_facts found;
    char found_class[NJ_STAGING_CLASS_BYTES_MAX + 1];
    nj_status status = nj_staging_peek(store_dir, &found, found_class, err);
    if (status == NJ_OK) {
        status = check_same_plan(&found, wanted, err);
    }
    if (status == NJ_OK && found_class[0] != '\0' && strcmp(found_class, numeric_class) != 0) {
        status =
            nj_fail(err, NJ_CONFIG,
                    "the interrupted night has the numeric class \"%s\", not \"%s\": give the old "
                    "--numeric-class, or remove the staging folder to begin anew",
                    found_class, numeric_class);
    }
    return status;
}

static nj_status open_staging(const char *store_dir, const nj_staging_facts *facts,
                              const char *numeric_class, bool resume, nj_staging **out,
                              nj_error *err)
{
    if (!nj_staging_exists(store_dir)) {
        return nj_staging_create(store_dir, facts, NULL, out, err);
    }
    if (!resume) {
        return nj_fail(err, NJ_AGAIN,
                       "%s/staging holds a night that runs or was interrupted: go on with "
                       "--resume, or remove the folder to begin anew",
                       store_dir);
    }
    nj_status status = check_same_night(store_dir, facts, numeric_class, err);
    return status == NJ_OK ? nj_staging_open(store_dir, NULL, out, err) : status;
}

nj_status nj_stage_open(const char *store_dir, const nj_job *job, const nj_plan *plan,
                        const char *numeric_class, bool resume, nj_stage *out, nj_error *err)
{
    nj_staging_facts facts;
    nj_stage stage = {.plan = plan};
    nj_status status = make_facts(job, plan, &facts, err);
    if (status == NJ_OK) {
        status = open_staging(store_dir, &facts, numeric_class, resume, &stage.staging, err);
    }
    if (status == NJ_OK) {
        status = nj_staging_class_set(stage.staging, numeric_class, err);
    }
    if (status != NJ_OK) {
        nj_staging_close(&stage.staging);
        return status;
    }
    for (size_t i = 0; i < NJ_STAGE_SHARDS_MAX; i++) {
        nj_buffer_init(&stage.waiting[i].bytes, NJ_SHARD_BYTES_MAX);
    }
    *out = stage;
    return NJ_OK;
}

void nj_stage_close(nj_stage *stage)
{
    for (size_t i = 0; i < NJ_STAGE_SHARDS_MAX; i++) {
        nj_buffer_fini(&stage->waiting[i].bytes);
    }
    nj_staging_close(&stage->staging);
}

nj_status nj_stage_add(nj_stage *stage, const nj_message_result *result, const char *worker,
                       nj_error *err)
{
    nj_staged_shard *staged = &stage->waiting[stage->waiting_count];
    nj_buffer_clear(&staged->bytes);
    nj_status status = nj_buffer_append(&staged->bytes, result->rows.bytes, result->rows.size);
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for the rows of shard %u", result->shard);
    }
    staged->shard = result->shard;
    staged->attempt = result->attempt;
    staged->digest = result->digest;
    nj_ledger_text_set(staged->worker, sizeof staged->worker, nj_slice_from(worker));
    stage->waiting_count++;
    stage->waiting_bytes += result->rows.size;
    return NJ_OK;
}

static nj_status make_commit(const nj_stage *stage, const nj_staged_shard *staged,
                             nj_store_row *rows, nj_shard_commit *out, nj_error *err)
{
    nj_rows unpacked;
    size_t count = nj_plan_shard_users(stage->plan, staged->shard);
    nj_status status = nj_rows_unpack(nj_buffer_slice(&staged->bytes), count, &unpacked, err);
    if (status != NJ_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i] =
            (nj_store_row){nj_plan_request(stage->plan, staged->shard, i).user, unpacked.rows[i]};
    }
    nj_rows_fini(&unpacked);
    *out = (nj_shard_commit){.rows = rows,
                             .record = {.shard = staged->shard,
                                        .state = NJ_STORED_COMMITTED,
                                        .attempt = staged->attempt,
                                        .rows = count,
                                        .digest = staged->digest,
                                        .finished_ms = nj_clock_wall_ms()}};
    memcpy(out->record.worker, staged->worker, sizeof staged->worker);
    return NJ_OK;
}

nj_status nj_stage_commit(nj_stage *stage, nj_commit_outcome outcomes[NJ_STAGE_SHARDS_MAX],
                          nj_error *err)
{
    nj_shard_commit commits[NJ_STAGE_SHARDS_MAX];
    size_t row_count = 0;
    for (size_t i = 0; i < stage->waiting_count; i++) {
        row_count += nj_plan_shard_users(stage->plan, stage->waiting[i].shard);
    }
    nj_store_row *rows = malloc((row_count + 1) * sizeof *rows);
    nj_status status = rows != NULL
                           ? NJ_OK
                           : nj_fail(err, NJ_NO_MEMORY, "no memory to commit %zu rows", row_count);
    size_t used = 0;
    for (size_t i = 0; i < stage->waiting_count && status == NJ_OK; i++) {
        status = make_commit(stage, &stage->waiting[i], rows + used, &commits[i], err);
        used += nj_plan_shard_users(stage->plan, stage->waiting[i].shard);
    }
    if (status == NJ_OK) {
        status = nj_staging_commit(stage->staging, commits, stage->waiting_count, outcomes, err);
    }
    free(rows);
    return status;
}

void nj_stage_clear(nj_stage *stage)
{
    stage->waiting_count = 0;
    stage->waiting_bytes = 0;
}

void nj_stage_discard_empty(nj_stage *stage)
{
    nj_error err = {0};
    nj_staging_tally tally;
    nj_status status =
        stage->staging != NULL ? nj_staging_count(stage->staging, &tally, &err) : NJ_END;
    if (status == NJ_OK && tally.committed + tally.quarantined > 0) {
        return;
    }
    if (status == NJ_OK) {
        status = nj_staging_remove_take(&stage->staging, &err);
    }
    if (status != NJ_OK && status != NJ_END) {
        nj_log(NJ_LOG_WARNING, "the empty staging area stays: %s", err.text);
    }
}

nj_status nj_stage_publish(nj_stage *stage, nj_store_name *out_name, nj_error *err)
{
    nj_store_name name;
    const char *store_dir = nj_staging_store_dir(stage->staging);
    nj_status status = nj_store_pack(stage->staging, stage->plan->user_count, nj_clock_wall_ms(),
                                     &name, NULL, err);
    if (status == NJ_OK) {
        nj_log(NJ_LOG_INFO, "packed %s", name.text);
        status = nj_store_verify(store_dir, name.text, NULL, err);
    }
    if (status == NJ_OK) {
        status = nj_store_publish(store_dir, name.text, stage->staging, NJ_STORE_LOCK_WAIT_MS, err);
    }
    if (status == NJ_OK) {
        *out_name = name;
        nj_log(NJ_LOG_INFO, "verified and published %s", name.text);
        status = nj_staging_remove_take(&stage->staging, err);
    }
    return status;
}
