#include "worker/train/rqvae_gradient.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "worker/train/rows.h"

struct nj_rqvae_scratch {
    size_t rows_max;
    nj_arena arena;                      // everything below
    float *encoder[NJ_RQVAE_LAYERS_MAX]; // [rows, N] what each layer gives
    float *decoder[NJ_RQVAE_LAYERS_MAX]; //
    float *residual;                     // [rows, latent]
    float *sum;                          // [rows, latent] of the codes' rows
    float *pull;                         // [rows, latent] derivative of the commitment by z
    float *products;                     // [rows, most codes]
    float *derivatives[2];               // [rows, widest]
};

// A call and what it works on.
typedef struct {
    const nj_rqvae *model;
    nj_rqvae_scratch *s;
    const nj_rqvae_options *options;
    nj_dropout dropout;
    size_t rows;
    float *gradient;
} call;

// ---- scratch ----

static size_t find_widest(const nj_rqvae *model)
{
    size_t widest = model->shape.D;
    for (size_t i = 0; i < model->layer_count; i++) {
        widest = nj_max_size(widest, model->encoder[i].linear.N);
    }
    return widest;
}

static size_t find_most_codes(const nj_rqvae *model)
{
    size_t most = 0;
    for (uint32_t l = 0; l < model->shape.level_count; l++) {
        most = nj_max_size(most, model->shape.K[l]);
    }
    return most;
}

// Takes rows of `width`; without an arena only what that costs is added up. SIZE_MAX stays.
static float *take_rows(nj_arena *arena, size_t rows, size_t width, size_t *bytes)
{
    size_t size = 0;
    if (arena != NULL) {
        return nj_arena_take(arena, rows * width * sizeof(float));
    }
    bool fits = nj_mul_size(rows, width * sizeof(float), &size) &&
                nj_add_size(*bytes, nj_arena_cost(size), bytes);
    *bytes = fits ? *bytes : SIZE_MAX;
    return NULL;
}

static void plan_scratch(const nj_rqvae *model, nj_rqvae_scratch *s, nj_arena *arena, size_t *bytes)
{
    for (size_t i = 0; i < model->layer_count; i++) {
        s->encoder[i] = take_rows(arena, s->rows_max, model->encoder[i].linear.N, bytes);
        s->decoder[i] = take_rows(arena, s->rows_max, model->decoder[i].linear.N, bytes);
    }
    s->residual = take_rows(arena, s->rows_max, model->shape.latent, bytes);
    s->sum = take_rows(arena, s->rows_max, model->shape.latent, bytes);
    s->pull = take_rows(arena, s->rows_max, model->shape.latent, bytes);
    s->products = take_rows(arena, s->rows_max, find_most_codes(model), bytes);
    s->derivatives[0] = take_rows(arena, s->rows_max, find_widest(model), bytes);
    s->derivatives[1] = take_rows(arena, s->rows_max, find_widest(model), bytes);
}

nj_status nj_rqvae_scratch_new(const nj_rqvae *model, size_t rows_max, nj_rqvae_scratch **out,
                               nj_error *err)
{
    size_t bytes = 0;
    nj_rqvae_scratch *scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the scratch of a thread");
    }
    scratch->rows_max = rows_max;
    plan_scratch(model, scratch, NULL, &bytes);
    nj_status status = nj_arena_init(&scratch->arena, bytes, err);
    if (status == NJ_OK) {
        plan_scratch(model, scratch, &scratch->arena, &bytes);
        *out = scratch;
        scratch = NULL;
    }
    nj_rqvae_scratch_free(&scratch);
    return status;
}

void nj_rqvae_scratch_free(nj_rqvae_scratch **scratch)
{
    if (*scratch != NULL) {
        nj_arena_fini(&(*scratch)->arena);
        free(*scratch);
        *scratch = NULL;
    }
}

// ---- layers ----

static uint64_t key_of(const call *c, bool is_decoder, size_t layer)
{
    return nj_dropout_key(c->options->seed, (uint32_t)(2 * layer + is_decoder));
}

static void run_layers(const call *c, bool is_decoder, const float *x)
{
    const nj_kernels *kernels = c->model->kernels;
    const nj_rqvae_layer *layers = is_decoder ? c->model->decoder : c->model->encoder;
    float *const *kept = is_decoder ? c->s->decoder : c->s->encoder;
    for (size_t i = 0; i < c->model->layer_count; i++) {
        const size_t N = layers[i].linear.N;
        const float *bias = c->model->values + layers[i].bias;
        kernels->linear(c->rows, x, layers[i].linear.K, &layers[i].linear, false, kept[i], N);
        for (size_t r = 0; r < c->rows; r++) {
            for (size_t d = 0; d < N; d++) {
                kept[i][r * N + d] += bias[d];
            }
        }
        if (i + 1 < c->model->layer_count) {
            kernels->relu(c->rows, N, kept[i], N);
            nj_dropout_apply(kernels, c->dropout, key_of(c, is_decoder, i), c->rows * N, kept[i],
                             kept[i]);
        }
        x = kept[i];
    }
}

