#include "ops/cli/bench_columns.h"

#include <string.h>

#define NJ_BENCH_COLUMN(bench, key, heading, width, role, decimals)                                \
    {#bench, #key, heading, width, NJ_BENCH_##role, decimals},
static const nj_bench_column COLUMNS[] = {
#include "schemas/bench.def"
};
#define COLUMN_COUNT (sizeof COLUMNS / sizeof COLUMNS[0])

const nj_bench_column *nj_bench_column_next(const char *bench, const nj_bench_column *column)
{
    for (size_t i = column == NULL ? 0 : (size_t)(column - COLUMNS) + 1; i < COLUMN_COUNT; i++) {
        if (strcmp(COLUMNS[i].bench, bench) == 0) {
            return &COLUMNS[i];
        }
    }
    return NULL;
}
