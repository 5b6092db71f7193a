#include "common/base/file_digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"

#define BLOCK_BYTES ((size_t)1 << 20)

static nj_status digest_open(int fd, const char *path, nj_digest *out, nj_error *err)
{
    nj_digester digester;
    char *block = malloc(BLOCK_BYTES);
    if (block == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", path);
    }
    nj_digester_init(&digester);
    ssize_t count;
    do {
        count = read(fd, block, BLOCK_BYTES);
        if (count > 0) {
            nj_digester_update(&digester, block, (size_t)count);
        }
    } while (count > 0 || (count < 0 && errno == EINTR));
    free(block);
    if (count < 0) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot read", path);
    }
    *out = nj_digester_final(&digester);
    return NJ_OK;
}

nj_status nj_file_digest(const char *path, nj_digest *out, nj_error *err)
{
    struct stat facts;
    // Without O_NONBLOCK a named pipe would keep us waiting for a writer.
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return nj_fail_open(err, errno, path);
    }
    nj_status status = NJ_OK;
    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) {
        status = nj_fail(err, NJ_INPUT, "%s: not a regular file", path);
    } else {
        status = digest_open(fd, path, out, err);
    }
    close(fd);
    return status;
}
