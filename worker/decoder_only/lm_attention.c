#include <math.h>
#include <string.h>

#include "worker/decoder_only/lm_internal.h"

// Rows of queries that share keys: `rows` rows of the chunk from `first` on, each with the heads of one group.
typedef struct {
    nj_lm *model;
    const nj_lm_sight *sight;
    size_t first;        // row of the chunk
    size_t rows;         // of the chunk
    size_t row_of_sight; // number of row `first` among those of the sight
    size_t own_count; // own positions that the last of these rows sees: what is behind stays unread
    size_t g;         // group
    size_t heads;     // H / G
    size_t ld_scores;
} block;

static size_t count_queries(const block *b)
{
    return b->rows * b->heads;
}

static float *find_query(const block *b, size_t query)
{
    const nj_lm *model = b->model;
    const size_t head = b->g * b->heads + query % b->heads;
    return model->batch.q + (b->first + query / b->heads) * model->HE_row + head * model->config.E;
}

// Queries of a group one after the other, divided by sqrt(E).
static void gather_queries(const block *b)
{
    const size_t E = b->model->config.E;
    const float factor = 1.0f / sqrtf((float)E);
    for (size_t i = 0; i < count_queries(b); i++) {
        memcpy(b->model->batch.queries + i * E, find_query(b, i), E * sizeof(float));
    }
    b->model->kernels->scale(count_queries(b), E, factor, b->model->batch.queries, E);
}

static void scatter_mixed(const block *b)
{
    const size_t E = b->model->config.E;
    for (size_t i = 0; i < count_queries(b); i++) {
        memcpy(find_query(b, i), b->model->batch.mixed + i * E, E * sizeof(float));
    }
}

// Scores against `count` positions of a cache into columns from `column` on; up to a register of columns behind them is written too.
static void score_cache(const block *b, const nj_lm_cache *cache, size_t count, size_t column)
{
    const nj_lm_batch *batch = &b->model->batch;
    const size_t E = b->model->config.E;
    b->model->kernels->matmul_nn(count_queries(b), nj_lm_columns(count), E, batch->queries, E,
                                 cache->keys + b->g * E * cache->columns, cache->columns,
                                 batch->scores + column, b->ld_scores);
}

// What comes behind a row's own position is not there for it.
static void hide_future(const block *b, size_t column)
{
    for (size_t i = 0; i < count_queries(b); i++) {
        const size_t behind = b->rows - 1 - i / b->heads;
        float *scores = b->model->batch.scores + i * b->ld_scores + column;
        for (size_t t = b->own_count - behind; t < b->own_count; t++) {
            scores[t] = -INFINITY;
        }
    }
}

// Addresses of one group's keys or values of a row's tail go to batch.tail.
static void find_tail(const block *b, const float *const *all, size_t query)
{
    const size_t count = b->sight->tail_count;
    const size_t row = b->row_of_sight + query / b->heads;
    for (size_t t = 0; t < count; t++) {
        b->model->batch.tail[t] = all[row * count + t] + b->g * b->model->config.E;
    }
}

static void score_tail(const block *b, size_t column)
{
    const nj_lm_batch *batch = &b->model->batch;
    const size_t E = b->model->config.E;
    for (size_t i = 0; i < count_queries(b) && b->sight->tail_count > 0; i++) {
        find_tail(b, b->sight->tail_keys, i);
        b->model->kernels->head_scores(b->sight->tail_count, 1, E, batch->queries + i * E,
                                       batch->tail, batch->scores + i * b->ld_scores + column,
                                       b->ld_scores);
    }
}

static void mix_cache(const block *b, const nj_lm_cache *cache, size_t count, size_t column,
                      float *out)
{
    const nj_lm_config *config = &b->model->config;
    const size_t width = nj_lm_key_width(config);
    b->model->kernels->matmul_nn(count_queries(b), config->E, count,
                                 b->model->batch.scores + column, b->ld_scores,
                                 cache->values + b->g * config->E, width, out, config->E);
}

static void mix_tail(const block *b, size_t column, float *out)
{
    const nj_lm_batch *batch = &b->model->batch;
    const size_t E = b->model->config.E;
    for (size_t i = 0; i < count_queries(b); i++) {
        find_tail(b, b->sight->tail_values, i);
        b->model->kernels->head_mix(b->sight->tail_count, 1, E,
                                    batch->scores + i * b->ld_scores + column, b->ld_scores,
                                    batch->tail, out + i * E);
    }
}

// The parts that are there, summed in order.
static void mix(const block *b, size_t own_column, size_t tail_column)
{
    const nj_lm_sight *sight = b->sight;
    const nj_lm_batch *batch = &b->model->batch;
    const size_t E = b->model->config.E;
    const size_t queries = count_queries(b);
    mix_cache(b, &sight->own, b->own_count, own_column, batch->mixed);
    if (sight->prefix_count > 0) {
        mix_cache(b, &sight->prefix, sight->prefix_count, 0, batch->part);
        b->model->kernels->add(queries, E, batch->part, E, batch->mixed, E);
    }
    if (sight->tail_count > 0) {
        mix_tail(b, tail_column, batch->part);
        b->model->kernels->add(queries, E, batch->part, E, batch->mixed, E);
    }
}

static void attend_block(const block *b)
{
    const nj_lm_sight *sight = b->sight;
    const size_t own = sight->prefix_count;
    const size_t tail = own + b->own_count;
    gather_queries(b);
    if (sight->prefix_count > 0) {
        score_cache(b, &sight->prefix, sight->prefix_count, 0);
    }
    score_cache(b, &sight->own, b->own_count, own);
    if (sight->causal) {
        hide_future(b, own);
    }
    score_tail(b, tail);
    b->model->kernels->softmax(count_queries(b), tail + sight->tail_count, b->model->batch.scores,
                               b->ld_scores);
    mix(b, own, tail);
    scatter_mixed(b);
}

void nj_lm_attend(nj_lm *model, const nj_lm_sight *sight, size_t first, size_t rows)
{
    const size_t heads = model->config.H / model->config.G;
    const size_t part = nj_max_size(1, NJ_LM_QUERY_ROWS / heads);
    const size_t columns =
        nj_lm_columns(sight->prefix_count) + nj_lm_columns(sight->own_count) + sight->tail_count;
    for (size_t r = 0; r < rows; r += part) {
        const size_t count = nj_min_size(part, rows - r);
        const size_t behind = sight->causal ? rows - r - count : 0;
        block b = {.model = model,
                   .sight = sight,
                   .first = first + r,
                   .rows = count,
                   .row_of_sight = r,
                   .own_count = sight->own_count - behind,
                   .heads = heads,
                   .ld_scores = nj_claim_row(columns)};
        for (b.g = 0; b.g < model->config.G; b.g++) {
            attend_block(&b);
        }
    }
}
