// refresh_embeddings.c - codes of new items by the frozen codebooks, and what has become of the others' embeddings.
//
//   block of rows ─┬─ of new items ──► codes ──► collisions (every old SID is occupied)
//                  └─ of the others ─► codes that they would get tonight, against those that they keep: the drift
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/catalogue/refresh_parts.h"
#include "common/input/npy.h"

#define BLOCK_BYTES (16u << 20)

typedef struct {
    nj_refreshing *r;
    const nj_codebooks *codebooks;
    nj_npy npy;
    nj_encoder *encoder;
    nj_transformer *transformer; // NULL without a transform
    size_t D_in;
    size_t added;    // new rows that have codes
    float *others;   // [block, D_in] of the items that keep their SIDs; also one row for relocation
    uint32_t *lines; // [block] place in tonight's list of each of them
    uint16_t *codes; // [block, levels of the codebooks]
    float *transformed; // [D]
    double *meant;      // [D] what codes stand for
} embedding_pass;

// ---- opening ----

nj_status nj_refresh_open_rows(const nj_refreshing *r, size_t D, nj_npy *out, nj_error *err)
{
    nj_npy npy;
    nj_status status = nj_npy_open(r->config->embeddings_path, &npy, err);
    if (status != NJ_OK) {
        return status;
    }
    if (npy.dim_count != 2) {
        status = nj_fail(err, NJ_INPUT, "%s: %zu dimensions, embeddings have 2: [items, width]",
                         npy.path, npy.dim_count);
    } else if (npy.shape[1] != D) {
        status = nj_fail(err, NJ_INPUT, "%s: embeddings are %zu wide, the codebooks' are %zu",
                         npy.path, npy.shape[1], D);
    }
    if (status == NJ_OK) {
        *out = npy;
    } else {
        nj_npy_close(&npy);
    }
    return status;
}

size_t nj_refresh_block_rows(const nj_npy *npy)
{
    return nj_min_size(BLOCK_BYTES / (npy->shape[1] * sizeof(float)) + 1, npy->shape[0]);
}

static nj_status take_memory(embedding_pass *pass, nj_error *err)
{
    const size_t rows = nj_refresh_block_rows(&pass->npy);
    pass->others = malloc(rows * pass->D_in * sizeof *pass->others);
    pass->lines = malloc(rows * sizeof *pass->lines);
    pass->codes = malloc(rows * pass->codebooks->level_count * sizeof *pass->codes);
    pass->transformed = malloc(pass->codebooks->D * sizeof *pass->transformed);
    pass->meant = malloc(pass->codebooks->D * sizeof *pass->meant);
    if (pass->others == NULL || pass->lines == NULL || pass->codes == NULL ||
        pass->transformed == NULL || pass->meant == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", pass->npy.path);
    }
    return NJ_OK;
}

static nj_status open_pass(embedding_pass *pass, nj_error *err)
{
    const nj_catalogue *old = pass->r->old;
    if (old->codebooks.level_count == 0) {
        return nj_fail(err, NJ_INPUT,
                       "the catalogue has no codebooks, so embeddings give no SIDs: --sids would");
    }
    nj_status status = nj_encoder_new(&old->codebooks, &old->transform, pass->r->config->encoder,
                                      &pass->encoder, err);
    if (status == NJ_OK && !nj_transform_is_none(&old->transform)) {
        status = nj_transformer_new(&old->transform, &pass->transformer, err);
    }
    if (status == NJ_OK) {
        pass->D_in = nj_encoder_width(pass->encoder);
        status = nj_refresh_open_rows(pass->r, pass->D_in, &pass->npy, err);
    }
    return status == NJ_OK ? take_memory(pass, err) : status;
}

static void close_pass(embedding_pass *pass)
{
    nj_encoder_free(&pass->encoder);
    nj_transformer_free(&pass->transformer);
    nj_npy_close(&pass->npy);
    free(pass->others);
    free(pass->lines);
    free(pass->codes);
    free(pass->transformed);
    free(pass->meant);
}

