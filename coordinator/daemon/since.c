#include "coordinator/daemon/since.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/codec/row.h"
#include "common/codec/row_scan.h"
#include "common/codec/shard.h"
#include "common/store/channel.h"
#include "common/store/key.h"
#include "common/store/pin.h"
#include "common/store/staging.h"

#define HEX_SHOWN 12
#define KNOWN_FLAGS                                                                                \
    (NJ_ROW_COLD | NJ_ROW_WIDENED | NJ_ROW_TRUNCATED | NJ_ROW_UNKNOWN | NJ_ROW_SHORT |             \
     NJ_ROW_COPIED | NJ_ROW_COLD_ITEMS | NJ_ROW_NEAR | NJ_ROW_POPULAR | NJ_ROW_PINNED)

// ---- opening ----

// What the interrupted night was begun with counts, whatever CURRENT names by now.
static nj_status take_up(const nj_since_request *request, nj_since *since, nj_error *err)
{
    nj_staging_facts night;
    char numeric_class[NJ_STAGING_CLASS_BYTES_MAX + 1];
    nj_status status = nj_staging_peek(request->store_dir, &night, numeric_class, err);
    if (status != NJ_OK) {
        return status;
    }
    if (request->generation != NULL && night.since[0] != '\0' &&
        !nj_store_channel_valid(nj_slice_from(request->generation)) && // it may name another by now
        strcmp(request->generation, night.since) != 0) {
        return nj_fail(err, NJ_CONFIG,
                       "the interrupted night copies rows from %s, not from %s: give that, or "
                       "remove the staging folder to begin anew",
                       night.since, request->generation);
    }
    since->max_age = (uint32_t)night.max_age;
    if (night.since[0] != '\0' && !nj_store_name_parse(nj_slice_from(night.since), &since->name)) {
        return nj_fail(err, NJ_CONFIG, "%s/staging: \"%s\" is no name of a generation",
                       request->store_dir, night.since);
    }
    return NJ_OK;
}

static nj_status choose_generation(const nj_since_request *request, nj_since *since, nj_error *err)
{
    if (request->generation == NULL) {
        return NJ_OK;
    }
    if (strcmp(request->generation, NJ_SINCE_CURRENT) != 0) {
        return nj_store_channel_resolve(request->store_dir, request->generation, &since->name, err);
    }
    nj_status status = nj_store_current(request->store_dir, &since->name, err);
    if (status == NJ_NOT_FOUND) {
        since->differs = "no generation";
        nj_log(NJ_LOG_WARNING,
               "--since current: nothing has been published in %s yet: every user is decoded",
               request->store_dir);
        return NJ_OK;
    }
    return status;
}

// Every byte is read once before any row is believed.
static nj_status open_reader(const nj_since_request *request, bool resumed, nj_since *since,
                             nj_error *err)
{
    nj_path dir;
    nj_status status = nj_path_copy(request->store_dir, &dir, err);
    if (status == NJ_OK && resumed) {
        status = nj_store_pinned_dir(request->store_dir, since->name.text, &dir, err);
    }
    if (status == NJ_OK) {
        status = nj_store_reader_open(dir.text, since->name.text, &since->reader, err);
    }
    if (status == NJ_OK) {
        status = nj_store_check_data(dir.text, &since->name,
                                     nj_store_reader_manifest(since->reader), err);
    }
    if (status != NJ_OK && resumed) {
        nj_error_prefix(err,
                        "the interrupted night copies rows from %s: put it back, or remove the "
                        "staging folder to begin anew",
                        since->name.text);
    } else if (status != NJ_OK) {
        nj_error_prefix(err, "--since %s", request->generation);
    }
    return status;
}

// ---- is the generation made of the same? ----

static nj_status digest_rules(const nj_settings *settings, nj_digest *out, nj_error *err)
{
    return nj_settings_rules_digest(settings, out) == NJ_OK
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for the settings");
}

static const char *show_digest(const nj_digest *digest, char out[NJ_DIGEST_HEX_BYTES])
{
    nj_digest_hex(digest, out);
    out[HEX_SHOWN] = '\0';
    return out;
}

// Sets `differs` and says both values.
static void note_difference(nj_since *since, const char *fact, const char *theirs, const char *ours)
{
    since->differs = fact;
    nj_log(NJ_LOG_WARNING,
           "--since: %s was made with the %s \"%s\", tonight's is \"%s\": nothing can be copied, "
           "every user is decoded",
           since->name.text, fact, theirs, ours);
}

// A bundle that was kept without being asked for must not end a night: where it is none, or another generation's, there is none.
static const char *choose_bundle(const nj_since_request *request, const nj_digest *then)
{
    nj_error err;
    nj_bundle *kept = NULL;
    if (request->bundle != NULL || request->kept_bundle == NULL) {
        return request->bundle;
    }
    const nj_status status = nj_bundle_open(request->kept_bundle, &kept, &err);
    bool fits = false;
    if (status == NJ_OK) {
        const nj_digest digest = nj_sections_digest(nj_bundle_sections(kept));
        fits = nj_digest_equal(&digest, then);
    } else if (status != NJ_NOT_FOUND) {
        nj_log(NJ_LOG_WARNING, "%s", err.text);
    }
    nj_bundle_close(&kept);
    return fits ? request->kept_bundle : NULL;
}

