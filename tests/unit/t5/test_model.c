// test_model.c - encoder and decoder against a slow reference in double precision, and bits that depend on the user alone.
#include "tests/support/nj_test.h"
#include "tests/support/t5_fixture.h"
#include "tests/support/t5_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BYTES_MAX ((size_t)1 << 26)
#define USERS 4
#define STEPS 4
#define STEPS_MAX 40
#define WORDS 9
#define ROWS 5 // of one user at one step
#define S_MAX 101
#define WIDTH_MAX 1024
#define V_MAX 20

// float32 against double: values of order 1 to 10, sums of up to 1,024 terms. The worst measured is 6.5e-6; an error in a mask, a
// bias or an ancestor is of order 0.1.
#define TOLERANCE 2e-5
// What rounding factors to 8 bits costs these small random models: about twice the most that was seen.
#define TOLERANCE_INT8 0.4
#define TOLERANCE_BF16 0.3

// ---- the reference: plain loops over whole prefixes, no caches, in double ----

typedef struct {
    const nj_t5_config *config;
    t5_random *weights;
    bool counts_words;
} reference;

typedef double rows_of_width[S_MAX][WIDTH_MAX];
typedef enum { BIAS_NONE, BIAS_ENCODER, BIAS_DECODER } bias_kind;

static const float *get_weight(const reference *r, const char *layer, const char *name)
{
    char full[160];
    snprintf(full, sizeof full, "%s%s.weight", layer, name);
    return t5_random_find(r->weights, full)->data;
}

static void multiply(const float *weight, size_t N, size_t K, size_t rows, rows_of_width x,
                     rows_of_width y)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t n = 0; n < N; n++) {
            double sum = 0.0;
            for (size_t k = 0; k < K; k++) {
                sum += x[i][k] * (double)weight[n * K + k];
            }
            y[i][n] = sum;
        }
    }
}

static void norm(const reference *r, const char *layer, const char *name, size_t rows,
                 rows_of_width x, rows_of_width y)
{
    const float *weight = get_weight(r, layer, name);
    size_t D = r->config->D;
    for (size_t i = 0; i < rows; i++) {
        double squares = 0.0;
        for (size_t d = 0; d < D; d++) {
            squares += x[i][d] * x[i][d];
        }
        double factor = 1.0 / sqrt(squares / (double)D + (double)r->config->epsilon);
        for (size_t d = 0; d < D; d++) {
            y[i][d] = x[i][d] * factor * (double)weight[d];
        }
    }
}

static void add_rows(size_t rows, size_t D, rows_of_width x, rows_of_width y)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t d = 0; d < D; d++) {
            y[i][d] += x[i][d];
        }
    }
}

// transformers' _relative_position_bucket, statement by statement; relative = key - query.
static size_t find_bucket(const nj_t5_config *c, long relative, bool both_ways)
{
    long buckets = (long)c->R;
    long base = 0;
    long distance = relative < 0 ? -relative : 0;
    if (both_ways) {
        buckets /= 2;
        base = relative > 0 ? buckets : 0;
        distance = labs(relative);
    }
    long exact = buckets / 2;
    if (distance < exact) {
        return (size_t)(base + distance);
    }
    float scale = (float)log((double)c->distance_max / (double)exact);
    long far =
        exact + (long)(logf((float)distance / (float)exact) / scale * (float)(buckets - exact));
    return (size_t)(base + (far < buckets - 1 ? far : buckets - 1));
}

static double find_bias(const reference *r, bias_kind kind, size_t query, size_t key, size_t h)
{
    if (kind == BIAS_NONE) {
        return 0.0;
    }
    bool encoder = kind == BIAS_ENCODER;
    const float *table = get_weight(r, encoder ? "encoder" : "decoder",
                                    ".block.0.layer.0.SelfAttention.relative_attention_bias");
    size_t bucket = find_bucket(r->config, (long)key - (long)query, encoder);
    return (double)table[bucket * r->config->H + h];
}

