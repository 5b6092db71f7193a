#include "common/input/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"

#define BLOCK_BYTES (1u << 20)

// Of the process, as its standard input is.
static bool is_spooled;

const char *nj_temporary_folder(void)
{
    const char *folder = getenv("TMPDIR");
    return folder != NULL && folder[0] != '\0' ? folder : "/tmp";
}

nj_status nj_temporary_open(int *out_fd, nj_error *err)
{
    nj_path path;
    nj_status status = nj_path_join(nj_temporary_folder(), "nightjar-XXXXXX", &path, err);
    if (status != NJ_OK) {
        return status;
    }
    int fd = mkostemp(path.text, O_CLOEXEC);
    if (fd < 0) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot make a temporary file",
                             nj_temporary_folder());
    }
    unlink(path.text);
    *out_fd = fd;
    return NJ_OK;
}

static nj_status write_all(int fd, const char *bytes, size_t size, nj_error *err)
{
    while (size > 0) {
        const ssize_t wrote = write(fd, bytes, size);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return nj_fail_errno(err, NJ_IO, errno,
                                 "%s: cannot write what standard input gives: set TMPDIR to a "
                                 "larger disk, or give a file",
                                 nj_temporary_folder());
        }
        bytes += wrote;
        size -= (size_t)wrote;
    }
    return NJ_OK;
}

static nj_status copy_all(nj_unpack *from, const char *name, char *block, int fd, nj_error *err)
{
    uint64_t total = 0;
    for (;;) {
        size_t got = 0;
        nj_status status = nj_unpack_read(from, block, BLOCK_BYTES, &got, err);
        if (status != NJ_OK || got == 0) {
            return status;
        }
        total += got;
        if (total > NJ_SPOOL_BYTES_MAX) {
            return nj_fail(err, NJ_INPUT,
                           "%s: is longer than %" PRIu64 " bytes, which is as much as is kept of "
                           "it: give a file",
                           name, NJ_SPOOL_BYTES_MAX);
        }
        status = write_all(fd, block, got, err);
        if (status != NJ_OK) {
            return status;
        }
    }
}

nj_status nj_spool(nj_unpack *from, const char *name, int *out_fd, nj_error *err)
{
    int fd = -1;
    char *block = malloc(BLOCK_BYTES);
    nj_status status =
        block != NULL ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", name);
    if (status == NJ_OK) {
        status = nj_temporary_open(&fd, err);
    }
    if (status == NJ_OK) {
        status = copy_all(from, name, block, fd, err);
    }
    if (status == NJ_OK && lseek(fd, 0, SEEK_SET) != 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot rewind", name);
    }
    free(block);
    if (status != NJ_OK) {
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }
    *out_fd = fd;
    return NJ_OK;
}

nj_status nj_spool_if_stream(const char *path, nj_error *err)
{
    static const char NAME[] = "standard input";
    nj_unpack *from = NULL;
    int fd = -1;
    if (strcmp(path, "-") != 0 || is_spooled) {
        return NJ_OK;
    }
    nj_status status = nj_unpack_open(STDIN_FILENO, NAME, &from, err);
    if (status == NJ_OK) {
        status = nj_spool(from, NAME, &fd, err);
    }
    nj_unpack_close(&from);
    if (status == NJ_OK && dup2(fd, STDIN_FILENO) < 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot be replaced by a file", NAME);
    }
    if (fd >= 0) {
        close(fd);
    }
    is_spooled = is_spooled || status == NJ_OK;
    return status;
}

const char *nj_spooled_path(const char *path)
{
    return is_spooled && strcmp(path, "-") == 0 ? NJ_SPOOLED_PATH : path;
}
