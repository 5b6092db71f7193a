// prompt_items.h - what the files say of each catalogue row: texts of named columns, or token ids made elsewhere. For prompt*.c only.
#ifndef NJ_PROMPT_PROMPT_ITEMS_H
#define NJ_PROMPT_PROMPT_ITEMS_H

#include "common/base/idlist.h"
#include "common/prompt/prompt_compile.h"
#include "common/prompt/prompt_spec.h"

// A stretch of nj_prompt_items.bytes.
typedef struct {
    size_t begin;
    uint32_t size; // bytes of a text, tokens of ids
    bool is_there;
} nj_prompt_value;

typedef struct {
    const nj_idlist *items;
    nj_idmap map;
    nj_buffer bytes;        // texts and ids; ids are aligned
    uint32_t column_count;  // C
    nj_prompt_value *texts; // owned; [N, C]; NULL where no column is named
    nj_prompt_value
        *ids[2]; // owned; [N] of the prompt and of the answer; NULL: they are made of texts
} nj_prompt_items;

enum { NJ_IDS_PROMPT, NJ_IDS_ANSWER };

/// Reads the tables that `source` names and `spec` needs. Items of the files that the catalogue lacks are passed over.
///
/// Errors  NJ_CONFIG: columns are named and there is no table; NJ_INPUT: an item twice, ids that are none, all of item_texts.h
NJ_CHECKED nj_status nj_prompt_items_read(const nj_prompt_source *source,
                                          const nj_prompt_spec *spec, const nj_idlist *items,
                                          nj_prompt_items *out, nj_error *err);
void nj_prompt_items_close(nj_prompt_items *items);

/// The text of a row's column, without the spaces around it. NJ_INPUT names the column where there is none; the caller names the item.
NJ_CHECKED nj_status nj_prompt_items_text(const nj_prompt_items *items, const nj_prompt_spec *spec,
                                          uint32_t row, uint32_t column, nj_slice *out,
                                          nj_error *err);
/// The ids of a row; NJ_INPUT where the file has none.
NJ_CHECKED nj_status nj_prompt_items_ids(const nj_prompt_items *items, int which, uint32_t row,
                                         const uint32_t **out, uint32_t *out_count, nj_error *err);

#endif
