// policies.h - from what the search found to the list that the policy wants: its stages, in order.
//
//   a batch     begin    user vectors against the cold pool
//   a user      list     search's leaves ─► items ┐
//                        neighbours of the history ┴─► one ranking ─► boosts ─► borrowing ─► the best `pool`
//                        pins, cold items, fresh items get their places
//                        re-ranking chooses the others, best first, as the constraints allow
//               add      what fills the list up (worker/policy/fill.h), each item as the constraints allow
//               finish   pins and cold items to their places
//               reserve  what was found and is not in the list, best first, as the caps allow
//
// What the search itself has to know comes from here too: how many leaves, and what prefix priors add at each node.
//
// A list depends on the bundle, the settings, the user's id where the search is stochastic, his history (rows, not only tokens), mask and
// exclusions: never on the batch.
#ifndef NJ_WORKER_POLICY_POLICIES_H
#define NJ_WORKER_POLICY_POLICIES_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/slice.h"
#include "common/catalogue/attributes.h"
#include "common/catalogue/item_vectors.h"
#include "common/catalogue/neighbour_table.h"
#include "common/catalogue/view.h"
#include "common/math/kernels.h"
#include "common/policy/policy.h"
#include "worker/beam/beam.h"
#include "worker/policy/candidate.h"

typedef struct nj_policies nj_policies;

// All borrowed for the life of what is opened; a section that the bundle lacks is NULL.
typedef struct {
    const nj_policy *policy;
    const nj_catalogue_view *catalogue;
    const nj_attributes *attributes;
    const nj_item_vectors *vectors;
    const nj_neighbour_table *neighbours;
    uint32_t
        trained_item_count; // rows that the checkpoint says it was trained on; 0: it does not say
    uint32_t beam;          // W of the settings
    uint32_t top;           // places of a list
    uint32_t reserve;       // items behind it at the most
    uint32_t history_max;   // rows of a user's history at the most
    const nj_kernels *kernels;
} nj_policies_inputs;

typedef struct {
    nj_slice id;
    const uint32_t
        *history; // [history_count] catalogue rows, oldest first: those that the encoder was given
    uint32_t history_count;
    const nj_exclusions *exclusions; // what he must not get
} nj_policy_user;

// A list on its way; its items are the policies' own, until the next nj_policies_list or the arena is rewound.
typedef struct {
    nj_candidate *items; // [top]; in the list's order behind nj_policies_finish
    uint32_t count;
    uint32_t sources; // bit s is set where an item has the source s (NJ_SOURCE_*)
} nj_policy_list;

/// Bytes that nj_policies_open allocates. SIZE_MAX on overflow.
size_t nj_policies_bytes(const nj_policies_inputs *inputs);

/// Makes the tables: rows that may be listed, priors of nodes, the cold pool. Nothing is allocated behind it.
///
/// Errors  NJ_CONFIG: the policy asks for a section, counts or a column that the bundle lacks, a row or value that it does not have, or
///         a pin stands behind the last place; NJ_NO_MEMORY. *out is unchanged.
NJ_CHECKED nj_status nj_policies_open(const nj_policies_inputs *inputs, nj_policies **out,
                                      nj_error *err);
/// Accepts NULL in *policies.
void nj_policies_close(nj_policies **policies);

/// Bytes of arena that nj_policies_begin takes for B users, those of its lists included. SIZE_MAX on overflow.
size_t nj_policies_scratch_bytes(const nj_policies *policies, uint32_t B);

/// Items that go on from the search at the most, and so leaves that it is asked for.
uint32_t nj_policies_pool(const nj_policies *policies);

/// What the search adds to a child's score, the node's number being that on the level below: [L] tables [node_count[l + 1]], each NULL
/// where that level's alpha is 0. NULL where all are. Borrowed for the life of the policies.
///
///   bias = -alpha_l * log((count + smoothing * items) / (all counts + smoothing * all items)), of the node's items, retired ones aside
///
/// Source  schemas/policy.md: the prior of a prefix is its share of the histories
/// Proof   tests/unit/policy/test_prior_table.c
const float *const *nj_policies_node_bias(const nj_policies *policies);

/// Rows that no list may have, as bits [N]; NULL where there are none. For masks: a search that enters no denied item wastes no beam.
/// Lists have none in any case.
const uint64_t *nj_policies_denied(const nj_policies *policies);

/// Begins a batch: all memory of its lists is taken here, and lasts until the arena is rewound below it.
///
///   users  [B]  borrowed until the next nj_policies_begin
void nj_policies_begin(nj_policies *policies, const nj_policy_user *users, uint32_t B,
                       nj_arena *arena);

/// Chooses the list of user b, at most `top` items, from what the search found; one after the other, and one again with a wider search.
///
///   result  of the search; NULL: there was none, the user has no history
void nj_policies_list(nj_policies *policies, uint32_t b, const nj_beam_result *result,
                      nj_policy_list *out);

/// Adds an item behind the others to the list that nj_policies_list chose last, where the list has an open place and every rule allows it:
/// eligible, not excluded, not denied, in the trie, in the list once, under the caps. Its score becomes that of the item before where it
/// is above it.
///
///   candidate  row, source, score and raw are read
///
/// Returns  whether it was added
bool nj_policies_add(nj_policies *policies, const nj_candidate *candidate, nj_policy_list *list);

/// Brings pins and cold items of the list that nj_policies_list chose last to their places. Nothing is added behind it.
void nj_policies_finish(nj_policies *policies, nj_policy_list *list);

/// What would have been listed next, behind nj_policies_finish: the candidates that were left over by their scores before re-ranking, then
/// the search's further leaves. By nj_policies_follow, each.
///
///   result  that of nj_policies_list
///   rows    [inputs.reserve]  out
///
/// Returns  how many
/// Proof    tests/unit/engine/test_engine_reserve.c
uint32_t nj_policies_reserve(nj_policies *policies, const nj_beam_result *result, uint32_t *rows);

/// Takes a row behind the list and the reserve that stands there: eligible, not excluded, not denied, in the trie, in neither of them, and
/// under the caps with both. So caps hold for whatever is made of the two.
///
/// Returns  whether it was taken; never once there are inputs.reserve
bool nj_policies_follow(nj_policies *policies, uint32_t row);

#endif
