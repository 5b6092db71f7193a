#include "common/catalogue/catalogue_assign.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/file.h"
#include "common/catalogue/catalogue_parts.h"

// ---- codebooks ----

static nj_status check_array(const nj_npy *npy, nj_error *err)
{
    const size_t *shape = npy->shape;
    if (npy->dim_count != 3) {
        return nj_fail(err, NJ_INPUT,
                       "%s: %zu dimensions, codebooks have 3: [levels, codes, width]", npy->path,
                       npy->dim_count);
    }
    if (shape[0] < 1 || shape[0] > NJ_LEVELS_MAX || shape[1] < NJ_CODES_MIN ||
        shape[1] > NJ_CODES_MAX || shape[2] < 1 || shape[2] > NJ_QUANT_DIMS_MAX) {
        return nj_fail(err, NJ_INPUT,
                       "%s: shape [%zu, %zu, %zu], must be [1 to %d, %d to %d, 1 to %d]", npy->path,
                       shape[0], shape[1], shape[2], NJ_LEVELS_MAX, NJ_CODES_MIN, NJ_CODES_MAX,
                       NJ_QUANT_DIMS_MAX);
    }
    return NJ_OK;
}

static nj_status load_array(const char *path, nj_quant_kind kind, nj_quant_model *out,
                            nj_error *err)
{
    nj_npy npy;
    nj_status status = nj_npy_open(path, &npy, err);
    if (status != NJ_OK) {
        return status;
    }
    const size_t *shape = npy.shape;
    status = check_array(&npy, err);
    if (status == NJ_OK && kind == NJ_QUANT_HIERARCHICAL) {
        status = nj_fail(err, NJ_USAGE,
                         "%s: an array does not say whose children its rows are; hierarchical "
                         "codebooks come as .safetensors or as a catalogue",
                         path);
    }
    if (status == NJ_OK) {
        out->codebooks =
            (nj_codebooks){.kind = kind,
                           .level_count = (uint32_t)shape[0],
                           .D = kind == NJ_QUANT_PRODUCT ? shape[0] * shape[2] : shape[2]};
        for (uint32_t l = 0; l < out->codebooks.level_count; l++) {
            out->codebooks.K[l] = (uint32_t)shape[1];
        }
        status = nj_codebooks_allocate(&out->codebooks, &out->codebook_values, err);
    }
    if (status == NJ_OK) {
        status =
            nj_npy_read_f32(&npy, 0, shape[0] * shape[1] * shape[2], out->codebook_values, err);
    }
    nj_npy_close(&npy);
    return status;
}

