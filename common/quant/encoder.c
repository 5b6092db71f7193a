#include "common/quant/encoder.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/quant/encoder_parts.h"

#define NORM_MAX ((double)FLT_MAX / 16) // a longer |c|^2 is not looked at (search.c)

// ---- setting up ----

static nj_status check_options(const nj_encoder *encoder, nj_error *err)
{
    if (encoder->beam > NJ_QUANT_BEAM_MAX) {
        return nj_fail(err, NJ_USAGE, "a beam of %u, must be 1 to %d", encoder->beam,
                       NJ_QUANT_BEAM_MAX);
    }
    if (encoder->beam > 1 && encoder->codebooks.kind != NJ_QUANT_RESIDUAL) {
        return nj_fail(err, NJ_USAGE, "a beam of %u needs residual codebooks, these are %s",
                       encoder->beam, nj_quant_kind_name(encoder->codebooks.kind));
    }
    if (strcmp(encoder->kernels->precision, "float32") != 0) {
        return nj_fail(err, NJ_USAGE, "kernels \"%s\" are of precision %s, codes need float32",
                       encoder->kernels->name, encoder->kernels->precision);
    }
    return NJ_OK;
}

static nj_status set_transform(nj_encoder *encoder, const nj_transform *transform, nj_error *err)
{
    encoder->width = encoder->codebooks.D;
    if (transform == NULL || nj_transform_is_none(transform)) {
        return NJ_OK;
    }
    nj_status status = nj_transformer_new(transform, &encoder->transformer, err);
    if (status == NJ_OK && nj_transform_width(transform) != encoder->codebooks.D) {
        status = nj_fail(err, NJ_INPUT, "the transform gives %zu numbers, codebooks are %zu wide",
                         nj_transform_width(transform), encoder->codebooks.D);
    }
    encoder->width = transform->D_in;
    return status;
}

// The most children that a node of the level above has.
static size_t find_most_children(const nj_codebooks *codebooks, uint32_t level)
{
    size_t parents = level == 0 ? 1 : nj_codebooks_rows(codebooks, level - 1);
    uint32_t most = 0;
    for (size_t n = 0; n < parents; n++) {
        const uint32_t *offset = codebooks->child_offset[level] + n;
        most = offset[1] - offset[0] > most ? offset[1] - offset[0] : most;
    }
    return most;
}

static void measure_level(nj_encoder *encoder, uint32_t level)
{
    const nj_codebooks *codebooks = &encoder->codebooks;
    nj_level_index *index = &encoder->levels[level];
    bool is_hierarchy = codebooks->kind == NJ_QUANT_HIERARCHICAL;
    index->first_column = nj_codebooks_first_column(codebooks, level);
    index->width = nj_codebooks_width(codebooks, level);
    index->rows = nj_codebooks_rows(codebooks, level);
    index->most = is_hierarchy ? find_most_children(codebooks, level) : index->rows;
    index->is_multiplied = !is_hierarchy || level == 0;
    index->linear =
        (nj_linear){.weight = codebooks->vectors[level], .N = index->rows, .K = index->width};
    encoder->most = nj_max_size(encoder->most, index->most);
}

// Tables have a float for every pair of codes of two levels.
static bool want_tables(const nj_codebooks *codebooks)
{
    size_t floats = 0;
    for (uint32_t l = 1; l < codebooks->level_count; l++) {
        for (uint32_t j = 0; j < l; j++) {
            floats += (size_t)codebooks->K[j] * codebooks->K[l];
        }
    }
    return codebooks->kind == NJ_QUANT_RESIDUAL &&
           floats <= NJ_QUANT_TABLE_BYTES_MAX / sizeof(float);
}

static size_t choose_block_rows(const nj_encoder *encoder)
{
    const nj_codebooks *codebooks = &encoder->codebooks;
    bool is_rounded = codebooks->kind == NJ_QUANT_RESIDUAL && !encoder->has_tables;
    size_t prefixes = is_rounded ? encoder->beam : 1;
    size_t floats = prefixes * (encoder->most + (is_rounded ? codebooks->D : 0)) +
                    (encoder->transformer != NULL ? codebooks->D : 0);
    size_t rows = NJ_QUANT_BLOCK_BYTES / (floats * sizeof(float));
    return rows < 1 ? 1 : nj_min_size(rows, NJ_QUANT_BLOCK_ROWS_MAX);
}

