// test_vectors.c - an item's vector in a prompt reads as an embedding that is the projected vector would.
#include <math.h>

#include "tests/unit/decoder_only/asked.h"

#define TOLERANCE 2e-5
#define CASE "llama-linear" // its head is not its embedding
#define MODEL_WIDTH 32
#define VECTOR_WIDTH 5
#define HIDDEN 9
#define ROWS 4
#define ZERO_ROW 2
#define WORD 7  // the token whose embedding becomes a projected vector
#define BLANK 9 // and that whose embedding becomes zero
#define TOKENS 60
#define SECTION_BYTES_MAX ((size_t)1 << 24)

typedef struct {
    lm_fixture fixture;
    float vectors[ROWS * VECTOR_WIDTH];
    float in[HIDDEN * VECTOR_WIDTH], in_bias[HIDDEN], out[MODEL_WIDTH * HIDDEN],
        out_bias[MODEL_WIDTH];
    nj_lm_config config; // with the projector
    nj_buffer section;
    nj_tensor_set *weights; // the fixture's and a projector
} world;

static void draw(float *values, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = sinf((float)(i * 7 + seed * 31 + 1)); // any numbers
    }
}

// The fixture's tensors, with `embedding` for its own where there is one, and the projector.
static nj_status convert(world *w, const float *embedding, nj_buffer *section, nj_error *err)
{
    nj_tensor_source sources[64];
    size_t count = nj_tensor_set_count(w->fixture.weights);
    for (size_t i = 0; i < count; i++) {
        const nj_tensor *tensor = nj_tensor_set_at(w->fixture.weights, i);
        sources[i] = (nj_tensor_source){
            tensor->name, tensor->dim_count, {0}, (const float *)(const void *)tensor->data};
        memcpy(sources[i].shape, tensor->shape, sizeof tensor->shape);
        if (embedding != NULL && strcmp(tensor->name, "model.embed_tokens.weight") == 0) {
            sources[i].data = embedding;
        }
    }
    sources[count++] = (nj_tensor_source){"projector.0.weight", 2, {HIDDEN, VECTOR_WIDTH}, w->in};
    sources[count++] = (nj_tensor_source){"projector.0.bias", 1, {HIDDEN}, w->in_bias};
    sources[count++] = (nj_tensor_source){"projector.2.weight", 2, {MODEL_WIDTH, HIDDEN}, w->out};
    sources[count++] = (nj_tensor_source){"projector.2.bias", 1, {MODEL_WIDTH}, w->out_bias};
    nj_buffer file;
    nj_tensor_set *stored;
    nj_buffer_init(&file, SECTION_BYTES_MAX);
    nj_buffer_init(section, SECTION_BYTES_MAX);
    assert_ok(nj_tensors_write(sources, count, &file, err), err);
    assert_ok(nj_tensor_set_open_bytes(file.bytes, file.size, "checkpoint", &stored, err), err);
    const nj_status status = nj_lm_weights_convert(&w->fixture.config, stored, section, err);
    nj_tensor_set_close(&stored);
    nj_buffer_fini(&file);
    return status;
}

static const nj_kernels *choose(const char *name)
{
    nj_error err = {0};
    const nj_kernels *kernels;
    assert_ok(nj_kernels_select(name, &kernels, &err), &err);
    return kernels;
}

