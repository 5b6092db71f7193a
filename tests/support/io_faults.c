#include "tests/support/io_faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
    bool armed;
    io_fault_kind kind;
    unsigned n;
    unsigned calls;
} faults;

const char *io_fault_name(io_fault_kind kind)
{
    static const char *const NAMES[IO_FAULT_KINDS] = {"once", "short", "full", "dead", "kill"};
    return NAMES[kind];
}

void io_faults_arm(io_fault_kind kind, unsigned n)
{
    faults.armed = true;
    faults.kind = kind;
    faults.n = n;
    faults.calls = 0;
}

bool io_faults_disarm(void)
{
    faults.armed = false;
    return faults.calls >= faults.n;
}

typedef enum { NEEDS_ROOM, NEEDS_NONE } need;
typedef enum { GO_ON, FAIL, HALF } verdict;

// What becomes of the next call; errno is set where it fails.
static verdict judge(need room)
{
    if (!faults.armed) {
        return GO_ON;
    }
    faults.calls++;
    bool is_nth = faults.calls == faults.n;
    switch (faults.kind) {
    case IO_FAULT_KILL:
        if (is_nth) {
            kill(getpid(), SIGKILL);
        }
        return GO_ON;
    case IO_FAULT_FULL:
        errno = ENOSPC;
        return faults.calls >= faults.n && room == NEEDS_ROOM ? FAIL : GO_ON;
    case IO_FAULT_DEAD:
        errno = EIO;
        return faults.calls >= faults.n ? FAIL : GO_ON;
    case IO_FAULT_SHORT:
        errno = EIO;
        return is_nth ? HALF : GO_ON;
    default:
        errno = EIO;
        return is_nth ? FAIL : GO_ON;
    }
}

// The function that would have been called. dlsym gives an object pointer for it.
#define REAL(name)                                                                                 \
    static __typeof__(&name) real;                                                                 \
    if (real == NULL) {                                                                            \
        *(void **)(&real) = dlsym(RTLD_NEXT, #name);                                               \
    }

#define PLAIN(type, name, room, failed, parameters, arguments)                                     \
    type name parameters                                                                           \
    {                                                                                              \
        REAL(name)                                                                                 \
        return judge(room) == GO_ON ? real arguments : (failed);                                   \
    }

PLAIN(int, fsync, NEEDS_NONE, -1, (int fd), (fd))
PLAIN(int, fdatasync, NEEDS_NONE, -1, (int fd), (fd))
PLAIN(int, ftruncate, NEEDS_NONE, -1, (int fd, off_t size), (fd, size))
PLAIN(int, mkdir, NEEDS_ROOM, -1, (const char *path, mode_t mode), (path, mode))
PLAIN(int, rename, NEEDS_NONE, -1, (const char *from, const char *to), (from, to))
PLAIN(int, unlink, NEEDS_NONE, -1, (const char *path), (path))
PLAIN(int, rmdir, NEEDS_NONE, -1, (const char *path), (path))
PLAIN(int, fflush, NEEDS_ROOM, EOF, (FILE * stream), (stream))
PLAIN(FILE *, fopen, NEEDS_ROOM, NULL, (const char *path, const char *mode), (path, mode))
PLAIN(ssize_t, read, NEEDS_NONE, -1, (int fd, void *bytes, size_t size), (fd, bytes, size))
PLAIN(ssize_t, pread, NEEDS_NONE, -1, (int fd, void *bytes, size_t size, off_t offset),
      (fd, bytes, size, offset))

int posix_fallocate(int fd, off_t offset, off_t size)
{
    REAL(posix_fallocate)
    return judge(NEEDS_ROOM) == GO_ON ? real(fd, offset, size) : errno;
}

int open(const char *path, int flags, ...)
{
    REAL(open)
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? (mode_t)va_arg(rest, unsigned) : 0;
    va_end(rest);
    return judge((flags & O_CREAT) != 0 ? NEEDS_ROOM : NEEDS_NONE) == GO_ON
               ? real(path, flags, mode)
               : -1;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    REAL(write)
    verdict found = fd == STDERR_FILENO || fd == STDOUT_FILENO ? GO_ON : judge(NEEDS_ROOM);
    return found == FAIL ? -1 : real(fd, bytes, found == HALF ? size / 2 : size);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    REAL(pwrite)
    verdict found = judge(NEEDS_ROOM);
    return found == FAIL ? -1 : real(fd, bytes, found == HALF ? size / 2 : size, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(writev)
    verdict found = judge(NEEDS_ROOM);
    if (found == HALF) {
        struct iovec part = {parts[0].iov_base, parts[0].iov_len / 2};
        return real(fd, &part, 1);
    }
    return found == FAIL ? -1 : real(fd, parts, count);
}
