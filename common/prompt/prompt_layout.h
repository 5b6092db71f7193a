// prompt_layout.h - where a prompt is cut, and what touches each place. For prompt*.c only.
//
//   Given the history of user_{user} : {history} predict
//   ├ tokens ──────────┤├ user ──┤├──┤├ history ┤├ tokens
//                  left ┘           └ left: " "
#ifndef NJ_PROMPT_PROMPT_LAYOUT_H
#define NJ_PROMPT_PROMPT_LAYOUT_H

#include "common/prompt/prompt_encode.h"
#include "common/prompt/prompt_spec.h"

// What touches an item on one side and the other, as it is rendered.
typedef struct {
    const nj_prompt_text *item;
    nj_prompt_behind behind;
    nj_slice left;
    nj_slice right;
} nj_prompt_form;

typedef struct {
    nj_part_kind kind; // NJ_PART_TEXT: tokens that users share
    nj_prompt_behind behind;
    nj_slice left; // TEXT: all of it
    nj_slice right;
    const nj_prompt_text *item;     // of HISTORY and CANDIDATES
    uint32_t forms[NJ_ITEM_STANDS]; // likewise
} nj_layout_piece;

typedef struct {
    uint32_t piece_count;
    nj_layout_piece pieces[NJ_PROMPT_PIECES_MAX];
    uint32_t form_count;
    nj_prompt_form forms[NJ_PROMPT_FORMS_MAX];
} nj_prompt_layout;

/// Cuts the prompt of a spec, from which it borrows. There is room: a spec has at most NJ_PROMPT_PIECES_MAX / 2 parts, and a piece of tokens
/// stands before each place at most.
void nj_prompt_layout_make(const nj_prompt_spec *spec, nj_prompt_layout *out);

#endif
