// template.h - what the encoder reads around a user's items.
//
//   before...  [user token]  item 0  between...  item 1  between...  ...  item n-1  after...
//
// An item is its L tokens, coarse to fine. The default has none of the rest: only items. TIGER's published model has a hashed
// user token and no separators; trainers built on T5's tokenizer put EOS (1) after.
#ifndef NJ_CATALOGUE_TEMPLATE_H
#define NJ_CATALOGUE_TEMPLATE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/slice.h"
#include "common/codec/json.h"

#define NJ_TEMPLATE_TOKENS_MAX 1024 // of each part
#define NJ_TOKEN_MAX 0x7fffffff

typedef struct {
    uint32_t before[NJ_TEMPLATE_TOKENS_MAX]; // [before_count]
    uint32_t before_count;
    uint32_t between[NJ_TEMPLATE_TOKENS_MAX]; // [between_count]
    uint32_t between_count;
    uint32_t after[NJ_TEMPLATE_TOKENS_MAX]; // [after_count]
    uint32_t after_count;
    // the user token is user_token_base + XXH3_64(user id) % user_token_count
    uint32_t user_token_base;
    uint32_t user_token_count; // 0 = no user token
} nj_template;

// Where an item's tokens come from: token of row r on level l = level_token_base[l] + codes[r * L + l].
typedef struct {
    const uint16_t *codes;            // [N, L] row-major; borrowed
    const uint32_t *level_token_base; // [L]; borrowed
    uint32_t level_count;             // L
} nj_token_table;

/// Reads {"before": [...], "between": [...], "after": [...], "user_token_base": n, "user_token_count": n}; every key may be
/// missing, and `object` may be NULL or null: the rest of the template is then empty. `what` names it in errors.
///
/// Errors  NJ_INPUT: a list of more than NJ_TEMPLATE_TOKENS_MAX tokens, a token that is no whole number of 0..NJ_TOKEN_MAX, user
///         tokens that end beyond NJ_TOKEN_MAX
/// Proof   tests/unit/catalogue/test_template.c
NJ_CHECKED nj_status nj_template_read(const json_t *object, const char *what, nj_template *out,
                                      nj_error *err);

/// The same from text (a bundle's section).
NJ_CHECKED nj_status nj_template_parse(nj_slice json, const char *what, nj_template *out,
                                       nj_error *err);

/// Appends the JSON object that nj_template_read reads; the same template gives the same bytes.
NJ_CHECKED nj_status nj_template_write(const nj_template *template, nj_buffer *out);

/// Tokens of the longest sequence that `item_count` items of L levels give. SIZE_MAX when that does not fit.
size_t nj_template_tokens_max(const nj_template *template, uint32_t L, size_t item_count);

/// Writes the encoder's tokens for one user.
///
///   user   the id that is hashed; not looked at without a user token
///   rows   [row_count]  catalogue rows, oldest first, each below N; row_count may be 0
///   out    [nj_template_tokens_max(template, L, row_count)] or more
///
/// Returns  how many tokens were written: exactly nj_template_tokens_max(template, L, row_count)
size_t nj_template_tokens(const nj_template *template, const nj_token_table *table, nj_slice user,
                          const uint32_t *rows, size_t row_count, uint32_t *out);

/// The highest token that the template itself can write (items aside); false when it writes none.
bool nj_template_token_highest(const nj_template *template, uint32_t *out);

#endif