// mixed[i][h*E ..] of query i over `keys` keys.
static void attend_row(const reference *r, bias_kind kind, size_t i, size_t h, size_t keys,
                       rows_of_width q, rows_of_width k, rows_of_width v, rows_of_width mixed)
{
    size_t E = r->config->E;
    double scores[S_MAX];
    double maximum = -INFINITY;
    double sum = 0.0;
    for (size_t j = 0; j < keys; j++) {
        scores[j] = find_bias(r, kind, i, j, h);
        for (size_t e = 0; e < E; e++) {
            scores[j] += q[i][h * E + e] * k[j][h * E + e];
        }
        maximum = fmax(maximum, scores[j]);
    }
    for (size_t j = 0; j < keys; j++) {
        scores[j] = exp(scores[j] - maximum);
        sum += scores[j];
    }
    for (size_t e = 0; e < E; e++) {
        mixed[i][h * E + e] = 0.0;
        for (size_t j = 0; j < keys; j++) {
            mixed[i][h * E + e] += scores[j] / sum * v[j][h * E + e];
        }
    }
}

// x += attention(norm(x), source); source NULL: the normed rows themselves.
static void attend(const reference *r, const char *layer, const char *kind_name, bias_kind kind,
                   size_t rows, rows_of_width x, size_t source_rows, rows_of_width source)
{
    static rows_of_width normed, q, k, v, mixed;
    char prefix[128];
    size_t D = r->config->D;
    size_t inner = (size_t)r->config->H * r->config->E;
    snprintf(prefix, sizeof prefix, "%s.%s", layer, kind_name);
    norm(r, layer, ".layer_norm", rows, x, normed);
    multiply(get_weight(r, prefix, ".q"), inner, D, rows, normed, q);
    multiply(get_weight(r, prefix, ".k"), inner, D, source_rows, source == NULL ? normed : source,
             k);
    multiply(get_weight(r, prefix, ".v"), inner, D, source_rows, source == NULL ? normed : source,
             v);
    for (size_t i = 0; i < rows; i++) {
        for (size_t h = 0; h < r->config->H; h++) {
            attend_row(r, kind, i, h, kind == BIAS_DECODER ? i + 1 : source_rows, q, k, v, mixed);
        }
    }
    multiply(get_weight(r, prefix, ".o"), D, inner, rows, mixed, normed);
    add_rows(rows, D, normed, x);
}

static double apply_gelu_new(double x)
{
    return 0.5 * x * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

static void feed_forward(const reference *r, const char *layer, size_t rows, rows_of_width x)
{
    static rows_of_width normed, hidden, gate;
    const nj_t5_config *c = r->config;
    norm(r, layer, ".layer_norm", rows, x, normed);
    if (c->gated) {
        multiply(get_weight(r, layer, ".DenseReluDense.wi_0"), c->F, c->D, rows, normed, hidden);
        multiply(get_weight(r, layer, ".DenseReluDense.wi_1"), c->F, c->D, rows, normed, gate);
    } else {
        multiply(get_weight(r, layer, ".DenseReluDense.wi"), c->F, c->D, rows, normed, hidden);
    }
    for (size_t i = 0; i < rows; i++) {
        for (size_t f = 0; f < c->F; f++) {
            hidden[i][f] =
                c->gated ? apply_gelu_new(hidden[i][f]) * gate[i][f] : fmax(hidden[i][f], 0.0);
        }
    }
    multiply(get_weight(r, layer, ".DenseReluDense.wo"), c->D, c->F, rows, hidden, normed);
    add_rows(rows, c->D, normed, x);
}

static void embed(const reference *r, const uint32_t *tokens, size_t count, rows_of_width x)
{
    const float *table = get_weight(r, "shared", "");
    for (size_t i = 0; i < count; i++) {
        for (size_t d = 0; d < r->config->D; d++) {
            x[i][d] = (double)table[tokens[i] * r->config->D + d];
        }
    }
}

static void add_words(const reference *r, const uint32_t *words, size_t count, rows_of_width x)
{
    const float *table = get_weight(r, "encoder", ".whole_word_embeddings");
    for (size_t i = 0; i < count; i++) {
        for (size_t d = 0; d < r->config->D; d++) {
            x[i][d] += (double)table[words[i] * r->config->D + d];
        }
    }
}

static void encode(const reference *r, const uint32_t *tokens, const uint32_t *words, size_t S,
                   rows_of_width x)
{
    char layer[96];
    embed(r, tokens, S, x);
    if (r->counts_words) {
        add_words(r, words, S, x);
    }
    for (uint32_t l = 0; l < r->config->encoder_layers; l++) {
        snprintf(layer, sizeof layer, "encoder.block.%u.layer.0", l);
        attend(r, layer, "SelfAttention", BIAS_ENCODER, S, x, S, NULL);
        snprintf(layer, sizeof layer, "encoder.block.%u.layer.1", l);
        feed_forward(r, layer, S, x);
    }
    norm(r, "encoder", ".final_layer_norm", S, x, x);
}

// Logits behind the last of T tokens.
static void decode(const reference *r, bool stores_head, size_t S, rows_of_width encoded,
                   const uint32_t *tokens, size_t T, rows_of_width logits)
{
    static rows_of_width x;
    const nj_t5_config *c = r->config;
    char layer[96];
    embed(r, tokens, T, x);
    for (uint32_t l = 0; l < c->decoder_layers; l++) {
        snprintf(layer, sizeof layer, "decoder.block.%u.layer.0", l);
        attend(r, layer, "SelfAttention", BIAS_DECODER, T, x, T, NULL);
        snprintf(layer, sizeof layer, "decoder.block.%u.layer.1", l);
        attend(r, layer, "EncDecAttention", BIAS_NONE, T, x, S, encoded);
        snprintf(layer, sizeof layer, "decoder.block.%u.layer.2", l);
        feed_forward(r, layer, T, x);
    }
    norm(r, "decoder", ".final_layer_norm", 1, &x[T - 1], &x[T - 1]);
    for (size_t d = 0; d < c->D; d++) {
        x[T - 1][d] *= c->scale_outputs ? pow((double)c->D, -0.5) : 1.0;
    }
    multiply(get_weight(r, stores_head ? "lm_head" : "shared", ""), c->V, c->D, 1, &x[T - 1],
             logits);
}

// ---- users and their trees of rows ----

typedef struct {
    uint32_t S;
    uint32_t tokens[S_MAX];
    uint32_t words[S_MAX];
    uint32_t steps;
    uint32_t row_count[STEPS_MAX];
    uint32_t parent[STEPS_MAX][ROWS]; // among this user's rows of the step before
    uint32_t token[STEPS_MAX][ROWS];
} user_case;

static uint32_t draw_below(uint32_t *seed, uint32_t bound)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(*seed >> 8) * bound) >> 24);
}

