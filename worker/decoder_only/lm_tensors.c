#include <stdio.h>
#include <string.h>

#include "worker/decoder_only/lm_internal.h"

typedef enum {
    SIZE_NONE,
    SIZE_D,
    SIZE_HE,
    SIZE_GE,
    SIZE_E,
    SIZE_F,
    SIZE_C, // of the projector
    SIZE_P,
} size_letter;

typedef struct {
    const char *name;
    size_t offset; // of the slot in nj_lm_layer or nj_lm
    bool is_linear;
    bool optional;
    size_letter rows;
    size_letter columns; // SIZE_NONE: one dimension
    size_t allowed;      // optional: offset of a bool in nj_lm_config
} tensor_rule;

#define ALLOWED(field) offsetof(nj_lm_config, field)

#define SLOT(field) offsetof(nj_lm_layer, field)
#define PROJECTION(name, field, rows, columns, allowed)                                            \
    {name ".weight", SLOT(field.weight), true, false, rows, columns, 0},                           \
    {                                                                                              \
        name ".bias", SLOT(field.bias), false, true, rows, SIZE_NONE, ALLOWED(allowed)             \
    }

static const tensor_rule LAYER[] = {
    {"input_layernorm.weight", SLOT(attention_norm), false, false, SIZE_D, SIZE_NONE, 0},
    PROJECTION("self_attn.q_proj", q, SIZE_HE, SIZE_D, qkv_bias),
    PROJECTION("self_attn.k_proj", k, SIZE_GE, SIZE_D, qkv_bias),
    PROJECTION("self_attn.v_proj", v, SIZE_GE, SIZE_D, qkv_bias),
    PROJECTION("self_attn.o_proj", o, SIZE_D, SIZE_HE, output_bias),
    {"self_attn.q_norm.weight", SLOT(q_norm), false, true, SIZE_E, SIZE_NONE, ALLOWED(head_norms)},
    {"self_attn.k_norm.weight", SLOT(k_norm), false, true, SIZE_E, SIZE_NONE, ALLOWED(head_norms)},
    {"post_attention_layernorm.weight", SLOT(dense_norm), false, false, SIZE_D, SIZE_NONE, 0},
    PROJECTION("mlp.gate_proj", gate, SIZE_F, SIZE_D, dense_bias),
    PROJECTION("mlp.up_proj", up, SIZE_F, SIZE_D, dense_bias),
    PROJECTION("mlp.down_proj", down, SIZE_D, SIZE_F, dense_bias),
};

// Those behind the first are of the projector.
static const tensor_rule MODEL[] = {
    {NJ_LM_MODEL "norm.weight", offsetof(nj_lm, final_norm), false, false, SIZE_D, SIZE_NONE, 0},
    {NJ_PROJECTOR "0.weight", offsetof(nj_lm, project_in.weight), true, false, SIZE_P, SIZE_C, 0},
    {NJ_PROJECTOR "0.bias", offsetof(nj_lm, project_in.bias), false, false, SIZE_P, SIZE_NONE, 0},
    {NJ_PROJECTOR "2.weight", offsetof(nj_lm, project_out.weight), true, false, SIZE_D, SIZE_P, 0},
    {NJ_PROJECTOR "2.bias", offsetof(nj_lm, project_out.bias), false, false, SIZE_D, SIZE_NONE, 0},
};

#define RULE_COUNT(rules) (sizeof(rules) / sizeof((rules)[0]))

static size_t get_size(const nj_lm_config *config, size_letter letter)
{
    switch (letter) {
    case SIZE_D:
        return config->D;
    case SIZE_HE:
        return (size_t)config->H * config->E;
    case SIZE_GE:
        return (size_t)config->G * config->E;
    case SIZE_E:
        return config->E;
    case SIZE_F:
        return config->F;
    case SIZE_C:
        return config->vector_width;
    case SIZE_P:
        return config->vector_hidden;
    case SIZE_NONE:
        break;
    }
    return 1;
}

nj_lm_walk nj_lm_walk_begin(const nj_lm_config *config)
{
    return (nj_lm_walk){.config = config};
}

static const tensor_rule *find_rule(const nj_lm_walk *walk)
{
    return walk->layer < walk->config->layers ? &LAYER[walk->rule] : &MODEL[walk->rule];
}

static void describe(nj_lm_walk *walk, const tensor_rule *rule)
{
    if (walk->layer < walk->config->layers) {
        snprintf(walk->name, sizeof walk->name, NJ_LM_MODEL "layers.%u.%s", walk->layer,
                 rule->name);
        snprintf(walk->first, sizeof walk->first, NJ_LM_MODEL "layers.0.%s", rule->name);
    } else {
        snprintf(walk->name, sizeof walk->name, "%s", rule->name);
    }
    walk->shape[0] = get_size(walk->config, rule->rows);
    walk->shape[1] = get_size(walk->config, rule->columns);
    walk->dim_count = rule->columns == SIZE_NONE ? 1 : 2;
    walk->is_linear = rule->is_linear;
    walk->optional = rule->optional;
    walk->denied = rule->optional && !*(const bool *)((const char *)walk->config + rule->allowed);
}

static size_t count_rules(const nj_lm_walk *walk)
{
    if (walk->layer < walk->config->layers) {
        return RULE_COUNT(LAYER);
    }
    return walk->config->vector_width > 0 ? RULE_COUNT(MODEL) : 1;
}

// The rule at hand is that of the tensor given last, until the walk goes on.
bool nj_lm_walk_next(nj_lm_walk *walk)
{
    if (walk->name[0] != '\0') {
        walk->rule++;
        if (walk->rule == count_rules(walk)) {
            walk->rule = 0;
            walk->layer++;
        }
    }
    if (walk->layer > walk->config->layers) {
        return false;
    }
    describe(walk, find_rule(walk));
    return true;
}

const char *nj_lm_walk_stored(const nj_lm_walk *walk, const char *name)
{
    const size_t words = strlen(NJ_LM_MODEL);
    return walk->bare && strncmp(name, NJ_LM_MODEL, words) == 0 ? name + words : name;
}

bool nj_lm_walk_wants(const nj_lm_walk *walk, const nj_tensor_set *tensors)
{
    return !walk->optional ||
           nj_tensor_set_find(tensors, nj_lm_walk_stored(walk, walk->first)) != NULL;
}

void *nj_lm_walk_slot(const nj_lm_walk *walk, nj_lm *model)
{
    char *base =
        walk->layer < walk->config->layers ? (char *)&model->layers[walk->layer] : (char *)model;
    return base + find_rule(walk)->offset;
}

size_t nj_lm_tensor_count(const nj_lm_config *config)
{
    return config->layers * RULE_COUNT(LAYER) + RULE_COUNT(MODEL) + 2; // embedding and head
}
