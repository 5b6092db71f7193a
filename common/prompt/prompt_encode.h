// prompt_encode.h - text to tokens as they are in the whole prompt. For prompt*.c only.
//
// A tokenizer looks at what touches a text. So prompts are cut in front of a space behind which a word begins, where tokenizers cut too, and
// what lies between two cuts is tokenized as one, behind a word that the tokenizer only has to see:
//
//   tokens of " Titanic,"  =  tokens of "a Titanic,"  without those of "a"
//
// Vectors, SIDs and ids made elsewhere are no text: what stands behind them begins anew.
#ifndef NJ_PROMPT_PROMPT_ENCODE_H
#define NJ_PROMPT_PROMPT_ENCODE_H

#include "common/prompt/prompt.h"

#define NJ_PROMPT_ANCHOR "a" // the word that is seen

// What a stretch of text stands behind.
typedef enum {
    NJ_EDGE_START, // nothing: it begins the prompt
    NJ_EDGE_TEXT,  // other text
    NJ_EDGE_CUT,   // a token that is cut out of the text, or nobody knows what
} nj_edge;

typedef struct {
    nj_edge edge;
    nj_slice seen; // TEXT: what touches the stretch where no cut is near; often nothing
} nj_prompt_behind;

typedef struct {
    const nj_tokenizer *tokenizer; // borrowed
    bool marks_words;
    nj_prompt_behind behind; // of `text`
    nj_buffer text;          // not tokenized yet, what is seen in front of it
    size_t seen_bytes;       // of `text`, that are only seen
    nj_buffer seen_ids;
    bool
        is_across; // a token lay across the edge of the stretch: what is seen has other tokens in the whole text
    nj_buffer ids;  // scratch
    nj_buffer *out; // borrowed; uint32_t, with NJ_PROMPT_WORD
} nj_prompt_encoder;

void nj_prompt_encoder_init(nj_prompt_encoder *encoder, const nj_tokenizer *tokenizer,
                            bool marks_words);
void nj_prompt_encoder_fini(nj_prompt_encoder *encoder);

// One stretch: begin, any texts and ids in order, end. Tokens are appended to `out`. Errors of nj_tokenizer_encode, NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_prompt_encoder_begin(nj_prompt_encoder *encoder, nj_prompt_behind behind,
                                             nj_buffer *out, nj_error *err);
NJ_CHECKED nj_status nj_prompt_encoder_text(nj_prompt_encoder *encoder, nj_slice text,
                                            nj_error *err);
/// Ids that are no text; `is_cut` tells a tokenizer's view of them: true of vectors and SIDs, false of text whose ids were made elsewhere.
NJ_CHECKED nj_status nj_prompt_encoder_ids(nj_prompt_encoder *encoder, const uint32_t *ids,
                                           uint32_t count, bool is_cut, nj_error *err);
NJ_CHECKED nj_status nj_prompt_encoder_end(nj_prompt_encoder *encoder, nj_error *err);

/// The text that is seen in front of a stretch, appended, and how many tokens it has.
NJ_CHECKED nj_status nj_prompt_encoder_seen(nj_prompt_encoder *encoder, nj_prompt_behind behind,
                                            nj_buffer *out, uint32_t *out_tokens, nj_error *err);

#endif