static void fill_user(user_case *user, const nj_t5_config *config, uint32_t S, uint32_t steps,
                      uint32_t seed)
{
    *user = (user_case){.S = S, .steps = steps};
    for (uint32_t i = 0; i < S; i++) {
        user->tokens[i] = draw_below(&seed, config->V);
        user->words[i] = (user->tokens[i] + i) % WORDS;
    }
    for (uint32_t t = 0; t < steps; t++) {
        user->row_count[t] = t == 0 ? 1 : 1 + draw_below(&seed, ROWS);
        for (uint32_t i = 0; i < user->row_count[t]; i++) {
            user->parent[t][i] = t == 0 ? 0 : draw_below(&seed, user->row_count[t - 1]);
            user->token[t][i] = t == 0 ? config->start_token : draw_below(&seed, config->V);
        }
    }
}

static void trace_path(const user_case *user, uint32_t t, uint32_t row, uint32_t path[STEPS_MAX])
{
    for (uint32_t s = t + 1; s-- > 0;) {
        path[s] = user->token[s][row];
        row = user->parent[s][row];
    }
}

// What one run gives: outputs of each user, wherever it stood in the batch.
typedef struct {
    float encoded[USERS][S_MAX * WIDTH_MAX];
    float logits[USERS][STEPS_MAX][ROWS][V_MAX];
} outputs;

// How users are put together.
typedef struct {
    uint32_t who[USERS];
    uint32_t B;
    uint32_t chunk;
    uint32_t steps_max;
    uint32_t sequence_extra; // planned beyond what is needed
    bool backwards;          // chunks from the last to the first
} arrangement;

typedef struct {
    uint32_t user[USERS * ROWS];
    uint32_t parent[USERS * ROWS];
    uint32_t token[USERS * ROWS];
    uint32_t local[USERS * ROWS];
    uint32_t count;
    uint32_t first_of[USERS]; // row of this step at which user b's rows begin
} step_rows;

static void place_rows(const user_case *users, const arrangement *a, uint32_t t, step_rows *rows)
{
    step_rows before = *rows;
    rows->count = 0;
    for (uint32_t b = 0; b < a->B; b++) {
        const user_case *user = &users[a->who[b]];
        rows->first_of[b] = rows->count;
        for (uint32_t i = 0; i < user->row_count[t]; i++) {
            uint32_t row = rows->count++;
            rows->user[row] = b;
            rows->parent[row] = t == 0 ? 0 : before.first_of[b] + user->parent[t][i];
            rows->token[row] = user->token[t][i];
            rows->local[row] = i;
        }
    }
}