// ---- memory: counted first, then taken ----

typedef struct {
    nj_arena *arena; // NULL: only counts
    size_t bytes;    // SIZE_MAX when that does not fit
} reserve;

static void *reserve_array(reserve *r, size_t count, size_t element_bytes)
{
    size_t bytes = 0;
    if (!nj_mul_size(count, element_bytes, &bytes) || bytes > SIZE_MAX / 2 ||
        !nj_add_size(r->bytes, nj_arena_cost(bytes), &r->bytes)) {
        r->bytes = SIZE_MAX;
    }
    return r->arena != NULL ? nj_arena_take(r->arena, bytes) : NULL;
}

static void reserve_beam(const nj_encoder *encoder, reserve *r, nj_beam *out)
{
    out->codes = reserve_array(r, encoder->beam * encoder->codebooks.level_count, sizeof(uint16_t));
    out->energies = reserve_array(r, encoder->beam, sizeof(double));
}

static void reserve_level(nj_encoder *encoder, reserve *r, uint32_t level)
{
    nj_level_index *index = &encoder->levels[level];
    size_t pack_bytes = encoder->kernels->linear_pack_bytes(index->rows, index->width);
    index->norms = reserve_array(r, index->rows, sizeof(float));
    if (index->is_multiplied && pack_bytes > 0) {
        void *memory = reserve_array(r, pack_bytes, 1);
        if (memory != NULL) {
            encoder->kernels->linear_pack(&index->linear, memory);
        }
    }
    for (uint32_t l = 0; encoder->has_tables && l < level; l++) {
        index->tables[l] = reserve_array(r, encoder->levels[l].rows * index->rows, sizeof(float));
    }
}

static void reserve_search(nj_encoder *encoder, reserve *r)
{
    size_t beam = encoder->beam;
    encoder->scores = reserve_array(r, beam * encoder->most, sizeof(float));
    encoder->found = reserve_array(r, beam * encoder->most, sizeof(uint32_t));
    encoder->exact = reserve_array(r, encoder->codebooks.D, sizeof(double));
    encoder->children = reserve_array(r, encoder->most, sizeof(float *));
    encoder->heap = reserve_array(r, beam, sizeof(nj_ranked));
    if (beam > 1) {
        encoder->exact_energies = reserve_array(r, beam * encoder->most, sizeof(double));
    }
}

static void reserve_all(nj_encoder *encoder, reserve *r)
{
    size_t rows = encoder->block_rows;
    size_t multiplied = rows;
    for (uint32_t l = 0; l < encoder->codebooks.level_count; l++) {
        reserve_level(encoder, r, l);
    }
    if (encoder->transformer != NULL) {
        encoder->transformed = reserve_array(r, rows * encoder->codebooks.D, sizeof(float));
    }
    if (encoder->codebooks.kind == NJ_QUANT_RESIDUAL && !encoder->has_tables) {
        multiplied = rows * encoder->beam;
        encoder->rounded = reserve_array(r, multiplied * encoder->codebooks.D, sizeof(float));
    }
    encoder->products = reserve_array(r, multiplied * encoder->most, sizeof(float));
    encoder->beams = reserve_array(r, rows, sizeof *encoder->beams);
    for (size_t row = 0; row < rows; row++) {
        nj_beam beam;
        reserve_beam(encoder, r, &beam);
        if (encoder->beams != NULL) {
            encoder->beams[row] = beam;
        }
    }
    reserve_beam(encoder, r, &encoder->next);
    reserve_search(encoder, r);
}

// ---- what is known of the codebooks before any row comes ----

