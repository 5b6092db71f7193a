// prompt_compile.h - from prompt.yaml (schemas/prompt.md) to the sections of a bundle: text is tokenized here, once.
//
//   prompt.yaml ─► spec ─┐
//   tokenizer ───────────┼─► "prompt", "strings", "answers", "tokenizer"
//   item texts ──────────┘
#ifndef NJ_PROMPT_PROMPT_COMPILE_H
#define NJ_PROMPT_PROMPT_COMPILE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/idlist.h"
#include "common/catalogue/template.h"
#include "common/prompt/prompt.h"
#include "common/sid/trie_build.h"

#define NJ_PROMPT_SEAM_BYTES 128

typedef struct {
    const char *prompt_path;    // prompt.yaml
    const char *tokenizer_path; // a file or folder (tokenizer.h)
    const char *texts_path; // a table of items (item_texts.h); NULL: no placeholder names a column
    const char *
        token_ids_path; // ids made elsewhere instead of tokenizing items' strings: JSON lines {"item", "prompt", "answer"}; NULL: none
} nj_prompt_source;

// What a model allows.
typedef struct {
    uint32_t V;
    uint32_t
        context_max; // tokens of prompt and answer together, or of the prompt for an encoder; 0: no end
    bool is_decoder_only; // the answer stands in the same context
    bool has_words;
    bool has_vectors;
    uint32_t history_max;   // asked for by the user; 0: as many as fit
    uint32_t end_token;     // config.json's eos_token_id; NJ_TOKENIZER_NONE where it says none
    uint32_t end_count;     // tokens that the model's folder names so; an answer ends at one
    const uint8_t *retired; // [N]; NULL when none is
} nj_prompt_model;

// What was made. Owned.
typedef struct {
    nj_buffer prompt;
    nj_buffer strings;
    nj_buffer answers;    // empty: answers are SIDs or text
    nj_buffer tokenizer;  // the file's bytes; empty: nothing is tokenized or read back at night
    nj_template template; // answers that are SIDs, and nothing in the prompt but tokens, the history and "{sid}": then this and tokens_max
    bool is_template;     // are all, and the buffers are empty
    uint32_t history_max; // items that fit; 0: the prompt has no place for a history
    uint32_t tokens_max;  // of a prompt; of a template: what prompt.yaml says, 0: nothing
    uint32_t answer_tokens_max; // with the end token
    uint32_t equal_answers;     // items whose answer is also another's
    uint32_t seams;             // items that alone have other tokens than in the whole text
    char first_seam[NJ_PROMPT_SEAM_BYTES]; // one of them
} nj_prompt_sections;

void nj_prompt_sections_fini(nj_prompt_sections *made);

/// Reads everything, tokenizes and checks that it fits.
///
///   items, sids       the catalogue's. sids NULL: there are no semantic IDs, and who asks for them in prompt.yaml is refused
///   level_token_base  [L] as in template.h; read only where a prompt has "{sid}"
///
/// Errors  NJ_CONFIG: prompt.yaml, with its line and rule: unknown keys and placeholders (with those that are), a prompt that exceeds the
///         context (both numbers); the tokenizer has more tokens than the model (both numbers); NJ_INPUT: the texts, an item without a
///         text that is asked for, an item without tokens; NJ_NOT_FOUND, NJ_IO, NJ_NO_MEMORY
/// Owns    *out is yours: nj_prompt_sections_fini; on failure it holds nothing
/// Proof   tests/unit/prompt/test_prompt_compile.c, test_prompt_answers.c
NJ_CHECKED nj_status nj_prompt_compile(const nj_prompt_source *source, const nj_prompt_model *model,
                                       const nj_idlist *items, const nj_sids *sids,
                                       const uint32_t *level_token_base, nj_prompt_sections *out,
                                       nj_error *err);

#endif
