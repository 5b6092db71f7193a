// scrub_plan.h - what the files of an erasure share (scrub.h has its steps). Nothing outside common/store includes it.
//
// Proof: tests/unit/store/test_scrub.c, and test_scrub_crash.c, which ends the process at every step.
#ifndef NJ_STORE_SCRUB_PLAN_H
#define NJ_STORE_SCRUB_PLAN_H

#include "common/store/scrub.h"
#include "common/store/scrub_text.h"

/// Writes PLAN.json into the draft, synced: the entries from `first` on. NJ_IO, NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_scrub_plan_write(const char *folder, const nj_scrub_result *result,
                                         size_t first, nj_error *err);

/// Adds all entries to STORE/SCRUB-UNTOLD.json, synced.
NJ_CHECKED nj_status nj_scrub_untold_write(const char *store_dir, const nj_scrub_result *result,
                                           nj_error *err);

/// Appends what it says to `out`, marked as earlier, but for what stands there. NJ_OK without it.
NJ_CHECKED nj_status nj_scrub_untold_read(const char *store_dir, nj_scrub_result *out,
                                          nj_error *err);

/// Appends what STORE/scrub says to `out`, marked as earlier. NJ_NOT_FOUND without it.
NJ_CHECKED nj_status nj_scrub_plan_read(const char *store_dir, nj_scrub_result *out, nj_error *err);

/// Appends an entry. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_scrub_entry_add(nj_scrub_result *out, const nj_scrub_entry *entry,
                                        nj_error *err);

/// Step 4 for the entries from `first` on. The caller holds the lock. As nj_store_scrub.
NJ_CHECKED nj_status nj_scrub_finish(const char *store_dir, const nj_scrub_options *options,
                                     const nj_scrub_text *text, size_t first, nj_scrub_result *out,
                                     nj_error *err);

/// STORE/reports: names of generations and ids in documents; files are called as their generations.
NJ_CHECKED nj_status nj_scrub_reports(const char *store_dir, const nj_scrub_text *text,
                                      nj_scrub_result *out, nj_error *err);

/// What takes the generation's place, or NULL.
const nj_store_name *nj_scrub_successor(const nj_scrub_result *result, const char *name);

#endif
