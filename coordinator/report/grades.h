// grades.h - the trend of grades: what `nightjar grade --keep` wrote of each night (STORE/reports/GEN.grade.json, schemas/json/grade.json).
#ifndef NJ_COORDINATOR_REPORT_GRADES_H
#define NJ_COORDINATOR_REPORT_GRADES_H

#include "common/base/error.h"
#include "common/codec/json.h"

#define NJ_NIGHT_GRADE_BYTES_MAX ((size_t)4 << 20)
#define NJ_NIGHT_GRADES_MAX 60u // the latest nights are told

/// Reads the grades of a store into `*out`, which is owned: an array, oldest night first, of {"generation", "created_ms", "users",
/// "hit@10", "ndcg@10", "more_than_popular", "more_than_co-visitation"}, the figures as the grade has them, or null where its lists are shorter; the last two are
/// differences of hit@10 from the lists that `run --controls` has kept, or null. A file that is no grade is passed over with a warning.
///
/// Errors  NJ_IO: the folder cannot be read (a store without it has no grades); NJ_NO_MEMORY
/// Proof   tests/cli/1110-grade-trend.t
NJ_CHECKED nj_status nj_night_grades_read(const char *store_dir, json_t **out, nj_error *err);

/// Puts them into a report's document as "grades", in place of those it has; none are left out.
NJ_CHECKED nj_status nj_night_grades_put(const char *store_dir, json_t *document, nj_error *err);

#endif