static nj_status load_folder(const nj_assign_config *config, nj_quant_model *out, nj_error *err)
{
    const char *path = config->codebooks_path;
    nj_catalogue *source = NULL;
    nj_status status = nj_catalogue_read(path, &source, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_quant_kind kind = source->codebooks.kind;
    if (source->codebooks.level_count == 0) {
        status = nj_fail(err, NJ_INPUT, "%s: is a catalogue without codebooks", path);
    } else if (config->has_kind && config->kind != kind) {
        status = nj_fail(err, NJ_USAGE, "%s: its codebooks are %s, --quantizer says %s", path,
                         nj_quant_kind_name(kind), nj_quant_kind_name(config->kind));
    } else {
        nj_catalogue_give_model(source, out);
    }
    nj_catalogue_free(&source);
    return status;
}

static bool is_tensor_file(const char *path)
{
    static const char ENDING[] = ".safetensors";
    size_t length = strlen(path);
    return length >= sizeof ENDING && strcmp(path + length - (sizeof ENDING - 1), ENDING) == 0;
}

static nj_status load_model(const nj_assign_config *config, nj_quant_model *out, nj_error *err)
{
    const char *path = config->codebooks_path;
    if (nj_folder_exists(path)) {
        return load_folder(config, out, err);
    }
    if (is_tensor_file(path)) {
        nj_quant_shape unknown = {.kind = config->kind};
        return nj_quant_model_read(path, &unknown, out, err);
    }
    return load_array(path, config->kind, out, err);
}

static size_t width_of(const nj_quant_model *model)
{
    return nj_transform_is_none(&model->transform) ? model->codebooks.D : model->transform.D_in;
}

// ---- embeddings ----

static nj_status check_embeddings(const nj_npy *npy, const char *codebooks_path, size_t D,
                                  nj_error *err)
{
    if (npy->dim_count != 2) {
        return nj_fail(err, NJ_INPUT, "%s: %zu dimensions, embeddings have 2: [items, width]",
                       npy->path, npy->dim_count);
    }
    if (npy->shape[1] != D) {
        return nj_fail(err, NJ_INPUT, "%s: embeddings are %zu wide, the codebooks of %s %zu",
                       npy->path, npy->shape[1], codebooks_path, D);
    }
    return NJ_OK;
}

static nj_digester begin_embeddings_digest(const nj_npy *npy)
{
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update_u64(&digester, npy->shape[0]);
    nj_digester_update_u64(&digester, npy->shape[1]);
    return digester;
}

// Codes of all rows, in blocks; the fingerprint is over the values as float32, so it does not depend on how they are stored.
static nj_status assign_codes(nj_catalogue *catalogue, const nj_npy *npy, nj_encoder *encoder,
                              nj_quant_error *error, nj_error *err)
{
    size_t N = npy->shape[0];
    size_t D = npy->shape[1];
    size_t L = catalogue->sids.level_count;
    size_t block_rows = nj_max_size(NJ_ASSIGN_BLOCK_BYTES / (D * sizeof(float)), 1);
    float *values = malloc(nj_min_size(block_rows, N) * D * sizeof *values);
    if (values == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", npy->path);
    }
    nj_digester digester = begin_embeddings_digest(npy);
    nj_status status = NJ_OK;
    for (size_t row = 0; row < N && status == NJ_OK; row += block_rows) {
        size_t count = nj_min_size(block_rows, N - row);
        status = nj_npy_read_f32(npy, row * D, count * D, values, err);
        if (status == NJ_OK) {
            nj_digester_update(&digester, values, count * D * sizeof *values);
            status = nj_encoder_encode(encoder, values, count, catalogue->codes + row * L, L, error,
                                       err);
        }
    }
    catalogue->embeddings_digest = nj_digester_final(&digester);
    catalogue->has_embeddings = true;
    free(values);
    return status;
}

// ---- collisions ----

// Rows as the codebooks see them.
typedef struct {
    const nj_npy *npy;
    nj_transformer *transformer; // NULL = none
    float *x;                    // [D_in]; with a transform
} seen_rows;

static nj_status read_row(void *context, uint32_t row, float *out, nj_error *err)
{
    const seen_rows *rows = context;
    const size_t D_in = rows->npy->shape[1];
    if (rows->transformer == NULL) {
        return nj_npy_read_f32(rows->npy, row * D_in, D_in, out, err);
    }
    nj_status status = nj_npy_read_f32(rows->npy, row * D_in, D_in, rows->x, err);
    if (status == NJ_OK) {
        nj_transformer_apply(rows->transformer, rows->x, 1, out);
    }
    return status;
}

static nj_status open_seen_rows(const nj_catalogue *catalogue, const nj_npy *npy, seen_rows *out,
                                nj_error *err)
{
    *out = (seen_rows){.npy = npy};
    if (nj_transform_is_none(&catalogue->transform)) {
        return NJ_OK;
    }
    out->x = malloc(npy->shape[1] * sizeof *out->x);
    return out->x == NULL ? nj_fail(err, NJ_NO_MEMORY, "no memory for a row of %s", npy->path)
                          : nj_transformer_new(&catalogue->transform, &out->transformer, err);
}

static nj_status resolve_collisions(const nj_assign_config *config, const nj_npy *npy,
                                    nj_catalogue *catalogue, nj_error *err)
{
    seen_rows rows;
    nj_collision_outcome outcome;
    nj_collision_work work = {.options = &config->collisions,
                              .what = config->embeddings_path,
                              .codes = catalogue->codes,
                              .row_count = catalogue->sids.row_count,
                              .level_count = catalogue->codebooks.level_count,
                              .codebooks = &catalogue->codebooks,
                              .rows = {&rows, read_row}};
    memcpy(work.K, catalogue->codebooks.K, sizeof work.K);
    nj_status status = open_seen_rows(catalogue, npy, &rows, err);
    if (status == NJ_OK) {
        status = nj_collisions_resolve(&work, &outcome, err);
    }
    nj_transformer_free(&rows.transformer);
    free(rows.x);
    return status;
}

// ---- the whole ----

// A catalogue with the codebooks' levels and, where asked for, the counter's. Takes the model over on success.
static nj_status begin_catalogue(const nj_assign_config *config, const nj_npy *npy,
                                 nj_quant_model *model, nj_catalogue **out, nj_error *err)
{
    uint32_t levels = model->codebooks.level_count;
    uint32_t counter_codes =
        nj_collisions_suffix_width(&config->collisions, model->codebooks.K[levels - 1]);
    uint32_t L = levels + (counter_codes > 0 ? 1 : 0);
    if (L > NJ_LEVELS_MAX) {
        return nj_fail(err, NJ_INPUT,
                       "%s: %" PRIu32 " levels and a collision counter make %" PRIu32
                       ", the limit is %d",
                       config->codebooks_path, levels, L, NJ_LEVELS_MAX);
    }
    nj_catalogue *catalogue = NULL;
    nj_status status = nj_catalogue_begin(npy->shape[0], L, npy->path, &catalogue, err);
    if (status != NJ_OK) {
        return status;
    }
    for (uint32_t l = 0; l < L; l++) {
        catalogue->sids.codes_per_level[l] = l < levels ? model->codebooks.K[l] : counter_codes;
    }
    catalogue->has_suffix = L > levels;
    nj_catalogue_take_model(catalogue, model);
    *out = catalogue;
    return NJ_OK;
}

static nj_status assign_opened(const nj_assign_config *config, const nj_catalogue_options *options,
                               const nj_npy *npy, nj_quant_model *model, nj_quant_error *out_error,
                               nj_catalogue **out, nj_error *err)
{
    nj_catalogue *catalogue = NULL;
    nj_encoder *encoder = NULL;
    nj_quant_error error = {0};
    nj_encoder_options encode = {.kernels = config->kernels, .beam = config->beam};
    nj_status status = check_embeddings(npy, config->codebooks_path, width_of(model), err);
    if (status == NJ_OK) {
        status = begin_catalogue(config, npy, model, &catalogue, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_apply(catalogue, options, err);
    }
    if (status == NJ_OK) {
        status =
            nj_encoder_new(&catalogue->codebooks, &catalogue->transform, &encode, &encoder, err);
    }
    if (status == NJ_OK) {
        status = assign_codes(catalogue, npy, encoder, &error, err);
    }
    if (status == NJ_OK) {
        status = resolve_collisions(config, npy, catalogue, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_finish(catalogue, config->embeddings_path, err);
    }
    if (status == NJ_OK) {
        if (out_error != NULL) {
            *out_error = error;
        }
        *out = catalogue;
        catalogue = NULL;
    }
    nj_encoder_free(&encoder);
    nj_catalogue_free(&catalogue);
    return status;
}

nj_status nj_catalogue_assign(const nj_assign_config *config, const nj_catalogue_options *options,
                              nj_quant_error *out_error, nj_catalogue **out, nj_error *err)
{
    nj_quant_model model = {0};
    nj_npy npy = {0};
    nj_status status = nj_npy_open(config->embeddings_path, &npy, err);
    if (status == NJ_OK && config->model != NULL) {
        model = *config->model;
        *config->model = (nj_quant_model){0};
    } else if (status == NJ_OK) {
        status = load_model(config, &model, err);
    }
    if (status == NJ_OK) {
        status = assign_opened(config, options, &npy, &model, out_error, out, err);
    }
    nj_quant_model_fini(&model);
    nj_npy_close(&npy);
    return status;
}