static void run_step(nj_t5 *model, const arrangement *a, uint32_t t, const step_rows *rows,
                     size_t V, outputs *out)
{
    float logits[USERS * ROWS * V_MAX];
    nj_t5_begin_step(model, t, rows->user, rows->parent, rows->token, rows->count);
    uint32_t chunk_count = (rows->count + a->chunk - 1) / a->chunk;
    for (uint32_t c = 0; c < chunk_count; c++) {
        uint32_t first = (a->backwards ? chunk_count - 1 - c : c) * a->chunk;
        uint32_t n = rows->count - first < a->chunk ? rows->count - first : a->chunk;
        nj_t5_logits(model, t, first, n, logits);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t who = a->who[rows->user[first + i]];
            memcpy(out->logits[who][t][rows->local[first + i]], logits + i * V, V * sizeof(float));
        }
    }
}

static void run_users(const t5_fixture *fixture, const user_case *users, const arrangement *a,
                      outputs *out)
{
    nj_error err = {0};
    uint32_t tokens[USERS * S_MAX];
    uint32_t words[USERS * S_MAX];
    uint32_t offset[USERS + 1] = {0};
    nj_model_limits limits = {.users_max = a->B,
                              .rows_max = a->B * ROWS,
                              .chunk_rows_max = a->chunk,
                              .steps_max = a->steps_max};
    for (uint32_t b = 0; b < a->B; b++) {
        const user_case *user = &users[a->who[b]];
        memcpy(tokens + offset[b], user->tokens, user->S * sizeof *tokens);
        memcpy(words + offset[b], user->words, user->S * sizeof *words);
        offset[b + 1] = offset[b] + user->S;
        limits.sequence_max = user->S > limits.sequence_max ? user->S : limits.sequence_max;
    }
    limits.sequence_max += a->sequence_extra;
    limits.tokens_max = offset[a->B];
    nj_arena arena;
    assert_ok(nj_arena_init(&arena, nj_t5_scratch_bytes(&fixture->config, &limits), &err), &err);
    memset(arena.block, 0xff,
           arena.capacity); // NaN wherever something is read before it is written

    const bool counts_words = nj_t5_word_count(fixture->weights) > 0;
    nj_t5_begin_batch(fixture->model, &limits, tokens, counts_words ? words : NULL, offset, a->B,
                      &arena);
    size_t D = fixture->config.D;
    for (uint32_t b = 0; b < a->B; b++) {
        memcpy(out->encoded[a->who[b]], nj_t5_encoder_output(fixture->model) + offset[b] * D,
               (offset[b + 1] - offset[b]) * D * sizeof(float));
    }
    step_rows rows = {0};
    for (uint32_t t = 0; t < users[a->who[0]].steps; t++) {
        place_rows(users, a, t, &rows);
        run_step(fixture->model, a, t, &rows, fixture->config.V, out);
    }
    nj_arena_fini(&arena);
}

// ---- tests ----

typedef struct {
    const char *name;
    nj_t5_config config;
    bool stores_head;
    bool counts_words;
    uint32_t S[USERS];
    uint32_t steps;
} variant;

static variant make_variant(int i)
{
    variant v = {.config = t5_random_config(), .S = {1, 7, 101, 2}, .steps = STEPS};
    nj_t5_config *c = &v.config;
    switch (i) {
    case 0:
        v.name = "relu, scaled, tied";
        break;
    case 1:
        v.name = "gated, unscaled, stored head";
        c->gated = true;
        c->scale_outputs = false;
        v.stores_head = true;
        v.counts_words = true;
        break;
    case 2:
        v.name = "decoder deeper than encoder, odd buckets";
        c->encoder_layers = 1;
        c->decoder_layers = 3;
        c->R = 7;
        c->start_token = 5;
        break;
    case 3:
        v.name = "one head, fewest buckets, shortest distance";
        c->H = 1;
        c->E = 33;
        c->R = NJ_T5_BUCKETS_MIN;
        c->distance_max = 3;
        c->gated = true;
        break;
    case 4:
        v.name = "head width 1, width 1";
        c->E = 1;
        c->D = 1;
        c->F = 1;
        break;
    case 5:
        v.name = "rows of 4,096 bytes between the blocks";
        c->D = 1024;
        v.S[2] = 9;
        break;
    default:
        v.name = "rows of 4,096 bytes inside the blocks";
        c->gated = true;
        c->H = 2;
        c->E = 512;
        c->F = 1024;
        break;
    }
    return v;
}