// Another bundle may be the same model with a refreshed catalogue, if the one of then is there to be compared.
static nj_status compare_bundles(nj_since *since, const nj_since_request *request,
                                 const nj_job *job, const nj_digest *tonight, nj_error *err)
{
    char theirs[NJ_DIGEST_HEX_BYTES];
    char ours[NJ_DIGEST_HEX_BYTES];
    const nj_digest *then = &nj_store_reader_manifest(since->reader)->facts.bundle_digest;
    const char *differs = "bundle";
    if (nj_digest_equal(then, tonight)) {
        return NJ_OK;
    }
    const char *bundle = choose_bundle(request, then);
    if (bundle != NULL) {
        nj_status status = nj_since_refresh_make(bundle, then, job, &since->refresh, &differs, err);
        if (status != NJ_OK) {
            return status;
        }
        since->is_refreshed = differs == NULL;
    }
    if (differs != NULL) {
        note_difference(since, differs, show_digest(then, theirs), show_digest(tonight, ours));
    } else {
        nj_log(NJ_LOG_INFO,
               "--since: the catalogue has changed since %s: %" PRIu64 " items came, %" PRIu64
               " went, below %zu prefixes%s",
               since->name.text, since->refresh.came, since->refresh.went,
               since->refresh.changed_count,
               since->refresh.root_changed ? " and the first codes: every user is decoded" : "");
    }
    return NJ_OK;
}

static nj_status compare_facts(nj_since *since, const nj_since_request *request, const nj_job *job,
                               nj_error *err)
{
    static const nj_digest UNKNOWN;
    char settings[NJ_SETTINGS_TEXT_BYTES];
    nj_digest rules;
    const nj_store_facts *facts = &nj_store_reader_manifest(since->reader)->facts;
    const nj_digest bundle = nj_sections_digest(nj_bundle_sections(job->bundle));
    nj_status status = digest_rules(&job->settings, &rules, err);
    if (status == NJ_OK) {
        status = compare_bundles(since, request, job, &bundle, err);
    }
    if (status != NJ_OK || since->differs != NULL) {
        return status;
    }
    if (!nj_digest_equal(&facts->rules_digest, &rules)) {
        nj_settings_describe(&job->settings, settings);
        note_difference(since, "settings",
                        nj_digest_equal(&facts->rules_digest, &UNKNOWN)
                            ? "unknown to an older nightjar"
                            : facts->settings,
                        settings);
    } else if (strcmp(facts->numeric_class, request->numeric_class) != 0) {
        note_difference(since, "numeric class", facts->numeric_class, request->numeric_class);
    } else if (strcmp(facts->nightjar_version, NIGHTJAR_VERSION) != 0) {
        note_difference(since, "version of nightjar", facts->nightjar_version, NIGHTJAR_VERSION);
    }
    return NJ_OK;
}

nj_status nj_since_open(const nj_since_request *request, const nj_job *job, nj_since *out,
                        nj_error *err)
{
    nj_since since = {.max_age = request->max_age,
                      .items = &job->catalogue.items,
                      .masks = &job->catalogue.masks};
    const bool resumed = request->resume && nj_staging_exists(request->store_dir);
    nj_buffer_init(&since.row, NJ_ROW_BYTES_MAX);
    nj_status status =
        resumed ? take_up(request, &since, err) : choose_generation(request, &since, err);
    if (status == NJ_OK && since.name.text[0] != '\0') {
        status = open_reader(request, resumed, &since, err);
    }
    if (status == NJ_OK && since.reader != NULL) {
        status = compare_facts(&since, request, job, err);
    }
    if (status != NJ_OK || since.differs != NULL) {
        nj_store_reader_close(&since.reader);
        since.name = (nj_store_name){""};
    }
    if (status != NJ_OK) {
        nj_since_close(&since);
        return status;
    }
    *out = since;
    return NJ_OK;
}

void nj_since_close(nj_since *since)
{
    nj_store_reader_close(&since->reader);
    nj_buffer_fini(&since->row);
    nj_since_refresh_fini(&since->refresh);
}

// ---- choosing ----

// The age of tonight's copy of the row; 0: it must be decoded.
static uint16_t judge_row(const nj_since *since, const nj_request *user, nj_slice value)
{
    nj_row_scan scan;
    if (!nj_row_scan_open(value, &scan) || (scan.flags & ~(uint32_t)KNOWN_FLAGS) != 0 ||
        ((scan.flags & NJ_ROW_COPIED) != 0) != (scan.age != 0) ||
        ((scan.flags & NJ_ROW_UNKNOWN) != 0) != (user->unknown_count > 0) ||
        scan.age >= since->max_age ||
        (since->is_refreshed && !nj_since_refresh_stands(&since->refresh, user, &scan))) {
        return 0;
    }
    const nj_history_digest history =
        nj_request_digest(since->items, user, nj_masks_digest(since->masks, user->mask));
    return memcmp(history.bytes, scan.history, sizeof history.bytes) == 0 ? (uint16_t)(scan.age + 1)
                                                                          : 0;
}

