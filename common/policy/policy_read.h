// policy_read.h - policy.yaml to nj_policy. The file's keys and rules are told in schemas/policy.md; the table is schemas/policy.def.
//
// Strict: an unknown key, an unknown word, a number outside its limits, a key given twice, a rule that contradicts another and a part that
// the bundle has no section for are refused with the line:
//
//   policy.yaml: line 12: constraints.caps: column "categry" is not among the bundle's attributes; did you mean category?
#ifndef NJ_POLICY_POLICY_READ_H
#define NJ_POLICY_POLICY_READ_H

#include "common/base/error.h"
#include "common/policy/policy.h"
#include "common/policy/policy_names.h"

#define NJ_POLICY_FILE_BYTES_MAX (1u << 18)

// A key that is set beside the file: {"rerank.relevance", "0.9"}. Keys of schemas/policy.def only.
typedef struct {
    const char *key;   // borrowed
    const char *value; // borrowed
} nj_policy_override;

/// Reads the file. *out is set on success only; nothing in it is owned.
///
/// Errors  NJ_CONFIG: file, line, rule, both numbers and what to do; NJ_NOT_FOUND, NJ_IO, NJ_NO_MEMORY
/// Proof   tests/unit/policy/test_policy_read.c
NJ_CHECKED nj_status nj_policy_read(const char *path, const nj_policy_names *names, nj_policy *out,
                                    nj_error *err);

/// The same with some keys set otherwise: for a sweep over variants of one file.
NJ_CHECKED nj_status nj_policy_read_with(const char *path, const nj_policy_override *overrides,
                                         uint32_t override_count, const nj_policy_names *names,
                                         nj_policy *out, nj_error *err);

/// The same from bytes in memory; `what` names them in errors.
NJ_CHECKED nj_status nj_policy_parse(const char *bytes, size_t size, const char *what,
                                     const nj_policy_override *overrides, uint32_t override_count,
                                     const nj_policy_names *names, nj_policy *out, nj_error *err);

#endif
