#include "coordinator/daemon/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/shard.h"
#include "common/store/lock.h"
#include "coordinator/daemon/group_counts.h"

static nj_status make_facts(const nj_job *job, const nj_plan *plan, nj_since *since,
                            nj_missing *missing, nj_staging_facts *out, nj_error *err)
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
                              .settings_digest = nj_digest_of(bytes.bytes, bytes.size),
                              .max_age = since->max_age,
                              .copied_count = since->copied_count + missing->count,
                              .missing_count = missing->count,
                              .eligible_digest = nj_job_eligible_digest(job),
                              .item_count = nj_job_item_count(job)};
    nj_buffer_fini(&bytes);
    nj_settings_describe(&job->settings, out->settings);
    strcpy(out->since, since->name.text); // as long as a name
    strcpy(out->missing_from, missing->name.text);
    return nj_settings_rules_digest(&job->settings, &out->rules_digest) == NJ_OK
               ? nj_missing_digest(missing, since, plan, &out->copied_digest, err)
               : nj_fail(err, NJ_NO_MEMORY, "no memory for the settings");
}

// What differs is named: a person changed one of these things.
static nj_status check_same_plan(const nj_staging_facts *found, const nj_staging_facts *wanted,
                                 nj_error *err)
{
    const bool same_plan = nj_digest_equal(&found->plan_digest, &wanted->plan_digest);
    if (same_plan && found->missing_count == wanted->missing_count &&
        nj_digest_equal(&found->copied_digest, &wanted->copied_digest)) {
        return NJ_OK;
    }
    const char *what =
        !nj_digest_equal(&found->bundle_digest, &wanted->bundle_digest) ? "the bundle"
        : !nj_digest_equal(&found->eligible_digest, &wanted->eligible_digest)
            ? "--eligible, --deny or --groups"
        : !nj_digest_equal(&found->settings_digest, &wanted->settings_digest) ? "the settings"
        : same_plan ? "who is copied, or carried over by --missing-users,"
        : found->since[0] != '\0' || wanted->since[0] != '\0'
            ? "the users, --shard-users, or (by --since or --precision) who is copied"
            : "the users or --shard-users";
    return nj_fail(err, NJ_CONFIG,
                   "the interrupted night was started with %zu users in %zu shards (%s); now it is "
                   "%zu in %zu (%s): %s changed. "
                   "Give the old inputs, or remove the staging folder to begin anew",
                   (size_t)found->user_count, (size_t)found->shard_count, found->settings,
                   (size_t)wanted->user_count, (size_t)wanted->shard_count, wanted->settings, what);
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
                    "--precision or --numeric-class, or remove the staging folder to begin anew",
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

// Which of two workers was right cannot be told from the rows.
static nj_status check_not_diverged(nj_staging *staging, nj_error *err)
{
    bool diverged = false;
    nj_status status = nj_staging_diverged(staging, &diverged, err);
    if (status == NJ_OK && diverged) {
        status =
            nj_fail(err, NJ_REFUSED,
                    "%s/staging: two workers gave different rows in this night, so it is never "
                    "published: find the worker, then remove the folder to begin anew",
                    nj_staging_store_dir(staging));
    }
    return status;
}

nj_status nj_stage_open(const char *store_dir, const nj_job *job, const nj_plan *plan,
                        nj_since *since, const nj_stage_terms *terms, nj_stage *out, nj_error *err)
{
    nj_staging_facts facts;
    nj_stage stage = {.plan = plan, .since = since, .missing = terms->missing};
    nj_status status = make_facts(job, plan, since, terms->missing, &facts, err);
    if (status == NJ_OK) {
        facts.valid_for_ms = terms->valid_for_ms;
        facts.newest_event_ms = terms->newest_event_ms;
        status = open_staging(store_dir, &facts, terms->numeric_class, terms->resume,
                              &stage.staging, err);
    }
    if (status == NJ_OK) {
        status = check_not_diverged(stage.staging, err);
    }
    if (status == NJ_OK) {
        status = nj_staging_class_set(stage.staging, terms->numeric_class, err);
    }
    if (status == NJ_OK) {
        status = nj_group_counts_make(job, &stage.groups, err);
    }
    if (status == NJ_OK) {
        status = nj_group_counts_carry(&stage.groups, store_dir, &stage.missing->name,
                                       stage.missing->count, err);
    }
    if (status != NJ_OK) {
        nj_store_groups_fini(&stage.groups);
        nj_staging_close(&stage.staging);
        return status;
    }
    for (size_t i = 0; i < NJ_STAGE_PIECES_MAX; i++) {
        nj_buffer_init(&stage.waiting[i].bytes, NJ_SHARD_BYTES_MAX);
        nj_buffer_init(&stage.waiting[i].rows, NJ_SHARD_USERS_MAX * sizeof(nj_slice));
    }
    *out = stage;
    nj_staging_groups_set(out->staging, &out->groups);
    return NJ_OK;
}

void nj_stage_close(nj_stage *stage)
{
    for (size_t i = 0; i < NJ_STAGE_PIECES_MAX; i++) {
        nj_buffer_fini(&stage->waiting[i].bytes);
        nj_buffer_fini(&stage->waiting[i].rows);
    }
    free(stage->given_up);
    stage->given_up = NULL;
    nj_staging_close(&stage->staging);
    nj_store_groups_fini(&stage->groups);
}

// ---- what waits ----

// Where each row lies in the copy, as it lay in the original.
static nj_status copy_rows(nj_staged_piece *staged, nj_slice bytes, const nj_slice *rows)
{
    nj_buffer_clear(&staged->bytes);
    nj_buffer_clear(&staged->rows);
    nj_status status = nj_buffer_append(&staged->bytes, bytes.bytes, bytes.size);
    if (status == NJ_OK) {
        status = nj_buffer_reserve(&staged->rows, staged->range.count * sizeof(nj_slice));
    }
    for (uint32_t i = 0; i < staged->range.count && status == NJ_OK; i++) {
        const char *copy = (const char *)staged->bytes.bytes + (rows[i].bytes - bytes.bytes);
        const nj_slice row = {copy, rows[i].size};
        status = nj_buffer_append(&staged->rows, &row, sizeof row);
    }
    return status;
}

static nj_status take_piece(nj_stage *stage, const nj_staged_piece *about, nj_slice bytes,
                            const nj_slice *rows, nj_error *err)
{
    nj_staged_piece *staged = &stage->waiting[stage->waiting_count];
    const nj_buffer own_bytes = staged->bytes;
    const nj_buffer own_rows = staged->rows;
    *staged = *about;
    staged->bytes = own_bytes;
    staged->rows = own_rows;
    nj_status status = copy_rows(staged, bytes, rows);
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for the rows of piece %u", about->index);
    }
    stage->waiting_count++;
    stage->waiting_bytes += bytes.size;
    return NJ_OK;
}

