#include <stdio.h>

#include "worker/t5/t5_internal.h"

typedef enum { SIZE_NONE, SIZE_D, SIZE_HE, SIZE_F, SIZE_R, SIZE_H } size_letter;
typedef enum { ALWAYS, IF_RELU, IF_GATED } rule_condition;
typedef enum { PLAIN, LINEAR, LINEAR_HEADS, LINEAR_TRANSPOSED } slot_kind;

typedef struct {
    const char *name;
    size_t offset; // of the slot in nj_t5_block or nj_t5_stack
    slot_kind kind;
    size_letter rows;
    size_letter columns; // SIZE_NONE: one dimension
    rule_condition condition;
} tensor_rule;

#define SLOT(field) offsetof(nj_t5_block, field)

static const tensor_rule ENCODER_BLOCK[] = {
    {"layer.0.layer_norm.weight", SLOT(self_norm), PLAIN, SIZE_D, SIZE_NONE, ALWAYS},
    {"layer.0.SelfAttention.q.weight", SLOT(self.q), LINEAR, SIZE_HE, SIZE_D, ALWAYS},
    {"layer.0.SelfAttention.k.weight", SLOT(self.k), LINEAR, SIZE_HE, SIZE_D, ALWAYS},
    {"layer.0.SelfAttention.v.weight", SLOT(self.v), LINEAR, SIZE_HE, SIZE_D, ALWAYS},
    {"layer.0.SelfAttention.o.weight", SLOT(self.o), LINEAR, SIZE_D, SIZE_HE, ALWAYS},
    {"layer.1.layer_norm.weight", SLOT(dense_norm), PLAIN, SIZE_D, SIZE_NONE, ALWAYS},
    {"layer.1.DenseReluDense.wi.weight", SLOT(wi), LINEAR, SIZE_F, SIZE_D, IF_RELU},
    {"layer.1.DenseReluDense.wi_0.weight", SLOT(wi), LINEAR, SIZE_F, SIZE_D, IF_GATED},
    {"layer.1.DenseReluDense.wi_1.weight", SLOT(gate), LINEAR, SIZE_F, SIZE_D, IF_GATED},
    {"layer.1.DenseReluDense.wo.weight", SLOT(wo), LINEAR, SIZE_D, SIZE_F, ALWAYS},
};

static const tensor_rule DECODER_BLOCK[] = {
    {"layer.0.layer_norm.weight", SLOT(self_norm), PLAIN, SIZE_D, SIZE_NONE, ALWAYS},
    {"layer.0.SelfAttention.q.weight", SLOT(self.q), LINEAR, SIZE_HE, SIZE_D, ALWAYS},
    {"layer.0.SelfAttention.k.weight", SLOT(self.k), LINEAR, SIZE_HE, SIZE_D, ALWAYS},
    {"layer.0.SelfAttention.v.weight", SLOT(self.v), LINEAR, SIZE_HE, SIZE_D, ALWAYS},
    {"layer.0.SelfAttention.o.weight", SLOT(self.o), LINEAR, SIZE_D, SIZE_HE, ALWAYS},
    {"layer.1.layer_norm.weight", SLOT(cross_norm), PLAIN, SIZE_D, SIZE_NONE, ALWAYS},
    {"layer.1.EncDecAttention.q.weight", SLOT(cross.q), LINEAR, SIZE_HE, SIZE_D, ALWAYS},
    {"layer.1.EncDecAttention.k.weight", SLOT(cross.k), LINEAR_TRANSPOSED, SIZE_HE, SIZE_D, ALWAYS},
    {"layer.1.EncDecAttention.v.weight", SLOT(cross.v), LINEAR_HEADS, SIZE_HE, SIZE_D, ALWAYS},
    {"layer.1.EncDecAttention.o.weight", SLOT(cross.o), LINEAR, SIZE_D, SIZE_HE, ALWAYS},
    {"layer.2.layer_norm.weight", SLOT(dense_norm), PLAIN, SIZE_D, SIZE_NONE, ALWAYS},
    {"layer.2.DenseReluDense.wi.weight", SLOT(wi), LINEAR, SIZE_F, SIZE_D, IF_RELU},
    {"layer.2.DenseReluDense.wi_0.weight", SLOT(wi), LINEAR, SIZE_F, SIZE_D, IF_GATED},
    {"layer.2.DenseReluDense.wi_1.weight", SLOT(gate), LINEAR, SIZE_F, SIZE_D, IF_GATED},
    {"layer.2.DenseReluDense.wo.weight", SLOT(wo), LINEAR, SIZE_D, SIZE_F, ALWAYS},
};

