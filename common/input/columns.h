// columns.h - what a file calls its columns, where it does not call them as we do: --columns user=customer_id,item=sku,timestamp=ts.
#ifndef NJ_INPUT_COLUMNS_H
#define NJ_INPUT_COLUMNS_H

#include <stdbool.h>

#include "common/base/error.h"

#define NJ_COLUMN_NAME_BYTES 128

typedef enum {
    NJ_COLUMN_USER,
    NJ_COLUMN_ITEM,
    NJ_COLUMN_TIMESTAMP,
    NJ_COLUMN_GROUP,
    NJ_COLUMN_ITEMS, // of forms with one user a row
    NJ_COLUMN_TIMES,
    NJ_COLUMN_KINDS
} nj_column_kind;

// All zero: every column has its usual name.
typedef struct {
    char names[NJ_COLUMN_KINDS][NJ_COLUMN_NAME_BYTES]; // "": the usual one
    unsigned places[NJ_COLUMN_KINDS];                  // from 1; 0: none
    bool by_place; // a CSV file without a header: user=#1,item=#3
} nj_columns;

/// The word in front of '='.
const char *nj_column_word(nj_column_kind kind);

/// NJ_USAGE: a word or name that is none, one given twice, names and places mixed, the user without a place, one column
/// for two words (but item and items, timestamp and times: they are of different forms).
/// Proof   tests/unit/input/test_columns.c
NJ_CHECKED nj_status nj_columns_parse(const char *text, nj_columns *out, nj_error *err);

/// "tab", "comma", "semicolon", "pipe", or the one character itself. NJ_USAGE: any other word, a letter, digit, quote, dot or minus.
NJ_CHECKED nj_status nj_delimiter_parse(const char *text, char *out, nj_error *err);

#endif
