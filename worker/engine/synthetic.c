#include "worker/engine/synthetic.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/idlist.h"
#include "common/base/rng.h"
#include "common/catalogue/section_names.h"
#include "common/catalogue/view.h"
#include "common/codec/json.h"
#include "worker/engine/generator.h"

#define TOKEN_BASE 2
#define POSITIONS_MAX 32768u // of a language model
#define BYTES_MAX ((size_t)1 << 40)

nj_synthetic_shape nj_synthetic_tiger(void)
{
    return (nj_synthetic_shape){.D = 128,
                                .H = 6,
                                .E = 64,
                                .F = 1024,
                                .encoder_layers = 4,
                                .decoder_layers = 4,
                                .L = 4,
                                .K = 256,
                                .item_count = 12101,
                                .seed = 1};
}

nj_synthetic_shape nj_synthetic_llama(void)
{
    return (nj_synthetic_shape){.model_type = "llama",
                                .D = 512,
                                .H = 8,
                                .E = 64,
                                .F = 1536,
                                .decoder_layers = 6,
                                .G = 2,
                                .L = 3,
                                .K = 256,
                                .item_count = 12101,
                                .seed = 1};
}

nj_synthetic_shape nj_synthetic_qwen3(void)
{
    nj_synthetic_shape shape = nj_synthetic_llama();
    shape.model_type = "qwen3";
    return shape;
}

bool nj_synthetic_named(const char *name, nj_synthetic_shape *out)
{
    static const struct {
        const char *name;
        nj_synthetic_shape (*shape)(void);
    } NAMES[] = {{"tiger", nj_synthetic_tiger},
                 {"llama", nj_synthetic_llama},
                 {"qwen3", nj_synthetic_qwen3}};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(name, NAMES[i].name) == 0) {
            *out = NAMES[i].shape();
            return true;
        }
    }
    return false;
}

static nj_status write_t5(const nj_synthetic_shape *shape, nj_buffer *out)
{
    return nj_buffer_printf(
        out,
        "{\"model_type\": \"t5\", \"d_model\": %u, \"num_heads\": %u, \"d_kv\": %u, \"d_ff\": %u, "
        "\"num_layers\": %u, "
        "\"num_decoder_layers\": %u, \"vocab_size\": %u, \"decoder_start_token_id\": 0}",
        shape->D, shape->H, shape->E, shape->F, shape->encoder_layers, shape->decoder_layers,
        TOKEN_BASE + shape->L * shape->K);
}

static nj_status write_lm(const nj_synthetic_shape *shape, nj_buffer *out)
{
    return nj_buffer_printf(
        out,
        "{\"model_type\": \"%s\", \"hidden_size\": %u, \"num_attention_heads\": %u, "
        "\"num_key_value_heads\": %u, \"head_dim\": %u, \"intermediate_size\": %u, "
        "\"num_hidden_layers\": %u, \"vocab_size\": %u, \"max_position_embeddings\": %u}",
        shape->model_type, shape->D, shape->H, shape->G, shape->E, shape->F, shape->decoder_layers,
        TOKEN_BASE + shape->L * shape->K, POSITIONS_MAX);
}

static nj_status draw_weights(const nj_synthetic_shape *shape, const nj_generator_config *config,
                              nj_buffer *out, nj_error *err)
{
    if (config->kind == NJ_GENERATOR_T5) {
        return nj_t5_weights_random(&config->t5, shape->seed, out, err);
    }
    return nj_lm_weights_random(&config->lm, strcmp(shape->model_type, "qwen3") == 0, shape->seed,
                                out, err);
}

static nj_status make_model(const nj_synthetic_shape *shape, nj_synthetic *out, nj_error *err)
{
    json_t *json = NULL;
    nj_generator_config config;
    nj_status status =
        shape->model_type == NULL ? write_t5(shape, &out->model) : write_lm(shape, &out->model);
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for a synthetic model");
    }
    status = nj_json_parse((const char *)out->model.bytes, out->model.size, "synthetic model",
                           &json, err);
    if (status == NJ_OK) {
        status = nj_generator_config_read(json, "synthetic model", &config, err);
        json_decref(json);
    }
    return status != NJ_OK ? status : draw_weights(shape, &config, &out->weights, err);
}

