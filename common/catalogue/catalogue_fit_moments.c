// catalogue_fit_moments.c - the works that come before k-means: range, sums and digest of the rows; variances; products of columns.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/digest.h"
#include "common/catalogue/catalogue_fit_step.h"

typedef struct {
    nj_fit_step step;
    nj_transform transform;    // mean and scale alone
    const nj_kernels *kernels; // exact, whatever the task has: products are part of the answer
    float *x;                  // [NJ_FIT_BLOCK_ROWS, D_in]
    float *low;                // [D_in]
    float *high;               // [D_in]
    double *sums;              // [D_in], or [count, D_in]
    float *columns;            // [D_in, NJ_FIT_BLOCK_ROWS] the block, transposed; products only
    float *products;           // [count, D_in] of one block; products only
} moments_state;

static void close_moments(void *opened)
{
    moments_state *state = opened;
    if (state != NULL) {
        free(state->x);
        free(state->low);
        free(state->high);
        free(state->sums);
        free(state->columns);
        free(state->products);
        free(state);
    }
}

static nj_status open_moments(const nj_item_task *task, size_t sum_rows, moments_state **out,
                              nj_error *err)
{
    moments_state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a step of the fit");
    }
    nj_status status = nj_fit_step_unpack(task->parameters, &state->step, err);
    const size_t D_in = state->step.D_in;
    if (status == NJ_OK && task->rows.shape[1] != D_in) {
        status = nj_fail(err, NJ_INPUT, "rows are %zu wide, the step says %zu", task->rows.shape[1],
                         D_in);
    }
    if (status == NJ_OK) {
        nj_fit_step plain = state->step;
        plain.D = D_in; // these works run before there is a matrix
        status = nj_fit_transform_find(task->sections, &plain, &state->transform, err);
    }
    if (status == NJ_OK) {
        state->x = malloc(NJ_FIT_BLOCK_ROWS * D_in * sizeof *state->x);
        state->low = malloc(D_in * sizeof *state->low);
        state->high = malloc(D_in * sizeof *state->high);
        state->sums =
            malloc((sum_rows > 0 ? sum_rows : state->step.count) * D_in * sizeof *state->sums);
        if (state->x == NULL || state->low == NULL || state->high == NULL || state->sums == NULL) {
            status = nj_fail(err, NJ_NO_MEMORY, "no memory for moments of width %zu", D_in);
        }
    }
    if (status != NJ_OK) {
        close_moments(state);
        return status;
    }
    *out = state;
    return NJ_OK;
}

static nj_status open_columns(const nj_item_task *task, void **out_state, nj_error *err)
{
    moments_state *state = NULL;
    nj_status status = open_moments(task, 1, &state, err);
    *out_state = state;
    return status;
}

static nj_status append_all(nj_buffer *answer, const void *const *parts, const size_t *sizes,
                            size_t part_count, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; i < part_count && status == NJ_OK; i++) {
        status = nj_buffer_append(answer, parts[i], sizes[i]);
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for the moments of a shard");
}

static const char *find_float64_problem(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double value;
        memcpy(&value, bytes + i * sizeof value, sizeof value);
        if (!isfinite(value)) {
            return "has a sum that is no number";
        }
    }
    return NULL;
}

// ---- fit_range ----

static void add_range(moments_state *state, size_t rows)
{
    const size_t D = state->step.D_in;
    for (size_t i = 0; i < rows; i++) {
        const float *x = state->x + i * D;
        for (size_t d = 0; d < D; d++) {
            state->low[d] = x[d] < state->low[d] ? x[d] : state->low[d];
            state->high[d] = x[d] > state->high[d] ? x[d] : state->high[d];
            state->sums[d] += (double)x[d];
        }
    }
}

