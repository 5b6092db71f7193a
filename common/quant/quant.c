#include "common/quant/quant.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const char *const KIND_NAMES[NJ_QUANT_KIND_COUNT] = {
    [NJ_QUANT_RESIDUAL] = "residual",
    [NJ_QUANT_PRODUCT] = "product",
    [NJ_QUANT_HIERARCHICAL] = "hierarchical",
};

const char *nj_quant_kind_name(nj_quant_kind kind)
{
    return KIND_NAMES[kind];
}

bool nj_quant_kind_from_name(const char *name, nj_quant_kind *out)
{
    for (nj_quant_kind kind = 0; kind < NJ_QUANT_KIND_COUNT; kind++) {
        if (strcmp(name, KIND_NAMES[kind]) == 0) {
            *out = kind;
            return true;
        }
    }
    return false;
}

// ---- shapes ----

size_t nj_codebooks_first_column(const nj_codebooks *codebooks, uint32_t level)
{
    return codebooks->kind == NJ_QUANT_PRODUCT
               ? nj_quant_part_first(codebooks->D, codebooks->level_count, level)
               : 0;
}

size_t nj_codebooks_width(const nj_codebooks *codebooks, uint32_t level)
{
    if (codebooks->kind != NJ_QUANT_PRODUCT) {
        return codebooks->D;
    }
    return nj_quant_part_first(codebooks->D, codebooks->level_count, level + 1) -
           nj_quant_part_first(codebooks->D, codebooks->level_count, level);
}

// Nodes of the level above, each of which has a span in child_offset[level].
static size_t count_parents(const nj_codebooks *codebooks, uint32_t level)
{
    return level == 0 ? 1 : nj_codebooks_rows(codebooks, level - 1);
}

size_t nj_codebooks_rows(const nj_codebooks *codebooks, uint32_t level)
{
    if (codebooks->kind != NJ_QUANT_HIERARCHICAL) {
        return codebooks->K[level];
    }
    size_t parents = 1;
    for (uint32_t l = 0; l < level; l++) {
        parents = codebooks->child_offset[l][parents];
    }
    return codebooks->child_offset[level][parents];
}

// ---- checking ----

static nj_status check_sizes(const nj_codebooks *codebooks, nj_error *err)
{
    uint32_t L = codebooks->level_count;
    if (L < 1 || L > NJ_QUANT_LEVELS_MAX) {
        return nj_fail(err, NJ_INPUT, "codebooks have %u levels, must be 1 to %d", L,
                       NJ_QUANT_LEVELS_MAX);
    }
    if (codebooks->D < 1 || codebooks->D > NJ_QUANT_DIMS_MAX) {
        return nj_fail(err, NJ_INPUT, "codebooks are %zu wide, must be 1 to %d", codebooks->D,
                       NJ_QUANT_DIMS_MAX);
    }
    if (codebooks->kind == NJ_QUANT_PRODUCT && codebooks->D < L) {
        return nj_fail(err, NJ_INPUT, "%zu columns cannot be cut into %u parts", codebooks->D, L);
    }
    for (uint32_t l = 0; l < L; l++) {
        if (codebooks->K[l] < 1 || codebooks->K[l] > NJ_QUANT_CODES_MAX) {
            return nj_fail(err, NJ_INPUT, "codebook %u has %u rows, must be 1 to %d", l,
                           codebooks->K[l], NJ_QUANT_CODES_MAX);
        }
    }
    return NJ_OK;
}

// `parents` nodes of the level above have spans that follow each other.
static nj_status check_children(const nj_codebooks *codebooks, uint32_t level, size_t parents,
                                nj_error *err)
{
    const uint32_t *offset = codebooks->child_offset[level];
    if (offset[0] != 0) {
        return nj_fail(err, NJ_INPUT, "codebook %u: children begin at row %u, must be 0", level,
                       offset[0]);
    }
    for (size_t n = 0; n < parents; n++) {
        if (offset[n + 1] <= offset[n]) {
            return nj_fail(err, NJ_INPUT,
                           "codebook %u: node %zu has rows %u to %u, every node has a child", level,
                           n, offset[n], offset[n + 1]);
        }
        if (offset[n + 1] - offset[n] > codebooks->K[level]) {
            return nj_fail(err, NJ_INPUT, "codebook %u: node %zu has %u children, codes are %u",
                           level, n, offset[n + 1] - offset[n], codebooks->K[level]);
        }
    }
    if (offset[parents] > NJ_QUANT_ROWS_MAX) {
        return nj_fail(err, NJ_INPUT, "codebook %u has %u rows, must be 1 to %u", level,
                       offset[parents], NJ_QUANT_ROWS_MAX);
    }
    return NJ_OK;
}

static nj_status check_values(const nj_codebooks *codebooks, uint32_t level, nj_error *err)
{
    size_t width = nj_codebooks_width(codebooks, level);
    size_t count = nj_codebooks_rows(codebooks, level) * width;
    const float *vectors = codebooks->vectors[level];
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(vectors[i])) {
            return nj_fail(err, NJ_INPUT, "codebook %u, row %zu, column %zu: %g is not finite",
                           level, i / width, i % width, (double)vectors[i]);
        }
    }
    return NJ_OK;
}

nj_status nj_codebooks_check(const nj_codebooks *codebooks, nj_error *err)
{
    nj_status status = check_sizes(codebooks, err);
    for (uint32_t l = 0; l < codebooks->level_count && status == NJ_OK; l++) {
        if (codebooks->kind == NJ_QUANT_HIERARCHICAL) {
            status = check_children(codebooks, l, count_parents(codebooks, l), err);
        }
        if (status == NJ_OK) {
            status = check_values(codebooks, l, err);
        }
    }
    return status;
}

// ---- decoding ----

size_t nj_codebooks_row(const nj_codebooks *codebooks, const uint16_t *codes, uint32_t level)
{
    assert(codes[level] < codebooks->K[level]);
    if (codebooks->kind != NJ_QUANT_HIERARCHICAL) {
        return codes[level];
    }
    size_t node = 0;
    for (uint32_t l = 0; l <= level; l++) {
        const uint32_t *offset = codebooks->child_offset[l] + node;
        assert(codes[l] < offset[1] - offset[0]);
        node = offset[0] + codes[l];
    }
    return node;
}

void nj_codebooks_decode(const nj_codebooks *codebooks, const uint16_t *codes, uint32_t level_count,
                         double *out)
{
    assert(level_count >= 1 && level_count <= codebooks->level_count);
    for (size_t d = 0; d < codebooks->D; d++) {
        out[d] = 0;
    }
    bool only_last = codebooks->kind == NJ_QUANT_HIERARCHICAL;
    for (uint32_t l = only_last ? level_count - 1 : 0; l < level_count; l++) {
        size_t width = nj_codebooks_width(codebooks, l);
        const float *row = codebooks->vectors[l] + nj_codebooks_row(codebooks, codes, l) * width;
        double *part = out + nj_codebooks_first_column(codebooks, l);
        for (size_t d = 0; d < width; d++) {
            part[d] += (double)row[d];
        }
    }
}
