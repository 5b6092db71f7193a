#include "worker/train/t5_parameters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "worker/t5/t5_internal.h"
#include "worker/train/rows.h"

// Where a tensor of the inference model stands in this one: its slot there tells its part here.
typedef struct {
    size_t there; // offset in nj_t5_block or nj_t5_stack
    size_t here;  // offset in nj_train_block or nj_train_stack
} slot_pair;

#define BLOCK(field)                                                                               \
    {                                                                                              \
        offsetof(nj_t5_block, field), offsetof(nj_train_block, field)                              \
    }
static const slot_pair BLOCK_SLOTS[] = {
    BLOCK(self_norm),  BLOCK(self.q),  BLOCK(self.k),  BLOCK(self.v),  BLOCK(self.o),
    BLOCK(cross_norm), BLOCK(cross.q), BLOCK(cross.k), BLOCK(cross.v), BLOCK(cross.o),
    BLOCK(dense_norm), BLOCK(wi),      BLOCK(gate),    BLOCK(wo),
};
static const slot_pair STACK_SLOTS[] = {
    {offsetof(nj_t5_stack, bias), offsetof(nj_train_stack, bias)},
    {offsetof(nj_t5_stack, final_norm), offsetof(nj_train_stack, final_norm)},
};

static void *find_slot(nj_train_t5 *model, const nj_t5_walk *walk)
{
    nj_train_stack *stack = walk->slot_stack == 0 ? &model->encoder : &model->decoder;
    const slot_pair *pairs = walk->in_block ? BLOCK_SLOTS : STACK_SLOTS;
    size_t count = walk->in_block ? sizeof BLOCK_SLOTS / sizeof BLOCK_SLOTS[0]
                                  : sizeof STACK_SLOTS / sizeof STACK_SLOTS[0];
    char *base = walk->in_block ? (char *)&stack->blocks[walk->slot_block] : (char *)stack;
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].there == walk->slot_offset) {
            return base + pairs[i].here;
        }
    }
    abort(); // a tensor of t5_tensors.c without a pair above
}

// ---- the layout ----

static nj_parameter *add_tensor(nj_train_t5 *model, const char *name, const size_t *shape,
                                size_t dim_count)
{
    nj_parameter *tensor = &model->tensors[model->tensor_count++];
    *tensor =
        (nj_parameter){.shape = {shape[0], dim_count > 1 ? shape[1] : 1}, .dim_count = dim_count};
    memcpy(tensor->name, name, nj_min_size(strlen(name), sizeof tensor->name - 1));
    return tensor;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const nj_parameter *)a)->name, ((const nj_parameter *)b)->name);
}

static nj_status lay_out(nj_train_t5 *model, bool has_head, nj_error *err)
{
    const nj_t5_config *config = &model->config;
    const size_t shape[] = {config->V, config->D};
    model->tensors = calloc(nj_t5_tensor_count(config), sizeof *model->tensors);
    model->linears = calloc(nj_t5_tensor_count(config), sizeof(nj_train_linear *));
    if (model->tensors == NULL || model->linears == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the names of parameters");
    }
    add_tensor(model, NJ_T5_EMBEDDING, shape, 2);
    if (has_head) {
        add_tensor(model, NJ_T5_HEAD, shape, 2);
    }
    nj_t5_walk walk = nj_t5_walk_begin(config);
    while (nj_t5_walk_next(&walk)) {
        add_tensor(model, walk.name, walk.shape, walk.dim_count);
    }
    qsort(model->tensors, model->tensor_count, sizeof *model->tensors, compare_names);
    for (size_t i = 0; i < model->tensor_count; i++) {
        nj_parameter *tensor = &model->tensors[i];
        tensor->at = model->count;
        model->count += tensor->shape[0] * tensor->shape[1];
    }
    return NJ_OK;
}

static size_t find_place(const nj_train_t5 *model, const char *name)
{
    for (size_t i = 0; i < model->tensor_count; i++) {
        if (strcmp(model->tensors[i].name, name) == 0) {
            return model->tensors[i].at;
        }
    }
    abort(); // every name asked for was laid out
}

static nj_status read_values(nj_train_t5 *model, const nj_tensor_set *weights, nj_error *err)
{
    model->values = calloc(model->count, sizeof *model->values);
    if (model->values == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu parameters", model->count);
    }
    nj_status status = NJ_OK;
    for (size_t i = 0; i < model->tensor_count && status == NJ_OK; i++) {
        const nj_parameter *parameter = &model->tensors[i];
        const nj_tensor *tensor = NULL;
        status = nj_tensor_set_expect(weights, parameter->name, parameter->shape,
                                      parameter->dim_count, &tensor, err);
        if (status == NJ_OK) {
            status = nj_tensor_read_f32(tensor, model->values + parameter->at, err);
        }
    }
    return status;
}

// ---- linear layers ----

static size_t add_up_arena(const nj_train_t5 *model)
{
    size_t bytes = 0;
    for (size_t i = 0; i < model->linear_count; i++) {
        const size_t N = model->linears[i]->forward.N;
        const size_t K = model->linears[i]->forward.K;
        bytes += nj_arena_cost(N * K * sizeof(float)) + nj_linear_pack_cost(model->kernels, N, K) +
                 nj_linear_pack_cost(model->kernels, K, N);
    }
    return bytes;
}