// As the codebooks see it.
static const float *transform_row(embedding_pass *pass, const float *x)
{
    if (pass->transformer == NULL) {
        return x;
    }
    nj_transformer_apply(pass->transformer, x, 1, pass->transformed);
    return pass->transformed;
}

// ---- new items ----

// In place: rows of new items move to the front of `values`, the others to `others`.
static size_t part_block(embedding_pass *pass, size_t first, size_t count, float *values,
                         size_t *out_others)
{
    const size_t D = pass->D_in;
    size_t added = 0;
    size_t others = 0;
    for (size_t i = 0; i < count; i++) {
        const float *from = values + i * D;
        if (nj_refreshing_is_new(pass->r, first + i)) {
            memmove(values + added++ * D, from, D * sizeof *from);
        } else {
            pass->lines[others] = (uint32_t)(first + i);
            memcpy(pass->others + others++ * D, from, D * sizeof *from);
        }
    }
    *out_others = others;
    return added;
}

// New rows stand in the order of tonight's list, so those of a block are consecutive.
static nj_status encode_added(embedding_pass *pass, const float *values, size_t count,
                              nj_error *err)
{
    const uint32_t L = pass->r->old->sids.level_count;
    uint16_t *codes = pass->r->codes + (pass->r->report.old_count + pass->added) * L;
    pass->added += count;
    return nj_encoder_encode(pass->encoder, values, count, codes, L, NULL, err);
}

// For relocation: row counts from the first new one.
static nj_status read_added(void *context, uint32_t row, float *out, nj_error *err)
{
    embedding_pass *pass = context;
    const size_t line = pass->r->line_of[row];
    nj_status status =
        nj_npy_read_f32(&pass->npy, line * pass->D_in, pass->D_in, pass->others, err);
    if (status == NJ_OK) {
        memcpy(out, transform_row(pass, pass->others), pass->codebooks->D * sizeof *out);
    }
    return status;
}

static nj_status resolve_collisions(embedding_pass *pass, nj_error *err)
{
    nj_refreshing *r = pass->r;
    const nj_sids *sids = &r->old->sids;
    const uint32_t last = sids->level_count - 1;
    const nj_collision_options options = {.policy = r->old->has_suffix ? NJ_COLLISIONS_SUFFIX
                                                    : r->config->share ? NJ_COLLISIONS_LEAVES
                                                                       : NJ_COLLISIONS_RELOCATE,
                                          .suffix_codes =
                                              r->old->has_suffix ? sids->codes_per_level[last] : 0,
                                          .suffix_relocates = r->config->suffix_relocates};
    nj_collision_work work = {.options = &options,
                              .what = r->config->embeddings_path,
                              .codes = r->codes + (size_t)r->report.old_count * sids->level_count,
                              .row_count = r->report.added_count,
                              .level_count = pass->codebooks->level_count,
                              .occupied = r->codes,
                              .occupied_count = r->report.old_count,
                              .codebooks = pass->codebooks,
                              .rows = {pass, read_added}};
    memcpy(work.K, sids->codes_per_level, work.level_count * sizeof *work.K);
    return nj_collisions_resolve(&work, &r->report.collisions, err);
}

// ---- drift ----

// Hierarchical codes that lead to no node stand for nothing; a catalogue of another hand may have them.
static bool codes_mean_something(const nj_codebooks *codebooks, const uint16_t *codes)
{
    uint32_t node = 0;
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        if (codebooks->kind != NJ_QUANT_HIERARCHICAL) {
            continue;
        }
        const uint32_t *offset = codebooks->child_offset[l];
        if (codes[l] >= offset[node + 1] - offset[node]) {
            return false;
        }
        node = offset[node] + codes[l];
    }
    return true;
}