static void index_norms(nj_level_index *index)
{
    double longest = 0;
    for (size_t k = 0; k < index->rows; k++) {
        const float *row = index->linear.weight + k * index->width;
        double square = 0;
        for (size_t d = 0; d < index->width; d++) {
            square += (double)row[d] * (double)row[d];
        }
        index->norms[k] = square < NORM_MAX ? (float)square : FLT_MAX;
        longest = fmax(longest, square);
    }
    index->norm_max = sqrt(longest);
}

static void fill_tables(nj_encoder *encoder, uint32_t level)
{
    const nj_kernels *kernels = encoder->kernels;
    nj_level_index *index = &encoder->levels[level];
    size_t K = index->rows;
    for (uint32_t l = 0; l < level; l++) {
        const nj_level_index *before = &encoder->levels[l];
        kernels->linear(before->rows, before->linear.weight, before->width, &index->linear, false,
                        index->tables[l], K);
        kernels->scale(before->rows, K, 2.0f, index->tables[l], K);
        for (size_t k = 0; l == 0 && k < before->rows; k++) {
            kernels->add(1, K, index->norms, K, index->tables[l] + k * K, K);
        }
    }
}

static void index_codebooks(nj_encoder *encoder)
{
    double before = 0;
    for (uint32_t l = 0; l < encoder->codebooks.level_count; l++) {
        nj_level_index *index = &encoder->levels[l];
        index_norms(index);
        if (encoder->codebooks.kind == NJ_QUANT_RESIDUAL) {
            index->before = before;
            before += index->norm_max;
        }
        if (encoder->has_tables) {
            fill_tables(encoder, l);
        }
    }
}

static nj_status check_beam_size(const nj_encoder *encoder, nj_error *err)
{
    if (encoder->beam > 1 && encoder->beam * encoder->most > NJ_QUANT_BEAM_SCORES_MAX) {
        return nj_fail(
            err, NJ_USAGE, "a beam of %u over %zu codes is %zu scores, at most %u are possible",
            encoder->beam, encoder->most, encoder->beam * encoder->most, NJ_QUANT_BEAM_SCORES_MAX);
    }
    return NJ_OK;
}

static nj_status prepare(nj_encoder *encoder, nj_error *err)
{
    for (uint32_t l = 0; l < encoder->codebooks.level_count; l++) {
        measure_level(encoder, l);
    }
    nj_status status = check_beam_size(encoder, err);
    if (status != NJ_OK) {
        return status;
    }
    encoder->has_tables = want_tables(&encoder->codebooks);
    encoder->block_rows = choose_block_rows(encoder);
    reserve counted = {0};
    reserve_all(encoder, &counted);
    status = nj_arena_init(&encoder->arena, counted.bytes, err);
    if (status == NJ_OK) {
        reserve taken = {.arena = &encoder->arena};
        reserve_all(encoder, &taken);
        index_codebooks(encoder);
    }
    return status;
}

nj_status nj_encoder_new(const nj_codebooks *codebooks, const nj_transform *transform,
                         const nj_encoder_options *options, nj_encoder **out, nj_error *err)
{
    nj_status status = nj_codebooks_check(codebooks, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_encoder *encoder = calloc(1, sizeof *encoder);
    if (encoder == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for an encoder");
    }
    encoder->codebooks = *codebooks;
    encoder->beam = options != NULL && options->beam > 1 ? options->beam : 1;
    if (options != NULL && options->kernels != NULL) {
        encoder->kernels = options->kernels;
    } else {
        status = nj_kernels_select("auto", &encoder->kernels, err);
    }
    if (status == NJ_OK) {
        status = check_options(encoder, err);
    }
    if (status == NJ_OK) {
        status = set_transform(encoder, transform, err);
    }
    if (status == NJ_OK) {
        status = prepare(encoder, err);
    }
    if (status == NJ_OK) {
        *out = encoder;
        encoder = NULL;
    }
    nj_encoder_free(&encoder);
    return status;
}

void nj_encoder_free(nj_encoder **encoder)
{
    if (*encoder != NULL) {
        nj_transformer_free(&(*encoder)->transformer);
        nj_arena_fini(&(*encoder)->arena);
        free(*encoder);
        *encoder = NULL;
    }
}

size_t nj_encoder_width(const nj_encoder *encoder)
{
    return encoder->width;
}

// ---- errors ----

// What each level leaves of one row, in float64.
static void add_residual_error(nj_encoder *encoder, const float *x, const uint16_t *codes,
                               nj_quant_error *error)
{
    const nj_codebooks *codebooks = &encoder->codebooks;
    nj_leave_exact(encoder, x, codes, 0);
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        bool is_residual = codebooks->kind == NJ_QUANT_RESIDUAL;
        const float *row =
            codebooks->vectors[l] + nj_codebooks_row(codebooks, codes, l) * codebooks->D;
        error->squared_sum[l] += encoder->kernels->difference(codebooks->D, encoder->exact, row,
                                                              is_residual ? encoder->exact : NULL);
    }
}

