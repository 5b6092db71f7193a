// policies_internal.h - what the files of the policies' stages share; nobody else includes it.
#ifndef NJ_WORKER_POLICY_POLICIES_INTERNAL_H
#define NJ_WORKER_POLICY_POLICIES_INTERNAL_H

#include "worker/policy/cold.h"
#include "worker/policy/constraints.h"
#include "worker/policy/fresh.h"
#include "worker/policy/listable.h"
#include "worker/policy/neighbour_source.h"
#include "worker/policy/policies.h"
#include "worker/policy/prior_table.h"
#include "worker/policy/rerank.h"

// The list at hand.
typedef struct {
    uint32_t user;        // of the batch
    nj_listable listable; // what he may get
    nj_constraints constraints;
    nj_candidates pool;   // [room] candidates, best first
    nj_candidate *kept;   // [room] the same before re-ranking
    nj_candidate *placed; // [top] pins by place, then cold items, best first
    uint32_t *places;     // [top] of the pins
    uint32_t pin_count;
    uint32_t placed_count; // pins and cold items
    nj_candidate *picks;   // [top] what was chosen, in order
    uint32_t pick_count;
    uint32_t *before;    // [top] rows that were chosen without a share of fresh items
    nj_candidate *items; // [top] the list
} list_work;

// What the next place of a list is for.
typedef enum { PLACE_PIN, PLACE_COLD, PLACE_PICK } place_kind;

struct nj_policies {
    nj_policies_inputs inputs;
    nj_policy policy; // a copy of inputs.policy
    nj_constraint_rules rules;
    nj_rerank_inputs rerank;
    uint64_t *listable; // owned; [N bits] in the trie and not denied
    uint64_t *denied;   // owned; [N bits] NULL: none
    nj_prior_table priors;
    bool has_priors;
    nj_fresh fresh;
    nj_cold *cold;                  // owned; NULL: neither places nor borrowing
    nj_neighbour_source neighbours; // most 0: off
    uint32_t pool_max;              // candidates that go on
    uint32_t room;                  // of candidates and placed items together

    // of a batch:
    const nj_policy_user *users; // [B]
    nj_cold_choice *cold_items;  // [B] NULL: none
    nj_neighbour_sums sums;
    nj_arena *arena;
    list_work work;
};

// ---- policies_check.c ----

/// All that the policy names is there. NJ_CONFIG.
NJ_CHECKED nj_status nj_policies_check(const nj_policies_inputs *inputs, nj_error *err);

// ---- policies_pool.c ----

/// Whether the rule's items are the row.
bool nj_policies_matches(const nj_policies *policies, const nj_policy_where *where, uint32_t row);

/// Fills the pool of the list at hand with candidates, best first.
void nj_policies_gather(nj_policies *policies, const nj_beam_result *result);

// ---- policies_place.c ----

/// Decides which pins and cold items have a place: reserved in the constraints, and taken out of the candidates.
void nj_policies_place(nj_policies *policies);

/// What `place` is for, with so many pins and cold items before it.
place_kind nj_policies_place_kind(const nj_policies *policies, uint32_t place, uint32_t pins,
                                  uint32_t cold);

/// Lays the list out: placed items where they stand, picks between and behind them.
void nj_policies_lay_out(nj_policies *policies, nj_policy_list *out);

// ---- policies_choose.c ----

/// Chooses the picks of the list at hand.
void nj_policies_choose(nj_policies *policies);

#endif