// Distinct mixed bits of (seed, number).
static uint64_t mix(uint64_t seed, uint64_t number)
{
    return nj_rng_mix(seed * NJ_RNG_STEP + number * 0xbf58476d1ce4e5b9u + 1);
}

static nj_status make_items(const nj_synthetic_shape *shape, nj_synthetic *out)
{
    nj_idlist_builder builder;
    nj_idlist_builder_init(&builder);
    nj_status status = NJ_OK;
    for (uint32_t i = 0; i < shape->item_count && status == NJ_OK; i++) {
        char id[16];
        int length = snprintf(id, sizeof id, "%u", i);
        status = nj_idlist_builder_add(&builder, (nj_slice){id, (size_t)length});
        for (uint32_t l = 0; l < shape->L && status == NJ_OK; l++) {
            uint16_t code = (uint16_t)(mix(shape->seed, (uint64_t)i * shape->L + l) % shape->K);
            status = nj_buffer_append(&out->sids, &code, sizeof code);
        }
        uint32_t count = (uint32_t)(mix(shape->seed + 1, i) % 100);
        if (status == NJ_OK) {
            status = nj_buffer_append(&out->counts, &count, sizeof count);
        }
    }
    if (status == NJ_OK) {
        status = nj_idlist_builder_write(&builder, &out->items);
    }
    nj_idlist_builder_fini(&builder);
    return status;
}

static nj_status make_catalogue(const nj_synthetic_shape *shape, nj_synthetic *out, nj_error *err)
{
    static const nj_template NO_TEMPLATE = {0};
    nj_status status = make_items(shape, out);
    nj_sids sids = {.codes = (const uint16_t *)(const void *)out->sids.bytes,
                    .row_count = shape->item_count,
                    .level_count = shape->L};
    for (uint32_t l = 0; l < shape->L; l++) {
        sids.codes_per_level[l] = shape->K;
    }
    if (status == NJ_OK) {
        status = nj_catalogue_section_write(&sids, TOKEN_BASE, &NO_TEMPLATE, NJ_HISTORY_MAX,
                                            &out->catalogue);
    }
    return status != NJ_OK ? nj_fail(err, status, "no memory for a synthetic catalogue")
                           : nj_trie_build(&sids, &out->trie, err);
}

static void list_sections(nj_synthetic *s)
{
    const struct {
        const char *name;
        const nj_buffer *buffer;
    } ROWS[] = {{NJ_SECTION_CATALOGUE, &s->catalogue}, {NJ_SECTION_COUNTS, &s->counts},
                {NJ_SECTION_ITEMS, &s->items},         {NJ_SECTION_MODEL, &s->model},
                {NJ_SECTION_SIDS, &s->sids},           {NJ_SECTION_TRIE, &s->trie},
                {NJ_SECTION_WEIGHTS, &s->weights}};
    s->sections.count = sizeof ROWS / sizeof ROWS[0];
    for (size_t i = 0; i < s->sections.count; i++) {
        nj_section *section = &s->sections.sections[i];
        snprintf(section->name, sizeof section->name, "%s", ROWS[i].name);
        section->bytes = ROWS[i].buffer->bytes;
        section->size = ROWS[i].buffer->size;
        section->digest = nj_digest_of(section->bytes, section->size);
    }
}

static void visit_buffers(nj_synthetic *s, void (*visit)(nj_buffer *))
{
    nj_buffer *const ALL[] = {&s->model, &s->weights, &s->catalogue, &s->items,
                              &s->sids,  &s->trie,    &s->counts};
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        visit(ALL[i]);
    }
}

static void init_buffer(nj_buffer *buffer)
{
    nj_buffer_init(buffer, BYTES_MAX);
}

nj_status nj_synthetic_make(const nj_synthetic_shape *shape, nj_synthetic *out, nj_error *err)
{
    memset(out, 0, sizeof *out);
    visit_buffers(out, init_buffer);
    nj_status status = make_model(shape, out, err);
    if (status == NJ_OK) {
        status = make_catalogue(shape, out, err);
    }
    if (status != NJ_OK) {
        nj_synthetic_free(out);
        return status;
    }
    list_sections(out);
    return NJ_OK;
}

void nj_synthetic_free(nj_synthetic *synthetic)
{
    visit_buffers(synthetic, nj_buffer_fini);
}
