#include "common/catalogue/catalogue_assign.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/file.h"
#include "common/catalogue/catalogue_parts.h"
#include "common/catalogue/encode_rows.h"

// ---- codebooks ----

typedef struct {
    nj_codebooks view;
    float *values; // owned
} owned_codebooks;

static nj_status load_codebook_array(const char *path, owned_codebooks *out, nj_error *err)
{
    nj_npy npy;
    nj_status status = nj_npy_open(path, &npy, err);
    if (status != NJ_OK) {
        return status;
    }
    const size_t *shape = npy.shape;
    if (npy.dim_count != 3) {
        status =
            nj_fail(err, NJ_INPUT, "%s: %zu dimensions, codebooks have 3: [levels, codes, width]",
                    path, npy.dim_count);
    } else if (shape[0] < 1 || shape[0] > NJ_LEVELS_MAX || shape[1] < NJ_CODES_MIN ||
               shape[1] > NJ_CODES_MAX || shape[2] < 1 || shape[2] > NJ_QUANT_DIMS_MAX) {
        status = nj_fail(err, NJ_INPUT,
                         "%s: shape [%zu, %zu, %zu], must be [1 to %d, %d to %d, 1 to %d]", path,
                         shape[0], shape[1], shape[2], NJ_LEVELS_MAX, NJ_CODES_MIN, NJ_CODES_MAX,
                         NJ_QUANT_DIMS_MAX);
    }
    if (status == NJ_OK) {
        out->view = (nj_codebooks){.level_count = (uint32_t)shape[0], .D = shape[2]};
        for (uint32_t l = 0; l < out->view.level_count; l++) {
            out->view.K[l] = (uint32_t)shape[1];
        }
        status = nj_codebooks_allocate(&out->view, &out->values, err);
    }
    if (status == NJ_OK) {
        status = nj_npy_read_f32(&npy, 0, shape[0] * shape[1] * shape[2], out->values, err);
    }
    nj_npy_close(&npy);
    return status;
}

static nj_status load_codebook_folder(const char *path, owned_codebooks *out, nj_error *err)
{
    nj_catalogue *source = NULL;
    nj_status status = nj_catalogue_read(path, &source, err);
    if (status != NJ_OK) {
        return status;
    }
    if (source->codebooks.level_count == 0) {
        status = nj_fail(err, NJ_INPUT, "%s: is a catalogue without codebooks", path);
    } else {
        *out = (owned_codebooks){source->codebooks, source->codebook_values};
        source->codebook_values = NULL;
    }
    nj_catalogue_free(&source);
    return status;
}

static nj_status load_codebooks(const char *path, owned_codebooks *out, nj_error *err)
{
    return nj_folder_exists(path) ? load_codebook_folder(path, out, err)
                                  : load_codebook_array(path, out, err);
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

static nj_status assign_codes(const nj_assign_config *config, nj_catalogue *catalogue,
                              const nj_npy *npy, nj_quant_error *out_error, nj_error *err)
{
    const nj_encode_job job = {.rows = npy,
                               .path = config->embeddings_path,
                               .codebooks = &catalogue->codebooks,
                               .options = {.kernels = config->kernels},
                               .executor = config->executor,
                               .quiet = config->quiet};
    nj_status status = nj_encode_rows(&job, catalogue->codes, catalogue->sids.level_count,
                                      out_error, &catalogue->embeddings_digest, err);
    catalogue->has_embeddings = status == NJ_OK;
    return status;
}

// ---- collisions ----

static nj_status read_row(void *context, uint32_t row, float *out, nj_error *err)
{
    const nj_npy *npy = context;
    const size_t D = npy->shape[1];
    return nj_npy_read_f32(npy, row * D, D, out, err);
}

static nj_status resolve_collisions(const nj_assign_config *config, const nj_npy *npy,
                                    nj_catalogue *catalogue, nj_error *err)
{
    nj_npy rows = *npy;
    nj_collision_outcome outcome;
    nj_collision_work work = {.options = &config->collisions,
                              .what = config->embeddings_path,
                              .codes = catalogue->codes,
                              .row_count = catalogue->sids.row_count,
                              .level_count = catalogue->codebooks.level_count,
                              .codebooks = &catalogue->codebooks,
                              .rows = {&rows, read_row}};
    memcpy(work.K, catalogue->codebooks.K, sizeof work.K);
    return nj_collisions_resolve(&work, &outcome, err);
}

// ---- the whole ----

// A catalogue with the codebooks' levels and, where asked for, the counter's. Takes the codebooks over on success.
static nj_status begin_catalogue(const nj_assign_config *config, const nj_npy *npy,
                                 owned_codebooks *codebooks, nj_catalogue **out, nj_error *err)
{
    uint32_t levels = codebooks->view.level_count;
    uint32_t counter_codes =
        nj_collisions_suffix_width(&config->collisions, codebooks->view.K[levels - 1]);
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
        catalogue->sids.codes_per_level[l] = l < levels ? codebooks->view.K[l] : counter_codes;
    }
    catalogue->has_suffix = L > levels;
    catalogue->codebooks = codebooks->view;
    catalogue->codebook_values = codebooks->values;
    codebooks->values = NULL;
    *out = catalogue;
    return NJ_OK;
}

static nj_status assign_opened(const nj_assign_config *config, const nj_catalogue_options *options,
                               const nj_npy *npy, owned_codebooks *codebooks,
                               nj_quant_error *out_error, nj_catalogue **out, nj_error *err)
{
    nj_catalogue *catalogue = NULL;
    nj_quant_error error = {0};
    nj_status status = check_embeddings(npy, config->codebooks_path, codebooks->view.D, err);
    if (status == NJ_OK) {
        status = begin_catalogue(config, npy, codebooks, &catalogue, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_apply(catalogue, options, err);
    }
    if (status == NJ_OK) {
        status = assign_codes(config, catalogue, npy, &error, err);
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
    nj_catalogue_free(&catalogue);
    return status;
}

nj_status nj_catalogue_assign(const nj_assign_config *config, const nj_catalogue_options *options,
                              nj_quant_error *out_error, nj_catalogue **out, nj_error *err)
{
    owned_codebooks codebooks = {0};
    nj_npy npy = {0};
    nj_status status = nj_npy_open(config->embeddings_path, &npy, err);
    if (status == NJ_OK) {
        status = load_codebooks(config->codebooks_path, &codebooks, err);
    }
    if (status == NJ_OK) {
        status = assign_opened(config, options, &npy, &codebooks, out_error, out, err);
    }
    free(codebooks.values);
    nj_npy_close(&npy);
    return status;
}
