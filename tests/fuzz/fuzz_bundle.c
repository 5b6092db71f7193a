// fuzz_bundle.c - any bytes as a bundle file, read as decode and run read one: open, verify, sections, engine.
//
// A file is tried twice: as it is, and with the digests that its bytes have, which no mutation would find.
#include "tests/fuzz/decode.h"
#include "tests/support/memfile.h"

#define TABLE_DIGEST_AT 16
#define TABLE_AT 64
#define ENTRY_BYTES 80
#define ENTRY_OFFSET_AT 32
#define ENTRY_SIZE_AT 40
#define ENTRY_DIGEST_AT 48

static void read_bundle(const void *bytes, size_t size, bool decode)
{
    nj_bundle *bundle = NULL;
    nj_error err;
    nj_status status = nj_bundle_open(memfile_write(bytes, size), &bundle, &err);
    fuzz_check(status == NJ_OK || status == NJ_INPUT, "a file is a bundle or none");
    if (status != NJ_OK) {
        return;
    }
    status = nj_bundle_verify(bundle, &err);
    fuzz_check(status == NJ_OK || status == NJ_REFUSED, "a bundle is as its digests say or not");
    if (status == NJ_OK && decode) {
        decode_sections(nj_bundle_sections(bundle));
    }
    nj_bundle_close(&bundle);
}

static void mend_section(uint8_t *bytes, size_t size, uint8_t *entry)
{
    uint64_t offset;
    uint64_t length;
    memcpy(&offset, entry + ENTRY_OFFSET_AT, sizeof offset);
    memcpy(&length, entry + ENTRY_SIZE_AT, sizeof length);
    if (offset <= size && length <= size - offset) {
        nj_digest digest = nj_digest_of(bytes + offset, (size_t)length);
        memcpy(entry + ENTRY_DIGEST_AT, digest.bytes, sizeof digest.bytes);
    }
}

static void mend_digests(uint8_t *bytes, size_t size)
{
    uint32_t count;
    memcpy(&count, bytes + 12, sizeof count);
    if (count > NJ_BUNDLE_SECTIONS_MAX || size < TABLE_AT + count * (size_t)ENTRY_BYTES) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        mend_section(bytes, size, bytes + TABLE_AT + i * (size_t)ENTRY_BYTES);
    }
    nj_digest digest = nj_digest_of(bytes + TABLE_AT, count * (size_t)ENTRY_BYTES);
    memcpy(bytes + TABLE_DIGEST_AT, digest.bytes, sizeof digest.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_bundle(data, size, false);
    if (size >= TABLE_AT) {
        uint8_t *copy = fuzz_copy_aligned(data, size);
        mend_digests(copy, size);
        read_bundle(copy, size, true);
        free(copy);
    }
    return 0;
}
