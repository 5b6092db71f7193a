// data_digest.h - a file compared with what a manifest says of its bytes, by plain reads.
//
//   data.mdb   [block 0: 1 MiB][block 1] ... [the rest]
//                  XXH3-128      XXH3-128    XXH3-128      16 bytes each, canonical (big-endian)
//              data_digest = BLAKE2b of those, one behind the other
//
// Every look at a generation that trusts LMDB to follow its pages reads the whole file for this first, so it has to be as
// fast as the file can be read (ops/handbook/decisions/0008-digest-of-a-generation.md). What the rows are is named by
// content_digest, which is BLAKE2b throughout.
#ifndef NJ_STORE_DATA_DIGEST_H
#define NJ_STORE_DATA_DIGEST_H

#include "common/base/digest.h"
#include "common/base/error.h"

/// BLAKE2b of the first `bytes` of a plain file: the head, and data_digest before schema version 2. NJ_REFUSED when it
/// has fewer.
NJ_CHECKED nj_status nj_data_digest_plain(const char *path, uint64_t bytes, nj_digest *out,
                                          nj_error *err);

/// data_digest of schema version 2. NJ_REFUSED when the file has fewer than `bytes`.
/// Proof    tests/unit/store/test_verify.c
NJ_CHECKED nj_status nj_data_digest_blocks(const char *path, uint64_t bytes, nj_digest *out,
                                           nj_error *err);

#endif
