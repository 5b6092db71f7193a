#include <stdio.h>

#include "worker/encoder/encoder_internal.h"

typedef enum { SIZE_NONE, SIZE_D, SIZE_F, SIZE_V, SIZE_POSITIONS, SIZE_TYPES } size_letter;

typedef struct {
    const char *name;
    size_t offset; // of the slot in nj_encoder_layer or nj_encoder
    bool is_linear;
    size_letter rows;
    size_letter columns; // SIZE_NONE: one dimension
} tensor_rule;

#define SLOT(field) offsetof(nj_encoder_layer, field)
#define DENSE(name, field, rows, columns)                                                          \
    {name ".weight", SLOT(field.weight), true, rows, columns},                                     \
    {                                                                                              \
        name ".bias", SLOT(field.bias), false, rows, SIZE_NONE                                     \
    }
#define NORM(name, slot)                                                                           \
    {name ".weight", slot + offsetof(nj_encoder_norm, weight), false, SIZE_D, SIZE_NONE},          \
    {                                                                                              \
        name ".bias", slot + offsetof(nj_encoder_norm, bias), false, SIZE_D, SIZE_NONE             \
    }

static const tensor_rule LAYER[] = {
    DENSE("attention.self.query", q, SIZE_D, SIZE_D),
    DENSE("attention.self.key", k, SIZE_D, SIZE_D),
    DENSE("attention.self.value", v, SIZE_D, SIZE_D),
    DENSE("attention.output.dense", o, SIZE_D, SIZE_D),
    NORM("attention.output.LayerNorm", SLOT(attention_norm)),
    DENSE("intermediate.dense", up, SIZE_F, SIZE_D),
    DENSE("output.dense", down, SIZE_D, SIZE_F),
    NORM("output.LayerNorm", SLOT(norm)),
};

static const tensor_rule MODEL[] = {
    {"embeddings.word_embeddings.weight", offsetof(nj_encoder, words), false, SIZE_V, SIZE_D},
    {"embeddings.position_embeddings.weight", offsetof(nj_encoder, positions), false,
     SIZE_POSITIONS, SIZE_D},
    {"embeddings.token_type_embeddings.weight", offsetof(nj_encoder, types), false, SIZE_TYPES,
     SIZE_D},
    NORM("embeddings.LayerNorm", offsetof(nj_encoder, norm)),
};

#define RULE_COUNT(rules) (sizeof(rules) / sizeof((rules)[0]))

static size_t get_size(const nj_encoder_config *config, size_letter letter)
{
    switch (letter) {
    case SIZE_D:
        return config->D;
    case SIZE_F:
        return config->F;
    case SIZE_V:
        return config->V;
    case SIZE_POSITIONS:
        return config->position_count;
    case SIZE_TYPES:
        return config->type_count;
    case SIZE_NONE:
        break;
    }
    return 1;
}

nj_encoder_walk nj_encoder_walk_begin(const nj_encoder_config *config)
{
    return (nj_encoder_walk){.config = config};
}

static bool is_in_layer(const nj_encoder_walk *walk)
{
    return walk->layer < walk->config->layers;
}

static const tensor_rule *find_rule(const nj_encoder_walk *walk)
{
    return is_in_layer(walk) ? &LAYER[walk->rule] : &MODEL[walk->rule];
}

// The rule at hand is that of the tensor given last, until the walk goes on.
bool nj_encoder_walk_next(nj_encoder_walk *walk)
{
    if (walk->name[0] != '\0') {
        walk->rule++;
        if (walk->rule == (is_in_layer(walk) ? RULE_COUNT(LAYER) : RULE_COUNT(MODEL))) {
            walk->rule = 0;
            walk->layer++;
        }
    }
    if (walk->layer > walk->config->layers) {
        return false;
    }
    const tensor_rule *rule = find_rule(walk);
    if (is_in_layer(walk)) {
        snprintf(walk->name, sizeof walk->name, "encoder.layer.%u.%s", walk->layer, rule->name);
    } else {
        snprintf(walk->name, sizeof walk->name, "%s", rule->name);
    }
    walk->shape[0] = get_size(walk->config, rule->rows);
    walk->shape[1] = get_size(walk->config, rule->columns);
    walk->dim_count = rule->columns == SIZE_NONE ? 1 : 2;
    walk->is_linear = rule->is_linear;
    return true;
}

void *nj_encoder_walk_slot(const nj_encoder_walk *walk, nj_encoder *encoder)
{
    char *base = is_in_layer(walk) ? (char *)&encoder->layers[walk->layer] : (char *)encoder;
    return base + find_rule(walk)->offset;
}

size_t nj_encoder_tensor_count(const nj_encoder_config *config)
{
    return config->layers * RULE_COUNT(LAYER) + RULE_COUNT(MODEL);
}
