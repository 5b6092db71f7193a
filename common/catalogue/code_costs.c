#include "common/catalogue/code_costs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

#define LANES NJ_CODE_COSTS_LANES

static size_t count_blocks(size_t rows)
{
    return (rows + LANES - 1) / LANES;
}

// Lanes beyond the last vector stay 0: their costs are computed and not handed out.
static void arrange_level(const nj_codebooks *codebooks, uint32_t level, float *blocks)
{
    const size_t width = nj_codebooks_width(codebooks, level);
    const size_t rows = nj_codebooks_rows(codebooks, level);
    for (size_t row = 0; row < rows; row++) {
        float *lane = blocks + row / LANES * width * LANES + row % LANES;
        for (size_t d = 0; d < width; d++) {
            lane[d * LANES] = codebooks->vectors[level][row * width + d];
        }
    }
}

static bool count_values(const nj_codebooks *codebooks, size_t *out)
{
    size_t sum = 1; // never nothing
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        size_t values;
        if (!nj_mul_size(count_blocks(nj_codebooks_rows(codebooks, l)) * LANES,
                         nj_codebooks_width(codebooks, l), &values) ||
            !nj_add_size(sum, values, &sum)) {
            return false;
        }
    }
    *out = sum;
    return true;
}

nj_status nj_code_costs_init(nj_code_costs *costs, const nj_codebooks *codebooks, nj_error *err)
{
    size_t value_count;
    float *memory = NULL;
    if (count_values(codebooks, &value_count)) {
        memory = calloc(value_count, sizeof *memory);
    }
    if (memory == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for codebooks of %u levels x %zu",
                       codebooks->level_count, codebooks->D);
    }
    *costs = (nj_code_costs){.codebooks = codebooks, .memory = memory};
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        arrange_level(codebooks, l, memory);
        costs->blocks[l] = memory;
        memory += count_blocks(nj_codebooks_rows(codebooks, l)) * LANES *
                  nj_codebooks_width(codebooks, l);
    }
    return NJ_OK;
}

void nj_code_costs_fini(nj_code_costs *costs)
{
    free(costs->memory);
    *costs = (nj_code_costs){0};
}

// Rows of vectors[level] that may follow a prefix.
typedef struct {
    size_t first;
    uint32_t count;
} row_span;

static row_span find_rows(const nj_codebooks *codebooks, uint32_t level, const uint16_t *prefix)
{
    if (codebooks->kind != NJ_QUANT_HIERARCHICAL) {
        return (row_span){0, codebooks->K[level]};
    }
    size_t node = 0;
    for (uint32_t l = 0; l < level; l++) {
        node = codebooks->child_offset[l][node] + prefix[l];
    }
    const uint32_t *offset = codebooks->child_offset[level] + node;
    return (row_span){offset[0], offset[1] - offset[0]};
}

uint32_t nj_codebooks_count_codes(const nj_codebooks *codebooks, uint32_t level,
                                  const uint16_t *prefix)
{
    return find_rows(codebooks, level, prefix).count;
}

void nj_code_costs_begin(const nj_code_costs *costs, const float *x, double *rest)
{
    for (size_t d = 0; d < costs->codebooks->D; d++) {
        rest[d] = (double)x[d];
    }
}

static void sum_block(const float *block, const double *rest, size_t width, double before,
                      double sums[LANES])
{
    double squares[LANES];
    for (size_t i = 0; i < LANES; i++) {
        squares[i] = before;
    }
    for (size_t d = 0; d < width; d++) {
        for (size_t i = 0; i < LANES; i++) {
            const double difference = rest[d] - (double)block[d * LANES + i];
            squares[i] += difference * difference;
        }
    }
    memcpy(sums, squares, sizeof squares);
}

// What the parts before this one leave; 0 where every level looks at all columns.
static double sum_before(const double *rest, size_t first_column)
{
    double sum = 0;
    for (size_t d = 0; d < first_column; d++) {
        sum += rest[d] * rest[d];
    }
    return sum;
}

uint32_t nj_code_costs_of(const nj_code_costs *costs, uint32_t level, const uint16_t *prefix,
                          const double *rest, double *out)
{
    const size_t width = nj_codebooks_width(costs->codebooks, level);
    const size_t first_column = nj_codebooks_first_column(costs->codebooks, level);
    const row_span rows = find_rows(costs->codebooks, level, prefix);
    const double before = sum_before(rest, first_column);
    for (size_t k = 0; k < rows.count;) {
        const size_t row = rows.first + k;
        const size_t lane = row % LANES;
        const size_t count = nj_min_size(LANES - lane, rows.count - k);
        double sums[LANES];
        sum_block(costs->blocks[level] + (row - lane) * width, rest + first_column, width, before,
                  sums);
        memcpy(out + k, sums + lane, count * sizeof *out);
        k += count;
    }
    return rows.count;
}

void nj_code_costs_step(const nj_code_costs *costs, uint32_t level, uint16_t code,
                        const double *rest, double *out)
{
    const nj_codebooks *codebooks = costs->codebooks;
    memmove(out, rest, codebooks->D * sizeof *out);
    if (codebooks->kind == NJ_QUANT_HIERARCHICAL) {
        return;
    }
    const size_t width = nj_codebooks_width(codebooks, level);
    const float *vector = codebooks->vectors[level] + code * width;
    out += nj_codebooks_first_column(codebooks, level);
    for (size_t d = 0; d < width; d++) {
        out[d] -= (double)vector[d];
    }
}