static void setup(world *w, const nj_kernels *kernels)
{
    nj_error err = {0};
    lm_fixture_open(CASE, kernels, &w->fixture);
    assert_int_equal(w->fixture.config.D, MODEL_WIDTH);
    draw(w->vectors, ROWS * VECTOR_WIDTH, 1);
    memset(w->vectors + ZERO_ROW * VECTOR_WIDTH, 0, VECTOR_WIDTH * sizeof *w->vectors);
    w->vectors[ZERO_ROW * VECTOR_WIDTH + 1] = -0.0f;
    draw(w->in, HIDDEN * VECTOR_WIDTH, 2);
    draw(w->in_bias, HIDDEN, 3);
    draw(w->out, MODEL_WIDTH * HIDDEN, 4);
    draw(w->out_bias, MODEL_WIDTH, 5);
    assert_ok(convert(w, NULL, &w->section, &err), &err);
    assert_ok(
        nj_tensor_set_open_bytes(w->section.bytes, w->section.size, "weights", &w->weights, &err),
        &err);
    w->config = w->fixture.config;
    assert_ok(nj_lm_projector_read(w->weights, &w->config, &err), &err);
    assert_int_equal(w->config.vector_width, VECTOR_WIDTH);
    assert_int_equal(w->config.vector_hidden, HIDDEN);
}

static void teardown(world *w)
{
    nj_tensor_set_close(&w->weights);
    nj_buffer_fini(&w->section);
    lm_fixture_close(&w->fixture);
}

static nj_lm *open_model(const world *w, const nj_tensor_set *weights)
{
    nj_error err = {0};
    nj_lm *model = NULL;
    const nj_lm_vectors vectors = {w->vectors, ROWS, VECTOR_WIDTH};
    assert_ok(nj_lm_open(&w->config, weights, w->fixture.kernels, NULL, 0, TOKENS, &vectors, &model,
                         &err),
              &err);
    return model;
}

// Linear, GELU, Linear in double precision.
static void project(const world *w, const float *vector, float *out)
{
    double hidden[HIDDEN];
    for (size_t p = 0; p < HIDDEN; p++) {
        double x = (double)w->in_bias[p];
        for (size_t c = 0; c < VECTOR_WIDTH; c++) {
            x += (double)w->in[p * VECTOR_WIDTH + c] * (double)vector[c];
        }
        hidden[p] = x * 0.5 * (1.0 + erf(x / sqrt(2.0)));
    }
    for (size_t d = 0; d < MODEL_WIDTH; d++) {
        double x = (double)w->out_bias[d];
        for (size_t p = 0; p < HIDDEN; p++) {
            x += (double)w->out[d * HIDDEN + p] * hidden[p];
        }
        out[d] = (float)x;
    }
}

static void copy_prompt(const world *w, uint32_t *tokens)
{
    memcpy(tokens, w->fixture.tokens + 2 * w->fixture.token_stride, TOKENS * sizeof *tokens);
    for (size_t i = 0; i < TOKENS; i++) {
        tokens[i] = tokens[i] == WORD || tokens[i] == BLANK ? 3 : tokens[i];
    }
}

static void check_reading(const nj_kernels *kernels)
{
    nj_error err = {0};
    world w;
    setup(&w, kernels);
    float *embedding = calloc((size_t)w.config.V * MODEL_WIDTH, sizeof *embedding);
    assert_ok(nj_tensor_read_f32(nj_tensor_set_find(w.weights, "model.embed_tokens.weight"),
                                 embedding, &err),
              &err);
    project(&w, w.vectors + 3 * VECTOR_WIDTH, embedding + WORD * MODEL_WIDTH);
    memset(embedding + BLANK * MODEL_WIDTH, 0, MODEL_WIDTH * sizeof *embedding);
    nj_buffer section;
    nj_tensor_set *changed;
    assert_ok(convert(&w, embedding, &section, &err), &err);
    assert_ok(nj_tensor_set_open_bytes(section.bytes, section.size, "weights", &changed, &err),
              &err);
    nj_lm *model = open_model(&w, w.weights);
    nj_lm *other = open_model(&w, changed);
    const uint32_t offset[] = {0, TOKENS};
    uint32_t tokens[TOKENS];
    copy_prompt(&w, tokens);
    tokens[4] = WORD;
    tokens[5] = BLANK;
    tokens[TOKENS - 1] = WORD;
    asked wanted = ask(other, &w.config, tokens, offset, 1, 1, 16);
    tokens[4] = NJ_LM_VECTOR | 3;
    tokens[5] = NJ_LM_VECTOR | ZERO_ROW;
    tokens[TOKENS - 1] = NJ_LM_VECTOR | 3;
    asked found = ask(model, &w.config, tokens, offset, 1, 1, 16);
    check_logits_near(answer(&found, 0, NULL), answer(&wanted, 0, NULL), w.config.V, TOLERANCE,
                      kernels->name);
    forget(&found);
    forget(&wanted);
    nj_lm_close(&model);
    nj_lm_close(&other);
    nj_tensor_set_close(&changed);
    nj_buffer_fini(&section);
    free(embedding);
    teardown(&w);
}