nj_status nj_stage_add(nj_stage *stage, const nj_piece_range *range,
                       const nj_message_result *result, const nj_slice *rows, const char *worker,
                       nj_error *err)
{
    nj_staged_piece about = {.index = result->shard,
                             .range = *range,
                             .attempt = result->attempt,
                             .digest = result->digest};
    nj_ledger_text_set(about.worker, sizeof about.worker, nj_slice_from(worker));
    return take_piece(stage, &about, result->rows, rows, err);
}

nj_status nj_stage_add_carried(nj_stage *stage, const nj_piece_range *range, uint32_t index,
                               nj_slice bytes, const nj_slice *rows, const char *from,
                               nj_error *err)
{
    const nj_staged_piece about = {.index = index,
                                   .range = *range,
                                   .digest = nj_digest_of(bytes.bytes, bytes.size),
                                   .carried_from = from};
    return take_piece(stage, &about, bytes, rows, err);
}

static nj_status reserve_given_up(nj_stage *stage, size_t more, nj_error *err)
{
    size_t wanted = stage->given_up_count + more;
    size_t bytes;
    if (wanted <= stage->given_up_capacity) {
        return NJ_OK;
    }
    wanted = wanted < 2 * stage->given_up_capacity ? 2 * stage->given_up_capacity : wanted;
    nj_given_up *larger =
        nj_mul_size(wanted, sizeof *larger, &bytes) ? realloc(stage->given_up, bytes) : NULL;
    if (larger == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to note %zu quarantined users", wanted);
    }
    stage->given_up = larger;
    stage->given_up_capacity = wanted;
    return NJ_OK;
}

nj_status nj_stage_give_up(nj_stage *stage, const nj_piece_range *range, uint32_t attempt,
                           const char *worker, const char *note, nj_error *err)
{
    nj_status status = reserve_given_up(stage, range->count, err);
    for (uint32_t i = 0; i < range->count && status == NJ_OK; i++) {
        nj_given_up *user = &stage->given_up[stage->given_up_count++];
        *user =
            (nj_given_up){.shard = range->shard, .position = range->first + i, .attempt = attempt};
        nj_ledger_text_set(user->worker, sizeof user->worker, nj_slice_from(worker));
        nj_ledger_text_set(user->note, sizeof user->note, nj_slice_from(note));
    }
    return status;
}

