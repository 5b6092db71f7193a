// refresh_embeddings.c - codes of new items by the frozen codebooks, and what has become of the others' embeddings.
//
//   rows of tonight ──► codes, one round ─┬─ of new items ──► collisions (every old SID is occupied)
//                                         └─ of the others ─► against those that they keep: the drift
//
// Without the drift nobody needs the others' codes: all rows are read and checked, and the few new ones encoded on this thread.
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/catalogue/embedding_rows.h"
#include "common/catalogue/encode_rows.h"
#include "common/catalogue/refresh_parts.h"
#include "common/cli/progress.h"

#define BLOCK_BYTES (16u << 20)

typedef struct {
    nj_refreshing *r;
    const nj_codebooks *codebooks;
    nj_npy npy;
    nj_embedding_rows rows; // one at a time
    nj_row_reader reader;   // of rows
    float *x;               // [D] a row as the codebooks see it
    double *meant;          // [D] what codes stand for
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

static nj_status open_pass(embedding_pass *pass, nj_error *err)
{
    const nj_catalogue *old = pass->r->old;
    if (old->codebooks.level_count == 0) {
        return nj_fail(err, NJ_INPUT,
                       "the catalogue has no codebooks, so embeddings give no SIDs: --sids would");
    }
    nj_status status =
        nj_refresh_open_rows(pass->r, nj_catalogue_embedding_width(old), &pass->npy, err);
    if (status == NJ_OK) {
        status = nj_embedding_rows_begin(&pass->rows, &pass->npy, &old->transform, err);
    }
    if (status == NJ_OK) {
        pass->reader = nj_embedding_rows_reader(&pass->rows);
        pass->x = malloc(pass->codebooks->D * sizeof *pass->x);
        pass->meant = malloc(pass->codebooks->D * sizeof *pass->meant);
        if (pass->x == NULL || pass->meant == NULL) {
            status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", pass->npy.path);
        }
    }
    return status;
}

static void close_pass(embedding_pass *pass)
{
    nj_embedding_rows_end(&pass->rows);
    nj_npy_close(&pass->npy);
    free(pass->x);
    free(pass->meant);
}

// ---- codes of all rows ----

static void note_digest(nj_refreshing *r, const nj_digest *digest)
{
    r->embeddings_digest = *digest;
    r->report.same_embeddings =
        r->old->has_embeddings && nj_digest_equal(digest, &r->old->embeddings_digest);
}

nj_status nj_refresh_encode(nj_refreshing *r, const nj_npy *npy, const nj_codebooks *codebooks,
                            const nj_transform *transform, uint16_t *codes,
                            nj_quant_error *out_error, nj_error *err)
{
    nj_digest digest;
    const nj_encode_job job = {.rows = npy,
                               .path = r->config->embeddings_path,
                               .codebooks = codebooks,
                               .transform = transform,
                               .executor = r->config->executor};
    nj_status status = nj_encode_rows(&job, codes, codebooks->level_count, out_error, &digest, err);
    if (status == NJ_OK) {
        note_digest(r, &digest);
    }
    return status;
}

// ---- collisions of the new items ----

// For relocation: row counts from the first new one.
static nj_status read_added(void *context, uint32_t row, float *out, nj_error *err)
{
    embedding_pass *pass = context;
    return pass->reader.read(pass->reader.context, pass->r->line_of[row], out, err);
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

static double squared_error(embedding_pass *pass, const uint16_t *codes)
{
    double sum = 0.0;
    nj_codebooks_decode(pass->codebooks, codes, pass->codebooks->level_count, pass->meant);
    for (size_t d = 0; d < pass->codebooks->D; d++) {
        const double difference = (double)pass->x[d] - pass->meant[d];
        sum += difference * difference;
    }
    return sum;
}

static nj_status compare_codes(embedding_pass *pass, uint32_t line, const uint16_t *published,
                               const uint16_t *tonight, nj_error *err)
{
    nj_refresh_drift *drift = &pass->r->report.drift;
    uint32_t level = 0;
    while (level < pass->codebooks->level_count && published[level] == tonight[level]) {
        level++;
    }
    drift->row_count++;
    if (level == pass->codebooks->level_count) {
        return NJ_OK;
    }
    drift->moved_count++;
    drift->moved_at[level]++;
    if (!codes_mean_something(pass->codebooks, published)) {
        return NJ_OK;
    }
    nj_status status = pass->reader.read(pass->reader.context, line, pass->x, err);
    if (status == NJ_OK) {
        drift->growth_sum += squared_error(pass, published) - squared_error(pass, tonight);
    }
    return status;
}

// ---- with the drift ----

static nj_status sort_codes(embedding_pass *pass, const uint16_t *codes, nj_error *err)
{
    nj_refreshing *r = pass->r;
    const uint32_t levels = pass->codebooks->level_count;
    nj_status status = NJ_OK;
    for (uint32_t line = 0; line < r->report.tonight_count && status == NJ_OK; line++) {
        const uint16_t *tonight = codes + (size_t)line * levels;
        uint16_t *own = r->codes + (size_t)r->row_of[line] * r->old->sids.level_count;
        if (nj_refreshing_is_new(r, line)) {
            memcpy(own, tonight, levels * sizeof *own);
        } else {
            status = compare_codes(pass, line, own, tonight, err);
        }
    }
    return status;
}

static nj_status encode_all(embedding_pass *pass, nj_error *err)
{
    nj_refreshing *r = pass->r;
    uint16_t *codes =
        malloc((size_t)r->report.tonight_count * pass->codebooks->level_count * sizeof *codes);
    if (codes == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for codes of %zu items", pass->npy.path,
                       pass->npy.shape[0]);
    }
    nj_status status = nj_refresh_encode(r, &pass->npy, pass->codebooks, &r->old->transform, codes,
                                         &r->report.drift.best, err);
    if (status == NJ_OK) {
        status = sort_codes(pass, codes, err);
    }
    free(codes);
    return status;
}

// ---- without the drift ----

typedef struct {
    embedding_pass *pass;
    nj_encoder *encoder;
    float *values; // [block, D_in]
    size_t added;  // new rows that have codes
    nj_digester digester;
} added_pass;

// New rows move to the front of the block and are encoded. They stand in the order of tonight's list, so those of a block are
// consecutive afterwards.
static nj_status encode_block(added_pass *a, size_t first, size_t count, nj_error *err)
{
    const nj_refreshing *r = a->pass->r;
    const size_t D = a->pass->npy.shape[1];
    const uint32_t L = r->old->sids.level_count;
    uint16_t *codes = r->codes + (r->report.old_count + a->added) * L;
    size_t added = 0;
    for (size_t i = 0; i < count; i++) {
        if (nj_refreshing_is_new(r, first + i)) {
            memmove(a->values + added++ * D, a->values + i * D, D * sizeof *a->values);
        }
    }
    a->added += added;
    return added == 0 ? NJ_OK
                      : nj_encoder_encode(a->encoder, a->values, added, codes, L, NULL, err);
}

static nj_status read_all(added_pass *a, size_t block_rows, nj_error *err)
{
    const nj_npy *npy = &a->pass->npy;
    const size_t N = npy->shape[0];
    const size_t D = npy->shape[1];
    nj_progress progress;
    nj_status status = NJ_OK;
    nj_digester_init(&a->digester);
    nj_digester_update_u64(&a->digester, N);
    nj_digester_update_u64(&a->digester, D);
    nj_progress_start(&progress, "items", N, 0, false, nj_clock_mono_ns());
    for (size_t row = 0; row < N && status == NJ_OK; row += block_rows) {
        const size_t count = nj_min_size(block_rows, N - row);
        status = nj_npy_read_f32(npy, row * D, count * D, a->values, err);
        if (status == NJ_OK) {
            nj_digester_update(&a->digester, a->values, count * D * sizeof *a->values);
            status = encode_block(a, row, count, err);
        }
        nj_progress_update(&progress, row + count, nj_clock_mono_ns());
    }
    nj_progress_finish(&progress);
    return status;
}

static nj_status encode_added(embedding_pass *pass, nj_error *err)
{
    const nj_catalogue *old = pass->r->old;
    const size_t D = pass->npy.shape[1];
    const size_t block_rows =
        nj_min_size(BLOCK_BYTES / (D * sizeof(float)) + 1, pass->npy.shape[0]);
    added_pass a = {.pass = pass, .values = malloc(block_rows * D * sizeof *a.values)};
    nj_status status = a.values != NULL
                           ? nj_encoder_new(&old->codebooks, &old->transform, NULL, &a.encoder, err)
                           : nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", pass->npy.path);
    if (status == NJ_OK) {
        status = read_all(&a, block_rows, err);
    }
    if (status == NJ_OK) {
        const nj_digest digest = nj_digester_final(&a.digester);
        note_digest(pass->r, &digest);
    }
    nj_encoder_free(&a.encoder);
    free(a.values);
    return status;
}

// ---- the whole ----

nj_status nj_refresh_from_embeddings(nj_refreshing *r, nj_error *err)
{
    embedding_pass pass = {.r = r, .codebooks = &r->old->codebooks};
    r->report.drift.measured = !r->config->without_drift;
    nj_status status = open_pass(&pass, err);
    if (status == NJ_OK) {
        status = r->report.drift.measured ? encode_all(&pass, err) : encode_added(&pass, err);
    }
    if (status == NJ_OK && r->report.added_count > 0) {
        status = resolve_collisions(&pass, err);
    }
    close_pass(&pass);
    return status;
}
