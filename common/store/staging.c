#include "common/store/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/store/draft.h"
#include "common/store/lock.h"
#include "common/store/schema.h"
#include "common/store/staging_write.h"

#define DATABASES 3
#define LOCK_FILE "lock.mdb"
#define LOCK_FILE_BYTES 8192 // two pages: LMDB's table of 126 readers
#define OWNER_BYTES 320
// MDB_IDL_UM_MAX page numbers of 8 bytes (lmdb/midl.h)
#define UNWRITTEN_BYTES_MAX ((uint64_t)1 << 20)

static const nj_record_field FACT_FIELDS[] = {
#define NJ_STAGING_FIELD(kind, name, max, meaning)                                                 \
    {#name, NJ_RECORD_##kind, offsetof(nj_staging_facts, name), max},
#include "schemas/store.def"
};

static const nj_record_table FACTS = {"staging facts", FACT_FIELDS,
                                      sizeof FACT_FIELDS / sizeof FACT_FIELDS[0]};

static MDB_val text_val(const char *text)
{
    return nj_env_val(text, strlen(text));
}

nj_staging_options nj_staging_options_default(void)
{
    return (nj_staging_options){.map_bytes = NJ_STAGING_MAP_BYTES,
                                .map_bytes_max = NJ_STAGING_MAP_BYTES_MAX,
                                .lock_wait_ms = NJ_STORE_LOCK_WAIT_MS};
}

// ---- the environment ----

static void close_env(nj_staging *staging)
{
    mdb_env_close(staging->env); // accepts NULL
    staging->env = NULL;
}

static int open_databases(nj_staging *staging, unsigned flags)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(staging->env, NULL, flags == 0 ? MDB_RDONLY : 0, &txn);
    if (rc == MDB_SUCCESS) {
        rc = mdb_dbi_open(txn, NJ_STORE_WORDS.ROWS, flags, &staging->rows);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_dbi_open(txn, NJ_STORE_WORDS.LEDGER, flags, &staging->ledger);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_dbi_open(txn, NJ_STORE_WORDS.META, flags, &staging->meta);
    }
    if (rc == MDB_SUCCESS) {
        return mdb_txn_commit(txn); // a commit keeps the handles, also of a read-only transaction
    }
    mdb_txn_abort(txn);
    return rc;
}

// A file that lost its end opens, and faults at the first look behind it, so its length is checked before. A sound
// file may be a little short, because LMDB does not write pages that one transaction takes and gives back: at most
// the pages of one record of its free list. Those are made zeros, which LMDB does not follow.
static nj_status check_length(MDB_env *env, const char *folder, nj_error *err)
{
    MDB_envinfo info;
    MDB_stat about;
    struct stat file;
    mdb_filehandle_t fd = -1;
    int rc = mdb_env_info(env, &info);
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_stat(env, &about);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_get_fd(env, &fd);
    }
    if (rc == MDB_SUCCESS && fstat(fd, &file) != 0) {
        rc = errno;
    }
    if (rc != MDB_SUCCESS) {
        return nj_env_check(rc, folder, err);
    }
    uint64_t bytes = ((uint64_t)info.me_last_pgno + 1) * about.ms_psize;
    uint64_t present = (uint64_t)file.st_size;
    if (present + UNWRITTEN_BYTES_MAX < bytes) {
        return nj_fail(err, NJ_IO, "%s/%s: has %" PRIu64 " bytes, its header says %" PRIu64, folder,
                       NJ_STORE_WORDS.DATA, present, bytes);
    }
    if (present < bytes && ftruncate(fd, (off_t)bytes) != 0) {
        return nj_env_check(errno, folder, err);
    }
    return NJ_OK;
}

