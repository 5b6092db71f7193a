// fuzz_unpack.c - any bytes as a packed file: what comes out does not depend on the size of the pieces it is read in.
#include <fcntl.h>
#include <unistd.h>

#include "common/base/digest.h"
#include "common/compress/unpack.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/memfile.h"

#define OUT_BYTES_MAX (1u << 20) // a bomb's rule is for the unit test
#define PIECE_BYTES 65536

// NJ_END: it is well as far as it was read.
static nj_status digest_all(const uint8_t *data, size_t size, size_t piece, nj_digest *out)
{
    static uint8_t bytes[PIECE_BYTES];
    nj_unpack *unpack = NULL;
    nj_digester digester;
    nj_error err;
    size_t total = 0;
    size_t got = 1;
    const int fd = open(memfile_write(data, size), O_RDONLY | O_CLOEXEC);
    fuzz_check(fd >= 0, "the file opens");
    nj_digester_init(&digester);
    nj_status status = nj_unpack_open(fd, "fuzz", &unpack, &err);
    while (status == NJ_OK && got > 0) {
        status = nj_unpack_read(unpack, bytes, piece, &got, &err);
        fuzz_check(got <= piece, "no more than asked for");
        nj_digester_update(&digester, bytes, status == NJ_OK ? got : 0);
        total += got;
        if (total >= OUT_BYTES_MAX) {
            status = NJ_END;
        }
    }
    nj_unpack_close(&unpack);
    close(fd);
    *out = nj_digester_final(&digester);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_digest whole;
    nj_digest pieces;
    const nj_status status = digest_all(data, size, PIECE_BYTES, &whole);
    fuzz_check(status == NJ_OK || status == NJ_INPUT || status == NJ_END,
               "a file is unpacked or refused");
    if (status == NJ_OK) {
        fuzz_check(digest_all(data, size, 4093, &pieces) == NJ_OK, "twice the same answer");
        fuzz_check(memcmp(&whole, &pieces, sizeof whole) == 0, "twice the same bytes");
    }
    return 0;
}