// ---- committing ----

// The record of a whole shard says so by first and count 0.
static nj_shard_commit make_commit(const nj_stage *stage, const nj_staged_piece *staged,
                                   nj_store_row *rows)
{
    const nj_piece_range *range = &staged->range;
    const nj_slice *values = (const nj_slice *)(const void *)staged->rows.bytes;
    const bool whole = range->count == nj_plan_shard_users(stage->plan, range->shard);
    for (uint32_t i = 0; i < range->count; i++) {
        nj_request request = nj_plan_request(stage->plan, range->shard, range->first + i);
        rows[i] = (nj_store_row){request.user, values[i]};
    }
    nj_shard_commit commit = {
        .rows = rows,
        .record = {.shard = range->shard,
                   .state = staged->carried_from == NULL ? NJ_STORED_COMMITTED : NJ_STORED_CARRIED,
                   .attempt = staged->attempt,
                   .rows = range->count,
                   .digest = staged->digest,
                   .finished_ms = nj_clock_wall_ms(),
                   .first = whole ? 0 : range->first,
                   .count = whole ? 0 : range->count}};
    memcpy(commit.record.worker, staged->worker, sizeof staged->worker);
    if (staged->carried_from != NULL) {
        nj_ledger_text_set(commit.record.note, sizeof commit.record.note,
                           nj_slice_from(staged->carried_from));
    }
    return commit;
}

static nj_shard_commit make_quarantine(const nj_stage *stage, const nj_given_up *user)
{
    nj_request request = nj_plan_request(stage->plan, user->shard, user->position);
    nj_shard_commit commit = {.record = {.shard = user->shard,
                                         .state = NJ_STORED_QUARANTINED,
                                         .attempt = user->attempt,
                                         .finished_ms = nj_clock_wall_ms(),
                                         .first = user->position,
                                         .count = 1}};
    memcpy(commit.record.worker, user->worker, sizeof user->worker);
    memcpy(commit.record.note, user->note, sizeof user->note);
    nj_ledger_text_set(commit.record.user, sizeof commit.record.user, request.user);
    return commit;
}

static size_t count_given_up(const nj_stage *stage)
{
    return nj_min_size(stage->given_up_count, NJ_STAGE_GIVEN_UP_A_COMMIT);
}

// What one transaction is made of: users given up first, because a late result may commit one of them.
typedef struct {
    nj_shard_commit commits[NJ_STAGE_GIVEN_UP_A_COMMIT + NJ_STAGE_PIECES_MAX];
    nj_commit_outcome outcomes[NJ_STAGE_GIVEN_UP_A_COMMIT + NJ_STAGE_PIECES_MAX];
} stage_batch;

nj_status nj_stage_commit(nj_stage *stage, nj_commit_outcome out_outcomes[NJ_STAGE_PIECES_MAX],
                          nj_error *err)
{
    const size_t given_up = count_given_up(stage);
    size_t row_count = 0;
    for (size_t i = 0; i < stage->waiting_count; i++) {
        row_count += stage->waiting[i].range.count;
    }
    stage_batch *batch = malloc(sizeof *batch);
    nj_store_row *rows = malloc((row_count + 1) * sizeof *rows);
    nj_status status = batch != NULL && rows != NULL
                           ? NJ_OK
                           : nj_fail(err, NJ_NO_MEMORY, "no memory to commit %zu rows", row_count);
    if (status == NJ_OK) {
        for (size_t i = 0; i < given_up; i++) {
            batch->commits[i] = make_quarantine(stage, &stage->given_up[i]);
        }
        size_t used = 0;
        for (size_t i = 0; i < stage->waiting_count; i++) {
            batch->commits[given_up + i] = make_commit(stage, &stage->waiting[i], rows + used);
            used += stage->waiting[i].range.count;
        }
        status = nj_staging_commit(stage->staging, batch->commits, given_up + stage->waiting_count,
                                   batch->outcomes, err);
    }
    if (status == NJ_OK) {
        memcpy(out_outcomes, batch->outcomes + given_up,
               stage->waiting_count * sizeof *out_outcomes);
    }
    free(rows);
    free(batch);
    return status;
}

void nj_stage_clear(nj_stage *stage)
{
    const size_t given_up = count_given_up(stage);
    stage->given_up_count -= given_up;
    if (stage->given_up_count > 0) {
        memmove(stage->given_up, stage->given_up + given_up,
                stage->given_up_count * sizeof *stage->given_up);
    }
    stage->waiting_count = 0;
    stage->waiting_bytes = 0;
}