static const tensor_rule STACK[] = {
    {"block.0.layer.0.SelfAttention.relative_attention_bias.weight", offsetof(nj_t5_stack, bias),
     PLAIN, SIZE_R, SIZE_H, ALWAYS},
    {"final_layer_norm.weight", offsetof(nj_t5_stack, final_norm), PLAIN, SIZE_D, SIZE_NONE,
     ALWAYS},
};

#define RULE_COUNT(rules) (sizeof(rules) / sizeof((rules)[0]))

static const struct {
    const char *name;
    const tensor_rule *block_rules;
    size_t block_rule_count;
} STACKS[] = {
    {"encoder", ENCODER_BLOCK, RULE_COUNT(ENCODER_BLOCK)},
    {"decoder", DECODER_BLOCK, RULE_COUNT(DECODER_BLOCK)},
};

static size_t get_size(const nj_t5_config *config, size_letter letter)
{
    switch (letter) {
    case SIZE_D:
        return config->D;
    case SIZE_HE:
        return (size_t)config->H * config->E;
    case SIZE_F:
        return config->F;
    case SIZE_R:
        return config->R;
    case SIZE_H:
        return config->H;
    case SIZE_NONE:
        break;
    }
    return 1;
}

static bool applies(const tensor_rule *rule, const nj_t5_config *config)
{
    return rule->condition == ALWAYS || (rule->condition == IF_GATED) == config->gated;
}

static void describe(nj_t5_walk *walk, const tensor_rule *rule, bool in_block)
{
    const char *stack = STACKS[walk->stack].name;
    if (in_block) {
        snprintf(walk->name, sizeof walk->name, "%s.block.%u.%s", stack, walk->block, rule->name);
    } else {
        snprintf(walk->name, sizeof walk->name, "%s.%s", stack, rule->name);
    }
    walk->shape[0] = get_size(walk->config, rule->rows);
    walk->shape[1] = get_size(walk->config, rule->columns);
    walk->dim_count = rule->columns == SIZE_NONE ? 1 : 2;
    walk->is_linear = rule->kind != PLAIN;
    walk->packing = rule->kind == LINEAR_HEADS        ? NJ_T5_PACK_HEADS
                    : rule->kind == LINEAR_TRANSPOSED ? NJ_T5_PACK_TRANSPOSED
                                                      : NJ_T5_PACK_WHOLE;
    walk->in_block = in_block;
    walk->slot_stack = walk->stack;
    walk->slot_block = walk->block;
    walk->slot_offset = rule->offset;
}

nj_t5_walk nj_t5_walk_begin(const nj_t5_config *config)
{
    return (nj_t5_walk){.config = config};
}

bool nj_t5_walk_next(nj_t5_walk *walk)
{
    const nj_t5_config *config = walk->config;
    const size_t stack_count = config->decoder_layers > 0 ? RULE_COUNT(STACKS) : 1;
    while (walk->stack < stack_count) {
        uint32_t block_count = walk->stack == 0 ? config->encoder_layers : config->decoder_layers;
        bool in_block = walk->block < block_count;
        const tensor_rule *rules = in_block ? STACKS[walk->stack].block_rules : STACK;
        size_t rule_count = in_block ? STACKS[walk->stack].block_rule_count : RULE_COUNT(STACK);
        if (walk->rule < rule_count) {
            const tensor_rule *rule = &rules[walk->rule++];
            if (applies(rule, config)) {
                describe(walk, rule, in_block);
                return true;
            }
            continue;
        }
        walk->rule = 0;
        walk->block = in_block ? walk->block + 1 : 0;
        walk->stack += in_block ? 0 : 1;
    }
    return false;
}

void *nj_t5_walk_slot(const nj_t5_walk *walk, nj_t5 *model)
{
    nj_t5_stack *stack = walk->slot_stack == 0 ? &model->encoder : &model->decoder;
    char *base = walk->in_block ? (char *)&stack->blocks[walk->slot_block] : (char *)stack;
    return base + walk->slot_offset;
}

size_t nj_t5_tensor_count(const nj_t5_config *config)
{
    size_t count = 3; // embedding, head and whole words
    nj_t5_walk walk = nj_t5_walk_begin(config);
    while (nj_t5_walk_next(&walk)) {
        count++;
    }
    return count;
}
