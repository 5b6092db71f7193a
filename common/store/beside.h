// scrub_beside.h - the files beside a manifest that name users or items. Nothing outside common/store includes it.
#ifndef NJ_STORE_SCRUB_BESIDE_H
#define NJ_STORE_SCRUB_BESIDE_H

#include "common/store/generation.h"
#include "common/store/scrub_text.h"

/// How many users and items of the set those files of a generation name. NJ_REFUSED: one is damaged.
NJ_CHECKED nj_status nj_scrub_beside_count(const char *store_dir, const nj_store_name *name,
                                           const nj_scrub_text *text, uint64_t *out, nj_error *err);

/// Writes each of them anew into `to`.
NJ_CHECKED nj_status nj_scrub_beside_copy(const char *store_dir, const nj_store_name *name,
                                          const char *to, const nj_erase_set *set, nj_error *err);

#endif
