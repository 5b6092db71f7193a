// prompt_head.h - the first bytes of a bundle's section "prompt" (schemas/prompt.md): what is asked of a user, for who reads users and
// checks rows without a tokenizer. All else of the section is common/prompt/prompt.h's.
#ifndef NJ_CATALOGUE_PROMPT_HEAD_H
#define NJ_CATALOGUE_PROMPT_HEAD_H

#include <stdint.h>

#include "common/base/error.h"
#include "common/bundle/bundle.h"

#define NJ_PROMPT_VERSION 1

// What the prompt has a place for, and what is answered.
enum {
    NJ_PROMPT_NEEDS_HISTORY = 1u << 0,
    NJ_PROMPT_NEEDS_CANDIDATES = 1u << 1,
    NJ_PROMPT_NEEDS_USER = 1u << 2,
    NJ_PROMPT_NEEDS_TEXT = 1u << 3,
    NJ_PROMPT_ANSWERS_TEXT = 1u << 4,    // free text, and no items
    NJ_PROMPT_ANSWERS_STRINGS = 1u << 5, // items by their strings, or lists of them
    NJ_PROMPT_NEEDS_ALL = (1u << 6) - 1,
};

// Little-endian, at the section's beginning.
typedef struct {
    uint32_t version; // NJ_PROMPT_VERSION
    uint32_t needs;   // bits of the above
} nj_prompt_head;

/// What the bundle needs of its users: NJ_PROMPT_NEEDS_HISTORY alone where it has no prompt.
///
/// Errors  NJ_INPUT: a section that is shorter than its head, another version, bits that mean nothing
/// Proof   tests/unit/catalogue/test_prompt_head.c
NJ_CHECKED nj_status nj_prompt_needs(const nj_sections *sections, uint32_t *out, nj_error *err);

#endif
