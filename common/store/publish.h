// publish.h - from a finished night to the generation that readers use.
//
//   staging ──pack──► gen-<ulid> ──verify──► the same, read back whole ──publish──► CURRENT names it
//
// Each step is whole or not at all: a generation appears by a rename, and so does CURRENT.
#ifndef NJ_STORE_PUBLISH_H
#define NJ_STORE_PUBLISH_H

#include <stdint.h>

#include "common/base/error.h"
#include "common/store/generation.h"
#include "common/store/origin.h"
#include "common/store/staging.h"

// Rows of a night that were not decoded in it, but taken over from an earlier generation.
typedef struct {
    void *context;
    uint64_t bytes; // that they take at most: of the generation's data.mdb
    /// From the first row on, again.
    void (*rewind)(void *context);
    /// The next row in key order, borrowed until the next call; NJ_END behind the last.
    nj_status (*next)(void *context, nj_slice *out_key, nj_slice *out_value, nj_error *err);
} nj_copied_rows;

/// Copies the staged rows in key order into a new generation, as densely as LMDB can (MDB_APPEND), with __meta__ and
/// MANIFEST.json, QUARANTINED.jsonl where users were quarantined, GROUPS.json where they had groups (nj_staging_groups_set),
/// and what nj_staging_beside_set adds, everything synced. It is not published, and the staging area stays.
///
/// Packing again is safe after any failure or crash: a generation that an earlier try of this night left is removed
/// when it was never current, and is the result when CURRENT names it already.
///
///   row_count     how many staged rows the caller expects: of users who were decoded, or carried over at the deadline
///   copied        rows that go between the staged ones; must be copied_count of copied_digest, as the staging area says. NULL: none
///   now_ms        milliseconds since 1970, for the name and the facts
///   out_manifest  NULL when not wanted
///
/// Returns  NJ_REFUSED  a user has no record yet or more than one, or rows, ledger and row_count disagree, or the rows do not give
///                      the digests that the ledger has of them (shard_check.h); both numbers are named. Copied rows are not those
///                      that the staging area says, or one of their users has a staged row too
///          NJ_AGAIN    the staging area is fenced
///          NJ_IO       on failure nothing is left behind but, after a crash, a draft that is never read
/// Proof    tests/unit/store/test_publish.c
NJ_CHECKED nj_status nj_store_pack(nj_staging *staging, uint64_t row_count,
                                   const nj_copied_rows *copied, uint64_t now_ms,
                                   nj_store_name *out_name, nj_store_manifest *out_manifest,
                                   nj_error *err);

/// The same, and writes ORIGIN (origin.h) beside the manifest where `night` is not NULL.
NJ_CHECKED nj_status nj_store_pack_with_origin(nj_staging *staging, uint64_t row_count,
                                               const nj_copied_rows *copied,
                                               const nj_origin_night *night, uint64_t now_ms,
                                               nj_store_name *out_name,
                                               nj_store_manifest *out_manifest, nj_error *err);

/// Compares the digest of data.mdb with the manifest's, by plain reads. LMDB follows damaged pages into a crash; behind NJ_OK
/// it meets none. NJ_REFUSED names both digests.
NJ_CHECKED nj_status nj_store_check_data(const char *store_dir, const nj_store_name *name,
                                         const nj_store_manifest *manifest, nj_error *err);

/// Reads a generation whole: the digest of data.mdb by plain reads first, because LMDB follows damaged pages into a
/// crash; then every key and row in order, their count and digest, that __meta__ says what the manifest says, and the files beside it:
/// that QUARANTINED.jsonl names the users without a row, and that CONTROLS.jsonl and ORIGIN, where they are there, are whole.
///
///   name          of a generation or a channel; NULL: the current one
///   out_manifest  NULL when not wanted
///
/// Returns  as nj_store_inspect; NJ_REFUSED for anything that is not as it was packed
/// Proof    tests/unit/store/test_verify.c
NJ_CHECKED nj_status nj_store_verify(const char *store_dir, const char *name,
                                     nj_store_manifest *out_manifest, nj_error *err);

/// Makes CURRENT name this generation, after nj_store_inspect. Readers see the old line or the new one. The name that
/// was there is noted in HISTORY (history.h) for a rollback.
///
///   fence         the night that publishes: fenced, it does not (NJ_AGAIN). NULL for a person's publish
///   lock_wait_ms  NJ_STORE_LOCK_WAIT_MS unless there is a reason
///
/// Returns  as nj_store_inspect; NJ_INPUT for a name that is none; NJ_AGAIN names who holds the lock; NJ_IO. On every
///          failure CURRENT is as it was, but where the last sync of the folder fails: then it names one or the other,
///          and the same call again settles it
/// Proof    tests/unit/store/test_publish.c, test_io_faults.c
NJ_CHECKED nj_status nj_store_publish(const char *store_dir, const char *name, nj_staging *fence,
                                      uint32_t lock_wait_ms, nj_error *err);

/// The generation that was current before the present one and whose bytes are still those its manifest names; damaged
/// and missing ones are passed over with a warning. NJ_NOT_FOUND when there is none; NJ_IO where one cannot be read, so
/// that a disk that fails once does not send readers further back than meant.
NJ_CHECKED nj_status nj_store_rollback_find(const char *store_dir, nj_store_name *out_name,
                                            nj_error *err);

/// As nj_store_publish for a person, but backwards: every byte of data.mdb is compared with the manifest first, and
/// HISTORY is cut, so that the next rollback goes further back and not to where this one came from.
///
/// Returns  as nj_store_publish; NJ_REFUSED for damage
/// Proof    tests/unit/store/test_rollback.c
NJ_CHECKED nj_status nj_store_rollback(const char *store_dir, const char *name,
                                       uint32_t lock_wait_ms, nj_error *err);

#endif
