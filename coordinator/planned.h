// planned.h - a night in numbers: what `nightjar plan` expects of it, and what it came to.
//
//   nightjar plan ─► plan.json ─► run --plan ─► the night's summary and report: "planned" beside "actual", key by key
//
// The numbers are those of schemas/plan.def. Nothing of a plan decides a list, a shard or whether a night is published: a night that
// goes otherwise than planned says so, and goes on.
#ifndef NJ_COORDINATOR_PLANNED_H
#define NJ_COORDINATOR_PLANNED_H

#include <stdbool.h>

#include <jansson.h>

#include "common/base/digest.h"
#include "common/base/error.h"

#define NJ_PLANNED_VERSION 1
#define NJ_PLANNED_BYTES_MAX (1u << 20) // of plan.json

// Whole numbers too; NAN where a number is not known.
typedef struct {
#define NJ_PLAN_FIELD(kind, need, member, group, key, meaning) double member;
#include "schemas/plan.def"
} nj_night_numbers;

// A plan.json. All zero: none.
typedef struct {
    nj_night_numbers numbers;
    nj_digest
        plan; // of the users, histories, bundle, settings and shards it was made for (nj_plan)
    json_t *document; // owned: the whole of it, as it was read; NULL: there is no plan
    char *text;       // owned: the same as compact JSON, for who keeps it beside what came of it
} nj_planned;

/// Numbers of which none is known.
nj_night_numbers nj_night_numbers_unknown(void);

/// The numbers as an object with the keys of plan.def, null where one is not known. Owned by the caller; NULL: no memory.
json_t *nj_night_numbers_json(const nj_night_numbers *numbers);

/// Reads a plan.json. `*out` is owned: nj_planned_fini.
///
/// Errors  NJ_NOT_FOUND, NJ_IO; NJ_INPUT: longer than NJ_PLANNED_BYTES_MAX, no JSON, another version, a key that must be there is
///         not, or is no such number (names file and key)
/// Proof   tests/unit/coordinator/test_planned.c
NJ_CHECKED nj_status nj_planned_read(const char *path, nj_planned *out, nj_error *err);
/// Accepts one that is all zero.
void nj_planned_fini(nj_planned *planned);

/// True when there is a plan and it was made for this night.
bool nj_planned_fits(const nj_planned *planned, const nj_digest *plan);

#endif
