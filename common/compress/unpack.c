#include "common/compress/unpack.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/checked.h"
#include "common/compress/unpack_parts.h"

struct nj_unpack {
    nj_packed form;
    const nj_unpack_decoder *decoder; // NULL: plain
    void *state;                      // owned; the decoder's
    uint64_t out_bytes;               // handed out
    nj_unpack_input input;
};

// How a form begins.
typedef struct {
    const char *bytes;
    size_t size;
    const char *name; // NULL: it is read, here or by who asks for the head
    const char *tool; // that unpacks it
} magic_row;

static const magic_row MAGICS[] = {
    {"\x1f\x8b", 2, NULL, NULL},
    {"\x28\xb5\x2f\xfd", 4, NULL, NULL},
    {"PAR1\x15", 5, NULL, NULL},
    {"\xfd"
     "7zXZ\0",
     6, "xz", "xz -dc"},
    {"BZh91AY&SY", 10, "bzip2", "bzip2 -dc"},
    {"\x04\x22\x4d\x18", 4, "lz4", "lz4 -dc"},
    {"PK\x03\x04", 4, "zip", "unzip -p"},
    {"7z\xbc\xaf\x27\x1c", 6, "7z", "7z x -so"},
    {"\xff\x06\0\0sNaPpY", 10, "snappy", "snzip -dc"},
};
#define MAGIC_COUNT (sizeof MAGICS / sizeof MAGICS[0])

nj_status nj_unpack_fail(const nj_unpack_input *input, nj_error *err, const char *rule)
{
    return nj_fail(err, NJ_INPUT, "%s: byte %" PRIu64 ": %s", input->name, input->taken_bytes,
                   rule);
}

static nj_status read_some(const nj_unpack_input *input, void *bytes, size_t capacity,
                           size_t *out_size, nj_error *err)
{
    ssize_t got;
    do {
        got = read(input->fd, bytes, capacity);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot read", input->name);
    }
    *out_size = (size_t)got;
    return NJ_OK;
}

nj_status nj_unpack_fill(nj_unpack_input *input, nj_error *err)
{
    size_t got = 0;
    memmove(input->bytes, input->bytes + input->begin, input->end - input->begin);
    input->end -= input->begin;
    input->begin = 0;
    nj_status status =
        read_some(input, input->bytes + input->end, sizeof input->bytes - input->end, &got, err);
    input->end += got;
    input->at_end = status == NJ_OK && got == 0;
    return status;
}

static bool begins_with(nj_slice head, const char *bytes, size_t size)
{
    return head.size >= size && memcmp(head.bytes, bytes, size) == 0;
}

// True while the bytes so far begin as some form does and do not tell which: a line that somebody types is not waited for in vain.
static bool is_undecided(nj_slice head)
{
    for (size_t i = 0; i < MAGIC_COUNT; i++) {
        const size_t size = nj_min_size(head.size, MAGICS[i].size);
        if (head.size < MAGICS[i].size && memcmp(head.bytes, MAGICS[i].bytes, size) == 0) {
            return true;
        }
    }
    return head.size < 4 && (head.bytes[0] & 0xf0) == 0x50; // a frame that is to be skipped
}

// The four bytes of a frame, or of one that is to be skipped (0x184D2A50 to 5F, little-endian).
static bool is_zstd(nj_slice head)
{
    return begins_with(head, "\x28\xb5\x2f\xfd", 4) ||
           (head.size >= 4 && (head.bytes[0] & 0xf0) == 0x50 &&
            memcmp(head.bytes + 1, "\x2a\x4d\x18", 3) == 0);
}

// Sets the form and makes its decoder.
static nj_status find_form(nj_unpack *unpack, nj_error *err)
{
    const nj_slice head = nj_unpack_head(unpack);
    for (size_t i = 0; i < MAGIC_COUNT; i++) {
        if (MAGICS[i].name != NULL && begins_with(head, MAGICS[i].bytes, MAGICS[i].size)) {
            return nj_fail(err, NJ_INPUT,
                           "%s: is packed by %s, must be plain, gzip or zstd: unpack it first, or "
                           "pipe `%s FILE` into standard input (-)",
                           unpack->input.name, MAGICS[i].name, MAGICS[i].tool);
        }
    }
    if (begins_with(head, "\x1f\x8b", 2)) {
        unpack->form = NJ_PACKED_GZIP;
        unpack->decoder = &NJ_UNPACK_GZIP;
        unpack->state = nj_unpack_gzip_new();
    } else if (is_zstd(head)) {
        unpack->form = NJ_PACKED_ZSTD;
        unpack->decoder = &NJ_UNPACK_ZSTD;
        unpack->state = nj_unpack_zstd_new();
    }
    if (unpack->decoder != NULL && unpack->state == NULL) {
        unpack->decoder = NULL;
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to unpack it", unpack->input.name);
    }
    return NJ_OK;
}