static nj_status run_range(const nj_item_task *task, void *opened, size_t first, size_t count,
                           nj_buffer *answer, nj_error *err)
{
    moments_state *state = opened;
    const size_t D = state->step.D_in;
    nj_digester digester;
    nj_digester_init(&digester);
    memset(state->sums, 0, D * sizeof *state->sums);
    for (size_t d = 0; d < D; d++) {
        state->low[d] = INFINITY;
        state->high[d] = -INFINITY;
    }
    nj_status status = NJ_OK;
    for (size_t at = 0; at < count && status == NJ_OK; at += NJ_FIT_BLOCK_ROWS) {
        size_t rows = nj_min_size(NJ_FIT_BLOCK_ROWS, count - at);
        status = nj_npy_read_f32(&task->rows, (first + at) * D, rows * D, state->x, err);
        if (status == NJ_OK) {
            nj_digester_update(&digester, state->x, rows * D * sizeof *state->x);
            add_range(state, rows);
            status = nj_item_task_step(task, rows, err);
        }
    }
    if (status != NJ_OK) {
        return status;
    }
    const nj_digest digest = nj_digester_final(&digester);
    const void *const parts[] = {state->low, state->high, state->sums, digest.bytes};
    const size_t sizes[] = {D * sizeof(float), D * sizeof(float), D * sizeof(double),
                            sizeof digest.bytes};
    return append_all(answer, parts, sizes, 4, err);
}

static const char *find_range_problem(const nj_item_task *task, size_t count, nj_slice answer)
{
    (void)count;
    nj_fit_step step;
    if (nj_fit_step_unpack(task->parameters, &step, NULL) != NJ_OK) {
        return "is for parameters that are no step of a fit";
    }
    if (answer.size != step.D_in * 16 + NJ_DIGEST_BYTES) {
        return "has another size than a range of its width";
    }
    for (size_t i = 0; i < 2 * step.D_in; i++) {
        float value;
        memcpy(&value, answer.bytes + i * sizeof value, sizeof value);
        if (!isfinite(value)) {
            return "has a range that is no number";
        }
    }
    return find_float64_problem(answer.bytes + step.D_in * 8, step.D_in);
}

const nj_item_work nj_item_work_fit_range = {.name = "fit_range",
                                             .open = open_columns,
                                             .run = run_range,
                                             .close = close_moments,
                                             .find_problem = find_range_problem};

// ---- fit_variance ----

static nj_status open_variance(const nj_item_task *task, void **out_state, nj_error *err)
{
    moments_state *state = NULL;
    nj_status status = open_moments(task, 1, &state, err);
    if (status == NJ_OK && state->transform.mean == NULL) {
        close_moments(state);
        return nj_fail(err, NJ_INPUT, "a step of the fit has no section \"mean\"");
    }
    *out_state = state;
    return status;
}

static nj_status run_variance(const nj_item_task *task, void *opened, size_t first, size_t count,
                              nj_buffer *answer, nj_error *err)
{
    moments_state *state = opened;
    const size_t D = state->step.D_in;
    memset(state->sums, 0, D * sizeof *state->sums);
    nj_status status = NJ_OK;
    for (size_t at = 0; at < count && status == NJ_OK; at += NJ_FIT_BLOCK_ROWS) {
        size_t rows = nj_min_size(NJ_FIT_BLOCK_ROWS, count - at);
        status = nj_npy_read_f32(&task->rows, (first + at) * D, rows * D, state->x, err);
        for (size_t i = 0; i < rows && status == NJ_OK; i++) {
            for (size_t d = 0; d < D; d++) {
                double difference = (double)state->x[i * D + d] - (double)state->transform.mean[d];
                state->sums[d] += difference * difference;
            }
        }
        status = status == NJ_OK ? nj_item_task_step(task, rows, err) : status;
    }
    const void *const parts[] = {state->sums};
    const size_t sizes[] = {D * sizeof(double)};
    return status == NJ_OK ? append_all(answer, parts, sizes, 1, err) : status;
}

static const char *find_variance_problem(const nj_item_task *task, size_t count, nj_slice answer)
{
    (void)count;
    nj_fit_step step;
    if (nj_fit_step_unpack(task->parameters, &step, NULL) != NJ_OK) {
        return "is for parameters that are no step of a fit";
    }
    return answer.size != step.D_in * sizeof(double)
               ? "has not one sum a column"
               : find_float64_problem(answer.bytes, step.D_in);
}

