// policy_sections.h - the policy of a bundle and all that it is about, opened at once: what a worker decodes with, and what a night is
// checked with before it starts.
#ifndef NJ_POLICY_POLICY_SECTIONS_H
#define NJ_POLICY_POLICY_SECTIONS_H

#include "common/base/error.h"
#include "common/bundle/bundle.h"
#include "common/catalogue/item_sections.h"
#include "common/catalogue/view.h"
#include "common/policy/policy.h"

// All zero where the bundle has no policy; views borrow from the sections.
typedef struct {
    bool acts; // there is a policy and a stage of it is on; else nothing below may be used
    nj_policy policy;
    nj_item_sections items;
    uint32_t
        trained_item_count; // rows that the checkpoint says it was trained on; 0: it does not say
} nj_policy_sections;

/// Opens the sections "policy", "attributes", "vectors", "neighbours" and what "model" says of the training. Without a policy the others
/// are not looked at.
///
/// Errors  those of nj_policy_unpack and nj_policy_names_open
/// Proof   tests/unit/engine/test_engine_policy.c
NJ_CHECKED nj_status nj_policy_sections_open(const nj_sections *sections,
                                             const nj_catalogue_view *catalogue,
                                             nj_policy_sections *out, nj_error *err);

/// The same, and what the policy asks of a night (nj_policy_check_night): called before one starts.
NJ_CHECKED nj_status nj_policy_sections_check(const nj_sections *sections,
                                              const nj_catalogue_view *catalogue, uint32_t beam,
                                              uint32_t top, const char *what, nj_error *err);

/// A section, or NULL where the bundle has none.
static inline const nj_attributes *nj_policy_attributes(const nj_policy_sections *s)
{
    return s->items.attributes.count > 0 ? &s->items.attributes : NULL;
}
static inline const nj_item_vectors *nj_policy_vectors(const nj_policy_sections *s)
{
    return s->items.vectors.width > 0 ? &s->items.vectors : NULL;
}
static inline const nj_neighbour_table *nj_policy_neighbours(const nj_policy_sections *s)
{
    return s->items.neighbours.offset != NULL ? &s->items.neighbours : NULL;
}

#endif
