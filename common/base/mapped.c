#include "common/base/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"

nj_status nj_mapped_open(const char *path, nj_mapped *out, nj_error *err)
{
    static const uint8_t EMPTY[1] = {0};
    nj_status status = NJ_OK;
    // Without O_NONBLOCK a named pipe would keep us waiting for a writer.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return nj_fail_open(err, errno, path);
    }
    struct stat about;
    if (fstat(fd, &about) != 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot stat", path);
        goto done;
    }
    if (!S_ISREG(about.st_mode)) {
        status = nj_fail(err, NJ_INPUT, "%s: not a regular file", path);
        goto done;
    }
    nj_mapped mapped = {.bytes = EMPTY, .size = (size_t)about.st_size};
    if (mapped.size > 0) {
        mapped.mapping = mmap(NULL, mapped.size, PROT_READ, MAP_SHARED, fd, 0);
        if (mapped.mapping == MAP_FAILED) {
            status =
                nj_fail_errno(err, NJ_IO, errno, "%s: cannot map %zu bytes", path, mapped.size);
            goto done;
        }
        mapped.bytes = mapped.mapping;
    }
    *out = mapped;
done:
    close(fd);
    return status;
}

void nj_mapped_close(nj_mapped *mapped)
{
    if (mapped->mapping != NULL) {
        munmap(mapped->mapping, mapped->size);
    }
    *mapped = (nj_mapped){0};
}
