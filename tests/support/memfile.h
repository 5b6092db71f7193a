// memfile.h - bytes behind a path, without a disk: for readers that take a path and tests that try
// thousands of inputs.
#ifndef NJ_TEST_MEMFILE_H
#define NJ_TEST_MEMFILE_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/// The path of an anonymous file that holds these bytes; borrowed until the next call, which
/// replaces them.
static inline const char *memfile_write(const void *bytes, size_t size)
{
    static char path[64];
    static int fd = -1;
    if (fd >= 0) {
        close(fd);
    }
    fd = memfd_create("memfile", MFD_CLOEXEC);
    if (fd < 0 || (size > 0 && write(fd, bytes, size) != (ssize_t)size)) {
        perror("memfile_write");
        abort();
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

#endif
