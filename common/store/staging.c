#include "common/store/staging.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/store/draft.h"
#include "common/store/lock.h"
#include "common/store/pin.h"
#include "common/store/schema.h"
#include "common/store/staging_env.h"

#define OWNER_BYTES 320
#define DEADLINE_BYTES_MAX 512

static const nj_record_field FACT_FIELDS[] = {
#define NJ_STAGING_FIELD(kind, name, max, meaning)                                                 \
    {#name, NJ_RECORD_##kind, offsetof(nj_staging_facts, name), max},
#include "schemas/store.def"
};

static const nj_record_table FACTS = {"staging facts", FACT_FIELDS,
                                      sizeof FACT_FIELDS / sizeof FACT_FIELDS[0], 0};

static const nj_record_field DEADLINE_FIELDS[] = {
#define NJ_DEADLINE_FIELD(kind, name, max, meaning)                                                \
    {#name, NJ_RECORD_##kind, offsetof(nj_staging_deadline, name), max},
#include "schemas/store.def"
};

static const nj_record_table DEADLINE = {"deadline", DEADLINE_FIELDS,
                                         sizeof DEADLINE_FIELDS / sizeof DEADLINE_FIELDS[0], 0};

nj_staging_options nj_staging_options_default(void)
{
    return (nj_staging_options){.map_bytes = NJ_STAGING_MAP_BYTES,
                                .map_bytes_max = NJ_STAGING_MAP_BYTES_MAX,
                                .lock_wait_ms = NJ_STORE_LOCK_WAIT_MS};
}

static nj_status put_meta(nj_staging_write *write, const char *name, nj_slice value)
{
    MDB_val key = nj_env_text(name);
    MDB_val data = nj_env_val(value.bytes, value.size);
    return nj_staging_check_rc(write, mdb_put(write->txn, write->staging->meta, &key, &data, 0),
                               name);
}

static nj_status put_epoch(nj_staging_write *write, uint64_t epoch)
{
    uint8_t bytes[8];
    char host[256] = "?";
    char owner[OWNER_BYTES];
    nj_env_write_u64(bytes, epoch);
    gethostname(host, sizeof host - 1);
    snprintf(owner, sizeof owner, "process %ld on %s", (long)getpid(), host);
    nj_status status =
        put_meta(write, NJ_STORE_WORDS.KEY_EPOCH, (nj_slice){(char *)bytes, sizeof bytes});
    return status != NJ_OK ? status
                           : put_meta(write, NJ_STORE_WORDS.KEY_OWNER, nj_slice_from(owner));
}

// ---- opening ----

bool nj_staging_exists(const char *store_dir)
{
    nj_path folder;
    return nj_path_join(store_dir, NJ_STORE_WORDS.STAGING, &folder, NULL) == NJ_OK &&
           nj_folder_exists(folder.text);
}

static nj_status new_staging(const char *store_dir, const nj_staging_options *options,
                             nj_staging **out, nj_error *err)
{
    nj_staging *staging = calloc(1, sizeof *staging);
    if (staging == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to open it", store_dir);
    }
    staging->lock = (nj_store_lock){.fd = -1};
    staging->options = options != NULL ? *options : nj_staging_options_default();
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.STAGING, &staging->folder, err);
    if (status != NJ_OK) {
        free(staging);
        return status;
    }
    strcpy(staging->store.text, store_dir); // shorter than the folder below it
    *out = staging;
    return NJ_OK;
}

static nj_status write_first_content(nj_staging_write *write, void *context)
{
    const nj_buffer *facts = context;
    nj_status status = put_epoch(write, 0);
    return status != NJ_OK ? status
                           : put_meta(write, NJ_STORE_WORDS.KEY_PLAN_FACTS, nj_buffer_slice(facts));
}

// Fills a new environment in `folder` and closes it again.
static nj_status fill_new_env(nj_staging *staging, const char *folder, nj_buffer *facts,
                              nj_error *err)
{
    nj_status status = nj_staging_env_open(staging, folder, true, err);
    if (status == NJ_OK) {
        status = nj_staging_write_growing(staging, false, write_first_content, facts, err);
    }
    nj_staging_env_close(staging);
    return status;
}

static nj_status create_area(nj_staging *staging, nj_buffer *facts, nj_error *err)
{
    nj_folder_draft draft = {0};
    nj_store_lock lock;
    nj_status status = nj_store_lock_take(staging->store.text, "create staging",
                                          staging->options.lock_wait_ms, &lock, err);
    if (status != NJ_OK) {
        return status;
    }
    if (nj_folder_exists(staging->folder.text)) {
        status = nj_fail(err, NJ_AGAIN, "%s: a night is staged here already; resume or remove it",
                         staging->folder.text);
        goto done;
    }
    status = nj_folder_draft_begin(staging->store.text, &draft, err);
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(STAGING_DRAFTED, err);
    }
    if (status == NJ_OK) {
        status = fill_new_env(staging, draft.folder.text, facts, err);
    }
    if (status == NJ_OK && staging->facts.since[0] != '\0') {
        status = nj_store_pin(staging->store.text, staging->facts.since, draft.folder.text, err);
    }
    if (status == NJ_OK && staging->facts.missing_from[0] != '\0' &&
        strcmp(staging->facts.missing_from, staging->facts.since) != 0) {
        status =
            nj_store_pin(staging->store.text, staging->facts.missing_from, draft.folder.text, err);
    }
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(STAGING_FILLED, err);
    }
    if (status == NJ_OK) {
        status = nj_folder_draft_commit(&draft, NJ_STORE_WORDS.STAGING, err);
    }
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(STAGING_CREATED, err);
    }