static void *take_pack(nj_train_t5 *model, size_t N, size_t K)
{
    size_t bytes = model->kernels->linear_pack_bytes(N, K);
    return bytes == 0 ? NULL : nj_arena_take(&model->arena, bytes);
}

static void take_linear(nj_train_t5 *model, nj_train_linear *linear)
{
    const size_t N = linear->forward.N;
    const size_t K = linear->forward.K;
    linear->forward.weight = model->values + linear->at;
    linear->forward.packed = take_pack(model, N, K);
    linear->backward =
        (nj_linear){.weight = nj_arena_take(&model->arena, N * K * sizeof(float)), .N = K, .K = N};
    linear->backward.packed = take_pack(model, K, N);
}

static void repack(const nj_kernels *kernels, nj_linear *linear)
{
    if (linear->packed != NULL) {
        kernels->linear_pack(linear, (void *)linear->packed);
    }
}

void nj_train_pack_linear(nj_train_t5 *model, size_t index)
{
    nj_train_linear *linear = model->linears[index];
    const nj_linear *W = &linear->forward;
    nj_rows_transpose(W->N, W->K, W->weight, W->K, (float *)linear->backward.weight);
    repack(model->kernels, &linear->forward);
    repack(model->kernels, &linear->backward);
}

void nj_train_pack(nj_train_t5 *model)
{
    for (size_t i = 0; i < model->linear_count; i++) {
        nj_train_pack_linear(model, i);
    }
}

// ---- opening ----

static void set_linear(nj_train_t5 *model, nj_train_linear *linear, size_t at, size_t N, size_t K)
{
    linear->at = at;
    linear->forward.N = N;
    linear->forward.K = K;
    model->linears[model->linear_count++] = linear;
}

static void set_places(nj_train_t5 *model, bool has_head)
{
    const nj_t5_config *config = &model->config;
    model->embedding = find_place(model, NJ_T5_EMBEDDING);
    set_linear(model, &model->head, has_head ? find_place(model, NJ_T5_HEAD) : model->embedding,
               config->V, config->D);
    nj_t5_walk walk = nj_t5_walk_begin(&model->config);
    while (nj_t5_walk_next(&walk)) {
        void *slot = find_slot(model, &walk);
        size_t at = find_place(model, walk.name);
        if (walk.is_linear) {
            set_linear(model, slot, at, walk.shape[0], walk.shape[1]);
        } else {
            *(size_t *)slot = at;
        }
    }
}

static nj_status take_blocks(nj_train_t5 *model, nj_error *err)
{
    model->encoder.block_count = model->config.encoder_layers;
    model->decoder.block_count = model->config.decoder_layers;
    model->encoder.blocks = calloc(model->encoder.block_count, sizeof *model->encoder.blocks);
    model->decoder.blocks = calloc(model->decoder.block_count, sizeof *model->decoder.blocks);
    return model->encoder.blocks != NULL && model->decoder.blocks != NULL
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for a model's blocks");
}

nj_status nj_train_t5_open(const nj_t5_config *config, const nj_tensor_set *weights,
                           const nj_kernels *kernels, nj_train_t5 **out, nj_error *err)
{
    nj_train_t5 *model = calloc(1, sizeof *model);
    if (model == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a model");
    }
    bool has_head = nj_tensor_set_find(weights, NJ_T5_HEAD) != NULL;
    model->config = *config;
    model->kernels = kernels;
    model->output_scale = config->scale_outputs ? 1.0f / sqrtf((float)config->D) : 1.0f;
    nj_status status = lay_out(model, has_head, err);
    if (status == NJ_OK) {
        status = take_blocks(model, err);
    }
    if (status == NJ_OK) {
        status = read_values(model, weights, err);
    }
    if (status == NJ_OK) {
        set_places(model, has_head);
        status = nj_arena_init(&model->arena, add_up_arena(model), err);
    }
    if (status == NJ_OK) {
        for (size_t i = 0; i < model->linear_count; i++) {
            take_linear(model, model->linears[i]);
        }
        nj_train_pack(model);
        *out = model;
        model = NULL;
    }
    nj_train_t5_close(&model);
    return status;
}

void nj_train_t5_close(nj_train_t5 **model)
{
    if (*model != NULL) {
        free((*model)->tensors);
        free((*model)->linears);
        free((*model)->values);
        free((*model)->encoder.blocks);
        free((*model)->decoder.blocks);
        nj_arena_fini(&(*model)->arena);
        free(*model);
        *model = NULL;
    }
}

nj_status nj_train_t5_write(const nj_train_t5 *model, nj_buffer *out, nj_error *err)
{
    nj_tensor_source *sources = calloc(model->tensor_count, sizeof *sources);
    if (sources == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to write %zu tensors", model->tensor_count);
    }
    for (size_t i = 0; i < model->tensor_count; i++) {
        const nj_parameter *tensor = &model->tensors[i];
        sources[i] = (nj_tensor_source){.name = tensor->name,
                                        .dim_count = tensor->dim_count,
                                        .shape = {tensor->shape[0], tensor->shape[1]},
                                        .data = model->values + tensor->at};
    }
    nj_status status = nj_tensors_write(sources, model->tensor_count, out, err);
    free(sources);
    return status;
}
