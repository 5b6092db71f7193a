// transport.h - rows go to columns that have room, at the least total cost: the transportation problem with supplies of one.
//
//              column 0 (room 1)   column 1 (room 2)   column 2 (room 0)
//     row 0          1                   5                  -
//     row 1          1                   2                  -               row 0 -> 0, row 1 -> 1: total 3
//
// With room 1 everywhere and as many rows as columns it is the assignment problem (optimal matching).
#ifndef NJ_CATALOGUE_TRANSPORT_H
#define NJ_CATALOGUE_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

/// Finds an assignment of least total cost.
///
///   costs     [rows, columns]  in   finite, row-major
///   room      [columns]        in   rows that a column takes; their sum is at least `rows`
///   column_of [rows]           out  where each row goes
///
/// Method  successive shortest paths with potentials, rows in order; of equal paths the one to the lower column. So the same numbers
///         give the same assignment.
/// Cost    rows times the columns that a path looks at times `columns`: where most rows find their cheapest column with room,
///         little more than reading `costs`
/// Memory  36 bytes a column and 4 a row
/// Errors  NJ_INPUT: less room than rows (both numbers); NJ_NO_MEMORY
/// Source  Jonker, Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment problems", section 2.3
///         (augmentation), with columns that hold several rows
/// Proof   tests/unit/catalogue/test_transport.c, against every assignment of small problems
NJ_CHECKED nj_status nj_transport_solve(const double *costs, size_t rows, size_t columns,
                                        const uint32_t *room, uint32_t *column_of, nj_error *err);

#endif