done:
    nj_folder_draft_abort(&draft);
    nj_store_lock_release(&lock);
    return status;
}

nj_status nj_staging_create(const char *store_dir, const nj_staging_facts *facts,
                            const nj_staging_options *options, nj_staging **out_staging,
                            nj_error *err)
{
    nj_staging *staging = NULL;
    nj_buffer packed;
    nj_staging_facts own = *facts;
    own.staging_version = NJ_STORE_STAGING_VERSION;
    nj_buffer_init(&packed, NJ_STAGING_RECORD_BYTES_MAX);
    nj_status status = nj_record_pack(&FACTS, &own, &packed, err);
    if (status == NJ_OK) {
        status = nj_folder_make(store_dir, err);
    }
    if (status == NJ_OK) {
        status = new_staging(store_dir, options, &staging, err);
    }
    if (status == NJ_OK) {
        staging->facts = own;
        status = create_area(staging, &packed, err);
    }
    nj_staging_close(&staging);
    nj_buffer_fini(&packed);
    return status != NJ_OK ? status : nj_staging_open(store_dir, options, out_staging, err);
}

static nj_status read_facts(nj_staging *staging, MDB_txn *txn, nj_error *err)
{
    MDB_val key = nj_env_text(NJ_STORE_WORDS.KEY_PLAN_FACTS);
    MDB_val value;
    nj_status status =
        nj_env_check(mdb_get(txn, staging->meta, &key, &value), staging->folder.text, err);
    if (status == NJ_OK) {
        status = nj_record_unpack(&FACTS, nj_env_slice(value), &staging->facts, err);
    }
    if (status == NJ_NOT_FOUND || status == NJ_INPUT) {
        return nj_fail(err, NJ_CONFIG, "%s: not a staging area of this version",
                       staging->folder.text);
    }
    if (status == NJ_OK && staging->facts.staging_version != NJ_STORE_STAGING_VERSION) {
        return nj_fail(err, NJ_CONFIG, "%s: staging version %" PRIu64 ", this program writes %d",
                       staging->folder.text, staging->facts.staging_version,
                       NJ_STORE_STAGING_VERSION);
    }
    return status;
}