// Parts behind the level are still whole.
static void add_product_error(nj_encoder *encoder, const float *x, const uint16_t *codes,
                              nj_quant_error *error)
{
    const nj_codebooks *codebooks = &encoder->codebooks;
    uint32_t L = codebooks->level_count;
    double whole[NJ_QUANT_LEVELS_MAX];
    double quantized = 0;
    for (uint32_t l = 0; l < L; l++) {
        const nj_level_index *index = &encoder->levels[l];
        const float *part = x + index->first_column;
        whole[l] = 0;
        for (size_t d = 0; d < index->width; d++) {
            whole[l] += (double)part[d] * (double)part[d];
        }
    }
    for (uint32_t l = 0; l < L; l++) {
        const nj_level_index *index = &encoder->levels[l];
        nj_leave_exact(encoder, x, codes, l);
        quantized += encoder->kernels->difference(
            index->width, encoder->exact, codebooks->vectors[l] + codes[l] * index->width, NULL);
        double left = quantized;
        for (uint32_t j = l + 1; j < L; j++) {
            left += whole[j];
        }
        error->squared_sum[l] += left;
    }
}

static void add_errors(nj_encoder *encoder, const float *x, size_t rows, const uint16_t *codes,
                       size_t codes_stride, nj_quant_error *error)
{
    for (size_t row = 0; row < rows; row++) {
        (encoder->codebooks.kind == NJ_QUANT_PRODUCT ? add_product_error : add_residual_error)(
            encoder, x + row * encoder->codebooks.D, codes + row * codes_stride, error);
    }
    error->row_count += rows;
}

// ---- encoding ----

// `first` is the number of the block's first row, for the message.
static nj_status transform_block(nj_encoder *encoder, const float *x, size_t first, size_t rows,
                                 nj_error *err)
{
    size_t D = encoder->codebooks.D;
    nj_transformer_apply(encoder->transformer, x, rows, encoder->transformed);
    for (size_t i = 0; i < rows * D; i++) {
        if (!isfinite(encoder->transformed[i])) {
            return nj_fail(err, NJ_INPUT, "row %zu: its transform overflows float32, column %zu",
                           first + i / D, i % D);
        }
    }
    return NJ_OK;
}

nj_status nj_encoder_encode(nj_encoder *encoder, const float *x, size_t N, uint16_t *codes,
                            size_t codes_stride, nj_quant_error *error, nj_error *err)
{
    assert(codes_stride >= encoder->codebooks.level_count);
    nj_status status = NJ_OK;
    for (size_t first = 0; first < N && status == NJ_OK; first += encoder->block_rows) {
        size_t rows = nj_min_size(encoder->block_rows, N - first);
        const float *block = x + first * encoder->width;
        uint16_t *block_codes = codes + first * codes_stride;
        if (encoder->transformer != NULL) {
            status = transform_block(encoder, block, first, rows, err);
            block = encoder->transformed;
        }
        if (status == NJ_OK) {
            nj_encode_block(encoder, block, rows, block_codes, codes_stride);
        }
        if (status == NJ_OK && error != NULL) {
            add_errors(encoder, block, rows, block_codes, codes_stride, error);
        }
    }
    return status;
}
