// policy_line.h - a policy in one line, for people: which stages are on, with the number that tells most of each.
#ifndef NJ_POLICY_POLICY_LINE_H
#define NJ_POLICY_POLICY_LINE_H

#include "common/policy/policy.h"

#define NJ_POLICY_LINE_BYTES 512 // with its NUL; what is longer is cut

/// `policy` is NULL where no stage is on.
///
/// "mmr at relevance 0.7, 2 caps, filled by popularity".
/// Proof   tests/integration/0445-audit.t
void nj_policy_line(const nj_policy *policy, char out[NJ_POLICY_LINE_BYTES]);

#endif
