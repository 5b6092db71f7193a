// catalogue_fit_lloyd.c - the works of Lloyd's iteration: sums of a shard's rows by their nearest centroid, and codes.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/catalogue/catalogue_fit_step.h"

#define NAME_BYTES 32

typedef struct {
    nj_fit_step step;
    nj_fit_view view;
    nj_encoder *encoder;
    size_t level_stride; // codes a row that the encoder gives
    uint16_t *codes;     // [NJ_FIT_BLOCK_ROWS, level_stride]
    nj_kmeans_sums sums;
} lloyd_state;

static nj_status find_level(const nj_item_task *task, const char *what, uint32_t level,
                            size_t count, size_t value_bytes, const void **out, nj_error *err)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.%u", what, level);
    return nj_fit_section(task->sections, name, count, value_bytes, out, err);
}

// ---- the levels that are frozen ----

static nj_status check_codes(const uint16_t *codes, size_t N, uint32_t K, uint32_t level,
                             nj_error *err)
{
    for (size_t i = 0; i < N; i++) {
        if (codes[i] >= K) {
            return nj_fail(err, NJ_INPUT, "row %zu has code %u on level %u, which has %u", i,
                           codes[i], level, K);
        }
    }
    return NJ_OK;
}

static nj_status find_residual_levels(const nj_item_task *task, lloyd_state *state, nj_error *err)
{
    const nj_fit_step *step = &state->step;
    nj_status status = NJ_OK;
    for (uint32_t l = 0; l < step->level && status == NJ_OK; l++) {
        const void *vectors = NULL;
        const void *codes = NULL;
        status =
            find_level(task, "codebook", l, step->K[l] * step->D, sizeof(float), &vectors, err);
        if (status == NJ_OK) {
            status =
                find_level(task, "codes", l, task->rows.shape[0], sizeof(uint16_t), &codes, err);
        }
        if (status == NJ_OK) {
            status = check_codes(codes, task->rows.shape[0], step->K[l], l, err);
        }
        state->view.codebooks.vectors[l] = vectors;
        state->view.codes[l] = codes;
    }
    return status;
}

// Nodes of levels 0 .. level, each checked against the level above.
static nj_status find_nodes(const nj_item_task *task, const nj_fit_step *step,
                            nj_codebooks *codebooks, nj_error *err)
{
    size_t parents = 1;
    nj_status status = NJ_OK;
    for (uint32_t l = 0; l <= step->level && status == NJ_OK; l++) {
        const void *offsets = NULL;
        const void *vectors = NULL;
        status = find_level(task, "offsets", l, parents + 1, sizeof(uint32_t), &offsets, err);
        codebooks->child_offset[l] = offsets;
        if (status == NJ_OK) {
            parents = codebooks->child_offset[l][parents];
            status = parents > NJ_QUANT_ROWS_MAX
                         ? nj_fail(err, NJ_INPUT, "level %u has %zu nodes, the limit is %u", l,
                                   parents, NJ_QUANT_ROWS_MAX)
                         : find_level(task, "codebook", l, parents * step->D, sizeof(float),
                                      &vectors, err);
        }
        codebooks->vectors[l] = vectors;
    }
    return status;
}

// ---- opening ----

static nj_status open_encoder(const nj_item_task *task, lloyd_state *state, nj_error *err)
{
    const nj_fit_step *step = &state->step;
    const nj_encoder_options options = {.kernels = task->kernels};
    nj_codebooks codebooks = {.kind = NJ_QUANT_RESIDUAL, .level_count = 1, .D = state->view.stride};
    const void *centroids = NULL;
    codebooks.K[0] = step->K[step->level];
    nj_status status = nj_fit_section(task->sections, "centroids", codebooks.K[0] * codebooks.D,
                                      sizeof(float), &centroids, err);
    codebooks.vectors[0] = centroids;
    state->level_stride = 1;
    return status == NJ_OK ? nj_encoder_new(&codebooks, NULL, &options, &state->encoder, err)
                           : status;
}

// Codes of a hierarchical level: those of the whole walk, of which the last is kept.
static nj_status open_walk(const nj_item_task *task, lloyd_state *state, nj_error *err)
{
    const nj_fit_step *step = &state->step;
    const nj_encoder_options options = {.kernels = task->kernels};
    nj_codebooks codebooks = {
        .kind = NJ_QUANT_HIERARCHICAL, .level_count = step->level + 1, .D = step->D};
    memcpy(codebooks.K, step->K, sizeof codebooks.K);
    nj_status status = find_nodes(task, step, &codebooks, err);
    state->level_stride = step->level + 1;
    return status == NJ_OK ? nj_encoder_new(&codebooks, NULL, &options, &state->encoder, err)
                           : status;
}

static void close_lloyd(void *opened)
{
    lloyd_state *state = opened;
    if (state != NULL) {
        nj_encoder_free(&state->encoder);
        nj_fit_view_fini(&state->view);
        nj_kmeans_sums_fini(&state->sums);
        free(state->codes);
        free(state);
    }
}

