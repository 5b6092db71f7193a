#include "common/catalogue/quant_model.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/input/safetensors.h"
#include "common/sid/trie.h"

#define TENSOR_NAME_BYTES 40
// Of a file: two a level, mean, scale, matrix, two a layer.
#define TENSORS_MAX (2 * NJ_QUANT_LEVELS_MAX + 3 + 2 * NJ_TRANSFORM_LAYERS_MAX)

// ---- names ----

typedef struct {
    char text[TENSOR_NAME_BYTES];
} tensor_name;

__attribute__((format(printf, 1, 2))) static tensor_name make_name(const char *format, ...)
{
    tensor_name name;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name.text, sizeof name.text, format, arguments);
    va_end(arguments);
    return name;
}

// ---- memory ----

void nj_quant_model_fini(nj_quant_model *model)
{
    free(model->codebook_values);
    free(model->child_offsets);
    free(model->transform_values);
    *model = (nj_quant_model){0};
}

nj_status nj_codebooks_allocate(nj_codebooks *codebooks, float **out_values, nj_error *err)
{
    size_t count = 0;
    size_t bytes = 0;
    bool fits = true;
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        size_t floats = 0;
        fits = fits &&
               nj_mul_size(nj_codebooks_rows(codebooks, l), nj_codebooks_width(codebooks, l),
                           &floats) &&
               nj_add_size(count, floats, &count);
    }
    float *values = fits && nj_mul_size(count, sizeof *values, &bytes) ? malloc(bytes) : NULL;
    if (values == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for codebooks of %" PRIu32 " levels x %zu",
                       codebooks->level_count, codebooks->D);
    }
    const float *at = values;
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        codebooks->vectors[l] = at;
        at += nj_codebooks_rows(codebooks, l) * nj_codebooks_width(codebooks, l);
    }
    *out_values = values;
    return NJ_OK;
}

// ---- reading codebooks ----

typedef struct {
    const nj_tensor_set *set;
    const nj_quant_shape *expected;
    const nj_tensor *vectors[NJ_QUANT_LEVELS_MAX];
    nj_quant_model *model;
    nj_error *err;
} model_reader;

static bool has_tensor(const model_reader *reader, tensor_name name)
{
    return nj_tensor_set_find(reader->set, name.text) != NULL;
}

// Element `axis` of a tensor's shape; 0 where it has none, which no expectation meets.
static size_t size_of(const model_reader *reader, tensor_name name, size_t axis)
{
    const nj_tensor *tensor = nj_tensor_set_find(reader->set, name.text);
    return tensor != NULL && axis < tensor->dim_count ? tensor->shape[axis] : 0;
}

static void choose_kind(model_reader *reader)
{
    nj_codebooks *codebooks = &reader->model->codebooks;
    codebooks->kind = reader->expected->kind;
    codebooks->level_count = reader->expected->level_count;
    if (codebooks->level_count > 0) {
        return;
    }
    if (has_tensor(reader, make_name("codebook.0.offset"))) {
        codebooks->kind = NJ_QUANT_HIERARCHICAL;
    }
    while (codebooks->level_count < NJ_QUANT_LEVELS_MAX &&
           has_tensor(reader, make_name("codebook.%" PRIu32, codebooks->level_count))) {
        codebooks->level_count++;
    }
    // Without any, the first is what will be missed.
    codebooks->level_count += codebooks->level_count == 0 ? 1 : 0;
}

static void choose_width(model_reader *reader)
{
    nj_codebooks *codebooks = &reader->model->codebooks;
    codebooks->D = reader->expected->D;
    for (uint32_t l = 0; reader->expected->D == 0 && l < codebooks->level_count; l++) {
        if (l == 0 || codebooks->kind == NJ_QUANT_PRODUCT) {
            codebooks->D += size_of(reader, make_name("codebook.%" PRIu32, l), 1);
        }
    }
}