// A short text of the meta database; "" when it is not there. `out` holds bytes_max + 1.
static nj_status read_text(nj_staging *staging, MDB_txn *txn, const char *name, size_t bytes_max,
                           char *out, nj_error *err)
{
    MDB_val key = nj_env_text(name);
    MDB_val value = {0};
    int rc = mdb_get(txn, staging->meta, &key, &value);
    if (rc == MDB_NOTFOUND) {
        rc = MDB_SUCCESS;
    }
    if (rc == MDB_SUCCESS && value.mv_size > bytes_max) {
        return nj_fail(err, NJ_CONFIG, "%s: its \"%s\" has %zu bytes, the limit is %zu",
                       staging->folder.text, name, value.mv_size, bytes_max);
    }
    if (rc == MDB_SUCCESS) {
        memcpy(out, value.mv_size > 0 ? value.mv_data : "", value.mv_size);
        out[value.mv_size] = '\0';
    }
    return nj_env_check(rc, staging->folder.text, err);
}

static nj_status read_class(nj_staging *staging, MDB_txn *txn,
                            char out[NJ_STAGING_CLASS_BYTES_MAX + 1], nj_error *err)
{
    return read_text(staging, txn, NJ_STORE_WORDS.KEY_CLASS, NJ_STAGING_CLASS_BYTES_MAX, out, err);
}

static nj_status take_over(nj_staging_write *write, void *context)
{
    (void)context;
    nj_staging *staging = write->staging;
    uint64_t epoch = 0;
    nj_status status = read_facts(staging, write->txn, write->err);
    if (status == NJ_OK) {
        status = nj_staging_read_epoch(staging, write->txn, &epoch, write->err);
    }
    if (status == NJ_OK) {
        staging->epoch = epoch + 1;
        status = put_epoch(write, staging->epoch);
    }
    return status == NJ_OK ? NJ_FAILPOINT_STEP(STAGING_OPENING, write->err) : status;
}

// A handle on the area that is there; nothing is opened yet.
static nj_status find_area(const char *store_dir, const nj_staging_options *options,
                           nj_staging **out, nj_error *err)
{
    nj_staging *staging = NULL;
    nj_path data;
    if (!nj_staging_exists(store_dir)) {
        return nj_fail(err, NJ_NOT_FOUND, "%s: no night is staged here", store_dir);
    }
    nj_status status = new_staging(store_dir, options, &staging, err);
    if (status == NJ_OK) {
        status = nj_path_join(staging->folder.text, NJ_STORE_WORDS.DATA, &data, err);
    }
    if (status == NJ_OK && !nj_file_exists(data.text)) { // LMDB would make a new one
        status = nj_fail(err, NJ_CONFIG, "%s: no such file; not a staging area", data.text);
    }
    if (status != NJ_OK) {
        nj_staging_close(&staging);
        return status;
    }
    *out = staging;
    return NJ_OK;
}

nj_status nj_staging_open(const char *store_dir, const nj_staging_options *options,
                          nj_staging **out_staging, nj_error *err)
{
    nj_staging *staging = NULL;
    nj_status status = find_area(store_dir, options, &staging, err);
    if (status == NJ_OK) {
        status = nj_staging_run_write(staging, "open staging", false, take_over, NULL, err);
    }
    if (status == NJ_OK) {
        NJ_FAILPOINT_HIT(STAGING_OPENED);
        *out_staging = staging;
        staging = NULL;
    }
    nj_staging_close(&staging);
    return status;
}

// Writes nothing: a transaction that changed nothing leaves the file as it is.
static nj_status look_at_area(nj_staging_write *write, void *context)
{
    nj_status status = read_facts(write->staging, write->txn, write->err);
    return status == NJ_OK ? read_class(write->staging, write->txn, context, write->err) : status;
}