#define VARIANTS 7

static void open_variant(const variant *v, t5_random *random, t5_fixture *fixture,
                         const nj_kernels *kernels, user_case users[USERS])
{
    nj_buffer bytes;
    nj_tensor_set *tensors;
    nj_buffer_init(&bytes, BYTES_MAX);
    t5_random_init(random, &v->config, v->stores_head, 11);
    if (v->counts_words) {
        t5_random_add(random, "encoder.whole_word_embeddings.weight", WORDS, v->config.D);
    }
    t5_random_open(random, &bytes, &tensors);
    t5_fixture_open(fixture, &v->config, tensors, kernels);
    nj_tensor_set_close(&tensors);
    nj_buffer_fini(&bytes);
    for (uint32_t u = 0; u < USERS; u++) {
        fill_user(&users[u], &v->config, v->S[u], v->steps, 77 + u);
    }
}

// fmax would pass over NaN.
static double get_worse(double a, double b)
{
    return isnan(a) || a > b ? a : b;
}

static double find_difference(const float *ours, const double *theirs, size_t count)
{
    double most = 0.0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)ours[i] - theirs[i]);
        most = get_worse(difference, most);
    }
    return most;
}

static double compare_user(const reference *r, bool stores_head, const user_case *user,
                           const outputs *out, uint32_t u)
{
    static rows_of_width encoded, logits;
    size_t D = r->config->D;
    double most = 0.0;
    encode(r, user->tokens, user->words, user->S, encoded);
    for (size_t i = 0; i < user->S; i++) {
        most = get_worse(most, find_difference(out->encoded[u] + i * D, encoded[i], D));
    }
    for (uint32_t t = 0; t < user->steps; t++) {
        for (uint32_t row = 0; row < user->row_count[t]; row++) {
            uint32_t path[STEPS_MAX];
            trace_path(user, t, row, path);
            decode(r, stores_head, user->S, encoded, path, t + 1, logits);
            most =
                get_worse(most, find_difference(out->logits[u][t][row], logits[0], r->config->V));
        }
    }
    return most;
}

static double find_tolerance(const nj_kernels *kernels)
{
    return strcmp(kernels->precision, "int8") == 0   ? TOLERANCE_INT8
           : strcmp(kernels->precision, "bf16") == 0 ? TOLERANCE_BF16
                                                     : TOLERANCE;
}

static void encoder_and_step_tree_match_double_precision(void **state)
{
    (void)state;
    outputs *out = calloc(1, sizeof *out);
    assert_non_null(out);
    for (int i = 0; i < VARIANTS; i++) {
        for (size_t k = 0; nj_kernels_at(k) != NULL; k++) {
            variant v = make_variant(i);
            t5_random random;
            t5_fixture fixture;
            user_case users[USERS];
            open_variant(&v, &random, &fixture, nj_kernels_at(k), users);
            arrangement a = {.who = {0, 1, 2, 3}, .B = USERS, .chunk = 4, .steps_max = STEPS};

            run_users(&fixture, users, &a, out);

            reference r = {&v.config, &random, v.counts_words};
            for (uint32_t u = 0; u < USERS; u++) {
                double most = compare_user(&r, v.stores_head, &users[u], out, u);
                if (!(most <= find_tolerance(nj_kernels_at(k)))) {
                    fail_msg("%s, %s, user %u differs by %g", v.name, nj_kernels_at(k)->name, u,
                             most);
                }
            }
            t5_fixture_close(&fixture);
            t5_random_fini(&random);
        }
    }
    free(out);
}

static void answers_of_many_tokens_match_double_precision(void **state)
{
    (void)state;
    outputs *out = calloc(1, sizeof *out);
    assert_non_null(out);
    variant v = make_variant(2);
    v.S[2] = 12;
    v.steps = STEPS_MAX;
    t5_random random;
    t5_fixture fixture;
    user_case users[USERS];
    open_variant(&v, &random, &fixture, nj_kernels_at(0), users);
    const arrangement a = {
        .who = {3, 0, 1, 2}, .B = USERS, .chunk = 7, .steps_max = NJ_MODEL_STEPS_MAX};

    run_users(&fixture, users, &a, out);

    reference r = {&v.config, &random, v.counts_words};
    for (uint32_t u = 0; u < USERS; u++) {
        assert_true(compare_user(&r, v.stores_head, &users[u], out, u) <= TOLERANCE);
    }
    t5_fixture_close(&fixture);
    t5_random_fini(&random);
    free(out);
}

