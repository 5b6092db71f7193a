#include "common/catalogue/encode_parts.h"

#include <stdio.h>

#include "common/base/checked.h"
#include "common/codec/pack.h"

#define HEAD_FIELDS (8 + NJ_QUANT_LEVELS_MAX)
#define LAYER_FIELDS 2
#define FIELDS (HEAD_FIELDS + LAYER_FIELDS * NJ_TRANSFORM_LAYERS_MAX)

// ---- out ----

static void add_section(nj_encode_parts *parts, const char *name, int index, const void *bytes,
                        size_t size)
{
    char *text = parts->names[parts->section_count];
    if (bytes == NULL) {
        return;
    }
    if (index < 0) {
        snprintf(text, NJ_SECTION_NAME_BYTES, "%s", name);
    } else {
        snprintf(text, NJ_SECTION_NAME_BYTES, "%s.%d", name, index);
    }
    parts->sections[parts->section_count++] =
        (nj_item_section){.name = text, .bytes = bytes, .size = size};
}

static size_t count_nodes_above(const nj_codebooks *codebooks, uint32_t level)
{
    return level == 0 ? 1 : nj_codebooks_rows(codebooks, level - 1);
}

static void add_codebooks(nj_encode_parts *parts, const nj_codebooks *codebooks)
{
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        add_section(parts, "codebook", (int)l, codebooks->vectors[l],
                    nj_codebooks_rows(codebooks, l) * nj_codebooks_width(codebooks, l) *
                        sizeof(float));
        if (codebooks->kind == NJ_QUANT_HIERARCHICAL) {
            add_section(parts, "offset", (int)l, codebooks->child_offset[l],
                        (count_nodes_above(codebooks, l) + 1) * sizeof(uint32_t));
        }
    }
}

static void add_transform(nj_encode_parts *parts, const nj_transform *transform)
{
    const nj_dense *matrix = &transform->matrix;
    add_section(parts, "mean", -1, transform->mean, transform->D_in * sizeof(float));
    add_section(parts, "scale", -1, transform->scale, transform->D_in * sizeof(float));
    add_section(parts, "matrix", -1, matrix->rows > 0 ? matrix->weight : NULL,
                matrix->rows * matrix->columns * sizeof(float));
    for (size_t i = 0; i < transform->layer_count; i++) {
        const nj_dense *layer = &transform->layers[i];
        add_section(parts, "weight", (int)i, layer->weight,
                    layer->rows * layer->columns * sizeof(float));
        add_section(parts, "bias", (int)i, layer->bias, layer->rows * sizeof(float));
    }
}

static nj_status pack_parameters(const nj_encode_job *job, const nj_transform *transform,
                                 nj_buffer *out)
{
    nj_packer packer;
    const nj_codebooks *codebooks = job->codebooks;
    nj_packer_init(&packer, out);
    nj_pack_array(&packer, FIELDS);
    nj_pack_uint(&packer, (uint64_t)codebooks->kind);
    nj_pack_uint(&packer, codebooks->level_count);
    nj_pack_uint(&packer, codebooks->D);
    nj_pack_uint(&packer, job->options.beam);
    nj_pack_uint(&packer, transform->D_in);
    nj_pack_uint(&packer, transform->matrix.rows);
    nj_pack_uint(&packer, transform->matrix.columns);
    nj_pack_uint(&packer, transform->layer_count);
    for (uint32_t l = 0; l < NJ_QUANT_LEVELS_MAX; l++) {
        nj_pack_uint(&packer, l < codebooks->level_count ? codebooks->K[l] : 0);
    }
    for (size_t i = 0; i < NJ_TRANSFORM_LAYERS_MAX; i++) {
        nj_pack_uint(&packer, i < transform->layer_count ? transform->layers[i].rows : 0);
        nj_pack_uint(&packer, i < transform->layer_count ? transform->layers[i].columns : 0);
    }
    return packer.status;
}

nj_status nj_encode_parts_init(nj_encode_parts *parts, const nj_encode_job *job, nj_error *err)
{
    static const nj_transform NONE = {0};
    const nj_transform *transform = job->transform != NULL ? job->transform : &NONE;
    nj_status status = nj_codebooks_check(job->codebooks, err); // sizes are computed from them
    if (status != NJ_OK) {
        return status;
    }
    *parts = (nj_encode_parts){0};
    nj_buffer_init(&parts->parameters, NJ_ITEM_PARAMETERS_BYTES_MAX);
    status = pack_parameters(job, transform, &parts->parameters);
    if (status != NJ_OK) {
        nj_encode_parts_fini(parts);
        return nj_fail(err, status, "no memory for the parameters of a round");
    }
    add_section(parts, NJ_ITEM_ROWS, -1, job->rows->file.bytes, job->rows->file.size);
    parts->sections[0].path = job->path;
    add_codebooks(parts, job->codebooks);
    add_transform(parts, transform);
    return NJ_OK;
}

void nj_encode_parts_fini(nj_encode_parts *parts)
{
    nj_buffer_fini(&parts->parameters);
}

// ---- back ----

typedef struct {
    const nj_sections *sections;
    nj_status status; // the first failure
    nj_error *err;
} finder;

static void fail_find(finder *f, const nj_section *section, size_t rows, size_t columns)
{
    f->status = nj_fail(f->err, NJ_INPUT, "section \"%s\" has %zu bytes, [%zu, %zu] has others",
                        section->name, section->size, rows, columns);
}