const nj_item_work nj_item_work_fit_variance = {.name = "fit_variance",
                                                .open = open_variance,
                                                .run = run_variance,
                                                .close = close_moments,
                                                .find_problem = find_variance_problem};

// ---- fit_products ----

static nj_status open_products(const nj_item_task *task, void **out_state, nj_error *err)
{
    moments_state *state = NULL;
    nj_status status = open_moments(task, 0, &state, err);
    if (status != NJ_OK) {
        return status;
    }
    const nj_fit_step *step = &state->step;
    state->columns = malloc(step->D_in * NJ_FIT_BLOCK_ROWS * sizeof *state->columns);
    state->products = malloc(nj_max_size(step->count, 1) * step->D_in * sizeof *state->products);
    status = state->columns != NULL && state->products != NULL
                 ? nj_kernels_select("auto", &state->kernels, err)
                 : nj_fail(err, NJ_NO_MEMORY, "no memory for products of width %zu", step->D_in);
    if (status != NJ_OK) {
        close_moments(state);
        return status;
    }
    *out_state = state;
    return NJ_OK;
}

// A block of z = (x - mean) * scale, transposed; columns behind `rows` are 0.
static void transpose_block(moments_state *state, size_t rows)
{
    const size_t D = state->step.D_in;
    for (size_t d = 0; d < D; d++) {
        const float mean = state->transform.mean != NULL ? state->transform.mean[d] : 0;
        const float scale = state->transform.scale != NULL ? state->transform.scale[d] : 1;
        float *column = state->columns + d * NJ_FIT_BLOCK_ROWS;
        for (size_t i = 0; i < NJ_FIT_BLOCK_ROWS; i++) {
            column[i] = i < rows ? (state->x[i * D + d] - mean) * scale : 0;
        }
    }
}

// The products of a block are float32 (at most NJ_FIT_BLOCK_ROWS terms, by the exact kernels), their sums float64.
static void add_products(moments_state *state)
{
    const size_t D = state->step.D_in;
    const size_t count = state->step.count;
    state->kernels->matmul_nt(
        count, D, NJ_FIT_BLOCK_ROWS, state->columns + state->step.first * NJ_FIT_BLOCK_ROWS,
        NJ_FIT_BLOCK_ROWS, state->columns, NJ_FIT_BLOCK_ROWS, state->products, D);
    for (size_t i = 0; i < count * D; i++) {
        state->sums[i] += (double)state->products[i];
    }
}

static nj_status run_products(const nj_item_task *task, void *opened, size_t first, size_t count,
                              nj_buffer *answer, nj_error *err)
{
    moments_state *state = opened;
    const size_t D = state->step.D_in;
    const size_t bytes = state->step.count * D * sizeof *state->sums;
    memset(state->sums, 0, bytes);
    nj_status status = NJ_OK;
    for (size_t at = 0; at < count && status == NJ_OK; at += NJ_FIT_BLOCK_ROWS) {
        size_t rows = nj_min_size(NJ_FIT_BLOCK_ROWS, count - at);
        status = nj_npy_read_f32(&task->rows, (first + at) * D, rows * D, state->x, err);
        if (status == NJ_OK) {
            transpose_block(state, rows);
            add_products(state);
            status = nj_item_task_step(task, rows, err);
        }
    }
    const void *const parts[] = {state->sums};
    return status == NJ_OK ? append_all(answer, parts, &bytes, 1, err) : status;
}

static const char *find_products_problem(const nj_item_task *task, size_t count, nj_slice answer)
{
    (void)count;
    nj_fit_step step;
    if (nj_fit_step_unpack(task->parameters, &step, NULL) != NJ_OK) {
        return "is for parameters that are no step of a fit";
    }
    return answer.size != step.count * step.D_in * sizeof(double)
               ? "has not one product a row and column"
               : find_float64_problem(answer.bytes, step.count * step.D_in);
}

const nj_item_work nj_item_work_fit_products = {.name = "fit_products",
                                                .open = open_products,
                                                .run = run_products,
                                                .close = close_moments,
                                                .find_problem = find_products_problem};
