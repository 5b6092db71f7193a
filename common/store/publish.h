// publish.h - from a finished night to the generation that readers use.
//
//   staging ──pack──► gen-<ulid> ──verify──► the same, read back whole ──publish──► CURRENT names it
//
// Each step is whole or not at all: a generation appears by a rename, and so does CURRENT. A rollback is a publish of
// an older name.
#ifndef NJ_STORE_PUBLISH_H
#define NJ_STORE_PUBLISH_H

#include <stdint.h>

#include "common/base/error.h"
#include "common/store/generation.h"
#include "common/store/staging.h"

/// Copies the staged rows in key order into a new generation, as densely as LMDB can (MDB_APPEND), with __meta__ and
/// MANIFEST.json, and QUARANTINED.jsonl where users were quarantined, everything synced. It is not published, and the staging area stays.
///
///   row_count     how many rows the caller expects: its users less those quarantined
///   now_ms        milliseconds since 1970, for the name and the facts
///   out_manifest  NULL when not wanted
///
/// Returns  NJ_REFUSED  a user has no record yet or more than one, or rows, ledger and row_count disagree; both numbers are named
///          NJ_AGAIN    the staging area is fenced
///          NJ_IO       on failure nothing is left behind but, after a crash, a draft that is never read
/// Proof    tests/unit/store/test_publish.c
NJ_CHECKED nj_status nj_store_pack(nj_staging *staging, uint64_t row_count, uint64_t now_ms,
                                   nj_store_name *out_name, nj_store_manifest *out_manifest,
                                   nj_error *err);

/// Compares the digest of data.mdb with the manifest's, by plain reads. LMDB follows damaged pages into a crash; behind NJ_OK
/// it meets none. NJ_REFUSED names both digests.
NJ_CHECKED nj_status nj_store_check_data(const char *store_dir, const nj_store_name *name,
                                         const nj_store_manifest *manifest, nj_error *err);

/// Reads a generation whole: the digest of data.mdb by plain reads first, because LMDB follows damaged pages into a
/// crash; then every key and row in order, their count and digest, that __meta__ says what the manifest says, and that QUARANTINED.jsonl names the users without a row.
///
///   name          NULL: the current one
///   out_manifest  NULL when not wanted
///
/// Returns  as nj_store_inspect; NJ_REFUSED for anything that is not as it was packed
/// Proof    tests/unit/store/test_verify.c
NJ_CHECKED nj_status nj_store_verify(const char *store_dir, const char *name,
                                     nj_store_manifest *out_manifest, nj_error *err);

/// Makes CURRENT name this generation, after nj_store_inspect. Readers see the old line or the new one.
///
///   fence         the night that publishes: fenced, it does not (NJ_AGAIN). NULL for a person's publish or rollback
///   lock_wait_ms  NJ_STORE_LOCK_WAIT_MS unless there is a reason
///
/// Returns  as nj_store_inspect; NJ_INPUT for a name that is none; NJ_AGAIN names who holds the lock; NJ_IO. On every
///          failure CURRENT is as it was
NJ_CHECKED nj_status nj_store_publish(const char *store_dir, const char *name, nj_staging *fence,
                                      uint32_t lock_wait_ms, nj_error *err);

#endif
