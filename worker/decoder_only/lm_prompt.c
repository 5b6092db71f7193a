#include <assert.h>
#include <string.h>

#include "worker/decoder_only/lm_internal.h"

// Keys of rows [r, end) of those from `first` on become columns: few rows, so that a column's writes meet in one cache line.
static void turn_keys(const nj_lm *model, const nj_lm_cache *cache, size_t first, size_t r,
                      size_t end, size_t position)
{
    const size_t width = nj_lm_key_width(&model->config);
    const float *keys = model->batch.k + first * model->HE_row;
    for (size_t i = 0; i < width; i++) {
        float *column = cache->keys + i * cache->columns + position;
        for (size_t t = r; t < end; t++) {
            column[t] = keys[t * model->HE_row + i];
        }
    }
}

// Keys of rows [first, first + rows) of the chunk become columns from `position` on, values rows.
static void keep_keys(const nj_lm *model, const nj_lm_cache *cache, size_t first, size_t rows,
                      size_t position)
{
    const nj_lm_batch *batch = &model->batch;
    const size_t width = nj_lm_key_width(&model->config);
    for (size_t r = 0; r < rows; r += NJ_LM_COLUMNS) {
        const size_t end = nj_min_size(r + NJ_LM_COLUMNS, rows);
        turn_keys(model, cache, first, r, end, position);
    }
    for (size_t r = 0; r < rows; r++) {
        memcpy(cache->values + (position + r) * width, batch->v + (first + r) * model->HE_row,
               width * sizeof(float));
    }
}

// A run of a chunk's rows that belong to one user: rows [first, first + rows), his tokens from `position` on, the prefix aside.
typedef struct {
    uint32_t user;
    size_t first;
    size_t rows;
    size_t position;
} user_run;

static user_run find_run(const nj_lm_batch *batch, size_t first, size_t rows, size_t prefix)
{
    user_run run = {.user = batch->row_user[first],
                    .first = first,
                    .position = batch->row_position[first] - prefix};
    while (first + run.rows < rows && batch->row_user[first + run.rows] == run.user) {
        run.rows++;
    }
    return run;
}

// Users' keys and values of one layer, from the chunk's rows; with `attend` the rows look at them too.
static void keep_users(nj_lm *model, size_t layer, size_t rows, bool attend)
{
    const size_t prefix = model->prefix_count;
    user_run run;
    for (size_t first = 0; first < rows; first += run.rows) {
        run = find_run(&model->batch, first, rows, prefix);
        nj_lm_sight sight = {.prefix = nj_lm_prefix_cache(model, layer),
                             .prefix_count = (uint32_t)prefix,
                             .own = nj_lm_prompt_cache(model, layer, run.user),
                             .own_count = (uint32_t)(run.position + run.rows),
                             .causal = true};
        keep_keys(model, &sight.own, run.first, run.rows, run.position);
        if (attend) {
            nj_lm_attend(model, &sight, run.first, run.rows);
        }
    }
}

// Of the chunk's rows those that are a prompt's last move to the front, in batch.x and batch.normed. Returns how many.
static size_t gather_last(nj_lm *model, size_t rows)
{
    nj_lm_batch *batch = &model->batch;
    const size_t D = model->config.D;
    size_t count = 0;
    for (size_t r = 0; r < rows; r++) {
        const uint32_t b = batch->row_user[r];
        const size_t S = batch->offset[b + 1] - batch->offset[b];
        if (batch->row_position[r] != model->prefix_count + S - 1) {
            continue;
        }
        if (count < r) {
            memcpy(batch->x + count * model->D_row, batch->x + r * model->D_row, D * sizeof(float));
            memcpy(batch->normed + count * model->D_row, batch->normed + r * model->D_row,
                   D * sizeof(float));
            batch->row_user[count] = b;
            batch->row_position[count] = batch->row_position[r];
        }
        count++;
    }
    return count;
}

// Of the last layer nobody reads more than keys, values and the state behind each prompt's last token.
static void run_last_layer(nj_lm *model, size_t rows)
{
    const size_t l = model->config.layers - 1;
    nj_lm_batch *batch = &model->batch;
    nj_lm_project_keys(model, &model->layers[l], rows);
    keep_users(model, l, rows, false);
    const size_t count = gather_last(model, rows);
    nj_lm_project_queries(model, &model->layers[l], count);
    for (size_t i = 0; i < count; i++) {
        const uint32_t b = batch->row_user[i];
        const nj_lm_sight sight = {.prefix = nj_lm_prefix_cache(model, l),
                                   .prefix_count = model->prefix_count,
                                   .own = nj_lm_prompt_cache(model, l, b),
                                   .own_count = batch->offset[b + 1] - batch->offset[b]};
        nj_lm_attend(model, &sight, i, 1);
    }
    nj_lm_finish_layer(model, &model->layers[l], count);
    for (size_t i = 0; i < count; i++) {
        memcpy(batch->behind + batch->row_user[i] * (size_t)model->config.D,
               batch->x + i * model->D_row, model->config.D * sizeof(float));
    }
}

