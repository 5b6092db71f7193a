// policy_keys.h - the table of schemas/policy.def, for who reads, writes and explains policies. Private to common/policy.
#ifndef NJ_POLICY_POLICY_KEYS_H
#define NJ_POLICY_POLICY_KEYS_H

#include <stddef.h>

#include "common/base/error.h"
#include "common/policy/policy.h"

typedef enum {
    NJ_POLICY_U32,
    NJ_POLICY_U64,
    NJ_POLICY_F32,
    NJ_POLICY_BOOL,
    NJ_POLICY_PLACE,
    NJ_POLICY_SEARCH,
    NJ_POLICY_RERANK,
    NJ_POLICY_ALIKE,
    NJ_POLICY_COLD_ITEMS,
    NJ_POLICY_ALPHA,
    NJ_POLICY_WORDS,
    NJ_POLICY_DAYS,
    NJ_POLICY_UNTIL,
} nj_policy_kind;

typedef struct {
    const char *path; // "candidates.diverse.groups"
    nj_policy_kind kind;
    size_t offset; // of the field in nj_policy
    double fallback;
    double least;
    double most;
} nj_policy_key;

extern const nj_policy_key NJ_POLICY_KEYS[NJ_POLICY_KEY_COUNT];

/// The word of a number of the kinds SEARCH, RERANK, ALIKE and COLD_ITEMS; NULL past the last.
const char *nj_policy_word(nj_policy_kind kind, uint32_t number);

/// The field of a key, whatever its type: u32 for words and columns too.
static inline void *nj_policy_field(nj_policy *policy, size_t key)
{
    return (char *)policy + NJ_POLICY_KEYS[key].offset;
}
static inline const void *nj_policy_field_of(const nj_policy *policy, size_t key)
{
    return (const char *)policy + NJ_POLICY_KEYS[key].offset;
}

/// What a file says that holds `version: 1` alone.
void nj_policy_init(nj_policy *out);

/// NJ_CONFIG: "what: line 12: ..."; line 0 is left out, NJ_POLICY_LINE_SET is "set beside it".
nj_status nj_policy_fail(nj_error *err, const char *what, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
