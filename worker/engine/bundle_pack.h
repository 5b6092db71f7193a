// bundle_pack.h - from a checkpoint, a catalogue and, perhaps, histories to one bundle file; or from a bundle to another that differs in
// the sections for policies alone.
//
//   checkpoint, catalogue ─┐
//   or items.tsv ──────────┼─► sections ◄─ prompt.yaml, histories, attributes, vectors, policy.yaml
//   or a bundle ───────────┘      └─► night.njb
#ifndef NJ_WORKER_ENGINE_BUNDLE_PACK_H
#define NJ_WORKER_ENGINE_BUNDLE_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/bundle/bundle.h"
#include "common/catalogue/template.h"
#include "common/input/histories.h"
#include "worker/engine/bundle_items.h"
#include "worker/engine/bundle_text.h"
#include "worker/engine/pairing.h"

// Encoder tokens of a user when neither the checkpoint (n_positions) nor the caller says how many it was trained for.
#define NJ_PACK_TOKENS_DEFAULT 1024
typedef struct {
    // The bundle whose sections are kept but for those that are made anew; model_path, catalogue_path, probe, template and history_max
    // are then not looked at. NULL: there is none.
    const char *base_path;
    const char *without;    // sections of base_path to leave out, with commas between; NULL: none
    const char *model_path; // HuggingFace folder
    const char *lora_path;  // PEFT adapter, merged into the model; NULL: none
    const char *
        projector_path; // safetensors of a projector that the model's folder does not have; NULL: none
    // catalogue folder; NULL: items have no semantic IDs, and are those of text's table
    const char *catalogue_path;
    nj_bundle_text_request text; // prompt_path NULL: users are asked by a template
    // Counted for the list of cold users, and for neighbours where they are wanted; path NULL: cold users get an empty, flagged row.
    nj_histories_source histories;
    // Without histories: what the model is asked about instead, and not counted; path NULL: nothing.
    nj_histories_source probe;
    // NULL: the one that the checkpoint was trained with (trained_on.h), or where it does not say the catalogue's own
    const nj_template *template;
    // Items that the encoder reads at the most, up to NJ_HISTORY_MAX; 0: as many as the checkpoint was trained with, or where it does
    // not say as many as fit, with the template's tokens, in its n_positions or else in NJ_PACK_TOKENS_DEFAULT tokens.
    uint32_t history_max;
    bool
        no_pairing_check; // with histories: do not ask whether the model knows the catalogue (pairing.h)
    nj_bundle_items_request items;
} nj_pack_request;

// Of a bundle that asks in text; all zero of another.
typedef struct {
    bool asks_in_text;
    uint32_t equal_answers; // as nj_prompt_sections
    uint32_t seams;
    uint32_t tokens_max; // of a prompt
    uint32_t answer_tokens_max;
    char first_seam[NJ_PROMPT_SEAM_BYTES];
} nj_pack_text_summary;

typedef struct {
    uint32_t item_count;
    uint32_t level_count;
    uint32_t leaf_count;
    uint32_t history_max;
    uint64_t counted_items; // events of the histories that name a known item
    uint64_t foreign_items; // of the file of attributes, that the catalogue does not have
    bool trained_on; // the checkpoint says which SIDs it was trained on, and the catalogue has them
    nj_pairing pairing; // all zero where the probe was not asked for
    nj_pack_text_summary text;
    nj_digest digest; // of the bundle
} nj_pack_summary;

/// Reads and checks everything, then writes `out_path` whole or not at all. `out_path` may be `base_path`.
///
/// Errors  those of the readers; NJ_CONFIG: the model's vocabulary does not hold the catalogue's tokens, or the policy is none that the
///         sections allow; NJ_REFUSED: the model and the catalogue do not belong together (nj_trained_on_check, or nj_pairing_check for
///         a checkpoint that does not say), or base_path is damaged; NJ_USAGE: `without` names what may not be left out
/// Bytes   the same inputs give the same file
/// Proof   tests/unit/engine/test_bundle_pack.c, tests/parity/test_decode.c
NJ_CHECKED nj_status nj_bundle_pack(const nj_pack_request *request, const char *out_path,
                                    nj_pack_summary *out, nj_error *err);

#endif
