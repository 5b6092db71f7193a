// study.h - what a night recommended, told from the rows of some of its users.
//
//   user ─► row of tonight ─┬─► scores by place, lengths, flags
//                           ├─► items: coverage, exposure, popularity, codes of each level
//                           └─► row of the night before: overlap
//
// The caller chooses the users: nj_study_step says which.
#ifndef NJ_COORDINATOR_REPORT_STUDY_H
#define NJ_COORDINATOR_REPORT_STUDY_H

#include "common/catalogue/view.h"
#include "common/codec/json.h"
#include "common/store/reader.h"

// Users that are read: one in NJ_STUDY_SHARE, so that it costs little beside decoding them, but so many at least, and no more.
#define NJ_STUDY_SHARE 10u
#define NJ_STUDY_USERS_LEAST 2000u
#define NJ_STUDY_USERS_MAX 20000u
#define NJ_STUDY_PLACES_MAX 50u // of a list that count for coverage, exposure, popularity and codes
#define NJ_STUDY_CUTOFF 10u     // of overlap and variety
#define NJ_STUDY_TOP_ITEMS 10u  // that are named
#define NJ_STUDY_CODE_CELLS 64u // of a level's picture: neighbouring codes are added up

// The catalogue that the lists were made from.
typedef struct {
    const nj_catalogue_view *view;
    const nj_idmap *map; // item id -> catalogue row
} nj_study_catalogue;

typedef struct nj_study nj_study;

/// Every how many-th user is read, at least 1. The first one is number step / 2.
uint64_t nj_study_step(uint64_t user_total);

/// Everything is borrowed until nj_study_free.
///
///   user_max   users that will be added, at most
///   catalogue  NULL: coverage, popularity and codes are not known
///   before     the generation that was current before; NULL: there is none
///
/// Memory   220 bytes a user, and 12 an item of the catalogue. NJ_NO_MEMORY.
/// Proof    tests/unit/report/test_study.c
NJ_CHECKED nj_status nj_study_new(size_t user_max, const nj_study_catalogue *catalogue,
                                  nj_store_reader *before, nj_study **out, nj_error *err);
/// Accepts NULL in *study.
void nj_study_free(nj_study **study);

/// Takes in one user's row. One that cannot be read is counted, and is no failure. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_study_add(nj_study *study, nj_slice user, nj_slice value, nj_error *err);

/// The object `lists` of schemas/report.md. `*out` is owned: json_decref.
///
///   step, user_total  the rule that the users were chosen by
///
/// Errors  NJ_NO_MEMORY
NJ_CHECKED nj_status nj_study_json(nj_study *study, uint64_t step, uint64_t user_total,
                                   json_t **out, nj_error *err);

#endif
