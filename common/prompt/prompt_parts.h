// prompt_parts.h - how the sections "prompt" and "strings" lie in memory; for prompt*.c only (schemas/prompt.md draws them).
#ifndef NJ_PROMPT_PROMPT_PARTS_H
#define NJ_PROMPT_PROMPT_PARTS_H

#include <stdint.h>

#include "common/catalogue/prompt_head.h"
#include "common/prompt/prompt.h"

enum { NJ_PROMPT_COUNTS_WORDS = 1u << 0, NJ_PROMPT_HAS_VECTORS = 1u << 1 };

// Little-endian, as all.
typedef struct {
    nj_prompt_head head;
    uint32_t flags;
    uint32_t piece_count;
    uint32_t token_count; // of pieces, `end` and answer separator, in this order
    uint32_t text_bytes;  // of the pieces' left and right
    uint32_t form_count;
    uint32_t end_count;
    uint32_t answer_separator_count;
    uint32_t tokens_max;
    uint32_t answer;
    uint32_t end_token;
    uint32_t answer_tokens_max;
    uint32_t list_count;
    uint32_t stop;
    float length_penalty;
} nj_prompt_header;

typedef struct {
    uint32_t kind;
    uint32_t count;
    uint32_t left_bytes;
    uint32_t right_bytes;
    uint32_t skip;
    uint32_t is_behind;
    uint32_t forms[NJ_ITEM_STANDS];
} nj_prompt_entry;

#define NJ_STRINGS_VERSION 1

typedef struct {
    uint32_t version;
    uint32_t form_count;
    uint32_t row_count;
    uint32_t zero;
    // u64 offset[form_count * row_count + 1], u32 tokens
} nj_strings_header;

/// The bits of nj_prompt_head that an answer's kind has.
static inline uint32_t nj_prompt_needs_of(nj_prompt_answer answer)
{
    if (answer == NJ_SAYS_TEXT) {
        return NJ_PROMPT_ANSWERS_TEXT;
    }
    return answer == NJ_SAYS_SID ? 0 : NJ_PROMPT_ANSWERS_STRINGS;
}

_Static_assert(sizeof(nj_prompt_header) == 64 && sizeof(nj_prompt_entry) == 40 &&
                   sizeof(nj_strings_header) == 16,
               "as in schemas/prompt.md");

#endif
