// beside.h - the files of a generation that stand beside its manifest and name users, items or groups: QUARANTINED.jsonl,
// CONTROLS.jsonl, GROUPS.json and ORIGIN. They are in none of its digests. Each has a module of its own; what is done to all of them is
// done by one table, so that none is forgotten. Nothing outside common/store includes it.
#ifndef NJ_STORE_BESIDE_H
#define NJ_STORE_BESIDE_H

#include "common/store/facts.h"
#include "common/store/generation.h"
#include "common/store/scrub_text.h"

/// Compares each that a generation has with its manifest.
///
/// Returns  NJ_REFUSED: one is damaged, or should be there and is not (file and rule are named); NJ_CONFIG: of a later version; NJ_IO
/// Proof    tests/unit/store/test_verify.c, test_quarantine.c, test_controls.c, test_origin.c there
NJ_CHECKED nj_status nj_beside_check(const char *store_dir, const nj_store_name *name,
                                     const nj_store_facts *facts, nj_error *err);

/// How many users and items of the set's those files of a generation name; `text` is of the same set.
///
/// Returns  NJ_REFUSED: one is damaged; NJ_IO, NJ_NO_MEMORY
/// Proof    tests/unit/store/test_scrub.c
NJ_CHECKED nj_status nj_beside_count(const char *store_dir, const nj_store_name *name,
                                     const nj_scrub_text *text, uint64_t *out, nj_error *err);

/// Writes each of them anew into the folder `to` without what is in the set, synced.
///
/// Returns  as nj_beside_count
/// Proof    tests/unit/store/test_scrub.c
NJ_CHECKED nj_status nj_beside_copy_without(const char *store_dir, const nj_store_name *name,
                                            const char *to, const nj_erase_set *set, nj_error *err);

#endif
