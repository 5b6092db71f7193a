// pairing.h - does this model know this catalogue? A constrained search hides that it does not: every item is valid, the list is
// nonsense.
//
//   held-out transitions of the histories ──► loss with the catalogue's SIDs                           what was measured
//   (the last item, given those before it)──► loss with the same SIDs dealt out to other items,   x 4  null "dealt"
//                                         └─► loss with the codes of each level renamed,          x 4  null "renamed"
//
// The loss is teacher forced: minus the logarithm of the probability of the L tokens of the item that came, in nats, over all V
// tokens. Two nulls, because each kind of wrong catalogue beats one of them by chance:
//   dealt    keeps which SIDs there are and who follows whom, also who comes again. It tells a catalogue whose rows stand in another
//            order. A catalogue that was fitted anew beats it: neighbours still share codes, and a model that copies codes of the
//            history is then right without knowing one of them.
//   renamed  keeps all of that too, and changes only what the codes are called: the model must know the names. Names are exchanged
//            among codes that are about as common (within a factor of two), so that knowing how common a code is does not pass for
//            knowing it; a collision counter therefore keeps most of its names.
//
// Rule, for each null: the loss must lie below that of every wrong map that is tried. A wrong map is drawn so that, to a model that
// knows nothing, the catalogue's own is one more draw. Four are tried on all transitions, and at most NJ_PAIRING_SHARE_MAX of their mean
// counts as clearly below. Where the loss lies NJ_PAIRING_DEVIATIONS of
// their standard deviations (estimated from these four, times sqrt(1 + 1/4) for the mean) below their mean, that is enough: a model
// that knows nothing does it once in a thousand times (Student's t, 3 degrees of freedom). That takes losses of wrong maps that are
// close to normal, so it is not done where few items or codes change places. There, and where the loss is lower and not so clearly,
// NJ_PAIRING_MORE_MAPS more are tried on NJ_PAIRING_FEWER of the transitions, and the first that is as good refuses the model: one that
// knows nothing passes in one case of two hundred, whatever the distribution (Besag and Clifford 1991: sequential Monte Carlo p-values).
// A null is not tried where so few maps are possible that this test says nothing.
//
// What it cannot see: a map that is right for most items, such as one whose collision counters were dealt in another order.
#ifndef NJ_WORKER_ENGINE_PAIRING_H
#define NJ_WORKER_ENGINE_PAIRING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/idlist.h"
#include "common/catalogue/template.h"
#include "common/input/histories.h"
#include "common/input/safetensors.h"
#include "common/sid/trie_build.h"
#include "worker/engine/generator.h"

#define NJ_PAIRING_TRANSITIONS 500    // sampled from the histories, with a fixed seed
#define NJ_PAIRING_TRANSITIONS_MIN 50 // fewer say nothing: the probe is skipped
#define NJ_PAIRING_ITEMS_MAX 20       // items of a history that are read, the last ones
#define NJ_PAIRING_MAPS 4             // of each null, on all transitions
#define NJ_PAIRING_SHARE_MAX 0.9
#define NJ_PAIRING_DEVIATIONS 10.0
#define NJ_PAIRING_MORE_MAPS 199
#define NJ_PAIRING_FEWER 50
#define NJ_PAIRING_WAYS_BITS_MIN                                                                   \
    20.0 // wrong maps that must be possible: 2^20, so that no draw repeats another
#define NJ_PAIRING_MANY_CODES 32  // change places with each other, and ...
#define NJ_PAIRING_MANY_ITEMS 300 // are in the sample: enough for losses that are close to normal

// Transitions of histories, each with the same chance to be among them.
typedef struct nj_pairing_sample nj_pairing_sample;

/// NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_pairing_sample_new(nj_pairing_sample **out, nj_error *err);
/// Accepts NULL in *sample and leaves NULL.
void nj_pairing_sample_free(nj_pairing_sample **sample);
/// Looks at a history: its last item and at least one before it must be known.
void nj_pairing_sample_add(nj_pairing_sample *sample, const nj_idlist *items, const nj_idmap *map,
                           const nj_history *history);

// What the model is asked about; everything is borrowed.
typedef struct {
    const nj_generator_config *config;
    const nj_tensor_set *weights;
    const nj_sids *sids;
    const uint32_t *level_token_base; // [L]; every token is below the model's V
    const nj_template *template;
    uint32_t history_max; // items that the encoder may read
} nj_pairing_request;

// One null: what wrong maps give.
typedef struct {
    bool tried; // false: too few wrong maps are possible
    double loss[NJ_PAIRING_MAPS];
    double mean;
    double deviations;  // how far below the mean the measured loss lies
    uint32_t map_count; // that were tried
    bool beaten;        // by the catalogue's own map
} nj_pairing_null;

typedef struct {
    uint32_t transitions; // below NJ_PAIRING_TRANSITIONS_MIN nothing else is set
    double loss;          // nats an item
    nj_pairing_null dealt;
    nj_pairing_null renamed;
} nj_pairing;

/// Measures. What it says is judged by nj_pairing_check.
///
/// Cost    encoding and L decoder steps of (1 + 2 * NJ_PAIRING_MAPS) * NJ_PAIRING_TRANSITIONS users on one processor; up to
///         five times that where neither null is clear
/// Memory  one model, a bit an item, and some 2 MB
/// Errors  those of nj_forced_open; NJ_NO_MEMORY
/// Proof   tests/cli/0750-pairing.t, tests/parity/beauty_pairing
NJ_CHECKED nj_status nj_pairing_probe(const nj_pairing_request *request,
                                      const nj_pairing_sample *sample, nj_pairing *out,
                                      nj_error *err);

/// NJ_REFUSED with the losses, where a null was not beaten. Too few transitions are not refused: ask `transitions`.
NJ_CHECKED nj_status nj_pairing_check(const nj_pairing *pairing, nj_error *err);

#endif