// Sizes that are not known beforehand are the tensor's own.
static nj_status find_vectors(model_reader *reader, uint32_t level)
{
    nj_codebooks *codebooks = &reader->model->codebooks;
    tensor_name name = make_name("codebook.%" PRIu32, level);
    bool is_hierarchy = codebooks->kind == NJ_QUANT_HIERARCHICAL;
    bool is_free = reader->expected->level_count == 0 || is_hierarchy;
    size_t rows = is_free ? size_of(reader, name, 0) : reader->expected->K[level];
    size_t most = is_hierarchy ? NJ_QUANT_ROWS_MAX : NJ_CODES_MAX;
    const size_t shape[] = {rows, nj_codebooks_width(codebooks, level)};
    nj_status status = nj_tensor_set_expect(reader->set, name.text, shape, 2,
                                            &reader->vectors[level], reader->err);
    if (status == NJ_OK && (rows < 1 || rows > most || shape[1] < 1)) {
        status = nj_fail(reader->err, NJ_INPUT,
                         "tensor \"%s\": has %zu rows of %zu, must be 1 to %zu of 1 to %d",
                         name.text, rows, shape[1], most, NJ_QUANT_DIMS_MAX);
    }
    codebooks->K[level] = (uint32_t)rows;
    return status;
}

static nj_status find_all_vectors(model_reader *reader)
{
    choose_kind(reader);
    choose_width(reader);
    nj_codebooks *codebooks = &reader->model->codebooks;
    nj_status status = NJ_OK;
    if (codebooks->kind == NJ_QUANT_PRODUCT && codebooks->D < codebooks->level_count) {
        return nj_fail(reader->err, NJ_INPUT, "%zu columns cannot be cut into %" PRIu32 " parts",
                       codebooks->D, codebooks->level_count);
    }
    for (uint32_t l = 0; l < codebooks->level_count && status == NJ_OK; l++) {
        status = find_vectors(reader, l);
    }
    return status;
}

// Whole numbers from floats; the order of them is nj_codebooks_check's.
static nj_status read_offset(model_reader *reader, uint32_t level, size_t count, uint32_t *out)
{
    tensor_name name = make_name("codebook.%" PRIu32 ".offset", level);
    const nj_tensor *tensor;
    nj_status status =
        nj_tensor_set_expect(reader->set, name.text, &count, 1, &tensor, reader->err);
    float *values = status == NJ_OK ? malloc(count * sizeof *values) : NULL;
    if (status == NJ_OK && values == NULL) {
        status = nj_fail(reader->err, NJ_NO_MEMORY, "no memory for %zu offsets", count);
    }
    if (status == NJ_OK) {
        status = nj_tensor_read_f32(tensor, values, reader->err);
    }
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        if (!(values[i] >= 0 && values[i] <= (float)NJ_QUANT_ROWS_MAX) ||
            values[i] != (float)(uint32_t)values[i]) {
            status = nj_fail(reader->err, NJ_INPUT,
                             "tensor \"%s\": element %zu is %g, must be a whole number of 0 to %u",
                             name.text, i, (double)values[i], NJ_QUANT_ROWS_MAX);
            break;
        }
        out[i] = (uint32_t)values[i];
    }
    free(values);
    return status;
}

// K of a level as read from a file alone: the most children, but no fewer than a level of a SID may have.
static uint32_t count_codes(const uint32_t *offset, size_t parents)
{
    uint32_t most = NJ_CODES_MIN;
    for (size_t n = 0; n < parents; n++) {
        uint32_t count = offset[n + 1] > offset[n] ? offset[n + 1] - offset[n] : 0;
        most = count > most ? count : most;
    }
    return most;
}

static nj_status read_offsets(model_reader *reader)
{
    nj_quant_model *model = reader->model;
    nj_codebooks *codebooks = &model->codebooks;
    size_t total = 0;
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        total += l == 0 ? 2 : reader->vectors[l - 1]->shape[0] + 1;
    }
    model->child_offsets = malloc(total * sizeof *model->child_offsets);
    if (model->child_offsets == NULL) {
        return nj_fail(reader->err, NJ_NO_MEMORY, "no memory for %zu offsets", total);
    }
    nj_status status = NJ_OK;
    uint32_t *at = model->child_offsets;
    for (uint32_t l = 0; l < codebooks->level_count && status == NJ_OK; l++) {
        size_t parents = l == 0 ? 1 : reader->vectors[l - 1]->shape[0];
        status = read_offset(reader, l, parents + 1, at);
        if (status == NJ_OK && at[parents] != reader->vectors[l]->shape[0]) {
            status = nj_fail(reader->err, NJ_INPUT,
                             "tensor \"codebook.%" PRIu32 ".offset\": ends at %" PRIu32
                             ", the codebook has %zu rows",
                             l, at[parents], reader->vectors[l]->shape[0]);
        }
        codebooks->child_offset[l] = at;
        codebooks->K[l] = reader->expected->level_count > 0 ? reader->expected->K[l]
                          : status == NJ_OK                 ? count_codes(at, parents)
                                                            : 0;
        at += parents + 1;
    }
    return status;
}

