// policy_pack.h - the section "policy" of a bundle (schemas/bundle.md): nj_policy as canonical bytes, and back.
//
//   MessagePack: [version, [values in the order of schemas/policy.def], boosts, deny, caps, pins, [lines of the keys]]
//
// Columns, values and items stand there as words, numbers as they are. The same policy is the same bytes.
#ifndef NJ_POLICY_POLICY_PACK_H
#define NJ_POLICY_POLICY_PACK_H

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/policy/policy.h"
#include "common/policy/policy_names.h"

#define NJ_POLICY_BYTES_MAX (1u << 19)

/// Appends the section. `names` are those that the policy was read with.
/// Errors  NJ_NO_MEMORY
NJ_CHECKED nj_status nj_policy_pack(const nj_policy *policy, const nj_policy_names *names,
                                    nj_buffer *out, nj_error *err);

/// Reads outside bytes: every number is within its limits, every word is one of `names`, and no rule contradicts another, so that what comes
/// out is what nj_policy_read could have given. *out is set on success only.
///
/// Errors  NJ_INPUT: not this form; NJ_CONFIG: a rule that does not fit the bundle, with the line of the policy file
/// Proof   tests/unit/policy/test_policy_pack.c, tests/fuzz/fuzz_policy.c
NJ_CHECKED nj_status nj_policy_unpack(const void *bytes, size_t size, const nj_policy_names *names,
                                      nj_policy *out, nj_error *err);

#endif
