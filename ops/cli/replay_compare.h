// replay_compare.h - the first thing in which two stored rows differ, for people.
#ifndef NJ_OPS_CLI_REPLAY_COMPARE_H
#define NJ_OPS_CLI_REPLAY_COMPARE_H

#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_ROW_DIFFERENCE_BYTES 576 // an id and its place fit

typedef struct {
    char field[96]; // "item 3", "score 0", "flags"; "": the rows are equal byte for byte
    char stored[NJ_ROW_DIFFERENCE_BYTES];
    char replayed[NJ_ROW_DIFFERENCE_BYTES];
} nj_row_difference;

/// Compares byte for byte; where they differ, `field` is never empty. NJ_REFUSED: a row is malformed; NJ_NO_MEMORY.
/// Proof    tests/integration/0445-audit.t
NJ_CHECKED nj_status nj_rows_compare(nj_slice stored, nj_slice replayed, nj_row_difference *out,
                                     nj_error *err);

#endif
