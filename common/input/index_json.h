// index_json.h - semantic IDs made by LC-Rec, LETTER, MiniOneRec: {"0": ["<a_183>", "<b_70>", ...],
// ...}
#ifndef NJ_INPUT_INDEX_JSON_H
#define NJ_INPUT_INDEX_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

typedef struct {
    uint16_t *codes;    // [row_count, level_count] owned
    uint32_t row_count; // keys are 0..row_count-1, every one present
    uint32_t level_count;
    uint32_t code_max[8]; // highest code of each level
} nj_index_json;

/// Reads the file. Level l's tokens are "<X_N>" where X is the same letter run for the whole level
/// and differs between levels. NJ_INPUT names file, key and rule: a key that is no number or is
/// missing from 0..count-1, rows of unequal length, more than 8 levels, a token of another form, a
/// code of 65536 or more.
NJ_CHECKED nj_status nj_index_json_read(const char *path, nj_index_json *out, nj_error *err);
void nj_index_json_free(nj_index_json *index);

#endif
