// attributes.h - what a policy can name of items: columns of words (category, brand) and of days (when an item was added). The section
// "attributes" (schemas/bundle.md), checked and looked into, and written.
//
//   header     "NJATTRIB", version, rows, columns
//   columns    name, kind, values, where its data lies          sorted by name
//   data       words: u32 [N] number of the item's value, then the values as an id list, sorted by their bytes
//              days:  i32 [N] days since 1970-01-01
//
// An item has at most one value of a column. Values are sorted, so the same columns are the same bytes in whatever order a file had them.
#ifndef NJ_CATALOGUE_ATTRIBUTES_H
#define NJ_CATALOGUE_ATTRIBUTES_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/idlist.h"

#define NJ_ATTRIBUTES_VERSION 1
#define NJ_ATTRIBUTES_MAX 8 // columns
#define NJ_ATTRIBUTE_NAME_BYTES_MAX 63
#define NJ_ATTRIBUTE_NONE UINT32_MAX // no such column or value; of an item: it has no value
#define NJ_DAY_NONE INT32_MIN        // the item has no day
#define NJ_DAY_MIN (-719162)         // 0001-01-01
#define NJ_DAY_MAX 2932896           // 9999-12-31

typedef enum { NJ_ATTRIBUTE_WORDS, NJ_ATTRIBUTE_DAYS } nj_attribute_kind;

// A column; what it points to is borrowed.
typedef struct {
    nj_slice name;
    nj_attribute_kind kind;
    nj_idlist values;       // words: ascending by their bytes, each once; days: none
    const uint32_t *of_row; // [N] words: number of the value, or NJ_ATTRIBUTE_NONE; days: NULL
    const int32_t *day_of;  // [N] days: since 1970-01-01, or NJ_DAY_NONE; words: NULL
    uint32_t known_count;   // items that have a value
} nj_attribute;

// A view; all zero where there are no attributes.
typedef struct {
    uint32_t row_count; // N
    uint32_t count;
    nj_attribute columns[NJ_ATTRIBUTES_MAX]; // ascending by name
} nj_attributes;

/// Opens a view on outside bytes after checking all of them: sizes, names and values (valid, ascending, none twice), numbers of values,
/// days.
///
///   bytes  aligned to 8; borrowed for the life of the view
///
/// Cost    one pass
/// Errors  NJ_INPUT names column, rule and both numbers
/// Proof   tests/unit/catalogue/test_attributes.c, tests/fuzz/fuzz_item_sections.c
NJ_CHECKED nj_status nj_attributes_open(const void *bytes, size_t size, uint32_t row_count,
                                        nj_attributes *out, nj_error *err);

/// The column of that name; NJ_ATTRIBUTE_NONE when there is none.
uint32_t nj_attributes_find(const nj_attributes *attributes, nj_slice name);
/// The number of a value of a column of words; NJ_ATTRIBUTE_NONE when it has no such value, or is of days.
uint32_t nj_attribute_value_find(const nj_attribute *column, nj_slice value);

/// Appends the section. Columns may come in any order; each one's values are sorted and valid, and its numbers below their count.
///
/// Errors  NJ_INPUT: no column or more than NJ_ATTRIBUTES_MAX, a name twice or not valid; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_attributes_write(const nj_attribute *columns, uint32_t count,
                                         uint32_t row_count, nj_buffer *out, nj_error *err);

#endif
