// row_origin.h - one stored row, and the way back to the night that decoded it. `store audit` and `replay` share it.
//
//   gen-C copied, age 2 ──since──► gen-B copied, age 1 ──since──► gen-A decoded: its ORIGIN says by whom, from what
//
// Each step is followed only to a row that is this one but for flags and age; of a carried one, that was made from the same history.
#ifndef NJ_OPS_CLI_ROW_ORIGIN_H
#define NJ_OPS_CLI_ROW_ORIGIN_H

#include "common/codec/row.h"
#include "common/codec/row_scan.h"
#include "common/store/origin.h"
#include "common/store/reader.h"

typedef struct {
    nj_store_reader *reader; // owned
    nj_origin *origin;       // owned; NULL: the generation has none
    nj_slice value;          // the row; borrowed from the reader
    nj_row_scan row;         // of it
} nj_row_origin;

/// Opens the generation, finds the user's row and reads ORIGIN.
///
///   generation  a name or a channel; NULL: CURRENT
///
/// Returns  NJ_NOT_FOUND: there is no such generation, or the user has no row in it; NJ_REFUSED: damage; NJ_CONFIG: ORIGIN is of a later
///          version
/// Proof    tests/integration/0445-audit.t
NJ_CHECKED nj_status nj_row_origin_open(const char *store_dir, const char *generation,
                                        nj_slice user, nj_row_origin *out, nj_error *err);
/// Accepts one that is all zero.
void nj_row_origin_close(nj_row_origin *row);

/// Borrowed until close.
const nj_store_facts *nj_row_origin_facts(const nj_row_origin *row);

/// False where the row was decoded in this generation's own night.
static inline bool nj_row_origin_is_taken(const nj_row_origin *row)
{
    return (row->row.flags & (NJ_ROW_COPIED | NJ_ROW_CARRIED)) != 0;
}

/// Opens the generation that the row was taken from, a night before.
///
/// Returns  NJ_NOT_FOUND says where the way ends, and why; else as nj_row_origin_open
/// Proof    tests/integration/0445-audit.t
NJ_CHECKED nj_status nj_row_origin_before(const char *store_dir, const nj_row_origin *row,
                                          nj_slice user, nj_row_origin *out, nj_error *err);

/// Says why the generation has no ORIGIN, and whom to ask. Returns NJ_NOT_FOUND.
nj_status nj_row_origin_fail(const char *store_dir, const nj_row_origin *row, nj_error *err);

#endif