// LMDB writes its lock file through a mapping of a file that is all hole. On a full disk that is no error but a SIGBUS, so
// the blocks are taken before.
static nj_status reserve_lock_file(const char *folder, nj_error *err)
{
    nj_path path;
    nj_status status = nj_path_join(folder, LOCK_FILE, &path, err);
    int fd = status == NJ_OK ? open(path.text, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (status == NJ_OK && fd < 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot open", path.text);
    }
    int why = fd >= 0 ? posix_fallocate(fd, 0, LOCK_FILE_BYTES) : 0;
    if (why != 0) {
        status =
            nj_fail_errno(err, NJ_IO, why, "%s: cannot take %d bytes", path.text, LOCK_FILE_BYTES);
    }
    if (fd >= 0) {
        close(fd);
    }
    return status;
}

// Opens the area in `folder`. The map of an existing one has the size stored in it; a new one gets options.map_bytes.
static nj_status open_env(nj_staging *staging, const char *folder, bool create, nj_error *err)
{
    nj_status reserved = create ? reserve_lock_file(folder, err) : NJ_OK;
    if (reserved != NJ_OK) {
        return reserved;
    }
    int rc = mdb_env_create(&staging->env);
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_set_maxdbs(staging->env, DATABASES);
    }
    if (rc == MDB_SUCCESS && create) {
        rc = mdb_env_set_mapsize(staging->env, staging->options.map_bytes);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_open(staging->env, folder, MDB_NOTLS, 0666);
    }
    if (rc == MDB_SUCCESS) {
        nj_status status = check_length(staging->env, folder, err);
        if (status != NJ_OK) {
            close_env(staging);
            return status;
        }
        int dead; // readers that died would pin old pages
        rc = mdb_reader_check(staging->env, &dead);
    }
    if (rc == MDB_SUCCESS) {
        rc = open_databases(staging, create ? MDB_CREATE : 0);
    }
    if (rc != MDB_SUCCESS) {
        close_env(staging);
        nj_status status = nj_env_check(rc, folder, err);
        return status == NJ_NOT_FOUND ? nj_fail(err, NJ_CONFIG, "%s: not a staging area", folder)
                                      : status;
    }
    return NJ_OK;
}

static nj_status ensure_env(nj_staging *staging, nj_error *err)
{
    return staging->env != NULL ? NJ_OK : open_env(staging, staging->folder.text, false, err);
}

// Another process may have grown the map since; size 0 takes its size.
static int begin_txn(nj_staging *staging, unsigned flags, MDB_txn **out)
{
    int rc = mdb_txn_begin(staging->env, NULL, flags, out);
    if (rc == MDB_MAP_RESIZED) {
        rc = mdb_env_set_mapsize(staging->env, 0);
        if (rc == MDB_SUCCESS) {
            rc = mdb_txn_begin(staging->env, NULL, flags, out);
        }
    }
    return rc;
}

nj_status nj_staging_begin_read(nj_staging *staging, MDB_txn **out, nj_error *err)
{
    nj_status status = ensure_env(staging, err);
    return status != NJ_OK
               ? status
               : nj_env_check(begin_txn(staging, MDB_RDONLY, out), staging->folder.text, err);
}

static nj_status grow_map(nj_staging *staging, nj_error *err)
{
    MDB_envinfo info;
    int rc = mdb_env_info(staging->env, &info);
    if (rc == MDB_SUCCESS) {
        if (info.me_mapsize >= staging->options.map_bytes_max) {
            return nj_fail(err, NJ_IO, "%s: full: %zu bytes, the limit is %" PRIu64,
                           staging->folder.text, info.me_mapsize, staging->options.map_bytes_max);
        }
        uint64_t doubled = 2 * (uint64_t)info.me_mapsize;
        rc = mdb_env_set_mapsize(staging->env, doubled < staging->options.map_bytes_max
                                                   ? doubled
                                                   : staging->options.map_bytes_max);
    }
    return nj_env_check(rc, staging->folder.text, err);
}

// ---- write transactions ----

nj_status nj_staging_check_rc(nj_staging_write *write, int rc, const char *what)
{
    write->rc = rc;
    return nj_env_check(rc, what, write->err);
}

static nj_status read_epoch(nj_staging *staging, MDB_txn *txn, uint64_t *out, nj_error *err)
{
    MDB_val key = text_val(NJ_STORE_WORDS.KEY_EPOCH);
    MDB_val value;
    int rc = mdb_get(txn, staging->meta, &key, &value);
    if (rc == MDB_NOTFOUND || (rc == MDB_SUCCESS && value.mv_size != 8)) {
        return nj_fail(err, NJ_CONFIG, "%s: has no epoch", staging->folder.text);
    }
    if (rc == MDB_SUCCESS) {
        *out = nj_env_read_u64(value.mv_data);
    }
    return nj_env_check(rc, staging->folder.text, err);
}