static void a_vector_reads_as_an_embedding_and_zero_as_zero(void **state)
{
    (void)state;
    const nj_kernels *kernels;
    for (size_t k = 0; (kernels = nj_kernels_at(k)) != NULL; k++) {
        if (strcmp(kernels->precision, "float32") == 0) {
            check_reading(kernels);
        }
    }
}

static void a_users_bits_with_vectors_depend_on_no_other_user_and_no_chunk(void **state)
{
    (void)state;
    world w;
    setup(&w, choose("auto"));
    nj_lm *model = open_model(&w, w.weights);
    uint32_t tokens[2 * TOKENS];
    copy_prompt(&w, tokens);
    for (uint32_t i = 0; i < TOKENS; i += 3) {
        tokens[i] = NJ_LM_VECTOR | (i % ROWS);
    }
    memcpy(tokens + TOKENS, tokens, TOKENS * sizeof *tokens);
    const uint32_t alone[] = {0, TOKENS};
    const uint32_t both[] = {0, 33, TOKENS + 33}; // a shorter one, then the whole
    memmove(tokens + 33, tokens + TOKENS, TOKENS * sizeof *tokens);
    asked wanted = ask(model, &w.config, tokens + 33, alone, 1, 1, 64);
    answer(&wanted, 0, NULL);
    static const uint32_t CHUNKS[] = {1, 7, 200};
    for (size_t i = 0; i < 3; i++) {
        asked found = ask(model, &w.config, tokens, both, 2, 1, CHUNKS[i]);
        assert_memory_equal(answer(&found, 0, NULL) + w.config.V, wanted.logits,
                            w.config.V * sizeof *wanted.logits);
        forget(&found);
    }
    forget(&wanted);
    nj_lm_close(&model);
    teardown(&w);
}

static void vectors_of_another_width_and_without_end_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    world w;
    nj_lm *model = NULL;
    setup(&w, choose("auto"));
    const nj_lm_vectors narrow = {w.vectors, ROWS, VECTOR_WIDTH - 1};
    assert_refused(
        nj_lm_open(&w.config, w.weights, w.fixture.kernels, NULL, 0, TOKENS, &narrow, &model, &err),
        NJ_CONFIG, &err, "have 4 numbers, the model's projector takes 5");
    const nj_lm_vectors some = {w.vectors, ROWS, VECTOR_WIDTH};
    assert_refused(nj_lm_open(&w.fixture.config, w.fixture.weights, w.fixture.kernels, NULL, 0,
                              TOKENS, &some, &model, &err),
                   NJ_CONFIG, &err, "have 5 numbers, the model's projector takes 0");
    w.vectors[3 * VECTOR_WIDTH + 1] = INFINITY;
    assert_refused(
        nj_lm_open(&w.config, w.weights, w.fixture.kernels, NULL, 0, TOKENS, &some, &model, &err),
        NJ_INPUT, &err, "number 1 of row 3 of 4 is not finite");
    assert_null(model);
    teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vector_reads_as_an_embedding_and_zero_as_zero),
        cmocka_unit_test(a_users_bits_with_vectors_depend_on_no_other_user_and_no_chunk),
        cmocka_unit_test(vectors_of_another_width_and_without_end_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
