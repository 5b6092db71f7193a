// item_attributes.h - attributes of items from a table, JSON lines or Parquet (common/text/item_texts.h) to the section "attributes".
//
//   item_id  category                      brand   added          --attribute-columns category=2,brand --day-columns added
//   b7       Beauty > Makeup > Nails       Acme    2024-05-01     category "Beauty > Makeup", brand "Acme", day 19844
//
// A word is what stands in its column, without the spaces around it; of a path its first N parts, where N is given. A list in JSON is a
// path: its texts with " > " between. A day is a date by ISO 8601 (its day in UTC) or whole seconds since 1970. An empty field is no value.
#ifndef NJ_POLICY_ITEM_ATTRIBUTES_H
#define NJ_POLICY_ITEM_ATTRIBUTES_H

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/idlist.h"

typedef struct {
    const char *path;         // NULL: there are none
    const char *word_columns; // "category=2,brand", --attribute-columns; NULL: none
    const char *day_columns;  // "added", --day-columns; NULL: none
} nj_item_attributes_source;

/// Appends the section.
///
///   items, map     the catalogue's
///   out_foreign    items of the file that the catalogue does not have: they are passed over
///
/// Errors  NJ_USAGE: no columns, more than NJ_ATTRIBUTES_MAX, or one twice; NJ_INPUT names file, line and rule: those of nj_item_texts_read,
///         an item twice (both lines), a value that is no id or too long, a day that is none; no item of the catalogue at all
/// Proof   tests/unit/policy/test_item_attributes.c
NJ_CHECKED nj_status nj_item_attributes_read(const nj_item_attributes_source *source,
                                             const nj_idlist *items, const nj_idmap *map,
                                             nj_buffer *out, uint64_t *out_foreign, nj_error *err);

#endif