static nj_status compare_epoch(nj_staging *staging, MDB_txn *txn, nj_error *err)
{
    uint64_t epoch = 0;
    nj_status status = read_epoch(staging, txn, &epoch, err);
    if (status != NJ_OK || epoch == staging->epoch) {
        return status;
    }
    MDB_val key = text_val(NJ_STORE_WORDS.KEY_OWNER);
    MDB_val owner = text_val("another process");
    int rc = mdb_get(txn, staging->meta, &key, &owner);
    (void)rc; // the name is for people
    return nj_fail(err, NJ_AGAIN,
                   "%s: fenced: this process has epoch %" PRIu64 ", epoch %" PRIu64
                   " was opened by %.*s",
                   staging->folder.text, staging->epoch, epoch, NJ_SLICE_ARGS(nj_env_slice(owner)));
}

static nj_status try_write(nj_staging *staging, bool fenced, nj_staging_body body, void *context,
                           int *out_rc, nj_error *err)
{
    nj_staging_write write = {.staging = staging, .err = err};
    nj_status status =
        nj_staging_check_rc(&write, begin_txn(staging, 0, &write.txn), staging->folder.text);
    if (status == NJ_OK && fenced) {
        status = compare_epoch(staging, write.txn, err);
    }
    if (status == NJ_OK) {
        status = body(&write, context);
    }
    if (status == NJ_OK) {
        status = nj_staging_check_rc(&write, mdb_txn_commit(write.txn), staging->folder.text);
    } else {
        mdb_txn_abort(write.txn); // accepts NULL
    }
    *out_rc = write.rc;
    return status;
}

// As often as the map must grow for it.
static nj_status write_growing(nj_staging *staging, bool fenced, nj_staging_body body,
                               void *context, nj_error *err)
{
    for (;;) {
        int rc = MDB_SUCCESS;
        nj_status status = try_write(staging, fenced, body, context, &rc, err);
        if (rc != MDB_MAP_FULL) {
            return status;
        }
        status = grow_map(staging, err);
        if (status != NJ_OK) {
            return status;
        }
    }
}

nj_status nj_staging_run_write(nj_staging *staging, const char *purpose, bool fenced,
                               nj_staging_body body, void *context, nj_error *err)
{
    nj_store_lock lock;
    nj_status status =
        nj_store_lock_take(staging->store.text, purpose, staging->options.lock_wait_ms, &lock, err);
    if (status != NJ_OK) {
        return status;
    }
    status = ensure_env(staging, err);
    if (status == NJ_OK) {
        status = write_growing(staging, fenced, body, context, err);
    }
    if (status == NJ_IO) {
        // LMDB may have lost track of what reached the disk. Only a fresh look at the file knows.
        close_env(staging);
        nj_status ignored = open_env(staging, staging->folder.text, false, NULL);
        (void)ignored; // the next call tries again and says why
    }
    nj_store_lock_release(&lock);
    return status;
}