static nj_status open_view(const nj_item_task *task, lloyd_state *state, nj_error *err)
{
    const nj_fit_step *step = &state->step;
    nj_transform transform;
    if (task->rows.shape[1] != step->D_in) {
        return nj_fail(err, NJ_INPUT, "rows are %zu wide, the step says %zu", task->rows.shape[1],
                       step->D_in);
    }
    state->view =
        (nj_fit_view){.npy = &task->rows, .codebooks = {.kind = step->kind, .D = step->D}};
    nj_status status =
        step->kind == NJ_QUANT_RESIDUAL ? find_residual_levels(task, state, err) : NJ_OK;
    if (status == NJ_OK) {
        status = nj_fit_transform_find(task->sections, step, &transform, err);
    }
    return status == NJ_OK ? nj_fit_view_init(&state->view, step, &transform, err) : status;
}

static nj_status open_state(const nj_item_task *task, bool walks, lloyd_state **out, nj_error *err)
{
    lloyd_state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a step of the fit");
    }
    nj_status status = nj_fit_step_unpack(task->parameters, &state->step, err);
    if (status == NJ_OK) {
        status = open_view(task, state, err);
    }
    if (status == NJ_OK) {
        status = walks && state->step.kind == NJ_QUANT_HIERARCHICAL
                     ? open_walk(task, state, err)
                     : open_encoder(task, state, err);
    }
    if (status == NJ_OK) {
        state->codes = malloc(NJ_FIT_BLOCK_ROWS * state->level_stride * sizeof *state->codes);
        status = state->codes != NULL ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory for codes");
    }
    if (status != NJ_OK) {
        close_lloyd(state);
        return status;
    }
    *out = state;
    return NJ_OK;
}

// Loads a block and finds its codes.
static nj_status encode_block(const nj_item_task *task, lloyd_state *state, size_t first,
                              size_t count, nj_error *err)
{
    nj_status status = nj_fit_view_load(&state->view, first, count, err);
    if (status == NJ_OK) {
        status = nj_encoder_encode(state->encoder, state->view.seen, count, state->codes,
                                   state->level_stride, NULL, err);
    }
    return status == NJ_OK ? nj_item_task_step(task, count, err) : status;
}

// ---- fit_lloyd ----

static nj_status open_lloyd(const nj_item_task *task, void **out_state, nj_error *err)
{
    lloyd_state *state = NULL;
    nj_status status = open_state(task, false, &state, err);
    if (status == NJ_OK) {
        status = nj_kmeans_sums_init(&state->sums, state->step.K[state->step.level],
                                     state->view.stride, err);
        if (status != NJ_OK) {
            close_lloyd(state);
            return status;
        }
        *out_state = state;
    }
    return status;
}

// Moves what codes have into the answer, and leaves the sums all zero.
static nj_status answer_sums(nj_kmeans_sums *sums, nj_buffer *answer, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t k = 0; k < sums->K; k++) {
        if (sums->counts[k] == 0) {
            continue;
        }
        uint64_t head[2] = {k, sums->counts[k]};
        double *sum = sums->sums + k * sums->D;
        status = status == NJ_OK ? nj_buffer_append(answer, head, sizeof head) : status;
        status =
            status == NJ_OK ? nj_buffer_append(answer, &sums->squares[k], sizeof(double)) : status;
        status = status == NJ_OK ? nj_buffer_append(answer, sum, sums->D * sizeof *sum) : status;
        sums->counts[k] = 0;
        sums->squares[k] = 0;
        memset(sum, 0, sums->D * sizeof *sum);
    }
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "no memory for the sums of %zu codes", sums->K);
}

static nj_status run_lloyd(const nj_item_task *task, void *opened, size_t first, size_t count,
                           nj_buffer *answer, nj_error *err)
{
    lloyd_state *state = opened;
    nj_status status = NJ_OK;
    for (size_t at = 0; at < count && status == NJ_OK; at += NJ_FIT_BLOCK_ROWS) {
        size_t rows = nj_min_size(NJ_FIT_BLOCK_ROWS, count - at);
        status = encode_block(task, state, first + at, rows, err);
        if (status == NJ_OK) {
            nj_kmeans_add(&state->sums, state->view.seen, rows, state->codes, 1);
        }
    }
    if (status != NJ_OK) {
        nj_kmeans_sums_clear(&state->sums);
        return status;
    }
    return answer_sums(&state->sums, answer, err);
}

typedef struct {
    uint64_t code;
    uint64_t count;
    double square;
} entry_head;

static const char *find_entry_problem(const uint8_t *entry, size_t width, uint64_t code_first,
                                      uint64_t K, entry_head *out)
{
    double value;
    memcpy(out, entry, sizeof *out);
    if (out->code < code_first || out->code >= K) {
        return "has codes that do not ascend, or are beyond K";
    }
    if (out->count == 0 || !(out->square >= 0) || !isfinite(out->square)) {
        return "has a code without rows, or a square that is no number";
    }
    for (size_t d = 0; d < width; d++) {
        memcpy(&value, entry + sizeof *out + d * sizeof value, sizeof value);
        if (!isfinite(value)) {
            return "has a sum that is no number";
        }
    }
    return NULL;
}