static nj_status copy_row(nj_since *since, nj_slice value, uint16_t age, nj_error *err)
{
    nj_row_scan scan;
    nj_status status = nj_row_scan_open(value, &scan) ? NJ_OK : NJ_REFUSED;
    nj_buffer_clear(&since->row);
    if (status == NJ_OK) {
        status = nj_row_copy(&since->row, value, scan.flags | NJ_ROW_COPIED, age);
    }
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "%s: a row of %zu bytes cannot be copied",
                                     since->name.text, value.size);
}

// Walks on to the first key that is not before `wanted`. NJ_END: there is none.
static nj_status walk_to(nj_since *since, nj_slice wanted, nj_slice *key, nj_slice *value,
                         nj_error *err)
{
    nj_status status = NJ_OK;
    while (status == NJ_OK && (key->size == 0 || nj_slice_compare(*key, wanted) < 0)) {
        status = nj_store_next(since->reader, key, value, err);
    }
    return status;
}

static nj_status pack_key(const nj_user_table *users, uint32_t index, nj_store_key *packed,
                          nj_slice *out, nj_error *err)
{
    nj_request user = nj_user_table_at(users, index);
    nj_status status = nj_store_key_pack(user.user, packed, err);
    *out = (nj_slice){(const char *)packed->bytes, packed->size};
    return status;
}

// Both go in key order, so one walk over the generation finds everybody.
static nj_status choose(void *context, const nj_user_table *users, const uint32_t *order,
                        size_t count, uint16_t *out_ages, nj_error *err)
{
    nj_since *since = context;
    nj_slice key = {0};
    nj_slice value = {0};
    nj_digester digester;
    nj_digester_init(&digester);
    nj_status status = nj_store_rewind(since->reader, err);
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        nj_store_key packed;
        nj_slice wanted;
        status = pack_key(users, order[i], &packed, &wanted, err);
        if (status == NJ_OK) {
            status = walk_to(since, wanted, &key, &value, err);
        }
        if (status != NJ_OK || nj_slice_compare(key, wanted) != 0) {
            continue;
        }
        nj_request user = nj_user_table_at(users, order[i]);
        out_ages[i] = judge_row(since, &user, value);
        if (out_ages[i] != 0) {
            status = copy_row(since, value, out_ages[i], err);
            nj_digester_update_sized(&digester, key.bytes, key.size);
            nj_digester_update_sized(&digester, since->row.bytes, since->row.size);
            since->copied_count++;
        }
    }
    since->copied_digest = nj_digester_final(&digester);
    return status == NJ_END ? NJ_OK : status;
}

bool nj_since_copying(nj_since *since, nj_plan_copying *out)
{
    if (since->reader == NULL) {
        return false;
    }
    *out = (nj_plan_copying){
        .context = since,
        .choose = choose,
        .base = nj_store_reader_manifest(since->reader)->facts.content_digest,
    };
    return true;
}

// ---- their rows, again ----

static void rewind_rows(void *context)
{
    nj_since *since = context;
    since->next = 0;
}

static nj_status next_row(void *context, nj_slice *out_key, nj_slice *out_value, nj_error *err)
{
    nj_since *since = context;
    nj_store_key packed;
    nj_slice wanted;
    nj_slice key = {0};
    nj_slice value = {0};
    if (since->next == since->plan->copied_count) {
        return NJ_END;
    }
    nj_status status = since->next == 0 ? nj_store_rewind(since->reader, err) : NJ_OK;
    if (status == NJ_OK) {
        status =
            pack_key(since->plan->users, since->plan->copied[since->next], &packed, &wanted, err);
    }
    if (status == NJ_OK) {
        status = walk_to(since, wanted, &key, &value, err);
    }
    if (status == NJ_END || (status == NJ_OK && nj_slice_compare(key, wanted) != 0)) {
        return nj_fail(err, NJ_REFUSED, "%s: copied row %zu is not there any more",
                       since->name.text, since->next);
    }
    if (status == NJ_OK) {
        status = copy_row(since, value, since->plan->copied_ages[since->next++], err);
    }
    *out_key = key;
    *out_value = nj_buffer_slice(&since->row);
    return status;
}

bool nj_since_rows(nj_since *since, const nj_plan *plan, nj_copied_rows *out)
{
    if (since->reader == NULL || plan->copied_count == 0) {
        return false;
    }
    since->plan = plan;
    *out = (nj_copied_rows){.context = since,
                            .bytes = nj_store_reader_manifest(since->reader)->data_bytes,
                            .rewind = rewind_rows,
                            .next = next_row};
    return true;
}