static nj_status put_meta(nj_staging_write *write, const char *name, nj_slice value)
{
    MDB_val key = text_val(name);
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

typedef struct {
    nj_slice facts;
    nj_slice plan;
} first_content;

static nj_status write_first_content(nj_staging_write *write, void *context)
{
    const first_content *content = context;
    nj_status status = put_epoch(write, 0);
    if (status == NJ_OK) {
        status = put_meta(write, NJ_STORE_WORDS.KEY_PLAN_FACTS, content->facts);
    }
    if (status == NJ_OK) {
        status = put_meta(write, NJ_STORE_WORDS.KEY_PLAN, content->plan);
    }
    return status;
}

// Fills a new environment in `folder` and closes it again.
static nj_status fill_new_env(nj_staging *staging, const char *folder, first_content *content,
                              nj_error *err)
{
    nj_status status = open_env(staging, folder, true, err);
    if (status == NJ_OK) {
        status = write_growing(staging, false, write_first_content, content, err);
    }
    close_env(staging);
    return status;
}

static nj_status create_area(nj_staging *staging, first_content *content, nj_error *err)
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
        status = fill_new_env(staging, draft.folder.text, content, err);
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

nj_status nj_staging_create(const char *store_dir, const nj_staging_facts *facts, nj_slice plan,
                            const nj_staging_options *options, nj_staging **out_staging,
                            nj_error *err)
{
    nj_staging *staging = NULL;
    nj_buffer packed;
    nj_staging_facts own = *facts;
    own.staging_version = NJ_STORE_STAGING_VERSION;
    nj_buffer_init(&packed, NJ_STAGING_RECORD_BYTES_MAX);
    nj_status status = NJ_OK;
    if (plan.size > NJ_STAGING_PLAN_BYTES_MAX) {
        status = nj_fail(err, NJ_INPUT, "plan has %zu bytes, the limit is %zu", plan.size,
                         NJ_STAGING_PLAN_BYTES_MAX);
    }
    if (status == NJ_OK) {
        status = nj_record_pack(&FACTS, &own, &packed, err);
    }
    if (status == NJ_OK) {
        status = nj_folder_make(store_dir, err);
    }
    if (status == NJ_OK) {
        status = new_staging(store_dir, options, &staging, err);
    }
    if (status == NJ_OK) {
        first_content content = {.facts = nj_buffer_slice(&packed), .plan = plan};
        status = create_area(staging, &content, err);
    }
    nj_staging_close(&staging);
    nj_buffer_fini(&packed);
    return status != NJ_OK ? status : nj_staging_open(store_dir, options, out_staging, err);
}

static nj_status read_facts(nj_staging *staging, MDB_txn *txn, nj_error *err)
{
    MDB_val key = text_val(NJ_STORE_WORDS.KEY_PLAN_FACTS);
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

static nj_status read_class(nj_staging *staging, MDB_txn *txn,
                            char out[NJ_STAGING_CLASS_BYTES_MAX + 1], nj_error *err)
{
    MDB_val key = text_val(NJ_STORE_WORDS.KEY_CLASS);
    MDB_val value = {0};
    int rc = mdb_get(txn, staging->meta, &key, &value);
    if (rc == MDB_NOTFOUND) {
        rc = MDB_SUCCESS;
    }
    if (rc == MDB_SUCCESS && value.mv_size > NJ_STAGING_CLASS_BYTES_MAX) {
        return nj_fail(err, NJ_CONFIG, "%s: its numeric class has %zu bytes, the limit is %d",
                       staging->folder.text, value.mv_size, NJ_STAGING_CLASS_BYTES_MAX);
    }
    if (rc == MDB_SUCCESS) {
        memcpy(out, value.mv_size > 0 ? value.mv_data : "", value.mv_size);
        out[value.mv_size] = '\0';
    }
    return nj_env_check(rc, staging->folder.text, err);
}

static nj_status take_over(nj_staging_write *write, void *context)
{
    (void)context;
    nj_staging *staging = write->staging;
    uint64_t epoch = 0;
    nj_status status = read_facts(staging, write->txn, write->err);
    if (status == NJ_OK) {
        status = read_epoch(staging, write->txn, &epoch, write->err);
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
        close_env(*staging);
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
        close_env(*staging);
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

uint64_t nj_staging_epoch(const nj_staging *staging)
{
    return staging->epoch;
}

nj_status nj_staging_plan(nj_staging *staging, nj_buffer *out, nj_error *err)
{
    MDB_txn *txn = NULL;
    MDB_val key = text_val(NJ_STORE_WORDS.KEY_PLAN);
    MDB_val value;
    nj_status status = nj_staging_begin_read(staging, &txn, err);
    if (status == NJ_OK) {
        status = nj_env_check(mdb_get(txn, staging->meta, &key, &value), staging->folder.text, err);
    }
    if (status == NJ_OK && nj_buffer_append(out, value.mv_data, value.mv_size) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory for a plan of %zu bytes",
                         staging->folder.text, value.mv_size);
    }
    mdb_txn_abort(txn);
    return status;
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

nj_status nj_staging_check_epoch(nj_staging *staging, nj_error *err)
{
    MDB_txn *txn = NULL;
    nj_status status = nj_staging_begin_read(staging, &txn, err);
    if (status == NJ_OK) {
        status = compare_epoch(staging, txn, err);
    }
    mdb_txn_abort(txn);
    return status;
}