static double squared_error(embedding_pass *pass, const float *x, const uint16_t *codes)
{
    double sum = 0.0;
    nj_codebooks_decode(pass->codebooks, codes, pass->codebooks->level_count, pass->meant);
    for (size_t d = 0; d < pass->codebooks->D; d++) {
        const double difference = (double)x[d] - pass->meant[d];
        sum += difference * difference;
    }
    return sum;
}

static void compare_codes(embedding_pass *pass, const float *x, const uint16_t *published,
                          const uint16_t *tonight)
{
    nj_refresh_drift *drift = &pass->r->report.drift;
    uint32_t level = 0;
    while (level < pass->codebooks->level_count && published[level] == tonight[level]) {
        level++;
    }
    if (level == pass->codebooks->level_count) {
        return;
    }
    drift->moved_count++;
    drift->moved_at[level]++;
    if (codes_mean_something(pass->codebooks, published)) {
        x = transform_row(pass, x);
        drift->growth_sum += squared_error(pass, x, published) - squared_error(pass, x, tonight);
    }
}

static nj_status measure_drift(embedding_pass *pass, size_t count, nj_error *err)
{
    nj_refreshing *r = pass->r;
    const uint32_t levels = pass->codebooks->level_count;
    nj_status status = nj_encoder_encode(pass->encoder, pass->others, count, pass->codes, levels,
                                         &r->report.drift.best, err);
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        const size_t row = r->row_of[pass->lines[i]];
        compare_codes(pass, pass->others + i * pass->D_in,
                      r->codes + row * r->old->sids.level_count, pass->codes + i * levels);
    }
    r->report.drift.row_count += (uint32_t)count;
    return status;
}

// ---- the pass ----

static nj_status visit_block(void *context, size_t first, size_t count, float *values,
                             nj_error *err)
{
    embedding_pass *pass = context;
    size_t other_count;
    const size_t added_count = part_block(pass, first, count, values, &other_count);
    nj_status status = NJ_OK;
    if (added_count > 0) {
        status = encode_added(pass, values, added_count, err);
    }
    if (status == NJ_OK && pass->r->report.drift.measured && other_count > 0) {
        status = measure_drift(pass, other_count, err);
    }
    return status;
}

nj_status nj_refresh_visit_rows(nj_refreshing *r, const nj_npy *npy, nj_refresh_visit visit,
                                void *context, nj_error *err)
{
    const size_t N = npy->shape[0];
    const size_t D = npy->shape[1];
    const size_t block_rows = nj_refresh_block_rows(npy);
    float *values = malloc(block_rows * D * sizeof *values);
    if (values == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", npy->path);
    }
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update_u64(&digester, N);
    nj_digester_update_u64(&digester, D);
    nj_status status = NJ_OK;
    for (size_t row = 0; row < N && status == NJ_OK; row += block_rows) {
        const size_t count = nj_min_size(block_rows, N - row);
        status = nj_npy_read_f32(npy, row * D, count * D, values, err);
        if (status == NJ_OK) {
            nj_digester_update(&digester, values, count * D * sizeof *values);
            status = visit(context, row, count, values, err);
        }
        if (status == NJ_OK && r->config->progress != NULL) {
            r->config->progress(r->config->progress_context, row + count, N);
        }
    }
    r->embeddings_digest = nj_digester_final(&digester);
    r->report.same_embeddings = r->old->has_embeddings &&
                                nj_digest_equal(&r->embeddings_digest, &r->old->embeddings_digest);
    free(values);
    return status;
}

nj_status nj_refresh_from_embeddings(nj_refreshing *r, nj_error *err)
{
    embedding_pass pass = {.r = r, .codebooks = &r->old->codebooks};
    r->report.drift.measured = !r->config->without_drift;
    nj_status status = open_pass(&pass, err);
    if (status == NJ_OK) {
        status = nj_refresh_visit_rows(r, &pass.npy, visit_block, &pass, err);
    }
    if (status == NJ_OK && r->report.added_count > 0) {
        status = resolve_collisions(&pass, err);
    }
    close_pass(&pass);
    return status;
}