static nj_status read_codebooks(model_reader *reader)
{
    nj_quant_model *model = reader->model;
    nj_status status = find_all_vectors(reader);
    if (status == NJ_OK && model->codebooks.kind == NJ_QUANT_HIERARCHICAL) {
        status = read_offsets(reader);
    }
    if (status == NJ_OK) {
        status = nj_codebooks_allocate(&model->codebooks, &model->codebook_values, reader->err);
    }
    float *at = model->codebook_values;
    for (uint32_t l = 0; l < model->codebooks.level_count && status == NJ_OK; l++) {
        status = nj_tensor_read_f32(reader->vectors[l], at, reader->err);
        at += reader->vectors[l]->element_count;
    }
    return status == NJ_OK ? nj_codebooks_check(&model->codebooks, reader->err) : status;
}

// ---- reading a transform ----

// Tensors of a transform and where their views are; memory is taken for all of them at once.
typedef struct {
    const nj_tensor *tensors[TENSORS_MAX];
    const float **views[TENSORS_MAX];
    size_t count;
} transform_plan;

// Plans to read an optional tensor that must have this shape.
static nj_status plan_tensor(const model_reader *reader, tensor_name name, const size_t *shape,
                             size_t dim_count, const float **view, transform_plan *plan)
{
    if (!has_tensor(reader, name)) {
        return NJ_OK;
    }
    plan->views[plan->count] = view;
    return nj_tensor_set_expect(reader->set, name.text, shape, dim_count,
                                &plan->tensors[plan->count++], reader->err);
}

static nj_status plan_layer(const model_reader *reader, uint32_t number, transform_plan *plan)
{
    nj_transform *transform = &reader->model->transform;
    tensor_name weight = make_name("encoder.%" PRIu32 ".weight", number);
    tensor_name bias = make_name("encoder.%" PRIu32 ".bias", number);
    if (!has_tensor(reader, weight)) {
        return has_tensor(reader, bias)
                   ? nj_fail(reader->err, NJ_INPUT, "tensor \"%s\": is missing, there is \"%s\"",
                             weight.text, bias.text)
                   : NJ_OK;
    }
    if (transform->layer_count == NJ_TRANSFORM_LAYERS_MAX) {
        return nj_fail(reader->err, NJ_INPUT, "tensor \"%s\": is layer %d, at most %d are possible",
                       weight.text, NJ_TRANSFORM_LAYERS_MAX + 1, NJ_TRANSFORM_LAYERS_MAX);
    }
    size_t shape[] = {size_of(reader, weight, 0), nj_transform_width(transform)};
    nj_dense *layer = &transform->layers[transform->layer_count++];
    *layer = (nj_dense){.rows = shape[0], .columns = shape[1]};
    nj_status status = plan_tensor(reader, weight, shape, 2, &layer->weight, plan);
    return status == NJ_OK ? plan_tensor(reader, bias, shape, 1, &layer->bias, plan) : status;
}

// Width of an embedding as the first part that is there takes it; 0 without a transform.
static size_t find_width(const model_reader *reader)
{
    size_t width = size_of(reader, make_name("transform.mean"), 0);
    width = width > 0 ? width : size_of(reader, make_name("transform.scale"), 0);
    width = width > 0 ? width : size_of(reader, make_name("transform.matrix"), 1);
    for (uint32_t i = 0; i <= NJ_ENCODER_NUMBER_MAX && width == 0; i++) {
        width = size_of(reader, make_name("encoder.%" PRIu32 ".weight", i), 1);
    }
    return width;
}

