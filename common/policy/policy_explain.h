// policy_explain.h - what happens to a list under a policy, stage by stage, in plain words with the numbers of a bundle.
#ifndef NJ_POLICY_POLICY_EXPLAIN_H
#define NJ_POLICY_POLICY_EXPLAIN_H

#include "common/catalogue/view.h"
#include "common/policy/policy.h"
#include "common/policy/policy_names.h"
#include "common/policy/policy_reach.h"

#define NJ_POLICY_SENTENCE_BYTES 512

// Is called for each sentence in order: of a stage ("candidates", "adjust", "constraints", "rerank", "cold", "fill", and "off" for stages
// that do nothing), borrowed while it runs.
typedef void (*nj_policy_say)(void *context, const char *stage, const char *sentence);

typedef struct {
    const nj_policy *policy; // checked for this night (nj_policy_check_night)
    const nj_policy_names *names;
    const nj_catalogue_view *catalogue;
    const nj_policy_reach *reach;
    uint32_t beam;
    uint32_t top;
} nj_policy_subject;

/// Says all of it. Costs a pass over the catalogue for each rule that names items.
/// Proof   tests/unit/policy/test_policy_explain.c
void nj_policy_explain(const nj_policy_subject *subject, nj_policy_say say, void *context);

#endif