static const arrangement ARRANGEMENTS[] = {
    {.who = {0, 1, 2, 3}, .B = 4, .chunk = 1, .steps_max = STEPS},
    {.who = {0, 1, 2, 3}, .B = 4, .chunk = 3, .steps_max = STEPS},
    {.who = {0, 1, 2, 3}, .B = 4, .chunk = 3, .steps_max = STEPS, .backwards = true},
    {.who = {0, 1, 2, 3}, .B = 4, .chunk = USERS * ROWS, .steps_max = STEPS + 30},
    {.who = {3, 2, 1, 0}, .B = 4, .chunk = 7, .steps_max = STEPS, .sequence_extra = 9},
    {.who = {2, 0}, .B = 2, .chunk = 2, .steps_max = STEPS + 1},
};

static void compare_bits(const user_case *users, const arrangement *a, const outputs *alone,
                         const outputs *together, const nj_t5_config *config)
{
    for (uint32_t b = 0; b < a->B; b++) {
        uint32_t u = a->who[b];
        assert_memory_equal(alone->encoded[u], together->encoded[u],
                            users[u].S * config->D * sizeof(float));
        for (uint32_t t = 0; t < users[u].steps; t++) {
            for (uint32_t row = 0; row < users[u].row_count[t]; row++) {
                assert_memory_equal(alone->logits[u][t][row], together->logits[u][t][row],
                                    config->V * sizeof(float));
            }
        }
    }
}

static void a_users_bits_depend_on_that_user_alone(void **state)
{
    (void)state;
    size_t exact_sets = 0;
    outputs *alone = calloc(1, sizeof *alone);
    outputs *together = calloc(1, sizeof *together);
    assert_true(alone != NULL && together != NULL);
    for (int i = 0; i < VARIANTS; i++) {
        for (size_t k = 0; nj_kernels_at(k) != NULL; k++) {
            if (strcmp(nj_kernels_at(k)->numeric_class, "exact") != 0) {
                continue;
            }
            exact_sets++;
            variant v = make_variant(i);
            t5_random random;
            t5_fixture fixture;
            user_case users[USERS];
            open_variant(&v, &random, &fixture, nj_kernels_at(k), users);
            for (uint32_t u = 0; u < USERS; u++) {
                arrangement single = {.who = {u}, .B = 1, .chunk = ROWS, .steps_max = STEPS};
                run_users(&fixture, users, &single, alone);
            }
            for (size_t j = 0; j < sizeof ARRANGEMENTS / sizeof ARRANGEMENTS[0]; j++) {
                memset(together, 0, sizeof *together);
                run_users(&fixture, users, &ARRANGEMENTS[j], together);
                compare_bits(users, &ARRANGEMENTS[j], alone, together, &v.config);
            }
            t5_fixture_close(&fixture);
            t5_random_fini(&random);
        }
    }
    assert_true(exact_sets >= VARIANTS);
    free(together);
    free(alone);
}

static void every_set_of_the_exact_class_gives_the_same_bits(void **state)
{
    (void)state;
    static const arrangement ALL = {
        .who = {0, 1, 2, 3}, .B = USERS, .chunk = 6, .steps_max = STEPS};
    outputs *law = calloc(1, sizeof *law);
    outputs *out = calloc(1, sizeof *out);
    assert_true(law != NULL && out != NULL);
    assert_string_equal(nj_kernels_at(0)->name, "ref");
    for (int i = 0; i < VARIANTS; i++) {
        for (size_t k = 0; nj_kernels_at(k) != NULL; k++) {
            if (strcmp(nj_kernels_at(k)->numeric_class, "exact") != 0) {
                continue;
            }
            variant v = make_variant(i);
            t5_random random;
            t5_fixture fixture;
            user_case users[USERS];
            open_variant(&v, &random, &fixture, nj_kernels_at(k), users);
            run_users(&fixture, users, &ALL, k == 0 ? law : out);
            if (k > 0) {
                compare_bits(users, &ALL, law, out, &v.config);
            }
            t5_fixture_close(&fixture);
            t5_random_fini(&random);
        }
    }
    free(out);
    free(law);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoder_and_step_tree_match_double_precision),
        cmocka_unit_test(answers_of_many_tokens_match_double_precision),
        cmocka_unit_test(a_users_bits_depend_on_that_user_alone),
        cmocka_unit_test(every_set_of_the_exact_class_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