static nj_status plan_transform(const model_reader *reader, transform_plan *plan)
{
    nj_transform *transform = &reader->model->transform;
    size_t found = find_width(reader);
    transform->D_in = found > 0 && reader->expected->D_in > 0 ? reader->expected->D_in : found;
    const size_t matrix[] = {size_of(reader, make_name("transform.matrix"), 0), transform->D_in};
    nj_status status = plan_tensor(reader, make_name("transform.mean"), &transform->D_in, 1,
                                   &transform->mean, plan);
    if (status == NJ_OK) {
        status = plan_tensor(reader, make_name("transform.scale"), &transform->D_in, 1,
                             &transform->scale, plan);
    }
    if (status == NJ_OK) {
        status = plan_tensor(reader, make_name("transform.matrix"), matrix, 2,
                             &transform->matrix.weight, plan);
        transform->matrix.rows = matrix[0];
        transform->matrix.columns = matrix[0] > 0 ? matrix[1] : 0;
    }
    for (uint32_t i = 0; i <= NJ_ENCODER_NUMBER_MAX && status == NJ_OK; i++) {
        status = plan_layer(reader, i, plan);
    }
    return status;
}

static nj_status read_transform(model_reader *reader)
{
    nj_quant_model *model = reader->model;
    transform_plan plan = {0};
    nj_status status = plan_transform(reader, &plan);
    size_t count = 0;
    if (status != NJ_OK || plan.count == 0) {
        return status;
    }
    for (size_t i = 0; i < plan.count; i++) {
        count += plan.tensors[i]->element_count; // all of them lie in one file
    }
    model->transform_values = malloc((count + 1) * sizeof *model->transform_values);
    if (model->transform_values == NULL) {
        return nj_fail(reader->err, NJ_NO_MEMORY, "no memory for a transform of %zu numbers",
                       count);
    }
    float *at = model->transform_values;
    for (size_t i = 0; i < plan.count && status == NJ_OK; i++) {
        status = nj_tensor_read_f32(plan.tensors[i], at, reader->err);
        *plan.views[i] = at;
        at += plan.tensors[i]->element_count;
    }
    return status == NJ_OK ? nj_transform_check(&model->transform, reader->err) : status;
}

// ---- reading the whole ----

static nj_status check_widths(const model_reader *reader)
{
    const nj_quant_model *model = reader->model;
    bool has_transform = !nj_transform_is_none(&model->transform);
    size_t width = has_transform ? nj_transform_width(&model->transform) : reader->expected->D_in;
    if (width > 0 && width != model->codebooks.D) {
        return nj_fail(reader->err, NJ_INPUT, "%s %zu numbers, the codebooks are %zu wide",
                       has_transform ? "the transform gives" : "without a transform embeddings are",
                       width, model->codebooks.D);
    }
    return NJ_OK;
}

nj_status nj_quant_model_read(const char *path, const nj_quant_shape *expected, nj_quant_model *out,
                              nj_error *err)
{
    nj_quant_model model = {0};
    nj_tensor_set *set = NULL;
    nj_status status = nj_tensor_set_open(path, &set, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_error why = {0};
    model_reader reader = {.set = set, .expected = expected, .model = &model, .err = &why};
    status = read_codebooks(&reader);
    if (status == NJ_OK) {
        status = read_transform(&reader);
    }
    if (status == NJ_OK) {
        status = check_widths(&reader);
    }
    if (status == NJ_OK) {
        *out = model;
        model = (nj_quant_model){0};
    } else {
        // What the tensors say of themselves names the file already.
        bool names_file = strncmp(why.text, path, strlen(path)) == 0;
        status = names_file ? nj_fail(err, status, "%s", why.text)
                            : nj_fail(err, status, "%s: %s", path, why.text);
    }
    nj_quant_model_fini(&model);
    nj_tensor_set_close(&set);
    return status;
}

// ---- writing ----

typedef struct {
    tensor_name names[TENSORS_MAX];
    nj_tensor_source sources[TENSORS_MAX];
    size_t count;
} tensor_list;

// A NULL tensor is left out; columns 0: it has one dimension.
static void list_tensor(tensor_list *list, tensor_name name, size_t rows, size_t columns,
                        const float *data)
{
    if (data != NULL) {
        list->names[list->count] = name;
        list->sources[list->count] = (nj_tensor_source){.name = list->names[list->count].text,
                                                        .dim_count = columns > 0 ? 2 : 1,
                                                        .shape = {rows, columns},
                                                        .data = data};
        list->count++;
    }
}

static size_t count_parents(const nj_codebooks *codebooks, uint32_t level)
{
    return level == 0 ? 1 : nj_codebooks_rows(codebooks, level - 1);
}

// Offsets of all levels as floats, end to end; `out` is NULL where there are none.
static nj_status list_offsets(tensor_list *list, const nj_codebooks *codebooks, float **out,
                              nj_error *err)
{
    size_t total = 0;
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        total += count_parents(codebooks, l) + 1;
    }
    float *values = malloc(total * sizeof *values);
    if (values == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu offsets", total);
    }
    float *at = values;
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        size_t count = count_parents(codebooks, l) + 1;
        for (size_t i = 0; i < count; i++) {
            at[i] = (float)codebooks->child_offset[l][i];
        }
        list_tensor(list, make_name("codebook.%" PRIu32 ".offset", l), count, 0, at);
        at += count;
    }
    *out = values;
    return NJ_OK;
}

