#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/base/checked.h"
#include "worker/train/sasrec_internal.h"

// Some positions, and the scores of all items for them, a block of items at a time:
//
//   forward   every block: scores, their log-sum-exp     ─► log-sum-exp of all, loss
//   backward  every block: softmax of the block, scaled to its share of the whole ─► derivatives
typedef struct {
    const nj_sasrec_call *c;
    size_t first; // position
    size_t n;     // positions, at most NJ_SASREC_HEAD_ROWS
    const float *states;
    float *dstates;                     // [n, D]
    float log_sum[NJ_SASREC_HEAD_ROWS]; // of all items
} head_rows;

static bool is_held(const nj_sasrec *model)
{
    return model->config.N <= NJ_SASREC_HELD_ITEMS;
}

// Where the scores of a block lie, [n, items of the block].
static float *scores_of(const head_rows *r, size_t block)
{
    return is_held(r->c->model) ? r->c->s->scores + r->n * block * NJ_SASREC_ITEM_BLOCK
                                : r->c->s->scores;
}

static float *compute_block(const head_rows *r, size_t block)
{
    const nj_sasrec *model = r->c->model;
    const nj_linear *items = &model->item_blocks[block];
    float *scores = scores_of(r, block);
    model->kernels->linear(r->n, r->states, model->config.D, items, false, scores, items->N);
    return scores;
}

// The scores of the labels that are in this block are taken off the loss.
static double take_labels(const head_rows *r, size_t block, const float *scores)
{
    const uint32_t *labels = r->c->batch->labels + r->first;
    const size_t count = r->c->model->item_blocks[block].N;
    double sum = 0;
    for (size_t i = 0; i < r->n; i++) {
        const size_t item = (size_t)labels[i] - block * NJ_SASREC_ITEM_BLOCK; // may wrap
        sum += item < count ? (double)scores[i * count + item] : 0.0;
    }
    return sum;
}

// log_sum from those of the blocks.
static void join_blocks(head_rows *r)
{
    const size_t blocks = r->c->model->item_block_count;
    const float *log_sums = r->c->s->log_sums;
    for (size_t i = 0; i < r->n; i++) {
        float most = log_sums[i];
        for (size_t b = 1; b < blocks; b++) {
            most = fmaxf(most, log_sums[b * r->n + i]);
        }
        double sum = 0;
        for (size_t b = 0; b < blocks; b++) {
            sum += exp((double)(log_sums[b * r->n + i] - most));
        }
        r->log_sum[i] = most + (float)log(sum);
    }
}

static double run_forward(head_rows *r)
{
    const nj_sasrec *model = r->c->model;
    double loss = 0;
    for (size_t b = 0; b < model->item_block_count; b++) {
        const size_t count = model->item_blocks[b].N;
        const float *scores = compute_block(r, b);
        loss -= take_labels(r, b, scores);
        model->kernels->log_sum_exp(r->n, count, scores, count, r->c->s->log_sums + b * r->n);
    }
    join_blocks(r);
    for (size_t i = 0; i < r->n; i++) {
        loss += (double)r->log_sum[i];
    }
    return loss;
}

// The block's scores become the derivative of the loss by them.
static void derive_block(const head_rows *r, size_t block, float *scores)
{
    const nj_sasrec *model = r->c->model;
    const uint32_t *labels = r->c->batch->labels + r->first;
    const size_t count = model->item_blocks[block].N;
    const float weight = r->c->options->weight;
    model->kernels->softmax(r->n, count, scores, count);
    for (size_t i = 0; i < r->n; i++) {
        const float share = expf(r->c->s->log_sums[block * r->n + i] - r->log_sum[i]);
        model->kernels->scale(1, count, weight * share, scores + i * count, count);
        const size_t item = (size_t)labels[i] - block * NJ_SASREC_ITEM_BLOCK; // may wrap
        if (item < count) {
            scores[i * count + item] -= weight;
        }
    }
}

static void run_backward(const head_rows *r)
{
    const nj_sasrec *model = r->c->model;
    const nj_kernels *kernels = model->kernels;
    const size_t D = model->config.D;
    float *part = r->c->s->part;
    memset(r->dstates, 0, r->n * D * sizeof *r->dstates);
    for (size_t b = 0; b < model->item_block_count; b++) {
        const size_t count = model->item_blocks[b].N;
        const size_t at = model->items + b * NJ_SASREC_ITEM_BLOCK * D;
        float *scores = is_held(model) ? scores_of(r, b) : compute_block(r, b);
        derive_block(r, b, scores);
        kernels->matmul_nn(r->n, D, count, scores, count, model->values + at, D, part, D);
        kernels->add(r->n, D, part, D, r->dstates, D);
        kernels->matmul_tn(count, D, r->n, scores, count, r->states, D, r->c->gradient + at, D);
    }
}

double nj_sasrec_head(const nj_sasrec_call *c, const float *states, float *dstates)
{
    const size_t D = c->model->config.D;
    double loss = 0;
    for (size_t i = 0; i < c->rows; i++) {
        assert(c->batch->labels[i] < c->model->config.N);
    }
    for (size_t first = 0; first < c->rows; first += NJ_SASREC_HEAD_ROWS) {
        head_rows r = {.c = c,
                       .first = first,
                       .n = nj_min_size(NJ_SASREC_HEAD_ROWS, c->rows - first),
                       .states = states + first * D,
                       .dstates = dstates + first * D};
        loss += run_forward(&r);
        run_backward(&r);
    }
    return loss;
}