nj_status nj_staging_peek(const char *store_dir, nj_staging_facts *out_facts,
                          char out_class[NJ_STAGING_CLASS_BYTES_MAX + 1], nj_error *err)
{
    nj_staging *staging = NULL;
    nj_status status = find_area(store_dir, NULL, &staging, err);
    if (status == NJ_OK) { // under the lock, because opening may mend the file's length
        status =
            nj_staging_run_write(staging, "look at staging", false, look_at_area, out_class, err);
    }
    if (status == NJ_OK) {
        *out_facts = staging->facts;
    }
    nj_staging_close(&staging);
    return status;
}

void nj_staging_close(nj_staging **staging)
{
    if (*staging != NULL) {
        nj_staging_env_close(*staging);
        nj_store_lock_release(&(*staging)->lock);
        free(*staging);
        *staging = NULL;
    }
}

nj_status nj_staging_remove_take(nj_staging **staging, nj_error *err)
{
    nj_store_lock lock;
    nj_status status = nj_store_lock_take((*staging)->store.text, "remove staging",
                                          (*staging)->options.lock_wait_ms, &lock, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_staging_check_epoch(*staging, err);
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(REMOVE_DUE, err);
    }
    if (status == NJ_OK) {
        nj_staging_env_close(*staging);
        status = nj_folder_vanish((*staging)->store.text, NJ_STORE_WORDS.STAGING, err);
    }
    nj_store_lock_release(&lock);
    if (status == NJ_OK) {
        NJ_FAILPOINT_HIT(REMOVE_DONE);
        nj_staging_close(staging);
    }
    return status;
}

// ---- what it knows of the night ----

const nj_staging_facts *nj_staging_facts_of(const nj_staging *staging)
{
    return &staging->facts;
}

const char *nj_staging_store_dir(const nj_staging *staging)
{
    return staging->store.text;
}

void nj_staging_groups_set(nj_staging *staging, const nj_store_groups *groups)
{
    staging->groups = groups;
}

void nj_staging_beside_set(nj_staging *staging, const nj_store_beside *beside)
{
    staging->beside = *beside;
}

uint64_t nj_staging_epoch(const nj_staging *staging)
{
    return staging->epoch;
}

nj_status nj_staging_class(nj_staging *staging, char out[NJ_STAGING_CLASS_BYTES_MAX + 1],
                           nj_error *err)
{
    MDB_txn *txn = NULL;
    nj_status status = nj_staging_begin_read(staging, &txn, err);
    if (status == NJ_OK) {
        status = read_class(staging, txn, out, err);
    }
    mdb_txn_abort(txn);
    return status;
}

static nj_status write_class(nj_staging_write *write, void *context)
{
    const char *wanted = context;
    char present[NJ_STAGING_CLASS_BYTES_MAX + 1];
    nj_status status = read_class(write->staging, write->txn, present, write->err);
    if (status != NJ_OK || strcmp(present, wanted) == 0) {
        return status;
    }
    if (present[0] != '\0') {
        return nj_fail(write->err, NJ_CONFIG, "%s: the night's numeric class is \"%s\", not \"%s\"",
                       write->staging->folder.text, present, wanted);
    }
    return put_meta(write, NJ_STORE_WORDS.KEY_CLASS, nj_slice_from(wanted));
}

nj_status nj_staging_class_set(nj_staging *staging, const char *numeric_class, nj_error *err)
{
    size_t size = strlen(numeric_class);
    if (size == 0 || size > NJ_STAGING_CLASS_BYTES_MAX || !nj_utf8_valid(numeric_class, size)) {
        return nj_fail(err, NJ_INPUT, "numeric class \"%.80s\" is not 1 to %d bytes of UTF-8",
                       numeric_class, NJ_STAGING_CLASS_BYTES_MAX);
    }
    return nj_staging_run_write(staging, "set numeric class", true, write_class,
                                (void *)(uintptr_t)numeric_class, err);
}