static void run_layers(nj_lm *model, size_t rows)
{
    for (size_t l = 0; l + 1 < model->config.layers; l++) {
        nj_lm_project(model, &model->layers[l], rows);
        keep_users(model, l, rows, true);
        nj_lm_finish_layer(model, &model->layers[l], rows);
    }
    run_last_layer(model, rows);
}

// Tokens [first, first + rows) of the batch, whose users are walked along.
static void run_chunk(nj_lm *model, const uint32_t *tokens, size_t first, size_t rows,
                      uint32_t *user)
{
    nj_lm_batch *batch = &model->batch;
    for (size_t r = 0; r < rows; r++) {
        while (first + r >= batch->offset[*user + 1]) {
            ++*user;
        }
        batch->row_user[r] = *user;
        batch->row_position[r] = model->prefix_count + (uint32_t)(first + r - batch->offset[*user]);
    }
    nj_lm_embed(model, tokens + first, rows);
    run_layers(model, rows);
}

static void run_prompts(nj_lm *model, const uint32_t *tokens)
{
    const nj_lm_batch *batch = &model->batch;
    const size_t count = batch->offset[batch->B];
    uint32_t user = 0;
    size_t rows;
    for (size_t first = 0; first < count; first += rows) {
        rows = nj_min_size(batch->limits.chunk_rows_max, count - first);
        run_chunk(model, tokens, first, rows, &user);
    }
}

static void check_batch(const nj_lm *model, const nj_model_limits *limits, const uint32_t *offset,
                        uint32_t B)
{
    assert(B <= limits->users_max && offset[0] == 0 && offset[B] <= limits->tokens_max);
    assert(limits->steps_max >= 1 && limits->steps_max <= NJ_MODEL_STEPS_MAX);
    assert(limits->chunk_rows_max >= 1);
    assert(model->prefix_count + limits->sequence_max + limits->steps_max - 1 <=
           model->position_max);
    for (uint32_t b = 0; b < B; b++) {
        assert(offset[b + 1] > offset[b]);
        assert(offset[b + 1] - offset[b] <= limits->sequence_max);
    }
}

// Keys are read in whole registers of columns: those behind a user's last are 0.
static void clear_columns(nj_lm_batch *batch, const nj_lm_config *config)
{
    const size_t columns = nj_lm_columns_max(batch->limits.tokens_max, batch->limits.users_max);
    const size_t floats = columns * nj_lm_key_width(config);
    for (size_t l = 0; l < config->layers; l++) {
        memset(batch->keys + l * floats, 0,
               batch->column[batch->B] * nj_lm_key_width(config) * sizeof(float));
    }
}

// batch.limits, B and is_prefix are there.
static void read_prompts(nj_lm *model, const uint32_t *tokens, const uint32_t *offset,
                         nj_arena *arena)
{
    nj_lm_batch *batch = &model->batch;
    nj_claim claim = {.arena = arena};
    nj_lm_claim_batch(model, &claim);
    memcpy(batch->offset, offset, ((size_t)batch->B + 1) * sizeof *offset);
    batch->column[0] = 0;
    for (uint32_t b = 0; b < batch->B; b++) {
        batch->column[b + 1] =
            batch->column[b] + (uint32_t)nj_lm_columns(offset[b + 1] - offset[b]);
    }
    clear_columns(batch, &model->config);
    run_prompts(model, tokens);
}

void nj_lm_begin_batch(nj_lm *model, const nj_model_limits *limits, const uint32_t *tokens,
                       const uint32_t *offset, uint32_t B, nj_arena *arena)
{
    check_batch(model, limits, offset, B);
    model->batch = (nj_lm_batch){.limits = *limits, .B = B};
    read_prompts(model, tokens, offset, arena);
}

// ---- the prefix ----

// The prefix is a prompt of one user of a model that has no prefix; what its batch keeps of it is the model's own. The scratch is that of
// few rows, less than any batch of users takes: a plan of both is not exceeded while a model is opened.
nj_status nj_lm_fill_prefix(nj_lm *model, const uint32_t *tokens, nj_error *err)
{
    const uint32_t count = model->prefix_count;
    if (count == 0) {
        return NJ_OK;
    }
    const nj_lm_batch batch = {.limits = {.users_max = 1,
                                          .tokens_max = count,
                                          .sequence_max = count,
                                          .rows_max = 1,
                                          .chunk_rows_max = 64,
                                          .steps_max = 1},
                               .B = 1,
                               .is_prefix = true};
    const uint32_t offset[] = {0, count};
    nj_claim plan = {0};
    nj_arena arena = {0};
    model->prefix_count = 0;
    model->batch = batch;
    nj_lm_claim_batch(model, &plan);
    const nj_status status = nj_arena_init(&arena, plan.bytes, err);
    if (status == NJ_OK) {
        model->batch = batch;
        read_prompts(model, tokens, offset, &arena);
    }
    nj_arena_fini(&arena);
    model->prefix_count = count;
    model->batch = (nj_lm_batch){0};
    return status;
}