static size_t find_width(const nj_fit_step *step)
{
    size_t width = step->D;
    if (step->kind == NJ_QUANT_PRODUCT) {
        width = nj_quant_part_first(step->D, step->level_count, step->level + 1) -
                nj_quant_part_first(step->D, step->level_count, step->level);
    }
    return width + (step->priced ? 1 : 0);
}

static const char *find_lloyd_problem(const nj_item_task *task, size_t count, nj_slice answer)
{
    nj_fit_step step;
    if (nj_fit_step_unpack(task->parameters, &step, NULL) != NJ_OK) {
        return "is for parameters that are no step of a fit";
    }
    const size_t width = find_width(&step);
    const size_t bytes = nj_fit_lloyd_entry_bytes(width);
    if (answer.size % bytes != 0) {
        return "is cut";
    }
    uint64_t code_first = 0;
    uint64_t rows = 0;
    for (size_t at = 0; at < answer.size; at += bytes) {
        entry_head head;
        const char *problem = find_entry_problem((const uint8_t *)answer.bytes + at, width,
                                                 code_first, step.K[step.level], &head);
        if (problem != NULL) {
            return problem;
        }
        if (head.count > count - rows) {
            return "has more rows than its shard";
        }
        code_first = head.code + 1;
        rows += head.count;
    }
    return rows == count ? NULL : "has fewer rows than its shard";
}

const nj_item_work nj_item_work_fit_lloyd = {.name = "fit_lloyd",
                                             .open = open_lloyd,
                                             .run = run_lloyd,
                                             .close = close_lloyd,
                                             .find_problem = find_lloyd_problem};

nj_status nj_fit_lloyd_merge(nj_slice answer, nj_kmeans_sums *sums, nj_error *err)
{
    const size_t bytes = nj_fit_lloyd_entry_bytes(sums->D);
    if (answer.size % bytes != 0) {
        return nj_fail(err, NJ_INPUT, "the sums of a shard have %zu bytes, no multiple of %zu",
                       answer.size, bytes);
    }
    for (size_t at = 0; at < answer.size; at += bytes) {
        entry_head head;
        memcpy(&head, answer.bytes + at, sizeof head);
        if (head.code >= sums->K) {
            return nj_fail(err, NJ_INPUT, "the sums of a shard name code %zu of %zu",
                           (size_t)head.code, sums->K);
        }
        sums->counts[head.code] += head.count;
        sums->squares[head.code] += head.square;
        double *sum = sums->sums + head.code * sums->D;
        const char *from = answer.bytes + at + sizeof head;
        for (size_t d = 0; d < sums->D; d++) {
            double value;
            memcpy(&value, from + d * sizeof value, sizeof value);
            sum[d] += value;
        }
    }
    return NJ_OK;
}

// ---- fit_codes ----

static nj_status open_codes(const nj_item_task *task, void **out_state, nj_error *err)
{
    lloyd_state *state = NULL;
    nj_status status = open_state(task, true, &state, err);
    *out_state = state;
    return status;
}

static nj_status run_codes(const nj_item_task *task, void *opened, size_t first, size_t count,
                           nj_buffer *answer, nj_error *err)
{
    lloyd_state *state = opened;
    nj_status status = NJ_OK;
    for (size_t at = 0; at < count && status == NJ_OK; at += NJ_FIT_BLOCK_ROWS) {
        size_t rows = nj_min_size(NJ_FIT_BLOCK_ROWS, count - at);
        status = encode_block(task, state, first + at, rows, err);
        for (size_t i = 1; i <= rows && status == NJ_OK; i++) {
            const uint16_t *code = &state->codes[i * state->level_stride - 1];
            status = nj_buffer_append(answer, code, sizeof *code);
            if (status != NJ_OK) {
                status = nj_fail(err, status, "no memory for the codes of %zu rows", count);
            }
        }
    }
    return status;
}

static const char *find_codes_problem(const nj_item_task *task, size_t count, nj_slice answer)
{
    nj_fit_step step;
    if (nj_fit_step_unpack(task->parameters, &step, NULL) != NJ_OK) {
        return "is for parameters that are no step of a fit";
    }
    if (answer.size != count * sizeof(uint16_t)) {
        return "has not one code a row";
    }
    for (size_t i = 0; i < count; i++) {
        uint16_t code;
        memcpy(&code, answer.bytes + i * sizeof code, sizeof code);
        if (code >= step.K[step.level]) {
            return "has a code beyond K";
        }
    }
    return NULL;
}

const nj_item_work nj_item_work_fit_codes = {.name = "fit_codes",
                                             .open = open_codes,
                                             .run = run_codes,
                                             .close = close_lloyd,
                                             .find_problem = find_codes_problem};