// From the derivative by the last layer's result, in derivatives[0], to that by x, which is returned (NULL: nobody wants it).
static float *run_layers_back(const call *c, bool is_decoder, const float *x, bool wants_dx)
{
    const nj_kernels *kernels = c->model->kernels;
    const nj_rqvae_layer *layers = is_decoder ? c->model->decoder : c->model->encoder;
    float *const *kept = is_decoder ? c->s->decoder : c->s->encoder;
    float *dy = c->s->derivatives[0];
    float *dx = c->s->derivatives[1];
    for (size_t i = c->model->layer_count; i-- > 0;) {
        const size_t N = layers[i].linear.N;
        const size_t K = layers[i].linear.K;
        const float *in = i > 0 ? kept[i - 1] : x;
        float *dbias = c->gradient + layers[i].bias;
        kernels->matmul_tn(N, K, c->rows, dy, N, in, K, c->gradient + layers[i].weight, K);
        for (size_t r = 0; r < c->rows; r++) {
            for (size_t d = 0; d < N; d++) {
                dbias[d] += dy[r * N + d];
            }
        }
        if (i == 0 && !wants_dx) {
            return NULL;
        }
        kernels->matmul_nn(c->rows, K, N, dy, N, layers[i].linear.weight, K, dx, K);
        if (i > 0) {
            // A dropped value is 0 like one that relu cut: the same test finds both.
            nj_rows_relu_backward(c->rows * K, in, c->dropout.scale, dx);
        }
        float *done = dy;
        dy = dx;
        dx = done;
    }
    return dy;
}

// ---- the quantizer ----

static size_t find_nearest(const call *c, const nj_rqvae_codebook *codebook, float *products)
{
    const size_t K = codebook->linear.N;
    const float *norms = codebook->norms;
    const float least = c->model->kernels->screen(K, products, &norms, 1, products);
    size_t nearest = 0;
    while (nearest < K && products[nearest] != least) {
        nearest++;
    }
    return nearest < K ? nearest : 0; // no score is a number: the loss will not be one either
}

// One row at one level: its code's row is taken off the residual. Returns |r - e|^2.
static double take_code(const call *c, size_t row, const float *code, float *dcode)
{
    const size_t width = c->model->shape.latent;
    const float step = 2.0f * c->options->weight / (float)width;
    const float beta = (float)c->options->beta;
    float *residual = c->s->residual + row * width;
    float *sum = c->s->sum + row * width;
    float *pull = c->s->pull + row * width;
    double square = 0;
    for (size_t d = 0; d < width; d++) {
        const float rest = residual[d] - code[d];
        square += (double)rest * (double)rest;
        dcode[d] -= step * rest;
        pull[d] += step * beta * rest;
        sum[d] += code[d];
        residual[d] = rest;
    }
    return square;
}

// Fills sum and pull; returns the codebook losses and commitments of all rows.
static double quantize(const call *c)
{
    const nj_rqvae *model = c->model;
    const size_t width = model->shape.latent;
    const size_t values = c->rows * width;
    double square = 0;
    memcpy(c->s->residual, c->s->encoder[model->layer_count - 1], values * sizeof(float));
    memset(c->s->sum, 0, values * sizeof(float));
    memset(c->s->pull, 0, values * sizeof(float));
    for (uint32_t l = 0; l < model->shape.level_count; l++) {
        const nj_rqvae_codebook *codebook = &model->codebooks[l];
        const size_t K = codebook->linear.N;
        model->kernels->linear(c->rows, c->s->residual, width, &codebook->linear, false,
                               c->s->products, K);
        for (size_t r = 0; r < c->rows; r++) {
            const size_t place =
                codebook->at + find_nearest(c, codebook, c->s->products + r * K) * width;
            square += take_code(c, r, model->values + place, c->gradient + place);
        }
    }
    return square * (1.0 + c->options->beta) / (double)width;
}

// ---- the whole ----

// derivatives[0] becomes that by the decoder's result.
static double compare(const call *c, const float *x)
{
    const size_t D = c->model->shape.D;
    const float *y = c->s->decoder[c->model->layer_count - 1];
    const float step = 2.0f * c->options->weight / (float)D;
    double square = 0;
    for (size_t i = 0; i < c->rows * D; i++) {
        const float difference = y[i] - x[i];
        square += (double)difference * (double)difference;
        c->s->derivatives[0][i] = step * difference;
    }
    return square / (double)D;
}

double nj_rqvae_gradient(const nj_rqvae *model, nj_rqvae_scratch *scratch, const float *x,
                         size_t rows, const nj_rqvae_options *options, float *gradient)
{
    const call c = {.model = model,
                    .s = scratch,
                    .options = options,
                    .dropout = nj_dropout_make(options->dropout),
                    .rows = rows,
                    .gradient = gradient};
    const size_t values = rows * model->shape.latent;
    run_layers(&c, false, x);
    double loss = quantize(&c);
    run_layers(&c, true, scratch->sum);
    loss += compare(&c, x);
    const float *dz = run_layers_back(&c, true, scratch->sum, true);
    for (size_t i = 0; i < values; i++) {
        scratch->derivatives[0][i] = dz[i] + scratch->pull[i];
    }
    run_layers_back(&c, false, x, false);
    return loss;
}
