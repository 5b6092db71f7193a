#include "worker/daemon/held_sections.h"

#include <inttypes.h>

static void drop(nj_held_sections *held, size_t index)
{
    nj_buffer_fini(&held->sections[index].bytes);
    held->sections[index] = held->sections[--held->count];
}

void nj_held_sections_fini(nj_held_sections *held)
{
    while (held->count > 0) {
        drop(held, held->count - 1);
    }
    nj_buffer_fini(&held->draft.bytes);
    *held = (nj_held_sections){0};
}

static nj_held_section *find(nj_held_sections *held, const nj_digest *digest, uint64_t size)
{
    for (size_t i = 0; i < held->count; i++) {
        nj_held_section *section = &held->sections[i];
        if (section->bytes.size == size && nj_digest_equal(&section->digest, digest)) {
            return section;
        }
    }
    return NULL;
}

bool nj_held_sections_has(const nj_held_sections *held, const nj_digest *digest, uint64_t size)
{
    return find((nj_held_sections *)(uintptr_t)held, digest, size) != NULL;
}

static uint64_t count_bytes(const nj_held_sections *held)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < held->count; i++) {
        bytes += held->sections[i].bytes.size;
    }
    return bytes;
}

void nj_held_sections_begin(nj_held_sections *held)
{
    for (size_t i = held->count; i-- > 0;) {
        if (held->sections[i].serial == 0) {
            drop(held, i);
        }
    }
}

static nj_status begin_draft(nj_held_sections *held, const nj_digest *digest, nj_error *err)
{
    const uint64_t held_bytes = count_bytes(held);
    nj_buffer_fini(&held->draft.bytes);
    if (held->count == NJ_HELD_SECTIONS_MAX || held_bytes >= NJ_HELD_BYTES_MAX) {
        return nj_fail(err, NJ_NO_MEMORY,
                       "%zu sections of %" PRIu64 " bytes are held in memory, the limits are %d "
                       "and %" PRIu64,
                       held->count, held_bytes, NJ_HELD_SECTIONS_MAX, NJ_HELD_BYTES_MAX);
    }
    held->draft = (nj_held_section){.digest = *digest};
    nj_buffer_init(&held->draft.bytes, (size_t)(NJ_HELD_BYTES_MAX - held_bytes));
    return NJ_OK;
}

nj_status nj_held_sections_write(nj_held_sections *held, const nj_digest *digest, uint64_t offset,
                                 nj_slice bytes, nj_error *err)
{
    nj_status status = offset == 0 ? begin_draft(held, digest, err) : NJ_OK;
    if (status != NJ_OK) {
        return status;
    }
    if (held->draft.bytes.size != offset || !nj_digest_equal(&held->draft.digest, digest)) {
        return nj_fail(err, NJ_FAILED, "a section's bytes arrived out of order");
    }
    status = nj_buffer_append(&held->draft.bytes, bytes.bytes, bytes.size);
    return status == NJ_OK
               ? NJ_OK
               : nj_fail(err, status, "no memory for a section of more than %" PRIu64 " bytes",
                         offset);
}

nj_status nj_held_sections_finish(nj_held_sections *held, const nj_digest *digest, uint64_t size,
                                  bool *out_good, nj_error *err)
{
    *out_good = false;
    if (size == 0) { // a section without bytes has no piece
        nj_status status = begin_draft(held, digest, err);
        if (status != NJ_OK) {
            return status;
        }
    }
    const nj_digest found = nj_digest_of(held->draft.bytes.bytes, held->draft.bytes.size);
    if (held->draft.bytes.size != size || !nj_digest_equal(&found, digest)) {
        nj_buffer_fini(&held->draft.bytes);
        return NJ_OK;
    }
    held->sections[held->count++] = held->draft;
    nj_buffer_init(&held->draft.bytes, 0);
    *out_good = true;
    return NJ_OK;
}

void nj_held_sections_use(nj_held_sections *held, nj_sections *sections)
{
    held->serial++;
    for (size_t i = 0; i < sections->count; i++) {
        nj_section *section = &sections->sections[i];
        nj_held_section *found = find(held, &section->digest, section->size);
        if (found != NULL) {
            found->serial = held->serial;
            section->bytes = found->bytes.size > 0 ? (const void *)found->bytes.bytes : "";
        }
    }
}

void nj_held_sections_release(nj_held_sections *held)
{
    for (size_t i = held->count; i-- > 0;) {
        if (held->sections[i].serial != 0 && held->sections[i].serial != held->serial) {
            drop(held, i);
        }
    }
}
