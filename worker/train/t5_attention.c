#include <math.h>
#include <string.h>

#include "common/base/checked.h"
#include "worker/train/t5_internal.h"

// One head of one sample.
typedef struct {
    size_t Sq, Sk;
    size_t q_at, k_at;   // first value of its queries and keys
    size_t dq_at, dk_at; // and of their derivatives, which are the shape's samples' alone
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
    if (w->b == shape->first + shape->count) {
        return false;
    }
    size_t Sq = shape->q_offset[w->b + 1] - shape->q_offset[w->b];
    size_t Sk = shape->k_offset[w->b + 1] - shape->k_offset[w->b];
    *out =
        (head){.Sq = Sq,
               .Sk = Sk,
               .q_at = shape->q_offset[w->b] * H * E + w->h * E,
               .k_at = shape->k_offset[w->b] * H * E + w->h * E,
               .dq_at = (shape->q_offset[w->b] - shape->q_offset[shape->first]) * H * E + w->h * E,
               .dk_at = (shape->k_offset[w->b] - shape->k_offset[shape->first]) * H * E + w->h * E,
               .h = w->h,
               .p = kept->p + w->at,
               .key = nj_dropout_key(shape->key, (uint32_t)(w->b * H + w->h))};
    w->at += Sq * Sk;
    w->h = (w->h + 1) % H;
    w->b += w->h == 0;
    return true;
}

void nj_train_bias_spread(const nj_train_call *c, const nj_train_bias *bias, size_t place)
{
    const size_t H = c->model->config.H;
    const size_t width = 2 * bias->span - 1;
    for (size_t h = 0; h < H; h++) {
        for (size_t i = 0; i < width; i++) {
            bias->values[h * width + i] = c->model->values[place + bias->bucket[i] * H + h];
        }
    }
    memset(bias->gradient, 0, H * width * sizeof *bias->gradient);
}

void nj_train_bias_gather(const nj_train_call *c, const nj_train_bias *bias, size_t place)
{
    const size_t H = c->model->config.H;
    const size_t width = 2 * bias->span - 1;
    for (size_t h = 0; h < H; h++) {
        for (size_t i = 0; i < width; i++) {
            c->gradient[place + bias->bucket[i] * H + h] += bias->gradient[h * width + i];
        }
    }
}

// A query's row of the bias, or of its gradient: its first key's distance is -i.
static float *bias_row(const nj_train_bias *bias, float *of, const head *a, size_t i)
{
    return of + a->h * (2 * bias->span - 1) + bias->span - 1 - i;
}

static void add_bias(const nj_train_bias *bias, const head *a)
{
    for (size_t i = 0; i < a->Sq; i++) {
        const float *row = bias_row(bias, bias->values, a, i);
        for (size_t j = 0; j < a->Sk; j++) {
            a->p[i * a->Sk + j] += row[j];
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

static void drop_weights(const nj_train_call *c, const head *a, const float *in, float *out)
{
    nj_dropout_apply(c->model->kernels, c->dropout, a->key, a->Sq * a->Sk, in, out);
}

void nj_train_attend(const nj_train_call *c, const nj_attention_shape *shape,
                     nj_kept_attention *kept)
{
    const nj_kernels *kernels = c->model->kernels;
    const size_t E = c->model->config.E;
    const size_t HE = c->model->config.H * E;
    head_walk w = {.b = shape->first, .at = shape->weights};
    nj_train_phase before = nj_train_enter(c, NJ_PHASE_ATTENTION);
    for (head a; next_head(c, shape, kept, &w, &a);) {
        kernels->matmul_nt(a.Sq, a.Sk, E, kept->q + a.q_at, HE, kept->k + a.k_at, HE, a.p, a.Sk);
        if (shape->bias != NULL) {
            add_bias(shape->bias, &a);
        }
        if (shape->causal) {
            hide_later_keys(&a);
        }
        kernels->softmax(a.Sq, a.Sk, a.p, a.Sk);
        drop_weights(c, &a, a.p, c->s->scores);
        kernels->matmul_nn(a.Sq, E, a.Sk, c->s->scores, a.Sk, kept->v + a.k_at, HE,
                           kept->mixed + a.q_at, HE);
    }
    nj_train_enter(c, before);
}

static void add_bias_gradient(const nj_train_bias *bias, const head *a, const float *dscores)
{
    for (size_t i = 0; i < a->Sq; i++) {
        float *row = bias_row(bias, bias->gradient, a, i);
        for (size_t j = 0; j < a->Sk; j++) {
            row[j] += dscores[i * a->Sk + j];
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
    const float *da = s->da + a->dq_at;
    drop_weights(c, a, a->p, s->scores);
    kernels->matmul_tn(a->Sk, E, a->Sq, s->scores, a->Sk, da, HE, s->dv + a->dk_at, HE);

    kernels->matmul_nt(a->Sq, a->Sk, E, da, HE, kept->v + a->k_at, HE, s->scores, a->Sk);
    drop_weights(c, a, s->scores, s->scores);
    kernels->softmax_backward(a->Sq, a->Sk, a->p, a->Sk, s->scores, a->Sk);
    if (shape->bias != NULL) {
        add_bias_gradient(shape->bias, a, s->scores);
    }
    kernels->matmul_nn(a->Sq, E, a->Sk, s->scores, a->Sk, kept->k + a->k_at, HE, s->dq + a->dq_at,
                       HE);
    kernels->matmul_tn(a->Sk, E, a->Sq, s->scores, a->Sk, kept->q + a->q_at, HE, s->dk + a->dk_at,
                       HE);
}

void nj_train_attend_backward(const nj_train_call *c, const nj_attention_shape *shape,
                              const nj_kept_attention *kept)
{
    head_walk w = {.b = shape->first, .at = shape->weights};
    nj_train_phase before = nj_train_enter(c, NJ_PHASE_ATTENTION);
    const size_t bytes = nj_train_rows(shape->k_offset, shape) * c->model->config.H *
                         c->model->config.E * sizeof(float);
    memset(c->s->dk, 0, bytes);
    memset(c->s->dv, 0, bytes);
    for (head a; next_head(c, shape, kept, &w, &a);) {
        attend_head_backward(c, shape, kept, &a);
    }
    nj_train_enter(c, before);
}
