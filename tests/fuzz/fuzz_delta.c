// fuzz_delta.c - delta segments, one behind the other. What is accepted is walked; with a digest that was made to match it is applied,
// to an empty folder first, so that no digest stands between the merge and the entries.
#include "common/store/delta.h"

#include "common/store/key.h"
#include "common/store/publish.h"
#include "tests/fuzz/folder.h"

#define MAP_BYTES_APPLIED ((uint64_t)64 << 20) // larger ones are not applied here

static void walk(const nj_delta_segment *segment)
{
    nj_delta_block block;
    nj_slice before = {0};
    nj_slice entries = segment->entries;
    uint64_t upserts = 0;
    uint64_t deletes = 0;
    uint64_t copied = 0;
    while (nj_delta_next(&entries, &block)) {
        fuzz_check(nj_store_key_check(block.key, NULL) == NJ_OK, "every key is a user's");
        fuzz_check(before.size == 0 || nj_slice_compare(before, block.key) < 0,
                   "keys come in ascending order");
        fuzz_check((block.kind == NJ_DELTA_DELETE) == (block.value.size == 0),
                   "an upsert has a row, a delete has none");
        copied += block.kind == NJ_DELTA_COPIED ? nj_delta_run(&block) : 0;
        upserts += block.kind == NJ_DELTA_UPSERT;
        deletes += block.kind == NJ_DELTA_DELETE;
        before = block.key;
    }
    fuzz_check(entries.size == 0, "the entries end with an entry");
    fuzz_check(upserts == segment->tally.upserts && deletes == segment->tally.deletes &&
                   copied == segment->tally.copied,
               "the end counts the entries");
}

static void remove_store(nj_path *out)
{
    nj_error err;
    fuzz_check(nj_path_join(fuzz_folder_path(), "store", out, &err) == NJ_OK &&
                   nj_folder_remove(out->text, &err) == NJ_OK,
               "the last store can be removed");
}

static void apply_mended(const char *store, const nj_delta_segment *segment)
{
    nj_error err;
    nj_delta_applied applied;
    nj_delta_segment mended = *segment;
    const nj_delta_watch nobody = {0};
    mended.tally.digest = nj_digest_of(segment->bytes.bytes, segment->bytes.size - NJ_DIGEST_BYTES);
    fuzz_check(nj_delta_check(&mended, &err) == NJ_OK, "the digest is over the segment up to it");
    if (segment->head.map_bytes > MAP_BYTES_APPLIED) {
        return;
    }
    const nj_status status = nj_delta_apply(store, &mended, &nobody, &applied, &err);
    fuzz_check(status == NJ_OK || status == NJ_REFUSED || status == NJ_INPUT || status == NJ_IO ||
                   status == NJ_NOT_FOUND,
               "a segment is applied or refused");
    if (status == NJ_OK && !applied.was_there) {
        fuzz_check(segment->head.base[0] != '\0' || applied.rows == segment->tally.upserts,
                   "every upsert is a row");
        fuzz_check(nj_store_verify(store, segment->head.result, NULL, &err) == NJ_OK,
                   "what was applied is sound");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_path store;
    char *copy = fuzz_copy_aligned(data, size);
    nj_slice rest = {copy, size};
    nj_delta_segment segment;
    nj_error err;
    remove_store(&store);
    while (rest.size > 0) {
        const nj_status status = nj_delta_scan(rest, &segment, &err);
        fuzz_check(status == NJ_OK || status == NJ_INPUT || status == NJ_CONFIG,
                   "a segment is accepted or refused");
        if (status != NJ_OK) {
            break;
        }
        fuzz_check(segment.bytes.bytes == rest.bytes && segment.bytes.size > 0 &&
                       segment.bytes.size <= rest.size,
                   "a segment lies in what was scanned");
        walk(&segment);
        apply_mended(store.text, &segment);
        rest = (nj_slice){rest.bytes + segment.bytes.size, rest.size - segment.bytes.size};
    }
    free(copy);
    return 0;
}