// Values of four bytes. NULL where the section is absent: the encoder refuses what must be there.
static const void *find_values(finder *f, const char *name, int index, size_t rows, size_t columns)
{
    char text[NJ_SECTION_NAME_BYTES];
    size_t bytes = 0;
    if (index < 0) {
        snprintf(text, sizeof text, "%s", name);
    } else {
        snprintf(text, sizeof text, "%s.%d", name, index);
    }
    const nj_section *section = nj_sections_find(f->sections, text);
    if (section == NULL || f->status != NJ_OK) {
        return NULL;
    }
    if (!nj_mul_size(rows, columns, &bytes) || !nj_mul_size(bytes, 4, &bytes) ||
        bytes != section->size) {
        fail_find(f, section, rows, columns);
        return NULL;
    }
    return section->bytes;
}

static const void *require_values(finder *f, const char *name, int index, size_t rows,
                                  size_t columns)
{
    const void *values = find_values(f, name, index, rows, columns);
    if (values == NULL && f->status == NJ_OK) {
        f->status =
            nj_fail(f->err, NJ_INPUT, "a round to encode has no section \"%s.%d\"", name, index);
    }
    return values;
}

// The last of a level's offsets is its number of rows.
static void find_level(finder *f, nj_codebooks *codebooks, uint32_t l, size_t *nodes)
{
    size_t rows = codebooks->K[l];
    if (codebooks->kind == NJ_QUANT_HIERARCHICAL) {
        codebooks->child_offset[l] = require_values(f, "offset", (int)l, *nodes + 1, 1);
        if (f->status != NJ_OK) {
            return;
        }
        rows = codebooks->child_offset[l][*nodes];
        *nodes = rows;
    }
    codebooks->vectors[l] =
        require_values(f, "codebook", (int)l, rows, nj_codebooks_width(codebooks, l));
}

static void find_transform(finder *f, nj_transform *transform)
{
    nj_dense *matrix = &transform->matrix;
    transform->mean = find_values(f, "mean", -1, transform->D_in, 1);
    transform->scale = find_values(f, "scale", -1, transform->D_in, 1);
    if (matrix->rows > 0) {
        matrix->weight = require_values(f, "matrix", -1, matrix->rows, matrix->columns);
    }
    for (size_t i = 0; i < transform->layer_count; i++) {
        nj_dense *layer = &transform->layers[i];
        layer->weight = require_values(f, "weight", (int)i, layer->rows, layer->columns);
        layer->bias = find_values(f, "bias", (int)i, layer->rows, 1);
    }
}

static nj_status read_parameters(nj_slice bytes, nj_encode_model *out, nj_error *err)
{
    nj_unpacked unpacked;
    nj_fields fields;
    nj_status status = nj_unpack(bytes, FIELDS + 1, &unpacked, err);
    if (status != NJ_OK) {
        return status;
    }
    *out = (nj_encode_model){0};
    nj_codebooks *codebooks = &out->codebooks;
    nj_transform *transform = &out->transform;
    nj_fields_open(&fields, &unpacked.root, "parameters to encode", FIELDS, err);
    codebooks->kind = (nj_quant_kind)nj_field_uint(&fields, "kind", NJ_QUANT_KIND_COUNT - 1);
    codebooks->level_count = (uint32_t)nj_field_uint(&fields, "levels", NJ_QUANT_LEVELS_MAX);
    codebooks->D = (size_t)nj_field_uint(&fields, "width", NJ_QUANT_DIMS_MAX);
    out->beam = (uint32_t)nj_field_uint(&fields, "beam", NJ_QUANT_BEAM_MAX);
    transform->D_in = (size_t)nj_field_uint(&fields, "rows' width", NJ_QUANT_DIMS_MAX);
    transform->matrix.rows = (size_t)nj_field_uint(&fields, "matrix rows", NJ_QUANT_DIMS_MAX);
    transform->matrix.columns = (size_t)nj_field_uint(&fields, "matrix columns", NJ_QUANT_DIMS_MAX);
    transform->layer_count = (size_t)nj_field_uint(&fields, "layers", NJ_TRANSFORM_LAYERS_MAX);
    for (uint32_t l = 0; l < NJ_QUANT_LEVELS_MAX; l++) {
        codebooks->K[l] = (uint32_t)nj_field_uint(&fields, "codes", NJ_QUANT_CODES_MAX);
    }
    for (size_t i = 0; i < NJ_TRANSFORM_LAYERS_MAX; i++) {
        transform->layers[i].rows = (size_t)nj_field_uint(&fields, "layer", NJ_QUANT_DIMS_MAX);
        transform->layers[i].columns = (size_t)nj_field_uint(&fields, "layer", NJ_QUANT_DIMS_MAX);
    }
    nj_unpacked_fini(&unpacked);
    return fields.status;
}

nj_status nj_encode_model_read(const nj_item_task *task, nj_encode_model *out, nj_error *err)
{
    finder f = {.sections = task->sections, .status = NJ_OK, .err = err};
    nj_status status = read_parameters(task->parameters, out, err);
    if (status != NJ_OK) {
        return status;
    }
    if (out->codebooks.kind == NJ_QUANT_PRODUCT && out->codebooks.level_count > out->codebooks.D) {
        return nj_fail(err, NJ_INPUT, "%u parts of %zu columns", out->codebooks.level_count,
                       out->codebooks.D);
    }
    size_t nodes = 1;
    for (uint32_t l = 0; l < out->codebooks.level_count && f.status == NJ_OK; l++) {
        find_level(&f, &out->codebooks, l, &nodes);
    }
    find_transform(&f, &out->transform);
    return f.status;
}
