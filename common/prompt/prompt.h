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
#define NJ_PROMPT_TOKENS_MAX 65536 // of all pieces that users share
#define NJ_PROMPT_TEXT_BYTES_MAX NJ_REQUEST_TEXT_BYTES_MAX
#define NJ_PROMPT_FORMS_MAX 8            // of an item
#define NJ_PROMPT_STRING_TOKENS_MAX 4096 // of an item in one form
#define NJ_PROMPT_ANSWER_TOKENS_MAX 1024
#define NJ_PROMPT_LIST_MAX 1000 // items of an answer
// Either way: a score over 1024 tokens ^ 10 and one times it are still float32 numbers.
#define NJ_PROMPT_LENGTH_PENALTY_MAX 10

typedef enum {
    NJ_PIECE_TOKENS,     // the same for everybody
    NJ_PIECE_USER,       // the user's id, tokenized when he is decoded
    NJ_PIECE_HISTORY,    // his items, oldest first
    NJ_PIECE_CANDIDATES, // his candidates, in the order given
    NJ_PIECE_TEXT,       // his own text, tokenized when he is decoded
    NJ_PIECE_KINDS,
} nj_piece_kind;

typedef enum { NJ_SAYS_SID, NJ_SAYS_ITEM, NJ_SAYS_LIST, NJ_SAYS_TEXT } nj_prompt_answer;

// Where an item stands among those of its place: its tokens depend on what touches it.
typedef enum {
    NJ_ITEM_ONLY,
    NJ_ITEM_FIRST,
    NJ_ITEM_INNER,
    NJ_ITEM_LAST,
    NJ_ITEM_STANDS
} nj_item_stand;

typedef struct {
    nj_piece_kind kind;
    // [count] of NJ_PIECE_TOKENS; of HISTORY and CANDIDATES: what stands there without items. With NJ_PROMPT_WORD; borrowed, as all
    const uint32_t *tokens;
    uint32_t count;
    // USER and TEXT: what touches the place, and before it one word that the tokenizer has to see; all are tokenized with it
    nj_slice left;
    nj_slice right;
    uint32_t skip; // tokens of that word, which are taken off
    bool
        is_behind; // a token that is cut out of the text (a vector, a SID) stands directly before it
    uint32_t forms[NJ_ITEM_STANDS]; // HISTORY and CANDIDATES: which form of an item stands where
} nj_prompt_piece;

typedef struct {
    uint32_t piece_count;
    nj_prompt_piece pieces[NJ_PROMPT_PIECES_MAX];
    uint32_t row_count;  // N
    uint32_t form_count; // F: each item is stored as often as it has different neighbours
    const uint32_t *
        tokens; // [offset[F * N]] the item's tokens and those of what touches it; with NJ_PROMPT_WORD
    const uint64_t *offset; // [F * N + 1] row r in form f begins at offset[f * N + r]
    const uint32_t *end;    // [end_count] special tokens behind the prompt (T5's </s>)
    uint32_t end_count;
    bool counts_words; // the model has an embedding of words
    bool has_vectors;  // items' strings hold NJ_PROMPT_VECTOR
    bool needs_text, needs_candidates, needs_user, needs_history;
    uint32_t tokens_max; // of a prompt; older items are left out of a history so that it fits

    nj_prompt_answer answer;
    uint32_t end_token;         // NJ_SAYS_SID: 0 and of no meaning, as all that follows
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

/// Appends the sections "prompt" and "strings" of which nj_prompt_open makes this prompt again; answers and tokenizer are sections of their
/// own. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_prompt_pack(const nj_prompt *prompt, nj_buffer *out);
NJ_CHECKED nj_status nj_prompt_pack_strings(const nj_prompt *prompt, nj_buffer *out);

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
///   words_max  the model's words: every number is below it; 0: it counts none
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

/// Tokens that all prompts begin with; none where words are counted. Borrowed.
const uint32_t *nj_prompt_beginning(const nj_prompt *prompt, uint32_t *out_count);

#endif
