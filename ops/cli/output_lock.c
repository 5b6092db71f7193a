#include "ops/cli/output_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".lock"

// The holder before may have removed the file between our open and our lock.
static bool is_still_there(int fd, const char *path)
{
    struct stat ours;
    struct stat theirs;
    return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino &&
           ours.st_dev == theirs.st_dev;
}

nj_status nj_output_lock_take(const char *out, nj_output_lock *lock, nj_error *err)
{
    nj_status status = nj_path_copy(out, &lock->path, err);
    const size_t length = strlen(lock->path.text);
    if (status == NJ_OK && length + sizeof SUFFIX > sizeof lock->path.text) {
        status = nj_fail(err, NJ_INPUT, "path is longer than %d bytes: %.80s...",
                         NJ_PATH_BYTES - (int)sizeof SUFFIX, out);
    }
    if (status != NJ_OK) {
        return status;
    }
    memcpy(lock->path.text + length, SUFFIX, sizeof SUFFIX);
    int fd = open(lock->path.text, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot create", lock->path.text);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || !is_still_there(fd, lock->path.text)) {
        close(fd);
        return nj_fail(err, NJ_AGAIN,
                       "%s: another process is working on %s: wait for it, or give another --out",
                       lock->path.text, out);
    }
    lock->fd = fd;
    return NJ_OK;
}

void nj_output_lock_release(nj_output_lock *lock)
{
    if (lock->fd >= 0) {
        unlink(lock->path.text); // before the next one can have it
        close(lock->fd);
        lock->fd = -1;
    }
}
