#include <math.h>
#include <string.h>

#include "worker/train/sasrec_internal.h"

// One head of one sample: S queries, keys and values of E floats, rows 3D apart.
typedef struct {
    size_t S;
    size_t at;    // first value of its queries in qkv; keys are D further, values 2D
    size_t mixed; // first value of its results
    float *p;     // [S, S]
    uint64_t key; // of the dropout of p
} head;

typedef struct {
    size_t b, h, at;
} head_walk;

static bool next_head(const nj_sasrec_call *c, const nj_kept_sasrec_block *kept, uint32_t use,
                      head_walk *w, head *out)
{
    const size_t H = c->model->config.H;
    const size_t D = c->model->config.D;
    if (w->b == c->batch->B) {
        return false;
    }
    const size_t row = c->batch->offset[w->b];
    const size_t S = c->batch->offset[w->b + 1] - row;
    *out = (head){
        .S = S,
        .at = row * 3 * D + w->h * (D / H),
        .mixed = row * D + w->h * (D / H),
        .p = kept->p + w->at,
        .key = nj_dropout_key(nj_dropout_key(c->options->seed, use), (uint32_t)(w->b * H + w->h))};
    w->at += S * S;
    w->h = (w->h + 1) % H;
    w->b += w->h == 0;
    return true;
}

static void hide_later_keys(const head *a)
{
    for (size_t i = 0; i < a->S; i++) {
        for (size_t j = i + 1; j < a->S; j++) {
            a->p[i * a->S + j] = -INFINITY;
        }
    }
}

// The weights that values were mixed with, into scratch's `weights`.
static void drop_weights(const nj_sasrec_call *c, const head *a)
{
    memcpy(c->s->weights, a->p, a->S * a->S * sizeof *a->p);
    nj_dropout_apply(c->model->kernels, c->dropout, a->key, a->S * a->S, c->s->weights,
                     c->s->weights);
}

static float score_scale(const nj_sasrec_call *c)
{
    return 1.0f / sqrtf((float)(c->model->config.D / c->model->config.H));
}

void nj_sasrec_attend(const nj_sasrec_call *c, nj_kept_sasrec_block *kept, uint32_t use)
{
    const nj_kernels *kernels = c->model->kernels;
    const size_t D = c->model->config.D;
    const size_t E = D / c->model->config.H;
    head_walk w = {0};
    for (head a; next_head(c, kept, use, &w, &a);) {
        const float *q = kept->qkv + a.at;
        kernels->matmul_nt(a.S, a.S, E, q, 3 * D, q + D, 3 * D, a.p, a.S);
        kernels->scale(a.S, a.S, score_scale(c), a.p, a.S);
        hide_later_keys(&a);
        kernels->softmax(a.S, a.S, a.p, a.S);
        drop_weights(c, &a);
        kernels->matmul_nn(a.S, E, a.S, c->s->weights, a.S, q + 2 * D, 3 * D, kept->mixed + a.mixed,
                           D);
    }
}

void nj_sasrec_attend_backward(const nj_sasrec_call *c, const nj_kept_sasrec_block *kept,
                               uint32_t use, const float *dmixed)
{
    const nj_kernels *kernels = c->model->kernels;
    const size_t D = c->model->config.D;
    const size_t E = D / c->model->config.H;
    float *weights = c->s->weights;
    memset(c->s->dqkv, 0, c->rows * 3 * D * sizeof *c->s->dqkv);
    head_walk w = {0};
    for (head a; next_head(c, kept, use, &w, &a);) {
        const float *q = kept->qkv + a.at;
        const float *da = dmixed + a.mixed;
        float *dq = c->s->dqkv + a.at;
        drop_weights(c, &a);
        kernels->matmul_tn(a.S, E, a.S, weights, a.S, da, D, dq + 2 * D, 3 * D);

        kernels->matmul_nt(a.S, a.S, E, da, D, q + 2 * D, 3 * D, weights, a.S);
        nj_dropout_apply(c->model->kernels, c->dropout, a.key, a.S * a.S, weights, weights);
        kernels->softmax_backward(a.S, a.S, a.p, a.S, weights, a.S);
        kernels->scale(a.S, a.S, score_scale(c), weights, a.S);
        kernels->matmul_nn(a.S, E, a.S, weights, a.S, q + D, 3 * D, dq, 3 * D);
        kernels->matmul_tn(a.S, E, a.S, weights, a.S, q, 3 * D, dq + D, 3 * D);
    }
}
