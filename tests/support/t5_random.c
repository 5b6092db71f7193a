#include "tests/support/t5_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/nj_test.h"

nj_t5_config t5_random_config(void)
{
    return (nj_t5_config){
        .D = 12,
        .H = 3,
        .E = 5,
        .F = 20,
        .V = 17,
        .encoder_layers = 2,
        .decoder_layers = 1,
        .R = 8,
        .distance_max = 20,
        .start_token = 0,
        .epsilon = 1e-6f,
        .scale_outputs = true,
    };
}

// splitmix64, Steele et al. 2014; uniform in [-1, 1).
static float draw(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (float)(z >> 40) / (float)(1 << 23) - 1.0f;
}

float *t5_random_add(t5_random *model, const char *name, size_t rows, size_t columns)
{
    assert_true(model->count < T5_RANDOM_TENSORS_MAX);
    nj_tensor_source *tensor = &model->tensors[model->count++];
    size_t count = (rows == 0 ? 1 : rows) * columns;
    float *values = calloc(count, sizeof *values);
    char *copy = strdup(name);
    assert_true(values != NULL && copy != NULL);
    // Norm weights around 1; matrices so that a product of unit inputs is about 1.
    float width = rows == 0 ? 0.5f : sqrtf(3.0f / (float)columns);
    for (size_t i = 0; i < count; i++) {
        values[i] = draw(&model->seed) * width + (rows == 0 ? 1.0f : 0.0f);
    }
    *tensor = (nj_tensor_source){.name = copy, .data = values, .dim_count = rows == 0 ? 1 : 2};
    tensor->shape[0] = rows == 0 ? columns : rows;
    tensor->shape[1] = rows == 0 ? 0 : columns;
    return values;
}

static float *add_named(t5_random *model, const char *prefix, const char *name, size_t rows,
                        size_t columns)
{
    char full[160];
    snprintf(full, sizeof full, "%s.%s.weight", prefix, name);
    return t5_random_add(model, full, rows, columns);
}

static void add_attention(t5_random *model, const nj_t5_config *c, const char *layer,
                          const char *kind)
{
    char prefix[128];
    snprintf(prefix, sizeof prefix, "%s.%s", layer, kind);
    size_t inner = (size_t)c->H * c->E;
    add_named(model, layer, "layer_norm", 0, c->D);
    // T5 has its 1/sqrt(E) in the initial query weights; without it the softmax of a wide head is a step function.
    float *q = add_named(model, prefix, "q", inner, c->D);
    for (size_t i = 0; i < inner * c->D; i++) {
        q[i] /= sqrtf((float)c->E);
    }
    add_named(model, prefix, "k", inner, c->D);
    add_named(model, prefix, "v", inner, c->D);
    add_named(model, prefix, "o", c->D, inner);
}

static void add_dense(t5_random *model, const nj_t5_config *c, const char *layer)
{
    add_named(model, layer, "layer_norm", 0, c->D);
    if (c->gated) {
        add_named(model, layer, "DenseReluDense.wi_0", c->F, c->D);
        add_named(model, layer, "DenseReluDense.wi_1", c->F, c->D);
    } else {
        add_named(model, layer, "DenseReluDense.wi", c->F, c->D);
    }
    add_named(model, layer, "DenseReluDense.wo", c->D, c->F);
}

static void add_stack(t5_random *model, const nj_t5_config *c, const char *stack, bool decoder)
{
    char layer[96];
    uint32_t blocks = decoder ? c->decoder_layers : c->encoder_layers;
    for (uint32_t b = 0; b < blocks; b++) {
        int l = 0;
        snprintf(layer, sizeof layer, "%s.block.%u.layer.%d", stack, b, l++);
        add_attention(model, c, layer, "SelfAttention");
        if (b == 0) {
            add_named(model, layer, "SelfAttention.relative_attention_bias", c->R, c->H);
        }
        if (decoder) {
            snprintf(layer, sizeof layer, "%s.block.%u.layer.%d", stack, b, l++);
            add_attention(model, c, layer, "EncDecAttention");
        }
        snprintf(layer, sizeof layer, "%s.block.%u.layer.%d", stack, b, l);
        add_dense(model, c, layer);
    }
    add_named(model, stack, "final_layer_norm", 0, c->D);
}

void t5_random_init(t5_random *model, const nj_t5_config *config, bool stores_head, uint64_t seed)
{
    *model = (t5_random){.seed = seed};
    t5_random_add(model, "shared.weight", config->V, config->D);
    if (stores_head) {
        t5_random_add(model, "lm_head.weight", config->V, config->D);
    }
    add_stack(model, config, "encoder", false);
    add_stack(model, config, "decoder", true);
}

static void free_tensor(nj_tensor_source *tensor)
{
    free((void *)(uintptr_t)tensor->name);
    free((void *)(uintptr_t)tensor->data);
}

void t5_random_fini(t5_random *model)
{
    for (size_t i = 0; i < model->count; i++) {
        free_tensor(&model->tensors[i]);
    }
    *model = (t5_random){0};
}

nj_tensor_source *t5_random_find(t5_random *model, const char *name)
{
    for (size_t i = 0; i < model->count; i++) {
        if (strcmp(model->tensors[i].name, name) == 0) {
            return &model->tensors[i];
        }
    }
    fail_msg("the random model has no tensor \"%s\"", name);
    return NULL;
}

void t5_random_remove(t5_random *model, const char *name)
{
    nj_tensor_source *tensor = t5_random_find(model, name);
    free_tensor(tensor);
    *tensor = model->tensors[--model->count];
}

void t5_random_open(t5_random *model, nj_buffer *bytes, nj_tensor_set **out)
{
    nj_error err = {0};
    nj_buffer_clear(bytes);
    assert_ok(nj_tensors_write(model->tensors, model->count, bytes, &err), &err);
    assert_ok(nj_tensor_set_open_bytes(bytes->bytes, bytes->size, "model", out, &err), &err);
}
