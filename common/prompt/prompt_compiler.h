// prompt_compiler.h - what the parts of nj_prompt_compile share. For prompt*.c only.
#ifndef NJ_PROMPT_PROMPT_COMPILER_H
#define NJ_PROMPT_PROMPT_COMPILER_H

#include "common/cli/progress.h"
#include "common/prompt/prompt_compile.h"
#include "common/prompt/prompt_encode.h"
#include "common/prompt/prompt_items.h"
#include "common/prompt/prompt_layout.h"

typedef struct {
    const nj_prompt_source *source;
    const nj_prompt_model *model;
    const nj_idlist *items;
    const nj_sids *sids;
    const uint32_t *level_token_base;
    nj_prompt_spec spec;
    nj_tokenizer *tokenizer; // owned
    nj_prompt_items texts;
    nj_prompt_encoder encoder;
    nj_prompt_layout layout;
    nj_buffer shared;        // tokens of pieces, end and separator: never moves
    nj_buffer seen;          // texts of pieces: never moves
    nj_buffer string_tokens; // of items, form after form
    nj_buffer string_offset; // uint64_t
    nj_buffer answer_tokens; // of items
    nj_buffer answer_offset; // uint64_t
    nj_prompt prompt;        // being made
    nj_progress progress;    // of strings: every item in every form, as an answer, and compared
    uint64_t done;
    nj_prompt_sections *out;
    nj_error *err;
} nj_prompt_compiler;

/// Adds an item to the stretch in hand. Of an answer vectors are left out, and the spaces around it.
NJ_CHECKED nj_status nj_prompt_compile_item(nj_prompt_compiler *c, const nj_prompt_text *item,
                                            uint32_t row, bool is_answer);

/// How an item is answered, and the beginning of an answer's stretch: what leads it is only seen.
const nj_prompt_text *nj_prompt_compile_answer(const nj_prompt_compiler *c);
NJ_CHECKED nj_status nj_prompt_compile_begin_answer(nj_prompt_compiler *c, nj_buffer *out);
/// Takes NJ_PROMPT_WORD off the tokens from `begin` on: answers do not count words.
void nj_prompt_take_marks_off(nj_buffer *tokens, size_t begin);

/// Warns where a SentencePiece model has no tokenizer_config.json beside it, which would say what goes around a text.
NJ_CHECKED nj_status nj_prompt_check_config(const nj_prompt_compiler *c);

// The steps, in their order.
NJ_CHECKED nj_status nj_prompt_compile_pieces(nj_prompt_compiler *c);
NJ_CHECKED nj_status nj_prompt_compile_strings(nj_prompt_compiler *c);
NJ_CHECKED nj_status nj_prompt_compile_answers(nj_prompt_compiler *c);
/// Counts the items whose tokens are others in the whole prompt than the forms say.
NJ_CHECKED nj_status nj_prompt_compile_seams(nj_prompt_compiler *c);

/// One more string is done.
void nj_prompt_compile_tick(nj_prompt_compiler *c);

/// In front of an error: the file that items' texts or ids are from, and which item it is about.
void nj_prompt_compile_name(const nj_prompt_compiler *c, uint32_t row);

static inline size_t nj_prompt_tokens_in(const nj_buffer *tokens)
{
    return tokens->size / sizeof(uint32_t);
}

#endif
