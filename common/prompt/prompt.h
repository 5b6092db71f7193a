// prompt.h - what a model reads of one user, and what it is asked to say, as a bundle carries it (sections "prompt", "strings" and
// "answers"; schemas/prompt.md).
//
//   prompt.yaml, tokenizer, item texts ─► prompt_compile.h ─► sections ─► this view ─► tokens of each user
//
// A prompt is a row of pieces: tokens that all users share, and places for what is the user's own.
//
//   Given the following purchase history of user_ | 15466 | : | 4110 -> 4467 -> 812 | predict the next item
//   tokens                                          user    tokens  history           tokens
//
// An item stands in a prompt as its string: tokens, among them perhaps its vector (LLaRA), which a model reads in place of a token's
// embedding: NJ_PROMPT_VECTOR | row. A token that begins a word is marked where the model counts words (P5).
#ifndef NJ_PROMPT_PROMPT_H
#define NJ_PROMPT_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bundle/bundle.h"
#include "common/codec/shard.h"
#include "common/sid/token_trie.h"
#include "common/text/tokenizer.h"

#define NJ_PROMPT_VECTOR 0x80000000u // with a catalogue row: that item's vector stands here
#define NJ_PROMPT_WORD 0x40000000u   // in stored pieces and strings: the token begins a word
#define NJ_PROMPT_PIECES_MAX 64
#define NJ_PROMPT_TOKENS_MAX 65536     // of all pieces that users share
#define NJ_PROMPT_TEXT_BYTES_MAX 16384 // of a user's own text

typedef enum {
    NJ_PIECE_TOKENS,     // the same for everybody
    NJ_PIECE_USER,       // the user's id, tokenized when he is decoded
    NJ_PIECE_HISTORY,    // his items, oldest first
    NJ_PIECE_CANDIDATES, // his candidates, in the order given
    NJ_PIECE_TEXT,       // his own text, tokenized when he is decoded
} nj_piece_kind;

typedef enum { NJ_SAYS_SID, NJ_SAYS_ITEM, NJ_SAYS_LIST, NJ_SAYS_TEXT } nj_prompt_answer;

typedef struct {
    nj_piece_kind kind;
    const uint32_t *tokens; // [count] of NJ_PIECE_TOKENS; with NJ_PROMPT_WORD; borrowed, as all
    uint32_t count;
    nj_slice
        left; // of USER and TEXT: the text in front of it since the last space, which is tokenized with it; and behind it
    nj_slice right;
} nj_prompt_piece;

typedef struct {
    uint32_t piece_count;
    nj_prompt_piece pieces[NJ_PROMPT_PIECES_MAX];
    uint32_t row_count;        // N
    const uint32_t *tokens;    // [offset[N]] how each item stands in a prompt
    const uint64_t *offset;    // [N + 1]
    const uint32_t *separator; // [separator_count] between items of a history or of candidates
    uint32_t separator_count;
    const uint32_t *end; // [end_count] special tokens behind the prompt (T5's </s>)
    uint32_t end_count;
    bool counts_words; // the model has an embedding of words
    bool has_vectors;  // items' strings hold NJ_PROMPT_VECTOR
    bool needs_text, needs_candidates, needs_user, needs_history;
    uint32_t tokens_max; // of a prompt; older items are left out of a history so that it fits

    nj_prompt_answer answer;
    uint32_t end_token;
    uint32_t answer_tokens_max; // list, text
    uint32_t list_count;        // items of a list
    float length_penalty;
    uint32_t stop;                    // nj_answer_stop
    const uint32_t *answer_separator; // [answer_separator_count] list
    uint32_t answer_separator_count;
    nj_token_trie answers;   // of item and list
    nj_tokenizer *tokenizer; // owned; NULL where nothing is tokenized or read back
} nj_prompt;

/// True where the bundle has a "prompt" section: its users are asked by prompts, and not by the catalogue's template.
bool nj_prompt_is_there(const nj_sections *sections);

/// Opens the sections; outside bytes, all checked. `sections` outlive the prompt.
///
///   row_count  of the catalogue
///   V          of the model: every token is below it
///
/// Errors  NJ_INPUT names section, rule and both numbers; NJ_CONFIG: a token beyond V; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_prompt_open(const nj_sections *sections, uint32_t row_count, uint32_t V,
                                    nj_prompt *out, nj_error *err);
/// Accepts a prompt that is all zero.
void nj_prompt_close(nj_prompt *prompt);

// What was written for one user.
typedef struct {
    uint32_t count; // tokens
    uint32_t items; // of his history that stand in it, the last ones
} nj_prompt_written;

/// Writes the tokens of one user: exactly those that the whole text would give, piece by piece. Of a history as many of the last
/// items as tokens_max (and words_max) leaves room for.
///
///   request    his history, candidates and text; rows below row_count
///   items_max  of a history
///   words_max  the model's words; 0: it counts none
///   scratch    used for tokenizing; its contents are lost
///   tokens     [tokens_max]  out  NJ_PROMPT_WORD is taken off, NJ_PROMPT_VECTOR stays
///   words      [tokens_max]  out  the number of each token's word, from 1; 0 of `end`; NULL: not wanted
///
/// Errors  NJ_INPUT names the user: text that cannot be tokenized, no text or no candidates where the prompt has a place for them, or so much
///         of it that not one item of the history fits, with both numbers; NJ_NO_MEMORY
/// Proof   tests/unit/prompt/test_prompt.c
NJ_CHECKED nj_status nj_prompt_write(const nj_prompt *prompt, const nj_request *request,
                                     uint32_t items_max, uint32_t words_max, nj_buffer *scratch,
                                     uint32_t *tokens, uint32_t *words, nj_prompt_written *out,
                                     nj_error *err);

/// Tokens that all prompts begin with.
const uint32_t *nj_prompt_beginning(const nj_prompt *prompt, uint32_t *out_count);

#endif
