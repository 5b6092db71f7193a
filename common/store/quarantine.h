// quarantine.h - QUARANTINED.jsonl: the users of a generation's plan who have no row, by name and with the reason.
//
//   {"user": "u17", "reason": "worker-a: a row is malformed", "worker": "worker-a", "attempts": 2}
//
// In the order of the plan. The file is there when there is such a user, and has user_count - row_count lines.
#ifndef NJ_STORE_QUARANTINE_H
#define NJ_STORE_QUARANTINE_H

#include "common/store/erase.h"
#include "common/store/generation.h"
#include "common/store/staging.h"

#define NJ_STORE_QUARANTINE_LINE_BYTES_MAX 8192

/// Appends one such object without a line's end. `record` is a QUARANTINED one.
NJ_CHECKED nj_status nj_store_quarantine_json(const nj_ledger_record *record, nj_buffer *out);

/// Writes the file for a staged night into the folder of its generation, synced; nothing where nobody is quarantined.
NJ_CHECKED nj_status nj_store_quarantine_write(nj_staging *staging, const char *folder,
                                               nj_error *err);

/// Compares the file with the manifest. NJ_REFUSED: it is missing, or its lines are not as many as the users without a row;
/// NJ_IO.
/// Proof    tests/unit/store/test_quarantine.c
NJ_CHECKED nj_status nj_store_quarantine_check(const char *store_dir, const nj_store_name *name,
                                               const nj_store_facts *facts, nj_error *err);

/// Lines of such a file; a missing one has none. NJ_IO.
NJ_CHECKED nj_status nj_store_quarantine_count(const char *path, uint64_t *out, nj_error *err);

/// Writes a generation's file anew into another folder, synced: without the lines of the set's users, and with "[erased]" where another
/// one's reason names any of the set. Nothing where no line is left, or there is no such file.
///
/// Returns  NJ_REFUSED names the line that is malformed; NJ_IO
/// Proof    tests/unit/store/test_scrub.c
NJ_CHECKED nj_status nj_store_quarantine_copy_without(const char *from_folder,
                                                      const char *to_folder,
                                                      const nj_erase_set *set, nj_error *err);

#endif
