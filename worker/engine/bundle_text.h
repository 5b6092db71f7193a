// bundle_text.h - the sections of a model that is asked in text: what its prompts are made of, what it may answer, and the vectors that its
// projector reads.
//
//   prompt.yaml, tokenizer, items.tsv ─► "prompt", "strings", "answers", "tokenizer"
//   CF.npy ────────────────────────────► "collaborative"
//
// A prompt that holds nothing but tokens, the history and semantic IDs, and is answered by one, is the catalogue's template: no section is
// made then.
#ifndef NJ_WORKER_ENGINE_BUNDLE_TEXT_H
#define NJ_WORKER_ENGINE_BUNDLE_TEXT_H

#include "common/base/buffer.h"
#include "common/bundle/bundle.h"
#include "common/catalogue/catalogue.h"
#include "common/catalogue/view.h"
#include "common/prompt/prompt_compile.h"

typedef struct {
    nj_prompt_source prompt;            // prompt_path NULL: users are asked by the template
    const char *collaborative_path;     // .npy; NULL: items have no vectors
    const char *collaborative_ids_path; // ids of its rows, one a line; NULL: row i is of item i
} nj_bundle_text_request;

// What was made; owned.
typedef struct {
    nj_prompt_sections prompt;
    nj_buffer collaborative; // without bytes: no vectors
} nj_bundle_text;

void nj_bundle_text_init(nj_bundle_text *made);
void nj_bundle_text_fini(nj_bundle_text *made);

/// A catalogue of the rows of the table of items, or where there is none of the token ids, in their order: nj_catalogue_from_rows.
///
/// Errors  those of nj_item_texts_read and nj_catalogue_from_rows; NJ_USAGE: neither file is given
NJ_CHECKED nj_status nj_bundle_text_rows(const nj_bundle_text_request *request, nj_catalogue **out,
                                         nj_error *err);

/// Compiles the prompt, and takes the vectors in catalogue order.
///
///   has_sids  the catalogue's SIDs are semantic IDs, and not row numbers
///
/// Errors  those of nj_prompt_compile and nj_item_vectors_write; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_bundle_text_make(const nj_bundle_text_request *request,
                                         const nj_prompt_model *model,
                                         const nj_catalogue *catalogue, bool has_sids,
                                         nj_bundle_text *out, nj_error *err);

/// Puts what was made into `sections`, which borrow it.
void nj_bundle_text_put(const nj_bundle_text *made, nj_sections *sections);

/// Opens the sections as a worker will, and holds them against each other and the model: tokens against its vocabulary, vectors against its
/// projector. Sections without a prompt must have no vectors. `view` is of them.
///
/// Errors  those of nj_prompt_open and nj_collaborative_open; NJ_CONFIG names what is missing, or both numbers
/// Proof   tests/unit/engine/test_bundle_text.c, tests/cli/0257-bundle-text.t
NJ_CHECKED nj_status nj_bundle_text_check(const nj_sections *sections,
                                          const nj_catalogue_view *view, nj_error *err);

#endif
