#include <math.h>
#include <string.h>

#include "common/base/checked.h"
#include "worker/train/t5_internal.h"

// One head of one sample.
typedef struct {
    size_t Sq, Sk;
    size_t q_at, k_at; // first value of its queries and keys
    size_t h;
    float *p;     // [Sq, Sk]
    uint64_t key; // of the dropout of p
} head;

// Visits every head of every sample in order; `at` counts the weights before it.
typedef struct {
    size_t b, h, at;
} head_walk;

static bool next_head(const nj_train_call *c, const nj_attention_shape *shape,
                      const nj_kept_attention *kept, head_walk *w, head *out)
{
    const size_t H = c->model->config.H;
    const size_t E = c->model->config.E;
    if (w->b == c->batch->B) {
        return false;
    }
    size_t Sq = shape->q_offset[w->b + 1] - shape->q_offset[w->b];
    size_t Sk = shape->k_offset[w->b + 1] - shape->k_offset[w->b];
    *out = (head){.Sq = Sq,
                  .Sk = Sk,
                  .q_at = shape->q_offset[w->b] * H * E + w->h * E,
                  .k_at = shape->k_offset[w->b] * H * E + w->h * E,
                  .h = w->h,
                  .p = kept->p + w->at,
                  .key = nj_dropout_key(shape->key, (uint32_t)(w->b * H + w->h))};
    w->at += Sq * Sk;
    w->h = (w->h + 1) % H;
    w->b += w->h == 0;
    return true;
}

static void add_bias(const nj_train_call *c, const nj_attention_shape *shape, const head *a)
{
    const size_t H = c->model->config.H;
    const float *bias = c->model->values + shape->bias + a->h;
    for (size_t i = 0; i < a->Sq; i++) {
        const uint16_t *bucket = shape->bucket + shape->span - 1 - i;
        for (size_t j = 0; j < a->Sk; j++) {
            a->p[i * a->Sk + j] += bias[bucket[j] * H];
        }
    }
}

static void hide_later_keys(const head *a)
{
    for (size_t i = 0; i < a->Sq; i++) {
        for (size_t j = i + 1; j < a->Sk; j++) {
            a->p[i * a->Sk + j] = -INFINITY;
        }
    }
}

// The weights that values were mixed with, into `out`.
static void drop_weights(const nj_train_call *c, const head *a, float *out)
{
    memcpy(out, a->p, a->Sq * a->Sk * sizeof *out);
    nj_dropout_apply(c->dropout, a->key, a->Sq * a->Sk, out);
}

void nj_train_attend(const nj_train_call *c, const nj_attention_shape *shape,
                     nj_kept_attention *kept)
{
    const nj_kernels *kernels = c->model->kernels;
    const size_t E = c->model->config.E;
    const size_t HE = c->model->config.H * E;
    head_walk w = {0};
    nj_train_phase before = nj_train_enter(c, NJ_PHASE_ATTENTION);
    for (head a; next_head(c, shape, kept, &w, &a);) {
        kernels->matmul_nt(a.Sq, a.Sk, E, kept->q + a.q_at, HE, kept->k + a.k_at, HE, a.p, a.Sk);
        if (shape->bucket != NULL) {
            add_bias(c, shape, &a);
        }
        if (shape->causal) {
            hide_later_keys(&a);
        }
        kernels->softmax(a.Sq, a.Sk, a.p, a.Sk);
        drop_weights(c, &a, c->s->scores);
        kernels->matmul_nn(a.Sq, E, a.Sk, c->s->scores, a.Sk, kept->v + a.k_at, HE,
                           kept->mixed + a.q_at, HE);
    }
    nj_train_enter(c, before);
}

static void add_bias_gradient(const nj_train_call *c, const nj_attention_shape *shape,
                              const head *a, const float *dscores)
{
    const size_t H = c->model->config.H;
    float *gradient = c->gradient + shape->bias + a->h;
    for (size_t i = 0; i < a->Sq; i++) {
        const uint16_t *bucket = shape->bucket + shape->span - 1 - i;
        for (size_t j = 0; j < a->Sk; j++) {
            gradient[bucket[j] * H] += dscores[i * a->Sk + j];
        }
    }
}

static void attend_head_backward(const nj_train_call *c, const nj_attention_shape *shape,
                                 const nj_kept_attention *kept, const head *a)
{
    const nj_kernels *kernels = c->model->kernels;
    nj_train_scratch *s = c->s;
    const size_t E = c->model->config.E;
    const size_t HE = c->model->config.H * E;
    const float *da = s->da + a->q_at;
    drop_weights(c, a, s->scores);
    nj_rows_transpose(a->Sq, a->Sk, s->scores, a->Sk, s->turned);
    kernels->matmul_nn(a->Sk, E, a->Sq, s->turned, a->Sq, da, HE, s->dv + a->k_at, HE);

    kernels->matmul_nt(a->Sq, a->Sk, E, da, HE, kept->v + a->k_at, HE, s->scores, a->Sk);
    nj_dropout_apply(c->dropout, a->key, a->Sq * a->Sk, s->scores);
    nj_rows_softmax_backward(a->Sq, a->Sk, a->p, s->scores);
    if (shape->bucket != NULL) {
        add_bias_gradient(c, shape, a, s->scores);
    }
    kernels->matmul_nn(a->Sq, E, a->Sk, s->scores, a->Sk, kept->k + a->k_at, HE, s->dq + a->q_at,
                       HE);
    nj_rows_transpose(a->Sq, a->Sk, s->scores, a->Sk, s->turned);
    kernels->matmul_nn(a->Sk, E, a->Sq, s->turned, a->Sq, kept->q + a->q_at, HE, s->dk + a->k_at,
                       HE);
}

void nj_train_attend_backward(const nj_train_call *c, const nj_attention_shape *shape,
                              const nj_kept_attention *kept)
{
    head_walk w = {0};
    nj_train_phase before = nj_train_enter(c, NJ_PHASE_ATTENTION);
    for (head a; next_head(c, shape, kept, &w, &a);) {
        attend_head_backward(c, shape, kept, &a);
    }
    nj_train_enter(c, before);
}