void nj_stage_discard_empty(nj_stage *stage)
{
    nj_error err = {0};
    nj_staging_tally tally;
    nj_status status =
        stage->staging != NULL ? nj_staging_count(stage->staging, &tally, &err) : NJ_END;
    if (status == NJ_OK && tally.committed + tally.carried > 0) {
        return;
    }
    if (status == NJ_OK) {
        status = nj_staging_remove_take(&stage->staging, &err);
    }
    if (status != NJ_OK && status != NJ_END) {
        nj_log(NJ_LOG_WARNING, "the empty staging area stays: %s", err.text);
    }
}

// ---- publishing ----

// The area loses its name first, so a try that failed behind that has done what counts: the next draft removes the rest.
static nj_status remove_area(nj_stage *stage, nj_error *err)
{
    if (!nj_staging_exists(nj_staging_store_dir(stage->staging))) {
        nj_staging_close(&stage->staging);
        return NJ_OK;
    }
    nj_status status = nj_staging_remove_take(&stage->staging, err);
    if (status != NJ_OK) {
        nj_error_prefix(err, "%s is published, but its staging area cannot be removed",
                        stage->name.text);
    }
    return status;
}

static nj_status take_step(nj_stage *stage, uint64_t row_count, nj_error *err)
{
    const char *store_dir = nj_staging_store_dir(stage->staging);
    nj_copied_rows copied;
    nj_store_manifest manifest = {0};
    nj_status status = NJ_OK;
    switch (stage->step) {
    case NJ_STAGE_PACK:
        status = nj_store_pack_with_origin(
            stage->staging, row_count,
            nj_missing_rows(stage->missing, stage->since, stage->plan, &copied) ? &copied : NULL,
            stage->origin, nj_clock_wall_ms(), &stage->name, &manifest, err);
        if (status == NJ_OK) {
            stage->store_bytes = manifest.data_bytes;
            stage->carried_count = manifest.facts.carried_count;
            stage->carried_age = manifest.facts.carried_age;
            stage->staging_bytes = nj_staging_disk_bytes(stage->staging);
            nj_log_event(NJ_EVENT_PACKED,
                         NJ_FIELDS(nj_log_text("generation", stage->name.text),
                                   nj_log_uint("rows", row_count)),
                         "packed %s", stage->name.text);
        }
        break;
    case NJ_STAGE_VERIFY:
        status = nj_store_verify(store_dir, stage->name.text, NULL, err);
        break;
    case NJ_STAGE_JUDGE:
        if (stage->judge != NULL) {
            status = stage->judge(stage->judge_context, &stage->name, &stage->is_held, err);
        }
        break;
    case NJ_STAGE_PUBLISH:
        if (stage->is_held) {
            break;
        }
        status = nj_store_publish(store_dir, stage->name.text, stage->staging,
                                  NJ_STORE_LOCK_WAIT_MS, err);
        if (status == NJ_OK) {
            nj_log_event(NJ_EVENT_PUBLISHED,
                         NJ_FIELDS(nj_log_text("generation", stage->name.text),
                                   nj_log_uint("rows", row_count)),
                         "verified and published %s", stage->name.text);
        }
        break;
    case NJ_STAGE_NOTE:
        if (stage->published != NULL && !stage->is_held) {
            status = stage->published(
                stage->published_context, &stage->name,
                row_count == stage->plan->user_count && stage->carried_count == 0, err);
        }
        break;
    case NJ_STAGE_REMOVE:
        status = remove_area(stage, err);
        break;
    }
    return status;
}

// Who takes a night over removes the drafts and generations of the one before, which then misses them. Being fenced is the reason.
static nj_status explain_failure(nj_stage *stage, nj_status status, nj_error *err)
{
    nj_error why = {0};
    if (nj_staging_check_epoch(stage->staging, &why) != NJ_AGAIN) {
        return status;
    }
    if (err != NULL) {
        *err = why;
    }
    return NJ_AGAIN;
}

nj_status nj_stage_publish(nj_stage *stage, uint64_t row_count, nj_error *err)
{
    nj_status status = NJ_OK;
    while (status == NJ_OK && stage->staging != NULL) {
        status = take_step(stage, row_count, err);
        if (status == NJ_OK) {
            stage->step++;
        } else if (stage->staging != NULL) {
            status = explain_failure(stage, status, err);
        }
    }
    return status;
}
