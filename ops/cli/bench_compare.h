// bench_compare.h - two runs of the same benches, row by row.
#ifndef NJ_OPS_CLI_BENCH_COMPARE_H
#define NJ_OPS_CLI_BENCH_COMPARE_H

#include "common/codec/json.h"

/// Every result (RATE, COST, SIZE) of every row that both runs have: an array of objects with the row's "bench" and keys and
///
///   result         the key of the result
///   old, new       its values
///   ratio          new / old
///   noise          the larger "spread" of the two rows, 0 where neither has one; 1 % for a size
///   verdict        "better" or "worse" by more than the noise, else "same"
///   noisy          either row was disturbed while it was measured
///
/// Rows of one run alone are left out. NULL: no memory.
/// Proof   tests/cli/0710-bench-compare.t
json_t *nj_bench_compare(const json_t *old_rows, const json_t *new_rows);

/// How many times as good the new result is: the ratio of a rate, its inverse for a cost.
double nj_bench_gain(const json_t *comparison);

/// "beam 20, tokens 80, ..." of a row or a comparison, cut to fit.
void nj_bench_describe(const json_t *row, char *out, size_t size);

#endif