nj_status nj_unpack_open(int fd, const char *name, nj_unpack **out, nj_error *err)
{
    nj_unpack *unpack = calloc(1, sizeof *unpack);
    if (unpack == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", name);
    }
    nj_unpack_input *input = &unpack->input;
    input->fd = fd;
    input->name = name;
    nj_status status = nj_unpack_fill(input, err);
    while (status == NJ_OK && !input->at_end && is_undecided(nj_unpack_head(unpack))) {
        status = nj_unpack_fill(input, err);
    }
    if (status == NJ_OK) {
        status = find_form(unpack, err);
    }
    if (status != NJ_OK) {
        nj_unpack_close(&unpack);
        return status;
    }
    *out = unpack;
    return NJ_OK;
}

void nj_unpack_close(nj_unpack **unpack)
{
    nj_unpack *u = *unpack;
    if (u != NULL && u->decoder != NULL) {
        u->decoder->free(u->state);
    }
    free(u);
    *unpack = NULL;
}

nj_packed nj_unpack_form(const nj_unpack *unpack)
{
    return unpack->form;
}

nj_slice nj_unpack_head(const nj_unpack *unpack)
{
    const nj_unpack_input *input = &unpack->input;
    return (nj_slice){(const char *)input->bytes + input->begin,
                      nj_min_size(input->end - input->begin, NJ_UNPACK_HEAD_BYTES)};
}

// What was read to look at it, then the file itself.
static nj_status read_plain(nj_unpack *unpack, void *bytes, size_t capacity, size_t *out_size,
                            nj_error *err)
{
    nj_unpack_input *input = &unpack->input;
    const size_t left = nj_min_size(input->end - input->begin, capacity);
    *out_size = left;
    if (left == 0) {
        return input->at_end ? NJ_OK : read_some(input, bytes, capacity, out_size, err);
    }
    memcpy(bytes, input->bytes + input->begin, left);
    nj_unpack_take(input, left);
    return NJ_OK;
}

static nj_status check_growth(nj_unpack *unpack, size_t size, nj_error *err)
{
    const uint64_t in_bytes = unpack->input.taken_bytes;
    unpack->out_bytes += size;
    if (unpack->out_bytes <= NJ_UNPACK_FREE_BYTES ||
        unpack->out_bytes / NJ_UNPACK_RATIO_MAX <= in_bytes) {
        return NJ_OK;
    }
    return nj_fail(err, NJ_INPUT,
                   "%s: byte %" PRIu64 ": has become %" PRIu64 " bytes, more than %d times as "
                   "many, as a bomb does: unpack it first if it is meant",
                   unpack->input.name, in_bytes, unpack->out_bytes, NJ_UNPACK_RATIO_MAX);
}

nj_status nj_unpack_read(nj_unpack *unpack, void *bytes, size_t capacity, size_t *out_size,
                         nj_error *err)
{
    nj_unpack_input *input = &unpack->input;
    *out_size = 0;
    if (unpack->decoder == NULL) {
        return read_plain(unpack, bytes, capacity, out_size, err);
    }
    for (;;) {
        nj_status status =
            unpack->decoder->step(unpack->state, input, bytes, capacity, out_size, err);
        if (status != NJ_OK || *out_size > 0) {
            return status == NJ_OK ? check_growth(unpack, *out_size, err) : status;
        }
        if (input->at_end) {
            return unpack->decoder->is_between(unpack->state)
                       ? NJ_OK
                       : nj_unpack_fail(input, err,
                                        "the file ends in the middle of its packed data: it is cut "
                                        "off");
        }
        status = nj_unpack_fill(input, err);
        if (status != NJ_OK) {
            return status;
        }
    }
}