static nj_status write_deadline(nj_staging_write *write, void *context)
{
    nj_buffer packed;
    nj_buffer_init(&packed, DEADLINE_BYTES_MAX);
    nj_status status = nj_record_pack(&DEADLINE, context, &packed, write->err);
    if (status == NJ_OK) {
        status = put_meta(write, NJ_STORE_WORDS.KEY_DEADLINE, nj_buffer_slice(&packed));
    }
    nj_buffer_fini(&packed);
    return status;
}

nj_status nj_staging_deadline_set(nj_staging *staging, const nj_staging_deadline *deadline,
                                  nj_error *err)
{
    return nj_staging_run_write(staging, "note deadline", true, write_deadline,
                                (void *)(uintptr_t)deadline, err);
}

static nj_status read_deadline(nj_staging *staging, MDB_txn *txn, nj_staging_deadline *out,
                               nj_error *err)
{
    MDB_val key = nj_env_text(NJ_STORE_WORDS.KEY_DEADLINE);
    MDB_val value;
    const int rc = mdb_get(txn, staging->meta, &key, &value);
    *out = (nj_staging_deadline){0};
    if (rc == MDB_NOTFOUND) {
        return NJ_OK;
    }
    nj_status status = nj_env_check(rc, staging->folder.text, err);
    return status == NJ_OK ? nj_record_unpack(&DEADLINE, nj_env_slice(value), out, err) : status;
}

nj_status nj_staging_deadline_get(nj_staging *staging, nj_staging_deadline *out, nj_error *err)
{
    MDB_txn *txn = NULL;
    nj_status status = nj_staging_begin_read(staging, &txn, err);
    if (status == NJ_OK) {
        status = read_deadline(staging, txn, out, err);
    }
    mdb_txn_abort(txn);
    return status;
}

static nj_status write_diverged(nj_staging_write *write, void *context)
{
    (void)context;
    return put_meta(write, NJ_STORE_WORDS.KEY_DIVERGED, nj_slice_from("1"));
}

nj_status nj_staging_diverged_set(nj_staging *staging, nj_error *err)
{
    return nj_staging_run_write(staging, "note divergence", true, write_diverged, NULL, err);
}

nj_status nj_staging_diverged(nj_staging *staging, bool *out, nj_error *err)
{
    MDB_txn *txn = NULL;
    char text[2] = "";
    nj_status status = nj_staging_begin_read(staging, &txn, err);
    if (status == NJ_OK) {
        status = read_text(staging, txn, NJ_STORE_WORDS.KEY_DIVERGED, 1, text, err);
    }
    mdb_txn_abort(txn);
    *out = text[0] != '\0';
    return status;
}

static nj_status write_packed(nj_staging_write *write, void *context)
{
    const nj_store_name *name = context;
    return put_meta(write, NJ_STORE_WORDS.KEY_PACKED, nj_slice_from(name->text));
}

nj_status nj_staging_packed_set(nj_staging *staging, const nj_store_name *name, nj_error *err)
{
    return nj_staging_run_write(staging, "note generation", true, write_packed,
                                (void *)(uintptr_t)name, err);
}

nj_status nj_staging_packed(nj_staging *staging, nj_store_name *out, nj_error *err)
{
    MDB_txn *txn = NULL;
    nj_store_name name;
    nj_status status = nj_staging_begin_read(staging, &txn, err);
    if (status == NJ_OK) {
        status =
            read_text(staging, txn, NJ_STORE_WORDS.KEY_PACKED, NJ_STORE_NAME_CHARS, name.text, err);
    }
    mdb_txn_abort(txn);
    if (status == NJ_OK && !nj_store_name_parse(nj_slice_from(name.text), out)) {
        out->text[0] = '\0';
    }
    return status;
}

nj_status nj_staging_check_epoch(nj_staging *staging, nj_error *err)
{
    MDB_txn *txn = NULL;
    nj_status status = nj_staging_begin_read(staging, &txn, err);
    if (status == NJ_OK) {
        status = nj_staging_compare_epoch(staging, txn, err);
    }
    mdb_txn_abort(txn);
    return status;
}
