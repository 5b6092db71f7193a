#include <assert.h>
#include <string.h>

#include "common/quant/encoder_parts.h"

// ---- products of whole blocks ----

static void multiply_level(nj_encoder *encoder, uint32_t level, const float *x, size_t rows)
{
    const nj_level_index *index = &encoder->levels[level];
    encoder->kernels->linear(rows, x + index->first_column, encoder->codebooks.D, &index->linear,
                             false, encoder->products, encoder->most);
}

// Every prefix's residual, rounded; the prefixes of a row follow each other. Returns how many there are.
static size_t round_residuals(nj_encoder *encoder, uint32_t level, const float *x, size_t rows)
{
    size_t D = encoder->codebooks.D;
    size_t count = 0;
    for (size_t row = 0; row < rows; row++) {
        const nj_beam *beam = &encoder->beams[row];
        for (uint32_t b = 0; b < beam->count; b++, count++) {
            const uint16_t *codes = beam->codes + b * encoder->codebooks.level_count;
            nj_leave_exact(encoder, x + row * D, codes, level);
            for (size_t d = 0; d < D; d++) {
                encoder->rounded[count * D + d] = (float)encoder->exact[d];
            }
        }
    }
    return count;
}

static void multiply_block(nj_encoder *encoder, uint32_t level, const float *x, size_t rows)
{
    if (encoder->rounded != NULL) {
        size_t count = round_residuals(encoder, level, x, rows);
        multiply_level(encoder, level, encoder->rounded, count);
    } else if (encoder->levels[level].is_multiplied) {
        multiply_level(encoder, level, x, rows);
    }
}

// ---- searches ----

// The children of the node that the prefix has led to; below the root their products are made here, one row at a time.
static void look_at_children(nj_encoder *encoder, uint32_t level, nj_search *search)
{
    const nj_codebooks *codebooks = &encoder->codebooks;
    size_t node = level == 0 ? 0 : nj_codebooks_row(codebooks, search->codes, level - 1);
    const uint32_t *offset = codebooks->child_offset[level] + node;
    search->first_row = offset[0];
    search->count = offset[1] - offset[0];
    search->terms[0] = encoder->levels[level].norms + offset[0];
    if (level == 0) {
        return;
    }
    for (size_t i = 0; i < search->count; i++) {
        encoder->children[i] = codebooks->vectors[level] + (offset[0] + i) * codebooks->D;
    }
    encoder->kernels->head_scores(search->count, 1, codebooks->D, search->x, encoder->children,
                                  encoder->products, search->count);
    search->products = encoder->products;
}

static void add_tables(const nj_encoder *encoder, uint32_t level, nj_search *search)
{
    const nj_level_index *index = &encoder->levels[level];
    for (uint32_t l = 0; l < level; l++) {
        search->terms[l] = index->tables[l] + (size_t)search->codes[l] * index->rows;
    }
    search->term_count = level;
}

// Behind prefix b of row `row`; `multiplied` counts the rows that were multiplied before its own.
static nj_search begin_search(nj_encoder *encoder, uint32_t level, const float *x, size_t row,
                              uint32_t b, size_t multiplied)
{
    const nj_level_index *index = &encoder->levels[level];
    const nj_beam *beam = &encoder->beams[row];
    size_t product_row = encoder->rounded != NULL ? multiplied : row;
    nj_search search = {
        .x = x,
        .codes = beam->codes + b * encoder->codebooks.level_count,
        .products = encoder->products + product_row * encoder->most,
        .terms = {index->norms},
        .term_count = 1,
        .count = index->most,
        .length = beam->length,
        .whole = beam->length,
    };
    if (encoder->codebooks.kind == NJ_QUANT_HIERARCHICAL) {
        look_at_children(encoder, level, &search);
    } else if (encoder->has_tables && level > 0) {
        add_tables(encoder, level, &search);
    } else if (encoder->rounded != NULL) {
        search.length = nj_measure_length(
            encoder->kernels, encoder->rounded + product_row * index->width, index->width);
    }
    return search;
}

static void search_rows(nj_encoder *encoder, uint32_t level, const float *x, size_t rows)
{
    nj_search searches[NJ_QUANT_BEAM_MAX];
    bool is_last = level + 1 == encoder->codebooks.level_count;
    size_t multiplied = 0;
    for (size_t row = 0; row < rows; row++) {
        nj_beam *beam = &encoder->beams[row];
        for (uint32_t b = 0; b < beam->count; b++, multiplied++) {
            searches[b] =
                begin_search(encoder, level, x + row * encoder->codebooks.D, row, b, multiplied);
        }
        nj_widen_beam(encoder, level, searches, is_last ? 1 : encoder->beam, beam);
    }
}

void nj_encode_block(nj_encoder *encoder, const float *x, size_t rows, uint16_t *codes,
                     size_t codes_stride)
{
    assert(rows <= encoder->block_rows);
    size_t D = encoder->codebooks.D;
    uint32_t L = encoder->codebooks.level_count;
    for (size_t row = 0; row < rows; row++) {
        nj_beam *beam = &encoder->beams[row];
        beam->count = 1;
        beam->energies[0] = 0;
        beam->slack = 0;
        beam->length = nj_measure_length(encoder->kernels, x + row * D, D);
    }
    for (uint32_t l = 0; l < L; l++) {
        multiply_block(encoder, l, x, rows);
        search_rows(encoder, l, x, rows);
    }
    for (size_t row = 0; row < rows; row++) {
        memcpy(codes + row * codes_stride, encoder->beams[row].codes, L * sizeof *codes);
    }
}
