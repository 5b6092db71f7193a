#include "common/catalogue/code_costs.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

#define LANES NJ_CODE_COSTS_LANES

static size_t count_blocks(uint32_t K)
{
    return ((size_t)K + LANES - 1) / LANES;
}

// Lanes beyond K stay 0: their costs are computed and not handed out.
static void arrange_level(const nj_codebooks *codebooks, uint32_t level, float *blocks)
{
    const size_t D = codebooks->D;
    for (size_t k = 0; k < codebooks->K[level]; k++) {
        float *lane = blocks + k / LANES * D * LANES + k % LANES;
        for (size_t d = 0; d < D; d++) {
            lane[d * LANES] = codebooks->vectors[level][k * D + d];
        }
    }
}

nj_status nj_code_costs_init(nj_code_costs *costs, const nj_codebooks *codebooks, nj_error *err)
{
    size_t block_count = 0;
    size_t values;
    float *memory = NULL;
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        block_count += count_blocks(codebooks->K[l]);
    }
    if (nj_mul_size(block_count * LANES, codebooks->D, &values)) {
        memory = calloc(values + 1, sizeof *memory);
    }
    if (memory == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for codebooks of %zu rows x %zu",
                       block_count * LANES, codebooks->D);
    }
    *costs = (nj_code_costs){.codebooks = codebooks, .memory = memory};
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        arrange_level(codebooks, l, memory);
        costs->blocks[l] = memory;
        memory += count_blocks(codebooks->K[l]) * LANES * codebooks->D;
    }
    return NJ_OK;
}

void nj_code_costs_fini(nj_code_costs *costs)
{
    free(costs->memory);
    *costs = (nj_code_costs){0};
}

void nj_code_costs_begin(const nj_code_costs *costs, const float *x, double *residual)
{
    for (size_t d = 0; d < costs->codebooks->D; d++) {
        residual[d] = (double)x[d];
    }
}

static void sum_block(const float *block, const double *residual, size_t D, double sums[LANES])
{
    double squares[LANES] = {0};
    for (size_t d = 0; d < D; d++) {
        for (size_t i = 0; i < LANES; i++) {
            const double difference = residual[d] - (double)block[d * LANES + i];
            squares[i] += difference * difference;
        }
    }
    memcpy(sums, squares, sizeof squares);
}

void nj_code_costs_of(const nj_code_costs *costs, uint32_t level, const double *residual,
                      double *out)
{
    const size_t D = costs->codebooks->D;
    const size_t K = costs->codebooks->K[level];
    for (size_t k = 0; k < K; k += LANES) {
        double sums[LANES];
        sum_block(costs->blocks[level] + k * D, residual, D, sums);
        memcpy(out + k, sums, nj_min_size(LANES, K - k) * sizeof *out);
    }
}

void nj_code_costs_step(const nj_code_costs *costs, uint32_t level, uint16_t code,
                        const double *residual, double *out)
{
    const size_t D = costs->codebooks->D;
    const float *vector = costs->codebooks->vectors[level] + code * D;
    for (size_t d = 0; d < D; d++) {
        out[d] = residual[d] - (double)vector[d];
    }
}
