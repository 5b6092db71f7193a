// policy_check.h - what a policy asks of a night: refused before it starts when no list could ever be so.
#ifndef NJ_POLICY_POLICY_CHECK_H
#define NJ_POLICY_POLICY_CHECK_H

#include "common/base/error.h"
#include "common/catalogue/view.h"
#include "common/policy/policy.h"
#include "common/policy/policy_names.h"

/// Rules against each other and against the bundle's words: what nj_policy_read and nj_policy_unpack ask of every policy.
/// Errors  NJ_CONFIG names `what`, line, rule and both numbers
NJ_CHECKED nj_status nj_policy_check_rules(const nj_policy *policy, const nj_policy_names *names,
                                           const char *what, nj_error *err);

/// Rules against what the bundle answers: what chooses by prefixes of SIDs while it searches has nothing to choose by among strings, and what
/// makes lists nothing to do for free text. nj_policy_check_night asks it too.
///
///   needs  of the catalogue's view
///
/// Errors  NJ_CONFIG names `what` and the rule
NJ_CHECKED nj_status nj_policy_check_answers(const nj_policy *policy, uint32_t needs,
                                             const char *what, nj_error *err);

/// Rules against the settings of a night and the items that it may show: groups divide the beam, pins, cold places and fresh places have
/// room in `top`, no cap leaves fewer than `top` of the items that are sold and not denied. Call it before the night starts.
///
///   beam, top  of the settings
///   what       names the policy in errors: "policy.yaml", or "bundle \"night.njb\": policy"
///
/// Cost    a pass over the catalogue where there are caps
/// Errors  NJ_CONFIG names `what`, line, rule and both numbers
/// Proof   tests/unit/policy/test_policy_check.c
NJ_CHECKED nj_status nj_policy_check_night(const nj_policy *policy, const nj_attributes *attributes,
                                           const nj_catalogue_view *catalogue, uint32_t beam,
                                           uint32_t top, const char *what, nj_error *err);

#endif
