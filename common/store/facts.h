// facts.h - what a generation says about itself: in __meta__, and in MANIFEST.json beside data.mdb.
#ifndef NJ_STORE_FACTS_H
#define NJ_STORE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/store/record.h"

#define NJ_STORE_MANIFEST_BYTES_MAX 65536
#define NJ_STORE_HEAD_BYTES 8192 // LMDB's two meta pages, from which every later look starts

typedef struct {
#define NJ_STORE_FACT(kind, name, max, meaning) NJ_RECORD_MEMBER_##kind(name, max)
#include "schemas/store.def"
} nj_store_facts;

typedef struct {
    nj_store_facts facts;
#define NJ_STORE_SEAL(kind, name, max, meaning) NJ_RECORD_MEMBER_##kind(name, max)
#include "schemas/store.def"
} nj_store_manifest;

/// The value of __meta__.
NJ_CHECKED nj_status nj_store_facts_pack(const nj_store_facts *facts, nj_buffer *out,
                                         nj_error *err);
/// NJ_INPUT for anything malformed.
NJ_CHECKED nj_status nj_store_facts_unpack(nj_slice bytes, nj_store_facts *out, nj_error *err);
/// The name of the first fact that differs, or NULL.
const char *nj_store_facts_difference(const nj_store_facts *a, const nj_store_facts *b);

/// True past valid_until_ms, where it is said.
static inline bool nj_store_facts_stale(const nj_store_facts *facts, uint64_t now_ms)
{
    return facts->valid_until_ms != 0 && now_ms >= facts->valid_until_ms;
}

/// Writes the file whole and synced.
NJ_CHECKED nj_status nj_store_manifest_write(const char *path, const nj_store_manifest *manifest,
                                             nj_error *err);
/// NJ_NOT_FOUND without the file, NJ_INPUT for anything malformed.
NJ_CHECKED nj_status nj_store_manifest_read(const char *path, nj_store_manifest *out,
                                            nj_error *err);
/// Sets every fact and seal as a key of `object`: `store stat --json` prints it. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_store_manifest_to_json(const nj_store_manifest *manifest, json_t *object,
                                               nj_error *err);

#endif
