// policy.h - what a shop wants of its lists beside likely items, as the decoder reads it.
//
//   policy.yaml ─► check ─► section "policy" of the bundle ─► nj_policy ─► worker/policy
//
// The stages in the order in which they act (schemas/policy.md has the file's words):
//
//   candidates    search: beam, diverse or stochastic; neighbours (a collaborative source); both ranked in one list
//   adjust        prefix priors (inside the search), boosts and demotions
//   constraints   deny, caps, pins, a least share of fresh items
//   rerank        MMR or determinantal; calibration to the user's own mix
//   cold          places for items that training has not seen
//   fill          until the list has `top` items
//
// All zero is no policy: every stage is off, and a list is then what it would be without a policy, byte for byte.
#ifndef NJ_POLICY_POLICY_H
#define NJ_POLICY_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/sid/trie.h"

#define NJ_POLICY_VERSION 1
#define NJ_POLICY_RULES_MAX 64     // of each kind
#define NJ_POLICY_POOL_MAX 1000    // candidates of a user
#define NJ_POLICY_PLACES_MAX 100   // of pins, and of cold items
#define NJ_POLICY_ATTRIBUTES_MAX 8 // columns of the section "attributes"
#define NJ_POLICY_NONE UINT32_MAX

typedef enum { NJ_SEARCH_BEAM, NJ_SEARCH_DIVERSE, NJ_SEARCH_STOCHASTIC } nj_search_kind;
typedef enum { NJ_RERANK_NONE, NJ_RERANK_MMR, NJ_RERANK_DETERMINANTAL } nj_rerank_kind;
// How alike two items are: cosine of the section "vectors", or the share of their SIDs' levels that they begin with in common.
typedef enum { NJ_ALIKE_VECTORS, NJ_ALIKE_PREFIX } nj_alike_kind;
// Which items are cold: that stand in none of the histories that the bundle counted (section "counts"), or rows behind those that the
// checkpoint says it was trained on (common/catalogue/trained_on.h).
typedef enum { NJ_COLD_ITEMS_UNSEEN, NJ_COLD_ITEMS_ADDED } nj_cold_items_kind;

// Some items: those whose attribute has a value, or one item.
typedef struct {
    uint32_t attribute; // column of the section "attributes"; NJ_POLICY_NONE: an item
    uint32_t value;     // a number of that column, or a catalogue row
} nj_policy_where;

typedef struct {
    nj_policy_where where;
    float add; // to the score, which is a logarithm: ln 2 doubles, negative demotes
} nj_policy_boost;

// At most `most` items of a list are alike: have one value of an attribute (each value, or `value` alone), or begin with the same codes.
typedef struct {
    uint32_t attribute; // NJ_POLICY_NONE: a prefix of `levels` codes
    uint32_t value;     // NJ_POLICY_NONE: each of the column's values
    uint32_t levels;    // 1..L where attribute is NJ_POLICY_NONE
    uint32_t most;
} nj_policy_cap;

typedef struct {
    uint32_t row;   // of the catalogue
    uint32_t place; // 0-based
} nj_policy_pin;

// The keys of schemas/policy.def by number.
enum {
#define NJ_POLICY_KEY(kind, path, NAME, field, fallback, least, most, meaning) NJ_POLICY_KEY_##NAME,
#include "schemas/policy.def"
    NJ_POLICY_KEY_COUNT
};

#define NJ_POLICY_LINE_SET UINT32_MAX // set beside the file: nj_policy_override

// Lines of the policy file (1-based), for messages only; 0: the file does not say it.
typedef struct {
    uint32_t keys[NJ_POLICY_KEY_COUNT];
    uint32_t boosts[NJ_POLICY_RULES_MAX];
    uint32_t deny[NJ_POLICY_RULES_MAX];
    uint32_t caps[NJ_POLICY_RULES_MAX];
    uint32_t pins[NJ_POLICY_PLACES_MAX];
} nj_policy_lines;

typedef struct {
    // ---- candidates ----
    nj_search_kind search;
    uint32_t pool;   // candidates that go on; 0: as many as the beam holds
    uint32_t groups; // diverse: G, which divides the beam
    float
        penalty; // diverse: Hamming penalty of a code that an earlier group has chosen at this level
    float temperature; // stochastic: divides the logits, beside the setting of that name; 1: off
    float top_p;       // stochastic: children beyond this mass cannot be drawn; 1: off
    uint64_t seed;     // stochastic: of all draws, with the user's id
    float beam_weight; // of the search in the fusion
    float neighbour_weight;   // of the section "neighbours"; 0: no such source
    uint32_t neighbour_count; // candidates taken from it
    float neighbour_fading;   // an item k places before the last counts fading^k
    float fusion_offset;      // c of weight / (c + place), place from 1

    // ---- adjust ----
    float prior_alpha[NJ_LEVELS_MAX]; // of the logarithm of a prefix's prior at each level; 0: off
    float prior_smoothing;            // added to the count of every item
    uint32_t boost_count;
    nj_policy_boost boosts[NJ_POLICY_RULES_MAX];

    // ---- constraints ----
    uint32_t deny_count;
    nj_policy_where deny[NJ_POLICY_RULES_MAX];
    uint32_t cap_count;
    nj_policy_cap caps[NJ_POLICY_RULES_MAX];
    uint32_t pin_count;
    nj_policy_pin pins[NJ_POLICY_PLACES_MAX]; // by place, each place and row once
    float fresh_share;                        // of a list's places, at least, rounded up; 0: off
    uint32_t fresh_attribute; // column of days; NJ_POLICY_NONE where fresh_share is 0
    uint32_t fresh_days;      // fresh: added so many days before `fresh_until`, or later up to it
    int64_t fresh_until;      // days since 1970; resolved when the bundle is packed

    // ---- rerank ----
    nj_rerank_kind rerank;
    nj_alike_kind alike;
    float
        relevance; // MMR's lambda, and the determinantal theta: 1 is relevance alone, 0 diversity alone
    uint32_t calibration_attribute; // NJ_POLICY_NONE where calibration is 0
    float calibration;              // Steck's lambda: 0 off, 1 the user's mix alone

    // ---- cold ----
    uint32_t cold_places; // of a list at the most; 0: off
    nj_cold_items_kind cold_items;
    uint32_t cold_first; // 0-based place of a list from which cold items may stand
    float cold_least;    // cosine that an item needs at least
    float
        cold_ahead; // how far its cosine is above that of the candidate whose place it takes, at least; -2: any
    float cold_fading; // of the history's vectors, as neighbour_fading
    uint32_t
        borrow_levels; // prefix borrowing: a cold item takes the score of the best candidate that begins with so many of its codes; 0: off
    float borrow_less; // what is taken off that score

    // ---- fill ----
    bool fill_widen;   // search again, wider
    bool fill_near;    // then what lies next to the list's items in the trie
    bool fill_popular; // then the most popular, then any, in the trie's order

    nj_policy_lines lines;
} nj_policy;

/// Whether any stage is on. Where none is, lists are those without a policy.
bool nj_policy_acts(const nj_policy *policy);

/// Whether some alpha of the prefix priors is not 0.
bool nj_policy_has_prior(const nj_policy *policy);

/// Places of a list of `top` that fresh items have at least: share * top, rounded up. The share counts in millionths, so that 0.2 of 20 is 4.
uint32_t nj_policy_fresh_places(const nj_policy *policy, uint32_t top);

/// Whether an item that was added on `day` (NJ_DAY_NONE: nobody knows when) is fresh.
bool nj_policy_is_fresh(const nj_policy *policy, int32_t day);

#endif
