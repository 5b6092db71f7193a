#include "common/store/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/store/schema.h"

void nj_store_hold_release(nj_store_hold *hold)
{
    if (hold->fd >= 0) {
        close(hold->fd);
        hold->fd = -1;
    }
}

// The name may have been given up between open and flock.
static bool is_still_named(int fd, const char *path)
{
    struct stat opened;
    struct stat named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

// NJ_NOT_FOUND: there is no such generation. `out` then holds nothing.
static nj_status open_manifest(const char *store_dir, const nj_store_name *name, nj_path *path,
                               nj_store_hold *out, nj_error *err)
{
    out->fd = -1;
    nj_status status = nj_store_path(store_dir, name, NJ_STORE_WORDS.MANIFEST, path, err);
    if (status != NJ_OK) {
        return status;
    }
    out->fd = open(path->text, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return out->fd >= 0 ? NJ_OK
                        : nj_fail_errno(err, errno == ENOENT ? NJ_NOT_FOUND : NJ_IO, errno,
                                        "%s: cannot open", path->text);
}

nj_status nj_store_hold_take(const char *store_dir, const nj_store_name *name, nj_store_hold *out,
                             nj_error *err)
{
    nj_path path;
    nj_status status = open_manifest(store_dir, name, &path, out, err);
    if (status != NJ_OK) {
        return status;
    }
    const bool refused = flock(out->fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (refused || !is_still_named(out->fd, path.text)) {
        nj_store_hold_release(out);
        return nj_fail(err, NJ_NOT_FOUND, "%s: is being removed", path.text);
    }
    return NJ_OK;
}

nj_status nj_store_hold_alone(const char *store_dir, const nj_store_name *name, nj_store_hold *out,
                              nj_error *err)
{
    nj_path path;
    nj_status status = open_manifest(store_dir, name, &path, out, err);
    if (status != NJ_OK) {
        return status == NJ_NOT_FOUND ? NJ_OK : status;
    }
    if (flock(out->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        nj_store_hold_release(out);
        return nj_fail(err, NJ_AGAIN, "%s: in use", name->text);
    }
    return NJ_OK;
}
