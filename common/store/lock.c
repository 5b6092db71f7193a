#include "common/store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/store/schema.h"

#define HOLDER_BYTES 512
#define POLL_MS 20 // short beside a commit's fsync, long beside a look at a lock

static void write_holder(int fd, const char *purpose)
{
    char host[256] = "?";
    char text[HOLDER_BYTES];
    gethostname(host, sizeof host - 1);
    int size =
        snprintf(text, sizeof text, "process %ld on %s (%s)\n", (long)getpid(), host, purpose);
    // The text is for people: a disk that is full must not keep a rollback from happening.
    if (ftruncate(fd, 0) == 0 && size > 0) {
        ssize_t written = pwrite(fd, text, (size_t)size, 0);
        (void)written;
    }
}

static void read_holder(int fd, char out[HOLDER_BYTES])
{
    ssize_t size = pread(fd, out, HOLDER_BYTES - 1, 0);
    out[size > 0 ? size : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (out[0] == '\0') {
        strcpy(out, "a process that has not said its name");
    }
}

static nj_status wait_for_lock(int fd, const char *path, uint32_t wait_ms, nj_error *err)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    uint64_t deadline_ns = nj_clock_mono_ns() + (uint64_t)wait_ms * 1000000u;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return nj_fail_errno(err, NJ_IO, errno, "%s: cannot lock", path);
        }
        if (nj_clock_mono_ns() >= deadline_ns) {
            char holder[HOLDER_BYTES];
            read_holder(fd, holder);
            return nj_fail(err, NJ_AGAIN, "%s: still held by %s after %u ms", path, holder,
                           wait_ms);
        }
        nanosleep(&pause, NULL);
    }
    return NJ_OK;
}

static bool is_still_there(int fd, const char *path)
{
    struct stat opened;
    struct stat named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

nj_status nj_store_lock_retake(const char *store_dir, const char *purpose, uint32_t wait_ms,
                               nj_store_lock *lock, nj_error *err)
{
    nj_path path;
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.LOCK, &path, err);
    if (status != NJ_OK) {
        return status;
    }
    if (lock->fd >= 0 && !is_still_there(lock->fd, path.text)) {
        nj_store_lock_release(lock);
    }
    if (lock->fd < 0) {
        lock->fd = open(path.text, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (lock->fd < 0) {
            return nj_fail_errno(err, NJ_IO, errno, "%s: cannot open", path.text);
        }
    }
    status = wait_for_lock(lock->fd, path.text, wait_ms, err);
    if (status != NJ_OK) {
        close(lock->fd);
        lock->fd = -1;
        return status;
    }
    lock->held = true;
    write_holder(lock->fd, purpose);
    return NJ_OK;
}

nj_status nj_store_lock_take(const char *store_dir, const char *purpose, uint32_t wait_ms,
                             nj_store_lock *out, nj_error *err)
{
    *out = (nj_store_lock){.fd = -1};
    return nj_store_lock_retake(store_dir, purpose, wait_ms, out, err);
}

void nj_store_lock_rest(nj_store_lock *lock)
{
    if (lock->held) {
        if (ftruncate(lock->fd, 0) != 0) {
            // A name that stays behind is only read while the next holder has not written its own.
        }
        (void)flock(lock->fd, LOCK_UN);
        lock->held = false;
    }
}

void nj_store_lock_release(nj_store_lock *lock)
{
    nj_store_lock_rest(lock);
    if (lock->fd >= 0) {
        close(lock->fd);
        lock->fd = -1;
    }
}
