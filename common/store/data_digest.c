#include "common/store/data_digest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#define BLOCK_BYTES ((size_t)1 << 20)

typedef void (*add_block)(nj_digester *digester, const uint8_t *block, size_t size);

static void add_bytes(nj_digester *digester, const uint8_t *block, size_t size)
{
    nj_digester_update(digester, block, size);
}

static void add_sum(nj_digester *digester, const uint8_t *block, size_t size)
{
    XXH128_canonical_t sum;
    XXH128_canonicalFromHash(&sum, XXH3_128bits(block, size));
    nj_digester_update(digester, sum.digest, sizeof sum.digest);
}

// Fills the block; `*out_got` is less only at the end of the file.
static nj_status read_block(int fd, const char *path, uint8_t *block, size_t size, size_t *out_got,
                            nj_error *err)
{
    size_t got = 0;
    while (got < size) {
        ssize_t count = read(fd, block + got, size - got);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return nj_fail_errno(err, NJ_IO, errno, "%s: cannot read", path);
        }
        if (count == 0) {
            break;
        }
        got += (size_t)count;
    }
    *out_got = got;
    return NJ_OK;
}

static nj_status digest_file(const char *path, uint64_t bytes, add_block add, nj_digest *out,
                             nj_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot open", path);
    }
    uint8_t *block = malloc(BLOCK_BYTES);
    nj_status status =
        block != NULL ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", path);
    nj_digester digester;
    nj_digester_init(&digester);
    for (uint64_t left = bytes; left > 0 && status == NJ_OK;) {
        size_t size = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
        size_t got = 0;
        status = read_block(fd, path, block, size, &got, err);
        if (status == NJ_OK && got < size) {
            status = nj_fail(err, NJ_REFUSED, "%s: ends at byte %" PRIu64 " of %" PRIu64, path,
                             bytes - left + got, bytes);
        }
        if (status == NJ_OK) {
            add(&digester, block, size);
        }
        left -= size;
    }
    if (status == NJ_OK) {
        *out = nj_digester_final(&digester);
    }
    free(block);
    close(fd);
    return status;
}

nj_status nj_data_digest_plain(const char *path, uint64_t bytes, nj_digest *out, nj_error *err)
{
    return digest_file(path, bytes, add_bytes, out, err);
}

nj_status nj_data_digest_blocks(const char *path, uint64_t bytes, nj_digest *out, nj_error *err)
{
    return digest_file(path, bytes, add_sum, out, err);
}
