// catalogue_fit_view.c - the parameters of a step, and rows as a level sees them.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/catalogue/catalogue_fit.h"
#include "common/catalogue/catalogue_fit_step.h"
#include "common/codec/pack.h"

#define STEP_FIELDS (11 + NJ_QUANT_LEVELS_MAX)

// ---- parameters ----

nj_status nj_fit_step_pack(const nj_fit_step *step, nj_buffer *out, nj_error *err)
{
    uint64_t tolerance;
    memcpy(&tolerance, &step->tolerance, sizeof tolerance);
    nj_packer packer;
    nj_packer_init(&packer, out);
    nj_pack_array(&packer, STEP_FIELDS);
    nj_pack_uint(&packer, (uint64_t)step->kind);
    nj_pack_uint(&packer, step->level_count);
    nj_pack_uint(&packer, step->level);
    nj_pack_uint(&packer, step->D_in);
    nj_pack_uint(&packer, step->D);
    nj_pack_uint(&packer, step->priced);
    nj_pack_uint(&packer, step->first);
    nj_pack_uint(&packer, step->count);
    nj_pack_uint(&packer, step->iterations_max);
    nj_pack_uint(&packer, step->seed);
    nj_pack_uint(&packer, tolerance);
    for (uint32_t l = 0; l < NJ_QUANT_LEVELS_MAX; l++) {
        nj_pack_uint(&packer, step->K[l]);
    }
    return packer.status == NJ_OK ? NJ_OK
                                  : nj_fail(err, packer.status, "no memory for a step of the fit");
}

static void read_step(nj_fields *fields, nj_fit_step *out)
{
    out->kind = (nj_quant_kind)nj_field_uint(fields, "kind", NJ_QUANT_KIND_COUNT - 1);
    out->level_count = (uint32_t)nj_field_uint(fields, "level_count", NJ_QUANT_LEVELS_MAX);
    out->level = (uint32_t)nj_field_uint(fields, "level", NJ_QUANT_LEVELS_MAX - 1);
    out->D_in = (size_t)nj_field_uint(fields, "D_in", NJ_FIT_WIDTH_MAX);
    out->D = (size_t)nj_field_uint(fields, "D", NJ_FIT_WIDTH_MAX);
    out->priced = nj_field_uint(fields, "priced", 1) != 0;
    out->first = (size_t)nj_field_uint(fields, "first", NJ_FIT_WIDTH_MAX);
    out->count = (size_t)nj_field_uint(fields, "count", NJ_FIT_WIDTH_MAX);
    out->iterations_max = (uint32_t)nj_field_uint(fields, "iterations_max", NJ_FIT_ITERATIONS_MAX);
    out->seed = nj_field_uint(fields, "seed", UINT64_MAX);
    uint64_t tolerance = nj_field_uint(fields, "tolerance", UINT64_MAX);
    memcpy(&out->tolerance, &tolerance, sizeof tolerance);
    for (uint32_t l = 0; l < NJ_QUANT_LEVELS_MAX; l++) {
        out->K[l] = (uint32_t)nj_field_uint(fields, "K", NJ_QUANT_CODES_MAX);
    }
}

static nj_status check_step(const nj_fit_step *step, nj_error *err)
{
    bool fits = step->level < step->level_count && step->D_in >= 1 && step->D >= 1 &&
                step->first <= step->D_in && step->count <= step->D_in - step->first &&
                (step->kind != NJ_QUANT_PRODUCT || step->level_count <= step->D);
    for (uint32_t l = 0; l < step->level_count && fits; l++) {
        fits = step->K[l] >= 1;
    }
    return fits ? NJ_OK : nj_fail(err, NJ_INPUT, "the sizes of a step do not fit each other");
}