static void list_transform(tensor_list *list, const nj_transform *transform)
{
    list_tensor(list, make_name("transform.mean"), transform->D_in, 0, transform->mean);
    list_tensor(list, make_name("transform.scale"), transform->D_in, 0, transform->scale);
    list_tensor(list, make_name("transform.matrix"), transform->matrix.rows,
                transform->matrix.columns, transform->matrix.weight);
    for (size_t i = 0; i < transform->layer_count; i++) {
        const nj_dense *layer = &transform->layers[i];
        list_tensor(list, make_name("encoder.%zu.weight", i), layer->rows, layer->columns,
                    layer->weight);
        list_tensor(list, make_name("encoder.%zu.bias", i), layer->rows, 0, layer->bias);
    }
}

nj_status nj_quant_model_write(const nj_codebooks *codebooks, const nj_transform *transform,
                               nj_buffer *out, nj_error *err)
{
    float *offsets = NULL;
    tensor_list list = {.count = 0};
    nj_status status = NJ_OK;
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        list_tensor(&list, make_name("codebook.%" PRIu32, l), nj_codebooks_rows(codebooks, l),
                    nj_codebooks_width(codebooks, l), codebooks->vectors[l]);
    }
    if (codebooks->kind == NJ_QUANT_HIERARCHICAL) {
        status = list_offsets(&list, codebooks, &offsets, err);
    }
    if (status == NJ_OK) {
        list_transform(&list, transform);
        status = nj_tensors_write(list.sources, list.count, out, err);
    }
    free(offsets);
    return status;
}

// ---- fingerprint ----

static void digest_floats(nj_digester *digester, const float *values, size_t count)
{
    nj_digester_update_u64(digester, values != NULL ? count : 0);
    if (values != NULL) {
        nj_digester_update(digester, values, count * sizeof *values);
    }
}

static void digest_dense(nj_digester *digester, const nj_dense *dense)
{
    nj_digester_update_u64(digester, dense->rows);
    digest_floats(digester, dense->weight, dense->rows * dense->columns);
    digest_floats(digester, dense->bias, dense->rows);
}

static void digest_transform(nj_digester *digester, const nj_transform *transform)
{
    nj_digester_update_u64(digester, transform->D_in);
    digest_floats(digester, transform->mean, transform->D_in);
    digest_floats(digester, transform->scale, transform->D_in);
    digest_dense(digester, &transform->matrix);
    nj_digester_update_u64(digester, transform->layer_count);
    for (size_t i = 0; i < transform->layer_count; i++) {
        digest_dense(digester, &transform->layers[i]);
    }
}

static void digest_offsets(nj_digester *digester, const nj_codebooks *codebooks)
{
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        size_t count = count_parents(codebooks, l) + 1;
        nj_digester_update(digester, codebooks->child_offset[l], count * sizeof(uint32_t));
    }
}

nj_digest nj_quant_model_digest(const nj_codebooks *codebooks, const nj_transform *transform)
{
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update_u64(&digester, codebooks->level_count);
    nj_digester_update_u64(&digester, codebooks->D);
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        size_t count = nj_codebooks_rows(codebooks, l) * nj_codebooks_width(codebooks, l);
        nj_digester_update_u64(&digester, codebooks->K[l]);
        nj_digester_update(&digester, codebooks->vectors[l], count * sizeof(float));
    }
    // Residual codebooks without a transform keep the fingerprint of version 1.
    if (codebooks->kind != NJ_QUANT_RESIDUAL || !nj_transform_is_none(transform)) {
        nj_digester_update_u64(&digester, codebooks->kind);
        if (codebooks->kind == NJ_QUANT_HIERARCHICAL) {
            digest_offsets(&digester, codebooks);
        }
        digest_transform(&digester, transform);
    }
    return nj_digester_final(&digester);
}
