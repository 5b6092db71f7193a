// bench_columns.h - schemas/bench.def as a table.
#ifndef NJ_OPS_CLI_BENCH_COLUMNS_H
#define NJ_OPS_CLI_BENCH_COLUMNS_H

#include <stddef.h>

typedef enum {
    NJ_BENCH_KEY,
    NJ_BENCH_RATE,
    NJ_BENCH_COST,
    NJ_BENCH_SIZE,
    NJ_BENCH_FACT
} nj_bench_role; // schemas/bench.def says what they mean

typedef struct {
    const char *bench;
    const char *key;
    const char *heading; // NULL: not in the table
    int width;
    nj_bench_role role;
    int decimals;
} nj_bench_column;

/// The next column of `bench` behind `column`, the first with NULL; NULL behind the last. A bench without columns is not known.
const nj_bench_column *nj_bench_column_next(const char *bench, const nj_bench_column *column);

#endif
