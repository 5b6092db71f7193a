// policy_resolve.h - words of a policy to the numbers of a bundle. Private to common/policy.
//
// Each refusal names the word and, where one is near, the word that was meant. `what` and `line` are those of nj_policy_fail.
#ifndef NJ_POLICY_POLICY_RESOLVE_H
#define NJ_POLICY_POLICY_RESOLVE_H

#include "common/policy/policy.h"
#include "common/policy/policy_names.h"

#define NJ_POLICY_ITEM_WORD "item"     // in `where`: an item and no column
#define NJ_POLICY_PREFIX_WORD "prefix" // in `by`: codes and no column

typedef struct {
    const nj_policy_names *names;
    const char *what;
    uint32_t line;
    const char *path; // of the key or list that the word stands in
    nj_error *err;
} nj_policy_place_of;

/// A column of that kind.
NJ_CHECKED nj_status nj_policy_find_column(const nj_policy_place_of *place, nj_slice word,
                                           nj_attribute_kind kind, uint32_t *out);
/// A value of a column of words.
NJ_CHECKED nj_status nj_policy_find_value(const nj_policy_place_of *place, uint32_t column,
                                          nj_slice word, uint32_t *out);
/// The catalogue row of an item. A pass over the ids: policies name few.
NJ_CHECKED nj_status nj_policy_find_item(const nj_policy_place_of *place, nj_slice word,
                                         uint32_t *out);
/// {column: value} or {item: id}.
NJ_CHECKED nj_status nj_policy_find_where(const nj_policy_place_of *place, nj_slice column,
                                          nj_slice value, nj_policy_where *out);

// For the other way and for messages.
#define NJ_POLICY_WORD_BYTES 160
nj_slice nj_policy_column_word(const nj_policy_names *names, uint32_t column);
nj_slice nj_policy_value_word(const nj_policy_names *names, uint32_t column, uint32_t value);
/// `brand "Lush"` or `item "B0001"`, cut where it is too long.
const char *nj_policy_where_text(const nj_policy_names *names, const nj_policy_where *where,
                                 char out[NJ_POLICY_WORD_BYTES]);

#endif
