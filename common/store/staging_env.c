// staging_env.c - the LMDB environment of a staging area: opening it soundly, growing its map, and the one way to write to it.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/store/lock.h"
#include "common/store/schema.h"
#include "common/store/staging_env.h"

#define DATABASES 3
#define LOCK_FILE "lock.mdb"
#define LOCK_FILE_BYTES 8192 // two pages: LMDB's table of 126 readers
// MDB_IDL_UM_MAX page numbers of 8 bytes (lmdb/midl.h)
#define UNWRITTEN_BYTES_MAX ((uint64_t)1 << 20)

void nj_staging_env_close(nj_staging *staging)
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
nj_status nj_staging_env_open(nj_staging *staging, const char *folder, bool create, nj_error *err)
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
            nj_staging_env_close(staging);
            return status;
        }
        int dead; // readers that died would pin old pages
        rc = mdb_reader_check(staging->env, &dead);
    }
    if (rc == MDB_SUCCESS) {
        rc = open_databases(staging, create ? MDB_CREATE : 0);
    }
    if (rc != MDB_SUCCESS) {
        nj_staging_env_close(staging);
        nj_status status = nj_env_check(rc, folder, err);
        return status == NJ_NOT_FOUND ? nj_fail(err, NJ_CONFIG, "%s: not a staging area", folder)
                                      : status;
    }
    return NJ_OK;
}

static nj_status ensure_env(nj_staging *staging, nj_error *err)
{
    return staging->env != NULL ? NJ_OK
                                : nj_staging_env_open(staging, staging->folder.text, false, err);
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

nj_status nj_staging_read_epoch(nj_staging *staging, MDB_txn *txn, uint64_t *out, nj_error *err)
{
    MDB_val key = nj_env_text(NJ_STORE_WORDS.KEY_EPOCH);
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

// An area that was removed, and perhaps made anew by another night, is still there for who has it open: its epoch says nothing.
static nj_status check_place(nj_staging *staging, nj_error *err)
{
    nj_path data;
    struct stat open_file;
    struct stat named_file;
    int fd = -1;
    nj_status status = nj_path_join(staging->folder.text, NJ_STORE_WORDS.DATA, &data, err);
    if (status == NJ_OK) {
        status = nj_env_check(mdb_env_get_fd(staging->env, &fd), staging->folder.text, err);
    }
    if (status == NJ_OK && fstat(fd, &open_file) != 0) {
        return nj_fail_errno(err, NJ_IO, errno, "%s", data.text);
    }
    if (status == NJ_OK &&
        (stat(data.text, &named_file) != 0 || open_file.st_dev != named_file.st_dev ||
         open_file.st_ino != named_file.st_ino)) {
        return nj_fail(err, NJ_AGAIN,
                       "%s: fenced: it was removed or replaced while this process had it open, "
                       "which writes and publishes nothing more",
                       staging->folder.text);
    }
    return status;
}

nj_status nj_staging_compare_epoch(nj_staging *staging, MDB_txn *txn, nj_error *err)
{
    uint64_t epoch = 0;
    nj_status status = check_place(staging, err);
    if (status == NJ_OK) {
        status = nj_staging_read_epoch(staging, txn, &epoch, err);
    }
    if (status != NJ_OK || epoch == staging->epoch) {
        return status;
    }
    MDB_val key = nj_env_text(NJ_STORE_WORDS.KEY_OWNER);
    MDB_val owner = nj_env_text("another process");
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
        status = nj_staging_compare_epoch(staging, write.txn, err);
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
nj_status nj_staging_write_growing(nj_staging *staging, bool fenced, nj_staging_body body,
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
    nj_status status = nj_store_lock_retake(staging->store.text, purpose,
                                            staging->options.lock_wait_ms, &staging->lock, err);
    if (status != NJ_OK) {
        return status;
    }
    status = ensure_env(staging, err);
    if (status == NJ_OK) {
        status = nj_staging_write_growing(staging, fenced, body, context, err);
    }
    if (status == NJ_IO) {
        // LMDB may have lost track of what reached the disk. Only a fresh look at the file knows.
        nj_staging_env_close(staging);
        nj_status ignored = nj_staging_env_open(staging, staging->folder.text, false, NULL);
        (void)ignored; // the next call tries again and says why
    }
    nj_store_lock_rest(&staging->lock);
    return status;
}