nj_status nj_fit_step_unpack(nj_slice bytes, nj_fit_step *out, nj_error *err)
{
    nj_unpacked unpacked;
    nj_fields fields;
    nj_fit_step step = {0};
    nj_status status = nj_unpack(bytes, STEP_FIELDS + 1, &unpacked, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_fields_open(&fields, &unpacked.root, "step", STEP_FIELDS, err);
    read_step(&fields, &step);
    status = fields.status;
    nj_unpacked_fini(&unpacked);
    if (status == NJ_OK) {
        status = check_step(&step, err);
    }
    if (status == NJ_OK) {
        *out = step;
    }
    return status;
}

// ---- sections ----

nj_status nj_fit_section(const nj_sections *sections, const char *name, size_t count,
                         size_t value_bytes, const void **out, nj_error *err)
{
    const nj_section *section = nj_sections_find(sections, name);
    if (section == NULL) {
        return nj_fail(err, NJ_INPUT, "a step of the fit has no section \"%s\"", name);
    }
    if (section->size / value_bytes != count || section->size % value_bytes != 0) {
        return nj_fail(err, NJ_INPUT, "section \"%s\" has %zu bytes, must have %zu values of %zu",
                       name, section->size, count, value_bytes);
    }
    *out = section->bytes;
    return NJ_OK;
}

static nj_status find_floats(const nj_sections *sections, const char *name, size_t count,
                             const float **out, nj_error *err)
{
    const void *bytes = NULL;
    nj_status status = nj_fit_section(sections, name, count, sizeof **out, &bytes, err);
    *out = bytes;
    return status;
}

nj_status nj_fit_transform_find(const nj_sections *sections, const nj_fit_step *step,
                                nj_transform *out, nj_error *err)
{
    nj_transform transform = {0};
    nj_status status = NJ_OK;
    if (nj_sections_find(sections, "mean") != NULL) {
        transform.D_in = step->D_in;
        status = find_floats(sections, "mean", step->D_in, &transform.mean, err);
    }
    if (status == NJ_OK && nj_sections_find(sections, "scale") != NULL) {
        transform.D_in = step->D_in;
        status = find_floats(sections, "scale", step->D_in, &transform.scale, err);
    }
    if (status == NJ_OK && nj_sections_find(sections, "matrix") != NULL) {
        transform.D_in = step->D_in;
        transform.matrix.rows = step->D;
        transform.matrix.columns = step->D_in;
        status =
            find_floats(sections, "matrix", step->D * step->D_in, &transform.matrix.weight, err);
    } else if (status == NJ_OK && step->D != step->D_in) {
        status = nj_fail(err, NJ_INPUT, "a step of width %zu over rows of width %zu has no matrix",
                         step->D, step->D_in);
    }
    if (status == NJ_OK) {
        *out = transform;
    }
    return status;
}

// ---- rows ----

nj_status nj_fit_view_init(nj_fit_view *view, const nj_fit_step *step,
                           const nj_transform *transform, nj_error *err)
{
    const size_t D = view->codebooks.D;
    const bool is_product = step->kind == NJ_QUANT_PRODUCT;
    view->level = step->level;
    view->first_column = is_product ? nj_quant_part_first(D, step->level_count, step->level) : 0;
    view->W = is_product
                  ? nj_quant_part_first(D, step->level_count, step->level + 1) - view->first_column
                  : D;
    view->stride = view->W + (step->priced ? 1 : 0);
    view->x = malloc(NJ_FIT_BLOCK_ROWS * step->D_in * sizeof *view->x);
    view->seen = malloc(NJ_FIT_BLOCK_ROWS * view->stride * sizeof *view->seen);
    view->residual = malloc(D * sizeof *view->residual);
    nj_status status = NJ_OK;
    if (!nj_transform_is_none(transform)) {
        view->y = malloc(NJ_FIT_BLOCK_ROWS * D * sizeof *view->y);
        status = nj_transformer_new(transform, &view->transformer, err);
    }
    if (status == NJ_OK && (view->x == NULL || view->seen == NULL || view->residual == NULL ||
                            (view->transformer != NULL && view->y == NULL))) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for %d rows of width %zu", NJ_FIT_BLOCK_ROWS,
                         step->D_in);
    }
    if (status != NJ_OK) {
        nj_fit_view_fini(view);
    }
    return status;
}

void nj_fit_view_fini(nj_fit_view *view)
{
    nj_transformer_free(&view->transformer);
    free(view->x);
    free(view->y);
    free(view->seen);
    free(view->residual);
    *view = (nj_fit_view){0};
}

// What levels 0 .. level-1 leave of a row.
static void subtract_levels(const nj_fit_view *view, const float *row, size_t at, float *out)
{
    const size_t D = view->codebooks.D;
    double *residual = view->residual;
    for (size_t d = 0; d < D; d++) {
        residual[d] = (double)row[d];
    }
    for (uint32_t l = 0; l < view->level; l++) {
        const float *vector = view->codebooks.vectors[l] + view->codes[l][at] * D;
        for (size_t d = 0; d < D; d++) {
            residual[d] -= (double)vector[d];
        }
    }
    for (size_t d = 0; d < D; d++) {
        out[d] = (float)residual[d];
    }
}

static nj_status check_transformed(const nj_fit_view *view, const float *y, size_t first,
                                   size_t count, nj_error *err)
{
    const size_t D = view->codebooks.D;
    for (size_t i = 0; i < count * D; i++) {
        if (!isfinite(y[i])) {
            return nj_fail(err, NJ_INPUT, "%s: row %zu: column %zu overflows behind the transform",
                           view->npy->path, first + i / D, i % D);
        }
    }
    return NJ_OK;
}

nj_status nj_fit_view_load(nj_fit_view *view, size_t first, size_t count, nj_error *err)
{
    const size_t D = view->codebooks.D;
    const size_t D_in = view->npy->shape[1];
    const float *y = view->x;
    nj_status status = nj_npy_read_f32(view->npy, first * D_in, count * D_in, view->x, err);
    if (status == NJ_OK && view->transformer != NULL) {
        nj_transformer_apply(view->transformer, view->x, count, view->y);
        y = view->y;
        status = check_transformed(view, y, first, count, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    const bool has_residual = view->codebooks.kind == NJ_QUANT_RESIDUAL && view->level > 0;
    for (size_t i = 0; i < count; i++) {
        float *seen = view->seen + i * view->stride;
        if (has_residual) {
            subtract_levels(view, y + i * D, first + i, seen);
        } else {
            memcpy(seen, y + i * D + view->first_column, view->W * sizeof *seen);
        }
        if (view->stride > view->W) {
            seen[view->W] = 0;
        }
    }
    return NJ_OK;
}
