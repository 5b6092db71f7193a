#include "common/policy/policy_line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    char *text;
    size_t used;
} line;

static void add(line *l, bool is_on, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add(line *l, bool is_on, const char *format, ...)
{
    va_list arguments;
    if (!is_on || l->used + 3 >= NJ_POLICY_LINE_BYTES) {
        return;
    }
    l->used += (size_t)snprintf(l->text + l->used, NJ_POLICY_LINE_BYTES - l->used, "%s",
                                l->used > 0 ? ", " : "");
    va_start(arguments, format);
    const int size =
        vsnprintf(l->text + l->used, NJ_POLICY_LINE_BYTES - l->used, format, arguments);
    va_end(arguments);
    l->used += size > 0 ? (size_t)size : 0;
    if (l->used >= NJ_POLICY_LINE_BYTES) {
        l->used = NJ_POLICY_LINE_BYTES - 1; // the rest is cut
    }
}

void nj_policy_line(const nj_policy *policy, char out[NJ_POLICY_LINE_BYTES])
{
    line l = {.text = out};
    if (policy == NULL) {
        strcpy(out, "every stage is off");
        return;
    }
    out[0] = '\0';
    add(&l, policy->search == NJ_SEARCH_DIVERSE, "diverse search in %u groups", policy->groups);
    add(&l, policy->search == NJ_SEARCH_STOCHASTIC, "stochastic search");
    add(&l, policy->neighbour_weight > 0, "neighbours %g to %g", (double)policy->neighbour_weight,
        (double)policy->beam_weight);
    add(&l, nj_policy_has_prior(policy), "prefix priors");
    add(&l, policy->boost_count > 0, "%u boosts", policy->boost_count);
    add(&l, policy->deny_count > 0, "%u rules of denied items", policy->deny_count);
    add(&l, policy->cap_count > 0, "%u caps", policy->cap_count);
    add(&l, policy->pin_count > 0, "%u pinned places", policy->pin_count);
    add(&l, policy->fresh_share > 0, "fresh %g", (double)policy->fresh_share);
    add(&l, policy->rerank != NJ_RERANK_NONE, "%s at relevance %g",
        policy->rerank == NJ_RERANK_MMR ? "mmr" : "dpp", (double)policy->relevance);
    add(&l, policy->calibration > 0, "calibration %g", (double)policy->calibration);
    add(&l, policy->cold_places > 0, "%u places for cold items", policy->cold_places);
    add(&l, policy->borrow_levels > 0, "cold items borrow over %u codes", policy->borrow_levels);
    add(&l, policy->fill_widen, "filled by a wider search");
    add(&l, policy->fill_near, "filled from near by");
    add(&l, policy->fill_popular, "filled by popularity");
    add(&l, l.used == 0, "every stage is off");
}
