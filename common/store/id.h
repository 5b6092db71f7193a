// id.h - which store this is: STORE/ID, a ULID on one line.
//
// It tells a delta, a cache or a judge that two folders hold generations of one line of nights. A store that was made by
// an older program gets one when its next generation is packed.
#ifndef NJ_STORE_ID_H
#define NJ_STORE_ID_H

#include "common/base/error.h"
#include "common/store/ulid.h"

/// NJ_NOT_FOUND: it has none yet. NJ_REFUSED: the file holds something else.
NJ_CHECKED nj_status nj_store_id_read(const char *store_dir, nj_ulid *out, nj_error *err);

/// The store's id, under the store's lock, which the caller does not hold. Where there is none, that of the current generation is
/// written again, with a warning; else one is made of `now_ms`.
/// Proof    tests/unit/store/test_publish.c
NJ_CHECKED nj_status nj_store_id_ensure(const char *store_dir, uint64_t now_ms, nj_ulid *out,
                                        nj_error *err);

/// Gives an empty store the id of another, of which it becomes a copy. The caller holds the lock. NJ_REFUSED names both
/// where it has another already.
NJ_CHECKED nj_status nj_store_id_adopt(const char *store_dir, const nj_ulid *id, nj_error *err);

#endif
