// encode_work.c - what a shard of rows is asked for: its codes, and how much of the rows they leave.
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/catalogue/encode_parts.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "answers are written as they are in memory");

#define BLOCK_BYTES (4u << 20) // rows at a time: between two steps, and in the cache

typedef struct {
    nj_encode_model model;
    nj_encoder *encoder; // owned
    size_t block_rows;
    float *x;        // [block_rows, D_in] owned
    uint16_t *codes; // [block_rows, L] owned
} state;

static void close_state(void *argument)
{
    state *s = argument;
    if (s == NULL) {
        return;
    }
    nj_encoder_free(&s->encoder);
    free(s->x);
    free(s->codes);
    free(s);
}

static nj_status open_encoder(const nj_item_task *task, state *s, nj_error *err)
{
    // The fastest kernels of this machine, whatever the task has: codes do not depend on them.
    const nj_encoder_options options = {.beam = s->model.beam};
    const size_t D = task->rows.shape[1];
    nj_status status =
        nj_encoder_new(&s->model.codebooks, &s->model.transform, &options, &s->encoder, err);
    if (status != NJ_OK) {
        return status;
    }
    if (nj_encoder_width(s->encoder) != D) {
        return nj_fail(err, NJ_INPUT, "%s: rows are %zu wide, the codebooks are for %zu",
                       task->rows.path, D, nj_encoder_width(s->encoder));
    }
    s->block_rows = nj_max_size(BLOCK_BYTES / (D * sizeof *s->x), 1);
    s->x = malloc(s->block_rows * D * sizeof *s->x);
    s->codes = malloc(s->block_rows * s->model.codebooks.level_count * sizeof *s->codes);
    return s->x != NULL && s->codes != NULL
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", task->rows.path);
}

static nj_status open_state(const nj_item_task *task, void **out_state, nj_error *err)
{
    state *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to encode");
    }
    nj_status status = nj_encode_model_read(task, &s->model, err);
    if (status == NJ_OK) {
        status = open_encoder(task, s, err);
    }
    if (status == NJ_OK) {
        *out_state = s;
        s = NULL;
    }
    close_state(s);
    return status;
}

static nj_status encode_block(const nj_item_task *task, state *s, size_t first, size_t count,
                              nj_quant_error *error, nj_buffer *answer, nj_error *err)
{
    const size_t D = task->rows.shape[1];
    const size_t L = s->model.codebooks.level_count;
    nj_status status = nj_npy_read_f32(&task->rows, first * D, count * D, s->x, err);
    if (status == NJ_OK) {
        status = nj_encoder_encode(s->encoder, s->x, count, s->codes, L, error, err);
        if (status != NJ_OK) { // it counts from the rows that it was given
            nj_error_prefix(err, "%s: behind row %zu", task->rows.path, first);
        }
    }
    if (status == NJ_OK &&
        nj_buffer_append(answer, s->codes, count * L * sizeof *s->codes) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for the codes of %zu rows", count);
    }
    return status == NJ_OK ? nj_item_task_step(task, count, err) : status;
}

static nj_status encode_shard(const nj_item_task *task, void *argument, size_t first, size_t count,
                              nj_buffer *answer, nj_error *err)
{
    state *s = argument;
    nj_quant_error error = {0};
    const size_t sum_bytes = s->model.codebooks.level_count * sizeof error.squared_sum[0];
    nj_status status = nj_buffer_append(answer, error.squared_sum, sum_bytes);
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for the codes of %zu rows", count);
    }
    for (size_t done = 0; done < count && status == NJ_OK; done += s->block_rows) {
        const size_t rows = nj_min_size(s->block_rows, count - done);
        status = encode_block(task, s, first + done, rows, &error, answer, err);
    }
    if (status == NJ_OK) {
        memcpy(answer->bytes, error.squared_sum, sum_bytes);
    }
    return status;
}

// Whether the codes of a row are a path through the codebooks.
static bool is_path(const nj_codebooks *codebooks, const uint16_t *codes)
{
    uint32_t node = 0;
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        if (codes[l] >= codebooks->K[l]) {
            return false;
        }
        if (codebooks->kind == NJ_QUANT_HIERARCHICAL) {
            const uint32_t *offset = codebooks->child_offset[l];
            if (codes[l] >= offset[node + 1] - offset[node]) {
                return false;
            }
            node = offset[node] + codes[l];
        }
    }
    return true;
}

static const char *find_problem(const nj_item_task *task, size_t count, nj_slice answer)
{
    nj_encode_model model;
    uint16_t codes[NJ_QUANT_LEVELS_MAX];
    if (nj_encode_model_read(task, &model, NULL) != NJ_OK) {
        return "the round's own sections do not fit";
    }
    const size_t L = model.codebooks.level_count;
    const size_t sum_bytes = L * sizeof(double);
    if (answer.size != sum_bytes + count * L * sizeof *codes) {
        return "the codes have another size";
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(codes, answer.bytes + sum_bytes + i * L * sizeof *codes, L * sizeof *codes);
        if (!is_path(&model.codebooks, codes)) {
            return "a row has a code that the codebooks do not have";
        }
    }
    return NULL;
}

const nj_item_work nj_item_work_encode_rows = {.name = "encode_rows",
                                               .open = open_state,
                                               .run = encode_shard,
                                               .close = close_state,
                                               .find_problem = find_problem};
